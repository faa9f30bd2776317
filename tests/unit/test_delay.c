/* test_delay.c - when name servers are looked at, after what the last job saw. */
/* objects: acmew/delay */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "watch.h"

static void
unknown_changes_nothing(void **state)
{
	struct delay d = { 0 };

	(void)state;
	assert_int_equal(delay_pause(&d, 0, 250, 50), 250);
	assert_int_equal(delay_pause(&d, 5000, 2000, 50), 2000);
}

/* Records that show at once, and a server that wavers. */
static void
no_time_between_changes_nothing(void **state)
{
	struct delay d;

	(void)state;
	delay_note(&d, 0, 3);
	assert_int_equal(delay_pause(&d, 4, 250, 50), 250);
	delay_note(&d, 900, 400);
	assert_int_equal(delay_pause(&d, 300, 250, 50), 250);
}

static void
time_between_is_looked_through_finely(void **state)
{
	struct delay d;

	(void)state;
	delay_note(&d, 1800, 2200);
	assert_int_equal(delay_pause(&d, 500, 300, 50), 300);
	assert_int_equal(delay_pause(&d, 1700, 400, 50), 200);
	assert_int_equal(delay_pause(&d, 1900, 400, 50), 100);
	assert_int_equal(delay_pause(&d, 1900, 400, 150), 150);
	assert_int_equal(delay_pause(&d, 1900, 30, 50), 30);
	assert_int_equal(delay_pause(&d, 2200, 400, 50), 400);
}

/* How late a job sees records that show after so long, which nobody knows; the
 * pauses grow as those of spots.c. */
static unsigned
late(struct delay *d, unsigned shows_msecs, unsigned *looks)
{
	unsigned now = 0, lacked = 0, usual = 250, pause;

	for (*looks = 1; now < shows_msecs; ++*looks) {
		lacked = now;
		pause = delay_pause(d, now, usual, 50);
		if (pause == usual)
			usual += usual / 8;
		now += pause;
	}
	delay_note(d, lacked, now);
	return now - shows_msecs;
}

static void
next_job_is_nearer(void **state)
{
	unsigned first, looks, more;

	(void)state;
	for (unsigned msecs = 300; msecs < 20000; msecs += 171) {
		struct delay d = { 0 };

		first = late(&d, msecs, &looks);
		for (int i = 0; i < 4; i++)
			assert_true(late(&d, msecs, &more) < first + 100);
		assert_true(late(&d, msecs, &more) < 100);
		assert_true(more <= looks + 5);
	}
}

/* What another provider needs is found as soon as without. */
static void
another_time_is_not_missed(void **state)
{
	unsigned looks;

	(void)state;
	for (unsigned msecs = 300; msecs < 20000; msecs += 171) {
		struct delay none = { 0 }, other;

		delay_note(&other, 4700, 5200);
		assert_true(late(&other, msecs, &looks) <=
			    late(&none, msecs, &looks) + 1000);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_changes_nothing),
		cmocka_unit_test(no_time_between_changes_nothing),
		cmocka_unit_test(time_between_is_looked_through_finely),
		cmocka_unit_test(next_job_is_nearer),
		cmocka_unit_test(another_time_is_not_missed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
