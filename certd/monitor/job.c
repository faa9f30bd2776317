/*
 * job.c - the life of a job: prepared, given to a worker, tidied up.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    steps that end, well or not.
 * Promise:  however a job ends, its records are removed and its key is either
 *           in the store or gone; a job ends once, and within its limit.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "log.h"
#include "monitor.h"

/* A job that has not ended by then never will: every wait inside has a shorter
 * deadline. */
#define JOB_LIMIT_SECS 7200
/* To be looked at: until acmew is there, and then longer than it takes for that
 * (JS_PROBE). Somebody waits for it. */
#define PROBE_WAIT_SECS	 10
#define PROBE_LIMIT_SECS 20
/* Longer than acmew takes for that (JS_CLOSE). */
#define CLOSE_LIMIT_SECS 30
/* A job that certd did not survive so often is perhaps why. */
#define STARTS_MAX 5

static struct err *wait_for_worker(struct job *j);
static struct err *end(struct job *j);

/* What a step is for. */
enum part { PREPARE, WORK, TIDY };

/* The steps of a kind of job in their order. begin starts one; it ends with
 * job_step_done(), or that of WORK with job_stored() or job_fail(), at once or
 * later. A failure goes on at the first one of TIDY. */
struct step {
	enum part part;
	enum stage stage;
	bool is_told; /* at once; otherwise where there is something to do */
	struct err *(*begin)(struct job *j);
};

static const struct step issue_steps[] = {
	{ PREPARE, STAGE_queued, false, publisher_prepare },
	{ PREPARE, STAGE_account, false, registration_start },
	{ PREPARE, STAGE_key, true, key_prepare },
	{ WORK, STAGE_queued, false, wait_for_worker },
	{ TIDY, STAGE_cleanup, false, records_remove },
	{ TIDY, STAGE_hooks, false, deploy_run },
	{ TIDY, STAGE_done, true, end },
};

static const struct step revoke_steps[] = {
	{ PREPARE, STAGE_account, false, registration_start },
	{ WORK, STAGE_queued, false, wait_for_worker },
	{ TIDY, STAGE_store, false, revoke_note },
	{ TIDY, STAGE_done, true, end },
};

static const struct step account_steps[] = {
	{ PREPARE, STAGE_account, false, registration_start },
	{ PREPARE, STAGE_key, false, rollover_prepare },
	{ WORK, STAGE_queued, false, wait_for_worker },
	{ TIDY, STAGE_store, false, account_settle },
	{ TIDY, STAGE_done, true, end },
};

static const struct step probe_steps[] = {
	{ WORK, STAGE_queued, false, wait_for_worker },
	{ TIDY, STAGE_done, false, probe_end },
};

static const struct kind {
	const struct step *steps;
	const char *wish; /* "NAME asks ..." of the audit */
	bool has_lineage; /* it works on a certificate of the store */
	bool may_fail;	  /* failures are remembered, and make it wait */
	bool only_looks;  /* nothing is written down about it */
} kinds[KIND_N] = {
	[KIND_issue] = { issue_steps, "for a certificate", true, true, false },
	[KIND_revoke] = { revoke_steps, "to revoke a certificate", true,
		false, false },
	[KIND_show] = { account_steps, "for the account", false, false,
		false },
	[KIND_register] = { account_steps, "for an account", false, false,
		false },
	[KIND_update] = { account_steps, "to change the account's contacts",
		false, false, false },
	[KIND_deactivate] = { account_steps, "to deactivate the account",
		false, false, false },
	[KIND_rollover] = { account_steps, "to change the account's key",
		false, false, false },
	[KIND_probe] = { probe_steps, "to look", false, false, true },
};

static void wind_up(struct job *j);

static const struct step *
step_of(const struct job *j)
{
	return &kinds[j->kind].steps[j->step];
}

static bool
is_tidying(const struct job *j)
{
	return step_of(j)->part == TIDY;
}

static void
begin(struct job *j)
{
	const struct step *step = step_of(j);
	struct err *e;

	if (step->is_told)
		job_progress(j, step->stage, "");
	if ((e = step->begin(j)) != NULL)
		job_step_done(j, e);
}

void
job_step_done(struct job *j, struct err *e)
{
	if (!is_tidying(j) && j->ending) {
		err_free(e);
	} else if (!is_tidying(j) && j->stored) {
		/* By an earlier run: the publisher was all that it needed. */
		log_err(LOG_LEVEL_WARN, err_wrap(e, "job %u (%s)", j->id,
		    j->lineage));
		wind_up(j);
	} else if (!is_tidying(j) && e != NULL) {
		job_fail(j, e);
	} else {
		log_err(LOG_LEVEL_WARN, err_wrap(e, "job %u (%s)", j->id,
		    j->lineage));
		j->step++;
		begin(j);
	}
}

