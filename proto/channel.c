/*
 * channel.c - a connection of a daemon, and the gate that every message passes.
 *
 * Runs in:  all daemons.
 * Input:    frames of a peer. Assume that the peer is hostile.
 * Promise:  a handler sees only what messages.def permits this peer, now.
 *           Anything else ends this connection, with one line in the log, and
 *           touches no other. One peer cannot keep the loop to itself.
 *
 * Plain events, because a bufferevent cannot pass descriptors. The callbacks of
 * the owner may do anything to the channel, free it too: `busy` counts our
 * frames on the stack, and the memory goes with the last of them.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "channel_io.h"
#include "log.h"

#define HELLO_SECS      10
#define FINISH_SECS     2
#define FRAMES_A_WAKEUP 8 /* then the other peers have their turn */

enum state {
	CH_NEW, /* hello has not come */
	CH_OPEN,
	CH_FINISHING, /* only what is queued is sent */
	CH_CLOSED,    /* no descriptor, no events; freed soon */
};

struct channel {
	struct event *readable, *writable, *timer;
	struct event *again; /* frames are here that had no turn */
	int fd;
	enum state state;
	enum role self, peer;
	char *name;
	const struct channel_ops *ops;
	void *arg;
	struct frames_in in;
	struct frames_out out;
	size_t max_new, max_open; /* bytes of the longest message before and
				   * after hello */
	size_t max_queue;
	uint32_t last_id;
	bool is_deaf;     /* the peer reads no more */
	bool is_unwanted; /* freed by its owner */
	unsigned busy;
	struct err *doom; /* why the timer will close it */
};

static const struct timeval soon = { 0, 0 };
static const struct timeval finish_time = { FINISH_SECS, 0 };
static const struct timeval hello_time = { HELLO_SECS, 0 };

/* The longest message that may come in one of these phases. */
static size_t
longest(enum role from, enum role to, uint32_t phases)
{
	const struct msg_def *row;
	size_t i, most = 0;

	for (i = 0; i < msg_table_n; i++) {
		row = msg_table[i];
		if (row->max_bytes > most &&
		    msg_problem(row, from, to, phases, row->has_fd) == NULL)
			most = row->max_bytes;
	}
	return most;
}

static bool
is_live(const struct channel *c)
{
	return c->state <= CH_OPEN && c->doom == NULL;
}

static void
free_event(struct event **ev)
{
	if (*ev != NULL)
		event_free(*ev);
	*ev = NULL;
}

/* Nothing comes from here any more; what a handler still looks at stays. */
static void
stop(struct channel *c)
{
	c->state = CH_CLOSED;
	free_event(&c->readable);
	free_event(&c->writable);
	free_event(&c->timer);
	free_event(&c->again);
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
	frames_clear(&c->out);
}

static void
destroy(struct channel *c)
{
	stop(c);
	frames_in_clear(&c->in);
	err_free(c->doom);
	free(c->name);
	free(c);
}

static void
enter(struct channel *c)
{
	c->busy++;
}

static void
leave(struct channel *c)
{
	if (--c->busy == 0 && c->is_unwanted)
		destroy(c);
}

/* Ends the channel from one of our callbacks: reason (taken) is logged. */
static void
end(struct channel *c, struct err *reason)
{
	if (reason != NULL)
		log_warn(
		    "%s: connection closed: %s", c->name, err_text(reason));
	if (c->state != CH_CLOSED) {
		stop(c);
		c->ops->closed(c->arg, reason);
		c->is_unwanted = true;
	}
	err_free(reason);
}

/* Lets the timer end the channel, where the owner expects callbacks. */
static void
doom(struct channel *c, struct err *reason)
{
	err_free(c->doom);
	c->doom = reason;
	event_del(c->readable);
	event_add(c->timer, &soon);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct channel *c = arg;
	struct err *reason = c->doom;

	(void)fd;
	(void)what;
	c->doom = NULL;
	if (reason == NULL && c->state == CH_NEW && !c->is_deaf)
		reason = err_new("no hello within %d s", HELLO_SECS);
	if (reason == NULL && c->out.bytes > 0)
		reason = err_new("it did not read its last messages within "
				 "%d s",
		    FINISH_SECS);
	enter(c);
	end(c, reason);
	leave(c);
}

/* ---- in ---- */

