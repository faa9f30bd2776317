/*
 * records.c - the challenge records of jobs: published, known to the ledger
 * before the provider hears of them, removed when the CA has seen them, or when
 * the job ends.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    wishes that policy.c let through; answers of the publisher, which
 *           has read what the DNS provider sent.
 * Promise:  no record that we made is forgotten, whatever dies; no record that
 *           we did not make is touched.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "monitor.h"
#include "names.h"

#define RECORD_BYTES (sizeof(CHALLENGE_LABEL) + NAME_MAX_BYTES)

/* ---- what earlier runs left ---- */

static struct err *
count_record(void *arg, const struct ledger_record *row)
{
	(void)row;
	++*(size_t *)arg;
	return NULL;
}

struct err *
records_recover(struct monitor *m)
{
	size_t n = 0;
	struct err *e = ledger_record_each(m->ledger, 0, count_record, &n);

	if (e != NULL || n == 0)
		return e;
	log_info("%zu records of an earlier run are left in DNS", n);
	return publisher_recover(m);
}

/* ---- what is under way ---- */

/* A record on its way out. job is NULL for what an earlier run left. */
struct removal {
	TAILQ_ENTRY(removal) link;
	struct monitor *m;
	struct job *job;
	int64_t row;
	char record[RECORD_BYTES];
	bool early; /* the job goes on meanwhile */
};

static bool
is_on_its_way(const struct monitor *m, int64_t row)
{
	const struct removal *r;

	TAILQ_FOREACH(r, &m->removals, link)
		if (r->row == row)
			return true;
	return false;
}

/* ---- publishing ---- */

/* A challenge on its way into DNS. */
struct publication {
	struct job *job;
	uint32_t id; /* the worker's request */
	int64_t row; /* the ledger's */
	char record[RECORD_BYTES];
	char value[64];
	bool again; /* its row was there */
};

static void
finish(struct publication *p, struct err *e)
{
	struct job *j = p->job;

	if (e != NULL)
		worker_disappoint(j, p->id, e);
	free(p);
	j->publications--;
	job_release(j);
}

static void
on_published(void *arg, const struct msg *answer, struct err *e)
{
	struct publication *p = arg;
	struct msg m = { .type = MSG_published, .id = p->id };
	char *zone = NULL, *number = NULL;

	if (e != NULL) {
		finish(p, e);
		return;
	}
	zone = str_dup(answer->dns_published.zone);
	number = str_dup(answer->dns_published.number);
	if (zone == NULL || number == NULL)
		e = err_sys("record");
	else
		e = ledger_record_complete(p->job->m->ledger, p->row, zone,
		    number);
	if (e == NULL && !p->job->ending) {
		audit_job(p->job, "publish", "done", "%s %s", p->record,
		    p->value);
		m.published.job = p->job->id;
		m.published.record = str_of(p->record);
		m.published.value = str_of(p->value);
		m.published.servers = answer->dns_published.servers;
		worker_send(p->job, &m);
	}
	free(zone);
	free(number);
	finish(p, err_wrap(e, "publishing %s", p->record));
}

/* The ledger has it, on disk: to the publisher. */
static void
on_noted(void *arg, struct err *e)
{
	struct publication *p = arg;
	struct msg m = { .type = MSG_dns_publish };
	bool is_asked = false, is_noted = e == NULL;

	m.dns_publish.record = str_of(p->record);
	m.dns_publish.value = str_of(p->value);
	m.dns_publish.again = p->again;
	if (e == NULL && !p->job->ending) {
		e = peer_ask_owned(p->job->m->publisher, &m, -1,
		    MSG_dns_published, on_published, p);
		is_asked = e == NULL;
	}
	if (is_asked)
		return;
	/* Nobody has heard of a new one: nothing is to be removed. (Where it was
	 * not noted, another row may have its number by now.) */
	if (is_noted && !p->again)
		log_err(LOG_LEVEL_WARN, ledger_record_remove(
		    p->job->m->ledger, p->row));
	finish(p, err_wrap(e, "publishing %s", p->record));
}

/* The value is known. */
static void
on_digest(void *arg, const struct msg *answer, struct err *e)
{
	struct publication *p = arg;
	struct ledger_record row = { .job = p->job->id, .name = p->record,
		.value = p->value, .created = time(NULL) };

	if (e != NULL || p->job->ending) {
		finish(p, err_wrap(e, "publishing %s", p->record));
		return;
	}
	(void)snprintf(p->value, sizeof(p->value), "%.*s",
	    (int)answer->digest.value.n, answer->digest.value.p);
	/* An order that goes on after an interruption has the values it had. */
	e = ledger_record_again(p->job->m->ledger, &row, &p->again);
	if (e == NULL && !p->again)
		e = ledger_record_add(p->job->m->ledger, &row);
	else if (e == NULL && is_on_its_way(p->job->m, row.id))
		e = err_new("it is being removed");
	if (e == NULL) {
		p->row = row.id;
		audit_job(p->job, "publish", "begun", "%s %s", p->record,
		    p->value);
		e = disk_wait(p->job->m, NULL, on_noted, p, p);
	}
	if (e != NULL)
		finish(p, err_wrap(e, "publishing %s", p->record));
}

/* Where the challenge of name is published: at its own name, or where the
 * administrator says that this one leads. DNS has no say in it. */
