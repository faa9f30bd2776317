/* test_progress.c - progress lines, with a clock that is set by hand. */
/* objects: $(filter-out certctl/main,$(certctl_OBJ)) */
/* libs: $(certctl_LIB) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "certctl.h"

static time_t clock_secs;

static time_t
hand_clock(void)
{
	return clock_secs;
}

struct screen {
	struct progress *p;
	FILE *out;
	char *text;
	size_t n, seen;
};

static void
screen_open(
    struct screen *s, enum progress_mode mode, bool color, unsigned rows)
{
	clock_secs = 1000;
	s->seen = 0;
	s->text = NULL;
	s->out = open_memstream(&s->text, &s->n);
	s->p = progress_new(s->out, mode, color, rows, hand_clock);
	assert_non_null(s->p);
}

/* What was written since the last look. */
static void
shows(struct screen *s, const char *expected)
{
	assert_int_equal(fflush(s->out), 0);
	assert_string_equal(s->text + s->seen, expected);
	s->seen = s->n;
}

static void
screen_close(struct screen *s)
{
	progress_free(s->p);
	assert_int_equal(fclose(s->out), 0);
	free(s->text);
}

static void
stage(struct screen *s, uint32_t job, const char *name, const char *label,
    const char *text)
{
	assert_null(progress_stage(
	    s->p, job, str_of(name), label, str_of(text), clock_secs));
}

static void
elapsed_is_shown_in_minutes_and_hours(void **state)
{
	static const struct {
		time_t secs;
		const char *text;
	} cases[] = { { -5, "0:00" }, { 0, "0:00" }, { 59, "0:59" },
		{ 60, "1:00" }, { 3599, "59:59" }, { 3600, "1:00:00" },
		{ 7325, "2:02:05" } };
	char text[ELAPSED_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		elapsed_text(text, cases[i].secs);
		assert_string_equal(text, cases[i].text);
	}
}

static void
plain_is_a_line_an_event(void **state)
{
	struct screen s;

	(void)state;
	screen_open(&s, PROGRESS_PLAIN, false, 0);
	stage(&s, 1, "example.com", "placing the order", "");
	shows(&s, "example.com: placing the order\n");
	stage(&s, 1, "example.com", "waiting for the name servers",
	    "2 of 4 servers");
	shows(
	    &s, "example.com: waiting for the name servers: 2 of 4 servers\n");
	stage(&s, 1, "example.com", "waiting for the name servers",
	    "2 of 4 servers");
	shows(&s, "");
	progress_draw(s.p);
	progress_hide(s.p);
	shows(&s, "");
	clock_secs += 42;
	assert_null(
	    progress_end(s.p, 1, str_of("example.com"), true, "issued"));
	shows(&s, "example.com: issued (0:42)\n");
	screen_close(&s);
}

static void
plain_escapes_what_certd_tells(void **state)
{
	struct screen s;

	(void)state;
	screen_open(&s, PROGRESS_PLAIN, false, 0);
	stage(&s, 1, "a\033", "x", "\xe2\x80\xae");
	shows(&s, "a\\x1B: x: \\xE2\\x80\\xAE\n");
	screen_close(&s);
}

static void
none_shows_nothing(void **state)
{
	struct screen s;

	(void)state;
	screen_open(&s, PROGRESS_NONE, true, 24);
	stage(&s, 1, "example.com", "placing the order", "");
	progress_draw(s.p);
	assert_null(
	    progress_end(s.p, 1, str_of("example.com"), false, "failed"));
	shows(&s, "");
	screen_close(&s);
}

#define LINE(text) "\033[?7l" text "\033[?7h\033[K\n"
#define UP(n)      "\033[" #n "A"
#define ERASE      "\033[J"

static void
live_redraws_one_line_a_job(void **state)
{
	struct screen s;

	(void)state;
	screen_open(&s, PROGRESS_LIVE, false, 24);
	stage(&s, 1, "a.example", "placing the order", "");
	shows(&s, LINE("a.example   0:00  placing the order") ERASE);
	clock_secs += 65;
	progress_draw(s.p);
	shows(&s, UP(1) LINE("a.example   1:05  placing the order") ERASE);
	stage(&s, 2, "longer.example", "waiting", "");
	shows(&s, UP(1) LINE("a.example        1:05  placing the order")
		      LINE("longer.example   0:00  waiting") ERASE);
	assert_null(progress_end(s.p, 1, str_of("a.example"), true, "issued"));
	shows(&s, UP(2) ERASE "a.example: issued (1:05)\n");
	progress_draw(s.p);
	shows(&s, LINE("longer.example   0:00  waiting") ERASE);
	progress_hide(s.p);
	shows(&s, UP(1) ERASE);
	screen_close(&s);
}

static void
live_colours_names_and_ends(void **state)
{
	struct screen s;

	(void)state;
	screen_open(&s, PROGRESS_LIVE, true, 24);
	stage(&s, 1, "a", "waiting", "");
	shows(&s, LINE("\033[1ma\033[0m  \033[2m 0:00\033[0m  waiting") ERASE);
	assert_null(progress_end(s.p, 1, str_of("a"), false, "failed"));
	shows(&s, UP(1) ERASE "a: \033[31mfailed\033[0m (0:00)\n");
	assert_null(progress_end(s.p, 9, str_of("b"), true, "issued"));
	shows(&s, "b: \033[32missued\033[0m (0:00)\n");
	screen_close(&s);
}

/* More jobs than the terminal has lines must not make it scroll. */
static void
live_never_draws_more_than_the_terminal_has(void **state)
{
	struct screen s;

	(void)state;
	screen_open(&s, PROGRESS_LIVE, false, 4);
	stage(&s, 1, "a", "x", "");
	stage(&s, 2, "b", "x", "");
	stage(&s, 3, "c", "x", "");
	assert_int_equal(fflush(s.out), 0);
	s.seen = s.n;
	stage(&s, 4, "d", "x", "");
	shows(&s, UP(3) LINE("a   0:00  x")
		      LINE("b   0:00  x") "(and 2 more)\033[K\n" ERASE);
	screen_close(&s);
}

/* A watcher that comes late sees since when the stage lasts; a clock that was
 * set back shows no negative time. */
static void
live_counts_from_the_time_that_certd_tells(void **state)
{
	struct screen s;

	(void)state;
	screen_open(&s, PROGRESS_LIVE, false, 24);
	assert_null(progress_stage(
	    s.p, 1, str_of("a"), "x", str_of(""), clock_secs - 61));
	shows(&s, LINE("a   1:01  x") ERASE);
	clock_secs -= 100;
	progress_draw(s.p);
	shows(&s, UP(1) LINE("a   0:00  x") ERASE);
	screen_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elapsed_is_shown_in_minutes_and_hours),
		cmocka_unit_test(plain_is_a_line_an_event),
		cmocka_unit_test(plain_escapes_what_certd_tells),
		cmocka_unit_test(none_shows_nothing),
		cmocka_unit_test(live_redraws_one_line_a_job),
		cmocka_unit_test(live_colours_names_and_ends),
		cmocka_unit_test(live_never_draws_more_than_the_terminal_has),
		cmocka_unit_test(live_counts_from_the_time_that_certd_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