static struct err *
on_hello(struct channel *c, const struct msg_hello *m)
{
	if (m->version != PROTO_VERSION)
		return err_new("it speaks version %u of the protocol, this is "
			       "version %d",
		    (unsigned)m->version, PROTO_VERSION);
	c->state = CH_OPEN;
	return c->is_deaf || event_del(c->timer) == 0
		   ? NULL
		   : err_new("cannot stop a timer");
}

/* Holds a message against its row. */
static struct err *
check(const struct channel *c, const struct msg *m, bool with_fd)
{
	const struct msg_def *row = msg_row(m->type);
	uint32_t phase = c->state == CH_NEW ? PH_NEW : PH_OPEN;
	const char *why;
	uint32_t job;

	why = msg_problem(row, c->peer, c->self, row->phases, with_fd);
	if (why == NULL && phase == PH_OPEN && msg_is_of_job(row)) {
		memcpy(
		    &job, (const char *)m + row->fields[0].offset, sizeof(job));
		phase = c->ops->job_phase == NULL
			    ? 0
			    : c->ops->job_phase(c->arg, job);
		if (phase == 0)
			return err_new(
			    "%s: it has no job %u", row->name, (unsigned)job);
	}
	if (why == NULL)
		why = msg_problem(row, c->peer, c->self, phase, with_fd);
	return why == NULL ? NULL : err_new("%s: %s", row->name, why);
}

/* *fd becomes -1 where the owner has taken it. */
static struct err *
deliver(struct channel *c, const struct msg *m, int *fd)
{
	struct err *e = check(c, m, *fd != -1);
	int taken = *fd;

	if (e != NULL)
		return e;
	if (m->type == MSG_hello)
		return on_hello(c, &m->hello);
	*fd = -1;
	return c->ops->message(c->arg, m, taken);
}

/* One whole frame. */
static struct err *
handle(struct channel *c)
{
	struct str body = frame_body(&c->in);
	int fd = frame_take_fd(&c->in);
	struct msg m;
	struct err *e;

	e = msg_decode(body.p, body.n, &m);
	if (e == NULL)
		e = deliver(c, &m, &fd);
	msg_clear(&m);
	if (fd != -1)
		close(fd);
	return e;
}

/* Whoever has more than his turn goes on after the others had theirs. */
static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct channel *c = arg;
	struct err *why = NULL;
	enum io rc = IO_DONE;
	int i;

	(void)fd;
	(void)what;
	enter(c);
	for (i = 0; i < FRAMES_A_WAKEUP && is_live(c); i++) {
		rc = frame_read(&c->in, c->fd,
		    c->state == CH_NEW ? c->max_new : c->max_open, &why);
		if (rc != IO_DONE)
			break;
		if ((why = handle(c)) != NULL) {
			rc = IO_BAD;
			break;
		}
		frame_next(&c->in);
	}
	if (rc == IO_END || rc == IO_BAD)
		end(c, why);
	else if (rc == IO_DONE && is_live(c) && frames_in_wait(&c->in))
		event_add(c->again, &soon);
	leave(c);
}

/* ---- out ---- */

/* The peer reads no more, but what it said before may still be here. Where it
 * has closed, the end of the stream follows; otherwise the timer. */
static void
go_deaf(struct channel *c)
{
	c->is_deaf = true;
	event_del(c->writable);
	frames_clear(&c->out);
	event_add(c->timer, c->state == CH_FINISHING ? &soon : &finish_time);
}

/* After all that is ready now has had its turn, or the socket is so. */
static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct channel *c = arg;
	struct err *why = NULL;

	(void)what;
	enter(c);
	if (c->ops->sending != NULL)
		frames_ticket(&c->out, c->ops->sending(c->arg));
	switch (frames_write(&c->out, fd, &why)) {
	case IO_AGAIN:
		if (event_add(c->writable, NULL) == -1)
			end(c, err_new("cannot wait for a socket"));
		break;
	case IO_HELD: /* channel_go_on() comes */
		event_del(c->writable);
		break;
	case IO_DONE:
		event_del(c->writable);
		if (c->state == CH_FINISHING)
			end(c, NULL);
		break;
	case IO_END:
		go_deaf(c);
		break;
	case IO_BAD:
		end(c, why);
		break;
	}
	leave(c);
}

