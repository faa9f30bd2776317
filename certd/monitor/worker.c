/*
 * worker.c - acmew's connections: jobs are given out, wishes come in.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    decoded messages from acmew. Assume acmew is hostile.
 * Promise:  a worker reaches only the jobs that it was given; what it wants is
 *           decided in policy.c and done by the signer and the publisher; a
 *           refusal ends the job and leaves an audit line.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "monitor.h"

#define WORKERS_MAX	16
#define WORKERS_LOST_MAX 3 /* by one job */
#define QUEUE_MAX_BYTES (32u * 1024 * 1024)
#define PAST_JOBS	1024 /* as many as a worker can have */

struct worker {
	TAILQ_ENTRY(worker) link;
	struct monitor *m;
	struct channel *channel;
	uint32_t capacity, jobs;
	/* Jobs that it had: messages about them may still be on their way, and
	 * are passed over. A ring. */
	uint32_t past[PAST_JOBS];
	size_t past_n;
};

static struct job *
job_of_worker(struct worker *w, uint32_t id)
{
	struct job *j = job_find(w->m, id);

	return j == NULL || j->worker != w ? NULL : j;
}

void
worker_send(struct job *j, struct msg *m)
{
	struct err *e;

	if (j->worker == NULL)
		return;
	if ((e = channel_send(j->worker->channel, m, -1)) != NULL)
		job_fail(j, err_wrap(e, "answer to the worker"));
}

static void
turn_down(struct job *j, uint32_t id, const char *outcome, struct err *e)
{
	struct msg m = { .type = MSG_refused, .id = id };

	audit_job(j, "worker", outcome, "%s", err_text(e));
	m.refused.job = j->id;
	m.refused.reason = str_of(err_text(e));
	worker_send(j, &m);
	job_fail(j, e);
}

void
worker_refuse(struct job *j, uint32_t id, struct err *e)
{
	j->is_suspect = true;
	turn_down(j, id, "refused", e);
}

void
worker_disappoint(struct job *j, uint32_t id, struct err *e)
{
	turn_down(j, id, "failed", e);
}

/* The worker has the job no more. */
static void
let_go(struct job *j)
{
	struct worker *w = j->worker;

	w->past[w->past_n++ % PAST_JOBS] = j->id;
	w->jobs--;
	j->worker = NULL;
}

void
worker_drop(struct job *j)
{
	struct msg m = { .type = MSG_drop };

	if (j->worker == NULL)
		return;
	m.drop.job = j->id;
	if (!j->stored) /* otherwise it lets go by itself */
		worker_send(j, &m);
	if (j->worker != NULL && job_wants_closing(j))
		job_closing(j);
	else if (j->worker != NULL)
		let_go(j);
}

void
worker_let_go(struct job *j)
{
	if (j->worker != NULL)
		let_go(j);
}

/* ---- giving out jobs ---- */

static void
offer_issue(const struct job *j, struct msg *m)
{
	const struct config *cfg = j->m->cfg;

	m->type = MSG_job_issue;
	m->job_issue = (struct msg_job_issue) { .job = j->id,
		.directory = str_of(j->server),
		.names = { j->name_strs, j->n_names },
		.preferred_chain = str_of(j->preferred_chain),
		.propagation_timeout_secs = cfg->propagation_timeout_secs,
		.propagation_settle_secs = cfg->propagation_settle_secs,
		.propagation_least_secs = j->propagation_secs };
}

static void
offer_revoke(const struct job *j, struct msg *m)
{
	m->type = MSG_job_revoke;
	m->job_revoke = (struct msg_job_revoke) { .job = j->id,
		.directory = str_of(j->server) };
}

static void
offer_account(const struct job *j, struct msg *m)
{
	m->type = MSG_job_account;
	m->job_account = (struct msg_job_account) { .job = j->id,
		.kind = j->kind, .directory = str_of(j->server) };
}

static void
offer_probe(const struct job *j, struct msg *m)
{
	m->type = MSG_job_probe;
	m->job_probe = (struct msg_job_probe) { .job = j->id,
		.directory = str_of(j->server),
		.names = { j->name_strs, j->n_names } };
}

static void (*const offers[KIND_N])(const struct job *j, struct msg *m) = {
	[KIND_issue] = offer_issue,
	[KIND_revoke] = offer_revoke,
	[KIND_show] = offer_account,
	[KIND_register] = offer_account,
	[KIND_update] = offer_account,
	[KIND_deactivate] = offer_account,
	[KIND_rollover] = offer_account,
	[KIND_probe] = offer_probe,
};

