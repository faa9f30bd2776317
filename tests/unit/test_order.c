/* test_order.c - the table of states: whole, and walked as it says. */
/* objects: acmew/order common/err common/log common/text proto/options proto/table proto/fields common/url common/names */
/* libs: libevent_core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "order.h"

/* ---- actions that do nothing but tell that they ran ---- */

static char ran[512];
static const char *fail_in;
static enum job_event raise_next;
static bool freed;

#define ACTION(name)                                                           \
	struct err *name(struct job *job)                                      \
	{                                                                      \
		strcat(ran, " " #name);                                        \
		job->raised = raise_next;                                      \
		raise_next = JE_NONE;                                          \
		return fail_in != NULL && strcmp(fail_in, #name) == 0          \
			   ? err_new("it broke")                               \
			   : NULL;                                             \
	}

ACTION(want_directory)
ACTION(ask_account)
ACTION(make_account)
ACTION(place_order)
ACTION(find_order)
ACTION(read_authorizations)
ACTION(look_for_aliases)
ACTION(publish_records)
ACTION(watch_servers)
ACTION(answer_challenges)
ACTION(poll_later)
ACTION(poll_order)
ACTION(rest_order)
ACTION(finalize_order)
ACTION(download_chain)
ACTION(hand_chain_over)
ACTION(next_chain)
ACTION(tell_gone)
ACTION(find_new_key)
ACTION(find_old_key)
ACTION(await_certd)
ACTION(revoke_certificate)
ACTION(show_account)
ACTION(tell_registered)
ACTION(change_contacts)
ACTION(deactivate_account)
ACTION(roll_over)
ACTION(look_around)
ACTION(look_late)
ACTION(report_end)
ACTION(report_failure)
ACTION(report_late)
ACTION(report_done)
ACTION(forget_job)

/* Nothing is pending. */
#define CLOSES(name)                                                           \
	struct err *name(struct job *job)                                      \
	{                                                                      \
		strcat(ran, " " #name);                                        \
		job->raised = JE_CLOSED;                                       \
		return NULL;                                                   \
	}

CLOSES(close_order)
CLOSES(close_failed)
CLOSES(close_late)

void
job_progress(struct job *job, const char *text)
{
	(void)job;
	(void)text;
}

void
job_free(struct job *job)
{
	err_free(job->failure);
	event_free(job->deadline);
	freed = true;
}

/* ---- a job ---- */

static struct event_base *base;

static void
never(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static void
begin(struct job *job)
{
	memset(job, 0, sizeof(*job));
	job->deadline = evtimer_new(base, never, NULL);
	assert_non_null(job->deadline);
	ran[0] = '\0';
	fail_in = NULL;
	raise_next = JE_NONE;
	freed = false;
}

static void
walk(struct job *job, const enum job_event *events, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_false(freed);
		job_step(job, events[i]);
	}
}
#define WALK(job, ...)                                                         \
	walk(job, (const enum job_event[]){ __VA_ARGS__ },                     \
	    sizeof((const enum job_event[]){ __VA_ARGS__ }) /                  \
		sizeof(enum job_event))

/* ---- the table itself ---- */

static void
check_keys(const struct job_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		for (size_t j = i + 1; j < t->n; j++)
			if (t->rows[i].event == t->rows[j].event &&
			    (t->rows[i].state == t->rows[j].state ||
				t->rows[i].state == JS_ANY ||
				t->rows[j].state == JS_ANY))
				fail_msg("rows %zu and %zu", i, j);
}

static void
table_keys_once_each(void **state)
{
	(void)state;
	check_keys(&job_shared);
	for (size_t k = 0; k < KIND_N; k++)
		check_keys(&job_tables[k]);
}

/* Adds the states that the rows lead to from those that are reached. */
static bool
reach_more(const struct job_table *t, bool reached[JS_N])
{
	bool more = false;

	for (size_t i = 0; i < t->n; i++) {
		const struct job_row *r = &t->rows[i];

		assert_true(r->state <= JS_ANY && r->next < JS_N);
		if ((r->state == JS_ANY || reached[r->state]) &&
		    !reached[r->next])
			reached[r->next] = more = true;
	}
	return more;
}

/* Every row begins where the job can get to, whatever its kind. */
static void
table_every_row_can_happen(void **state)
{
	bool used[JS_N] = { false };

	(void)state;
	for (size_t k = 0; k < KIND_N; k++) {
		const struct job_table *t = &job_tables[k];
		bool reached[JS_N] = { [JS_DIRECTORY] = true };

		assert_true(t->n > 0);
		while (
		    reach_more(t, reached) | reach_more(&job_shared, reached))
			;
		for (size_t i = 0; i < t->n; i++)
			assert_true(t->rows[i].state == JS_ANY ||
				    reached[t->rows[i].state]);
		assert_true(reached[JS_OVER]);
		for (size_t s = 0; s < JS_N; s++)
			used[s] |= reached[s];
	}
	for (size_t s = 0; s < JS_N; s++)
		if (!used[s])
			fail_msg("state %zu is never reached", s);
}

static void
use_events(const struct job_table *t, bool used[JE_N])
{
	for (size_t i = 0; i < t->n; i++)
		used[t->rows[i].event] = true;
}

static void
table_every_event_leaves_somewhere(void **state)
{
	bool used[JE_N] = { [JE_NONE] = true };

	(void)state;
	use_events(&job_shared, used);
	for (size_t k = 0; k < KIND_N; k++)
		use_events(&job_tables[k], used);
	for (size_t i = 0; i < JE_N; i++)
		if (!used[i])
			fail_msg("event %zu stands in no row", i);
}

static void
table_every_state_can_end(void **state)
{
	static const enum job_event ends[] = { JE_FAILED, JE_LATE, JE_REFUSED,
		JE_DROPPED };
	struct job job;

	(void)state;
	for (size_t k = 0; k < KIND_N; k++)
		for (size_t s = 0; s < JS_OVER; s++)
			for (size_t i = 0; i < 4; i++) {
				begin(&job);
				job.kind = (enum job_kind)k;
				job.state = (enum job_state)s;
				job_step(&job, ends[i]);
				assert_true(freed);
			}
}

static void
table_states_described(void **state)
{
	(void)state;
	for (size_t s = 0; s < JS_N; s++) {
		assert_non_null(job_states[s].word);
		assert_true(job_states[s].limit_secs > 0 || s == JS_PROPAGATE ||
			    s == JS_OVER);
	}
}

/* ---- walks ---- */

static void
walk_first_certificate(void **state)
{
	struct job job;

	(void)state;
	begin(&job);
	WALK(&job, JE_START, JE_DIRECTORY, JE_NO_ACCOUNT, JE_REGISTERED,
	    JE_PENDING, JE_CHALLENGED, JE_LOOKED, JE_PUBLISHED, JE_PROPAGATED,
	    JE_ANSWERED, JE_POLL, JE_PENDING, JE_POLL, JE_READY, JE_PROCESSING,
	    JE_POLL, JE_VALID, JE_CHAIN, JE_STORED);
	assert_true(freed);
	assert_string_equal(ran,
	    " want_directory ask_account make_account place_order "
	    "read_authorizations look_for_aliases publish_records "
	    "watch_servers "
	    "answer_challenges poll_later poll_order poll_later poll_order "
	    "finalize_order poll_later poll_order download_chain "
	    "hand_chain_over report_done");
}

static void
walk_ready_order_skips_dns(void **state)
{
	struct job job;

	(void)state;
	begin(&job);
	WALK(&job, JE_START, JE_DIRECTORY, JE_ACCOUNT, JE_READY, JE_VALID,
	    JE_CHAIN, JE_STORED);
	assert_true(freed);
	assert_string_equal(ran, " want_directory ask_account place_order "
				 "finalize_order download_chain "
				 "hand_chain_over report_done");
}

static void
walk_lost_finalize_looks_first(void **state)
{
	struct job job;

	(void)state;
	begin(&job);
	job.state = JS_FINALIZE;
	WALK(&job, JE_UNSURE, JE_POLL, JE_READY, JE_NOT_READY, JE_POLL,
	    JE_PROCESSING, JE_POLL, JE_VALID);
	assert_int_equal(job.state, JS_DOWNLOAD);
	assert_string_equal(ran, " poll_later poll_order finalize_order "
				 "poll_later poll_order poll_later poll_order "
				 "download_chain");
	job_step(&job, JE_DROPPED);
}

static void
walk_invalid_order_asks_why(void **state)
{
	struct job job;

	(void)state;
	begin(&job);
	job.state = JS_VALIDATE;
	WALK(&job, JE_DOUBT, JE_CHALLENGED, JE_POLL, JE_INVALID);
	assert_int_equal(job.state, JS_BLAME);
	job_fail(&job, err_new("because"));
	assert_true(freed);
	assert_string_equal(ran, " read_authorizations poll_later poll_order "
				 "read_authorizations close_failed report_end");
}

static void
walk_resumed_order_goes_on_where_it_stands(void **state)
{
	static const struct {
		enum job_event says;
		enum job_state next;
		const char *ran;
	} rows[] = {
		{ JE_PENDING, JS_AUTHORIZE, "read_authorizations" },
		{ JE_READY, JS_FINALIZE, "finalize_order" },
		{ JE_PROCESSING, JS_ISSUE, "poll_later" },
		{ JE_VALID, JS_DOWNLOAD, "download_chain" },
		{ JE_INVALID, JS_ORDER, "place_order" },
		{ JE_GONE, JS_ACCOUNT, "tell_gone" },
	};
	char expected[128];
	struct job job;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(&job);
		WALK(&job, JE_START, JE_DIRECTORY, JE_KNOWN, rows[i].says);
		assert_int_equal(job.state, rows[i].next);
		(void)snprintf(expected, sizeof(expected),
		    " want_directory ask_account find_order %s", rows[i].ran);
		assert_string_equal(ran, expected);
		job_step(&job, JE_DROPPED);
		assert_true(freed);
	}
}

static void
walk_unknown_account_is_made_anew(void **state)
{
	struct job job;

	(void)state;
	begin(&job);
	WALK(&job, JE_START, JE_DIRECTORY, JE_ACCOUNT, JE_GONE, JE_NO_ACCOUNT,
	    JE_REGISTERED, JE_READY);
	assert_int_equal(job.state, JS_FINALIZE);
	assert_string_equal(ran,
	    " want_directory ask_account place_order tell_gone make_account "
	    "place_order finalize_order");
	job_step(&job, JE_DROPPED);
}

static void
walk_each_other_kind(void **state)
{
	static const struct {
		enum job_kind kind;
		enum job_event events[8];
		const char *ran;
	} walks[] = {
		{ KIND_revoke, { JE_ACCOUNT, JE_ACHIEVED },
		    "revoke_certificate report_done" },
		{ KIND_revoke, { JE_SPARE, JE_ACHIEVED },
		    "revoke_certificate report_done" },
		{ KIND_revoke, { JE_ACCOUNT, JE_GONE, JE_SPARE, JE_ACHIEVED },
		    "revoke_certificate tell_gone revoke_certificate "
		    "report_done" },
		{ KIND_show, { JE_ACCOUNT, JE_ACHIEVED },
		    "show_account report_done" },
		{ KIND_register, { JE_NO_ACCOUNT, JE_REGISTERED, JE_ACHIEVED },
		    "make_account tell_registered report_done" },
		{ KIND_update, { JE_ACCOUNT, JE_ACHIEVED },
		    "change_contacts report_done" },
		{ KIND_deactivate, { JE_ACCOUNT, JE_ACHIEVED },
		    "deactivate_account report_done" },
		{ KIND_rollover, { JE_ACCOUNT, JE_NEW_KEY },
		    "roll_over report_done" },
		/* the answer was lost, and the CA had not done it */
		{ KIND_rollover,
		    { JE_ACCOUNT, JE_UNSURE, JE_NO_ACCOUNT, JE_OLD_KEY,
			JE_ACCOUNT, JE_UNSURE, JE_NEW_KEY },
		    "roll_over find_new_key find_old_key await_certd roll_over "
		    "find_new_key report_done" },
		/* another job finds what an interrupted change has left */
		{ KIND_show, { JE_UNSURE, JE_NEW_KEY, JE_ACCOUNT, JE_ACHIEVED },
		    "find_new_key await_certd show_account report_done" },
	};
	char whole[300];
	struct job job;

	(void)state;
	for (size_t i = 0; i < sizeof(walks) / sizeof(walks[0]); i++) {
		begin(&job);
		job.kind = walks[i].kind;
		WALK(&job, JE_START, JE_DIRECTORY);
		for (size_t k = 0; walks[i].events[k] != JE_NONE; k++)
			job_step(&job, walks[i].events[k]);
		assert_true(freed);
		(void)snprintf(whole, sizeof(whole),
		    " want_directory ask_account %s", walks[i].ran);
		assert_string_equal(ran, whole);
	}
}

/* Neither an account nor a signature: it ends in its first state, well, late, or
 * when certd drops it. */
static void
walk_a_look(void **state)
{
	static const struct {
		enum job_event event;
		const char *ran;
	} ends[] = {
		{ JE_ACHIEVED, " look_around report_done" },
		{ JE_LATE, " look_around look_late" },
		{ JE_DROPPED, " look_around report_done" },
		{ JE_FAILED, " look_around report_failure" },
		{ JE_ACCOUNT, " look_around report_failure" },
	};
	struct job job;

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		begin(&job);
		job.kind = KIND_probe;
		WALK(&job, JE_START, ends[i].event);
		assert_true(freed);
		assert_string_equal(ran, ends[i].ran);
	}
}

/* An issuance's events mean nothing to a revocation, and the reverse. */
static void
walk_events_of_another_kind_fail(void **state)
{
	struct job job;

	(void)state;
	begin(&job);
	job.kind = KIND_revoke;
	WALK(&job, JE_START, JE_DIRECTORY, JE_ACCOUNT, JE_PENDING);
	assert_true(freed);
	begin(&job);
	WALK(&job, JE_START, JE_DIRECTORY, JE_SPARE);
	assert_true(freed);
}

static void
walk_failed_order_is_placed_again(void **state)
{
	struct job job;

	(void)state;
	begin(&job);
	job.state = JS_VALIDATE;
	WALK(&job, JE_INVALID, JE_AGAIN, JE_POLL, JE_PENDING, JE_CHALLENGED);
	assert_int_equal(job.state, JS_LOOK);
	assert_string_equal(ran, " read_authorizations rest_order place_order "
				 "read_authorizations look_for_aliases");
	job_step(&job, JE_DROPPED);
}

/* Wherever a job meets it, the CA may have forgotten order or authorization. */
static void
walk_forgotten_order_is_placed_again(void **state)
{
	static const enum job_state states[] = { JS_AUTHORIZE, JS_ANSWER,
		JS_VALIDATE, JS_RECHECK, JS_BLAME, JS_FINALIZE, JS_ISSUE };
	struct job job;

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		begin(&job);
		job.state = states[i];
		WALK(&job, JE_AGAIN, JE_POLL);
		assert_int_equal(job.state, JS_ORDER);
		assert_string_equal(ran, " rest_order place_order");
		job_step(&job, JE_DROPPED);
	}
}

