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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
