/*
 * order.c - one job as a state machine, a table a kind.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    events, into which callbacks have translated what happened.
 * Promise:  what may follow what stands in tables; every state can fail, and
 *           every stage has a deadline.
 */
#include <event2/event.h>

#include "log.h"
#include "order.h"

/* The state, the event, what is done, and the state that follows. The action
 * runs in the new state and may raise the next event. */

/* To an account, and the end: the same for all kinds. */
static const struct job_row shared_rows[] = {
	{ JS_DIRECTORY, JE_START, want_directory, JS_DIRECTORY },
	{ JS_DIRECTORY, JE_DIRECTORY, ask_account, JS_ACCOUNT },
	{ JS_ACCOUNT, JE_UNSURE, find_new_key, JS_FIND_NEW },
	{ JS_FIND_NEW, JE_NEW_KEY, await_certd, JS_ACCOUNT },
	{ JS_FIND_NEW, JE_NO_ACCOUNT, find_old_key, JS_FIND_OLD },
	{ JS_FIND_OLD, JE_OLD_KEY, await_certd, JS_ACCOUNT },

	{ JS_ANY, JE_FAILED, report_failure, JS_OVER },
	{ JS_ANY, JE_LATE, report_late, JS_OVER },
	{ JS_ANY, JE_REFUSED, forget_job, JS_OVER },
	{ JS_ANY, JE_DROPPED, report_done, JS_OVER },
};

