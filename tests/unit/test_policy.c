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

#define ACCOUNT	  "https://ca.example:14000/acct/1"

static struct grant
grant(enum phase phase, const char *account)
{
	static struct url origin;

	assert_true(url_parse(str_of(DIRECTORY), &origin));
	return (struct grant) { .kind = KIND_issue, .phase = phase,
		.directory = &origin, .names = { names, 2 },
		.account_url = account, .order_url = "" };
}

#define TWO_KEYS 1 /* legal only while the account's key is being changed */
#define UNMADE	 2 /* only while there is no account */

/* Every verb that a kind of job may have, in which phases; all others are
 * refused. */
static const struct {
	enum job_kind kind;
	uint32_t verb, phases;
	int when;
} may[] = {
	{ KIND_issue, VERB_NEW_ACCOUNT, JP_START, UNMADE },
	{ KIND_issue, VERB_NEW_ORDER, JP_START | JP_ORDER | JP_FINAL, 0 },
	{ KIND_issue, VERB_GET, JP_ORDER | JP_FINAL, 0 },
	{ KIND_issue, VERB_ANSWER, JP_ORDER, 0 },
	{ KIND_issue, VERB_FINALIZE, JP_ORDER | JP_FINAL, 0 },
	{ KIND_issue, VERB_CLOSE, JP_ORDER | JP_CLOSE, 0 },
	{ KIND_issue, VERB_FIND_NEW, JP_START, TWO_KEYS },
	{ KIND_issue, VERB_FIND_OLD, JP_START, TWO_KEYS },
	{ KIND_revoke, VERB_REVOKE, JP_START, 0 },
	{ KIND_revoke, VERB_FIND_NEW, JP_START, TWO_KEYS },
	{ KIND_revoke, VERB_FIND_OLD, JP_START, TWO_KEYS },
	{ KIND_show, VERB_GET, JP_START, 0 },
	{ KIND_show, VERB_FIND_NEW, JP_START, TWO_KEYS },
	{ KIND_show, VERB_FIND_OLD, JP_START, TWO_KEYS },
	{ KIND_register, VERB_NEW_ACCOUNT, JP_START, UNMADE },
	{ KIND_update, VERB_CONTACT, JP_START, 0 },
	{ KIND_update, VERB_FIND_NEW, JP_START, TWO_KEYS },
	{ KIND_update, VERB_FIND_OLD, JP_START, TWO_KEYS },
	{ KIND_deactivate, VERB_DEACTIVATE, JP_START, 0 },
	{ KIND_deactivate, VERB_FIND_NEW, JP_START, TWO_KEYS },
	{ KIND_deactivate, VERB_FIND_OLD, JP_START, TWO_KEYS },
	{ KIND_rollover, VERB_ROLL_OVER, JP_START, TWO_KEYS },
	{ KIND_rollover, VERB_FIND_NEW, JP_START, TWO_KEYS },
	{ KIND_rollover, VERB_FIND_OLD, JP_START, TWO_KEYS },
};
#define MAY_N (sizeof(may) / sizeof(may[0]))

static bool
is_legal(enum job_kind kind, uint32_t verb, uint32_t phase, bool account,
    bool two_keys)
{
	size_t i;

	for (i = 0; i < MAY_N; i++)
		if (may[i].kind == kind && may[i].verb == verb)
			return (may[i].phases & phase) != 0 &&
			    (may[i].when == UNMADE ? !account : account) &&
			    (may[i].when != TWO_KEYS || two_keys);
	return false;
}

static void
sign_each_kind_verb_and_phase(void **state)
{
	static const enum phase phases[] = { JP_START, JP_ORDER, JP_FINAL,
		JP_STORED, JP_CLOSE, JP_LOOK, PH_NEW, PH_OPEN };
	uint32_t kind, verb;
	size_t p, n = 0;
	int bits;

	(void)state;
	for (kind = 0; kind < KIND_N; kind++)
		for (verb = 0; verb < 16; verb++)
			for (p = 0; p < sizeof(phases) / sizeof(phases[0]); p++)
				for (bits = 0; bits < 4; bits++) {
	struct grant g = grant(phases[p], (bits & 1) != 0 ? ACCOUNT : "");
	struct budget b = { 0 };
	bool account_only = verb == VERB_CONTACT || verb == VERB_DEACTIVATE ||
	    (kind == KIND_show && verb == VERB_GET);
	const char *why;

	g.kind = (enum job_kind)kind;
	g.has_next_key = (bits & 2) != 0;
	why = policy_sign(&g, &b, verb, str_of(account_only ? ACCOUNT :
	    "https://ca.example:14000/x"));
	assert_int_equal(why == NULL, is_legal(g.kind, verb, phases[p],
	    (bits & 1) != 0, g.has_next_key));
	n += why == NULL;
				}
	assert_true(n > MAY_N);
}

/* Before an order was signed, a worker may ask for the one that an earlier run
 * has placed, and for nothing else. */
