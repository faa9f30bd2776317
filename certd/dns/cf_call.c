/*
 * cf_call.c - one request to Cloudflare's API, tried again where that is
 * harmless.
 *
 * Runs in:  certd-dns (_certd-dns; HTTPS to the provider; no files, no exec).
 * Input:    answers of the provider (hostile, see cf_reply.c).
 * Promise:  never faster than pace.c allows; at most TRIES requests a call, and
 *           one that asks why a token is refused; a POST that may have had its
 *           effect is not sent again from here.
 */
#define _GNU_SOURCE /* asprintf */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "buf.h"
#include "cf_priv.h"
#include "log.h"

#define TRIES          5
#define CALL_SECS      20  /* then no other try: nobody may be there at all */
#define BACKOFF_MSECS  500 /* doubled after each try: 7.5 s in all, and jitter */
#define TIMEOUT_SECS   30
#define WAIT_MAX_SECS  60  /* a longer Retry-After is the caller's */
#define BLOCKED_SECS   300 /* for how long a 429 blocks, if it does not say */
#define RETRY_MAX_SECS 86400

struct cf_call {
	TAILQ_ENTRY(cf_call) entry;
	struct cloudflare *cf;
	const char *method;
	char *asked;     /* "GET https://...": method, blank, URL */
	const char *url; /* in asked */
	char *body;
	unsigned tries;
	time_t begun; /* or went on after a 429 */
	struct event *timer;
	struct https_call *https;
	cf_call_done *done;
	void *arg;
	struct cf_reply *refused; /* the token was; why is being asked */
};

