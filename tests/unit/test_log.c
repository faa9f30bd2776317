/* test_log.c - log lines: one a call, printable, limited. */
/* objects: common/log common/err common/text */
/* libs: */
#define _GNU_SOURCE /* pipe2 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"

/* Standard error goes into a pipe while a line is logged. */
struct capture {
	int pipe[2], saved;
	char text[16384];
};

static void
capture_start(struct capture *c)
{
	assert_int_equal(pipe2(c->pipe, O_NONBLOCK), 0);
	c->saved = dup(STDERR_FILENO);
	assert_int_equal(dup2(c->pipe[1], STDERR_FILENO), STDERR_FILENO);
}

/* What was logged since capture_start(). */
static const char *
capture_end(struct capture *c)
{
	ssize_t n;

	assert_int_equal(dup2(c->saved, STDERR_FILENO), STDERR_FILENO);
	close(c->saved);
	close(c->pipe[1]);
	n = read(c->pipe[0], c->text, sizeof(c->text) - 1);
	c->text[n > 0 ? n : 0] = '\0';
	close(c->pipe[0]);
	return c->text;
}

static int
plain(void **state)
{
	(void)state;
	unsetenv("JOURNAL_STREAM");
	unsetenv("LOG_PRIORITIES");
	log_open("prog");
	log_limit(LOG_LEVEL_INFO);
	return 0;
}

static void
log_line_names_program(void **state)
{
	struct capture c;

	(void)state;
	capture_start(&c);
	log_info("job %d: %s", 7, "done");
	assert_string_equal(capture_end(&c), "prog: job 7: done\n");
}

static void
log_line_control_characters_are_escaped(void **state)
{
	struct capture c;

	(void)state;
	capture_start(&c);
	log_warn("a\nb\x1b[31m\x7f");
	assert_string_equal(capture_end(&c), "prog: a\\nb\\x1B[31m\\x7F\n");
}

static void
log_line_over_limit_is_dropped(void **state)
{
	struct capture c;

	(void)state;
	capture_start(&c);
	log_debug("unseen");
	log_limit(LOG_LEVEL_DEBUG);
	log_debug("seen");
	log_limit(LOG_LEVEL_ERROR);
	log_warn("unseen");
	log_error("seen too");
	assert_string_equal(capture_end(&c), "prog: seen\nprog: seen too\n");
}

static void
log_line_long_is_cut_to_one_line(void **state)
{
	static char text[9000];
	struct capture c;
	const char *line;

	(void)state;
	memset(text, '\n', sizeof(text) - 1);
	capture_start(&c);
	log_info("%s", text);
	line = capture_end(&c);
	assert_true(strlen(line) <= 4096);
	assert_true(strlen(line) > 4000);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void
log_priorities_are_written_for_the_journal(void **state)
{
	struct capture c;

	(void)state;
	setenv("LOG_PRIORITIES", "1", 1);
	log_open("prog");
	capture_start(&c);
	log_error("e");
	log_audit("who");
	assert_string_equal(
	    capture_end(&c), "<3>prog: e\n<5>prog: audit: who\n");
}

static void
log_err_shows_advice(void **state)
{
	struct capture c;

	(void)state;
	capture_start(&c);
	log_err(LOG_LEVEL_ERROR, err_advise(err_new("bad"), "do good"));
	log_err(LOG_LEVEL_ERROR, err_new("alone"));
	log_err(LOG_LEVEL_ERROR, NULL);
	assert_string_equal(
	    capture_end(&c), "prog: bad (do good)\nprog: alone\n");
}

/* ---- collected ---- */

static int n_soon;

static void
count(void *arg)
{
	++*(int *)arg;
}

static void
log_collect_lines_come_together(void **state)
{
	struct capture c;

	(void)state;
	n_soon = 0;
	log_collect(count, &n_soon);
	capture_start(&c);
	log_info("one");
	log_info("two");
	assert_string_equal(capture_end(&c), "");
	assert_int_equal(n_soon, 1);
	capture_start(&c);
	log_flush();
	log_flush();
	assert_string_equal(capture_end(&c), "prog: one\nprog: two\n");
	log_info("three");
	assert_int_equal(n_soon, 2);
	capture_start(&c);
	log_collect(NULL, NULL);
	log_info("four");
	assert_string_equal(capture_end(&c), "prog: three\nprog: four\n");
	assert_int_equal(n_soon, 2);
}

static void
log_collect_warnings_and_errors_do_not_wait(void **state)
{
	struct capture c;

	(void)state;
	n_soon = 0;
	log_collect(count, &n_soon);
	capture_start(&c);
	log_error("e");
	log_info("i");
	log_warn("w");
	log_audit("a");
	assert_string_equal(
	    capture_end(&c), "prog: e\nprog: i\nprog: w\n");
	assert_int_equal(n_soon, 2);
	capture_start(&c);
	log_collect(NULL, NULL);
	assert_string_equal(capture_end(&c), "prog: audit: a\n");
}

/* Each line is there once and whole, however many wait. */
static void
log_collect_many_lines_are_in_order(void **state)
{
	static char text[1800];
	struct capture c;
	const char *p;
	int i;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	log_collect(count, &n_soon);
	capture_start(&c);
	for (i = 0; i < 8; i++)
		log_info("%d%s", i, text);
	log_flush();
	p = capture_end(&c);
	for (i = 0; i < 8; i++, p = strchr(p, '\n') + 1) {
		assert_int_equal(strncmp(p, "prog: ", 6), 0);
		assert_int_equal(p[6], '0' + i);
		assert_int_equal(strchr(p, '\n') - p, 6 + sizeof(text));
	}
	assert_string_equal(p, "");
	log_collect(NULL, NULL);
}

/* What waits is not written twice; what a child says, it says itself. */
static void
log_collect_ends_in_a_child(void **state)
{
	struct capture c;
	pid_t pid;

	(void)state;
	log_collect(count, &n_soon);
	capture_start(&c);
	log_info("parent");
	if ((pid = fork()) == 0) {
		log_info("child");
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	log_info("parent");
	log_collect(NULL, NULL);
	assert_string_equal(capture_end(&c),
	    "prog: parent\nprog: child\nprog: parent\n");
}

#define TEST(f) cmocka_unit_test_setup(f, plain)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(log_line_names_program),
		TEST(log_line_control_characters_are_escaped),
		TEST(log_line_over_limit_is_dropped),
		TEST(log_line_long_is_cut_to_one_line),
		TEST(log_priorities_are_written_for_the_journal),
		TEST(log_err_shows_advice),
		TEST(log_collect_lines_come_together),
		TEST(log_collect_warnings_and_errors_do_not_wait),
		TEST(log_collect_many_lines_are_in_order),
		TEST(log_collect_ends_in_a_child),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
