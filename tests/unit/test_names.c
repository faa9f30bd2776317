/* test_names.c - which names may stand in a certificate, and what is said about
 * the others. */
/* objects: common/names common/text */
/* libs: */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "names.h"

#define ARRAY_N(a) (sizeof(a) / sizeof(*(a)))
#define L10        "a234567890"
#define L60        L10 L10 L10 L10 L10 L10
#define L63        L60 "123"
#define L243       L60 "." L60 "." L60 "." L60

static const char *const good[] = {
	"example.com", "a.b", "*.example.com", "*.a.b", "xn--bcher-kva.de",
	"a-b.c--d.example", "1.example.com", "127.0.0.1.example", "example.x1",
	"example.1x", L63 ".example", L243 ".2345678.b", /* 253 bytes */
};

static const struct {
	const char *name, *problem; /* problem: a part of what is said */
} bad[] = {
	{ "", "empty" },
	{ L243 ".2345678.bc", "more than 253 bytes" },
	{ L243 "." L243, "more than 253 bytes" },
	{ L63 "4.example", "a label of more than 63 bytes" },
	{ "*." L63 "4.example", "a label of more than 63 bytes" },
	{ "a..example", "empty label" },
	{ ".example.com", "empty label" },
	{ "*..com", "empty label" },
	{ ".", "empty label" },
	{ "*", "a wildcard without a name" },
	{ "*.", "a wildcard without a name" },
	{ "a.*.example.com", "\"*\" may only be the whole first label" },
	{ "*.*.example.com", "\"*\" may only be the whole first label" },
	{ "*a.example.com", "\"*\" may only be the whole first label" },
	{ "a*.example.com", "\"*\" may only be the whole first label" },
	{ "**.example.com", "\"*\" may only be the whole first label" },
	{ "example.*", "\"*\" may only be the whole first label" },
	{ "a_b.example.com", "underscore" },
	{ "_acme-challenge.example.com", "underscore" },
	{ "192.0.2.1", "IP address" },
	{ "*.192.0.2.1", "IP address" },
	{ "2001:db8::1", "IP address" },
	{ "::", "IP address" },
	{ "[2001:db8::1]", "IP address" },
	{ "::ffff:192.0.2.1", "IP address" },
	{ "example.com.", "a dot at the end" },
	{ "com.", "a dot at the end" },
	{ "Example.com", "lower case" },
	{ "example.COM", "lower case" },
	{ "*.Example.com", "lower case" },
	{ "localhost", "only one label" },
	{ "*.com", "only one label" },
	{ "b\xc3\xbc"
	  "cher.de",
	    "A-labels" },
	{ "a b.example", "a character other than" },
	{ "a/b.example", "a character other than" },
	{ "exa\nmple.com", "a character other than" },
	{ "example.com:443", "a character other than" },
	{ "https://example.com", "a character other than" },
	{ "user@example.com", "a character other than" },
	{ "-a.example", "begins or ends with \"-\"" },
	{ "a-.example", "begins or ends with \"-\"" },
	{ "a.-", "begins or ends with \"-\"" },
	{ "*.-a.example", "begins or ends with \"-\"" },
	{ "example.123", "a last label of digits only" },
	{ "1.2.3", "a last label of digits only" },
	{ "256.256.256.256", "a last label of digits only" },
};

static void
name_problem_good_name_has_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_N(good); i++)
		assert_null(name_problem(str_of(good[i])));
	assert_int_equal(strlen(good[ARRAY_N(good) - 1]), 253);
}

static void
name_problem_bad_name_is_told_why(void **state)
{
	const char *problem;

	(void)state;
	for (size_t i = 0; i < ARRAY_N(bad); i++) {
		problem = name_problem(str_of(bad[i].name));
		if (problem == NULL || strstr(problem, bad[i].problem) == NULL)
			fail_msg("%s: %s", bad[i].name,
			    problem == NULL ? "passes" : problem);
	}
}

