/*
 * worker.c - the messages of certd, and the jobs that they are about.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    decoded messages of certd.
 * Promise:  an answer reaches the job that asked; a job that is over already is
 *           passed over, because certd may not have heard of it yet.
 */
#include <event2/event.h>

#include "log.h"
#include "order.h"

#define QUEUE_MAX_BYTES                                                        \
	(32u * 1024 * 1024) /* 64 jobs, a chain each, and room */

static struct job *
find_job(struct worker *w, uint32_t number)
{
	struct job *job;

	LIST_FOREACH(job, &w->jobs, of_worker)
		if (job->number == number)
			return job;
	return NULL;
}

/* A job that cannot be begun fails as one that could. */
static struct err *
refuse_job(struct worker *w, uint32_t number, struct err *e)
{
	struct msg m = { .type = MSG_failed };

	m.id = channel_next_id(w->channel);
	m.failed.job = number;
	m.failed.stage = STAGE_queued;
	m.failed.text = str_of(err_text(e));
	m.failed.advice = str_of(err_advice(e));
	log_err(LOG_LEVEL_ERROR, channel_send(w->channel, &m, -1));
	log_err(LOG_LEVEL_WARN, err_wrap(e, "job %u", number));
	return NULL;
}

/* What a message that gives a job says; false for any other message. */
static bool
read_terms(const struct msg *m, struct job_terms *t)
{
	switch (m->type) {
	case MSG_job_issue:
		*t = (struct job_terms){ m->job_issue.job, KIND_issue,
			m->job_issue.directory, &m->job_issue, { NULL, 0 } };
		return true;
	case MSG_job_revoke:
		*t = (struct job_terms){ m->job_revoke.job, KIND_revoke,
			m->job_revoke.directory, NULL, { NULL, 0 } };
		return true;
	case MSG_job_account:
		*t = (struct job_terms){ m->job_account.job,
			(enum job_kind)m->job_account.kind,
			m->job_account.directory, NULL, { NULL, 0 } };
		return true;
	case MSG_job_probe:
		*t = (struct job_terms){ m->job_probe.job, KIND_probe,
			m->job_probe.directory, NULL, m->job_probe.names };
		return true;
	default:
		return false;
	}
}

static struct err *
on_job(struct worker *w, const struct job_terms *t)
{
	struct job *job;
	struct err *e;

	if (find_job(w, t->number) != NULL)
		return err_new("job %u is given a second time", t->number);
	if (t->kind >= KIND_N || (t->kind == KIND_issue && t->issue == NULL))
		return refuse_job(w, t->number,
		    err_new("this version knows no "
			    "kind %d of jobs",
			(int)t->kind));
	if (w->n_jobs >= w->capacity)
		return refuse_job(w, t->number,
		    err_new("the worker has %u jobs already", w->n_jobs));
	if ((e = job_new(w, t, &job)) != NULL)
		return refuse_job(w, t->number, e);
	log_info("job %u: %s%s%.*s%s at %.*s", job->number,
	    kind_word(job->kind), job->names.n > 0 ? " " : "",
	    job->names.n > 0 ? (int)job->names.v[0].n : 0,
	    job->names.n > 0 ? job->names.v[0].p : "",
	    job->names.n > 1 ? " and others" : "", (int)t->directory.n,
	    t->directory.p);
	job_step(job, JE_START);
	return NULL;
}

/* Comes right behind the job: what asks for the order waits for certd's word
 * about the account, which comes later. */
static struct err *
on_job_order(struct job *job, const struct msg *m)
{
	if (job->kind != KIND_issue || job->order != NULL)
		return err_new("an order for a job that needs none");
	if ((job->order = str_dup(m->job_order.url)) == NULL)
		return err_sys("order");
	return NULL;
}

static struct err *
on_refused(struct job *job, const struct msg *m)
{
	log_warn("job %u: refused by certd: %.*s", job->number,
	    (int)m->refused.reason.n, m->refused.reason.p);
	job_step(job, JE_REFUSED);
	return NULL;
}

static struct err *
on_drop(struct job *job, const struct msg *m)
{
	(void)m;
	job_step(job, JE_DROPPED);
	return NULL;
}

static const struct handler {
	enum msg_type type;
	struct err *(*on)(struct job *job, const struct msg *m);
} handlers[] = {
	{ MSG_job_order, on_job_order },
	{ MSG_account_is, on_account_is },
	{ MSG_account_none, on_account_none },
	{ MSG_account_spare, on_account_spare },
	{ MSG_account_unsure, on_account_unsure },
	{ MSG_signature, on_signed },
	{ MSG_published, on_published },
	{ MSG_chain_unlike, on_chain_unlike },
	{ MSG_stored, on_stored },
	{ MSG_refused, on_refused },
	{ MSG_drop, on_drop },
};

static struct err *
on_message(void *arg, const struct msg *m, int fd)
{
	struct worker *w = arg;
	struct job_terms t;
	struct job *job;

	(void)fd; /* no message of certd carries one */
	if (read_terms(m, &t))
		return on_job(w, &t);
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		if (handlers[i].type != m->type)
			continue;
		/* All of these begin with the job's number. */
		if ((job = find_job(w, m->signature.job)) == NULL)
			return NULL;
		return handlers[i].on(job, m);
	}
	return err_new("message %u is not served", (unsigned)m->type);
}

static void
on_closed(void *arg, const struct err *reason)
{
	struct worker *w = arg;

	w->channel = NULL;
	w->failed = reason != NULL;
	event_base_loopbreak(w->base);
}

struct err *
worker_start(struct worker *w, int fd)
{
	static const struct channel_ops ops = { .message = on_message,
		.closed = on_closed };
	struct msg ready = { .type = MSG_ready };
	struct err *e;

	e = channel_new(w->base, fd, ROLE_WORKER, ROLE_MONITOR, "certd",
	    QUEUE_MAX_BYTES, &ops, w, &w->channel);
	if (e != NULL)
		return e;
	ready.id = channel_next_id(w->channel);
	ready.ready.capacity = w->capacity;
	return channel_send(w->channel, &ready, -1);
}

void
worker_stop(struct worker *w)
{
	struct job *job;
	struct ca *ca;

	while ((job = LIST_FIRST(&w->jobs)) != NULL)
		job_free(job);
	while ((ca = LIST_FIRST(&w->cas)) != NULL)
		ca_free(ca);
	channel_free(w->channel);
	w->channel = NULL;
}
