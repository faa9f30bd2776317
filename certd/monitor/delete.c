/*
 * delete.c - a certificate goes away because an administrator wants it.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    the name of a lineage, from certctl.
 * Promise:  not while a job works on it, not while certbot writes; what stays
 *           is told.
 */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "monitor.h"

struct deletion {
	struct client *client;
	char *lineage;
	deleted *done;
	void *arg;
};

/* done may free what the deletion was asked by. */
static void
finish(struct deletion *d, struct err *e)
{
	struct client *c = d->client;

	d->done(d->arg, e);
	free(d->lineage);
	free(d);
	client_release(c);
}

static struct err *
check_idle(struct monitor *m, const char *lineage)
{
	const struct job *j = job_of_lineage(m, lineage);

	if (j == NULL)
		return NULL;
	return err_advise(err_new("job %u works on %s", j->id, lineage),
	    "wait for it (certctl watch %u), or end it (certctl cancel %u)",
	    j->id, j->id);
}

static void
on_locked(void *arg, struct err *e)
{
	struct deletion *d = arg;
	struct client *c = d->client;
	struct monitor *m = client_monitor(c);
	struct store_names left = { 0 };
	size_t i;

	if (e == NULL && (e = check_idle(m, d->lineage)) == NULL) {
		audit_client(c, d->lineage, "delete", "begun", "all of it");
		if ((e = audit_ready(m)) == NULL)
			e = store_delete(m->store, d->lineage, &left);
	}
	if (e == NULL) {
		audit_client(c, d->lineage, "delete", "done", "deleted");
		client_fact(c, "deleted", d->lineage);
	}
	for (i = 0; i < left.n; i++) {
		log_warn("%s", left.v[i]);
		client_fact(c, "left", left.v[i]);
	}
	store_names_clear(&left);
	log_err(LOG_LEVEL_WARN, ledger_index_remove(m->ledger, d->lineage));
	if (e == NULL)
		log_err(
		    LOG_LEVEL_WARN, ledger_owed_clear(m->ledger, d->lineage));
	finish(d, e);
}

void
lineage_delete(struct client *c, const char *lineage, deleted *done, void *arg)
{
	struct deletion *d = calloc(1, sizeof(*d));
	struct err *e;

	if (d == NULL || (d->lineage = strdup(lineage)) == NULL) {
		free(d);
		done(arg, err_sys("delete"));
		return;
	}
	client_hold(c);
	d->client = c;
	d->done = done;
	d->arg = arg;
	if ((e = check_idle(client_monitor(c), lineage)) != NULL)
		finish(d, e);
	else
		lock_wait(c, on_locked, d);
}

static void
on_deleted(void *arg, struct err *e)
{
	struct client *c = arg;

	if (e != NULL)
		client_refuse(c, 1, e);
	else
		client_end(c);
}

void
request_delete(struct client *c, struct str lineage)
{
	char *name = str_dup(lineage);

	if (name == NULL)
		client_refuse(c, 1, err_sys("delete"));
	else
		lineage_delete(c, name, on_deleted, c);
	free(name);
}
