/* test_args.c - names as they are typed, and as they are ordered. */
/* objects: $(filter-out certctl/main,$(certctl_OBJ)) */
/* libs: $(certctl_LIB) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "certctl.h"
#include "names.h"

#define LABEL_63                                                               \
	"a23456789012345678901234567890123456789012345678901234567890123"

static const struct {
	const char *typed, *name;
} good[] = {
	{ "example.com", "example.com" },
	{ "EXAMPLE.Com", "example.com" },
	{ "example.com.", "example.com" },
	{ "  example.com\t", "example.com" },
	{ "*.example.com", "*.example.com" },
	{ "*.EXAMPLE.com.", "*.example.com" },
	{ LABEL_63 ".example", LABEL_63 ".example" },
	{ "b\xc3\xbc"
	  "cher.de",
	    "xn--bcher-kva.de" },
	{ "B\xc3\x9c"
	  "CHER.DE",
	    "xn--bcher-kva.de" },
	{ "*.b\xc3\xbc"
	  "cher.de",
	    "*.xn--bcher-kva.de" },
	/* u and a combining diaeresis: the same name (NFC) */
	{ "bu\xcc\x88"
	  "cher.de",
	    "xn--bcher-kva.de" },
	/* non-transitional: sharp s stays what it is */
	{ "stra\xc3\x9f"
	  "e.de",
	    "xn--strae-oqa.de" },
	{ "xn--bcher-kva.de", "xn--bcher-kva.de" },
	{ "XN--BCHER-KVA.de", "xn--bcher-kva.de" },
	{ "\xe4\xbe\x8b\xe3\x81\x88.jp", "xn--r8jz45g.jp" },
	/* an ideographic full stop is a dot, at the end too */
	{ "\xe4\xbe\x8b\xe3\x81\x88\xe3\x80\x82jp\xe3\x80\x82",
	    "xn--r8jz45g.jp" },
	/* hyphens where A-labels have theirs: such names exist */
	{ "r3---sn-x.example.com", "r3---sn-x.example.com" },
};

static void
names_good_ones_become_a_labels(void **state)
{
	struct names names = { NULL, 0 };
	struct err *e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		e = names_add(&names, good[i].typed);
		if (e != NULL)
			fail_msg("%s", err_text(e));
		assert_int_equal(names.n, 1);
		assert_string_equal(names.v[0], good[i].name);
		names_clear(&names);
	}
}

static const struct {
	const char *typed, *text;
} bad[] = {
	{ "", "\"\": the name is empty" },
	{ " ", "\"\": the name is empty" },
	{ "example", "\"example\": only one label, as no public name has" },
	{ "a..example.com",
	    "\"a..example.com\": an empty label (a dot too many)" },
	{ "example.com..", "\"example.com..\": a dot at the end" },
	{ "a.*.example.com", "\"a.*.example.com\": a \"*\" may only be the "
			     "whole first label, as in *.example.com" },
	{ "a_b.example.com", "\"a_b.example.com\": an underscore, which no "
			     "certificate may hold" },
	{ "192.0.2.1", "\"192.0.2.1\": an IP address: only DNS names can be "
		       "proved by DNS" },
	{ "2001:db8::1", "\"2001:db8::1\": an IP address: only DNS names can "
			 "be proved by DNS" },
	{ LABEL_63 "4.example", "\"" LABEL_63 "4.example\": a label of more "
				"than 63 bytes" },
	{ "xn--.de", NULL },
	{ "xn--\xc3\xbc.de", NULL },
	{ "xn--0.de", NULL },
	{ "b\xc3\xbc"
	  "cher",
	    "\"b\xc3\xbc"
	    "cher\": only one label, as no "
	    "public name has" },
	{ "a\xe2\x80\xae"
	  "b.de",
	    NULL },                          /* a bidirectional override */
	{ "\xf0\x9f\x92\xa9.la\xff", NULL }, /* no UTF-8, no locale's bytes */
	{ "a b.example.com", "\"a b.example.com\": a character other than "
			     "a-z, 0-9, \"-\" and \".\"" },
};

static void
names_bad_ones_are_refused_by_name(void **state)
{
	struct names names = { NULL, 0 };
	struct err *e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		e = names_add(&names, bad[i].typed);
		if (e == NULL)
			fail_msg("\"%s\" was accepted", bad[i].typed);
		if (bad[i].text != NULL)
			assert_string_equal(err_text(e), bad[i].text);
		assert_int_equal(names.n, 0);
		err_free(e);
		names_clear(&names);
	}
}

static void
names_too_long_are_refused(void **state)
{
	struct names names = { NULL, 0 };
	char name[5000];
	struct err *e;

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	e = names_add(&names, name);
	assert_non_null(strstr(err_text(e), "a name has at most 253 bytes"));
	err_free(e);
	name[300] = '\0';
	e = names_add(&names, name);
	assert_non_null(strstr(err_text(e), "more than 253 bytes"));
	err_free(e);
	names_clear(&names);
}

static void
names_in_a_list_keep_their_order_once(void **state)
{
	struct names names = { NULL, 0 };

	(void)state;
	assert_null(names_add(&names, "b.example, A.example,b.example."));
	assert_null(names_add(&names, "a.example,*.b.example"));
	assert_int_equal(names.n, 3);
	assert_string_equal(names.v[0], "b.example");
	assert_string_equal(names.v[1], "a.example");
	assert_string_equal(names.v[2], "*.b.example");
	names_clear(&names);
}

static void
names_over_the_limit_are_refused(void **state)
{
	struct names names = { NULL, 0 };
	struct err *e = NULL;
	char name[32];
	int i;

	(void)state;
	for (i = 0; i <= NAMES_MAX && e == NULL; i++) {
		(void)snprintf(name, sizeof(name), "n%d.example", i);
		e = names_add(&names, name);
	}
	assert_int_equal(i, NAMES_MAX + 1);
	assert_string_equal(err_text(e), "more than 100 names");
	assert_int_equal(names.n, NAMES_MAX);
	err_free(e);
	assert_null(names_add(&names, "n0.example")); /* is there already */
	names_clear(&names);
}

static void
job_numbers_are_whole_and_positive(void **state)
{
	static const char *const refused[] = { "", "0", "-1", "+1", "1x", "0x1",
		" 1", "4294967296", "99999999999999999999999" };
	uint32_t job = 0;
	struct err *e;
	size_t i;

	(void)state;
	assert_null(job_parse("4294967295", &job));
	assert_int_equal(job, 4294967295);
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_non_null(e = job_parse(refused[i], &job));
		err_free(e);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_good_ones_become_a_labels),
		cmocka_unit_test(names_bad_ones_are_refused_by_name),
		cmocka_unit_test(names_too_long_are_refused),
		cmocka_unit_test(names_in_a_list_keep_their_order_once),
		cmocka_unit_test(names_over_the_limit_are_refused),
		cmocka_unit_test(job_numbers_are_whole_and_positive),
	};

	(void)setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