static void
record_name(const struct job *j, struct str name, char out[RECORD_BYTES])
{
	struct str base = name_base(name), to;

	(void)snprintf(out, RECORD_BYTES, CHALLENGE_LABEL "%.*s", (int)base.n,
	    base.p);
	if (config_alias_of(j->m->cfg, str_of(out), &to))
		(void)snprintf(out, RECORD_BYTES, "%.*s", (int)to.n, to.p);
}

/* Who publishes there hears what is wrong. */
static void
on_expected(void *arg, const struct msg *answer, struct err *e)
{
	(void)answer;
	err_free(e);
	publisher_rest(arg);
}

void
records_expect(const struct job *j)
{
	struct msg m = { .type = MSG_dns_expect };
	char record[RECORD_BYTES];

	if (j->n_names == 0)
		return;
	record_name(j, j->name_strs[0], record);
	m.dns_expect.record = str_of(record);
	log_err(LOG_LEVEL_WARN, peer_ask(j->m->publisher, &m, -1,
	    MSG_dns_ready, on_expected, j->m));
}

struct err *
records_publish(struct job *j, uint32_t id, struct str name, struct str token)
{
	struct publication *p = calloc(1, sizeof(*p));
	struct msg m = { .type = MSG_key_auth };
	struct err *e;

	if (p == NULL)
		return err_sys("record");
	p->job = j;
	p->id = id;
	record_name(j, name, p->record);
	m.key_auth.account = registration_key(j->account);
	m.key_auth.token = token;
	job_hold(j);
	j->publications++;
	if ((e = peer_ask_owned(j->m->signer, &m, -1, MSG_digest, on_digest,
	    p)) != NULL) {
		j->publications--;
		job_release(j);
		free(p);
	}
	return e;
}

/* ---- removing ---- */

static void
on_removed(void *arg, const struct msg *answer, struct err *e)
{
	struct removal *r = arg;
	struct monitor *m = r->m;
	struct job *j = r->job;
	bool early = r->early;

	(void)answer;
	TAILQ_REMOVE(&m->removals, r, link);
	if (e == NULL) {
		if (j != NULL)
			audit_job(j, "unpublish", "done", "%s", r->record);
		else
			audit_certd(r->m, "", "unpublish", "done", "%s, left "
			    "by an earlier run", r->record);
		e = ledger_record_remove(r->m->ledger, r->row);
	} else {
		e = err_advise(e, "certd tries again %s", early ?
		    "when the job ends" : "at its next job");
	}
	log_err(LOG_LEVEL_WARN, err_wrap(e, "remove %s", r->record));
	free(r);
	if (j == NULL) {
		publisher_rest(m);
		return;
	}
	job_release(j);
	if (!early && --j->removals == 0)
		job_step_done(j, NULL);
}

/* Asks the publisher to remove one record: by number, or by its content where
 * nobody knows whether it was ever made. */
static struct err *
remove_one(struct monitor *m, struct job *j, const struct ledger_record *row,
    bool early)
{
	struct removal *r = calloc(1, sizeof(*r));
	struct msg ask = { 0 };
	struct err *e;

	if (r == NULL)
		return err_sys("record");
	r->m = m;
	r->job = j;
	r->row = row->id;
	r->early = early;
	(void)snprintf(r->record, sizeof(r->record), "%s", row->name);
	if (*row->number != '\0') {
		ask.type = MSG_dns_remove;
		ask.dns_remove.record = str_of(row->name);
		ask.dns_remove.zone = str_of(row->zone);
		ask.dns_remove.number = str_of(row->number);
	} else {
		ask.type = MSG_dns_find_remove;
		ask.dns_find_remove.record = str_of(row->name);
		ask.dns_find_remove.value = str_of(row->value);
	}
	e = peer_ask_owned(m->publisher, &ask, -1, MSG_dns_removed, on_removed, r);
	if (e != NULL) {
		free(r);
		return e;
	}
	TAILQ_INSERT_TAIL(&m->removals, r, link);
	if (j != NULL) {
		job_hold(j);
		j->removals += !early;
	}
	return NULL;
}

static struct err *
remove_of_job(void *arg, const struct ledger_record *row)
{
	struct job *j = arg;

	log_err(LOG_LEVEL_ERROR, remove_one(j->m, j, row, false));
	return NULL;
}

struct err *
records_remove(struct job *j)
{
	struct err *e = ledger_record_each(j->m->ledger, j->id, remove_of_job,
	    j);

	log_err(LOG_LEVEL_ERROR, e);
	if (j->removals > 0)
		job_progress(j, STAGE_cleanup, "");
	else
		job_step_done(j, NULL);
	return NULL;
}

static struct err *
remove_proven(void *arg, const struct ledger_record *row)
{
	struct job *j = arg;

	if (*row->number != '\0' && !is_on_its_way(j->m, row->id))
		log_err(LOG_LEVEL_ERROR, remove_one(j->m, j, row, true));
	return NULL;
}

/* One that is on its way into DNS could come after its removal. */
void
records_proven(struct job *j)
{
	if (j->publications == 0)
		log_err(LOG_LEVEL_ERROR, ledger_record_each(j->m->ledger,
		    j->id, remove_proven, j));
}

/* Each job that begins sweeps: it may have the credentials that others had
 * not. */
static struct err *
remove_orphan(void *arg, const struct ledger_record *row)
{
	struct monitor *m = arg;

	if (is_on_its_way(m, row->id))
		return NULL;
	if (job_find(m, row->job) != NULL)
		return NULL; /* its job will do it */
	return remove_one(m, NULL, row, false);
}

struct err *
records_sweep(struct monitor *m)
{
	return ledger_record_each(m->ledger, 0, remove_orphan, m);
}
