/*
 * repair.c - a lineage that is broken is made whole from its archive.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    a name from certctl; a lineage as a full disk, a backup or an
 *           editor left it.
 * Promise:  only a version of which key and certificates belong together is
 *           shown; what will be done can be asked for before.
 */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "monitor.h"

struct reparation {
	struct client *client;
	struct lineage *lineage;
	bool plan_only;
	/* The versions to look at, the best ones first. */
	unsigned versions[VERSIONS_MAX + 2];
	size_t n, at;
	uint32_t key_kind;   /* of the one that was chosen */
	struct account *account;
	char *credentials;   /* NULL: those of the configuration */
};

/* The end of it; e is taken. */
static void
finish(struct reparation *r, struct err *e)
{
	struct client *c = r->client;

	if (e != NULL)
		client_refuse(c, 1, e);
	else
		client_end(c);
	lineage_free(r->lineage);
	account_free(r->account);
	free(r->credentials);
	free(r);
	client_release(c);
}

/* What another certificate uses, where nothing is set for all; heap, or NULL. */
static char *
find_credentials(struct store *s)
{
	struct store_names names = { 0 };
	struct lineage *l = NULL;
	char *found = NULL;
	size_t i;

	log_err(LOG_LEVEL_WARN, store_lineages(s, &names));
	for (i = 0; found == NULL && i < names.n; i++) {
		log_err(LOG_LEVEL_WARN, lineage_load(s, names.v[i], &l));
		if (l != NULL && *l->credentials == '/')
			found = strdup(l->credentials);
		lineage_free(l);
	}
	store_names_clear(&names);
	return found;
}

static struct renewal
defaults_of(const struct reparation *r)
{
	const struct config *cfg = client_monitor(r->client)->cfg;
	const struct lineage *l = r->lineage;

	return (struct renewal) {
		.server = *l->server != '\0' ? l->server : cfg->server,
		.account = *l->account != '\0' ? l->account :
		    r->account == NULL ? "" : r->account->id,
		.authenticator = "dns-cloudflare",
		.credentials = r->credentials != NULL ? r->credentials :
		    cfg->credentials,
		.key_kind = (enum key_kind)r->key_kind,
	};
}

static void
tell(struct reparation *r, const char *key, const struct store_names *texts)
{
	size_t i;

	for (i = 0; i < texts->n; i++)
		client_fact(r->client, key, texts->v[i]);
}

/* Does it, or says what it would do. With the lock, but for a plan. */
static struct err *
repair(struct reparation *r)
{
	struct monitor *m = client_monitor(r->client);
	const struct renewal renewal = defaults_of(r);
	const struct repair what = { r->versions[r->at], &renewal,
		r->plan_only };
	struct store_names steps;
	struct lineage *l = NULL;
	struct err *e;

	if (!r->plan_only) {
		audit_client(r->client, r->lineage->name, "repair", "begun",
		    "with version %u", r->versions[r->at]);
		if ((e = audit_ready(m)) != NULL)
			return e;
	}
	e = store_repair(m->store, r->lineage, &what, &steps);
	tell(r, r->plan_only ? "would" : "done", &steps);
	store_names_clear(&steps);
	if (e != NULL || r->plan_only)
		return e;
	audit_client(r->client, r->lineage->name, "repair", "done",
	    "repaired");
	live_tidy_later(m, r->lineage->name);
	if ((e = lineage_load(m->store, r->lineage->name, &l)) == NULL &&
	    l->problem != NULL)
		e = err_new("%s is still broken: %s", l->name, l->problem);
	lineage_free(l);
	return e;
}

static void
on_locked(void *arg, struct err *e)
{
	struct reparation *r = arg;
	struct monitor *m = client_monitor(r->client);
	struct job *j = job_of_lineage(m, r->lineage->name);
	struct lineage *l = NULL;

	if (e == NULL && j != NULL)
		e = err_advise(err_new("job %u works on %s", j->id, j->lineage),
		    "wait for it: certctl watch %u", j->id);
	/* As it is now: somebody may have been at it while we waited. */
	if (e == NULL &&
	    (e = lineage_find(m->store, r->lineage->name, &l)) == NULL) {
		lineage_free(r->lineage);
		r->lineage = l;
		e = repair(r);
	}
	finish(r, e);
}

/* A version was chosen. */
static void
go(struct reparation *r)
{
	const struct lineage *l = r->lineage;
	struct err *e;

	if (l->problem == NULL && r->versions[r->at] == l->current) {
		client_fact(r->client, "whole", l->name);
		finish(r, NULL);
		return;
	}
	/* Which account, where the renewal file does not say. */
	if ((e = account_find(client_monitor(r->client)->store,
	    *l->server != '\0' ? l->server :
	    client_monitor(r->client)->cfg->server, "", &r->account)) != NULL)
		log_err(LOG_LEVEL_WARN, e);
	if (*client_monitor(r->client)->cfg->credentials == '\0')
		r->credentials = find_credentials(
		    client_monitor(r->client)->store);
	if (r->plan_only)
		finish(r, repair(r));
	else
		lock_wait(r->client, on_locked, r);
}

static struct err *
hopeless(const struct reparation *r)
{
	const char *name = r->lineage->name;

	return err_advise(err_new("no version of %s is whole, neither in "
	    "archive/%s nor in live/%s", name, r->lineage->archive, name),
	    "bring the files back from a backup, or delete what remains "
	    "(certctl delete %s) and issue it again", name);
}

static void
on_version(void *arg, const struct msg_cert_info *info, struct err *e)
{
	struct reparation *r = arg;

	if (e == NULL) {
		r->key_kind = info->key_kind;
		go(r);
		return;
	}
	client_fact(r->client, "damaged", err_text(e));
	err_free(e);
	if (++r->at < r->n)
		lineage_look(client_monitor(r->client), r->lineage,
		    r->versions[r->at], on_version, r);
	else
		finish(r, hopeless(r));
}

/* What live/ shows first, because an administrator may have gone back to it;
 * then the archive, from the newest; then files in the place of links. */
static void
list_versions(struct reparation *r)
{
	const struct lineage *l = r->lineage;
	unsigned all[VERSIONS_MAX];
	struct err *e;
	size_t i, n;

	/* An error: there is no archive. */
	e = lineage_versions(client_monitor(r->client)->store, l, all, &n);
	err_free(e);
	if (l->current != 0 && (l->broken & BROKEN_LIVE) == 0)
		r->versions[r->n++] = l->current;
	for (i = 0; i < n; i++)
		if (r->n == 0 || all[i] != r->versions[0])
			r->versions[r->n++] = all[i];
	if (r->n == 0 || (l->broken & BROKEN_LIVE) != 0)
		r->versions[r->n++] = VERSION_LIVE;
}

void
request_repair(struct client *c, struct str lineage, bool plan_only)
{
	struct reparation *r = calloc(1, sizeof(*r));
	char *name = str_dup(lineage);
	struct err *e;

	client_hold(c);
	if (r == NULL || name == NULL) {
		e = err_sys("repair");
	} else {
		r->client = c;
		r->plan_only = plan_only;
		e = lineage_find(client_monitor(c)->store, name, &r->lineage);
	}
	free(name);
	if (r == NULL) {
		client_refuse(c, 1, e);
		client_release(c);
		return;
	}
	r->client = c;
	if (e == NULL && r->lineage->problem != NULL)
		client_fact(c, "found", r->lineage->problem);
	if (e != NULL) {
		finish(r, e);
		return;
	}
	list_versions(r);
	lineage_look(client_monitor(c), r->lineage, r->versions[0], on_version,
	    r);
}
