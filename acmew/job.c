/*
 * job.c - a job: what belongs to it, and what it tells certd.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    the messages of certd that give jobs.
 * Promise:  freeing a job cancels everything that could still call back for it;
 *           every text that leaves is bounded and printable.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "order.h"

#define FAILED_TEXT_MAX   4096 /* the bounds of messages.def */
#define FAILED_ADVICE_MAX 1024
#define PROGRESS_TEXT_MAX 1024

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	job_step(arg, JE_POLL);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	job_step(arg, JE_LATE);
}

/* The names in one block: the list, and the texts behind it. */
static struct err *
copy_names(struct strs *to, const struct strs *from)
{
	struct str *list;
	size_t bytes = from->n * sizeof(*list);
	char *text;

	for (size_t i = 0; i < from->n; i++)
		bytes += from->v[i].n;
	if ((list = malloc(bytes)) == NULL)
		return err_sys("names");
	text = (char *)(list + from->n);
	for (size_t i = 0; i < from->n; i++) {
		list[i] = (struct str){ text, from->v[i].n };
		memcpy(text, from->v[i].p, from->v[i].n);
		text += from->v[i].n;
	}
	*to = (struct strs){ list, from->n };
	return NULL;
}

static struct err *
fill_issue(struct job *job, const struct msg_job_issue *m)
{
	job->timeout_secs = m->propagation_timeout_secs;
	job->settle_secs = m->propagation_settle_secs;
	job->least_secs = m->propagation_least_secs;
	job->preferred_chain = str_dup(m->preferred_chain);
	if (job->preferred_chain == NULL)
		return err_new("out of memory");
	return copy_names(&job->names, &m->names);
}

static struct err *
fill_job(struct job *job, const struct job_terms *t)
{
	struct err *e;

	job->number = t->number;
	job->kind = t->kind;
	job->timer = evtimer_new(job->worker->base, on_timer, job);
	job->deadline = evtimer_new(job->worker->base, on_deadline, job);
	if (job->timer == NULL || job->deadline == NULL)
		return err_new("out of memory");
	if (t->issue != NULL && (e = fill_issue(job, t->issue)) != NULL)
		return e;
	if (t->kind == KIND_probe &&
	    (e = copy_names(&job->names, &t->names)) != NULL)
		return e;
	return ca_find(job->worker, t->directory, &job->ca);
}

struct err *
job_new(struct worker *w, const struct job_terms *t, struct job **out)
{
	struct timeval limit = { .tv_sec =
				     job_states[JS_DIRECTORY].limit_secs };
	struct job *job = calloc(1, sizeof(*job));
	struct err *e;

	if (job == NULL)
		return err_sys("job");
	job->worker = w;
	job->retry_after_secs = -1;
	LIST_INIT(&job->requests);
	LIST_INSERT_HEAD(&w->jobs, job, of_worker);
	w->n_jobs++;
	if ((e = fill_job(job, t)) != NULL) {
		job_free(job);
		return e;
	}
	event_add(job->deadline, &limit);
	*out = job;
	return NULL;
}

static void
clear_authorization(struct authorization *a)
{
	free(a->url);
	free(a->challenge);
	free(a->token);
	free(a->asked);
	free(a->record);
	free(a->value);
	for (size_t i = 0; i < a->n_servers; i++)
		free(a->servers[i]);
	free(a->servers);
}

void
job_forget_order(struct job *job)
{
	for (size_t i = 0; i < job->n_authorizations; i++)
		clear_authorization(&job->authorizations[i]);
	free(job->authorizations);
	free(job->order);
	free(job->finalize);
	free(job->certificate);
	err_free(job->order_error);
	err_free(job->blame);
	job->authorizations = NULL;
	job->n_authorizations = 0;
	job->order = job->finalize = job->certificate = NULL;
	job->order_error = job->blame = NULL;
	job->finalizes = job->polls = 0;
}