static void
give(struct worker *w, struct job *j)
{
	struct msg m = { 0 };

	offers[j->kind](j, &m);
	m.id = channel_next_id(w->channel);
	j->worker = w;
	w->jobs++;
	job_given(j);
	worker_send(j, &m);
	if (j->kind != KIND_issue || j->order_url == NULL)
		return;
	m = (struct msg) { .type = MSG_job_order };
	m.job_order.job = j->id;
	m.job_order.url = str_of(j->order_url);
	worker_send(j, &m);
}

void
worker_dispatch(struct monitor *m)
{
	struct worker *w;
	struct job *j, *next;

	for (j = TAILQ_FIRST(&m->jobs); j != NULL; j = next) {
		next = TAILQ_NEXT(j, link);
		if (!job_waits_for_worker(j))
			continue;
		TAILQ_FOREACH(w, &m->workers, link)
			if (w->jobs < w->capacity)
				break;
		if (w == NULL)
			return;
		give(w, j);
	}
}

/* ---- the end of a job, and the way there ---- */

static struct err *
on_progress(struct job *j, const struct msg *m)
{
	struct grant grant = job_grant(j);
	char *text;
	bool last;

	if (!policy_tell(&grant, &j->budget, &last)) {
		if (last)
			audit_job(j, "worker", "refused", "more progress than "
			    "anybody reads: the rest is not shown");
		return NULL;
	}
	text = str_dup(m->progress.text);
	if (m->progress.stage < STAGE_store && text != NULL)
		job_progress(j, (enum stage)m->progress.stage, text);
	free(text);
	return NULL;
}

static struct err *
on_failed(struct job *j, const struct msg *m)
{
	const struct msg_failed *f = &m->failed;
	struct err *e = err_new("%s: %.*s", stage_label(f->stage),
	    (int)f->text.n, f->text.p);

	if (f->advice.n > 0)
		e = err_advise(e, "%.*s", (int)f->advice.n, f->advice.p);
	if (f->retry_at != 0)
		e = err_retry_at(e, (time_t)f->retry_at);
	let_go(j);
	if (j->closing) { /* it is over already */
		err_free(e);
		job_closed(j);
	} else {
		job_fail(j, e);
	}
	return NULL;
}

static struct err *
on_done(struct job *j, const struct msg *m)
{
	(void)m;
	let_go(j);
	if (j->closing)
		job_closed(j);
	else if (j->phase == JP_LOOK)
		job_stored(j);
	else if (!j->stored)
		job_fail(j, err_new("the worker gave the job up"));
	return NULL;
}

static const struct wish handlers[] = {
	{ MSG_progress, on_progress },
	{ MSG_failed, on_failed },
	{ MSG_done, on_done },
};

/* NULL where it is not served. */
static const struct wish *
find_handler(enum msg_type type)
{
	size_t i;

	for (i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].type == type)
			return &handlers[i];
	return wish_find(type);
}

/* Whether the job has messages left; else it ends. Progress has a limit of its
 * own. */
static bool
may_say(struct job *j, const struct msg *m)
{
	struct grant grant = job_grant(j);
	const char *why = m->type == MSG_progress ? NULL :
	    policy_say(&grant, &j->budget);

	if (why != NULL)
		worker_refuse(j, m->id, err_new("%s: %s",
		    msg_row(m->type)->name, why));
	return why == NULL;
}

/* What is still heard of a job that ends: that the worker lets go of it (it may
 * have failed at the same time), and signatures to close its order. */
static bool
is_of_the_end(const struct job *j, enum msg_type type)
{
	return type == MSG_done ||
	    (j->closing && (type == MSG_sign || type == MSG_failed));
}

static struct err *
on_message(void *arg, const struct msg *m, int fd)
{
	struct worker *w = arg;
	struct job *j;
	struct err *e;
	const struct wish *handler;

	(void)fd; /* no message of a worker carries one */
	if (m->type == MSG_ready) {
		if (w->capacity != 0)
			return err_new("ready: it said so before");
		w->capacity = m->ready.capacity;
		log_info("a worker is ready for %u orders", w->capacity);
		worker_dispatch(w->m);
		return NULL;
	}
	if ((handler = find_handler(m->type)) == NULL)
		return err_new("%s is not served", msg_row(m->type)->name);
	/* Every other message of a worker begins with its job, which
	 * job_phase() has found. */
	j = job_of_worker(w, m->sign.job);
	if (j == NULL || (j->ending && !is_of_the_end(j, m->type)))
		return NULL;
	if (!may_say(j, m))
		return NULL;
	if (audit_needed(m->type) && (e = audit_good(w->m)) != NULL) {
		worker_refuse(j, m->id, e);
		return NULL;
	}
	return handler->on(j, m);
}