static const struct job_row issue_rows[] = {
	{ JS_ACCOUNT, JE_ACCOUNT, place_order, JS_ORDER },
	{ JS_ACCOUNT, JE_NO_ACCOUNT, make_account, JS_REGISTER },
	{ JS_REGISTER, JE_REGISTERED, place_order, JS_ORDER },
	{ JS_ORDER, JE_GONE, tell_gone, JS_ACCOUNT },

	{ JS_ACCOUNT, JE_KNOWN, find_order, JS_RESUME },
	{ JS_REGISTER, JE_KNOWN, find_order, JS_RESUME },
	{ JS_RESUME, JE_PENDING, read_authorizations, JS_AUTHORIZE },
	{ JS_RESUME, JE_READY, finalize_order, JS_FINALIZE },
	{ JS_RESUME, JE_PROCESSING, poll_later, JS_ISSUE },
	{ JS_RESUME, JE_VALID, download_chain, JS_DOWNLOAD },
	{ JS_RESUME, JE_INVALID, place_order, JS_ORDER },
	{ JS_RESUME, JE_GONE, tell_gone, JS_ACCOUNT },

	{ JS_ORDER, JE_PENDING, read_authorizations, JS_AUTHORIZE },
	{ JS_ORDER, JE_READY, finalize_order, JS_FINALIZE },
	{ JS_ORDER, JE_INVALID, read_authorizations, JS_BLAME },
	{ JS_AUTHORIZE, JE_CHALLENGED, look_for_aliases, JS_LOOK },
	{ JS_AUTHORIZE, JE_AUTHORIZED, finalize_order, JS_FINALIZE },
	{ JS_LOOK, JE_LOOKED, publish_records, JS_PUBLISH },
	{ JS_LOOK, JE_POLL, publish_records, JS_PUBLISH },
	{ JS_PUBLISH, JE_PUBLISHED, watch_servers, JS_PROPAGATE },
	{ JS_PROPAGATE, JE_PROPAGATED, answer_challenges, JS_ANSWER },

	{ JS_ANSWER, JE_ANSWERED, poll_later, JS_VALIDATE },
	{ JS_ANSWER, JE_AUTHORIZED, finalize_order, JS_FINALIZE },
	{ JS_VALIDATE, JE_POLL, poll_order, JS_VALIDATE },
	{ JS_VALIDATE, JE_PENDING, poll_later, JS_VALIDATE },
	{ JS_VALIDATE, JE_DOUBT, read_authorizations, JS_RECHECK },
	{ JS_VALIDATE, JE_READY, finalize_order, JS_FINALIZE },
	{ JS_VALIDATE, JE_PROCESSING, poll_later, JS_ISSUE },
	{ JS_VALIDATE, JE_VALID, download_chain, JS_DOWNLOAD },
	{ JS_VALIDATE, JE_INVALID, read_authorizations, JS_BLAME },
	{ JS_RECHECK, JE_CHALLENGED, poll_later, JS_VALIDATE },
	{ JS_RECHECK, JE_UNANSWERED, answer_challenges, JS_ANSWER },
	{ JS_RECHECK, JE_AUTHORIZED, finalize_order, JS_FINALIZE },

	{ JS_AUTHORIZE, JE_AGAIN, rest_order, JS_REST },
	{ JS_RECHECK, JE_AGAIN, rest_order, JS_REST },
	{ JS_BLAME, JE_AGAIN, rest_order, JS_REST },
	{ JS_ANSWER, JE_AGAIN, rest_order, JS_REST },
	{ JS_VALIDATE, JE_AGAIN, rest_order, JS_REST },
	{ JS_FINALIZE, JE_AGAIN, rest_order, JS_REST },
	{ JS_ISSUE, JE_AGAIN, rest_order, JS_REST },
	{ JS_REST, JE_POLL, place_order, JS_ORDER },

	{ JS_FINALIZE, JE_PROCESSING, poll_later, JS_ISSUE },
	{ JS_FINALIZE, JE_READY, poll_later, JS_ISSUE },
	{ JS_FINALIZE, JE_UNSURE, poll_later, JS_ISSUE },
	{ JS_FINALIZE, JE_NOT_READY, poll_later, JS_VALIDATE },
	{ JS_FINALIZE, JE_VALID, download_chain, JS_DOWNLOAD },
	{ JS_FINALIZE, JE_INVALID, read_authorizations, JS_BLAME },
	{ JS_ISSUE, JE_POLL, poll_order, JS_ISSUE },
	{ JS_ISSUE, JE_PROCESSING, poll_later, JS_ISSUE },
	{ JS_ISSUE, JE_READY, finalize_order, JS_FINALIZE },
	{ JS_ISSUE, JE_VALID, download_chain, JS_DOWNLOAD },
	{ JS_ISSUE, JE_INVALID, read_authorizations, JS_BLAME },
	{ JS_DOWNLOAD, JE_CHAIN, hand_chain_over, JS_STORE },
	{ JS_DOWNLOAD, JE_UNLIKE, next_chain, JS_DOWNLOAD },
	{ JS_STORE, JE_UNLIKE, next_chain, JS_DOWNLOAD },
	{ JS_STORE, JE_STORED, report_done, JS_OVER },

	{ JS_ANY, JE_FAILED, close_failed, JS_CLOSE },
	{ JS_ANY, JE_LATE, close_late, JS_CLOSE },
	{ JS_ANY, JE_REFUSED, close_order, JS_CLOSE },
	{ JS_ANY, JE_DROPPED, close_order, JS_CLOSE },
	{ JS_CLOSE, JE_CLOSED, report_end, JS_OVER },
};

static const struct job_row revoke_rows[] = {
	{ JS_ACCOUNT, JE_ACCOUNT, revoke_certificate, JS_REVOKE },
	{ JS_ACCOUNT, JE_SPARE, revoke_certificate, JS_REVOKE },
	{ JS_REVOKE, JE_GONE, tell_gone, JS_ACCOUNT },
	{ JS_REVOKE, JE_ACHIEVED, report_done, JS_OVER },
};

static const struct job_row show_rows[] = {
	{ JS_ACCOUNT, JE_ACCOUNT, show_account, JS_CHANGE },
	{ JS_CHANGE, JE_GONE, tell_gone, JS_ACCOUNT },
	{ JS_CHANGE, JE_ACHIEVED, report_done, JS_OVER },
};

static const struct job_row register_rows[] = {
	{ JS_ACCOUNT, JE_NO_ACCOUNT, make_account, JS_REGISTER },
	{ JS_REGISTER, JE_REGISTERED, tell_registered, JS_CHANGE },
	{ JS_CHANGE, JE_ACHIEVED, report_done, JS_OVER },
};

