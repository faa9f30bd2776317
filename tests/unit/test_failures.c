/* test_failures.c - how long nobody asks by himself after failures. */
/* objects: common/err common/log common/text certd/monitor/failures certd/monitor/ledger certd/monitor/ledger_rows certd/monitor/ledger_job certd/monitor/ledger_index certd/monitor/ledger_owed certd/monitor/ledger_revocation certd/monitor/ledger_seen certd/monitor/ledger_sound */
/* libs: sqlite3 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "monitor.h"

static time_t
wait_of(const char *names, uint32_t count, time_t last)
{
	const struct ledger_failure row = { .account = "", .names = names,
		.count = count, .last = last, .text = "" };

	return backoff_secs(&row);
}

static void
backoff_grows_to_a_day(void **state)
{
	static const time_t secs[] = { 60, 600, 6000, 60000, 86400, 86400 };
	uint32_t n;

	(void)state;
	for (n = 1; n <= 6; n++)
		assert_in_range(wait_of("example.com", n, 1000),
		    secs[n - 1] * 9 / 10, secs[n - 1]);
	assert_in_range(wait_of("example.com", UINT32_MAX, 1000), 77760,
	    86400);
}

static void
backoff_of_the_same_is_the_same(void **state)
{
	(void)state;
	assert_int_equal(wait_of("a.example b.example", 4, 1000),
	    wait_of("a.example b.example", 4, 1000));
}

/* A thousand that failed in the same second come back over the whole range. */
static void
backoff_scatters_what_failed_together(void **state)
{
	time_t least = 86400, most = 0, t;
	char name[32];
	int i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "n%d.example", i);
		t = wait_of(name, 5, 1000);
		least = t < least ? t : least;
		most = t > most ? t : most;
	}
	assert_in_range(least, 77760, 78400);
	assert_in_range(most, 85800, 86400);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(backoff_grows_to_a_day),
		cmocka_unit_test(backoff_of_the_same_is_the_same),
		cmocka_unit_test(backoff_scatters_what_failed_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
