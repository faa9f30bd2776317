/*
 * cmd_revoke.c - certctl revoke: the CA declares a certificate void.
 *
 * Runs in:  certctl (the caller).
 * Input:    facts of certd; a certificate and its key, which are opened here
 *           with the caller's rights and handed over unread.
 * Promise:  after it a person is asked whether the files go too; what is not
 *           the certificate that a lineage shows never takes that lineage with
 *           it.
 */
#define _GNU_SOURCE /* asprintf */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certctl.h"

/* ---- which ---- */

static struct err *
check_options(struct session *s)
{
	const struct invocation *inv = s->inv;

	if (invocation_has(inv, OPTION_cert_name) ==
	    invocation_has(inv, OPT_cert_path))
		return session_fail(s, EXIT_USAGE,
		    err_advise(
			err_new("revoke needs exactly one of --cert-name "
				"and --cert-path"),
			"certctl list shows the names"));
	if (invocation_has(inv, OPT_delete_after) &&
	    invocation_has(inv, OPT_no_delete_after))
		return session_fail(s, EXIT_USAGE,
		    err_new("--delete-after-revoke and "
			    "--no-delete-after-revoke exclude each other"));
	if (invocation_has(inv, OPT_key_path) && geteuid() != 0)
		return session_fail(s, EXIT_DENIED,
		    err_advise(err_new("--key-path is for root"),
			"leave it out: where the account is gone, certd takes "
			"the certificate's own key from the store"));
	return NULL;
}

/* An absolute path, not looked at. */
static struct err *
make_absolute(const char *path, char *out, size_t size)
{
	char here[PATH_MAX] = "";

	if (*path != '/' && getcwd(here, sizeof(here)) == NULL)
		return err_sys("the directory we are in");
	if ((size_t)snprintf(out, size, "%s%s%s", here, *path == '/' ? "" : "/",
		path) >= size)
		return err_new("%s: the path is too long", path);
	return NULL;
}

static struct err *
fill_path(struct session *s, struct msg *m, char absolute[PATH_MAX],
    char resolved[PATH_MAX])
{
	const char *path = s->inv->values[OPT_cert_path];
	struct err *e;

	if ((e = make_absolute(path, absolute, PATH_MAX)) != NULL)
		return session_fail(s, EXIT_USAGE, e);
	/* Not everybody may look into the store: then certd takes the path as
	 * it was typed. */
	if (realpath(path, resolved) == NULL)
		*resolved = '\0';
	m->type = MSG_revoke_file;
	m->revoke_file.path = str_of(absolute);
	m->revoke_file.resolved = str_of(resolved);
	return geteuid() == 0 ? session_file(s, FILE_CERTIFICATE, path) : NULL;
}

/* ---- and then ---- */

static struct err *
on_fact(void *arg, const struct msg *m)
{
	struct session *s = arg;

	if (!s->json) {
		print_text(s->out, m->fact.key);
		fputs(": ", s->out);
		print_text(s->out, m->fact.value);
		fputc('\n', s->out);
	}
	return NULL;
}

static struct err *
delete_files(struct session *s, const char *name)
{
	static const struct answer answers[] = { { MSG_fact, on_fact } };
	const struct conversation c = { answers, 1, s, NULL };
	struct msg m = { .type = MSG_delete };

	session_again(s);
	m.delete.lineage = str_of(name);
	return err_wrap(session_ask(s, &m, &c),
	    "the certificate is revoked, but its files are still there");
}

/* Does the person want the files to go? Where nobody can be asked certbot's
 * default counts. */
static struct err *
wants_deletion(struct session *s, const char *name, bool *yes)
{
	char *question;
	struct err *e;

	*yes = !invocation_has(s->inv, OPT_no_delete_after);
	if (!*yes || invocation_has(s->inv, OPT_delete_after) ||
	    !is_interactive(s))
		return NULL;
	if (asprintf(&question,
		"Delete certificate %s too, with its keys and all its earlier "
		"and later versions?",
		name) == -1)
		return err_sys("revoke");
	e = ask_yes_no(s, question, true, yes);
	free(question);
	return e;
}

static struct err *
settle_files(struct session *s, const struct facts *facts)
{
	const char *name = facts_get(facts, "lineage"),
		   *kept = facts_get(facts, "kept");
	bool yes = false;
	struct err *e;

	if (name == NULL || kept != NULL)
		return NULL; /* certd has said why */
	if ((e = wants_deletion(s, name, &yes)) == NULL && yes)
		e = delete_files(s, name);
	return e;
}

struct err *
cmd_revoke(struct session *s)
{
	struct facts facts = { 0 };
	const struct aim aim = {
		.good = "revoked", .bad = "failed", .facts = &facts
	};
	char absolute[PATH_MAX], resolved[PATH_MAX];
	struct msg m = { .type = MSG_revoke };
	struct err *e;

	if ((e = check_options(s)) != NULL)
		return e;
	if (invocation_has(s->inv, OPTION_cert_name))
		m.revoke.lineage = str_of(s->inv->values[OPTION_cert_name]);
	else
		e = fill_path(s, &m, absolute, resolved);
	if (e == NULL && invocation_has(s->inv, OPT_key_path))
		e = session_file(s, FILE_KEY, s->inv->values[OPT_key_path]);
	if (e == NULL)
		e = follow(s, &m, &aim);
	if (e == NULL && s->status == EXIT_DONE && !s->interrupted)
		e = settle_files(s, &facts);
	facts_clear(&facts);
	return e;
}
