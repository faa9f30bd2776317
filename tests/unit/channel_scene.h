/*
 * channel_scene.h - a channel on a real event loop, with a peer that writes
 * whatever bytes and descriptors a test wants.
 */
#ifndef CHANNEL_SCENE_H
#define CHANNEL_SCENE_H

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "channel.h"
#include "samples.h"

struct scene;
typedef struct err *on_message(struct scene *s);

struct scene {
	struct event_base *base;
	struct channel *c;
	int peer;
	int log, old_stderr; /* what is logged goes to a file */
	int open_fds;        /* at the start */

	/* what came */
	int n_messages, n_closed;
	struct msg last; /* its texts are gone */
	int last_fd;
	char reason[300]; /* of closed(); "" for none */

	/* what the owner does */
	on_message *act;
	uint32_t phase; /* of every job */
	uint64_t held;  /* what sending() says; 0: nothing is held */
	bool frees_when_closed;
};

/* Timers of whole seconds end at once where a test is in a hurry. */
static bool hurry;

int
event_add(struct event *ev, const struct timeval *tv)
{
	static const struct timeval at_once = { 0, 20000 };
	int (*real)(struct event *, const struct timeval *);
	void *symbol = dlsym(RTLD_NEXT, "event_add");

	memcpy(&real, &symbol, sizeof(real));
	return real(ev, hurry && tv != NULL && tv->tv_sec > 0 ? &at_once : tv);
}

static inline int
count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static struct err *
scene_message(void *arg, const struct msg *m, int fd)
{
	struct scene *s = arg;

	if (s->last_fd != -1)
		close(s->last_fd);
	s->n_messages++;
	s->last = *m;
	s->last_fd = fd;
	return s->act == NULL ? NULL : s->act(s);
}

static uint32_t
scene_phase(void *arg, uint32_t job)
{
	return job == 1 ? ((struct scene *)arg)->phase : 0;
}

static void
scene_closed(void *arg, const struct err *reason)
{
	struct scene *s = arg;

	s->n_closed++;
	(void)snprintf(s->reason, sizeof(s->reason), "%s",
	    reason == NULL ? "" : err_text(reason));
	if (s->frees_when_closed)
		channel_free(s->c);
	s->c = NULL;
}

static uint64_t
scene_sending(void *arg)
{
	return ((struct scene *)arg)->held;
}

static const struct channel_ops scene_ops = { scene_message, scene_phase,
	scene_closed, scene_sending };

/* What was logged, as text. */
static inline const char *
scene_log(const struct scene *s)
{
	static char text[4096];
	ssize_t n = pread(s->log, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static inline void
scene_init(struct scene *s, enum role self, enum role peer, size_t max_queue)
{
	struct err *e;
	int fds[2];

	memset(s, 0, sizeof(*s));
	s->last_fd = -1;
	s->phase = JP_START;
	s->open_fds = count_fds();
	s->log = memfd_create("log", MFD_CLOEXEC);
	s->old_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	assert_true(s->log != -1 && s->old_stderr != -1);
	assert_int_equal(dup2(s->log, STDERR_FILENO), STDERR_FILENO);
	s->base = event_base_new();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	s->peer = fds[1];
	e = channel_new(s->base, fds[0], self, peer, "the peer", max_queue,
	    &scene_ops, s, &s->c);
	if (e != NULL)
		fail_msg("%s", err_text(e));
}

static inline void
scene_hang_up(struct scene *s)
{
	if (s->peer != -1)
		close(s->peer);
	s->peer = -1;
}

/* Also looks whether descriptors were left open. */
static inline void
scene_clear(struct scene *s)
{
	channel_free(s->c);
	scene_hang_up(s);
	if (s->last_fd != -1)
		close(s->last_fd);
	event_base_free(s->base);
	dup2(s->old_stderr, STDERR_FILENO);
	close(s->old_stderr);
	close(s->log);
	hurry = false;
	assert_int_equal(count_fds(), s->open_fds);
}

/* Lets the loop go round until there is nothing to do for it. */
static inline void
scene_run(struct scene *s)
{
	int i;

	for (i = 0; i < 50; i++)
		event_base_loop(s->base, EVLOOP_NONBLOCK);
}

/* Likewise, with timers: at most a second. */
static inline void
scene_run_until_closed(struct scene *s)
{
	int i;

	for (i = 0; i < 200 && s->n_closed == 0; i++) {
		event_base_loop(s->base, EVLOOP_NONBLOCK);
		usleep(5000);
	}
}

/* Sends bytes with descriptors. */
static inline void
scene_write(
    struct scene *s, const void *p, size_t n, const int *fds, size_t n_fds)
{
	union {
		char bytes[CMSG_SPACE(8 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { (void *)(uintptr_t)p, n };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	memset(&control, 0, sizeof(control));
	if (n_fds > 0) {
		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	assert_int_equal(sendmsg(s->peer, &mh, MSG_NOSIGNAL), n);
}

static inline struct buf *
scene_frame(const struct msg *m)
{
	struct buf *b = buf_new(PROTO_FRAME_MAX + 4);
	struct err *e = msg_encode(m, b);

	if (e != NULL)
		fail_msg("%s", err_text(e));
	return b;
}

/* The peer says m, with a descriptor unless fd is -1. */
static inline void
scene_say(struct scene *s, const struct msg *m, int fd)
{
	struct buf *b = scene_frame(m);

	scene_write(s, buf_data(b), buf_len(b), &fd, fd == -1 ? 0 : 1);
	buf_free(b);
}

static inline void
scene_say_hello(struct scene *s)
{
	struct msg m = { .type = MSG_hello,
		.hello = { .version = PROTO_VERSION } };

	scene_say(s, &m, -1);
	scene_run(s);
	assert_true(channel_is_open(s->c));
}

/* The channel was closed for this, which stands in one line of the log. */
static inline void
assert_closed(struct scene *s, const char *reason)
{
	const char *text = scene_log(s), *end = strchr(text, '\n');

	assert_int_equal(s->n_closed, 1);
	if (strstr(s->reason, reason) == NULL)
		fail_msg("\"%s\" instead of \"%s\"", s->reason, reason);
	assert_non_null(end);
	assert_string_equal(end, "\n");
	assert_non_null(strstr(text, "the peer: connection closed: "));
	assert_non_null(strstr(text, s->reason));
}

/* Closed, and nothing to be said about it. */
static inline void
assert_closed_in_peace(struct scene *s)
{
	assert_int_equal(s->n_closed, 1);
	assert_string_equal(s->reason, "");
	assert_string_equal(scene_log(s), "");
}

#endif
