/*
 * catalog_parts.c - a large part of the store, read a few at a time.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    names of lineages.
 * Promise:  however many they are, no more than PART of them are in memory,
 *           unless the callee keeps something of them.
 */
#include <event2/event.h>
#include <stdlib.h>

#include "log.h"
#include "monitor.h"
#include "queue.h"

#define PART	    256
#define PAUSE_USECS 2000 /* until somebody who is behind is asked again */

struct parts {
	TAILQ_ENTRY(parts) link;
	struct monitor *m;
	struct store_names names; /* all */
	size_t next;
	const struct catalog_user *user;
	void *arg;
	struct event *again;
	bool is_waiting;
};

static void
finish(struct parts *p, struct err *e)
{
	p->user->end(p->arg, e);
	TAILQ_REMOVE(&p->m->parts, p, link);
	if (p->again != NULL)
		event_free(p->again);
	store_names_clear(&p->names);
	free(p);
}

static void go_on(struct parts *p);

static void
on_catalog(void *arg, struct catalog *catalog, struct err *e)
{
	struct parts *p = arg;

	if (e != NULL) {
		finish(p, e);
		return;
	}
	p->user->part(p->arg, catalog);
	catalog_free(catalog);
	if (p->next < p->names.n)
		go_on(p);
	else
		finish(p, NULL);
}

static void
read_part(struct parts *p)
{
	const size_t left = p->names.n - p->next;
	/* An empty store has no list, and to NULL nothing is added. */
	const struct store_names part = { left == 0 ? NULL :
		p->names.v + p->next, left < PART ? left : PART };

	p->next += part.n;
	catalog_read_names(p->m, &part, on_catalog, p);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	go_on(arg);
}

static void
go_on(struct parts *p)
{
	static const struct timeval pause = { .tv_usec = PAUSE_USECS };

	p->is_waiting = p->again != NULL && p->user->is_behind(p->arg) &&
	    event_add(p->again, &pause) == 0;
	if (!p->is_waiting)
		read_part(p);
}

void
catalog_read_parts(struct monitor *m, struct store_names *names,
    const struct catalog_user *user, void *arg)
{
	struct parts *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		store_names_clear(names);
		user->end(arg, err_sys("read the store"));
		return;
	}
	p->m = m;
	p->names = *names;
	p->user = user;
	p->arg = arg;
	*names = (struct store_names) { 0 };
	TAILQ_INSERT_TAIL(&m->parts, p, link);
	if (user->is_behind != NULL)
		p->again = event_new(m->base, -1, 0, on_again, p);
	read_part(p);
}

void
catalog_parts_abandon(struct monitor *m)
{
	struct parts *p, *next;

	TAILQ_FOREACH_SAFE(p, &m->parts, link, next)
		if (p->is_waiting)
			finish(p, err_new("certd is leaving"));
}