static void
name_problem_byte_of_any_value_never_slips_through(void **state)
{
	static const char ldh[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	char name[] = "a?b.example";

	(void)state;
	for (int c = 0; c < 256; c++) {
		name[1] = (char)c;
		assert_int_equal(name_problem((struct str){
				     name, sizeof(name) - 1 }) == NULL,
		    c == '.' || (c != 0 && strchr(ldh, c) != NULL));
	}
}

static void
name_problem_reads_only_its_bytes(void **state)
{
	(void)state;
	assert_null(name_problem((struct str){ "example.com_", 11 }));
	assert_null(name_problem((struct str){ "192.0.2.1.example", 17 }));
	assert_non_null(name_problem((struct str){ "example.com", 8 }));
}

static void
name_base_takes_the_wildcard_off(void **state)
{
	(void)state;
	assert_true(str_is(name_base(str_of("*.a.example")), "a.example"));
	assert_true(str_is(name_base(str_of("a.example")), "a.example"));
	assert_true(str_is(name_base(str_of("*a.example")), "*a.example"));
	assert_true(str_is(name_base(str_of("")), ""));
	assert_true(name_is_wildcard(str_of("*.a.example")));
	assert_false(name_is_wildcard(str_of("a.example")));
	assert_false(name_is_wildcard(str_of("*")));
}

static const struct {
	const char *name;
	bool good;
} challenges[] = {
	{ "_acme-challenge.example.com", true },
	{ "_acme-challenge.a.b.example.com", true },
	{ "_acme-challenge.*.example.com", false },
	{ "_acme-challenge.", false }, { "_acme-challenge.com", false },
	{ "_acme-challenge.example.com.", false },
	{ "_acme-challenge._acme-challenge.example.com", false },
	{ "_acme-challenge.Example.com", false },
	{ "_ACME-challenge.example.com", false },
	{ "_acme-challengeexample.com", false },
	{ "www._acme-challenge.example.com", false },
	{ "www.example.com", false }, { "example.com", false }, { "", false },
	{ "_acme-challenge." L243, false }, /* 259 bytes */
};

static void
name_is_challenge_only_of_good_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_N(challenges); i++)
		assert_int_equal(name_is_challenge(str_of(challenges[i].name)),
		    challenges[i].good);
}

static const struct {
	const char *name, *problem;
} lineages[] = {
	{ "example.com", NULL },
	{ "example.com-0001", NULL },
	{ "my certificate", NULL },
	{ "_x", NULL },
	{ "b\xc3\xbc"
	  "cher",
	    NULL },
	{ L60 L60 L60 L10 L10, NULL },
	{ L60 L60 L60 L10 L10 "1", "200 bytes" },
	{ "", "empty" },
	{ ".", "at the front" },
	{ "..", "at the front" },
	{ ".hidden", "at the front" },
	{ "-rf", "at the front" },
	{ "a/b", "\"/\"" },
	{ "/etc", "\"/\"" },
	{ "a\nb", "printed" },
	{ "a\x7f", "printed" },
	{ "a\xff", "printed" },
};

static void
lineage_name_problem_refuses_what_is_no_component(void **state)
{
	const char *problem;

	(void)state;
	for (size_t i = 0; i < ARRAY_N(lineages); i++) {
		problem = lineage_name_problem(str_of(lineages[i].name));
		if (lineages[i].problem == NULL)
			assert_null(problem);
		else if (problem == NULL ||
			 strstr(problem, lineages[i].problem) == NULL)
			fail_msg("%s: %s", lineages[i].name,
			    problem == NULL ? "passes" : problem);
	}
	assert_non_null(lineage_name_problem((struct str){ "a\0b", 3 }));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(name_problem_good_name_has_none),
		cmocka_unit_test(name_problem_bad_name_is_told_why),
		cmocka_unit_test(
		    name_problem_byte_of_any_value_never_slips_through),
		cmocka_unit_test(name_problem_reads_only_its_bytes),
		cmocka_unit_test(name_base_takes_the_wildcard_off),
		cmocka_unit_test(name_is_challenge_only_of_good_names),
		cmocka_unit_test(
		    lineage_name_problem_refuses_what_is_no_component),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
