/*
 * ca.c - the directory of each CA, read once for all jobs that are with it.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    the directory object of a CA. Assume that it is hostile.
 * Promise:  jobs wait for one reading together; a failure is told to each, and
 *           the next job reads anew.
 */
#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "order.h"
#include "url.h"

/* Nothing has been begun yet, and somebody may be waiting at a terminal. */
#define DIRECTORY_FAILURES_MAX 2
#define DIRECTORY_AGE_MSECS    (3600 * 1000) /* meta may change: terms, profiles */

#define CLOCK_AHEAD_SECS 120 /* what is less harms nobody */

static struct err *start_reading(struct ca *ca);

const char *
ca_clock_text(const struct ca *ca, char out[CLOCK_TEXT_SIZE])
{
	long off = labs(ca->clock_ahead_secs);

	*out = '\0';
	if (off >= CLOCK_AHEAD_SECS)
		snprintf(out, CLOCK_TEXT_SIZE,
		    "this machine's clock is %ld minutes %s the CA's",
		    (off + 30) / 60,
		    ca->clock_ahead_secs > 0 ? "ahead of" : "behind");
	return out;
}

void
ca_forget_directory(struct ca *ca)
{
	ca->read_at_msecs = 0;
}

static bool
is_known(const struct ca *ca)
{
	return ca->read_at_msecs != 0 &&
	       clock_msecs() - ca->read_at_msecs < DIRECTORY_AGE_MSECS;
}

/* Tells everybody who waits now; e (taken) is NULL when it is there. */
static void
tell_all(struct ca *ca, struct err *e)
{
	struct job *job;

	while ((job = TAILQ_FIRST(&ca->waiting)) != NULL) {
		ca_leave(ca, job);
		if (e == NULL)
			job_step(job, JE_DIRECTORY);
		else
			job_fail(job, err_copy(e));
	}
	err_free(e);
}

/* Only newNonce is asked for without a signature, which certd would refuse: what
 * the CA writes must not choose whom this machine speaks with. */
static struct err *
check_origin(const struct ca *ca, const struct directory *d)
{
	const char *const urls[] = { d->new_nonce, d->new_account,
		d->new_order };
	struct url own, url;

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		if (!url_parse(str_of(ca->url), &own) ||
		    !url_parse(str_of(urls[i]), &url) ||
		    !url_same_origin(&own, &url))
			return err_new(
			    "%s is on another host or port than the directory",
			    urls[i]);
	return NULL;
}

static struct err *
read_directory(struct ca *ca, const struct https_response *r)
{
	struct directory d;
	struct err *e = directory_parse(r->body, r->body_bytes, &d);

	if (e == NULL && (e = check_origin(ca, &d)) != NULL)
		directory_clear(&d);
	if (e != NULL)
		return answer_wrap(err_wrap(e, "no ACME directory"), r);
	directory_clear(&ca->directory);
	ca->directory = d;
	ca->read_at_msecs = clock_msecs();
	ca->failures = 0;
	log_debug("directory %s: read", ca->url);
	return NULL;
}

static struct err *
rest(struct ca *ca, unsigned msecs)
{
	struct timeval tv = { msecs / 1000, (msecs % 1000) * 1000 };

	return event_add(ca->timer, &tv) == -1 ? err_new("cannot set a timer")
					       : NULL;
}

/* Tries again where that may help; otherwise everybody fails. */
static void
failed(struct ca *ca, const struct attempt *a, struct err *e)
{
	struct plan plan = answer_plan(a);
	struct err *why;

	if (plan.next == RETRY_AGAIN && !TAILQ_EMPTY(&ca->waiting)) {
		ca->failures++;
		log_info(
		    "once more in %u ms: %s", plan.delay_msecs, err_text(e));
		if ((why = rest(ca, jitter(plan.delay_msecs))) == NULL) {
			err_free(e);
			return;
		}
		err_free(why);
	}
	ca->failures = 0;
	if (plan.not_before_secs != 0)
		e = err_retry_at(e, time(NULL) + plan.not_before_secs);
	tell_all(ca, e);
}

