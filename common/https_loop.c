/*
 * https_loop.c - libcurl's multi interface on libevent.
 *
 * Runs in:  acmew, certd-dns (no files, no exec).
 * Promise:  libcurl is never entered from one of its own callbacks; no handle
 *           is added or removed there (libcurl forbids both).
 */
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>

#include "https_loop.h"
#include "queue.h"

/* HTTP/2 needs one connection a host. A server that knows only HTTP/1.1 gets a
 * few, so that one slow answer does not hold all others up. */
#define HOST_CONNECTIONS  6L
#define TOTAL_CONNECTIONS 32L

struct loop_socket {
	LIST_ENTRY(loop_socket) entry;
	struct event *event;
};

struct https_loop {
	struct event_base *base;
	https_loop_done *done;
	CURLM *multi;
	struct event *timer;
	LIST_HEAD(socket_list, loop_socket) sockets;
};

/* Hands over what is finished. A callback may remove other transfers: their
 * messages leave libcurl's list with them. */
static void
drain(struct https_loop *l)
{
	CURLMsg *message;
	void *private;
	int left;

	while ((message = curl_multi_info_read(l->multi, &left)) != NULL) {
		private = NULL;
		if (message->msg == CURLMSG_DONE &&
		    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
			&private) == CURLE_OK)
			l->done(private, message->data.result);
	}
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct https_loop *l = arg;
	int running;

	(void)fd;
	(void)what;
	(void)curl_multi_socket_action(
	    l->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	drain(l);
}

static void
on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct https_loop *l = arg;
	int running, flags = ((what & EV_READ) ? CURL_CSELECT_IN : 0) |
			     ((what & EV_WRITE) ? CURL_CSELECT_OUT : 0);

	(void)curl_multi_socket_action(l->multi, fd, flags, &running);
	drain(l);
}

static void
drop_socket(struct loop_socket *s)
{
	LIST_REMOVE(s, entry);
	if (s->event != NULL)
		event_free(s->event);
	free(s);
}

/* libcurl changes its mind with every request. */
static int
watch_socket(
    struct https_loop *l, struct loop_socket *s, curl_socket_t fd, short events)
{
	events |= EV_PERSIST;
	if (s->event == NULL)
		s->event = event_new(l->base, fd, events, on_socket, l);
	else if (event_get_events(s->event) == events)
		return 0;
	else if (event_del(s->event) != 0 ||
		 event_assign(s->event, l->base, fd, events, on_socket, l) != 0)
		return -1;
	return s->event == NULL || event_add(s->event, NULL) != 0 ? -1 : 0;
}

/* CURLMOPT_SOCKETFUNCTION: what libcurl waits for on a socket. */
static int
on_socket_state(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct https_loop *l = arg;
	struct loop_socket *s = known;
	short events = (short)(((what & CURL_POLL_IN) ? EV_READ : 0) |
			       ((what & CURL_POLL_OUT) ? EV_WRITE : 0));

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (s != NULL)
			drop_socket(s);
		return 0;
	}
	if (s == NULL) {
		if ((s = calloc(1, sizeof(*s))) == NULL)
			return -1;
		LIST_INSERT_HEAD(&l->sockets, s, entry);
		(void)curl_multi_assign(l->multi, fd, s);
	}
	return watch_socket(l, s, fd, events);
}

/* CURLMOPT_TIMERFUNCTION */
static int
on_timer_state(CURLM *multi, long msecs, void *arg)
{
	struct https_loop *l = arg;
	struct timeval tv = { msecs / 1000, msecs % 1000 * 1000 };

	(void)multi;
	if (msecs < 0)
		return event_del(l->timer);
	return event_add(l->timer, &tv);
}

static bool
set_options(struct https_loop *l)
{
	return curl_multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION,
		   on_socket_state) == CURLM_OK &&
	       curl_multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l) ==
		   CURLM_OK &&
	       curl_multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION,
		   on_timer_state) == CURLM_OK &&
	       curl_multi_setopt(l->multi, CURLMOPT_TIMERDATA, l) == CURLM_OK &&
	       curl_multi_setopt(l->multi, CURLMOPT_PIPELINING,
		   CURLPIPE_MULTIPLEX) == CURLM_OK &&
	       curl_multi_setopt(l->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
		   HOST_CONNECTIONS) == CURLM_OK &&
	       curl_multi_setopt(l->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
		   TOTAL_CONNECTIONS) == CURLM_OK;
}

struct err *
https_loop_new(
    struct event_base *base, https_loop_done *done, struct https_loop **out)
{
	struct https_loop *l = calloc(1, sizeof(*l));

	*out = NULL;
	if (l == NULL)
		return err_sys("HTTPS");
	l->base = base;
	l->done = done;
	LIST_INIT(&l->sockets);
	l->timer = evtimer_new(base, on_timer, l);
	l->multi = curl_multi_init();
	if (l->timer == NULL || l->multi == NULL || !set_options(l)) {
		https_loop_free(l);
		return err_new("HTTPS: libcurl cannot be set up");
	}
	*out = l;
	return NULL;
}

struct err *
https_loop_rest(struct https_loop *l)
{
	CURLM *old = l->multi, *fresh = curl_multi_init();

	if (fresh == NULL)
		return err_new("HTTPS: libcurl cannot be set up");
	l->multi = fresh;
	if (!set_options(l)) {
		l->multi = old;
		(void)curl_multi_cleanup(fresh);
		return err_new("HTTPS: libcurl cannot be set up");
	}
	(void)curl_multi_cleanup(old); /* its sockets are told to go */
	(void)event_del(l->timer);
	return NULL;
}

void
https_loop_free(struct https_loop *l)
{
	struct loop_socket *s, *next;

	if (l == NULL)
		return;
	if (l->multi != NULL)
		(void)curl_multi_cleanup(l->multi);
	LIST_FOREACH_SAFE(s, &l->sockets, entry, next)
		drop_socket(s);
	if (l->timer != NULL)
		event_free(l->timer);
	free(l);
}

struct err *
https_loop_add(struct https_loop *l, CURL *easy)
{
	CURLMcode rc = curl_multi_add_handle(l->multi, easy);

	return rc == CURLM_OK ? NULL : err_new("%s", curl_multi_strerror(rc));
}

void
https_loop_remove(struct https_loop *l, CURL *easy)
{
	(void)curl_multi_remove_handle(l->multi, easy);
}
