/*
 * nonce.c - the anti-replay nonces of one CA (RFC 8555 section 6.5), shared by
 * all jobs that are with it.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    Replay-Nonce headers of a CA. Assume that it is hostile.
 * Promise:  each is given out once, the youngest first; newNonce is asked only
 *           where neither the pool nor an answer under way has one, or has
 *           fewer than one job needs at a time.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "order.h"

#define POOL_MAX       256
#define POOL_AGE_MSECS (5 * 60 * 1000) /* older ones are refused by many */
#define SENT_MAX                                                               \
	128                  /* signed requests at once: HTTP/2 servers allow
			      * 100 to 250 streams a connection */
#define HEADS_MAX        8   /* Let's Encrypt: a burst of 10 newNonce */
#define SPARE            16  /* nonces under way beyond one a job */
#define IMPATIENCE_MSECS 500 /* then answers under way count no more */

struct nonce {
	char *text;
	uint64_t got_msecs;
};

struct nonces {
	struct ca *ca;
	struct nonce pool[POOL_MAX]; /* oldest first */
	size_t n;
	TAILQ_HEAD(request_queue, request) waiting;
	size_t n_waiting;
	size_t n_sent; /* signed requests under way */
	struct head {
		struct nonces *of;
		struct https_call *call;
	} heads[HEADS_MAX];
	size_t n_heads;
	unsigned failures;
	struct event *serve; /* from the event loop, so that nobody
				      * who keeps a nonce finds a job gone */
	struct event *impatience;
	struct event *rest; /* no newNonce until then */
};

static void start_heads(struct nonces *n, size_t want);

