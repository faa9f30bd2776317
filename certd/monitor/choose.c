/*
 * choose.c - which certificate a request to issue is about, and whether it is to
 * be ordered, kept, or a person to be asked.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    what an administrator typed; the catalogue of the store.
 * Promise:  certbot's answers, with one difference: a second certificate for
 *           names that have one (NAME-0001) is never made unasked. Nothing is
 *           changed here, and no CA has heard of it yet.
 */
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "monitor.h"
#include "names.h"

#define LIST_MAX_BYTES 2048 /* of names in a message for people */

/* ---- sets of names: small, and without duplicates ---- */

/* How many of the names asked for the certificate has. */
static size_t
common_names(const struct wanted *w, const struct entry *x)
{
	size_t i, k, n = 0;

	for (i = 0; i < w->names.n; i++)
		for (k = 0; k < x->n_names; k++)
			if (strlen(x->names[k]) == w->names.v[i].n &&
			    strncasecmp(x->names[k], w->names.v[i].p,
			    w->names.v[i].n) == 0) {
				n++;
				break;
			}
	return n;
}

static bool
has_same_names(const struct wanted *w, const struct entry *x)
{
	return x->n_names == w->names.n && common_names(w, x) == w->names.n;
}

/* Strictly: the certificate has some of the names, and no others. */
static bool
is_part_of(const struct wanted *w, const struct entry *x)
{
	return x->n_names > 0 && x->n_names < w->names.n &&
	    common_names(w, x) == x->n_names;
}

/* "a, b and 3 more" into b; what has no room is counted. */
static struct err *
list_names(struct buf *b, char *const *names, size_t n)
{
	struct err *e = NULL;
	size_t i;

	for (i = 0; e == NULL && i < n; i++) {
		if (buf_len(b) + strlen(names[i]) + 32 > LIST_MAX_BYTES)
			return buf_addf(b, " and %zu more", n - i);
		e = buf_addf(b, "%s%s", i == 0 ? "" : ", ", names[i]);
	}
	return e;
}

static struct entry *
by_name(const struct catalog *c, struct str lineage)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (str_is(lineage, c->entries[i].lineage))
			return &c->entries[i];
	return NULL;
}

/* Of several with these names the one that is called after the first. */
static struct entry *
with_same_names(const struct wanted *w, const struct catalog *c)
{
	struct entry *x = by_name(c, name_base(w->names.v[0]));
	size_t i;

	if (x != NULL && has_same_names(w, x))
		return x;
	for (i = 0; i < c->n; i++)
		if (has_same_names(w, &c->entries[i]))
			return &c->entries[i];
	return NULL;
}

/* Of several that have a part of the names the one with the largest. */
static struct entry *
largest_part(const struct wanted *w, const struct catalog *c)
{
	struct entry *best = NULL;
	size_t i;

	for (i = 0; i < c->n; i++)
		if (is_part_of(w, &c->entries[i]) && (best == NULL ||
		    c->entries[i].n_names > best->n_names))
			best = &c->entries[i];
	return best;
}

/* ---- questions ---- */

/* The certificate has names: that is what a person must know to decide. */
static struct err *
ask(struct decision *v, enum question_kind about, struct entry *x,
    const char *text, struct err *advice)
{
	struct buf *names = buf_new(LIST_MAX_BYTES);
	struct err *e = names == NULL ? err_sys("names") :
	    list_names(names, x->names, x->n_names);

	if (e == NULL) {
		v->choice = CHOICE_ASK;
		v->about = about;
		v->entry = x;
		v->why = err_advise(err_new("%s %s %s: %s", "certificate",
		    x->lineage, text, buf_data(names)), "%s",
		    err_text(advice));
	}
	buf_free(names);
	err_free(advice);
	return e;
}

static struct err *
ask_expand(struct decision *v, struct entry *x)
{
	return ask(v, QUESTION_EXPAND, x, "has a part of these names",
	    err_new("--expand gives it all of them, --duplicate makes a "
	    "certificate beside it"));
}

static struct err *
ask_other_names(struct decision *v, struct entry *x)
{
	return ask(v, QUESTION_OTHER_NAMES, x, "exists already, with other "
	    "names", err_new("--cert-name %s gives it the new names instead; "
	    "name its own too, with --expand, to extend it; --duplicate makes "
	    "a certificate beside it", x->lineage));
}

static struct err *
ask_new_names(struct decision *v, struct entry *x)
{
	return ask(v, QUESTION_NEW_NAMES, x, "has other names now",
	    err_new("--renew-with-new-domains changes them"));
}

/* ---- the key ---- */

static bool
is_rsa(enum key_kind kind)
{
	return kind == KEY_RSA_2048 || kind == KEY_RSA_3072 ||
	    kind == KEY_RSA_4096;
}

static bool
wants_other_key(const struct wanted *w, const struct entry *x)
{
	return w->key_given && x->key_kind != 0 && w->key_kind != x->key_kind;
}

/* Another kind of key breaks clients that are old or pin it: both the name and
 * the type must have been written down. */
