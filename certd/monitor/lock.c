/*
 * lock.c - waits for certbot's lock, for changes that an administrator asks for.
 *
 * Runs in:  certd (root; no network, no exec).
 * Promise:  certbot and we never write at the same time; who waits is told for
 *           whom, and not for ever. The lock of the configuration directory is
 *           enough: whatever certbot does to this store, it holds that one
 *           (the order of its locks is logs, configuration, work).
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#include "log.h"
#include "monitor.h"

/* Less than certctl is silent for. */
#define LOCK_TRIES      100
#define LOCK_PAUSE_SECS 1

struct lock_wait {
	TAILQ_ENTRY(lock_wait) link;
	struct monitor *m;
	struct client *client;
	struct event *timer;
	locked *fn;
	void *arg;
	unsigned tries;
};

static void
free_wait(struct lock_wait *w)
{
	if (w->timer != NULL)
		event_free(w->timer);
	free(w);
}

/* The end of it: with the lock, or with e. */
static void
finish(struct lock_wait *w, struct err *e)
{
	struct store *s = w->m->store;
	locked *fn = w->fn;
	void *arg = w->arg;
	bool is_ours = e == NULL;

	TAILQ_REMOVE(&w->m->lock_waits, w, link);
	free_wait(w);
	fn(arg, e);
	if (is_ours)
		store_unlock(s);
}

static void
try_lock(evutil_socket_t fd, short what, void *arg)
{
	struct timeval pause = { .tv_sec = LOCK_PAUSE_SECS };
	struct lock_wait *w = arg;
	struct err *e;

	(void)fd;
	(void)what;
	if (w->m->storing != NULL) /* locks_wake() comes */
		return;
	e = store_lock(w->m->store);
	if (err_errno(e) != EAGAIN || ++w->tries == LOCK_TRIES) {
		finish(w, err_advise(e, "wait until it has ended, or end it"));
		return;
	}
	if (w->tries == 1) {
		log_info("%s waits: %s", client_name(w->client), err_text(e));
		client_fact(w->client, "waiting", err_text(e));
	}
	err_free(e);
	(void)event_add(w->timer, &pause);
}

void
lock_wait(struct client *c, locked *fn, void *arg)
{
	struct lock_wait *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		fn(arg, err_sys("lock"));
		return;
	}
	w->m = client_monitor(c);
	w->client = c;
	w->fn = fn;
	w->arg = arg;
	TAILQ_INSERT_TAIL(&w->m->lock_waits, w, link);
	if ((w->timer = event_new(w->m->base, -1, 0, try_lock, w)) == NULL)
		finish(w, err_new("lock: out of memory"));
	else
		try_lock(-1, 0, w);
}

void
locks_wake(struct monitor *m)
{
	struct lock_wait *w;

	TAILQ_FOREACH(w, &m->lock_waits, link)
		event_active(w->timer, EV_TIMEOUT, 0);
}

void
lock_waits_end(struct monitor *m)
{
	struct lock_wait *w, *next;

	for (w = TAILQ_FIRST(&m->lock_waits); w != NULL; w = next) {
		next = TAILQ_NEXT(w, link);
		finish(w, err_new("certd leaves"));
	}
}
