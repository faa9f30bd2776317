/* test_session_issue.c - issue and renew against a certd that plays a part. */
/* objects: $(filter-out certctl/main,$(certctl_OBJ)) */
/* libs: $(certctl_LIB) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>

#include "session_scene.h"

/* ---- issue ---- */

/* On a slow machine a second or two may go by. */
static void
stop_the_clock(char *text)
{
	char *seconds = strstr(text, "(0:0");

	assert_non_null(seconds);
	seconds[4] = '0';
}

static void
issue_shows_stages_and_paths(void **state)
{
	struct run r;

	(void)state;
	run_with(&r, part_issues, "issue -d a.example");
	assert_null(r.e);
	stop_the_clock(r.out);
	assert_int_equal(r.s.status, EXIT_DONE);
	assert_string_equal(r.out,
	    "a.example: waiting\n"
	    "a.example: placing the order\n"
	    "a.example: publishing the DNS records: 1 of 2\n"
	    "a.example: issued (0:00)\n"
	    "  certificate: /live/cert.pem\n"
	    "  key:         /live/key.pem\n"
	    "b.example: issued (0:00)\n"
	    "  certificate: /live/another.pem\n"
	    "  key:         /live/another_key.pem\n");
	assert_string_equal(r.err, "");
	done(&r);
}

static void
issue_as_json_is_one_document(void **state)
{
	struct run r;

	(void)state;
	run_with(&r, part_issues, "issue -d a.example --json");
	assert_null(r.e);
	assert_string_equal(r.out,
	    "{\"certificates\":[{\"name\":\"a.example\",\"job\":7,"
	    "\"result\":\"issued\",\"text\":null,\"advice\":null,"
	    "\"retry_at\":null,\"facts\":{\"certificate\":\"/live/cert.pem\","
	    "\"key\":\"/live/key.pem\"}},{\"name\":\"b.example\",\"job\":8,"
	    "\"result\":\"issued\",\"text\":null,\"advice\":null,"
	    "\"retry_at\":null,\"facts\":{\"certificate\":"
	    "\"/live/another.pem\",\"key\":\"/live/another_key.pem\"}}]}\n");
	done(&r);
}

static void
issue_that_fails_says_why_and_exits_with_1(void **state)
{
	struct run r;

	(void)state;
	run_with(&r, part_fails, "issue -d a.example");
	assert_null(r.e);
	assert_int_equal(r.s.status, EXIT_FAILED);
	assert_string_equal(
	    r.err, "certctl: a.example: placing the order: no\n  ask the CA\n");
	done(&r);
}

static void
part_echoes(int fd)
{
	char line[1024];

	say_hello(fd, PROTO_VERSION);
	hear(fd, line);
	do {
		hear(fd, line);
		say_fact(fd, "heard", line);
	} while (strncmp(line, "option", 6) == 0);
	say_result(fd, true);
	say_end(fd);
}

static void
issue_sends_options_before_names(void **state)
{
	struct run r;

	(void)state;
	run_with(&r, part_echoes,
	    "issue -d a.example,*.b.example --key-type rsa --staging");
	assert_null(r.e);
	assert_non_null(strstr(r.out, "option=2 value=\"rsa\""));
	assert_non_null(strstr(r.out, "option=6"));
	assert_non_null(strstr(r.out, "a.example"));
	assert_non_null(strstr(r.out, "*.b.example"));
	done(&r);
}

static void
part_keeps(int fd)
{
	struct msg m = { .type = MSG_kept };
	char line[1024];

	greet(fd, line);
	m.kept.lineage = str_of("a.example");
	m.kept.reason = str_of("not due");
	say(fd, &m);
	say_end(fd);
}

static void
issue_that_is_not_due_is_done(void **state)
{
	struct run r;

	(void)state;
	run_with(&r, part_keeps, "issue -d a.example");
	assert_null(r.e);
	assert_int_equal(r.s.status, EXIT_DONE);
	assert_string_equal(r.out, "a.example: kept: not due\n");
	done(&r);
	run_with(&r, part_keeps, "issue -d a.example --json");
	assert_string_equal(r.out,
	    "{\"certificates\":[{\"name\":\"a.example\",\"job\":null,"
	    "\"result\":\"kept\",\"text\":\"not due\"}]}\n");
	done(&r);
}

