/* test_order.c - the table of states: whole, and walked as it says. */
/* objects: acmew/order common/err common/log common/text proto/table proto/fields common/url common/names */
/* libs: libevent_core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "acmew.h"

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
ACTION(read_authorizations)
ACTION(publish_records)
ACTION(watch_servers)
ACTION(answer_challenges)
ACTION(poll_later)
ACTION(poll_order)
ACTION(finalize_order)
ACTION(download_chain)
ACTION(hand_chain_over)
ACTION(report_failure)
ACTION(report_late)
ACTION(report_done)
ACTION(forget_job)

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
table_keys_once_each(void **state)
{
	(void)state;
	for (size_t i = 0; i < job_rows_n; i++)
		for (size_t j = i + 1; j < job_rows_n; j++)
			if (job_rows[i].event == job_rows[j].event &&
			    (job_rows[i].state == job_rows[j].state ||
				job_rows[i].state == JS_ANY ||
				job_rows[j].state == JS_ANY))
				fail_msg("rows %zu and %zu", i, j);
}

static void
table_every_state_reached(void **state)
{
	bool reached[JS_N] = { [JS_DIRECTORY] = true };
	bool more = true;

	(void)state;
	while (more) {
		more = false;
		for (size_t i = 0; i < job_rows_n; i++) {
			const struct job_row *r = &job_rows[i];

			assert_true(r->state <= JS_ANY && r->next < JS_N);
			if ((r->state == JS_ANY || reached[r->state]) &&
			    !reached[r->next])
				reached[r->next] = more = true;
		}
	}
	for (size_t i = 0; i < JS_N; i++)
		if (!reached[i])
			fail_msg("state %zu is never reached", i);
}

static void
table_every_event_leaves_somewhere(void **state)
{
	bool used[JE_N] = { [JE_NONE] = true };

	(void)state;
	for (size_t i = 0; i < job_rows_n; i++)
		used[job_rows[i].event] = true;
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
	for (size_t s = 0; s < JS_OVER; s++)
		for (size_t i = 0; i < 4; i++) {
			begin(&job);
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
	    JE_PENDING, JE_CHALLENGED, JE_PUBLISHED, JE_PROPAGATED, JE_ANSWERED,
	    JE_POLL, JE_PENDING, JE_POLL, JE_READY, JE_PROCESSING, JE_POLL,
	    JE_VALID, JE_CHAIN, JE_STORED);
	assert_true(freed);
	assert_string_equal(ran,
	    " want_directory ask_account make_account place_order "
	    "read_authorizations publish_records watch_servers "
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
				 "read_authorizations report_failure");
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
	assert_string_equal(ran, " want_directory ask_account report_failure");
}

static void
step_unexpected_event_fails_job(void **state)
{
	struct job job;

	(void)state;
	begin(&job);
	WALK(&job, JE_START, JE_VALID);
	assert_true(freed);
	assert_string_equal(ran, " want_directory report_failure");
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
		cmocka_unit_test(table_every_state_reached),
		cmocka_unit_test(table_every_event_leaves_somewhere),
		cmocka_unit_test(table_every_state_can_end),
		cmocka_unit_test(table_states_described),
		cmocka_unit_test(walk_first_certificate),
		cmocka_unit_test(walk_ready_order_skips_dns),
		cmocka_unit_test(walk_lost_finalize_looks_first),
		cmocka_unit_test(walk_invalid_order_asks_why),
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
