/*
 * wire.c - a connection that blocks.
 *
 * Runs in:  certctl (the caller's rights); daemons use channel.c.
 * Input:    frames of certd.
 * Promise:  no memory is reserved for bytes that have not come; a signal
 *           neither loses nor doubles a byte.
 */
#define _GNU_SOURCE /* explicit_bzero */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "proto.h"

#define FRAME_MSECS 10000 /* for the rest of a frame that has begun */

enum wait { READY, TIMED_OUT, FAILED };

static int64_t
now_msecs(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits until the monotonic clock shows `until`; -1: for ever. */
static enum wait
wait_for(int fd, short what, int64_t until)
{
	struct pollfd p = { .fd = fd, .events = what };
	int64_t left;
	int rc;

	for (;;) {
		left = until == -1 ? -1 : until - now_msecs();
		if (until != -1 && left < 0)
			left = 0;
		if ((rc = poll(&p, 1, (int)left)) > 0)
			return READY;
		if (rc == 0)
			return TIMED_OUT;
		if (errno != EINTR)
			return FAILED;
	}
}

static bool
is_passing(int error)
{
	return error == EINTR || error == EAGAIN;
}

/* The descriptor travels with the first byte. */
static ssize_t
send_part(int fd, const struct buf *b, int file)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} aux = { .space = { 0 } };
	struct iovec part = { (void *)(uintptr_t)buf_data(b), buf_len(b) };
	struct msghdr h = { .msg_iov = &part, .msg_iovlen = 1 };

	if (file != -1) {
		aux.head.cmsg_level = SOL_SOCKET;
		aux.head.cmsg_type = SCM_RIGHTS;
		aux.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&aux.head), &file, sizeof(int));
		h.msg_control = aux.space;
		h.msg_controllen = sizeof(aux.space);
	}
	return sendmsg(fd, &h, MSG_NOSIGNAL);
}

struct err *
msg_send(int fd, const struct msg *m)
{
	return msg_send_file(fd, m, -1);
}

struct err *
msg_send_file(int fd, const struct msg *m, int file)
{
	struct buf *b = buf_new(PROTO_FRAME_MAX + 4);
	struct err *e;
	ssize_t n;

	if (b == NULL)
		return err_sys("message");
	if ((e = msg_encode(m, b)) != NULL)
		goto out;
	while (buf_len(b) > 0) {
		if ((n = send_part(fd, b, file)) > 0)
			file = -1;
		if (n >= 0)
			buf_drop(b, (size_t)n);
		else if (!is_passing(errno) ||
			 (errno == EAGAIN &&
			     wait_for(fd, POLLOUT, -1) == FAILED)) {
			e = err_sys("send");
			goto out;
		}
	}
out:
	buf_free(b);
	return e;
}

/* Appends n bytes to in, as they come. *ended where the stream ends before the
 * first of them. */
static struct err *
read_exactly(int fd, struct buf *in, size_t n, int64_t until, bool *ended)
{
	char part[4096];
	struct err *e = NULL;
	size_t want = n;
	ssize_t got;

	while (want > 0 && e == NULL && !*ended) {
		switch (wait_for(fd, POLLIN, until)) {
		case TIMED_OUT:
			return err_new("the rest of a message did not come");
		case FAILED:
			return err_sys("wait for a message");
		case READY:
			break;
		}
		got = read(fd, part, want < sizeof(part) ? want : sizeof(part));
		if (got > 0) {
			e = buf_add(in, part, (size_t)got);
			want -= (size_t)got;
		} else if (got == 0 && want == n)
			*ended = true;
		else if (got == 0)
			e = err_new("the connection ended within a message");
		else if (!is_passing(errno))
			e = err_sys("read a message");
	}
	explicit_bzero(part, sizeof(part));
	return e;
}

static size_t
length_of(const struct buf *head)
{
	const unsigned char *p = (const unsigned char *)buf_data(head);

	return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 |
	       p[3];
}

/* Reads one frame that has begun to come. */
static struct err *
read_frame(int fd, struct buf *in, bool *ended)
{
	int64_t until = now_msecs() + FRAME_MSECS;
	bool cut = false;
	struct err *e;
	size_t n;

	if ((e = read_exactly(fd, in, 4, until, ended)) != NULL || *ended)
		return e;
	n = length_of(in);
	if (n == 0 || n > PROTO_FRAME_MAX)
		return err_new("a message of %zu bytes was announced", n);
	buf_clear(in);
	e = read_exactly(fd, in, n, until, &cut);
	return cut ? err_new("the connection ended within a message") : e;
}

struct err *
msg_recv(
    int fd, struct buf *in, int timeout_msecs, struct msg *m, bool *timed_out)
{
	struct err *e;
	bool ended = false;

	memset(m, 0, sizeof(*m));
	*timed_out = false;
	buf_clear(in);
	switch (wait_for(
	    fd, POLLIN, timeout_msecs < 0 ? -1 : now_msecs() + timeout_msecs)) {
	case TIMED_OUT:
		*timed_out = true;
		return NULL;
	case FAILED:
		return err_sys("wait for a message");
	case READY:
		break;
	}
	if ((e = read_frame(fd, in, &ended)) != NULL || ended)
		return e;
	return msg_decode(buf_data(in), buf_len(in), m);
}