void
job_free(struct job *job)
{
	struct request *r;

	if (job == NULL)
		return;
	LIST_REMOVE(job, of_worker);
	job->worker->n_jobs--;
	if (job->ca != NULL)
		ca_leave(job->ca, job);
	while ((r = LIST_FIRST(&job->requests)) != NULL)
		request_free(r);
	if (job->looks != NULL)
		looks_free(job);
	watch_free(job->watch);
	probe_free(job->probe);
	job_forget_order(job);
	close_forget(job);
	if (job->timer != NULL)
		event_free(job->timer);
	if (job->deadline != NULL)
		event_free(job->deadline);
	err_free(job->failure);
	free((void *)(uintptr_t)job->names.v);
	free(job->preferred_chain);
	alternates_clear(&job->alternates);
	free(job->account);
	free(job);
}

struct err *
text_replace(char **to, const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL)
		return err_sys("text");
	free(*to);
	*to = copy;
	return NULL;
}

struct err *
job_wake(struct job *job, unsigned msecs)
{
	struct timeval tv = { msecs / 1000, (msecs % 1000) * 1000 };

	return event_add(job->timer, &tv) == -1 ? err_new("cannot set a timer")
						: NULL;
}

/* ---- what certd hears ---- */

struct err *
job_ask(struct job *job, struct msg *m, uint32_t *id)
{
	struct channel *c = job->worker->channel;

	if (c == NULL)
		return err_new("certd is gone");
	m->id = channel_next_id(c);
	/* Every message of a job begins with its number. */
	m->sign.job = job->number;
	if (id != NULL)
		*id = m->id;
	return channel_send(c, m, -1);
}

/* What cannot even be said is logged; the job's end does not depend on it. */
static void
tell(struct job *job, struct msg *m)
{
	log_err(LOG_LEVEL_WARN,
	    err_wrap(job_ask(job, m, NULL), "job %u", job->number));
}

void
job_progress(struct job *job, const char *text)
{
	char shown[PROGRESS_TEXT_MAX];
	struct msg m = { .type = MSG_progress };

	text_escape(shown, sizeof(shown), text, strlen(text));
	m.progress.stage = job_states[job->state].stage;
	m.progress.text = str_of(shown);
	tell(job, &m);
}

/* Where the job failed: closing its order comes after that. */
static const struct job_state_row *
failed_in(const struct job *job)
{
	return &job_states[job->state == JS_CLOSE ? job->ended_in : job->state];
}

struct err *
report_failure(struct job *job)
{
	char text[FAILED_TEXT_MAX], advice[FAILED_ADVICE_MAX];
	char clock[CLOCK_TEXT_SIZE];
	const char *why, *hint;
	time_t when = err_when(job->failure);
	struct msg m = { .type = MSG_failed };

	/* Whatever it was: a clock that is wrong may well be the reason. */
	if (*ca_clock_text(job->ca, clock) != '\0')
		job->failure = err_wrap(job->failure, "%s", clock);
	why = err_text(job->failure);
	hint = err_advice(job->failure);
	text_escape(text, sizeof(text), why, strlen(why));
	text_escape(advice, sizeof(advice), hint, strlen(hint));
	m.failed.stage = failed_in(job)->stage;
	m.failed.text = str_of(text);
	m.failed.advice = str_of(advice);
	m.failed.retry_at = when > 0 ? (uint64_t)when : 0;
	log_info("job %u: failed while %s: %s", job->number,
	    stage_label(failed_in(job)->stage), text);
	tell(job, &m);
	return NULL;
}

void
job_fail_late(struct job *job)
{
	err_free(job->failure);
	job->failure =
	    err_advise(err_new("%s: not done after %u s",
			   job->order == NULL ? job->ca->url : job->order,
			   failed_in(job)->limit_secs),
		"the CA, or certd, is slow; try again later");
}

struct err *
report_late(struct job *job)
{
	job_fail_late(job);
	return report_failure(job);
}

struct err *
report_done(struct job *job)
{
	struct msg m = { .type = MSG_done };

	tell(job, &m);
	return NULL;
}

struct err *
forget_job(struct job *job)
{
	log_info("job %u: ended by certd", job->number);
	return NULL;
}
