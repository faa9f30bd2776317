/*
 * log_loop.c - a loop whose log lines are written together.
 *
 * Runs in:  all daemons.
 * Promise:  no line waits while the loop does.
 */
#include <event2/event.h>

#include "log.h"
#include "log_loop.h"

static void
on_lines(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	log_flush();
}

/* Behind all that is ready now. */
static void
soon(void *arg)
{
	event_active(arg, EV_TIMEOUT, 0);
}

int
log_loop_run(struct event_base *base)
{
	struct event *lines = event_new(base, -1, 0, on_lines, NULL);
	int rc;

	if (lines != NULL)
		log_collect(soon, lines);
	rc = event_base_dispatch(base);
	log_collect(NULL, NULL);
	if (lines != NULL)
		event_free(lines);
	return rc;
}
