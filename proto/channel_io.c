/*
 * channel_io.c - frames with their descriptors through a Unix stream socket.
 *
 * Runs in:  all daemons.
 * Input:    bytes and descriptors of a peer. Assume that the peer is hostile.
 * Promise:  a descriptor is the frame's with whose first bytes it came; any
 *           other is closed at once and ends the connection. Memory is
 *           reserved for bytes that came, not for bytes that were announced.
 *
 * The kernel hands out descriptors with the bytes that they were sent with, but
 * one recvmsg(2) may also return bytes that were sent before. So nothing is
 * ever read past the end of a frame: what comes while the four bytes of length
 * are read belongs to this frame, and to no other.
 */
#define _GNU_SOURCE /* MSG_CMSG_CLOEXEC, explicit_bzero */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel_io.h"

struct frame {
	STAILQ_ENTRY(frame) next;
	struct buf *bytes; /* still to be sent */
	int fd;            /* goes with the first of them; -1: none */
};

/* Room for one descriptor. Alignment makes it room for two, which is why more
 * than one is looked for below; the kernel drops the others. */
union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

struct err *
frame_in_init(struct frame_in *in, size_t max)
{
	memset(in, 0, sizeof(*in));
	in->fd = -1;
	in->body = buf_new(max);
	return in->body == NULL ? err_sys("buffer") : NULL;
}

int
frame_take_fd(struct frame_in *in)
{
	int fd = in->fd;

	in->fd = -1;
	return fd;
}

void
frame_in_next(struct frame_in *in)
{
	if (in->fd != -1)
		close(frame_take_fd(in));
	in->head_n = 0;
	buf_clear(in->body);
}

void
frame_in_clear(struct frame_in *in)
{
	if (in->body == NULL)
		return;
	frame_in_next(in);
	buf_free(in->body);
	in->body = NULL;
}

/* Keeps the first descriptor of a frame, closes all others. False where there
 * were others. */
static bool
keep_descriptors(struct frame_in *in, struct msghdr *mh)
{
	struct cmsghdr *c;
	bool good = (mh->msg_flags & MSG_CTRUNC) == 0;
	size_t i, n;
	int fd;

	for (c = CMSG_FIRSTHDR(mh); c != NULL; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (in->fd == -1 && in->head_n < sizeof(in->head)) {
				in->fd = fd;
				continue;
			}
			close(fd);
			good = false;
		}
	}
	return good;
}

/* Reads at most n bytes; IO_DONE where some came. */
static enum io
receive(struct frame_in *in, int sock, void *p, size_t n, size_t *got,
    struct err **why)
{
	union control control;
	struct iovec iov = { p, n };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t rc;

	do {
		mh.msg_control = control.bytes;
		mh.msg_controllen = sizeof(control.bytes);
		rc = recvmsg(sock, &mh, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	} while (rc == -1 && errno == EINTR);
	if (rc == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return IO_AGAIN;
	if (rc == -1 && errno != ECONNRESET) {
		*why = err_sys("read");
		return IO_BAD;
	}
	/* ECONNRESET: the peer left without having read all of ours. */
	if (rc == 0 || rc == -1)
		return IO_END;
	if (!keep_descriptors(in, &mh)) {
		*why = err_new("descriptors came that belong to no message");
		return IO_BAD;
	}
	*got = (size_t)rc;
	return IO_DONE;
}

static enum io
read_head(struct frame_in *in, int sock, size_t max, struct err **why)
{
	enum io rc;
	size_t got;

	while (in->head_n < sizeof(in->head)) {
		rc = receive(in, sock, in->head + in->head_n,
		    sizeof(in->head) - in->head_n, &got, why);
		if (rc != IO_DONE)
			return rc;
		in->head_n += got;
	}
	in->body_bytes = (size_t)in->head[0] << 24 | (size_t)in->head[1] << 16 |
			 (size_t)in->head[2] << 8 | in->head[3];
	if (in->body_bytes != 0 && in->body_bytes <= max)
		return IO_DONE;
	*why = err_new("a message of %zu bytes was announced, at most %zu are "
		       "allowed",
	    in->body_bytes, max);
	return IO_BAD;
}

static enum io
read_body(struct frame_in *in, int sock, struct err **why)
{
	char part[16384];
	enum io rc = IO_DONE;
	size_t left, got;

	while (
	    rc == IO_DONE && (left = in->body_bytes - buf_len(in->body)) > 0) {
		rc = receive(in, sock, part,
		    left < sizeof(part) ? left : sizeof(part), &got, why);
		if (rc == IO_DONE &&
		    (*why = buf_add(in->body, part, got)) != NULL)
			rc = IO_BAD;
	}
	explicit_bzero(part, sizeof(part));
	return rc;
}

enum io
frame_read(struct frame_in *in, int sock, size_t max, struct err **why)
{
	enum io rc = read_head(in, sock, max, why);

	if (rc == IO_DONE)
		rc = read_body(in, sock, why);
	if (rc == IO_END && in->head_n != 0) {
		*why = err_new("the stream ended within a message");
		return IO_BAD;
	}
	return rc;
}

void
frames_init(struct frames_out *out)
{
	STAILQ_INIT(&out->list);
	out->bytes = 0;
}

static void
frame_free(struct frame *f)
{
	if (f == NULL)
		return;
	if (f->fd != -1)
		close(f->fd);
	buf_free(f->bytes);
	free(f);
}

struct err *
frames_add(struct frames_out *out, struct buf *frame, int fd)
{
	struct frame *f = calloc(1, sizeof(*f));
	struct err *e = NULL;

	if (f == NULL) {
		buf_free(frame);
		return err_sys("message");
	}
	f->bytes = frame;
	f->fd = -1;
	if (fd != -1 && (f->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0)) == -1) {
		e = err_sys("duplicate a descriptor");
		frame_free(f);
		return e;
	}
	STAILQ_INSERT_TAIL(&out->list, f, next);
	out->bytes += buf_len(frame);
	return NULL;
}

static ssize_t
send_part(struct frame *f, int sock)
{
	union control control;
	struct iovec iov = { (void *)(uintptr_t)buf_data(f->bytes),
		buf_len(f->bytes) };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	ssize_t n;

	memset(&control, 0, sizeof(control));
	if (f->fd != -1) {
		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(sizeof(int));
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &f->fd, sizeof(int));
	}
	do {
		n = sendmsg(sock, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n == -1 && errno == EINTR);
	return n;
}

enum io
frames_write(struct frames_out *out, int sock, struct err **why)
{
	struct frame *f;
	ssize_t n;

	while ((f = STAILQ_FIRST(&out->list)) != NULL) {
		if ((n = send_part(f, sock)) == -1) {
			if (errno == EAGAIN || errno == EWOULDBLOCK)
				return IO_AGAIN;
			if (errno == EPIPE || errno == ECONNRESET)
				return IO_END;
			*why = err_sys("write");
			return IO_BAD;
		}
		if (f->fd != -1) {
			close(f->fd); /* gone with the first byte */
			f->fd = -1;
		}
		buf_drop(f->bytes, (size_t)n);
		out->bytes -= (size_t)n;
		if (buf_len(f->bytes) == 0) {
			STAILQ_REMOVE_HEAD(&out->list, next);
			frame_free(f);
		}
	}
	return IO_DONE;
}

void
frames_clear(struct frames_out *out)
{
	struct frame *f;

	while ((f = STAILQ_FIRST(&out->list)) != NULL) {
		STAILQ_REMOVE_HEAD(&out->list, next);
		frame_free(f);
	}
	out->bytes = 0;
}
