/* test_pace.c - never more requests than Cloudflare allows. */
/* objects: certd/dns/pace */
/* libs: */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "pace.h"

#define WINDOW_MSECS 300000
#define ALLOWED      1200
#define REQUESTS     5000

/* The most requests that fall into one window of five minutes. */
static size_t
busiest(const uint64_t *at, size_t n)
{
	size_t most = 0;

	for (size_t i = 0, j = 0; i < n; i++) {
		while (at[i] - at[j] >= WINDOW_MSECS)
			j++;
		if (i - j + 1 > most)
			most = i - j + 1;
	}
	return most;
}

static void
pace_burst_goes_at_once(void **state)
{
	struct pace p = { 0 };

	(void)state;
	for (int i = 0; i < 128; i++) {
		assert_int_equal(pace_wait(&p, 1000000), 0);
		assert_int_equal(pace_take(&p, 1000000), 0);
	}
}

static void
pace_tells_what_one_more_would_wait(void **state)
{
	struct pace p = { 0 };

	(void)state;
	for (int i = 0; i < 300; i++) {
		uint64_t wait = pace_wait(&p, 1000000);

		assert_int_equal(pace_wait(&p, 1000000), wait);
		assert_int_equal(pace_take(&p, 1000000), wait);
	}
	assert_true(pace_wait(&p, 1000000) > 0);
}

static void
pace_everybody_at_once_stays_below_the_limit(void **state)
{
	static uint64_t at[REQUESTS];
	struct pace p = { 0 };

	(void)state;
	for (size_t i = 0; i < REQUESTS; i++)
		at[i] = 1000000 + pace_take(&p, 1000000);
	assert_true(busiest(at, REQUESTS) < ALLOWED);
}

/* Silence saves up no more than one burst. */
static void
pace_bursts_after_silence_stay_below_the_limit(void **state)
{
	static uint64_t at[REQUESTS];
	struct pace p = { 0 };
	uint64_t now = 1000000;

	(void)state;
	for (size_t i = 0; i < REQUESTS; i++) {
		if (i % 150 == 0)
			now = (i == 0 ? now : at[i - 1]) + 45000;
		at[i] = now + pace_take(&p, now);
	}
	assert_true(busiest(at, REQUESTS) < ALLOWED);
}

static void
pace_blocked_waits_and_comes_back_one_by_one(void **state)
{
	struct pace p = { 0 };
	uint64_t first, second;

	(void)state;
	assert_int_equal(pace_take(&p, 1000), 0);
	pace_block(&p, 61000);
	pace_block(&p, 5000); /* the longer one stays */
	first = pace_take(&p, 1000);
	second = pace_take(&p, 1000);
	assert_int_equal(first, 60000);
	assert_true(second > first && second < first + 1000);
	assert_true(pace_take(&p, 2000) < 61000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pace_burst_goes_at_once),
		cmocka_unit_test(pace_tells_what_one_more_would_wait),
		cmocka_unit_test(pace_everybody_at_once_stays_below_the_limit),
		cmocka_unit_test(
		    pace_bursts_after_silence_stay_below_the_limit),
		cmocka_unit_test(pace_blocked_waits_and_comes_back_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