static void
sign_get_at_first_only_for_the_known_order(void **state)
{
	static const char order[] = "https://ca.example:14000/order/7";
	static const char *const others[] = {
		"https://ca.example:14000/order/8",
		"https://ca.example:14000/order/7/",
		"https://ca.example:14000/order/7?",
		"https://other.example:14000/order/7", ACCOUNT };
	struct grant g = grant(JP_START, ACCOUNT);
	struct budget b = { 0 };
	size_t i;

	(void)state;
	assert_non_null(policy_sign(&g, &b, VERB_GET, str_of(order)));
	g.order_url = order;
	for (i = 0; i < 5; i++)
		assert_non_null(policy_sign(&g, &b, VERB_GET,
		    str_of(others[i])));
	assert_null(policy_sign(&g, &b, VERB_GET, str_of(order)));
	g.account_url = "";
	assert_non_null(policy_sign(&g, &b, VERB_GET, str_of(order)));
	g = grant(JP_START, ACCOUNT);
	g.kind = KIND_revoke;
	g.order_url = order;
	assert_non_null(policy_sign(&g, &b, VERB_GET, str_of(order)));
	assert_int_equal(policy_phase_after(KIND_issue, JP_START, VERB_GET),
	    JP_ORDER);
	assert_int_equal(policy_phase_after(KIND_show, JP_START, VERB_GET),
	    JP_START);
}

/* A certificate is revoked with its own key only where there is no account. */
static void
sign_revocation_with_either_key(void **state)
{
	struct grant g = grant(JP_START, "");
	struct str url = str_of("https://ca.example:14000/revoke");
	struct budget b = { 0 };

	(void)state;
	g.kind = KIND_revoke;
	assert_non_null(policy_sign(&g, &b, VERB_REVOKE, url));
	g.has_own_key = true;
	assert_null(policy_sign(&g, &b, VERB_REVOKE, url));
	g.kind = KIND_issue;
	assert_non_null(policy_sign(&g, &b, VERB_REVOKE, url));
}

/* What is done to the account goes to its own URL and nowhere else. */
static void
sign_account_verbs_only_at_the_account(void **state)
{
	static const struct {
		enum job_kind kind;
		uint32_t verb;
	} rows[] = { { KIND_show, VERB_GET }, { KIND_update, VERB_CONTACT },
		{ KIND_deactivate, VERB_DEACTIVATE } };
	static const char *const others[] = {
		"https://ca.example:14000/acct/2",
		"https://ca.example:14000/acct/1/",
		"https://ca.example:14000/acct/1?",
		"https://ca.example:14000/order/1",
		"https://other.example:14000/acct/1" };
	size_t i, k;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct grant g = grant(JP_START, ACCOUNT);
		struct budget b = { 0 };

		g.kind = rows[i].kind;
		for (k = 0; k < 5; k++)
			assert_non_null(policy_sign(&g, &b, rows[i].verb,
			    str_of(others[k])));
		assert_null(policy_sign(&g, &b, rows[i].verb,
		    str_of(ACCOUNT)));
	}
}

/* The payload that closes an authorization would end the account for good. */
static void
sign_close_never_where_accounts_are(void **state)
{
	static const char *const refused[] = {
		ACCOUNT,
		"https://ca.example:14000/acct",
		"https://ca.example:14000/acct/",
		"https://ca.example:14000/acct/2",
		"https://ca.example:14000/acct/1/orders",
		"https://ca.example:14000/ACCT/1",
		"https://ca.example:14000/acct/1?x",
		"https://ca.example:14000//acct/1",
		"https://ca.example:14000/authz/1?x=/acct/1",
		"https://ca.example:14000/authz//1",
		"https://ca.example:14000/%61cct/1",
		"https://ca.example:14000/authz/1;acct",
		"https://ca.example:14000/authz/1/",
		"https://other.example:14000/authz/1",
	};
	struct grant g = grant(JP_ORDER, ACCOUNT);
	struct budget b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (policy_sign(&g, &b, VERB_CLOSE, str_of(refused[i])) ==
		    NULL)
			fail_msg("%s", refused[i]);
	assert_null(policy_sign(&g, &b, VERB_CLOSE,
	    str_of("https://ca.example:14000/authz/1")));
	assert_null(policy_sign(&g, &b, VERB_CLOSE,
	    str_of("https://ca.example:14000/acct-authz/1")));
	/* An account at the root has no folder to keep away from. */
	g.account_url = "https://ca.example:14000/1";
	assert_non_null(policy_sign(&g, &b, VERB_CLOSE,
	    str_of("https://ca.example:14000/authz/1")));
}

