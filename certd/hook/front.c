/*
 * front.c - the monitor's requests, and what hooks print.
 *
 * Runs in:  certd-hook, front (root; locked in; no network, no exec).
 * Input:    messages of the monitor; reports of launcher and watchers; bytes
 *           of hooks, which may be anything.
 * Promise:  every request is answered once with hook_exit, whatever the hook
 *           does; no hook can hold up another, or fill memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "channel.h"
#include "hook.h"
#include "log.h"

#define RUNNING_MAX 8    /* at a time; the others wait for their turn */
#define HOOKS_MAX   1024 /* that run or wait */
/* What all that may run print, as lines of one letter, escaped. */
#define QUEUE_MAX_BYTES    (32u * 1024 * 1024)
#define CHECK_SECS         30 /* a file system that hangs */

static const struct timeval drain_time = { 1, 0 };

TAILQ_HEAD(hook_list, hook);

struct hook {
	TAILQ_ENTRY(hook) link;
	struct front *f;
	uint32_t id;
	struct hook_request *request; /* until it is sent */
	int fd;                       /* its output; -1: none (any more) */
	struct event *readable, *drained;
	struct output output;
	struct hook_report end; /* event is 0 until it has ended */
};

struct front {
	struct event_base *base;
	struct channel *monitor;
	int launcher;
	struct event *report;
	struct hook_list waiting, running;
	size_t n, n_running;
	int status;
};

static void start_waiting(struct front *f);

/* ---- answers ---- */

static void
answer(struct front *f, const struct msg *m)
{
	struct err *e;

	if (f->monitor == NULL)
		return;
	if ((e = channel_send(f->monitor, m, -1)) != NULL)
		log_err(LOG_LEVEL_ERROR, e);
}

static void
answer_line(void *arg, struct str line)
{
	struct hook *h = arg;
	struct msg m = { .type = MSG_hook_output, .id = h->id };

	m.hook_output.line = line;
	answer(h->f, &m);
}

static void
answer_exit(struct hook *h)
{
	struct msg m = { .type = MSG_hook_exit, .id = h->id };
	char why[256];

	if (h->end.error != 0) {
		(void)snprintf(why, sizeof(why),
		    "the hook cannot be "
		    "started: %s",
		    strerror(h->end.error));
		answer_line(h, str_of(why));
	}
	m.hook_exit.status =
	    h->end.error != 0 ? HOOK_REFUSED : h->end.status & 255;
	m.hook_exit.timed_out = h->end.timed_out != 0;
	answer(h->f, &m);
}

/* ---- one hook ---- */

static void
stop_reading(struct hook *h)
{
	if (h->readable != NULL)
		event_free(h->readable);
	h->readable = NULL;
	if (h->fd != -1)
		close(h->fd);
	h->fd = -1;
}

/* It is on neither list. */
static void
hook_free(struct hook *h)
{
	stop_reading(h);
	if (h->drained != NULL)
		event_free(h->drained);
	free(h->request);
	h->f->n--;
	free(h);
}

/* It has ended and its output too, or has been waited for. */
static void
finish(struct hook *h)
{
	struct front *f = h->f;

	stop_reading(h);
	output_end(&h->output);
	answer_exit(h);
	TAILQ_REMOVE(&f->running, h, link);
	f->n_running--;
	hook_free(h);
	start_waiting(f);
}

static void
on_drained(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	finish(arg);
}

static void
on_output(evutil_socket_t fd, short what, void *arg)
{
	struct hook *h = arg;
	char part[16384];
	ssize_t n = read(fd, part, sizeof(part));

	(void)what;
	if (n > 0) {
		output_add(&h->output, part, (size_t)n);
		return;
	}
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	stop_reading(h);
	if (h->end.event != 0)
		finish(h);
}

/* ---- reports ---- */

static struct hook *
find(const struct hook_list *hooks, uint32_t id)
{
	struct hook *h;

	TAILQ_FOREACH(h, hooks, link)
		if (h->id == id)
			return h;
	return NULL;
}

static void
on_started(struct front *f, struct hook *h, int fd)
{
	if (h == NULL || h->fd != -1 || fd == -1) {
		if (fd != -1)
			close(fd);
		return;
	}
	h->fd = fd;
	h->readable =
	    event_new(f->base, fd, EV_READ | EV_PERSIST, on_output, h);
	if (h->readable != NULL && event_add(h->readable, NULL) == 0)
		return;
	log_error("the output of a hook cannot be read: out of memory");
	stop_reading(h);
}

/* A child in the background may keep the pipe open for ever: what the hook
 * itself has printed is there already. */
static void
on_ended(struct hook *h, const struct hook_report *r)
{
	if (h == NULL || h->end.event != 0)
		return;
	h->end = *r;
	if (h->fd == -1 || event_add(h->drained, &drain_time) == -1)
		finish(h);
}

/* One report and its descriptor; false where there is none. */
static bool
receive(struct front *f, struct hook_report *r, int *fd, bool *gone)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { r, sizeof(*r) };
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c;
	ssize_t n = recvmsg(f->launcher, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*fd = -1;
	*gone = n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR);
	if (n <= 0)
		return false;
	if ((c = CMSG_FIRSTHDR(&mh)) != NULL && c->cmsg_level == SOL_SOCKET &&
	    c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	return n == (ssize_t)sizeof(*r);
}

