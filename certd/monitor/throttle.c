/*
 * throttle.c - how often somebody may connect.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    connections, of a worker that may have been taken over.
 * Promise:  every connection may cost lines in the log: a flood of them cannot
 *           push out of the journal (which drops what comes too fast) what
 *           somebody should read there. Whoever has to wait is not lost.
 */
#include <event2/event.h>
#include <event2/listener.h>
#include <stdlib.h>

#include "log.h"
#include "monitor.h"

/* A worker connects once a run. journald's limit is 10,000 lines in 30 s. */
#define BURST	   256
#define PER_SECOND 50

struct throttle {
	struct evconnlistener *listener;
	struct event *timer;
	const char *what;
	unsigned left; /* may come now */
	bool closed;
};

static const struct timeval second = { 1, 0 };

static void
on_second(evutil_socket_t fd, short what, void *arg)
{
	struct throttle *t = arg;

	(void)fd;
	(void)what;
	t->left = t->left + PER_SECOND < BURST ? t->left + PER_SECOND : BURST;
	if (t->left < BURST)
		(void)event_add(t->timer, &second);
	if (t->closed)
		(void)evconnlistener_enable(t->listener);
	t->closed = false;
}

void
throttle_count(struct throttle *t)
{
	if (t->left == BURST)
		(void)event_add(t->timer, &second);
	if (t->left > 0 && --t->left > 0)
		return;
	if (t->closed || evconnlistener_disable(t->listener) == -1)
		return;
	t->closed = true;
	log_audit("%s: more than %d connections a second: the next ones wait",
	    t->what, PER_SECOND);
}

struct err *
throttle_new(struct event_base *base, struct evconnlistener *listener,
    const char *what, struct throttle **out)
{
	struct throttle *t = calloc(1, sizeof(*t));

	if (t == NULL ||
	    (t->timer = evtimer_new(base, on_second, t)) == NULL) {
		free(t);
		return err_new("%s: out of memory", what);
	}
	t->listener = listener;
	t->what = what;
	t->left = BURST;
	*out = t;
	return NULL;
}

void
throttle_free(struct throttle *t)
{
	if (t == NULL)
		return;
	event_free(t->timer);
	free(t);
}
