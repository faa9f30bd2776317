/*
 * report.c - what an administrator wants to know: list, status.
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

/* ---- list ---- */

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

/* Names of files may hold anything; messages do not. */
struct shown {
	char name[255 + 1], certificate[4096], private_key[4096], error[2048];
};

static struct str
plain(char *out, size_t size, const char *text)
{
	(void)text_escape(out, size, text == NULL ? "" : text,
	    text == NULL ? 0 : strlen(text));
	return str_of(out);
}

void
report_row(struct client *c, const struct entry *x)
{
	struct str names[NAMES_MAX];
	struct msg m = { .type = MSG_row };
	char *error = last_error(client_monitor(c), x);
	const struct lineage *l = x->files;
	struct shown s;
	size_t i;

	for (i = 0; i < x->n_names && i < NAMES_MAX; i++)
		names[i] = str_of(x->names[i]);
	m.row.lineage = plain(s.name, sizeof(s.name), x->lineage);
	m.row.names = (struct strs) { names, i };
	m.row.serial = str_of(x->serial == NULL ? "" : x->serial);
	m.row.key_kind = x->key_kind;
	m.row.not_before = (uint64_t)x->not_before;
	m.row.not_after = (uint64_t)x->not_after;
	m.row.renew_after = x->not_after == 0 ? 0 :
	    (uint64_t)entry_renew_after(x);
	m.row.status = entry_status(x, time(NULL));
	m.row.certificate = plain(s.certificate, sizeof(s.certificate),
	    l == NULL ? NULL : l->paths[PEM_FULLCHAIN]);
	m.row.private_key = plain(s.private_key, sizeof(s.private_key),
	    l == NULL ? NULL : l->paths[PEM_PRIVKEY]);
	m.row.server = str_of(l == NULL ? "" : l->server);
	m.row.last_error = plain(s.error, sizeof(s.error), error);
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

static void
on_part(void *arg, struct catalog *catalog)
{
	size_t i;

	for (i = 0; i < catalog->n; i++)
		report_row(arg, &catalog->entries[i]);
}

static void
on_end(void *arg, struct err *e)
{
	struct client *c = arg;

	if (e != NULL)
		client_refuse(c, 1, e);
	else
		client_end(c);
	client_release(c);
}

static bool
is_behind(void *arg)
{
	return client_is_behind(arg);
}

static const struct catalog_user user = { on_part, on_end, is_behind };

void
report_list(struct client *c)
{
	struct monitor *m = client_monitor(c);
	struct store_names names;
	struct err *e = store_lineages(m->store, &names);

	if (e != NULL) {
		client_refuse(c, 1, err_wrap(e, "read the store"));
		return;
	}
	client_hold(c);
	catalog_read_parts(m, &names, &user, c);
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
	    "ready, credentials loaded" : "ready, credentials not needed now");
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