static const struct job_row update_rows[] = {
	{ JS_ACCOUNT, JE_ACCOUNT, change_contacts, JS_CHANGE },
	{ JS_CHANGE, JE_GONE, tell_gone, JS_ACCOUNT },
	{ JS_CHANGE, JE_ACHIEVED, report_done, JS_OVER },
};

static const struct job_row deactivate_rows[] = {
	{ JS_ACCOUNT, JE_ACCOUNT, deactivate_account, JS_CHANGE },
	{ JS_CHANGE, JE_ACHIEVED, report_done, JS_OVER },
};

/* That the CA knows the new key is what it is for. */
static const struct job_row rollover_rows[] = {
	{ JS_ACCOUNT, JE_ACCOUNT, roll_over, JS_CHANGE },
	{ JS_CHANGE, JE_UNSURE, find_new_key, JS_FIND_NEW },
	{ JS_CHANGE, JE_NEW_KEY, report_done, JS_OVER },
	{ JS_FIND_NEW, JE_NEW_KEY, report_done, JS_OVER },
};

/* Needs no account. */
static const struct job_row probe_rows[] = {
	{ JS_DIRECTORY, JE_START, look_around, JS_PROBE },
	{ JS_PROBE, JE_ACHIEVED, report_done, JS_OVER },
	{ JS_PROBE, JE_LATE, look_late, JS_OVER },
};

#define TABLE(rows)                                                            \
	{                                                                      \
		rows, sizeof(rows) / sizeof(*(rows))                           \
	}

const struct job_table job_shared = TABLE(shared_rows);
const struct job_table job_tables[KIND_N] = {
	[KIND_issue] = TABLE(issue_rows),
	[KIND_revoke] = TABLE(revoke_rows),
	[KIND_show] = TABLE(show_rows),
	[KIND_register] = TABLE(register_rows),
	[KIND_update] = TABLE(update_rows),
	[KIND_deactivate] = TABLE(deactivate_rows),
	[KIND_rollover] = TABLE(rollover_rows),
	[KIND_probe] = TABLE(probe_rows),
};

/* The limits are above what the attempts of one request can take (request.c:
 * 4 waits of a minute and their jitter). Accounts: another job may be making
 * it first. */
const struct job_state_row job_states[JS_N] = {
	[JS_DIRECTORY] = { "directory", STAGE_directory, 600 },
	[JS_ACCOUNT] = { "account", STAGE_account, 900 },
	[JS_REGISTER] = { "register", STAGE_account, 900 },
	[JS_ORDER] = { "order", STAGE_order, 600 },
	[JS_RESUME] = { "resume", STAGE_order, 600 },
	[JS_AUTHORIZE] = { "authorize", STAGE_order, 600 },
	[JS_LOOK] = { "look", STAGE_publish, 900 },
	[JS_PUBLISH] = { "publish", STAGE_publish, 900 },
	[JS_PROPAGATE] = { "propagate", STAGE_propagate, 0 },
	[JS_ANSWER] = { "answer", STAGE_challenge, 600 },
	[JS_VALIDATE] = { "validate", STAGE_challenge, 600 },
	[JS_RECHECK] = { "recheck", STAGE_challenge, 600 },
	[JS_BLAME] = { "blame", STAGE_challenge, 600 },
	[JS_REST] = { "rest", STAGE_order, 600 }, /* and its pause */
	[JS_FINALIZE] = { "finalize", STAGE_finalize, 600 },
	[JS_ISSUE] = { "issue", STAGE_finalize, 600 },
	[JS_DOWNLOAD] = { "download", STAGE_download, 600 },
	[JS_STORE] = { "store", STAGE_store, 300 },
	[JS_FIND_NEW] = { "find new", STAGE_account, 900 },
	[JS_FIND_OLD] = { "find old", STAGE_account, 900 },
	[JS_REVOKE] = { "revoke", STAGE_revoke, 300 },
	[JS_CHANGE] = { "change", STAGE_change, 300 },
	[JS_PROBE] = { "probe", STAGE_probe, 15 }, /* somebody waits for it */
	/* Whoever waits for the job waits for this too. */
	[JS_CLOSE] = { "close", STAGE_cleanup, 20 },
	[JS_OVER] = { "over", STAGE_done, 0 },
};