static void
achieved_only_what_was_signed(void **state)
{
	static const uint32_t effects[KIND_N] = { [KIND_revoke] = VERB_REVOKE,
		[KIND_show] = VERB_GET, [KIND_register] = VERB_NEW_ACCOUNT,
		[KIND_update] = VERB_CONTACT,
		[KIND_deactivate] = VERB_DEACTIVATE };
	struct budget b = { 0 };
	uint32_t kind, verb;

	(void)state;
	for (kind = 0; kind < KIND_N; kind++)
		for (verb = 0; verb < VERB_N; verb++) {
			b.signed_n[verb] = 1;
			assert_int_equal(policy_achieved((enum job_kind)kind,
			    &b), effects[kind] != 0 && effects[kind] == verb);
			b.signed_n[verb] = 0;
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
	size_t i;
	uint32_t n;

	(void)state;
	for (i = 0; i < MAY_N; i++) {
		struct grant g = grant((enum phase)(may[i].phases &
		    -may[i].phases), may[i].when == UNMADE ? "" : ACCOUNT);
		struct budget b = { 0 };
		bool at_account = may[i].kind == KIND_show ||
		    may[i].kind == KIND_update ||
		    may[i].kind == KIND_deactivate;

		g.kind = may[i].kind;
		g.has_next_key = true;
		for (n = 0; n < 100000; n++)
			if (policy_sign(&g, &b, may[i].verb, str_of(
			    at_account && may[i].when == 0 ? ACCOUNT :
			    "https://ca.example:14000/x")) != NULL)
				break;
		assert_in_range(n, 10, 1000);
	}
}

static void
phase_follows_order_and_finalize_only(void **state)
{
	(void)state;
	assert_int_equal(policy_phase_after(KIND_issue, JP_START, VERB_NEW_ORDER),
	    JP_ORDER);
	assert_int_equal(policy_phase_after(KIND_issue, JP_START, VERB_NEW_ACCOUNT),
	    JP_START);
	assert_int_equal(policy_phase_after(KIND_issue, JP_ORDER, VERB_GET), JP_ORDER);
	assert_int_equal(policy_phase_after(KIND_issue, JP_ORDER, VERB_NEW_ORDER),
	    JP_ORDER);
	assert_int_equal(policy_phase_after(KIND_issue, JP_ORDER, VERB_FINALIZE),
	    JP_FINAL);
	assert_int_equal(policy_phase_after(KIND_issue, JP_FINAL, VERB_GET),
	    JP_FINAL);
	assert_int_equal(policy_phase_after(KIND_issue, JP_FINAL,
	    VERB_NEW_ORDER), JP_ORDER);
	/* Who closes an order can finish it no more. */
	assert_int_equal(policy_phase_after(KIND_issue, JP_ORDER, VERB_CLOSE), JP_CLOSE);
	assert_int_equal(policy_phase_after(KIND_issue, JP_START, VERB_REVOKE), JP_START);
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

/* Each is a line for a person to read. */
static void
probed_beyond_what_there_is_is_refused(void **state)
{
	struct budget b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < 1000 && policy_probed(&b) == NULL; i++)
		;
	assert_in_range(i, 22, 100); /* a CA, its clock, 20 zones */
	assert_non_null(policy_probed(&b));
}

/* Every message may cost a line in the log or a write to the disk. */
static void
say_beyond_budget_is_refused(void **state)
{
	struct grant g = grant(JP_START, "");
	struct budget b = { 0 };
	unsigned n = 0;

	(void)state;
	while (policy_say(&g, &b) == NULL && n < 100000)
		n++;
	assert_in_range(n, 1500, 5000);
	assert_non_null(policy_say(&g, &b));
}

/* A name server that flaps must not end a job: what is too much is not shown,
 * and that is said once. */
static void
tell_beyond_budget_is_passed_over(void **state)
{
	struct grant g = grant(JP_START, "");
	struct budget b = { 0 };
	bool last = false;
	unsigned shown = 0, lasts = 0, i;

	(void)state;
	for (i = 0; i < 100000; i++) {
		shown += policy_tell(&g, &b, &last);
		lasts += last;
	}
	assert_in_range(shown, 300, 500);
	assert_int_equal(lasts, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sign_each_kind_verb_and_phase),
		cmocka_unit_test(sign_get_at_first_only_for_the_known_order),
		cmocka_unit_test(sign_revocation_with_either_key),
		cmocka_unit_test(sign_account_verbs_only_at_the_account),
		cmocka_unit_test(sign_close_never_where_accounts_are),
		cmocka_unit_test(achieved_only_what_was_signed),
		cmocka_unit_test(sign_new_account_only_without_account),
		cmocka_unit_test(sign_foreign_url_is_refused),
		cmocka_unit_test(sign_beyond_budget_is_refused),
		cmocka_unit_test(phase_follows_order_and_finalize_only),
		cmocka_unit_test(publish_only_names_of_the_job),
		cmocka_unit_test(say_beyond_budget_is_refused),
		cmocka_unit_test(tell_beyond_budget_is_passed_over),
		cmocka_unit_test(option_that_runs_as_root_needs_root),
		cmocka_unit_test(probed_beyond_what_there_is_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
