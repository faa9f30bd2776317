/*
 * answer.c - what an HTTP answer means: take it, try again, or say why not.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    answers of a CA. Assume that it is hostile.
 * Promise:  no attempt is repeated without end, none sooner than the CA asks,
 *           and none that might have had an effect twice.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ca.h"
#include "url.h"

#define FAILURES_MAX 4 /* 1 + 2 + 4 + 8 s, or what the CA asks for */
#define BAD_NONCES_MAX                                                         \
	20 /* where every second is refused, 1 of 2 million fails */
#define BAD_NONCES_FEW 2 /* of what may fail: an old one, and bad luck */
#define WAIT_MAX_SECS    60 /* Boulder's 500 says 60; what is longer is parked */
#define PAUSED_SECS      86400 /* rateLimited without a time: once a day */
#define POLL_LEAST_MSECS 10
#define POLL_MAX_MSECS   10000

static bool
may_fail_again(const struct attempt *a)
{
	return a->failures <
	       (a->max_failures != 0 ? a->max_failures : FAILURES_MAX);
}

static unsigned
backoff_msecs(unsigned n)
{
	return 1000u << (n < FAILURES_MAX ? n : FAILURES_MAX);
}

/* The nonce was refused: nothing happened at the CA. */
static struct plan
plan_bad_nonce(const struct attempt *a)
{
	struct plan p = { .next = RETRY_AGAIN };
	unsigned most = a->max_failures != 0 ? BAD_NONCES_FEW : BAD_NONCES_MAX;

	if (a->bad_nonces >= most)
		p.next = RETRY_GIVE_UP;
	else if (a->bad_nonces >= 2)
		p.delay_msecs = 50u
				<< (a->bad_nonces < 6 ? a->bad_nonces - 2 : 4);
	return p;
}

static struct plan
plan_no_answer(const struct attempt *a)
{
	struct plan p = { .delay_msecs = backoff_msecs(a->failures) };

	if (a->error == ECONNRESET && !a->repeatable)
		p.next = RETRY_UNSURE;
	else if (a->error != 0 && may_fail_again(a))
		p.next = RETRY_AGAIN;
	else
		p.next = RETRY_GIVE_UP;
	return p;
}

/* 429 was refused at the door; a 5xx may have happened all the same. */
static struct plan
plan_trouble(const struct attempt *a)
{
	struct plan p = { .delay_msecs = backoff_msecs(a->failures) };
	bool refused = a->status == 429;

	if (a->retry_after_secs > WAIT_MAX_SECS)
		p.not_before_secs = a->retry_after_secs;
	else if (a->retry_after_secs > 0)
		p.delay_msecs = (unsigned)a->retry_after_secs * 1000;
	else if (refused && a->problem == PROBLEM_LIMIT &&
		 a->retry_after_secs < 0)
		p.not_before_secs = PAUSED_SECS;
	if (p.not_before_secs != 0 || !may_fail_again(a))
		p.next = RETRY_GIVE_UP;
	else
		p.next = a->repeatable || refused ? RETRY_AGAIN : RETRY_UNSURE;
	return p;
}

struct plan
answer_plan(const struct attempt *a)
{
	if (a->status == 0)
		return plan_no_answer(a);
	if (a->status >= 200 && a->status <= 299)
		return (struct plan){ .next = RETRY_TAKE };
	if (a->problem == PROBLEM_BAD_NONCE)
		return plan_bad_nonce(a);
	if (a->status == 429 || (a->status >= 500 && a->status <= 599))
		return plan_trouble(a);
	return (struct plan){ .next = RETRY_GIVE_UP };
}

/* Quick at first, because validation and issuance may take milliseconds. While
 * an answer comes here and the look goes there the CA is at work. */
unsigned
answer_poll_msecs(
    unsigned first, unsigned n, long retry_after_secs, unsigned trip_msecs)
{
	if (retry_after_secs > WAIT_MAX_SECS)
		retry_after_secs = WAIT_MAX_SECS;
	if (retry_after_secs > 0)
		return (unsigned)retry_after_secs * 1000;
	if (n == 0)
		return first > trip_msecs ? first - trip_msecs : 0;
	if (n >= 10 || first << n > POLL_MAX_MSECS)
		return POLL_MAX_MSECS;
	return first << n;
}

