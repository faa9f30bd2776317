/*
 * issue.c - from valid authorizations to the stored certificate.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    orders and certificates of a CA.
 * Promise:  finalize is sent again only after the order has said that it is
 *           still ready; the chain is passed on as it came: certd checks it.
 */
#include <string.h>
#include <strings.h>

#include "order.h"

#define FINALIZES_MAX 4
#define DOUBT_POLLS                                                            \
	8              /* then the authorizations are looked at, too:
				 * some CAs update the order only by then */
#define UNSURE_POLLS 3 /* the same, where an answer may be lost */
#define PEM_TYPE     "application/pem-certificate-chain"

/* ---- looking at the order ---- */

/* What this CA needs for what the job waits for. */
static unsigned *
first_msecs(struct job *job)
{
	return job->state == JS_VALIDATE ? &job->ca->validates_msecs
					 : &job->ca->issues_msecs;
}

struct err *
poll_later(struct job *job)
{
	unsigned msecs = answer_poll_msecs(*first_msecs(job), job->polls++,
	    job->retry_after_secs, job->ca->trip_msecs);

	job->learns = job->polls == 1 && job->retry_after_secs <= 0;
	job->retry_after_secs = -1;
	return job_wake(job, msecs);
}

/* The first look at what a CA does that says nothing of how long it takes. */
static void
learn(struct job *job, enum job_event event)
{
	unsigned *first = first_msecs(job);

	if (job->learns)
		*first = answer_poll_learn(*first,
		    event != JE_PENDING && event != JE_PROCESSING);
	job->learns = false;
}

/* Whether it is time to look at more than the order. */
static bool
has_doubt(const struct job *job)
{
	unsigned every = DOUBT_POLLS;

	for (size_t i = 0; i < job->n_authorizations; i++)
		if (job->authorizations[i].is_unsure)
			every = UNSURE_POLLS;
	return job->polls % every == 0;
}

static void
on_order(void *arg, struct answer *a)
{
	struct job *job = arg;
	enum job_event event = JE_NONE;
	struct err *e = a->e;

	if (is_forgotten(a)) {
		order_is_forgotten(job, e);
		return;
	}
	if (e == NULL && (e = job_take_order(job, a->response, &event)) == NULL)
		learn(job, event);
	if (event == JE_PENDING && job->state == JS_VALIDATE && has_doubt(job))
		event = JE_DOUBT;
	if (e != NULL)
		job_fail(job, e);
	else
		job_step(job, event);
}

struct err *
poll_order(struct job *job)
{
	return request_start(
	    job, VERB_GET, job->order, CA_JSON_MAX_BYTES, on_order, job);
}

/* ---- finalize ---- */

static void
on_finalized(void *arg, struct answer *a)
{
	struct job *job = arg;
	enum job_event event = JE_NONE;
	struct err *e = a->e;

	if (is_forgotten(a)) {
		order_is_forgotten(job, e);
		return;
	}
	if (e == NULL) {
		e = job_take_order(job, a->response, &event);
	} else if (a->unsure || a->problem == PROBLEM_NOT_READY) {
		event = a->unsure ? JE_UNSURE : JE_NOT_READY;
		job_progress(job, err_text(e));
		err_free(e);
		e = NULL;
	}
	if (e != NULL)
		job_fail(job, e);
	else
		job_step(job, event);
}

struct err *
finalize_order(struct job *job)
{
	job->polls = 0;
	job->retry_after_secs = -1;
	if (++job->finalizes > FINALIZES_MAX)
		return err_advise(err_new("%s: finalized %d times, and the "
					  "order is where it was",
				      job->finalize, FINALIZES_MAX),
		    "the CA has trouble; try again later");
	return request_start(job, VERB_FINALIZE, job->finalize,
	    CA_JSON_MAX_BYTES, on_finalized, job);
}

/* ---- the certificate ---- */

struct err *
chain_check_type(const struct https_response *r)
{
	const char *type = https_header(r, "content-type");

	if (type == NULL ||
	    strncasecmp(type, PEM_TYPE, strlen(PEM_TYPE)) != 0 ||
	    strstr(r->body, "-----BEGIN CERTIFICATE-----") == NULL)
		return answer_wrap(err_new("no certificate chain in PEM"), r);
	return NULL;
}

static void
on_chain(void *arg, struct answer *a)
{
	struct job *job = arg;
	struct err *e = a->e;

	if (e == NULL && (e = chain_check_type(a->response)) == NULL)
		e = take_first_chain(job, a->response);
	if (e != NULL) {
		job_fail(job, e);
		return;
	}
	job->chain = (struct str){ a->response->body, a->response->body_bytes };
	job_step(job, JE_CHAIN);
}

struct err *
download_chain(struct job *job)
{
	return request_start(
	    job, VERB_GET, job->certificate, CHAIN_MAX_BYTES, on_chain, job);
}

struct err *
on_stored(struct job *job, const struct msg *m)
{
	if (m->id != job->asked || job->state != JS_STORE)
		return err_new("a certificate that was not handed over");
	job_step(job, JE_STORED);
	return NULL;
}
