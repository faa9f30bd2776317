/*
 * account.c - from nothing to an order: directory, account, newOrder.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    answers of a CA and of certd.
 * Promise:  an order is taken only when it is for exactly the job's names.
 */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "order.h"
#include "url.h"

struct err *
want_directory(struct job *job)
{
	job_progress(job, "");
	return ca_want_directory(job->ca, job);
}

struct err *
ask_account(struct job *job)
{
	struct msg m = { .type = MSG_account_ask };
	char clock[CLOCK_TEXT_SIZE];

	if (*ca_clock_text(job->ca, clock) != '\0') {
		log_warn("%s: %s", job->ca->url, clock);
		job_progress(job, clock);
	}
	return job_ask(job, &m, &job->asked);
}

struct err *
on_account_is(struct job *job, const struct msg *m)
{
	if (m->id != job->asked || job->state != JS_ACCOUNT)
		return err_new("an account that was not asked for");
	free(job->account);
	job->account = str_dup(m->account_is.url);
	if (job->account == NULL)
		job_fail(job, err_sys("account"));
	else
		job_step(job, job->order == NULL ? JE_ACCOUNT : JE_KNOWN);
	return NULL;
}

struct err *
on_account_none(struct job *job, const struct msg *m)
{
	if (m->id != job->asked || job->state != JS_ACCOUNT)
		return err_new("an account that was not asked for");
	job->is_bound = m->account_none.is_bound;
	job_step(job, JE_NO_ACCOUNT);
	return NULL;
}

/* ---- newAccount ---- */

/* A refusal is mostly about the terms of service. */
static struct err *
explain_refusal(const struct job *job, struct err *e)
{
	const char *terms = job->ca->directory.terms;

	if (*terms == '\0')
		return e;
	return err_wrap(e,
	    "no account was made (the CA's terms of service, "
	    "to be agreed to with agree-tos = yes, are at %s)",
	    terms);
}

static void
on_registered(void *arg, struct answer *a)
{
	struct job *job = arg;
	struct msg m = { .type = MSG_account_made };
	const char *url;
	struct err *e;

	if (a->e != NULL) {
		job_fail(job, a->problem == PROBLEM_NONE
				  ? a->e
				  : explain_refusal(job, a->e));
		return;
	}
	if ((e = answer_location(a->response, &url)) == NULL &&
	    (e = text_replace(&job->account, url)) == NULL) {
		m.account_made.url = str_of(url);
		e = job_ask(job, &m, NULL);
	}
	if (e != NULL)
		job_fail(job, e);
	else
		job_step(job, job->order == NULL ? JE_REGISTERED : JE_KNOWN);
}

struct err *
make_account(struct job *job)
{
	const struct directory *d = &job->ca->directory;

	if (d->needs_binding && !job->is_bound)
		return err_advise(
		    err_new("%s: this CA takes only accounts that are bound "
			    "to one of its customers",
			job->ca->url),
		    "make one with what the CA gives to its customers: certctl "
		    "account register --eab-kid ID --eab-hmac-key-file FILE");
	return request_start(job, VERB_NEW_ACCOUNT, d->new_account,
	    CA_JSON_MAX_BYTES, on_registered, job);
}

/* ---- newOrder ---- */

/* A list of this order's authorizations, none of them read. */
static struct err *
take_authorizations(struct job *job, const struct order *o)
{
	struct authorization *list;
	size_t n = o->n_authorizations;

	if (job->authorizations != NULL)
		return NULL;
	if ((list = calloc(n, sizeof(*list))) == NULL)
		return err_sys("authorizations");
	job->authorizations = list;
	job->n_authorizations = n;
	for (size_t i = 0; i < n; i++) {
		list[i].job = job;
		if ((list[i].url = strdup(o->authorizations[i])) == NULL)
			return err_sys("authorization");
	}
	return NULL;
}

struct err *
job_take_order(
    struct job *job, const struct https_response *r, enum job_event *event)
{
	static const enum job_event events[] = {
		[ORDER_PENDING] = JE_PENDING,
		[ORDER_READY] = JE_READY,
		[ORDER_PROCESSING] = JE_PROCESSING,
		[ORDER_VALID] = JE_VALID,
		[ORDER_INVALID] = JE_INVALID,
	};
	enum problem kind;
	struct order o;
	struct err *e;

	e = order_parse(r->body, r->body_bytes, &job->names, &o);
	if (e != NULL)
		return answer_wrap(e, r);
	*event = events[o.status];
	if ((e = take_authorizations(job, &o)) == NULL &&
	    (e = text_replace(&job->finalize, o.finalize)) == NULL)
		e = text_replace(&job->certificate, o.certificate);
	if (o.error != NULL && o.status == ORDER_INVALID) {
		err_free(job->order_error);
		job->order_error = problem_err(o.error, &kind);
		if (!problem_may_pass(kind))
			job->is_hopeless = true;
	}
	order_clear(&o);
	job->retry_after_secs = https_retry_after(r, RETRY_AFTER_MAX_SECS);
	return e;
}

static void
on_ordered(void *arg, struct answer *a)
{
	struct job *job = arg;
	struct msg m = { .type = MSG_ordered };
	enum job_event event = JE_NONE;
	const char *url;
	struct err *e;

	if (a->e != NULL) {
		job_fail_or_gone(job, a);
		return;
	}
	if ((e = answer_location(a->response, &url)) == NULL &&
	    (e = job_take_order(job, a->response, &event)) == NULL &&
	    (e = text_replace(&job->order, url)) == NULL) {
		m.ordered.url = str_of(job->order);
		e = job_ask(job, &m, NULL);
	}
	if (e != NULL)
		job_fail(job, e);
	else
		job_step(job, event);
}

/* ---- an order of an earlier run ---- */

/* Where there is none any more, or it is somebody else's, that is as if it were
 * dead. */
static void
on_found(void *arg, struct answer *a)
{
	struct job *job = arg;
	enum job_event event = JE_INVALID;
	struct err *e = a->e;

	if (e == NULL)
		e = job_take_order(job, a->response, &event);
	else if (a->problem == PROBLEM_NO_ACCOUNT) {
		job_fail_or_gone(job, a);
		return;
	} else if (a->status >= 400 && a->status <= 499 && a->status != 429) {
		log_info("job %u: %s", job->number, err_text(e));
		err_free(e);
		e = NULL;
	}
	if (e != NULL) {
		job_fail(job, e);
		return;
	}
	log_info("job %u: the order of before is %s", job->number,
	    event == JE_INVALID ? "dead" : "taken up");
	job_step(job, event);
}

struct err *
find_order(struct job *job)
{
	return request_start(
	    job, VERB_GET, job->order, CA_JSON_MAX_BYTES, on_found, job);
}

struct err *
place_order(struct job *job)
{
	job->orders++;
	close_remember(job);
	job_forget_order(job);
	/* While the order is under way they cost no time; its authorizations
	 * want them all at once. */
	nonce_expect(job->ca->nonces, job->names.n);
	return request_start(job, VERB_NEW_ORDER, job->ca->directory.new_order,
	    CA_JSON_MAX_BYTES, on_ordered, job);
}
