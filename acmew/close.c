/*
 * close.c - an order that has failed is closed: its authorizations that are
 * still pending are deactivated, because CAs count them.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    answers of a CA, which decide nothing here.
 * Promise:  it delays the end of a job by a bounded time and changes nothing
 *           about how that ends; what another order needs too stays.
 */
#include <event2/event.h>
#include <string.h>

#include "acmew.h"
#include "log.h"
#include "url.h"

/* Nothing that was begun for the order may call back any more. */
static void
quiet(struct job *job)
{
	struct request *r;

	while ((r = LIST_FIRST(&job->requests)) != NULL)
		request_free(r);
	if (job->looks != NULL)
		looks_free(job);
	watch_free(job->watch);
	job->watch = NULL;
	event_del(job->timer);
}

/* Some CAs give the same pending authorization to several orders. */
static bool
is_shared(const struct authorization *a)
{
	const struct job *job;

	LIST_FOREACH(job, &a->job->worker->jobs, of_worker)
		for (size_t i = 0; job != a->job && i < job->n_authorizations;
		     i++)
			if (strcmp(job->authorizations[i].url, a->url) == 0)
				return true;
	return false;
}

/* certd refuses what could be an account. */
static bool
may_close(const struct authorization *a)
{
	struct url url, account;

	return a->status == PROOF_PENDING && a->job->account != NULL &&
	       !is_shared(a) && url_parse(str_of(a->url), &url) &&
	       url_parse(str_of(a->job->account), &account) &&
	       url_is_apart(&url, &account);
}

static void
on_closed(void *arg, struct answer *a)
{
	struct job *job = arg;

	if (a->e != NULL)
		log_info("job %u: %s", job->number, err_text(a->e));
	err_free(a->e);
	if (--job->n_open == 0)
		job_step(job, JE_CLOSED);
}

/* What cannot be closed expires. */
static void
close_one(struct authorization *a)
{
	struct job *job = a->job;
	struct err *e = request_start(
	    job, VERB_CLOSE, a->url, CA_JSON_MAX_BYTES, on_closed, job);

	if (e == NULL)
		job->n_open++;
	log_err(LOG_LEVEL_INFO, e);
}

/* For certd's word that the job is over, which may come twice. */
struct err *
close_order(struct job *job)
{
	if (job->is_closing)
		return NULL;
	job->is_closing = true;
	quiet(job);
	job->n_open = 0;
	/* An order that was finalized had them all valid. */
	for (size_t i = 0; job->finalizes == 0 && i < job->n_authorizations;
	     i++)
		if (may_close(&job->authorizations[i]))
			close_one(&job->authorizations[i]);
	if (job->n_open == 0)
		job->raised = JE_CLOSED;
	return NULL;
}

/* For a failure: of the job, or of closing itself. */
struct err *
close_failed(struct job *job)
{
	if (!job->is_closing)
		return close_order(job);
	job->raised = JE_CLOSED;
	return NULL;
}

struct err *
close_late(struct job *job)
{
	if (!job->is_closing)
		job_fail_late(job);
	return close_failed(job);
}

struct err *
report_end(struct job *job)
{
	return job->failure != NULL ? report_failure(job) : report_done(job);
}
