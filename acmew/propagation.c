/*
 * propagation.c - waiting until every name server shows every record of a job.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    what watched.c has seen.
 * Promise:  success only after all agreed and the settle delay has passed;
 *           otherwise, at the deadline, an error that names each server and
 *           what it lacks.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "log.h"
#include "propagation.h"

#define PROGRESS_PAUSE_MSECS 500
#define COMPLAINTS_MAX       8
#define TEXT_MAX_BYTES       3072

bool
watch_is_patient(const struct watch *w)
{
	uint64_t patience = w->terms.timeout_secs / 2;

	if (patience > WATCH_PATIENCE_SECS)
		patience = WATCH_PATIENCE_SECS;
	return clock_msecs() - w->started_msecs < patience * 1000;
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
	uint64_t gone = clock_msecs() - w->started_msecs;
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

	count(w, &good, &all);
	snprintf(text, sizeof(text), "%zu of %zu servers, settling for %u s",
	    good, all, (msecs + 999) / 1000);
	w->ops->progress(w->arg, text);
	event_del(w->deadline);
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

/* What is wrong at one address; false when nothing is. */
static bool
complain(struct buf *b, const struct watched *d, size_t which)
{
	const struct spot *s = &d->spots[which];
	const struct place *p = &d->places[which];
	const char *name = watched_name(d);

	if (p->showing == SHOWS_ALL && p->streak >= STREAK_ENOUGH)
		return false;
	if (s->doh != NULL)
		err_free(buf_addf(b, "; %s ", s->doh->url));
	else
		err_free(buf_addf(b, "; %s (%s) ",
		    d->list->servers[p->server].name, s->at->text));
	if (s->is_astray)
		err_free(buf_addf(b, "says of %s: %s", name, s->problem));
	else if (p->showing == SHOWS_LACK)
		err_free(buf_addf(
		    b, "lacks %s \"%s\"", name, d->values[s->missing]));
	else if (p->showing == SHOWS_ALL)
		err_free(buf_addf(b, "shows %s only now and then", name));
	else
		err_free(buf_addf(b, "does not tell of %s: %s", name,
		    s->problem[0] == '\0' ? "no answer yet" : s->problem));
	return true;
}

static void
complain_all(struct buf *b, const struct watch *w)
{
	size_t said = 0, kept_back = 0;

	for (size_t i = 0; i < w->n_names; i++) {
		const struct watched *d = &w->names[i];

		if (d->is_good)
			continue;
		if (d->trouble != NULL)
			err_free(buf_addf(b, "; %s", err_text(d->trouble)));
		else if (d->n_spots == 0)
			err_free(buf_addf(b,
			    "; the name servers of %s were "
			    "not found in time",
			    watched_name(d)));
		for (size_t j = 0; j < d->n_spots; j++) {
			if (said == COMPLAINTS_MAX)
				kept_back++;
			else
				said += complain(b, d, j);
		}
	}
	if (kept_back > 0)
		err_free(buf_addf(b, "; and up to %zu more", kept_back));
}

/* The first zone that is delegated to others than the provider says, or NULL. */
static const struct server_list *
find_elsewhere(const struct watch *w)
{
	for (size_t j = 0; j < w->n_names; j++) {
		const struct server_list *list = w->names[j].list;

		if (list != NULL && list->is_elsewhere)
			return list;
	}
	return NULL;
}

static bool
has_any_answer(const struct watch *w)
{
	for (size_t i = 0; i < w->n_names; i++)
		for (size_t j = 0; j < w->names[i].n_spots; j++) {
			enum showing s = w->names[i].places[j].showing;

			if (s == SHOWS_ALL || s == SHOWS_LACK ||
			    s == SHOWS_MUTE)
				return true;
		}
	return false;
}

static struct err *
advise(const struct watch *w, struct err *e)
{
	const struct server_list *list = find_elsewhere(w);
	char text[512];

	if (list != NULL) {
		server_list_text(list, text, sizeof(text));
		return err_advise(e,
		    "%s: delegate it there, or use the provider that serves it",
		    text);
	}
	if (!has_any_answer(w))
		return err_advise(e,
		    "no name server answered at all: see that this machine may "
		    "send to port 53, over UDP and TCP, and that resolver is "
		    "right");
	return err_advise(e,
	    "look at these servers; where they are only slow, raise "
	    "propagation-timeout");
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;
	struct buf *b = buf_new(TEXT_MAX_BYTES);
	struct err *e;

	(void)fd;
	(void)what;
	if (b == NULL) {
		finish(w, err_sys("name servers"));
		return;
	}
	complain_all(b, w);
	e = advise(
	    w, err_new("after %u s not all name servers show all records%s",
		   w->terms.timeout_secs, buf_data(b)));
	buf_free(b);
	finish(w, e);
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
	struct err *e = NULL;

	w->names = calloc(n, sizeof(*w->names));
	w->deadline = evtimer_new(w->worker->base, on_deadline, w);
	w->settled = evtimer_new(w->worker->base, on_settled, w);
	if (w->names == NULL || w->deadline == NULL || w->settled == NULL ||
	    event_add(w->deadline, &limit) == -1)
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
	free(w);
}