/* What happened is decided; the rest is tidying up. It begins from the event
 * loop, so that nobody who fails a job finds it gone, and once every question
 * that is under way has its answer: it may tell of a record that was made. */
static void
wind_up(struct job *j)
{
	j->ending = true;
	if (j->kind == KIND_issue)
		key_drop(j);
	worker_drop(j);
	install_cancel(j);
	if (!j->closing)
		registration_drop(j);
	event_active(j->wake, EV_TIMEOUT, 0);
}

/* An order that was placed and not finalized: the CA counts what is pending of
 * it. */
bool
job_wants_closing(const struct job *j)
{
	return j->kind == KIND_issue && !j->stored && !j->is_suspect &&
	    (j->phase == JP_ORDER || j->phase == JP_CLOSE);
}

/* The account's key stays with the job until then. */
void
job_closing(struct job *j)
{
	struct timeval limit = { .tv_sec = CLOSE_LIMIT_SECS };

	j->closing = true;
	j->phase = JP_CLOSE;
	job_hold(j);
	(void)event_add(j->deadline, &limit);
}

void
job_closed(struct job *j)
{
	j->closing = false;
	registration_drop(j);
	job_release(j);
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct job *j = arg;

	(void)fd;
	(void)what;
	if (!j->ending || j->pending > 0 || is_tidying(j))
		return;
	while (!is_tidying(j))
		j->step++;
	begin(j);
}

void
job_fail(struct job *j, struct err *e)
{
	if (j->ending) {
		err_free(e);
		return;
	}
	j->failure = e;
	wind_up(j);
}

void
job_stored(struct job *j)
{
	if (j->ending)
		return;
	j->stored = true;
	wind_up(j);
}

void
job_hold(struct job *j)
{
	j->pending++;
}

void
job_release(struct job *j)
{
	if (--j->pending > 0)
		return;
	if (j->ending)
		event_active(j->wake, EV_TIMEOUT, 0);
	else if (j->workers > 0) /* it may have waited for that */
		worker_dispatch(j->m);
}

void
job_progress(struct job *j, enum stage stage, const char *text)
{
	char line[2200]; /* a text of a message, and a label */

	j->stage = stage;
	(void)snprintf(line, sizeof(line), "%s%s%s", stage_label(stage),
	    *text == '\0' ? "" : ": ", text);
	journal_line(j, LOG_LEVEL_INFO, line);
	control_event(j, stage, text);
	monitor_show(j->m);
}

/* ---- the ledger's view ---- */

static struct err *
save(struct job *j, enum job_row_state state)
{
	char *names = names_text(j);
	struct buf *options = NULL;
	struct ledger_job row = { .id = j->id, .kind = kind_word(j->kind),
		.lineage = j->lineage, .names = names, .server = j->server,
		.account = j->account == NULL ? "" :
		    registration_id(j->account),
		.phase = j->phase, .order_url = j->order_url,
		.created = j->created, .state = state };
	struct err *e = names == NULL ? err_sys("job") : NULL;

	if (e == NULL && (e = job_describe(j, &options)) == NULL) {
		row.options = buf_data(options);
		e = j->id == 0 ? ledger_job_add(j->m->ledger, &row) :
		    ledger_job_update(j->m->ledger, &row);
	}
	j->id = row.id;
	buf_free(options);
	free(names);
	return e;
}

struct err *
job_save(struct job *j)
{
	return save(j, j->deploying ? ROW_DEPLOYING : ROW_OPEN);
}

struct err *
job_ordered(struct job *j, struct str url)
{
	free(j->order_url);
	j->order_url = str_dup(url);
	return j->order_url == NULL ? err_sys("order URL") : job_save(j);
}

/* ---- steps that are no other file's ---- */

static struct err *
wait_for_worker(struct job *j)
{
	j->phase = kinds[j->kind].only_looks ? JP_LOOK : JP_START;
	worker_dispatch(j->m);
	if (j->worker == NULL && !j->ending)
		job_progress(j, STAGE_queued, "");
	return NULL;
}

void
job_given(struct job *j)
{
	struct timeval limit = { .tv_sec = PROBE_LIMIT_SECS };

	if (kinds[j->kind].only_looks)
		(void)event_add(j->deadline, &limit);
}

bool
job_waits_for_worker(const struct job *j)
{
	/* What the last worker has asked for must not reach the next. */
	return step_of(j)->part == WORK && j->worker == NULL && !j->ending &&
	    j->install == NULL && (j->workers == 0 || j->pending == 0);
}