static bool
asks_key_type(const struct wanted *w, struct entry *x, struct decision *v)
{
	const char *old, *new;

	if (!wants_other_key(w, x) || is_rsa(w->key_kind) ==
	    is_rsa(x->key_kind) || (w->cert_name != NULL && w->type_given))
		return false;
	old = key_kind_name(x->key_kind);
	new = key_kind_name(w->key_kind);
	v->choice = CHOICE_ASK;
	v->about = QUESTION_KEY_TYPE;
	v->entry = x;
	v->why = err_advise(err_new("certificate %s has a key of type %s, not "
	    "%s", x->lineage, old, new), "to change its type give both "
	    "--cert-name %s and --key-type %s", x->lineage,
	    is_rsa(w->key_kind) ? "rsa" : "ecdsa");
	return true;
}

struct err *
choose_key_conflict(const struct wanted *w, const struct entry *x)
{
	bool reuses = w->reuse_key || (x->files != NULL &&
	    x->files->reuse_key && !w->no_reuse_key);

	if (!reuses || w->new_key || !wants_other_key(w, x))
		return NULL;
	return err_advise(err_new("certificate %s keeps its key (reuse-key), "
	    "which is of another kind", x->lineage), "--new-key makes another "
	    "one this time, --no-reuse-key one every time");
}

/* ---- the CA ---- */

bool
is_trial_server(const char *server)
{
	return strstr(server, "staging") != NULL;
}

struct err *
choose_trial_conflict(const struct wanted *w, const struct entry *x,
    time_t now)
{
	if (w->dry_run || w->break_my_certs || !is_trial_server(w->server) ||
	    x->files == NULL || is_trial_server(x->files->server) ||
	    x->not_after <= now)
		return NULL;
	return err_advise(err_new("certificate %s is a real one; a trial "
	    "certificate from %s in its place would not be trusted",
	    x->lineage, w->server), "--dry-run tries it out without storing "
	    "anything, --cert-name with another name makes one beside it, "
	    "--break-my-certs replaces it all the same");
}

/* ---- is it due? ---- */

/* Whether what was asked for cannot be had from the certificate that is
 * there. */
static bool
is_other_certificate(const struct wanted *w, const struct entry *x)
{
	const char *old = x->files == NULL ? "" : x->files->server;

	if (wants_other_key(w, x) || x->is_damaged)
		return true;
	if (is_trial_server(old) && !is_trial_server(w->server))
		return true; /* the trial is over */
	return w->server_given && strcmp(old, w->server) != 0;
}

static struct err *
decide(const struct wanted *w, struct entry *x, bool other_names, time_t now,
    struct decision *v)
{
	struct err *e;

	if ((e = choose_key_conflict(w, x)) != NULL ||
	    (e = choose_trial_conflict(w, x, now)) != NULL)
		return e;
	if (asks_key_type(w, x, v))
		return NULL;
	v->entry = x;
	v->choice = other_names || w->force || w->dry_run ||
	    is_other_certificate(w, x) || now >= entry_renew_after(x) ?
	    CHOICE_RENEW : CHOICE_KEEP;
	return NULL;
}

/* Beyond what a new version would cure. */
static bool
is_broken(const struct entry *x)
{
	return x->problem != NULL && !x->is_damaged;
}

static struct err *
broken(const struct entry *x)
{
	return err_advise(err_new("certificate %s is broken: %s", x->lineage,
	    x->problem), "certctl repair %s", x->lineage);
}

/* ---- the two ways in ---- */

static struct err *
choose_named(const struct wanted *w, const struct catalog *c, time_t now,
    struct decision *v)
{
	const char *why = lineage_name_problem(str_of(w->cert_name));
	struct entry *x;
	bool same;

	if (why != NULL)
		return err_new("--cert-name %s: %s", w->cert_name, why);
	x = by_name(c, str_of(w->cert_name));
	if (x == NULL && w->names.n == 0)
		return err_advise(err_new("there is no certificate named %s",
		    w->cert_name), "certctl list shows what there is; -d "
		    "names what a new one is to be for");
	if (x == NULL) {
		v->choice = CHOICE_NEW;
		v->name = str_of(w->cert_name);
		return NULL;
	}
	if (is_broken(x))
		return broken(x);
	same = w->names.n == 0 || has_same_names(w, x);
	if (!same && !w->new_names && !(w->expand && is_part_of(w, x)))
		return ask_new_names(v, x);
	return decide(w, x, !same, now, v);
}

static struct err *
choose_by_names(const struct wanted *w, const struct catalog *c, time_t now,
    struct decision *v)
{
	struct entry *x;

	v->name = name_base(w->names.v[0]);
	v->choice = CHOICE_NEW;
	v->numbered = w->duplicate;
	if (w->duplicate)
		return NULL;
	if ((x = with_same_names(w, c)) != NULL)
		return decide(w, x, false, now, v);
	if ((x = largest_part(w, c)) != NULL)
		return w->expand || w->force ? decide(w, x, true, now, v) :
		    ask_expand(v, x);
	if ((x = by_name(c, v->name)) == NULL)
		return NULL;
	return is_broken(x) ? broken(x) : ask_other_names(v, x);
}

struct err *
choose_certificate(const struct wanted *w, const struct catalog *c, time_t now,
    struct decision *v)
{
	*v = (struct decision) { .name = { "", 0 } };
	if (w->cert_name != NULL && w->duplicate)
		return err_advise(err_new("--cert-name and --duplicate exclude "
		    "each other"), "--cert-name with a name that is free makes "
		    "another certificate too");
	if (w->cert_name != NULL)
		return choose_named(w, c, now, v);
	if (w->names.n == 0)
		return err_advise(err_new("no names"), "-d NAME");
	return choose_by_names(w, c, now, v);
}
