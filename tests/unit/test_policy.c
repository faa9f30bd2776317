/*
 * test_policy.c - what a worker may have signed and published, as tables.
 */
/* objects: certd/monitor/policy common/url common/names common/text proto/options */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <cmocka.h>
#include <string.h>

#include "policy.h"

#define DIRECTORY "https://ca.example:14000/dir"
#define TOKEN	  "abcdefghijklmnopqrstuvwxyz"

static const struct str names[] = { { "example.com", 11 },
	{ "*.example.com", 13 } };

static struct grant
grant(enum phase phase, const char *account)
{
	static struct url origin;

	assert_true(url_parse(str_of(DIRECTORY), &origin));
	return (struct grant) { phase, &origin, { names, 2 }, account };
}

static void
sign_each_verb_only_in_its_phases(void **state)
{
	static const struct {
		uint32_t verb, phases;
	} rows[] = {
		{ VERB_NEW_ORDER, JP_START | JP_ORDER },
		{ VERB_GET, JP_ORDER | JP_FINAL },
		{ VERB_ANSWER, JP_ORDER },
		{ VERB_FINALIZE, JP_ORDER | JP_FINAL },
		{ VERB_N, 0 },
		{ 0, 0 },
		{ 15, 0 },
	};
	static const enum phase phases[] = { JP_START, JP_ORDER, JP_FINAL,
		JP_STORED };
	size_t i, p;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (p = 0; p < 4; p++) {
			struct grant g = grant(phases[p],
			    "https://ca.example:14000/acct/1");
			struct budget b = { 0 };
			const char *why = policy_sign(&g, &b, rows[i].verb,
			    str_of("https://ca.example:14000/x"));

			assert_int_equal(why == NULL,
			    (rows[i].phases & (uint32_t)phases[p]) != 0);
		}
}

static void
sign_new_account_only_without_account(void **state)
{
	struct grant without = grant(JP_START, ""),
	    with = grant(JP_START, "https://ca.example:14000/acct/1");
	struct str url = str_of("https://ca.example:14000/new-account");
	struct budget b = { 0 };

	(void)state;
	assert_null(policy_sign(&without, &b, VERB_NEW_ACCOUNT, url));
	assert_non_null(policy_sign(&with, &b, VERB_NEW_ACCOUNT, url));
	assert_non_null(policy_sign(&without, &b, VERB_NEW_ORDER, url));
	without.phase = JP_ORDER;
	assert_non_null(policy_sign(&without, &b, VERB_NEW_ACCOUNT, url));
}

static void
sign_foreign_url_is_refused(void **state)
{
	static const char *const urls[] = {
		"https://ca.example/x",
		"https://ca.example:14001/x",
		"https://ca.example.evil.test:14000/x",
		"https://xca.example:14000/x",
		"https://ca.example:14000@evil.test/x",
		"https://user@ca.example:14000/x",
		"http://ca.example:14000/x",
		"HTTPS://ca.example:14000/x",
		"https://ca.example:14000/x#f",
		"https://ca.example:14000/../x",
		"https://ca.example:14000/a\\b",
		"https://ca.example:014000/x",
		"javascript:alert(1)",
		"//ca.example:14000/x",
		"",
	};
	struct grant g = grant(JP_ORDER, "https://ca.example:14000/acct/1");
	struct budget b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		assert_non_null(policy_sign(&g, &b, VERB_GET,
		    str_of(urls[i])));
		assert_non_null(policy_url(&g, str_of(urls[i])));
	}
	assert_int_equal(b.signed_n[VERB_GET], 0);
}

static void
sign_beyond_budget_is_refused(void **state)
{
	struct grant g = grant(JP_ORDER, "https://ca.example:14000/acct/1");
	struct str url = str_of("https://ca.example:14000/x");
	struct budget b = { 0 };
	uint32_t verb, n;

	(void)state;
	for (verb = VERB_NEW_ORDER; verb < VERB_N; verb++) {
		for (n = 0; n < 100000; n++)
			if (policy_sign(&g, &b, verb, url) != NULL)
				break;
		assert_in_range(n, 10, 1000);
	}
}

static void
phase_follows_order_and_finalize_only(void **state)
{
	(void)state;
	assert_int_equal(policy_phase_after(JP_START, VERB_NEW_ORDER),
	    JP_ORDER);
	assert_int_equal(policy_phase_after(JP_START, VERB_NEW_ACCOUNT),
	    JP_START);
	assert_int_equal(policy_phase_after(JP_ORDER, VERB_GET), JP_ORDER);
	assert_int_equal(policy_phase_after(JP_ORDER, VERB_NEW_ORDER),
	    JP_ORDER);
	assert_int_equal(policy_phase_after(JP_ORDER, VERB_FINALIZE),
	    JP_FINAL);
	assert_int_equal(policy_phase_after(JP_FINAL, VERB_GET), JP_FINAL);
}

static void
publish_only_names_of_the_job(void **state)
{
	static const char *const foreign[] = { "www.example.com",
		"example.org", "*.example.org", "xample.com",
		"example.com.evil.test", "" };
	struct grant g = grant(JP_ORDER, "https://ca.example:14000/acct/1");
	struct budget b = { 0 };
	size_t i;

	(void)state;
	assert_null(policy_publish(&g, &b, names[0], str_of(TOKEN)));
	assert_null(policy_publish(&g, &b, names[1], str_of(TOKEN)));
	assert_non_null(policy_publish(&g, &b, names[0], str_of("short")));
	for (i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		assert_non_null(policy_publish(&g, &b, str_of(foreign[i]),
		    str_of(TOKEN)));
	for (i = 0; i < 100; i++)
		if (policy_publish(&g, &b, names[0], str_of(TOKEN)) != NULL)
			break;
	assert_in_range(i, 1, 10);
}

static void
option_that_runs_as_root_needs_root(void **state)
{
	(void)state;
	assert_null(policy_option(OPTION_cert_name, 1000));
	assert_null(policy_option(OPTION_deploy_hook, 0));
	assert_non_null(policy_option(OPTION_deploy_hook, 1000));
	assert_non_null(policy_option(OPTION_pre_hook, 1000));
	assert_non_null(policy_option(OPTION_post_hook, 1000));
	assert_non_null(policy_option(0, 0));
	assert_non_null(policy_option(63, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sign_each_verb_only_in_its_phases),
		cmocka_unit_test(sign_new_account_only_without_account),
		cmocka_unit_test(sign_foreign_url_is_refused),
		cmocka_unit_test(sign_beyond_budget_is_refused),
		cmocka_unit_test(phase_follows_order_and_finalize_only),
		cmocka_unit_test(publish_only_names_of_the_job),
		cmocka_unit_test(option_that_runs_as_root_needs_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