static void
part_waits(int fd)
{
	struct msg m = { .type = MSG_kept };
	char line[1024];

	greet(fd, line);
	m.kept.reason = str_of("failed 3 times");
	m.kept.lineage = str_of("a.example");
	m.kept.state = KEPT_WAITING;
	say(fd, &m);
	m.kept.lineage = str_of("b.example");
	m.kept.state = KEPT_PRESSING;
	say(fd, &m);
	say_end(fd);
}

static void
renew_tells_of_what_waits_and_fails_where_it_presses(void **state)
{
	struct run r;

	(void)state;
	run_with(&r, part_waits, "renew");
	assert_null(r.e);
	assert_int_equal(r.s.status, EXIT_FAILED);
	assert_string_equal(r.out, "a.example: kept: failed 3 times\n"
	    "b.example: kept: failed 3 times\n"
	    "0 renewed, 0 failed, 2 kept, 2 of them because they have failed "
	    "before\n");
	assert_string_equal(r.err,
	    "certctl: b.example: not renewed now: failed 3 times\n");
	done(&r);
}

static void
say_denied(int fd, bool denied)
{
	struct msg m = { .type = MSG_result };

	m.result.lineage = str_of("a.example");
	m.result.denied = denied;
	m.result.text = str_of("no");
	m.result.advice = str_of("");
	say(fd, &m);
}

static void
part_denies_all(int fd)
{
	char line[1024];

	greet(fd, line);
	say_denied(fd, true);
	say_denied(fd, true);
	say_end(fd);
}

static void
part_denies_one(int fd)
{
	char line[1024];

	greet(fd, line);
	say_denied(fd, true);
	say_denied(fd, false);
	say_end(fd);
}

static void
renew_that_is_all_denied_exits_with_3(void **state)
{
	struct run r;

	(void)state;
	run_with(&r, part_denies_all, "renew");
	assert_int_equal(r.s.status, EXIT_DENIED);
	done(&r);
	run_with(&r, part_denies_one, "renew");
	assert_int_equal(r.s.status, EXIT_FAILED);
	done(&r);
}

static void
part_accepts(int fd)
{
	char line[1024];

	greet(fd, line);
	say_accepted(fd);
	hear(fd, line); /* nothing: the end of the stream */
}

static void
issue_detached_returns_when_accepted(void **state)
{
	struct run r;

	(void)state;
	run_with(&r, part_accepts, "issue -d a.example --detach");
	assert_null(r.e);
	assert_int_equal(r.s.status, EXIT_DONE);
	assert_string_equal(r.out, "a.example: started as job 7\n");
	done(&r);
}

static void
part_dies(int fd)
{
	char line[1024];

	greet(fd, line);
	say_accepted(fd);
}

static void
issue_whose_certd_dies_exits_with_4(void **state)
{
	struct run r;

	(void)state;
	run_with(&r, part_dies, "issue -d a.example");
	assert_int_equal(r.s.status, EXIT_NO_CERTD);
	assert_string_equal(err_text(r.e), "certd has closed the connection");
	done(&r);
}

/* As if it had been pressed while the order is placed. */
static void
part_interrupts(int fd)
{
	char line[1024];

	greet(fd, line);
	say_accepted(fd);
	usleep(100000);
	(void)kill(getppid(), SIGINT);
	hear(fd, line);
}

static void
ctrl_c_leaves_the_job_and_says_how_to_go_on(void **state)
{
	struct run r;

	(void)state;
	run_with(&r, part_interrupts, "issue -d a.example");
	(void)signal(SIGINT, SIG_DFL);
	assert_null(r.e);
	assert_true(r.s.interrupted);
	assert_string_equal(r.err,
	    "certctl: job 7 (a.example) goes on without certctl\n"
	    "  certctl watch 7 follows it, certctl cancel 7 ends it\n");
	done(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(issue_shows_stages_and_paths),
		cmocka_unit_test(issue_as_json_is_one_document),
		cmocka_unit_test(issue_that_fails_says_why_and_exits_with_1),
		cmocka_unit_test(issue_sends_options_before_names),
		cmocka_unit_test(issue_that_is_not_due_is_done),
		cmocka_unit_test(
		    renew_tells_of_what_waits_and_fails_where_it_presses),
		cmocka_unit_test(renew_that_is_all_denied_exits_with_3),
		cmocka_unit_test(issue_detached_returns_when_accepted),
		cmocka_unit_test(issue_whose_certd_dies_exits_with_4),
		cmocka_unit_test(ctrl_c_leaves_the_job_and_says_how_to_go_on),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
