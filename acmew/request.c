/*
 * request.c - one signed request: nonce, signature of certd, POST, answer, and
 * again where that is safe.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    answers of a CA, signatures of certd.
 * Promise:  a nonce is used once; what may have had an effect at the CA is
 *           never sent again blindly; the number of attempts is bounded.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "order.h"

/* Whether a request is harmless when the CA sees it twice. A second newAccount
 * finds the first one's account; a second newOrder makes, or finds, an order;
 * a second revocation is told "already revoked". The others are looked after by
 * issue.c, authz.c and operate.c. */
static const bool is_repeatable[VERB_N] = {
	[VERB_NEW_ACCOUNT] = true,
	[VERB_NEW_ORDER] = true,
	[VERB_GET] = true,
	[VERB_ANSWER] = false,
	[VERB_FINALIZE] = false,
	[VERB_CLOSE] = true,
	[VERB_REVOKE] = true,
	[VERB_CONTACT] = true,
	[VERB_DEACTIVATE] = true,
	[VERB_ROLL_OVER] = false,
	[VERB_FIND_NEW] = true,
	[VERB_FIND_OLD] = true,
};

/* Nobody waits long for what would expire by itself; nor may closing use up the
 * signatures that certd makes for it (certd/monitor/policy.c: four for a name of
 * each of three orders, which this failure, two bad nonces and the last try
 * are): that would be a refusal, and hide why the job has failed. */
#define CLOSE_FAILURES_MAX 1

static void try_again(evutil_socket_t fd, short what, void *arg);

/* The request goes; its owner hears how it ended. */
static void
finish(struct request *r, struct answer *a)
{
	request_done *done = r->done;
	void *arg = r->arg;

	request_free(r);
	done(arg, a);
}

void
request_fail(struct request *r, struct err *e)
{
	struct answer a = { .e = e };

	finish(r, &a);
}

static struct err *
wait_a_while(struct request *r, unsigned msecs)
{
	struct timeval tv = { msecs / 1000, (msecs % 1000) * 1000 };

	return event_add(r->timer, &tv) == -1 ? err_new("cannot set a timer")
					      : NULL;
}

/* ---- the answer ---- */

static void
note_trip(struct request *r)
{
	struct ca *ca = r->job->ca;
	uint64_t msecs = clock_msecs() - r->posted_msecs;

	if (msecs < ca->trip_msecs)
		ca->trip_msecs = (unsigned)msecs;
}

static void
note_answer(struct request *r, const struct https_response *response)
{
	r->is_sent = false;
	nonce_back(r->job->ca->nonces);
	if (response == NULL)
		return;
	note_trip(r);
	log_debug("job %u: %s %s: status %ld", r->job->number,
	    verb_word(r->verb), r->url, response->status);
}

/* The nonce of a badNonce error is for this request (RFC 8555 section 6.5);
 * any other is for whoever comes. */
static void
keep_nonce(struct request *r, const struct https_response *response,
    enum problem problem)
{
	const char *nonce = response == NULL ? NULL : nonce_of(response);

	if (nonce == NULL)
		return;
	if (problem == PROBLEM_BAD_NONCE)
		strcpy(r->nonce, nonce);
	else
		nonce_keep(r->job->ca->nonces, response);
}

static void
give_up(struct request *r, struct answer *a, const struct plan *plan)
{
	if (plan->not_before_secs != 0)
		a->e = err_retry_at(a->e, time(NULL) + plan->not_before_secs);
	a->unsure = plan->next == RETRY_UNSURE;
	finish(r, a);
}

