/* test_answer.c - which answers are taken, repeated, looked into or given up. */
/* objects: acmew/answer acmew/problem acmew/json common/https_text common/buf common/err common/text common/url common/names */
/* libs: jansson libcurl */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "ca.h"

#define URL "https://ca.example/x"

struct row {
	const char *what;
	struct attempt attempt;
	enum retry_next next;
	unsigned delay_msecs;
	long not_before_secs;
};

/* The first argument is Retry-After. */
#define NONE (-1L)
#define GET(after, ...)                                                        \
	{                                                                      \
		.repeatable = true, .retry_after_secs = after, __VA_ARGS__     \
	}
#define FINAL(after, ...)                                                      \
	{                                                                      \
		.repeatable = false, .retry_after_secs = after, __VA_ARGS__    \
	}

static const struct row rows[] = {
	{ "good", GET(NONE, .status = 200), RETRY_TAKE, 0, 0 },
	{ "created", FINAL(NONE, .status = 201), RETRY_TAKE, 0, 0 },
	{ "redirect", GET(NONE, .status = 302), RETRY_GIVE_UP, 0, 0 },
	{ "not found", GET(NONE, .status = 404), RETRY_GIVE_UP, 0, 0 },
	{ "first badNonce",
	    FINAL(NONE, .status = 400, .problem = PROBLEM_BAD_NONCE),
	    RETRY_AGAIN, 0, 0 },
	{ "fourth badNonce",
	    GET(NONE, .status = 400, .problem = PROBLEM_BAD_NONCE,
		.bad_nonces = 3),
	    RETRY_AGAIN, 100, 0 },
	{ "last badNonce",
	    GET(NONE, .status = 400, .problem = PROBLEM_BAD_NONCE,
		.bad_nonces = 19),
	    RETRY_AGAIN, 800, 0 },
	{ "badNonce for ever",
	    GET(NONE, .status = 400, .problem = PROBLEM_BAD_NONCE,
		.bad_nonces = 20),
	    RETRY_GIVE_UP, 0, 0 },
	{ "badNonce, impatient",
	    GET(NONE, .status = 400, .problem = PROBLEM_BAD_NONCE,
		.bad_nonces = 1, .max_failures = 1),
	    RETRY_AGAIN, 0, 0 },
	{ "last badNonce, impatient",
	    GET(NONE, .status = 400, .problem = PROBLEM_BAD_NONCE,
		.bad_nonces = 2, .max_failures = 1),
	    RETRY_GIVE_UP, 0, 0 },
	{ "500", GET(NONE, .status = 500), RETRY_AGAIN, 1000, 0 },
	{ "third 500", GET(NONE, .status = 500, .failures = 2), RETRY_AGAIN,
	    4000, 0 },
	{ "500 for ever", GET(NONE, .status = 500, .failures = 4),
	    RETRY_GIVE_UP, 0, 0 },
	{ "500 at finalize", FINAL(NONE, .status = 500), RETRY_UNSURE, 0, 0 },
	{ "503, later", GET(60, .status = 503), RETRY_AGAIN, 60000, 0 },
	{ "503, much later", GET(61, .status = 503), RETRY_GIVE_UP, 0, 61 },
	{ "503, at once", GET(0, .status = 503), RETRY_AGAIN, 1000, 0 },
	{ "429, later", FINAL(3, .status = 429, .problem = PROBLEM_LIMIT),
	    RETRY_AGAIN, 3000, 0 },
	{ "429, tomorrow", GET(90000, .status = 429, .problem = PROBLEM_LIMIT),
	    RETRY_GIVE_UP, 0, 90000 },
	{ "429, paused", GET(NONE, .status = 429, .problem = PROBLEM_LIMIT),
	    RETRY_GIVE_UP, 0, 86400 },
	{ "429 of a gateway", FINAL(NONE, .status = 429), RETRY_AGAIN, 1000,
	    0 },
	{ "nothing was sent", FINAL(NONE, .error = EAGAIN), RETRY_AGAIN, 1000,
	    0 },
	{ "cut off", GET(NONE, .error = ECONNRESET), RETRY_AGAIN, 1000, 0 },
	{ "cut off at finalize", FINAL(NONE, .error = ECONNRESET), RETRY_UNSURE,
	    0, 0 },
	{ "cut off for ever", GET(NONE, .error = ECONNRESET, .failures = 4),
	    RETRY_GIVE_UP, 0, 0 },
	{ "cut off, impatient",
	    GET(NONE, .error = ECONNRESET, .failures = 2, .max_failures = 2),
	    RETRY_GIVE_UP, 0, 0 },
	{ "bad certificate", GET(NONE, .error = 0), RETRY_GIVE_UP, 0, 0 },
};

static void
plan_follows_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct plan p = answer_plan(&r->attempt);

		if (p.next != r->next ||
		    p.not_before_secs != r->not_before_secs ||
		    (p.next == RETRY_AGAIN && p.delay_msecs != r->delay_msecs))
			fail_msg("%s: next %d, delay %u ms, not before %ld s",
			    r->what, (int)p.next, p.delay_msecs,
			    p.not_before_secs);
	}
}