struct err *
ca_take_directory(struct ca *ca, const struct https_response *r)
{
	enum problem problem;

	ca->clock_ahead_secs = https_clock_ahead(r);
	if (r->status != 200)
		return answer_err(r, &problem);
	nonce_keep(ca->nonces, r);
	return read_directory(ca, r);
}

static void
on_directory(void *arg, const struct https_response *r, struct err *e)
{
	struct ca *ca = arg;
	struct attempt a = { .repeatable = true,
		.failures = ca->failures,
		.max_failures = DIRECTORY_FAILURES_MAX,
		.error = err_errno(e),
		.retry_after_secs = -1 };

	ca->call = NULL;
	if (e != NULL) {
		failed(ca, &a,
		    err_advise(e, "see that server is the URL of an ACME "
				  "directory, that the CA can be reached, and "
				  "that ca-certificates holds its root"));
		return;
	}
	if (r->status == 200) {
		tell_all(ca, ca_take_directory(ca, r));
		return;
	}
	ca->clock_ahead_secs = https_clock_ahead(r);
	a.status = r->status;
	a.retry_after_secs = https_retry_after(r, RETRY_AFTER_MAX_SECS);
	e = answer_err(r, &a.problem);
	if (a.status >= 200 && a.status <= 299)
		a.status = 1; /* of no class: given up */
	failed(ca, &a, e);
}

static struct err *
start_reading(struct ca *ca)
{
	struct https_request q = {
		.method = "GET", .url = ca->url, .max_bytes = CA_JSON_MAX_BYTES
	};

	return https_start(ca->worker->https, &q, on_directory, ca, &ca->call);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ca *ca = arg;
	struct err *e;

	(void)fd;
	(void)what;
	if (!TAILQ_EMPTY(&ca->waiting) && (e = start_reading(ca)) != NULL)
		tell_all(ca, e);
}

struct err *
ca_want_directory(struct ca *ca, struct job *job)
{
	struct err *e;

	if (is_known(ca)) {
		job->raised = JE_DIRECTORY;
		return NULL;
	}
	if (ca->call == NULL && !event_pending(ca->timer, EV_TIMEOUT, NULL) &&
	    (e = start_reading(ca)) != NULL)
		return e;
	TAILQ_INSERT_TAIL(&ca->waiting, job, of_ca);
	job->awaits_ca = true;
	return NULL;
}

void
ca_leave(struct ca *ca, struct job *job)
{
	if (!job->awaits_ca)
		return;
	TAILQ_REMOVE(&ca->waiting, job, of_ca);
	job->awaits_ca = false;
}

/* ---- the CAs of a worker ---- */

static struct err *
ca_new(struct worker *w, struct str url, struct ca **out)
{
	struct ca *ca = calloc(1, sizeof(*ca));
	struct err *e = NULL;

	if (ca == NULL)
		return err_sys("CA");
	ca->worker = w;
	ca->validates_msecs = ca->issues_msecs = POLL_FIRST_MSECS;
	ca->trip_msecs = UINT_MAX; /* not known */
	TAILQ_INIT(&ca->waiting);
	ca->url = str_dup(url);
	ca->timer = evtimer_new(w->base, on_timer, ca);
	LIST_INSERT_HEAD(&w->cas, ca, of_worker);
	if (ca->url == NULL || ca->timer == NULL)
		e = err_new("out of memory");
	else
		e = nonces_new(ca, &ca->nonces);
	if (e != NULL)
		ca_free(ca);
	else
		*out = ca;
	return e;
}

struct err *
ca_find(struct worker *w, struct str url, struct ca **out)
{
	struct ca *ca;

	LIST_FOREACH(ca, &w->cas, of_worker)
		if (str_is(url, ca->url)) {
			*out = ca;
			return NULL;
		}
	return ca_new(w, url, out);
}

void
ca_free(struct ca *ca)
{
	LIST_REMOVE(ca, of_worker);
	https_cancel(ca->call);
	nonces_free(ca->nonces);
	directory_clear(&ca->directory);
	if (ca->timer != NULL)
		event_free(ca->timer);
	free(ca->url);
	free(ca);
}
