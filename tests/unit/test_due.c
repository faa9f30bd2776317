/* test_due.c - when a certificate is due: certbot's newest rule, and intervals as
 * people write them. */
/* objects: certd/monitor/due common/buf common/err common/log common/text common/ini common/ini_expand common/ini_parse common/ini_quote common/ini_value common/ini_write */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <cmocka.h>

#include "ini.h"
#include "monitor.h"

#define HOUR 3600
#define DAY  86400

/* In the place of store_restore.c. */
static time_t held_until;

bool
lineage_held(const struct lineage *l, time_t *until)
{
	(void)l;
	*until = held_until;
	return held_until != 0;
}

static void
interval_is_read_as_people_write_it(void **state)
{
	static const struct {
		const char *text;
		time_t secs; /* -1: none */
	} rows[] = { { "30", 30 * DAY }, { "0", 0 }, { "30 days", 30 * DAY },
		{ "1 day", DAY }, { "9 hours", 9 * HOUR },
		{ "90 minutes", 90 * 60 }, { "5 seconds", 5 },
		{ "2 weeks", 14 * DAY }, { "6 months 1 week", 187 * DAY },
		{ "1 week, 2 days", 9 * DAY }, { "100 years", 36500L * DAY },
		{ "  30 Days ", 30 * DAY }, { "", -1 }, { "days", -1 },
		{ "-1 day", -1 }, { "1.5 days", -1 }, { "30 dayss", -1 },
		{ "30 days or so", -1 }, { "99999999999999999999 days", -1 },
		{ "1 day 30", -1 }, { "one day", -1 } };
	time_t secs;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool ok = interval_parse(rows[i].text, &secs);

		if (ok != (rows[i].secs != -1))
			fail_msg("\"%s\": %s", rows[i].text,
			    ok ? "was read" : "was refused");
		if (ok)
			assert_int_equal(secs, rows[i].secs);
	}
}

static void
due_is_a_third_before_the_end_or_half(void **state)
{
	static const struct {
		time_t life, before;
	} rows[] = { { 90 * DAY, 30 * DAY }, { 45 * DAY, 15 * DAY },
		{ 10 * DAY, 10 * DAY / 3 }, { 10 * DAY - 2, 5 * DAY - 1 },
		{ 6 * DAY, 3 * DAY }, { 2 * HOUR, HOUR } };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct entry x = { .not_before = 1000,
			.not_after = 1000 + rows[i].life };

		assert_int_equal(entry_renew_after(&x),
		    x.not_after - rows[i].before);
	}
}

static void
due_is_what_the_renewal_file_says(void **state)
{
	static const struct {
		const char *text;
		time_t before;
	} rows[] = { { "20 days", 20 * DAY }, { "7", 7 * DAY },
		{ "100 years", 36500L * DAY },
		{ "soon", 30 * DAY } }; /* logged; the usual rule */
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lineage l = { .conf = ini_new() };
		struct entry x = { .lineage = (char[]) { "a" }, .files = &l,
			.not_before = 0, .not_after = 90 * DAY };

		assert_null(ini_set(l.conf, "", "renew_before_expiry",
		    rows[i].text));
		assert_int_equal(entry_renew_after(&x),
		    x.not_after - rows[i].before);
		ini_free(l.conf);
	}
}

static void
due_is_not_before_a_restored_version_is_let_go(void **state)
{
	struct lineage l = { .conf = NULL };
	struct entry x = { .lineage = (char[]) { "a" }, .files = &l,
		.not_before = 0, .not_after = 90 * DAY };

	(void)state;
	held_until = 70 * DAY;
	assert_int_equal(entry_renew_after(&x), 70 * DAY);
	held_until = 50 * DAY; /* that is over */
	assert_int_equal(entry_renew_after(&x), 60 * DAY);
	held_until = 0;
}

static void
due_is_at_once_when_revoked(void **state)
{
	struct entry x = { .not_before = 0, .not_after = 90 * DAY,
		.revoked_at = 5 * DAY };

	(void)state;
	assert_int_equal(entry_renew_after(&x), 5 * DAY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interval_is_read_as_people_write_it),
		cmocka_unit_test(due_is_a_third_before_the_end_or_half),
		cmocka_unit_test(due_is_what_the_renewal_file_says),
		cmocka_unit_test(
		    due_is_not_before_a_restored_version_is_let_go),
		cmocka_unit_test(due_is_at_once_when_revoked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
