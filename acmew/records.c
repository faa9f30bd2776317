/*
 * records.c - the records that prove the names: published by certd, then
 * watched at the name servers.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    published messages of certd.
 * Promise:  a record is asked for once for each name that still needs one, and
 *           the job goes on only when all name servers show all of them.
 */
#define _GNU_SOURCE /* asprintf */
#include <stdio.h>
#include <stdlib.h>

#include "names.h"
#include "order.h"

/* ---- records ---- */

static struct err *
take_record(struct authorization *a, const struct msg_published *m)
{
	struct str base = name_base(*a->name);

	if (asprintf(&a->asked, CHALLENGE_LABEL "%.*s", (int)base.n, base.p) ==
	    -1)
		a->asked = NULL;
	a->record = str_dup(m->record);
	a->value = str_dup(m->value);
	a->servers = calloc(m->servers.n + 1, sizeof(*a->servers));
	if (a->asked == NULL || a->record == NULL || a->value == NULL ||
	    a->servers == NULL)
		return err_sys("record");
	for (; a->n_servers < m->servers.n; a->n_servers++) {
		a->servers[a->n_servers] = str_dup(m->servers.v[a->n_servers]);
		if (a->servers[a->n_servers] == NULL)
			return err_sys("record");
	}
	return NULL;
}

struct err *
on_published(struct job *job, const struct msg *m)
{
	struct authorization *a = NULL;
	struct err *e;

	for (size_t i = 0; i < job->n_authorizations && a == NULL; i++)
		if (job->authorizations[i].publish_id != 0 &&
		    job->authorizations[i].publish_id == m->id)
			a = &job->authorizations[i];
	if (a == NULL)
		return err_new("a record that was not asked for");
	a->publish_id = 0;
	if ((e = take_record(a, &m->published)) != NULL)
		job_fail(job, e);
	else if (--job->n_open == 0)
		job_step(job, JE_PUBLISHED);
	return NULL;
}

struct err *
publish_records(struct job *job)
{
	struct msg m = { .type = MSG_publish };
	char text[64];
	struct err *e;

	if (job->looks != NULL) /* their time is up */
		looks_free(job);
	job->n_open = 0;
	for (size_t i = 0; i < job->n_authorizations; i++) {
		struct authorization *a = &job->authorizations[i];

		if (a->status != PROOF_PENDING)
			continue;
		m.publish.name = *a->name;
		m.publish.token = str_of(a->token);
		if ((e = job_ask(job, &m, &a->publish_id)) != NULL)
			return e;
		job->n_open++;
	}
	snprintf(
	    text, sizeof(text), "%zu of %zu names", job->n_open, job->names.n);
	job_progress(job, text);
	return NULL;
}

/* ---- name servers ---- */

static void
on_watched(void *arg, struct err *e)
{
	struct job *job = arg;

	watch_free(job->watch);
	job->watch = NULL;
	if (e != NULL)
		job_fail(job, e);
	else
		job_step(job, JE_PROPAGATED);
}

static void
on_watch_progress(void *arg, const char *text)
{
	job_progress(arg, text);
}

struct err *
watch_servers(struct job *job)
{
	static const struct watch_ops ops = { on_watched, on_watch_progress };
	const struct watch_terms terms = { job->timeout_secs, job->settle_secs,
		job->least_secs };
	struct watch_record records[NAMES_MAX];
	size_t n = 0;

	for (size_t i = 0; i < job->n_authorizations; i++) {
		const struct authorization *a = &job->authorizations[i];

		if (a->status == PROOF_PENDING)
			records[n++] = (struct watch_record){ a->asked,
				a->record, a->value, a->servers, a->n_servers };
	}
	return watch_start(
	    job->worker, &terms, records, n, &ops, job, &job->watch);
}