/* A first look that was too early costs a request, so that the next ones wait
 * twice as long; one that was not may have been late. In the long run one of
 * fifteen is too early. */
unsigned
answer_poll_learn(unsigned first, bool is_ready)
{
	unsigned next = is_ready ? first - first / 24 - 1 : 2 * first;

	if (next > POLL_MOST_MSECS)
		return POLL_MOST_MSECS;
	return next < POLL_LEAST_MSECS ? POLL_LEAST_MSECS : next;
}

unsigned
jitter(unsigned msecs)
{
	return msecs + arc4random_uniform(msecs / 4 + 1);
}

/* ---- for people ---- */

/* A header's value, escaped; otherwise what to say instead of it. */
static const char *
shown(const struct https_response *r, const char *header, const char *otherwise,
    char *out, size_t size)
{
	const char *value = https_header(r, header);

	if (value == NULL || *value == '\0')
		return otherwise;
	text_escape(out, size, value, strlen(value));
	return out;
}

static bool
is_json(const struct https_response *r)
{
	const char *type = https_header(r, "content-type");

	return type != NULL &&
	       (strncasecmp(type, "application/json", 16) == 0 ||
		   strncasecmp(type, "application/problem+json", 24) == 0);
}

static struct err *
redirect_err(const struct https_response *r)
{
	char where[300];

	return err_advise(
	    err_new("%s: status %ld: redirects to %s, which ACME "
		    "does not allow",
		r->url, r->status,
		shown(r, "location", "nowhere", where, sizeof(where))),
	    "if this is the CA's directory, put its final URL into server");
}

/* Boulder's word for "this account has failed for this name for months": a
 * limit that no waiting lifts. */
static struct err *
paused_err(const struct https_response *r, struct err *e)
{
	struct err *paused = err_new("%s: the CA has paused this account for "
				     "these names: %s",
	    r->url, err_text(e));

	err_free(e);
	return err_advise(paused,
	    "follow the link that the CA gives to lift the pause, then "
	    "certctl renew --force-renewal; by itself certd asks again in a "
	    "day");
}

struct err *
answer_err(const struct https_response *r, enum problem *kind)
{
	struct err *e = NULL;
	char type[100];

	*kind = PROBLEM_NONE;
	if (r->status >= 300 && r->status <= 399)
		return redirect_err(r);
	if (is_json(r))
		e = problem_parse(r->body, r->body_bytes, kind);
	if (e != NULL && *kind == PROBLEM_LIMIT && r->status == 429 &&
	    https_header(r, "retry-after") == NULL)
		return paused_err(r, e);
	if (e != NULL)
		return err_wrap(e, "%s", r->url);
	e = err_new("%s: status %ld with content type %s and no problem "
		    "document",
	    r->url, r->status,
	    shown(r, "content-type", "(none)", type, sizeof(type)));
	return err_advise(
	    e, r->status >= 500
		   ? "the CA, or what stands before it, has trouble; try again "
		     "later"
		   : "see that server is the URL of an ACME directory");
}

struct err *
answer_location(const struct https_response *r, const char **out)
{
	const char *text = https_header(r, "location");
	struct url u;

	*out = "";
	if (text == NULL || !url_parse(str_of(text), &u))
		return answer_wrap(err_new("no https URL in its Location "
					   "header"),
		    r);
	*out = text;
	return NULL;
}

struct err *
answer_wrap(struct err *e, const struct https_response *r)
{
	char type[100];

	if (e == NULL)
		return NULL;
	e = err_wrap(e, "%s: status %ld, content type %s", r->url, r->status,
	    shown(r, "content-type", "(none)", type, sizeof(type)));
	return err_advise(e,
	    "this is not what an ACME server says; see that server is the "
	    "URL of an ACME directory");
}