static void
step_raised_event_follows(void **state)
{
	struct job job;

	(void)state;
	begin(&job);
	raise_next = JE_DIRECTORY;
	job_step(&job, JE_START);
	assert_int_equal(job.state, JS_ACCOUNT);
	assert_string_equal(ran, " want_directory ask_account");
	job_step(&job, JE_REFUSED);
}

static void
step_failing_action_fails_job(void **state)
{
	struct job job;

	(void)state;
	begin(&job);
	fail_in = "ask_account";
	WALK(&job, JE_START, JE_DIRECTORY);
	assert_true(freed);
	assert_string_equal(
	    ran, " want_directory ask_account close_failed report_end");
}

static void
step_unexpected_event_fails_job(void **state)
{
	struct job job;

	(void)state;
	begin(&job);
	WALK(&job, JE_START, JE_VALID);
	assert_true(freed);
	assert_string_equal(ran, " want_directory close_failed report_end");
}

static void
step_deadline_belongs_to_stage(void **state)
{
	struct timeval before, after;
	struct job job;

	(void)state;
	begin(&job);
	job.state = JS_ANSWER;
	job_step(&job, JE_ANSWERED);
	assert_false(event_pending(job.deadline, EV_TIMEOUT, NULL));
	job_step(&job, JE_READY);
	assert_true(event_pending(job.deadline, EV_TIMEOUT, &before));
	job_step(&job, JE_PROCESSING);
	assert_true(event_pending(job.deadline, EV_TIMEOUT, &after));
	assert_memory_equal(&before, &after, sizeof(before));
	job_step(&job, JE_DROPPED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_keys_once_each),
		cmocka_unit_test(table_every_row_can_happen),
		cmocka_unit_test(table_every_event_leaves_somewhere),
		cmocka_unit_test(table_every_state_can_end),
		cmocka_unit_test(table_states_described),
		cmocka_unit_test(walk_first_certificate),
		cmocka_unit_test(walk_ready_order_skips_dns),
		cmocka_unit_test(walk_lost_finalize_looks_first),
		cmocka_unit_test(walk_invalid_order_asks_why),
		cmocka_unit_test(walk_resumed_order_goes_on_where_it_stands),
		cmocka_unit_test(walk_unknown_account_is_made_anew),
		cmocka_unit_test(walk_each_other_kind),
		cmocka_unit_test(walk_a_look),
		cmocka_unit_test(walk_events_of_another_kind_fail),
		cmocka_unit_test(walk_failed_order_is_placed_again),
		cmocka_unit_test(walk_forgotten_order_is_placed_again),
		cmocka_unit_test(step_raised_event_follows),
		cmocka_unit_test(step_failing_action_fails_job),
		cmocka_unit_test(step_unexpected_event_fails_job),
		cmocka_unit_test(step_deadline_belongs_to_stage),
	};
	int rc;

	base = event_base_new();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	event_base_free(base);
	libevent_global_shutdown();
	return rc;
}
