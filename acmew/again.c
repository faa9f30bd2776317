/*
 * again.c - an order that has failed, or that the CA has forgotten: another
 * one, where that may help.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    why it failed, says a CA.
 * Promise:  few orders (order-tries), ever longer pauses between them, and none
 *           for a reason that would stay.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#include "log.h"
#include "order.h"

#define PAUSE_GROWTH 5
#define NOT_FOUND    404

/* Why the order is invalid: its authorizations may know, or it does itself. */
static struct err *
failure_of(struct job *job)
{
	struct err *e = job->blame;

	job->blame = NULL;
	if (e != NULL)
		return e;
	e = job->order_error;
	job->order_error = NULL;
	if (e == NULL)
		e = err_advise(err_new("the CA made the order invalid and does "
				       "not say why"),
		    "try again");
	return err_wrap(e, "%s", job->order);
}

/* Longer than a resolver of the CA remembers that a record was missing. */
static unsigned
pause_secs(const struct job *job)
{
	unsigned secs = job->worker->config->order_pause_secs;

	for (unsigned i = 1; i < job->orders; i++)
		secs *= PAUSE_GROWTH;
	return secs;
}

/* NULL where another order follows: then it is told. */
struct err *
order_verdict(struct job *job)
{
	struct err *e = failure_of(job);
	unsigned tries = job->worker->config->order_tries;
	char text[1024];

	if (job->is_hopeless || job->orders >= tries)
		return e;
	snprintf(text, sizeof(text), "%.900s; order %u of %u in %u s",
	    err_text(e), job->orders + 1, tries, pause_secs(job));
	log_info("job %u: %s", job->number, text);
	job_progress(job, text);
	err_free(e);
	return NULL;
}

void
order_is_over(struct job *job)
{
	struct err *e = order_verdict(job);

	if (e != NULL)
		job_fail(job, e);
	else
		job_step(job, JE_AGAIN);
}

bool
is_forgotten(const struct answer *a)
{
	return a->status == NOT_FOUND && a->problem != PROBLEM_NO_ACCOUNT;
}

void
order_is_forgotten(struct job *job, struct err *e)
{
	err_free(job->blame);
	job->blame = err_advise(err_wrap(e, "the CA has forgotten the order"),
	    "the CA has trouble; try again later");
	order_is_over(job);
}

struct err *
rest_order(struct job *job)
{
	unsigned secs = pause_secs(job);
	struct timeval limit = { .tv_sec = 2 * (time_t)secs +
					   job_states[JS_REST].limit_secs };

	close_remember(job);
	job_forget_order(job);
	event_add(job->deadline, &limit);
	return job_wake(job, jitter(secs * 1000));
}