static const char *const event_words[JE_N] = {
	[JE_NONE] = "none",
	[JE_START] = "start",
	[JE_DIRECTORY] = "directory",
	[JE_ACCOUNT] = "account",
	[JE_NO_ACCOUNT] = "no account",
	[JE_KNOWN] = "known",
	[JE_REGISTERED] = "registered",
	[JE_PENDING] = "pending",
	[JE_READY] = "ready",
	[JE_PROCESSING] = "processing",
	[JE_VALID] = "valid",
	[JE_INVALID] = "invalid",
	[JE_CHALLENGED] = "challenged",
	[JE_UNANSWERED] = "unanswered",
	[JE_AUTHORIZED] = "authorized",
	[JE_LOOKED] = "looked",
	[JE_PUBLISHED] = "published",
	[JE_PROPAGATED] = "propagated",
	[JE_ANSWERED] = "answered",
	[JE_AGAIN] = "again",
	[JE_POLL] = "poll",
	[JE_DOUBT] = "doubt",
	[JE_UNSURE] = "unsure",
	[JE_NOT_READY] = "not ready",
	[JE_CHAIN] = "chain",
	[JE_UNLIKE] = "unlike",
	[JE_STORED] = "stored",
	[JE_GONE] = "gone",
	[JE_SPARE] = "spare",
	[JE_NEW_KEY] = "new key",
	[JE_OLD_KEY] = "old key",
	[JE_ACHIEVED] = "achieved",
	[JE_CLOSED] = "closed",
	[JE_FAILED] = "failed",
	[JE_LATE] = "late",
	[JE_REFUSED] = "refused",
	[JE_DROPPED] = "dropped",
};

static const struct job_row *
find_in(const struct job_table *t, enum job_state state, enum job_event event)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->rows[i].event == event &&
		    (t->rows[i].state == state || t->rows[i].state == JS_ANY))
			return &t->rows[i];
	return NULL;
}

static const struct job_row *
find_row(const struct job *job, enum job_event event)
{
	const struct job_row *row =
	    find_in(&job_tables[job->kind], job->state, event);

	return row != NULL ? row : find_in(&job_shared, job->state, event);
}

/* The deadline belongs to the stage: moving about within one wins no time. */
static void
enter_state(struct job *job, enum job_state next)
{
	const struct job_state_row *old = &job_states[job->state];
	const struct job_state_row *new = &job_states[next];
	struct timeval limit = { .tv_sec = new->limit_secs };

	if (next == JS_CLOSE && job->state != JS_CLOSE)
		job->ended_in = job->state;
	job->state = next;
	if (old->stage == new->stage || next == JS_OVER)
		return;
	event_del(job->deadline);
	if (new->limit_secs != 0)
		event_add(job->deadline, &limit);
	job_progress(job, "");
}

/* One event; returns the next one, raised by the action or by its failure. */
static enum job_event
step_once(struct job *job, enum job_event event)
{
	const struct job_row *row = find_row(job, event);
	enum job_event raised;
	struct err *e;

	if (row == NULL) {
		job->failure = err_new("the CA's answer (%s) does not fit "
				       "where the order stands (%s)",
		    event_words[event], job_states[job->state].word);
		return JE_FAILED;
	}
	log_debug("job %u: %s -> %s (%s)", job->number,
	    job_states[job->state].word, job_states[row->next].word,
	    event_words[event]);
	/* A failure is reported for the stage in which it happened. */
	if (row->next != JS_OVER)
		enter_state(job, row->next);
	e = row->action(job);
	job->state = row->next;
	raised = job->raised;
	job->raised = JE_NONE;
	if (e == NULL)
		return raised;
	err_free(job->failure);
	job->failure = e;
	return JE_FAILED;
}

void
job_step(struct job *job, enum job_event event)
{
	while (event != JE_NONE && job->state != JS_OVER)
		event = step_once(job, event);
	if (job->state == JS_OVER)
		job_free(job);
}

void
job_fail(struct job *job, struct err *e)
{
	err_free(job->failure);
	job->failure = e;
	job_step(job, JE_FAILED);
}
