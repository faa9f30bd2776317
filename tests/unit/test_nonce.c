/* test_nonce.c - nonces of a CA: kept, given out, and asked for no sooner than
 * they are needed. */
/* objects: acmew/nonce acmew/answer acmew/problem acmew/json common/https_text common/buf common/err common/log common/text common/url common/names */
/* libs: libevent_core libcurl jansson */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "order.h"

#define CALLS 64

/* ---- the world around: requests to newNonce, and those that wait ---- */

struct https_call {
	https_done *done;
	void *arg;
};

static struct https_call calls[CALLS];
static size_t n_calls; /* HEADs so far */
static bool refuses;
static char given[512];

struct err *
https_start(struct https *h, const struct https_request *q, https_done *done,
    void *arg, struct https_call **out)
{
	(void)h;
	assert_string_equal(q->method, "HEAD");
	assert_string_equal(q->url, "https://ca.test/nonce");
	if (refuses)
		return err_new("too many at once");
	assert_true(n_calls < CALLS);
	calls[n_calls] = (struct https_call){ done, arg };
	*out = &calls[n_calls++];
	return NULL;
}

void
https_cancel(struct https_call *call)
{
	(void)call;
}

struct err *
request_sign(struct request *r, const char *nonce)
{
	strcat(given, " ");
	strcat(given, nonce);
	nonce_sent(r->job->ca->nonces);
	return NULL;
}

void
request_fail(struct request *r, struct err *e)
{
	(void)r;
	strcat(given, " failed");
	err_free(e);
}

void
ca_forget_directory(struct ca *ca)
{
	(void)ca;
}

/* ---- a CA ---- */

static struct worker worker;
static struct ca ca;
static struct job job;

static void
begin(void)
{
	worker.base = event_base_new();
	worker.n_jobs = 1;
	ca = (struct ca){ .worker = &worker };
	ca.directory.new_nonce = (char *)(uintptr_t) "https://ca.test/nonce";
	job = (struct job){ .worker = &worker, .ca = &ca };
	n_calls = 0;
	refuses = false;
	given[0] = '\0';
	assert_null(nonces_new(&ca, &ca.nonces));
}

static void
end(void)
{
	nonces_free(ca.nonces);
	event_base_free(worker.base);
}

static void
turn(void)
{
	event_base_loop(worker.base, EVLOOP_NONBLOCK);
}

/* A good answer, with this nonce. */
static void
keep(const char *nonce)
{
	struct https_header h = { "replay-nonce", nonce };
	struct https_response r = { .status = 200,
		.url = "https://ca.test/nonce", .headers = &h, .n_headers = 1 };

	nonce_keep(ca.nonces, &r);
}

static void
answer(size_t which, const char *nonce)
{
	struct https_header h = { "replay-nonce", nonce };
	struct https_response r = { .status = 200,
		.url = "https://ca.test/nonce", .headers = &h, .n_headers = 1 };

	calls[which].done(calls[which].arg, &r, NULL);
	turn();
}

/* ---- ---- */

static void
pool_gives_youngest_once(void **state)
{
	struct request r[2] = { { .job = &job }, { .job = &job } };

	(void)state;
	begin();
	keep("old");
	keep("new");
	assert_null(nonce_want(ca.nonces, &r[0]));
	assert_null(nonce_want(ca.nonces, &r[1]));
	assert_string_equal(given, " new old");
	assert_int_equal(n_calls, 0);
	end();
}

static void
first_request_waits_for_newnonce(void **state)
{
	struct request r = { .job = &job };

	(void)state;
	begin();
	assert_null(nonce_want(ca.nonces, &r));
	turn();
	assert_int_equal(n_calls, 1);
	answer(0, "a");
	assert_string_equal(given, " a");
	end();
}

/* Its turn comes with the answer that is under way. */
static void
second_request_waits_for_answer(void **state)
{
	struct request r[2] = { { .job = &job }, { .job = &job } };

	(void)state;
	begin();
	keep("a");
	assert_null(nonce_want(ca.nonces, &r[0]));
	assert_null(nonce_want(ca.nonces, &r[1]));
	turn();
	assert_int_equal(n_calls, 0);
	nonce_back(ca.nonces);
	keep("b");
	turn();
	assert_string_equal(given, " a b");
	assert_int_equal(n_calls, 0);
	end();
}

/* Two names: the order's own answer brings one, the other one is asked for. */
static void
expected_are_asked_for_while_order_is_under_way(void **state)
{
	struct request order = { .job = &job };
	struct request names[2] = { { .job = &job }, { .job = &job } };

	(void)state;
	begin();
	keep("a");
	nonce_expect(ca.nonces, 2);
	assert_int_equal(n_calls, 1);
	assert_null(nonce_want(ca.nonces, &order));
	answer(0, "b");
	nonce_back(ca.nonces);
	keep("c");
	assert_null(nonce_want(ca.nonces, &names[0]));
	assert_null(nonce_want(ca.nonces, &names[1]));
	assert_string_equal(given, " a c b");
	assert_int_equal(n_calls, 1);
	end();
}

/* A fresh worker: the order itself waits for one of them. */
static void
expected_serve_the_order_too(void **state)
{
	struct request order = { .job = &job };

	(void)state;
	begin();
	nonce_expect(ca.nonces, 2);
	assert_null(nonce_want(ca.nonces, &order));
	turn();
	assert_int_equal(n_calls, 2);
	answer(1, "a");
	assert_string_equal(given, " a");
	end();
}

/* What others have under way will be there by then. */
static void
expected_are_there_in_the_steady_state(void **state)
{
	struct request r[2] = { { .job = &job }, { .job = &job } };

	(void)state;
	begin();
	keep("a");
	keep("b");
	assert_null(nonce_want(ca.nonces, &r[0]));
	assert_null(nonce_want(ca.nonces, &r[1]));
	for (int i = 0; i < 100; i++)
		nonce_expect(ca.nonces, 2);
	turn();
	assert_int_equal(n_calls, 0);
	nonce_expect(ca.nonces, 3);
	nonce_expect(ca.nonces, 3);
	assert_int_equal(n_calls, 1);
	end();
}

/* Let's Encrypt allows a burst of ten. */
static void
expected_of_many_names_are_bounded(void **state)
{
	(void)state;
	begin();
	nonce_expect(ca.nonces, 100);
	assert_int_equal(n_calls, 8);
	end();
}

/* Nobody waits for them yet. */
static void
expected_that_fail_harm_nobody(void **state)
{
	struct request r = { .job = &job };

	(void)state;
	begin();
	keep("a");
	refuses = true;
	nonce_expect(ca.nonces, 2);
	refuses = false;
	nonce_expect(ca.nonces, 2);
	calls[0].done(calls[0].arg, NULL, err_new("lost"));
	turn();
	assert_null(nonce_want(ca.nonces, &r));
	assert_string_equal(given, " a");
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pool_gives_youngest_once),
		cmocka_unit_test(first_request_waits_for_newnonce),
		cmocka_unit_test(second_request_waits_for_answer),
		cmocka_unit_test(
		    expected_are_asked_for_while_order_is_under_way),
		cmocka_unit_test(expected_serve_the_order_too),
		cmocka_unit_test(expected_are_there_in_the_steady_state),
		cmocka_unit_test(expected_of_many_names_are_bounded),
		cmocka_unit_test(expected_that_fail_harm_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