uint64_t
clock_msecs(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---- the pool ---- */

static void
drop_oldest(struct nonces *n)
{
	free(n->pool[0].text);
	n->n--;
	memmove(n->pool, n->pool + 1, n->n * sizeof(n->pool[0]));
}

const char *
nonce_of(const struct https_response *r)
{
	const char *text = https_header(r, "replay-nonce");
	size_t n = text == NULL ? 0 : strlen(text);

	return n == 0 || n > NONCE_MAX_BYTES || !text_is_base64url(text, n)
		   ? NULL
		   : text;
}

void
nonce_keep(struct nonces *n, const struct https_response *r)
{
	const char *text = nonce_of(r);
	char *copy;

	if (text == NULL || (copy = strdup(text)) == NULL)
		return;
	if (n->n == POOL_MAX)
		drop_oldest(n);
	n->pool[n->n].text = copy;
	n->pool[n->n++].got_msecs = clock_msecs();
	if (n->n_waiting > 0)
		event_active(n->serve, EV_TIMEOUT, 0);
}

static void
drop_old(struct nonces *n)
{
	uint64_t now = clock_msecs();

	while (n->n > 0 && now - n->pool[0].got_msecs > POOL_AGE_MSECS)
		drop_oldest(n);
}

/* The youngest, for the caller to free; NULL when there is none. */
static char *
take(struct nonces *n)
{
	drop_old(n);
	return n->n == 0 ? NULL : n->pool[--n->n].text;
}

/* ---- those who wait ---- */

static void
hand_out(struct nonces *n)
{
	struct request *r;
	struct err *e;
	char *nonce;

	while (n->n_waiting > 0 && n->n_sent < SENT_MAX &&
	       (nonce = take(n)) != NULL) {
		r = TAILQ_FIRST(&n->waiting);
		nonce_leave(n, r);
		if ((e = request_sign(r, nonce)) != NULL)
			request_fail(r, e);
		free(nonce);
	}
}

static bool
is_resting(const struct nonces *n)
{
	return event_pending(n->rest, EV_TIMEOUT, NULL) != 0;
}

static void
on_serve(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval patience = { .tv_usec =
						     IMPATIENCE_MSECS * 1000 };
	struct nonces *n = arg;
	size_t most;

	(void)fd;
	(void)what;
	hand_out(n);
	if (n->n_waiting == 0 || n->n > 0 || is_resting(n))
		return;
	/* Every answer under way brings one, so newNonce is for those who
	 * would wait for a second; and not for an order of 100 names to have
	 * 100 of them. */
	most = n->ca->worker->n_jobs + SPARE;
	if (n->n_waiting > n->n_sent && most > n->n_sent)
		start_heads(n, n->n_waiting < most ? n->n_waiting - n->n_sent
						   : most - n->n_sent);
	if (!event_pending(n->impatience, EV_TIMEOUT, NULL))
		event_add(n->impatience, &patience);
}

static void
on_impatience(evutil_socket_t fd, short what, void *arg)
{
	struct nonces *n = arg;

	(void)fd;
	(void)what;
	if (n->n == 0 && !is_resting(n))
		start_heads(n, n->n_waiting);
}

struct err *
nonce_want(struct nonces *n, struct request *r)
{
	struct err *e;
	char *nonce;

	if (n->n_waiting == 0 && n->n_sent < SENT_MAX &&
	    (nonce = take(n)) != NULL) {
		e = request_sign(r, nonce);
		free(nonce);
		return e;
	}
	r->awaits_nonce = true;
	TAILQ_INSERT_TAIL(&n->waiting, r, of_nonces);
	n->n_waiting++;
	event_active(n->serve, EV_TIMEOUT, 0);
	return NULL;
}

void
nonce_leave(struct nonces *n, struct request *r)
{
	r->awaits_nonce = false;
	TAILQ_REMOVE(&n->waiting, r, of_nonces);
	n->n_waiting--;
}

void
nonce_sent(struct nonces *n)
{
	n->n_sent++;
}

void
nonce_back(struct nonces *n)
{
	n->n_sent--;
	if (n->n_waiting > 0)
		event_active(n->serve, EV_TIMEOUT, 0);
}

/* ---- newNonce ---- */

/* Nobody who waits now can go on. */
static void
fail_all(struct nonces *n, struct err *e)
{
	size_t left = n->n_waiting;
	struct request *r;

	n->failures = 0;
	ca_forget_directory(n->ca);
	while (left-- > 0 && (r = TAILQ_FIRST(&n->waiting)) != NULL) {
		nonce_leave(n, r);
		request_fail(r, err_copy(e));
	}
	err_free(e);
}

static void
head_failed(struct nonces *n, const struct attempt *a, struct err *e)
{
	struct plan plan = answer_plan(a);
	unsigned msecs = jitter(plan.delay_msecs);
	struct timeval tv = { msecs / 1000, (msecs % 1000) * 1000 };

	if (n->n_waiting == 0 || is_resting(n)) {
		err_free(e);
		return;
	}
	if (plan.next == RETRY_AGAIN && event_add(n->rest, &tv) == 0) {
		log_info("once more in %u ms: %s", msecs, err_text(e));
		n->failures++;
		err_free(e);
		return;
	}
	if (plan.not_before_secs != 0)
		e = err_retry_at(e, time(NULL) + plan.not_before_secs);
	fail_all(n, e);
}

static void
on_head(void *arg, const struct https_response *r, struct err *e)
{
	struct head *head = arg;
	struct nonces *n = head->of;
	struct attempt a = { .repeatable = true,
		.failures = n->failures,
		.retry_after_secs = -1,
		.error = err_errno(e) };

	head->call = NULL;
	n->n_heads--;
	if (r != NULL && r->status >= 200 && r->status <= 299 &&
	    nonce_of(r) != NULL) {
		n->failures = 0;
		nonce_keep(n, r);
		return;
	}
	if (r != NULL) {
		a.status = r->status;
		a.retry_after_secs = https_retry_after(r, RETRY_AFTER_MAX_SECS);
		if (r->status >= 200 && r->status <= 299) {
			a.status = 1; /* of no class: given up */
			e = err_advise(err_new("%s: no fit Replay-Nonce in "
					       "the answer",
					   r->url),
			    "the CA, or what stands before it, drops this "
			    "header; see that server is right");
		} else
			e = answer_err(r, &a.problem);
	}
	head_failed(n, &a, e);
}

static struct err *
start_head(struct nonces *n)
{
	struct https_request q = { .method = "HEAD",
		.max_bytes = 4096,
		.url = n->ca->directory.new_nonce };
	struct head *head = n->heads;
	struct err *e;

	while (head->call != NULL)
		head++;
	e = https_start(n->ca->worker->https, &q, on_head, head, &head->call);
	if (e == NULL)
		n->n_heads++;
	return e;
}

/* Has want HEADs under way, or as many as are allowed. */
static void
start_heads(struct nonces *n, size_t want)
{
	struct err *e = NULL;

	if (want > HEADS_MAX)
		want = HEADS_MAX;
	while (e == NULL && n->n_heads < want)
		e = start_head(n);
	if (e != NULL)
		fail_all(n, e);
}

/* Where one cannot be asked for, whoever needs it will hear why. */
void
nonce_expect(struct nonces *n, size_t want)
{
	struct err *e = NULL;

	drop_old(n);
	if (is_resting(n))
		return;
	while (e == NULL && n->n_heads < HEADS_MAX &&
	       n->n + n->n_sent + n->n_heads < want)
		e = start_head(n);
	err_free(e);
}

/* ---- beginning and end ---- */

struct err *
nonces_new(struct ca *ca, struct nonces **out)
{
	struct nonces *n = calloc(1, sizeof(*n));

	*out = n;
	if (n == NULL)
		return err_sys("nonces");
	n->ca = ca;
	TAILQ_INIT(&n->waiting);
	for (size_t i = 0; i < HEADS_MAX; i++)
		n->heads[i].of = n;
	n->serve = evtimer_new(ca->worker->base, on_serve, n);
	n->impatience = evtimer_new(ca->worker->base, on_impatience, n);
	n->rest = evtimer_new(ca->worker->base, on_serve, n);
	if (n->serve == NULL || n->impatience == NULL || n->rest == NULL)
		return err_new("out of memory");
	return NULL;
}

void
nonces_free(struct nonces *n)
{
	if (n == NULL)
		return;
	for (size_t i = 0; i < HEADS_MAX; i++)
		https_cancel(n->heads[i].call);
	while (n->n > 0)
		drop_oldest(n);
	if (n->serve != NULL)
		event_free(n->serve);
	if (n->impatience != NULL)
		event_free(n->impatience);
	if (n->rest != NULL)
		event_free(n->rest);
	free(n);
}
