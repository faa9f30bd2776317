/*
 * report.c - what an administrator wants to know: list, show, status.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    the catalogue of the store; the state of this process.
 * Promise:  reads only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor.h"
#include "names.h"

/* A request for one lineage, or for all. */
struct report {
	struct client *client;
	char *lineage; /* NULL: all */
};

/* ---- list and show ---- */

/* What is wrong with it, or why the last try to renew it failed; heap, NULL
 * where all is well. */
static char *
last_error(struct monitor *m, const struct entry *x)
{
	struct failure f = { 0 };

	if (x->problem != NULL)
		return strdup(x->problem);
	if (x->files != NULL)
		err_free(failure_look(m, x->files->server, x->names,
		    x->n_names, &f));
	if (f.text == NULL)
		err_free(owed_text(m, x->lineage, &f.text));
	return f.text;
}

static void
send_row(struct client *c, const struct entry *x)
{
	struct str names[NAMES_MAX];
	struct msg m = { .type = MSG_row };
	char *error = last_error(client_monitor(c), x);
	size_t i;

	for (i = 0; i < x->n_names && i < NAMES_MAX; i++)
		names[i] = str_of(x->names[i]);
	m.row.lineage = str_of(x->lineage);
	m.row.names = (struct strs) { names, i };
	m.row.serial = str_of(x->serial == NULL ? "" : x->serial);
	m.row.key_kind = x->key_kind;
	m.row.not_before = (uint64_t)x->not_before;
	m.row.not_after = (uint64_t)x->not_after;
	m.row.renew_after = x->not_after == 0 ? 0 :
	    (uint64_t)entry_renew_after(x);
	m.row.status = entry_status(x, time(NULL));
	m.row.certificate = str_of(x->files == NULL ? "" :
	    x->files->paths[PEM_FULLCHAIN]);
	m.row.private_key = str_of(x->files == NULL ? "" :
	    x->files->paths[PEM_PRIVKEY]);
	m.row.server = str_of(x->files == NULL ? "" : x->files->server);
	m.row.last_error = str_of(error == NULL ? "" : error);
	client_send(c, &m);
	free(error);
}

static void
fact_number(struct client *c, const char *key, unsigned long n)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%lu", n);
	client_fact(c, key, text);
}

/* What `show` tells beyond the row. */
static void
send_facts(struct client *c, const struct entry *x)
{
	char text[REVOCATION_SIZE];

	if (x->issuer != NULL)
		client_fact(c, "issuer", x->issuer);
	if (x->sha256 != NULL)
		client_fact(c, "sha256_fingerprint", x->sha256);
	if (x->revoked_at != 0)
		client_fact(c, "revoked", revocation_text(text,
		    x->revoked_at, x->reason));
	if (x->files == NULL)
		return;
	fact_number(c, "version", x->files->current);
	fact_number(c, "newest_version", x->files->newest);
	client_fact(c, "account", x->files->account);
	client_fact(c, "archive", x->files->archive);
	if (*x->files->deploy_hook != '\0')
		client_fact(c, "deploy_hook", x->files->deploy_hook);
	err_free(owed_tell(c, x->lineage));
}

static void
on_catalog(void *arg, struct catalog *catalog, struct err *e)
{
	struct report *r = arg;
	struct client *c = r->client;
	size_t i;

	if (e != NULL) {
		client_refuse(c, 1, e);
	} else if (r->lineage != NULL && catalog->n == 0) {
		client_refuse(c, 1, err_advise(err_new("there is no "
		    "certificate named %s", r->lineage),
		    "certctl list shows what there is"));
	} else {
		for (i = 0; i < catalog->n; i++) {
			send_row(c, &catalog->entries[i]);
			if (r->lineage != NULL)
				send_facts(c, &catalog->entries[i]);
		}
		client_end(c);
	}
	catalog_free(catalog);
	free(r->lineage);
	free(r);
	client_release(c);
}

static void
report(struct client *c, char *lineage)
{
	struct report *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		free(lineage);
		client_refuse(c, 1, err_sys("report"));
		return;
	}
	r->client = c;
	r->lineage = lineage;
	client_hold(c);
	catalog_read(client_monitor(c), lineage, on_catalog, r);
}

void
report_list(struct client *c)
{
	report(c, NULL);
}

void
report_show(struct client *c, struct str lineage)
{
	char *name = str_dup(lineage);

	if (name == NULL)
		client_refuse(c, 1, err_sys("show"));
	else
		report(c, name);
}

/* ---- status ---- */

static struct err *
send_failure(void *arg, const struct ledger_failure *f)
{
	char text[2048], when[TEXT_TIME_SIZE];

	(void)snprintf(text, sizeof(text), "%s: %s (%u in a row, last %s)",
	    f->names, f->text, f->count, text_time(when, f->last));
	client_fact(arg, "last_error", text);
	return NULL;
}

static void
send_job(struct client *c, const struct job *j)
{
	char text[512], since[TEXT_TIME_SIZE];

	(void)snprintf(text, sizeof(text), "%u %s: %s (since %s)", j->id,
	    j->lineage, stage_label(j->stage), text_time(since, j->created));
	client_fact(c, "job", text);
}

/* Of jobs that have ended: the provider could not be asked yet. */
static struct err *
send_record(void *arg, const struct ledger_record *row)
{
	struct client *c = arg;

	if (job_find(client_monitor(c), row->job) == NULL)
		client_fact(c, "record_left_in_dns", row->name);
	return NULL;
}

void
report_status(struct client *c)
{
	struct monitor *m = client_monitor(c);
	struct job *j;
	struct err *e;

	client_fact(c, "version", VERSION);
	client_fact(c, "store", store_path(m->store));
	client_fact(c, "server", m->cfg->server);
	client_fact(c, "worker", workers_ready(m) > 0 ? "ready" :
	    "none is connected");
	fact_number(c, "worker_capacity", workers_ready(m));
	client_fact(c, "publisher", m->has_credentials ?
	    "ready, credentials loaded" : "ready, credentials not needed yet");
	client_fact(c, "hooks", m->hook != NULL ? "ready" : "no hook runner");
	TAILQ_FOREACH(j, &m->jobs, link)
		send_job(c, j);
	if ((e = ledger_record_each(m->ledger, 0, send_record, c)) == NULL)
		e = ledger_failure_each(m->ledger, send_failure, c);
	if (e == NULL)
		e = owed_tell(c, "");
	if (e != NULL)
		client_refuse(c, 1, e);
	else
		client_end(c);
}