/* The failure, where it is one that makes others wait; an earlier interruption
 * is over. */
static struct err *
remember(struct job *j)
{
	char what[300];

	struct err *e;

	(void)snprintf(what, sizeof(what), "%s %s", kind_word(j->kind),
	    j->lineage);
	if ((e = failure_drop_note(j->m, j->server, what)) == NULL &&
	    kinds[j->kind].may_fail)
		e = failure_remember(j);
	return e;
}

/* True where the row stays, for the sake of the post hooks. */
static bool
end_row(struct job *j)
{
	struct err *e;

	if (batch_keeps(j)) {
		e = save(j, j->failure == NULL ? ROW_GOOD : ROW_BAD);
		if (e == NULL)
			return true;
		log_err(LOG_LEVEL_ERROR, e);
	}
	log_err(LOG_LEVEL_ERROR, ledger_job_remove(j->m->ledger, j->id));
	return false;
}

/* The last step: everybody is told, and the job is gone. */
static struct err *
end(struct job *j)
{
	struct monitor *m = j->m;
	bool kept;

	key_drop(j);
	store_unstage(m->store, j->id);
	log_err(LOG_LEVEL_ERROR, remember(j));
	kept = end_row(j);
	if (j->failure != NULL)
		journal_line(j, LOG_LEVEL_ERROR, err_text(j->failure));
	audit_job(j, "end", j->failure == NULL ? "done" : "failed", "%s%s%u "
	    "signatures for reading", j->failure == NULL ? "" :
	    err_text(j->failure), j->failure == NULL ? "" : "; ",
	    j->budget.signed_n[VERB_GET]);
	control_result(j, j->failure, "");
	publisher_release(j);
	if (j->batch != NULL)
		batch_job_ended(j, kept);
	job_leave(j);
	return NULL;
}

void
job_leave(struct job *j)
{
	struct monitor *m = j->m;

	TAILQ_REMOVE(&m->jobs, j, link);
	job_discard(j);
	worker_dispatch(m); /* its place is free */
	monitor_rest(m);
}

/* ---- beginning ---- */

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct job *j = arg;

	(void)fd;
	(void)what;
	if (j->closing) {
		worker_let_go(j);
		job_closed(j);
	}
	if (kinds[j->kind].only_looks)
		job_fail(j, err_new("nothing was seen within %d s",
		    j->worker == NULL ? PROBE_WAIT_SECS : PROBE_LIMIT_SECS));
	else
		job_fail(j, err_new("not done after %d minutes, in stage "
		    "\"%s\"", JOB_LIMIT_SECS / 60, stage_word(j->stage)));
}

/* It is under way, until its time is up. */
static struct err *
enlist(struct job *j, time_t secs)
{
	struct timeval limit = { .tv_sec = secs };
	struct err *e;

	if (!kinds[j->kind].only_looks && (e = job_save(j)) != NULL)
		return e;
	j->deadline = event_new(j->m->base, -1, 0, on_deadline, j);
	j->wake = event_new(j->m->base, -1, 0, on_wake, j);
	if (j->deadline == NULL || j->wake == NULL ||
	    event_add(j->deadline, &limit) == -1)
		return err_new("job: out of memory");
	TAILQ_INSERT_TAIL(&j->m->jobs, j, link);
	return NULL;
}

struct err *
job_start(struct job *j)
{
	bool only_looks = kinds[j->kind].only_looks;
	struct err *e = enlist(j, only_looks ? PROBE_WAIT_SECS :
	    JOB_LIMIT_SECS);

	if (e == NULL && !only_looks)
		audit_job(j, "ask", "asked", "%s", kinds[j->kind].wish);
	return e;
}

struct err *
job_resume(struct job *j)
{
	time_t now = time(NULL), left = j->created + JOB_LIMIT_SECS - now;
	struct err *e;

	/* A clock that was set back must not give it time without end. */
	if (j->created > now)
		left = JOB_LIMIT_SECS;
	if (j->starts >= STARTS_MAX)
		return err_new("interrupted %u times", j->starts + 1);
	if (left <= 0 && !j->stored)
		return err_new("interrupted, and not taken up again within "
		    "%d minutes", JOB_LIMIT_SECS / 60);
	j->starts++;
	if ((e = enlist(j, left > 0 ? left : 1)) == NULL)
		audit_job(j, "resume", "done", "%s%s%s", kinds[j->kind].wish,
		    j->order_url == NULL ? "" : ", order ",
		    j->order_url == NULL ? "" : j->order_url);
	return e;
}

bool
job_is_of_lineage(const struct job *j)
{
	return kinds[j->kind].has_lineage;
}

void
job_run(struct job *j)
{
	j->step = 0;
	begin(j);
}
