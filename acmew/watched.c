/*
 * watched.c - one record name: its servers are found, and followed where an
 * alias leads; spots.c asks them.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    answers of name servers. Assume that they are hostile.
 * Promise:  a configured alias is followed ten times at most and never in a
 *           circle, any other is told; where port 53 is closed, resolvers are
 *           asked over HTTPS, and not before the record had time to show.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "log.h"
#include "propagation.h"

const char *
watched_name(const struct watched *d)
{
	return d->names[d->n_names - 1];
}

/* Adds a copy of text to a list that has room for one more element. */
static struct err *
add_text(char ***list, size_t *n, const char *text)
{
	char **longer = reallocarray(*list, *n + 1, sizeof(**list));

	if (longer == NULL)
		return err_sys("record");
	*list = longer;
	if ((longer[*n] = strdup(text)) == NULL)
		return err_sys("record");
	(*n)++;
	return NULL;
}

struct err *
watched_add(struct watched *d, const struct watch_record *r)
{
	struct err *e = NULL;

	if (d->record == NULL) {
		d->record = strdup(r->record);
		d->names[0] = strdup(r->name);
		if (d->record == NULL || d->names[0] == NULL)
			return err_sys("record");
		d->n_names = 1;
	}
	e = add_text(&d->values, &d->n_values, r->value);
	for (size_t i = 0; i < r->n_servers && e == NULL; i++)
		e = add_text(&d->extra, &d->n_extra, r->servers[i]);
	return e;
}

static void
drop_spots(struct watched *d)
{
	watched_stop(d);
	spots_free(d);
	server_list_free(d->list);
	d->list = NULL;
}

void
watched_stop(struct watched *d)
{
	finding_cancel(d->finding);
	d->finding = NULL;
	if (d->retry != NULL)
		event_del(d->retry);
	spots_stop(d);
}

void
watched_end(struct watched *d)
{
	watched_stop(d);
	if (d->fallback != NULL)
		event_del(d->fallback);
}

void
watched_clear(struct watched *d)
{
	drop_spots(d);
	if (d->retry != NULL)
		event_free(d->retry);
	if (d->fallback != NULL)
		event_free(d->fallback);
	err_free(d->trouble);
	buf_free(d->port_53);
	for (size_t i = 0; i < d->n_names; i++)
		free(d->names[i]);
	for (size_t i = 0; i < d->n_values; i++)
		free(d->values[i]);
	for (size_t i = 0; i < d->n_extra; i++)
		free(d->extra[i]);
	free(d->values);
	free(d->extra);
	free(d->record);
}

/* ---- the search for servers ---- */

static void on_found(void *arg, struct server_list *list, struct err *e);

/* The provider knows only the zone in which it has put the record. Where the
 * resolver finds none, its word must do, after a while. */
static struct err *
search(struct watched *d)
{
	const char *name = watched_name(d), *dot = strchr(name, '.');
	bool there = strcmp(name, d->record) == 0;
	size_t n_extra = there ? d->n_extra : 0;

	/* The resolver is not asked for the record's own name, or it would
	 * remember for long that there is none. */
	if (!d->is_own_zone && dot != NULL)
		name = dot + 1;
	return finding_start(d->watch->worker->lookups, name,
	    n_extra > 0 && d->trouble != NULL && !watch_is_patient(d->watch),
	    d->extra, n_extra, on_found, d, &d->finding);
}

void
watched_search_later(struct watched *d, unsigned msecs)
{
	struct timeval tv = { msecs / 1000, (msecs % 1000) * 1000 };

	event_add(d->retry, &tv);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct watched *d = arg;
	struct err *e;

	(void)fd;
	(void)what;
	drop_spots(d);
	if ((e = search(d)) != NULL)
		watch_fail(d->watch, e);
}

/* Nobody who should know has said a word: the public resolvers are next. They
 * remember for long what is missing, so nobody asks them before it had the time
 * to show. */
static void
on_fallback(evutil_socket_t fd, short what, void *arg)
{
	struct watched *d = arg;
	struct err *e;

	(void)fd;
	(void)what;
	if (d->was_heard || d->watch->worker->doh_servers.n == 0)
		return;
	complaint_keep(d);
	drop_spots(d);
	d->watch->ops->progress(d->watch->arg,
	    "no name server answers at port 53: resolvers are asked over "
	    "HTTPS");
	if ((e = spots_make_doh(d)) != NULL)
		watch_fail(d->watch, e);
}

struct err *
watched_start(struct watched *d)
{
	const struct config *c = d->watch->worker->config;
	struct timeval wait = { .tv_sec = c->doh_wait_secs };

	d->retry = evtimer_new(d->watch->worker->base, on_retry, d);
	d->fallback = evtimer_new(d->watch->worker->base, on_fallback, d);
	if (d->retry == NULL || d->fallback == NULL ||
	    event_add(d->fallback, &wait) == -1)
		return err_new("out of memory");
	return search(d);
}

/* Once: the zone is in other hands than the provider believes. */
static void
tell_elsewhere(struct watched *d)
{
	char text[512];

	if (!d->list->is_elsewhere || d->told_elsewhere)
		return;
	d->told_elsewhere = true;
	server_list_text(d->list, text, sizeof(text));
	log_warn("%s", text);
	d->watch->ops->progress(d->watch->arg, text);
}

static void
on_found(void *arg, struct server_list *list, struct err *e)
{
	struct watched *d = arg;

	d->finding = NULL;
	err_free(d->trouble);
	d->trouble = NULL;
	if (e == NULL && server_list_addresses(list) == 0)
		e = err_new("no name server of %s has an address", list->zone);
	if (e != NULL) {
		server_list_free(list);
		d->trouble = e;
		watched_search_later(d, WATCH_RETRY_MSECS);
		return;
	}
	d->list = list;
	tell_elsewhere(d);
	if ((e = spots_make(d)) != NULL)
		watch_fail(d->watch, e);
}

/* ---- aliases ---- */

/* All servers say that the name is an alias: its target is watched instead.
 * From a timer, because a spot of the old name is calling. */
void
watched_follow(struct watched *d, const char *target)
{
	struct err *e = NULL;

	for (size_t i = 0; i < d->n_names && e == NULL; i++)
		if (strcmp(d->names[i], target) == 0)
			e = err_new("%s is an alias (CNAME) that leads in a "
				    "circle, by way of %s",
			    d->names[0], target);
	if (e == NULL && d->n_names == ALIASES_MAX)
		e = err_new("%s is an alias (CNAME) of an alias, over %d deep",
		    d->names[0], ALIASES_MAX);
	if (e == NULL && (d->names[d->n_names] = strdup(target)) == NULL)
		e = err_sys("alias");
	if (e != NULL) {
		watch_fail(d->watch,
		    err_advise(e, "correct the CNAME records in the zone"));
		return;
	}
	d->n_names++;
	d->is_own_zone = false;
	watched_stop(d);
	watched_search_later(d, 0);
}