static void
poll_grows_and_obeys(void **state)
{
	static const unsigned growing[] = { 100, 200, 400, 800, 1600, 3200,
		6400, 10000, 10000 };

	(void)state;
	for (unsigned i = 0; i < sizeof(growing) / sizeof(growing[0]); i++)
		assert_int_equal(answer_poll_msecs(100, i, -1, 0), growing[i]);
	assert_int_equal(answer_poll_msecs(100, 0, 3, 0), 3000);
	assert_int_equal(answer_poll_msecs(100, 0, 0, 0), 100);
	assert_int_equal(answer_poll_msecs(10, 1, -1, 0), 20);
	assert_int_equal(answer_poll_msecs(100, 0, 86400, 0), 60000);
	assert_int_equal(answer_poll_msecs(100, 1000000, -1, 0), 10000);
}

/* Of the time before the first look; what the CA asks for is not shortened. */
static void
poll_counts_the_way_there_and_back(void **state)
{
	(void)state;
	assert_int_equal(answer_poll_msecs(100, 0, -1, 30), 70);
	assert_int_equal(answer_poll_msecs(100, 0, -1, 250), 0);
	assert_int_equal(answer_poll_msecs(100, 1, -1, 30), 200);
	assert_int_equal(answer_poll_msecs(100, 0, 3, 250), 3000);
}

/* How often a CA that needs so long is asked too early, of 1,000 times. */
static unsigned
early_looks(unsigned needs_msecs)
{
	unsigned first = POLL_FIRST_MSECS, early = 0;

	for (int i = 0; i < 1000; i++) {
		early += first < needs_msecs;
		first = answer_poll_learn(first, first >= needs_msecs);
	}
	return early;
}

static void
first_look_learns_how_long_the_ca_needs(void **state)
{
	unsigned first = POLL_FIRST_MSECS;

	(void)state;
	for (int i = 0; i < 200; i++)
		first = answer_poll_learn(first, true);
	assert_int_equal(first, 10);	/* no faster */
	for (int i = 0; i < 20; i++)
		first = answer_poll_learn(first, false);
	assert_int_equal(first, POLL_MOST_MSECS); /* no slower */
	assert_true(early_looks(5) == 0);
	assert_in_range(early_looks(30), 10, 120);
	assert_in_range(early_looks(60), 10, 120);
}

static void
jitter_stays_near(void **state)
{
	(void)state;
	assert_int_equal(jitter(0), 0);
	for (int i = 0; i < 1000; i++)
		assert_in_range(jitter(1000), 1000, 1250);
}

static struct err *
error_of(long status, const char *type, const char *body, enum problem *kind)
{
	const struct https_header headers[] = {
		{ "location", "https://elsewhere.example/" },
		{ "content-type", type },
	};
	const struct https_response r = { .status = status,
		.body = body,
		.body_bytes = strlen(body),
		.headers = headers,
		.n_headers = type == NULL ? 1 : 2,
		.url = URL };

	return answer_err(&r, kind);
}

static void
assert_error(struct err *e, const char *text)
{
	assert_string_equal(err_text(e), text);
	assert_string_not_equal(err_advice(e), "");
	err_free(e);
}

static void
error_problem_named_with_url(void **state)
{
	enum problem kind;

	(void)state;
	assert_error(error_of(400, "application/problem+json; charset=utf-8",
			 "{\"type\":\"urn:ietf:params:acme:error:badCSR\","
			 "\"detail\":\"no\"}",
			 &kind),
	    URL ": urn:ietf:params:acme:error:badCSR: no");
	assert_int_equal(kind, PROBLEM_OTHER);
}

static void
error_html_named_with_type(void **state)
{
	enum problem kind;

	(void)state;
	assert_error(error_of(502, "text/html", "<html>", &kind),
	    URL ": status 502 with content type text/html and no problem "
		"document");
	assert_int_equal(kind, PROBLEM_NONE);
	assert_error(error_of(404, NULL, "", &kind),
	    URL ": status 404 with content type (none) and no problem "
		"document");
}

static void
error_redirect_named_with_target(void **state)
{
	enum problem kind;

	(void)state;
	assert_error(error_of(301, "text/html", "", &kind),
	    URL ": status 301: redirects to https://elsewhere.example/, which "
		"ACME does not allow");
}

static void
error_copied_whole(void **state)
{
	struct err *e = err_retry_at(err_advise(err_new("text"), "advice"), 7);
	struct err *copy = err_copy(e);

	(void)state;
	err_free(e);
	assert_string_equal(err_text(copy), "text");
	assert_string_equal(err_advice(copy), "advice");
	assert_int_equal(err_when(copy), 7);
	err_free(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plan_follows_table),
		cmocka_unit_test(poll_grows_and_obeys),
		cmocka_unit_test(poll_counts_the_way_there_and_back),
		cmocka_unit_test(first_look_learns_how_long_the_ca_needs),
		cmocka_unit_test(jitter_stays_near),
		cmocka_unit_test(error_problem_named_with_url),
		cmocka_unit_test(error_html_named_with_type),
		cmocka_unit_test(error_redirect_named_with_target),
		cmocka_unit_test(error_copied_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
