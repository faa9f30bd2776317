/* test_showing.c - when name servers are said to show all records. */
/* objects: acmew/showing acmew/silence */
/* libs: */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "acmew.h"

static char one[] = "one", two[] = "two";
static char *const values[] = { one, two };

static enum showing
show(enum dns_outcome outcome, bool authoritative, const char *const *got,
    size_t n, size_t *missing)
{
	const struct dns_answer a = { .outcome = outcome,
		.authoritative = authoritative,
		.values = got,
		.n_values = n,
		.soa = "",
		.cname = "",
		.problem = "" };

	return showing_of(&a, values, 2, missing);
}

static void
showing_all_values_and_strangers_all(void **state)
{
	const char *const got[] = { "stale", "two", "one" };
	size_t missing;

	(void)state;
	assert_int_equal(show(DNS_OK, true, got, 3, &missing), SHOWS_ALL);
}

static void
showing_one_value_of_two_lack(void **state)
{
	const char *const got[] = { "one", "ONE", "two " };
	size_t missing;

	(void)state;
	assert_int_equal(show(DNS_OK, true, got, 3, &missing), SHOWS_LACK);
	assert_int_equal(missing, 1);
	assert_int_equal(show(DNS_NONE, true, NULL, 0, &missing), SHOWS_LACK);
	assert_int_equal(missing, 0);
}

static void
showing_without_authority_mute(void **state)
{
	const char *const got[] = { "one", "two" };
	size_t missing;

	(void)state;
	assert_int_equal(show(DNS_OK, false, got, 2, &missing), SHOWS_MUTE);
	assert_int_equal(show(DNS_SERVER, true, got, 2, &missing), SHOWS_MUTE);
	assert_int_equal(
	    show(DNS_TIMEOUT, false, NULL, 0, &missing), SHOWS_SILENT);
	assert_int_equal(
	    show(DNS_UNREACHABLE, false, NULL, 0, &missing), SHOWS_UNREACHABLE);
}

/* Two name servers, each with an address of both families. A letter is what it
 * showed: A all twice, a all once, l lack, m mute, s silent, u unreachable,
 * ? unknown. */
static bool
agree(const char *shown, bool patient)
{
	static const char letters[] = "?Almsu";
	static const enum showing showings[] = { SHOWS_UNKNOWN, SHOWS_ALL,
		SHOWS_LACK, SHOWS_MUTE, SHOWS_SILENT, SHOWS_UNREACHABLE };
	struct place p[4];

	for (size_t i = 0; i < 4; i++) {
		char c = shown[i] == 'a' ? 'A' : shown[i];

		p[i].server = i / 2;
		p[i].family = i % 2 == 0 ? AF_INET : AF_INET6;
		p[i].showing = showings[strchr(letters, c) - letters];
		p[i].streak = shown[i] == 'A' ? 2 : shown[i] == 'a';
	}
	return places_agree(p, 4, 2, patient);
}

static const struct {
	const char *shown;
	bool at_first, later;
} scenes[] = {
	{ "AAAA", true, true },
	{ "AAAa", false, false }, /* twice in a row */
	{ "AAA?", false, false },
	{ "AAAl", false, false }, /* one that lacks a value is never left out */
	{ "llll", false, false },
	{ "AuAu", true, true },  /* no IPv6 here */
	{ "uAuA", true, true },  /* no IPv4 here */
	{ "AsAs", true, true },  /* IPv6 leads nowhere */
	{ "AsAA", false, true }, /* this one address is dead */
	{ "AAus", false, true }, /* a dead server in the delegation */
	{ "AAuu", false, true },
	{ "AAms", false, true }, /* a lame one */
	{ "AmAA", false, true },
	{ "Auls", false, false },
	{ "uuuu", false, false }, /* somebody must have spoken */
	{ "ssss", false, false },
	{ "mmmm", false, false },
	{ "AsuA", false, true },
};

static void
servers_agree_as_in_scenes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
		if (agree(scenes[i].shown, true) != scenes[i].at_first)
			fail_msg("%s, patient", scenes[i].shown);
		if (agree(scenes[i].shown, false) != scenes[i].later)
			fail_msg("%s, impatient", scenes[i].shown);
	}
}

static void
servers_without_addresses_waited_for(void **state)
{
	const struct place p = { .server = 0,
		.family = AF_INET,
		.showing = SHOWS_ALL,
		.streak = 2 };

	(void)state;
	assert_false(places_agree(&p, 1, 2, true));
	assert_true(places_agree(&p, 1, 2, false));
	assert_false(places_agree(NULL, 0, 0, false));
}

/* ---- addresses that did not answer lately ---- */

static uint64_t now_msecs = 1;

uint64_t
clock_msecs(void)
{
	return now_msecs;
}

static void
silence_lasts_ten_minutes(void **state)
{
	struct silence s = { .next = 0 };

	(void)state;
	assert_false(silence_is_kept(&s, "2001:db8::1"));
	silence_note(&s, "2001:db8::1");
	now_msecs += 599 * 1000;
	assert_true(silence_is_kept(&s, "2001:db8::1"));
	assert_false(silence_is_kept(&s, "2001:db8::2"));
	now_msecs += 2 * 1000;
	assert_false(silence_is_kept(&s, "2001:db8::1"));
	silence_note(&s, "2001:db8::1");
	silence_break(&s, "2001:db8::1");
	assert_false(silence_is_kept(&s, "2001:db8::1"));
}

static void
silence_of_many_forgets_oldest(void **state)
{
	struct silence s = { .next = 0 };
	char address[64];

	(void)state;
	for (int i = 0; i <= SILENT_MAX; i++) {
		snprintf(address, sizeof(address), "192.0.2.%d", i);
		silence_note(&s, address);
	}
	assert_false(silence_is_kept(&s, "192.0.2.0"));
	assert_true(silence_is_kept(&s, "192.0.2.1"));
	assert_true(silence_is_kept(&s, address));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(showing_all_values_and_strangers_all),
		cmocka_unit_test(showing_one_value_of_two_lack),
		cmocka_unit_test(showing_without_authority_mute),
		cmocka_unit_test(servers_agree_as_in_scenes),
		cmocka_unit_test(servers_without_addresses_waited_for),
		cmocka_unit_test(silence_lasts_ten_minutes),
		cmocka_unit_test(silence_of_many_forgets_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
