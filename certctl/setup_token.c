/*
 * setup_token.c - the DNS provider's token: where it comes from, and what it
 * may do.
 *
 * Runs in:  certctl (root; no network: certd-dns asks Cloudflare).
 * Input:    the caller's typing or a file; facts of certd.
 * Promise:  the token is shown nowhere and wiped; what it may do is told before
 *           it is used.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "setup.h"

#define TOKEN_MAX_BYTES (64 * 1024)
#define ZONES_SHOWN	10

/* ---- where it comes from ---- */

static struct err *
read_file(const char *path, struct buf *text)
{
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) :
	    open(path, O_RDONLY | O_CLOEXEC);
	struct err *e;

	if (fd == -1)
		return err_sys("--token-file %s", path);
	e = buf_add_file(text, fd);
	close(fd);
	return err_wrap(e, "--token-file %s", path);
}

/* The bare token becomes certbot's file; certbot's file stays as it is. */
static struct err *
as_file(const char *p, size_t n, struct buf *out)
{
	while (n > 0 && strchr(" \t\r\n", p[n - 1]) != NULL)
		n--;
	while (n > 0 && strchr(" \t\r\n", *p) != NULL)
		p++, n--;
	if (n == 0)
		return err_new("the token is empty");
	if (memchr(p, '=', n) != NULL)
		return buf_addf(out, "%.*s\n", (int)n, p);
	return buf_addf(out, "# Written by certctl setup.\n"
	    "dns_cloudflare_api_token = %.*s\n", (int)n, p);
}

/* Whether a token is given now; text is it. */
static struct err *
get(struct setup *st, struct buf *text, bool *given)
{
	const char *file = st->s->inv->values[OPT_token_file];
	const char *now = st->cfg->credentials;
	bool has_one = *now != '\0' && access(now, F_OK) == 0;
	struct err *e;

	*given = true;
	if (file != NULL)
		return read_file(file, text);
	if (has_one && is_interactive(st->s)) {
		e = ask_yes_no(st->s, "There is a token already. Another one",
		    false, given);
		if (e != NULL || !*given)
			return e;
	} else if (has_one) {
		*given = false;
		return NULL;
	}
	if (is_interactive(st->s))
		return ask_secret(st->s, "Cloudflare's API token (Zone:Read and "
		    "DNS:Edit for the zones that need it)", text);
	return session_fail(st->s, EXIT_USAGE, err_advise(err_new(
	    "there is no token for the DNS provider"), "certctl setup "
	    "--token-file FILE (or - for standard input)"));
}

/* ---- what it may do ---- */

static struct err *
on_fact(void *arg, const struct msg *m)
{
	return facts_add(arg, m->fact.key, m->fact.value);
}

static void
print_all(const struct setup *st, const struct facts *f, const char *key)
{
	size_t i, n = 0;

	for (i = 0; i < f->n; i++)
		if (strcmp(f->v[i].key, key) == 0 && n++ < ZONES_SHOWN)
			fprintf(st->s->out, "%s%s", n == 1 ? "" : ", ",
			    f->v[i].value);
	fprintf(st->s->out, "%s\n", n > ZONES_SHOWN ? ", ..." : "");
}

static size_t
count(const struct facts *f, const char *key)
{
	size_t i, n = 0;

	for (i = 0; i < f->n; i++)
		n += strcmp(f->v[i].key, key) == 0;
	return n;
}

/* What it sees; an error where it is not enough. */
static struct err *
judge(const struct setup *st, const struct facts *f)
{
	size_t n = count(f, "zone");

	if (n == 0)
		return err_advise(err_new("the token sees no zone"), "give it "
		    "Zone:Zone:Read and Zone:DNS:Edit for the zones that need "
		    "certificates");
	fprintf(st->s->out, "The token sees %zu zone%s: ", n,
	    n == 1 ? "" : "s");
	print_all(st, f, "zone");
	if (count(f, "lacking") > 0) {
		fprintf(st->s->out, "It lacks: ");
		print_all(st, f, "lacking");
		return err_advise(err_new("the token may not do what it must"),
		    "give it Zone:Zone:Read and Zone:DNS:Edit");
	}
	if (count(f, "global") > 0)
		fprintf(st->s->out, "It is the global key of the account, "
		    "which may do everything: better make an API token.\n");
	if (facts_get(f, "expires") != NULL)
		fprintf(st->s->out, "It expires at %s: renewals will fail "
		    "then, unless there is a new one.\n",
		    facts_get(f, "expires"));
	if (count(f, "extra") > 0) {
		fprintf(st->s->out, "It may do more than it must "
		    "(Zone:Zone:Read and Zone:DNS:Edit are enough): ");
		print_all(st, f, "extra");
	}
	if (n > 1)
		fprintf(st->s->out, "Where only some of these zones need "
		    "certificates, limit it to them.\n");
	return NULL;
}

static struct err *
try_it(struct setup *st, const char *path)
{
	static const struct answer answers[] = { { MSG_fact, on_fact } };
	struct facts facts = { NULL, 0 };
	const struct conversation c = { answers, 1, &facts, NULL };
	struct msg m = { .type = MSG_token_check };
	struct session *s = st->s;
	struct err *e;

	if ((e = session_file(s, FILE_TOKEN, path)) != NULL)
		return e;
	e = session_ask(s, &m, &c);
	session_again(s);
	if (e != NULL && s->status == EXIT_NO_CERTD) {
		fprintf(s->err, "The token is not tried: %s\n", err_text(e));
		err_free(e);
		s->status = EXIT_DONE;
	} else {
		e = e != NULL ? err_wrap(e, "the token") : judge(st, &facts);
	}
	facts_clear(&facts);
	return e;
}

struct err *
setup_token(struct setup *st)
{
	struct buf *typed = buf_new(TOKEN_MAX_BYTES);
	struct buf *text = buf_new(TOKEN_MAX_BYTES + 128);
	const char *path = st->cfg->credentials;
	bool given = false;
	struct err *e;

	e = typed == NULL || text == NULL ? err_sys("token") :
	    get(st, typed, &given);
	if (e == NULL && given &&
	    (e = as_file(buf_data(typed), buf_len(typed), text)) == NULL &&
	    (e = setup_token_write(st, text)) == NULL)
		path = st->token_new;
	if (e == NULL && *path != '\0' &&
	    !invocation_has(st->s->inv, OPT_no_check))
		e = try_it(st, path);
	buf_free(typed);
	buf_free(text);
	return e;
}
