/*
 * show.c - all about one certificate, its history included.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    the store; what the signer found in certificates.
 * Promise:  reads only; what is broken is shown as far as it can be read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "log.h"
#include "monitor.h"

struct show {
	struct client *client;
	char *lineage;
	struct catalog *catalog; /* of one entry */
	unsigned versions[VERSIONS_MAX];
	size_t n, at;
};

static struct entry *
entry_of(const struct show *w)
{
	return &w->catalog->entries[0];
}

/* The end of it; e is taken. */
static void
finish(struct show *w, struct err *e)
{
	struct client *c = w->client;

	if (e != NULL)
		client_refuse(c, 1, e);
	else
		client_end(c);
	catalog_free(w->catalog);
	free(w->lineage);
	free(w);
	client_release(c);
}

static void
fact(struct client *c, const char *key, const char *value)
{
	char shown[4096];

	if (value == NULL || *value == '\0')
		return;
	(void)text_escape(shown, sizeof(shown), value, strlen(value));
	client_fact(c, key, shown);
}

static void
fact_number(struct client *c, const char *key, unsigned n)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%u", n);
	if (n != 0)
		client_fact(c, key, text);
}

/* When the current version was written. */
static void
tell_renewal(struct client *c, const struct lineage *l)
{
	char when[TEXT_TIME_SIZE];
	struct stat st;
	struct err *e;
	time_t until;
	int fd;

	if (lineage_held(l, &until))
		client_fact(c, "restored_until", text_time(when, until));
	if ((e = lineage_open_cert(client_monitor(c)->store, l, &fd)) !=
	    NULL) {
		err_free(e);
		return;
	}
	if (fstat(fd, &st) == 0)
		client_fact(c, l->current == 1 ? "issued" : "last_renewal",
		    text_time(when, st.st_mtim.tv_sec));
	close(fd);
}

/* What the renewal file says. */
static void
tell_lineage(struct client *c, const struct lineage *l)
{
	fact_number(c, "version", l->current);
	fact_number(c, "newest_version", l->newest);
	tell_renewal(c, l);
	fact(c, "authenticator", l->authenticator);
	fact(c, "credentials", l->credentials);
	fact(c, "account", l->account);
	fact(c, "archive", l->archive);
	fact(c, "preferred_chain", l->preferred_chain);
	if (l->reuse_key)
		client_fact(c, "reuse_key", "yes");
	if (!l->autorenew)
		client_fact(c, "autorenew", "no");
	fact(c, "pre_hook", l->pre_hook);
	fact(c, "deploy_hook", l->deploy_hook);
	fact(c, "post_hook", l->post_hook);
}

/* ---- the history ---- */

static void look_at_next(struct show *w);

static void
on_version(void *arg, const struct msg_cert_info *info, struct err *e)
{
	char text[2048] = "", from[TEXT_TIME_SIZE], to[TEXT_TIME_SIZE], key[32];
	struct show *w = arg;
	const unsigned version = w->versions[w->at++];
	int n = 0;

	(void)snprintf(key, sizeof(key), "version_%u", version);
	if (info != NULL)
		n = snprintf(text, sizeof(text), "%s%s to %s, serial %.*s, "
		    "sha256 %.*s", version == entry_of(w)->files->current ?
		    "shown; " : "", text_time(from, (time_t)info->not_before),
		    text_time(to, (time_t)info->not_after),
		    (int)info->serial.n, info->serial.p, (int)info->sha256.n,
		    info->sha256.p);
	if (e != NULL)
		(void)snprintf(text + n, sizeof(text) - (size_t)n,
		    "%sdamaged: %s", n > 0 ? "; " : "", err_text(e));
	err_free(e);
	fact(w->client, key, text);
	look_at_next(w);
}

static void
look_at_next(struct show *w)
{
	if (w->at == w->n)
		finish(w, NULL);
	else
		lineage_look(client_monitor(w->client), entry_of(w)->files,
		    w->versions[w->at], on_version, w);
}

static void
tell_history(struct show *w)
{
	const struct entry *x = entry_of(w);

	if (x->files != NULL) /* an error: there is no archive */
		err_free(lineage_versions(client_monitor(w->client)->store,
		    x->files, w->versions, &w->n));
	look_at_next(w);
}

/* ---- the chain ---- */

/* The first certificate behind the one of the lineage. */
static void
on_issuer(void *arg, const struct msg *answer, struct err *e)
{
	const struct msg_cert_info *i = e == NULL ? &answer->cert_info : NULL;
	char text[2048], to[TEXT_TIME_SIZE];
	struct show *w = arg;

	if (i != NULL) {
		(void)snprintf(text, sizeof(text), "%s%.*s, issued by %.*s, "
		    "valid to %s, sha256 %.*s", i->names.n > 0 ? "CN=" : "",
		    i->names.n > 0 ? (int)i->names.v[0].n : 0,
		    i->names.n > 0 ? i->names.v[0].p : "", (int)i->issuer.n,
		    i->issuer.p, text_time(to, (time_t)i->not_after),
		    (int)i->sha256.n, i->sha256.p);
		fact(w->client, "chain", text);
	}
	err_free(e); /* a damaged one is told as such */
	tell_history(w);
}

static void
tell_chain(struct show *w)
{
	const struct lineage *l = entry_of(w)->files;
	struct monitor *m = client_monitor(w->client);
	struct msg ask = { .type = MSG_cert_inspect };
	struct err *e = l == NULL ? err_new("none") : NULL;
	int fd = -1;

	if (e == NULL && (e = lineage_open_chain(m->store, l, &fd)) == NULL) {
		e = peer_ask(m->signer, &ask, fd, MSG_cert_info, on_issuer, w);
		close(fd);
	}
	if (e != NULL)
		on_issuer(w, NULL, e);
}

static void
on_catalog(void *arg, struct catalog *catalog, struct err *e)
{
	struct show *w = arg;
	struct client *c = w->client;
	char text[REVOCATION_SIZE];
	const struct entry *x;

	w->catalog = catalog;
	if (e == NULL && catalog->n == 0)
		e = err_advise(err_new("there is no certificate named %s",
		    w->lineage), "certctl list shows what there is");
	if (e != NULL) {
		finish(w, e);
		return;
	}
	x = entry_of(w);
	report_row(c, x);
	fact(c, "issuer", x->issuer);
	fact(c, "sha256_fingerprint", x->sha256);
	fact(c, "public_key_id", x->key_id);
	if (x->revoked_at != 0)
		client_fact(c, "revoked", revocation_text(text, x->revoked_at,
		    x->reason));
	if (x->files != NULL)
		tell_lineage(c, x->files);
	err_free(owed_tell(c, x->lineage));
	tell_chain(w);
}

void
report_show(struct client *c, struct str lineage)
{
	struct show *w = calloc(1, sizeof(*w));

	if (w == NULL || (w->lineage = str_dup(lineage)) == NULL) {
		free(w);
		client_refuse(c, 1, err_sys("show"));
		return;
	}
	w->client = c;
	client_hold(c);
	catalog_read(client_monitor(c), w->lineage, on_catalog, w);
}
