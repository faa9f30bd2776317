/*
 * authz.c - the proof that the names are ours: authorizations and their
 * challenges, many at a time.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    authorizations of a CA. Assume that it is hostile.
 * Promise:  every authorization is for another name of the job; where one
 *           fails, the user hears which and why.
 */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "order.h"

#define ANSWERS_MAX 3 /* of one challenge, where the CA did not hear us */

static bool
needs_record(const struct authorization *a)
{
	return a->status == PROOF_PENDING && !a->is_answered;
}

static size_t
count_pending(const struct job *job, bool unanswered)
{
	size_t n = 0;

	for (size_t i = 0; i < job->n_authorizations; i++) {
		const struct authorization *a = &job->authorizations[i];

		n += unanswered ? needs_record(a) : a->status == PROOF_PENDING;
	}
	return n;
}

/* ---- reading ---- */

static struct err *
failed_proof(const struct authorization *a, const struct proof *p)
{
	enum problem kind;
	char word[64];
	struct err *e;

	if (p->error != NULL) {
		e = problem_err(p->error, &kind);
		if (!problem_may_pass(kind))
			a->job->is_hopeless = true;
		return err_wrap(
		    e, "%s: %.*s", a->url, (int)a->name->n, a->name->p);
	}
	text_escape(word, sizeof(word), p->word, strlen(p->word));
	e = err_new("%s: the authorization of %.*s is %s", a->url,
	    (int)a->name->n, a->name->p, word);
	return err_advise(e, "try again: the next order gets a new one");
}

/* Two authorizations for one name would have us prove it twice and another
 * never. */
static struct err *
take_name(struct authorization *a, size_t which)
{
	const struct str *name = &a->job->names.v[which];

	for (size_t i = 0; i < a->job->n_authorizations; i++) {
		const struct authorization *other = &a->job->authorizations[i];

		if (other != a && other->name == name)
			return err_new("%s: a second authorization of %.*s",
			    a->url, (int)name->n, name->p);
	}
	if (a->name != NULL && a->name != name)
		return err_new("%s: it was for another name before", a->url);
	a->name = name;
	return NULL;
}

static struct err *
take_proof(struct authorization *a, const struct proof *p)
{
	struct err *e;

	if ((e = take_name(a, p->name)) != NULL)
		return e;
	a->status = p->status;
	if (p->status == PROOF_FAILED)
		return failed_proof(a, p);
	if (p->status == PROOF_VALID)
		return NULL;
	if (a->token != NULL && strcmp(a->token, p->token) != 0)
		return err_new("%s: its token has changed", a->url);
	/* Most CAs call a challenge pending while they are at work on it:
	 * only where our answer may be lost it is given again. */
	a->is_answered =
	    p->answer != PROOF_PENDING ||
	    (a->is_answered && !(a->is_unsure && a->answers < ANSWERS_MAX));
	if ((e = text_replace(&a->challenge, p->challenge)) == NULL)
		e = text_replace(&a->token, p->token);
	return e;
}

/* One more name that failed: the user hears of all. */
static void
add_blame(struct job *job, struct err *e)
{
	struct err *all;

	if (job->blame == NULL) {
		job->blame = e;
		return;
	}
	all = err_new("%s; %s", err_text(job->blame), err_text(e));
	if (*err_advice(job->blame) != '\0')
		all = err_advise(all, "%s", err_advice(job->blame));
	err_free(job->blame);
	err_free(e);
	job->blame = all;
}

/* All are read: what now? */
static void
all_read(struct job *job)
{
	enum job_event event = JE_CHALLENGED;

	if (job->state == JS_BLAME || job->blame != NULL) {
		order_is_over(job);
		return;
	}
	if (count_pending(job, false) == 0)
		event = JE_AUTHORIZED;
	else if (job->state == JS_RECHECK && count_pending(job, true) > 0)
		event = JE_UNANSWERED;
	job_step(job, event);
}

static struct err *
take_answer(struct authorization *authorization, const struct https_response *r)
{
	struct proof p;
	struct err *e;

	e = proof_parse(r->body, r->body_bytes, &authorization->job->names, &p);
	if (e != NULL)
		return answer_wrap(e, r);
	e = take_proof(authorization, &p);
	proof_clear(&p);
	return e;
}

static void
on_authorization(void *arg, struct answer *a)
{
	struct authorization *authorization = arg;
	struct job *job = authorization->job;
	struct err *e = a->e;

	if (is_forgotten(a))
		authorization->status = PROOF_FAILED;
	if (e == NULL)
		e = take_answer(authorization, a->response);
	if (e != NULL &&
	    (job->state == JS_BLAME || authorization->status == PROOF_FAILED)) {
		add_blame(job, e);
		e = NULL;
	}
	if (e != NULL)
		job_fail(job, e);
	else if (--job->n_open == 0)
		all_read(job);
}

struct err *
read_authorizations(struct job *job)
{
	struct err *e;

	job->n_open = 0;
	for (size_t i = 0; i < job->n_authorizations; i++) {
		struct authorization *a = &job->authorizations[i];

		if (a->name != NULL && a->status == PROOF_VALID)
			continue;
		e = request_start(job, VERB_GET, a->url, CA_JSON_MAX_BYTES,
		    on_authorization, a);
		if (e != NULL)
			return e;
		job->n_open++;
	}
	if (job->n_open > 0)
		return NULL;
	/* All are valid; the order may have failed all the same. */
	job->raised = job->state == JS_BLAME ? JE_AGAIN : JE_AUTHORIZED;
	return job->state == JS_BLAME ? order_verdict(job) : NULL;
}

/* ---- challenges ---- */

/* Some CAs validate at once and say so. */
static void
all_answered(struct job *job)
{
	if (job->blame != NULL)
		order_is_over(job);
	else
		job_step(job, count_pending(job, false) == 0 ? JE_AUTHORIZED
							     : JE_ANSWERED);
}

static void
on_answered(void *arg, struct answer *a)
{
	struct authorization *authorization = arg;
	struct job *job = authorization->job;
	enum proof_status status = PROOF_PENDING;
	struct err *e = a->e;

	if (e == NULL) {
		e = answer_wrap(challenge_parse(a->response->body,
				    a->response->body_bytes, &status),
		    a->response);
		job->retry_after_secs =
		    https_retry_after(a->response, RETRY_AFTER_MAX_SECS);
	} else if (is_forgotten(a)) {
		authorization->status = PROOF_FAILED;
		add_blame(job, e);
		e = NULL;
	} else if (a->unsure || authorization->answers > 1) {
		/* Perhaps it was heard: the order and the authorization will
		 * tell. */
		log_info("job %u: %s", job->number, err_text(e));
		err_free(e);
		e = NULL;
		authorization->is_unsure = true;
	}
	if (status == PROOF_VALID)
		authorization->status = PROOF_VALID;
	if (e != NULL)
		job_fail(job, e);
	else if (--job->n_open == 0)
		all_answered(job);
}

struct err *
answer_challenges(struct job *job)
{
	struct err *e;

	job->n_open = 0;
	job->polls = 0;
	for (size_t i = 0; i < job->n_authorizations; i++) {
		struct authorization *a = &job->authorizations[i];

		if (!needs_record(a))
			continue;
		a->is_answered = true;
		a->is_unsure = false;
		a->answers++;
		e = request_start(job, VERB_ANSWER, a->challenge,
		    CA_JSON_MAX_BYTES, on_answered, a);
		if (e != NULL)
			return e;
		job->n_open++;
	}
	if (job->n_open == 0)
		job->raised = JE_ANSWERED;
	return NULL;
}
