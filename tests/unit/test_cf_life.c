/* test_cf_life.c - what Cloudflare says of a token itself. */
/* objects: certd/dns/cf_life certd/dns/cf_reply certd/dns/cf_advice common/err common/text */
/* libs: jansson */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cf_reply.h"

#define GOOD(r)                                                                \
	"{\"success\":true,\"errors\":[],\"messages\":[],\"result\":" r "}"
#define BAD(e) "{\"success\":false,\"errors\":[" e "],\"result\":null}"
#define REFUSED BAD("{\"code\":9109,\"message\":\"Invalid access token\"}")

static void
life_of_each_status(void **state)
{
	static const struct {
		const char *body;
		bool told, over;
		time_t expires;
		const char *words;
	} rows[] = {
		{ GOOD("{\"status\":\"active\"}"), true, false, 0, "" },
		{ GOOD("{\"status\":\"active\",\"expires_on\":"
		       "\"2027-01-02T03:04:05Z\"}"),
		    true, false, 1798859045, "" },
		{ GOOD("{\"status\":\"expired\",\"expires_on\":"
		       "\"2026-11-01T00:00:00.123456Z\"}"),
		    true, true, 1793491200, "expired, at 2026-11-01T00:00:00Z" },
		{ GOOD("{\"status\":\"expired\"}"), true, true, 0,
		    "has expired" },
		{ GOOD("{\"status\":\"expired\",\"expires_on\":\"soon\"}"),
		    true, true, 0, "has expired" },
		{ GOOD("{\"status\":\"disabled\",\"expires_on\":7}"), true,
		    true, 0, "disabled" },
		{ GOOD("{\"status\":\"what else\"}"), true, false, 0, "" },
		{ GOOD("{\"status\":[]}"), false, false, 0, "" },
		{ GOOD("[]"), false, false, 0, "" },
		{ GOOD("null"), false, false, 0, "" },
		{ REFUSED, false, false, 0, "" },
	};
	struct cf_reply r;
	struct cf_life life;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_null(cf_reply_read(
		    200, rows[i].body, strlen(rows[i].body), &r));
		assert_int_equal(cf_life_read(&r, &life), rows[i].told);
		assert_int_equal(life.is_over, rows[i].over);
		assert_int_equal(life.expires, rows[i].expires);
		assert_non_null(strstr(life.words, rows[i].words));
		cf_reply_clear(&r);
	}
}

static void
refusal_of_the_token_alone_is_of_the_token(void **state)
{
	static const struct {
		long status;
		const char *body;
		bool is;
	} rows[] = {
		{ 403, REFUSED, true },
		{ 401, BAD("{\"code\":1000,\"message\":\"Invalid API Token\"}"),
		    true },
		{ 401, BAD(""), true },
		{ 403, BAD("{\"code\":10000,\"message\":\"no\"}"), false },
		{ 404, BAD("{\"code\":7003,\"message\":\"no\"}"), false },
		{ 200, GOOD("[]"), false },
	};
	struct cf_reply r;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_null(cf_reply_read(rows[i].status, rows[i].body,
		    strlen(rows[i].body), &r));
		assert_int_equal(cf_reply_is_of_token(&r), rows[i].is);
		cf_reply_clear(&r);
	}
}

static void
error_says_that_the_token_is_over(void **state)
{
	struct cf_reply r;
	struct err *e;

	(void)state;
	assert_null(cf_reply_read(403, REFUSED, strlen(REFUSED), &r));
	r.life = "the token has expired";
	e = cf_reply_error(&r);
	assert_non_null(strstr(err_text(e), "the token has expired: "));
	assert_non_null(strstr(err_text(e), "9109"));
	assert_non_null(strstr(err_advice(e), "certctl setup --token-file"));
	err_free(e);
	cf_reply_clear(&r);
}

static void
tokens_of_accounts_and_keys_are_not_asked_for(void **state)
{
	struct credentials token = { { { "Authorization", "Bearer cfut_x" } },
		1, { NULL } },
	    account = { { { "Authorization", "Bearer cfat_x" } }, 1,
		{ NULL } },
	    key = { { { "X-Auth-Email", "a@x" }, { "X-Auth-Key", "k" } }, 2,
		{ NULL } };

	(void)state;
	assert_true(cf_life_may_ask(&token));
	assert_false(cf_life_may_ask(&account));
	assert_false(cf_life_may_ask(&key));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(life_of_each_status),
		cmocka_unit_test(refusal_of_the_token_alone_is_of_the_token),
		cmocka_unit_test(error_says_that_the_token_is_over),
		cmocka_unit_test(tokens_of_accounts_and_keys_are_not_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
