/*
 * close.c - when a job has failed, its orders are closed: authorizations that
 * are still pending are deactivated, because CAs count them. After an order
 * that succeeds those of earlier ones expire instead: with the first signature
 * that closes anything certd ends the job's right to finalize.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    answers of a CA, which decide nothing here.
 * Promise:  it delays the end of a job by a bounded time and changes nothing
 *           about how that ends; what another order needs too stays.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "order.h"
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

static bool
is_one_of(const struct job *job, const char *url)
{
	for (size_t i = 0; i < job->n_authorizations; i++)
		if (strcmp(job->authorizations[i].url, url) == 0)
			return true;
	return false;
}

/* Some CAs give the same pending authorization to several orders. */
static bool
is_shared(const struct job *own, const char *url)
{
	const struct job *job;

	LIST_FOREACH(job, &own->worker->jobs, of_worker)
		if (job != own && is_one_of(job, url))
			return true;
	return false;
}

/* certd refuses what could be an account. */
static bool
may_close(const struct job *job, const char *text)
{
	struct url url, account;

	return job->account != NULL && !is_shared(job, text) &&
	       url_parse(str_of(text), &url) &&
	       url_parse(str_of(job->account), &account) &&
	       url_is_apart(&url, &account);
}

/* ---- what earlier orders of the job have left ---- */

static bool
is_remembered(const struct job *job, const char *url)
{
	for (size_t i = 0; i < job->n_left; i++)
		if (strcmp(job->left[i], url) == 0)
			return true;
	return false;
}

/* Those that were never read may be valid, and good for other orders. What
 * there is no memory for expires by itself. */
void
close_remember(struct job *job)
{
	char **more = realloc(job->left,
	    (job->n_left + job->n_authorizations + 1) * sizeof(*more));

	if (more == NULL)
		return;
	job->left = more;
	for (size_t i = 0; i < job->n_authorizations; i++) {
		const struct authorization *a = &job->authorizations[i];

		if (a->status == PROOF_PENDING && a->name != NULL &&
		    job->finalizes == 0 && !is_remembered(job, a->url) &&
		    (more[job->n_left] = strdup(a->url)) != NULL)
			job->n_left++;
	}
}

void
close_forget(struct job *job)
{
	while (job->n_left > 0)
		free(job->left[--job->n_left]);
	free(job->left);
	job->left = NULL;
}

/* ---- the end ---- */

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
close_one(struct job *job, const char *url)
{
	struct err *e;

	if (!may_close(job, url))
		return;
	e = request_start(
	    job, VERB_CLOSE, url, CA_JSON_MAX_BYTES, on_closed, job);
	if (e == NULL)
		job->n_open++;
	log_err(LOG_LEVEL_INFO, e);
}

/* An order that was finalized had them all valid. */
static void
close_all(struct job *job)
{
	for (size_t i = 0; job->finalizes == 0 && i < job->n_authorizations;
	     i++)
		if (job->authorizations[i].status == PROOF_PENDING)
			close_one(job, job->authorizations[i].url);
	for (size_t i = 0; i < job->n_left; i++)
		if (!is_one_of(job, job->left[i]))
			close_one(job, job->left[i]);
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
	close_all(job);
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