static void
on_answer(void *arg, const struct https_response *response, struct err *e)
{
	struct request *r = arg;
	struct answer a = { .response = response, .e = e };
	struct attempt attempt = { .repeatable = is_repeatable[r->verb],
		.failures = r->failures,
		.bad_nonces = r->bad_nonces,
		.max_failures = r->verb == VERB_CLOSE ? CLOSE_FAILURES_MAX : 0,
		.error = err_errno(e),
		.retry_after_secs = -1 };
	struct plan plan;

	r->call = NULL;
	note_answer(r, response);
	if (response != NULL) {
		attempt.status = response->status;
		attempt.retry_after_secs =
		    https_retry_after(response, RETRY_AFTER_MAX_SECS);
		if (attempt.status < 200 || attempt.status > 299)
			a.e = answer_err(response, &a.problem);
		attempt.problem = a.problem;
		a.status = attempt.status;
	}
	keep_nonce(r, response, a.problem);
	plan = answer_plan(&attempt);
	if (a.e != NULL)
		a.response = NULL;
	if (plan.next != RETRY_AGAIN) {
		give_up(r, &a, &plan);
		return;
	}
	if (a.problem == PROBLEM_BAD_NONCE)
		r->bad_nonces++;
	else
		r->failures++;
	log_line(
	    a.problem == PROBLEM_BAD_NONCE ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
	    "job %u: once more in %u ms: %s", r->job->number, plan.delay_msecs,
	    err_text(a.e));
	err_free(a.e);
	if ((e = wait_a_while(r, jitter(plan.delay_msecs))) != NULL)
		request_fail(r, e);
}

/* ---- the way there ---- */

struct err *
on_signed(struct job *job, const struct msg *m)
{
	static const struct https_header headers[] = {
		{ "content-type", "application/jose+json" },
		{ "accept-language", "en" },
	};
	struct https_request q = {
		.method = "POST", .headers = headers, .n_headers = 2
	};
	struct request *r;
	struct err *e;

	for (r = LIST_FIRST(&job->requests); r != NULL;
	     r = LIST_NEXT(r, of_job))
		if (r->sign_id != 0 && r->sign_id == m->id)
			break;
	if (r == NULL)
		return err_new("a signature that was not asked for");
	r->sign_id = 0;
	q.url = r->url;
	q.body = m->signature.jws.p;
	q.body_bytes = m->signature.jws.n;
	q.max_bytes = r->max_bytes;
	r->posted_msecs = clock_msecs();
	e = https_start(job->worker->https, &q, on_answer, r, &r->call);
	if (e != NULL)
		request_fail(r, e);
	return NULL;
}

struct err *
request_sign(struct request *r, const char *nonce)
{
	struct msg m = { .type = MSG_sign };
	struct err *e;

	r->awaits_nonce = false;
	m.sign.verb = r->verb;
	m.sign.url = str_of(r->url);
	m.sign.nonce = str_of(nonce);
	if ((e = job_ask(r->job, &m, &r->sign_id)) != NULL)
		return e;
	r->is_sent = true;
	nonce_sent(r->job->ca->nonces);
	return NULL;
}

static struct err *
begin(struct request *r)
{
	struct err *e;

	if (r->nonce[0] == '\0')
		return nonce_want(r->job->ca->nonces, r);
	e = request_sign(r, r->nonce);
	r->nonce[0] = '\0';
	return e;
}

static void
try_again(evutil_socket_t fd, short what, void *arg)
{
	struct request *r = arg;
	struct err *e;

	(void)fd;
	(void)what;
	if ((e = begin(r)) != NULL)
		request_fail(r, e);
}

struct err *
request_start(struct job *job, enum verb verb, const char *url,
    size_t max_bytes, request_done *done, void *arg)
{
	struct request *r = calloc(1, sizeof(*r));
	struct err *e;

	if (r == NULL)
		return err_sys("request");
	r->job = job;
	r->verb = verb;
	r->max_bytes = max_bytes;
	r->done = done;
	r->arg = arg;
	LIST_INSERT_HEAD(&job->requests, r, of_job);
	r->url = strdup(url);
	r->timer = evtimer_new(job->worker->base, try_again, r);
	if (r->url == NULL || r->timer == NULL)
		e = err_new("out of memory");
	else
		e = begin(r);
	if (e != NULL)
		request_free(r);
	return e;
}

void
request_free(struct request *r)
{
	if (r->awaits_nonce)
		nonce_leave(r->job->ca->nonces, r);
	if (r->is_sent)
		nonce_back(r->job->ca->nonces);
	https_cancel(r->call);
	if (r->timer != NULL)
		event_free(r->timer);
	LIST_REMOVE(r, of_job);
	free(r->url);
	free(r);
}