static uint32_t
job_phase(void *arg, uint32_t id)
{
	struct worker *w = arg;
	const struct job *j = job_of_worker(w, id);
	size_t i;

	/* What it said before it heard that the job has failed is passed over
	 * by on_message(). */
	if (j != NULL)
		return (uint32_t)j->phase | (j->closing ? JP_ORDER : 0);
	for (i = 0; i < PAST_JOBS && i < w->past_n; i++)
		if (w->past[i] == id)
			return PH_JOBS;
	return 0;
}

/* A worker that has died is no reason for a job to fail. What it has asked for
 * counts: it wins no signatures by dying. */
static void
wait_for_another(struct job *j)
{
	if (j->kind != KIND_issue || j->ending ||
	    j->workers++ >= WORKERS_LOST_MAX) {
		job_fail(j, err_new("the worker has left"));
		return;
	}
	registration_pause(j);
	j->phase = JP_START;
	if (j->install == NULL)
		job_progress(j, STAGE_queued, "the worker has left");
}

static void
on_closed(void *arg, const struct err *reason)
{
	struct worker *w = arg;
	struct monitor *m = w->m;
	struct job *j, *next;

	if (reason != NULL)
		audit_certd(m, "", "worker", "refused", "cut off: %s",
		    err_text(reason));
	TAILQ_REMOVE(&m->workers, w, link);
	for (j = TAILQ_FIRST(&m->jobs); j != NULL; j = next) {
		next = TAILQ_NEXT(j, link);
		if (j->worker != w)
			continue;
		j->worker = NULL;
		if (j->closing)
			job_closed(j);
		if (reason != NULL)
			job_fail(j, err_new("the worker was cut off: %s",
			    err_text(reason)));
		else
			wait_for_another(j);
	}
	free(w);
	worker_dispatch(m);
}

static uint64_t
on_sending(void *arg)
{
	const struct worker *w = arg;

	return disk_before_sending(w->m);
}

static const struct channel_ops ops = { on_message, job_phase, on_closed,
	on_sending };

void
worker_accept(struct monitor *m, int fd)
{
	struct worker *w, *other;
	bool member;
	struct err *e;
	size_t n = 0;
	uid_t uid;
	pid_t pid;

	TAILQ_FOREACH(other, &m->workers, link)
		n++;
	if ((e = socket_peer(fd, (gid_t)-1, &uid, &pid, &member)) != NULL)
		goto fail;
	if (uid != m->worker_uid) {
		e = err_new("refused: uid %u is not the worker's",
		    (unsigned)uid);
		goto fail;
	}
	if (n >= WORKERS_MAX || (w = calloc(1, sizeof(*w))) == NULL) {
		e = err_new("too many workers");
		goto fail;
	}
	w->m = m;
	if ((e = channel_new(m->base, fd, ROLE_MONITOR, ROLE_WORKER, "acmew",
	    QUEUE_MAX_BYTES, &ops, w, &w->channel)) == NULL) {
		TAILQ_INSERT_TAIL(&m->workers, w, link);
		return;
	}
	free(w);
	goto out; /* the channel took fd */
fail:
	close(fd);
out:
	audit_certd(m, "", "connect", "refused", "worker socket: %s",
	    err_text(e));
	err_free(e);
}

void
workers_go_on(struct monitor *m, uint64_t number)
{
	struct worker *w;

	TAILQ_FOREACH(w, &m->workers, link)
		channel_go_on(w->channel, number);
}

void
worker_close_all(struct monitor *m)
{
	struct worker *w;

	while ((w = TAILQ_FIRST(&m->workers)) != NULL) {
		TAILQ_REMOVE(&m->workers, w, link);
		channel_free(w->channel);
		free(w);
	}
}

uint32_t
workers_ready(const struct monitor *m)
{
	const struct worker *w;
	uint32_t n = 0;

	TAILQ_FOREACH(w, &m->workers, link)
		n += w->capacity;
	return n;
}