static void
on_report(evutil_socket_t sock, short what, void *arg)
{
	struct front *f = arg;
	struct hook_report r = { .event = 0 };
	bool gone;
	int fd;

	(void)sock;
	(void)what;
	while (receive(f, &r, &fd, &gone)) {
		if (r.event == HOOK_STARTED)
			on_started(f, find(&f->running, r.id), fd);
		else if (r.event == HOOK_ENDED)
			on_ended(find(&f->running, r.id), &r);
	}
	if (!gone)
		return;
	log_error("the launcher is gone");
	f->status = 1;
	event_base_loopbreak(f->base);
}

/* ---- requests ---- */

static void
copy(char *to, struct str from)
{
	memcpy(to, from.p, from.n); /* the protocol has bounded it */
	to[from.n] = '\0';
}

/* A request to run command, or to look at it, with id m->id. */
static struct err *
hook_new(struct front *f, const struct msg *m, struct str command)
{
	struct hook *h = calloc(1, sizeof(*h));

	if (h == NULL ||
	    (h->request = calloc(1, sizeof(*h->request))) == NULL ||
	    (h->drained = evtimer_new(f->base, on_drained, h)) == NULL) {
		if (h != NULL)
			free(h->request);
		free(h);
		return err_new("hook: out of memory");
	}
	h->f = f;
	h->id = h->request->id = m->id;
	h->fd = -1;
	h->output.emit = answer_line;
	h->output.arg = h;
	copy(h->request->command, command);
	if (m->type == MSG_hook_run) {
		h->request->timeout_secs = m->hook_run.timeout_secs;
		copy(h->request->lineage, m->hook_run.lineage);
		copy(h->request->renewed, m->hook_run.renewed);
		copy(h->request->failed, m->hook_run.failed);
	} else {
		h->request->timeout_secs = CHECK_SECS;
		h->request->check = 1;
	}
	TAILQ_INSERT_TAIL(&f->waiting, h, link);
	f->n++;
	return NULL;
}

/* Where sending fails the launcher is gone, and on_report() hears of it. */
static void
start_waiting(struct front *f)
{
	struct hook *h;

	while (f->n_running < RUNNING_MAX &&
	       (h = TAILQ_FIRST(&f->waiting)) != NULL) {
		TAILQ_REMOVE(&f->waiting, h, link);
		TAILQ_INSERT_TAIL(&f->running, h, link);
		f->n_running++;
		(void)send(
		    f->launcher, h->request, sizeof(*h->request), MSG_NOSIGNAL);
		free(h->request);
		h->request = NULL;
	}
}

static struct err *
on_request(struct front *f, const struct msg *m, struct str command)
{
	struct err *e;

	if (f->n == HOOKS_MAX)
		return err_new("more than %d hooks", HOOKS_MAX);
	if (find(&f->waiting, m->id) != NULL ||
	    find(&f->running, m->id) != NULL)
		return err_new("hook %u twice", m->id);
	if ((e = hook_new(f, m, command)) == NULL)
		start_waiting(f);
	return e;
}

static struct err *
on_message(void *arg, const struct msg *m, int fd)
{
	(void)fd; /* no message of the monitor to us has one */
	if (m->type == MSG_hook_run)
		return on_request(arg, m, m->hook_run.command);
	if (m->type == MSG_hook_check)
		return on_request(arg, m, m->hook_check.command);
	return err_new("%s is not served", msg_row(m->type)->name);
}

static void
on_closed(void *arg, const struct err *reason)
{
	struct front *f = arg;

	f->monitor = NULL;
	f->status = reason == NULL ? 0 : 1;
	event_base_loopbreak(f->base);
}

static const struct channel_ops ops = { on_message, NULL, on_closed, NULL };

/* ---- the front itself ---- */

struct err *
front_new(struct event_base *base, int monitor_fd, int launcher_fd,
    struct front **out)
{
	struct front *f = calloc(1, sizeof(*f));

	*out = NULL;
	if (f == NULL) {
		close(monitor_fd);
		close(launcher_fd);
		return err_sys("front");
	}
	f->base = base;
	f->launcher = launcher_fd;
	TAILQ_INIT(&f->waiting);
	TAILQ_INIT(&f->running);
	*out = f;
	f->report =
	    event_new(base, launcher_fd, EV_READ | EV_PERSIST, on_report, f);
	if (f->report == NULL || event_add(f->report, NULL) == -1) {
		close(monitor_fd);
		return err_new("front: out of memory");
	}
	return channel_new(base, monitor_fd, ROLE_HOOK, ROLE_MONITOR, "certd",
	    QUEUE_MAX_BYTES, &ops, f, &f->monitor);
}

int
front_status(const struct front *f)
{
	return f->status;
}

void
front_free(struct front *f)
{
	struct hook *h;

	if (f == NULL)
		return;
	while ((h = TAILQ_FIRST(&f->running)) != NULL) {
		TAILQ_REMOVE(&f->running, h, link);
		hook_free(h);
	}
	while ((h = TAILQ_FIRST(&f->waiting)) != NULL) {
		TAILQ_REMOVE(&f->waiting, h, link);
		hook_free(h);
	}
	channel_free(f->monitor);
	if (f->report != NULL)
		event_free(f->report);
	close(f->launcher);
	free(f);
}