uint64_t
cf_now_msecs(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

time_t
cf_now_secs(void)
{
	return (time_t)(cf_now_msecs() / 1000);
}

static void
call_free(struct cf_call *c)
{
	TAILQ_REMOVE(&c->cf->calls, c, entry);
	https_cancel(c->https);
	if (c->timer != NULL)
		event_free(c->timer);
	if (c->refused != NULL)
		cf_reply_clear(c->refused);
	free(c->refused);
	free(c->asked);
	free(c->body);
	free(c);
}

void
cf_calls_free(struct cloudflare *cf)
{
	struct cf_call *c, *next;

	TAILQ_FOREACH_SAFE(c, &cf->calls, entry, next)
		call_free(c);
}

/* Hands the end over; e is taken. */
static void
finish(struct cf_call *c, struct cf_reply *reply, struct err *e)
{
	cf_call_done *done = c->done;
	void *arg = c->arg;

	call_free(c);
	done(arg, reply, e);
}

/* Sends it after a while, and after those before it. */
static void
send_later(struct cf_call *c, uint64_t after_msecs)
{
	uint64_t now = cf_now_msecs();
	uint64_t msecs = pace_take(&c->cf->pace, now);
	struct timeval tv;

	if (msecs < after_msecs)
		msecs = after_msecs;
	tv.tv_sec = (time_t)(msecs / 1000);
	tv.tv_usec = (suseconds_t)(msecs % 1000 * 1000);
	(void)event_add(c->timer, &tv);
}

/* Half to one and a half of the time that doubles with every try, so that many
 * who failed together do not come back together. */
static uint64_t
backoff_msecs(unsigned tries)
{
	uint64_t msecs = (uint64_t)BACKOFF_MSECS << (tries - 1);
	uint16_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		random = 0;
	return msecs / 2 + msecs * random / UINT16_MAX;
}

static bool
is_post(const struct cf_call *c)
{
	return strcmp(c->method, "POST") == 0;
}

/* Tries again if there is a try left and it does no harm; else gives e (taken)
 * back to the caller. sent: the provider may have seen the request. */
static void
retry(struct cf_call *c, struct err *e, bool sent)
{
	if (sent && is_post(c)) {
		finish(c, NULL, err_mark(e, ECONNRESET));
		return;
	}
	if (c->tries >= TRIES || cf_now_secs() - c->begun >= CALL_SECS) {
		finish(c, NULL, e);
		return;
	}
	log_debug("try %u failed: %s", c->tries, err_text(e));
	err_free(e);
	send_later(c, backoff_msecs(c->tries));
}

static void
give_up_429(struct cf_call *c, long secs)
{
	struct err *e = err_new("%s: the limit of requests is exceeded (HTTP "
				"status 429)",
	    c->asked);

	(void)err_advise(e, "what else uses the API of this Cloudflare "
			    "account? It allows 1,200 requests in 5 minutes");
	finish(c, NULL, err_retry_at(e, time(NULL) + secs));
}

/* HTTP 429: everything of this account is blocked, not this call alone. Who
 * asks on while it is blocked stays blocked. */
static void
slow_down(struct cf_call *c, const struct https_response *r)
{
	long secs = https_retry_after(r, RETRY_MAX_SECS);
	struct cloudflare *cf = c->cf;

	if (secs == -1)
		secs = c->tries < TRIES ? 1L << c->tries : BLOCKED_SECS;
	if (secs <= WAIT_MAX_SECS && c->tries < TRIES) {
		log_info("Cloudflare asks us to wait %ld s", secs);
		pace_block(&cf->pace, cf_now_msecs() + (uint64_t)secs * 1000);
		c->begun = cf_now_secs() + secs;
		send_later(c, 0);
		return;
	}
	if (cf->silent_until < cf_now_secs() + secs)
		cf->silent_until = cf_now_secs() + secs;
	give_up_429(c, secs);
}

/* Hands an answer over; reply is cleared by the caller. */
static void
finish_reply(struct cf_call *c, struct cf_reply *reply)
{
	char *asked = c->asked; /* c is gone when the caller reads */

	c->asked = NULL;
	reply->asked = asked;
	finish(c, reply, NULL);
	free(asked);
}

/* What the API says of the token goes with its refusal. */
static void
on_life(void *arg, const struct https_response *r, struct err *e)
{
	struct cf_call *c = arg;
	struct cf_reply *refused = c->refused, reply;
	struct cf_life life = { 0 };

	c->https = NULL;
	c->refused = NULL;
	if (e == NULL) {
		e = cf_reply_read(r->status, r->body, r->body_bytes, &reply);
		if (e == NULL && cf_life_read(&reply, &life) && life.is_over)
			refused->life = life.words;
		cf_reply_clear(&reply);
	}
	err_free(e);
	finish_reply(c, refused);
	cf_reply_clear(refused);
	free(refused);
}

static struct err *transmit(
    struct cf_call *c, const char *method, const char *url, https_done *done);

/* Why is the token refused? Asked once; reply is taken where that is true. */
static bool
ask_life(struct cf_call *c, struct cf_reply *reply)
{
	char *url;
	struct err *e;

	if (!cf_reply_is_of_token(reply) ||
	    !cf_life_may_ask(&c->cf->credentials) ||
	    asprintf(&url, "%s" CF_LIFE_PATH, c->cf->api) == -1)
		return false;
	if ((c->refused = malloc(sizeof(*c->refused))) == NULL) {
		free(url);
		return false;
	}
	e = transmit(c, "GET", url, on_life);
	free(url);
	if (e != NULL) {
		err_free(e);
		free(c->refused);
		c->refused = NULL;
		return false;
	}
	*c->refused = *reply;
	memset(reply, 0, sizeof(*reply));
	return true;
}

static void
on_response(struct cf_call *c, const struct https_response *r)
{
	struct cf_reply reply;
	struct err *e;

	if (r->status == 429) {
		slow_down(c, r);
		return;
	}
	e = err_wrap(cf_reply_read(r->status, r->body, r->body_bytes, &reply),
	    "%s", c->asked);
	if (r->status / 100 == 3 || r->status == 404)
		e = err_advise(e, "check api-url in section [dns] of "
				  "certd.conf");
	if (e == NULL && r->status >= 500)
		e = err_wrap(cf_reply_error(&reply), "%s", c->asked);
	/* what claims success and is no answer may have had its effect */
	if (e != NULL && (r->status >= 500 || r->status / 100 == 2)) {
		retry(c, e, true);
	} else if (e != NULL) {
		finish(c, NULL, e);
	} else if (!ask_life(c, &reply)) {
		finish_reply(c, &reply);
	}
	cf_reply_clear(&reply);
}

static void
on_https(void *arg, const struct https_response *r, struct err *e)
{
	struct cf_call *c = arg;
	int number = err_errno(e);

	c->https = NULL;
	if (e == NULL)
		on_response(c, r);
	else if (number == EAGAIN || number == ECONNRESET || is_post(c))
		retry(c, e, number != EAGAIN);
	else
		finish(c, NULL, e);
}

static struct err *
transmit(struct cf_call *c, const char *method, const char *url, https_done *done)
{
	const struct credentials *who = &c->cf->credentials;
	struct https_header headers[3];
	struct https_request req = {
		.method = method,
		.url = url,
		.body = url == c->url ? c->body : NULL,
		.headers = headers,
		.max_bytes = CF_BODY_MAX_BYTES,
		.timeout_secs = TIMEOUT_SECS,
	};

	while (req.n_headers < who->n_headers) {
		headers[req.n_headers] = who->headers[req.n_headers];
		req.n_headers++;
	}
	if (req.body != NULL) { /* without a body it would be error 6003 */
		req.body_bytes = strlen(c->body);
		headers[req.n_headers++] =
		    (struct https_header){ "Content-Type", "application/json" };
	}
	return https_start(c->cf->https, &req, done, c, &c->https);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct cf_call *c = arg;
	struct err *e;

	(void)fd;
	(void)what;
	if (c->cf->silent_until > cf_now_secs()) {
		give_up_429(c, (long)(c->cf->silent_until - cf_now_secs()));
		return;
	}
	if (c->tries++ == 0)
		c->begun = cf_now_secs();
	if ((e = transmit(c, c->method, c->url, on_https)) != NULL)
		finish(c, NULL, e);
}

struct err *
cf_call_start(struct cloudflare *cf, const char *method, const char *path,
    const char *body, unsigned delay_msecs, cf_call_done *done, void *arg)
{
	struct cf_call *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return err_sys("%s %s", method, path);
	TAILQ_INSERT_TAIL(&cf->calls, c, entry);
	c->cf = cf;
	c->method = method;
	c->done = done;
	c->arg = arg;
	c->body = body == NULL ? NULL : strdup(body);
	if (asprintf(&c->asked, "%s %s%s", method, cf->api, path) == -1)
		c->asked = NULL;
	else
		c->url = c->asked + strlen(method) + 1;
	c->timer = evtimer_new(cf->base, on_timer, c);
	if (c->asked == NULL || c->timer == NULL ||
	    (body != NULL && c->body == NULL)) {
		call_free(c);
		return err_sys("%s %s", method, path);
	}
	send_later(c, delay_msecs);
	return NULL;
}
