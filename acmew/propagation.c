/*
 * propagation.c - waiting until every name server shows every record of a job.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    what watched.c has seen.
 * Promise:  success only after all agreed and the settle delay has passed, or
 *           nobody can be asked and an administrator has said how long is
 *           enough then; otherwise, at the deadline, an error.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "propagation.h"

#define PROGRESS_PAUSE_MSECS 500

static uint32_t
patience_secs(const struct watch *w)
{
	uint32_t half = w->terms.timeout_secs / 2;

	return half > WATCH_PATIENCE_SECS ? WATCH_PATIENCE_SECS : half;
}

unsigned
watch_msecs(const struct watch *w)
{
	return (unsigned)(clock_msecs() - w->started_msecs);
}

bool
watch_is_patient(const struct watch *w)
{
	return watch_msecs(w) < patience_secs(w) * 1000;
}

/* The watch belongs to whoever hears this: it is gone when done returns. */
static void
finish(struct watch *w, struct err *e)
{
	w->ops->done(w->arg, e);
}

void
watch_fail(struct watch *w, struct err *e)
{
	finish(w, e);
}

/* ---- progress ---- */

static void
count(const struct watch *w, size_t *good, size_t *all)
{
	*good = *all = 0;
	for (size_t i = 0; i < w->n_names; i++) {
		const struct watched *d = &w->names[i];

		for (size_t j = 0; j < d->n_spots; j++) {
			if (!place_counts(d->places, d->n_spots, j))
				continue;
			*all += 1;
			*good += d->places[j].showing == SHOWS_ALL;
		}
	}
}

static bool
is_all_good(const struct watch *w)
{
	for (size_t i = 0; i < w->n_names; i++)
		if (!w->names[i].is_good)
			return false;
	return true;
}

/* The pause after the servers agree: an anycast site that we see proves nothing
 * about the one that the CA sees. */
static unsigned
settle_msecs(const struct watch *w)
{
	uint64_t gone = watch_msecs(w);
	uint64_t least = (uint64_t)w->terms.least_secs * 1000;
	uint64_t settle = (uint64_t)w->terms.settle_secs * 1000;

	if (least > gone && least - gone > settle)
		settle = least - gone;
	return (unsigned)settle;
}

static void
begin_settling(struct watch *w)
{
	unsigned msecs = settle_msecs(w);
	struct timeval tv = { msecs / 1000, (msecs % 1000) * 1000 };
	size_t good, all;
	char text[128];

	delay_note(&w->worker->delay, w->lacked_msecs, w->showed_msecs);
	count(w, &good, &all);
	snprintf(text, sizeof(text), "%zu of %zu servers, settling for %u s",
	    good, all, (msecs + 999) / 1000);
	w->ops->progress(w->arg, text);
	event_del(w->deadline);
	event_del(w->unheard);
	event_add(w->settled, &tv);
}

void
watch_changed(struct watch *w)
{
	uint64_t now = clock_msecs();
	size_t good, all;
	char text[128];

	if (is_all_good(w)) {
		begin_settling(w);
		return;
	}
	count(w, &good, &all);
	if ((good == w->told_good && all == w->told_all) ||
	    now - w->told_msecs < PROGRESS_PAUSE_MSECS)
		return;
	w->told_good = good;
	w->told_all = all;
	w->told_msecs = now;
	snprintf(text, sizeof(text), "%zu of %zu servers", good, all);
	w->ops->progress(w->arg, text);
}

static void
on_settled(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	finish(arg, NULL);
}

/* ---- the time-out ---- */

/* An administrator has said how long to wait without a look, as certbot does:
 * that nobody can be asked is no reason to fail. */
static void
go_on_unheard(struct watch *w)
{
	unsigned msecs = settle_msecs(w);
	struct timeval tv = { msecs / 1000, (msecs % 1000) * 1000 };
	char text[256];

	for (size_t i = 0; i < w->n_names; i++)
		watched_end(&w->names[i]);
	snprintf(text, sizeof(text),
	    "nobody can be asked for the records, at port 53 or over HTTPS: "
	    "going on without a look, as dns-cloudflare-propagation-seconds "
	    "(%u) says",
	    w->terms.least_secs);
	log_warn("%s", text);
	event_del(w->deadline);
	event_del(w->unheard);
	event_add(w->settled, &tv);
	w->ops->progress(w->arg, text);
}

static bool
may_go_on_unheard(const struct watch *w)
{
	return w->terms.least_secs > 0 && watch_is_unheard(w);
}

static void
on_unheard(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	if (may_go_on_unheard(arg))
		go_on_unheard(arg);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	if (may_go_on_unheard(arg))
		go_on_unheard(arg);
	else
		finish(arg, complaint_err(arg));
}

/* Name servers and resolvers have had their chance by then, whichever comes
 * last. */
static uint32_t
unheard_secs(const struct watch *w)
{
	uint32_t secs = patience_secs(w), doh;

	doh = w->worker->config->doh_wait_secs + WATCH_DOH_CHANCE_SECS;
	if (w->worker->doh_servers.n > 0 && secs < doh)
		secs = doh;
	return secs > w->terms.least_secs ? secs : w->terms.least_secs;
}

/* ---- beginning and end ---- */

static struct watched *
name_for(struct watch *w, const char *name)
{
	struct watched *d;

	for (size_t i = 0; i < w->n_names; i++)
		if (strcmp(w->names[i].names[0], name) == 0)
			return &w->names[i];
	d = &w->names[w->n_names++];
	d->watch = w;
	return d;
}

static struct err *
fill(struct watch *w, const struct watch_record *records, size_t n)
{
	struct timeval limit = { .tv_sec = w->terms.timeout_secs };
	struct timeval unheard = { .tv_sec = unheard_secs(w) };
	struct err *e = NULL;

	w->names = calloc(n, sizeof(*w->names));
	w->deadline = evtimer_new(w->worker->base, on_deadline, w);
	w->settled = evtimer_new(w->worker->base, on_settled, w);
	w->unheard = evtimer_new(w->worker->base, on_unheard, w);
	if (w->names == NULL || w->deadline == NULL || w->settled == NULL ||
	    w->unheard == NULL || event_add(w->deadline, &limit) == -1 ||
	    event_add(w->unheard, &unheard) == -1)
		return err_new("out of memory");
	for (size_t i = 0; i < n && e == NULL; i++)
		e = watched_add(name_for(w, records[i].name), &records[i]);
	for (size_t i = 0; i < w->n_names && e == NULL; i++)
		e = watched_start(&w->names[i]);
	return e;
}

struct err *
watch_start(struct worker *worker, const struct watch_terms *t,
    const struct watch_record *records, size_t n, const struct watch_ops *ops,
    void *arg, struct watch **out)
{
	struct watch *w = calloc(1, sizeof(*w));
	struct err *e;

	if (w == NULL)
		return err_sys("name servers");
	w->worker = worker;
	w->terms = *t;
	w->ops = ops;
	w->arg = arg;
	w->started_msecs = clock_msecs();
	if ((e = fill(w, records, n)) != NULL)
		watch_free(w);
	else
		*out = w;
	return e;
}

void
watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < w->n_names; i++)
		watched_clear(&w->names[i]);
	free(w->names);
	if (w->deadline != NULL)
		event_free(w->deadline);
	if (w->settled != NULL)
		event_free(w->settled);
	if (w->unheard != NULL)
		event_free(w->unheard);
	free(w);
}
