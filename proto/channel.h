/*
 * channel.h - a connection of a daemon: frames over a Unix stream socket on
 * libevent, with descriptors, checked against the message table before anybody
 * sees them.
 */
#ifndef CHANNEL_H
#define CHANNEL_H

#include "proto.h"

struct event_base;
struct channel;

struct channel_ops {
	/* A message that the table permits. fd is the descriptor where the row
	 * has one, else -1; the callee closes it. An error closes the channel,
	 * with that error as the reason: the peer is at fault. hello never
	 * comes here. */
	struct err *(*message)(void *arg, const struct msg *m, int fd);
	/* The phase of the job that a message names, one bit of PH_JOBS, or 0
	 * where there is no such job of this peer. NULL: no jobs here. */
	uint32_t (*job_phase)(void *arg, uint32_t job);
	/* The connection is over: reason NULL (end of stream, wanted) or why
	 * (already logged, once). The channel is freed after this returns. */
	void (*closed)(void *arg, const struct err *reason);
	/* Queued messages are about to leave. They do once channel_go_on() has
	 * been called with the number that is returned, or a higher one: so
	 * that what must be on disk before anybody hears of it is there. It
	 * never returns less than before, but 0: at once. NULL: at once,
	 * always. */
	uint64_t (*sending)(void *arg);
};

/* A channel on fd (taken; made non-blocking) that says hello first. name is for
 * the log ("acmew", "certctl uid=1000 pid=4711"), copied. The peer must say
 * hello with our version within 10 s. max_queue bounds bytes waiting to be
 * sent; a peer that reads too slowly is closed. */
struct err *channel_new(struct event_base *base, int fd, enum role self,
    enum role peer, const char *name, size_t max_queue,
    const struct channel_ops *ops, void *arg, struct channel **out);
/* Queues m; fd (-1: none) is duplicated at once, the caller keeps its own. An
 * error means that m broke its row (a bug of ours) or the queue is full (the
 * channel then closes itself soon, whatever the caller does). On a channel that
 * is closing, m is dropped. ops.closed never comes while the owner calls. */
struct err *channel_send(struct channel *c, const struct msg *m, int fd);
/* A new request number, never 0. */
uint32_t channel_next_id(struct channel *c);
/* What ops.sending has held up to this number leaves now. NULL is fine. */
void channel_go_on(struct channel *c, uint64_t number);
/* Bytes that are queued. */
size_t channel_waiting(const struct channel *c);
const char *channel_name(const struct channel *c);
/* Whether hello came. */
bool channel_is_open(const struct channel *c);
/* Sends what is queued (for at most 2 s), then closes; ops.closed comes. */
void channel_finish(struct channel *c);
/* Closes at once, without ops.closed. NULL is fine. */
void channel_free(struct channel *c);

#endif