static struct err *
queue(struct channel *c, const struct msg *m, int fd)
{
	struct err *e = frames_add(&c->out, m, fd);

	if (e != NULL)
		return e;
	if (c->out.bytes > c->max_queue) {
		doom(c, err_new("it reads too slowly: %zu bytes wait for it",
			    c->out.bytes));
		return err_new("%s reads too slowly", c->name);
	}
	if (!event_pending(c->writable, EV_WRITE, NULL))
		event_active(c->writable, EV_WRITE, 0);
	return NULL;
}

struct err *
channel_send(struct channel *c, const struct msg *m, int fd)
{
	const struct msg_def *row = msg_row(m->type);
	const char *why;

	if (row == NULL)
		return err_new("there is no message %u", (unsigned)m->type);
	why = msg_problem(row, c->self, c->peer, row->phases, fd != -1);
	if (why != NULL)
		return err_new("%s to %s: %s", row->name, c->name, why);
	if (!is_live(c) || c->is_deaf)
		return NULL;
	return queue(c, m, fd);
}

void
channel_go_on(struct channel *c, uint64_t number)
{
	if (c == NULL || c->state == CH_CLOSED)
		return;
	c->out.passed = number;
	if (c->out.bytes > 0)
		event_active(c->writable, EV_WRITE, 0);
}

/* ---- the channel itself ---- */

uint32_t
channel_next_id(struct channel *c)
{
	if (++c->last_id == 0)
		c->last_id = 1;
	return c->last_id;
}

size_t
channel_waiting(const struct channel *c)
{
	return c->out.bytes;
}

const char *
channel_name(const struct channel *c)
{
	return c->name;
}

bool
channel_is_open(const struct channel *c)
{
	return c->state == CH_OPEN;
}

void
channel_finish(struct channel *c)
{
	if (!is_live(c))
		return;
	c->state = CH_FINISHING;
	event_del(c->readable);
	event_add(c->timer, c->out.bytes == 0 ? &soon : &finish_time);
}

void
channel_free(struct channel *c)
{
	if (c == NULL)
		return;
	c->is_unwanted = true;
	if (c->busy == 0)
		destroy(c);
	else
		stop(c);
}

static struct err *
make_events(struct channel *c, struct event_base *base)
{
	int flags = fcntl(c->fd, F_GETFL);

	if (flags == -1 || fcntl(c->fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return err_sys("make a socket non-blocking");
	c->readable =
	    event_new(base, c->fd, EV_READ | EV_PERSIST, on_readable, c);
	c->writable =
	    event_new(base, c->fd, EV_WRITE | EV_PERSIST, on_writable, c);
	c->timer = evtimer_new(base, on_timer, c);
	c->again = evtimer_new(base, on_readable, c);
	if (c->readable == NULL || c->writable == NULL || c->timer == NULL ||
	    c->again == NULL || event_add(c->readable, NULL) == -1 ||
	    event_add(c->timer, &hello_time) == -1)
		return err_new("cannot make events");
	return NULL;
}

static struct err *
start(struct channel *c, struct event_base *base, const char *name)
{
	struct msg hello = { .type = MSG_hello,
		.hello = { .version = PROTO_VERSION } };
	struct err *e;

	if ((c->name = strdup(name)) == NULL)
		return err_sys("name");
	if ((e = frames_in_init(&c->in,
		 c->max_new > c->max_open ? c->max_new : c->max_open)) !=
		NULL ||
	    (e = make_events(c, base)) != NULL)
		return e;
	return channel_send(c, &hello, -1);
}

struct err *
channel_new(struct event_base *base, int fd, enum role self, enum role peer,
    const char *name, size_t max_queue, const struct channel_ops *ops,
    void *arg, struct channel **out)
{
	struct channel *c = calloc(1, sizeof(*c));
	struct err *e;

	*out = NULL;
	if (c == NULL) {
		e = err_sys("channel");
		close(fd);
		return e;
	}
	c->fd = fd;
	c->self = self;
	c->peer = peer;
	c->ops = ops;
	c->arg = arg;
	c->max_queue = max_queue;
	c->max_new = longest(peer, self, PH_NEW);
	c->max_open = longest(peer, self, PH_OPEN | PH_JOBS);
	frames_init(&c->out);
	if ((e = start(c, base, name)) != NULL) {
		destroy(c);
		return err_wrap(e, "connection to %s", name);
	}
	*out = c;
	return NULL;
}
