/*
 * channel_io.c - frames with their descriptors through a Unix stream socket.
 *
 * Runs in:  all daemons.
 * Input:    bytes and descriptors of a peer. Assume that the peer is hostile.
 * Promise:  a descriptor is that of the last frame that begins in what came
 *           with it; any other is closed at once and ends the connection.
 *           Memory is reserved for bytes that came, not for bytes that were
 *           announced.
 *
 * One recvmsg(2) takes what is there, of several frames. It never goes past the
 * bytes that a descriptor was sent with (unix(7): they are a barrier), but what
 * was sent before them may come with it. A frame with a descriptor is therefore
 * sent by a sendmsg(2) of its own: nothing begins behind it in what is received.
 * Who sends otherwise says for which frame it is by that rule; the table has its
 * say about that frame as about any other.
 */
#define _GNU_SOURCE /* MSG_CMSG_CLOEXEC, explicit_bzero */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "channel_io.h"

#define HEAD_BYTES      4     /* the length of a frame, big-endian */
#define PART_BYTES      16384 /* of what comes, at most at once */
#define PARCELS_AT_ONCE 16    /* that leave at once */

/* Frames that leave together: those of one turn, or one with a descriptor. */
struct parcel {
	STAILQ_ENTRY(parcel) next;
	struct buf *bytes; /* still to be sent */
	uint64_t ticket;
	int fd; /* goes with the first of them; -1: none */
};

/* Room for one descriptor. Alignment makes it room for two, which is why more
 * than one is looked for below; the kernel drops the others. */
union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

struct err *
frames_in_init(struct frames_in *in, size_t max)
{
	memset(in, 0, sizeof(*in));
	in->fd = -1;
	/* A frame that is not whole, and a part that came. */
	in->bytes = buf_new(HEAD_BYTES + max + PART_BYTES);
	return in->bytes == NULL ? err_sys("buffer") : NULL;
}

/* Whether the descriptor is that of the frame that is next: no other begins in
 * what it came with. */
static bool
is_next_ones(const struct frames_in *in)
{
	return in->fd != -1 &&
	       (in->frame_bytes == 0 || in->fd_to <= in->frame_bytes);
}

struct str
frame_body(const struct frames_in *in)
{
	return (struct str){ buf_data(in->bytes) + HEAD_BYTES,
		in->frame_bytes - HEAD_BYTES };
}

int
frame_take_fd(struct frames_in *in)
{
	int fd = in->fd;

	if (!is_next_ones(in))
		return -1;
	in->fd = -1;
	return fd;
}

void
frame_next(struct frames_in *in)
{
	size_t n = in->frame_bytes;

	if (is_next_ones(in))
		close(frame_take_fd(in));
	in->fd_from -= in->fd_from < n ? in->fd_from : n;
	in->fd_to -= in->fd_to < n ? in->fd_to : n;
	in->frame_bytes = 0;
	buf_drop(in->bytes, n);
}

bool
frames_in_wait(const struct frames_in *in)
{
	return buf_len(in->bytes) > 0;
}

void
frames_in_clear(struct frames_in *in)
{
	if (in->bytes == NULL)
		return;
	if (in->fd != -1)
		close(in->fd);
	in->fd = -1;
	buf_free(in->bytes);
	in->bytes = NULL;
}

/* Keeps the first descriptor that came with the last n bytes, closes all others.
 * False where there were others. */
static bool
keep_descriptors(struct frames_in *in, struct msghdr *mh, size_t n)
{
	struct cmsghdr *c;
	bool good = (mh->msg_flags & MSG_CTRUNC) == 0;
	size_t i, n_fds;
	int fd;

	for (c = CMSG_FIRSTHDR(mh); c != NULL; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
		for (i = 0; i < n_fds; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (in->fd == -1) {
				in->fd = fd;
				in->fd_from = buf_len(in->bytes);
				in->fd_to = in->fd_from + n;
				continue;
			}
			close(fd);
			good = false;
		}
	}
	return good;
}

/* Receives at most n bytes; IO_DONE where some came. */
static enum io
receive(struct frames_in *in, int sock, char *p, size_t n, size_t *got,
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
	*got = (size_t)rc;
	if (keep_descriptors(in, &mh, *got))
		return IO_DONE;
	*why = err_new("descriptors came that belong to no message");
	return IO_BAD;
}

/* While a frame with a descriptor is not whole nothing behind it is read: one
 * more that comes is one too many. */
static size_t
wanted(const struct frames_in *in)
{
	size_t frame = in->frame_bytes == 0 ? HEAD_BYTES : in->frame_bytes, n;

	n = in->fd == -1 ? PART_BYTES : frame - buf_len(in->bytes);
	return n < PART_BYTES ? n : PART_BYTES;
}

/* Adds what has come to what is here. */
static enum io
fill(struct frames_in *in, int sock, struct err **why)
{
	char part[PART_BYTES];
	size_t n = wanted(in), got = 0;
	enum io rc = receive(in, sock, part, n, &got, why);

	if (rc == IO_DONE && (*why = buf_add(in->bytes, part, got)) != NULL)
		rc = IO_BAD;
	in->is_dry = got < n;
	explicit_bzero(part, got);
	return rc;
}

/* Whether the frame that is next is whole (IO_DONE), and may be. */
static enum io
look(struct frames_in *in, size_t max, struct err **why)
{
	const unsigned char *p = (const unsigned char *)buf_data(in->bytes);
	size_t n = buf_len(in->bytes), body;

	if (n >= HEAD_BYTES) {
		body = (size_t)p[0] << 24 | (size_t)p[1] << 16 |
		       (size_t)p[2] << 8 | p[3];
		if (body == 0 || body > max) {
			*why = err_new("a message of %zu bytes was announced, "
				       "at most %zu are allowed",
			    body, max);
			return IO_BAD;
		}
		in->frame_bytes = HEAD_BYTES + body;
	}
	if (is_next_ones(in) && in->fd_from > 0) {
		*why = err_new("descriptors came that belong to no message");
		return IO_BAD;
	}
	return n >= HEAD_BYTES && n >= in->frame_bytes ? IO_DONE : IO_AGAIN;
}

enum io
frame_read(struct frames_in *in, int sock, size_t max, struct err **why)
{
	enum io rc;

	while ((rc = look(in, max, why)) == IO_AGAIN &&
	       !(in->is_dry && buf_len(in->bytes) == 0))
		if ((rc = fill(in, sock, why)) != IO_DONE)
			break;
	if (rc != IO_DONE)
		in->is_dry = false;
	if (rc == IO_END && buf_len(in->bytes) > 0) {
		*why = err_new("the stream ended within a message");
		rc = IO_BAD;
	}
	return rc;
}

void
frames_init(struct frames_out *out)
{
	STAILQ_INIT(&out->list);
	out->fresh = out->last = NULL;
	out->bytes = 0;
}

static void
parcel_free(struct parcel *p)
{
	if (p == NULL)
		return;
	if (p->fd != -1)
		close(p->fd);
	buf_free(p->bytes);
	free(p);
}

/* Whatever is returned, *out is to be freed. */
static struct err *
parcel_new(int fd, struct parcel **out)
{
	struct parcel *p = calloc(1, sizeof(*p));

	*out = p;
	if (p == NULL)
		return err_sys("message");
	p->fd = -1;
	p->bytes = buf_new(PART_BYTES + HEAD_BYTES + PROTO_FRAME_MAX);
	if (p->bytes == NULL)
		return err_sys("message");
	if (fd != -1 && (p->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0)) == -1)
		return err_sys("duplicate a descriptor");
	return NULL;
}

static struct err *
add_parcel(struct frames_out *out, const struct msg *m, int fd)
{
	struct parcel *p;
	struct err *e = parcel_new(fd, &p);

	if (e != NULL || (e = msg_encode(m, p->bytes)) != NULL) {
		parcel_free(p);
		return e;
	}
	STAILQ_INSERT_TAIL(&out->list, p, next);
	out->last = p;
	if (out->fresh == NULL)
		out->fresh = p;
	out->bytes += buf_len(p->bytes);
	return NULL;
}

struct err *
frames_add(struct frames_out *out, const struct msg *m, int fd)
{
	struct parcel *p = out->last;
	struct err *e;
	size_t before;

	if (p == NULL || out->fresh == NULL || p->fd != -1 || fd != -1 ||
	    buf_len(p->bytes) >= PART_BYTES)
		return add_parcel(out, m, fd);
	before = buf_len(p->bytes);
	e = msg_encode(m, p->bytes);
	out->bytes += buf_len(p->bytes) - before;
	return e;
}

/* What leaves at once: a frame with a descriptor alone, or all up to the next
 * one whose ticket has come up. */
static size_t
gather(const struct frames_out *out, struct iovec iov[PARCELS_AT_ONCE])
{
	const struct parcel *p;
	size_t n = 0;

	STAILQ_FOREACH(p, &out->list, next) {
		if (n == PARCELS_AT_ONCE || (n > 0 && p->fd != -1) ||
		    p->ticket > out->passed)
			break;
		iov[n].iov_base = (void *)(uintptr_t)buf_data(p->bytes);
		iov[n++].iov_len = buf_len(p->bytes);
		if (p->fd != -1)
			break;
	}
	return n;
}

static ssize_t
send_some(const struct frames_out *out, int sock)
{
	const int fd = STAILQ_FIRST(&out->list)->fd;
	union control control;
	struct iovec iov[PARCELS_AT_ONCE];
	struct msghdr mh = { .msg_iov = iov };
	struct cmsghdr *c;
	ssize_t n;

	mh.msg_iovlen = gather(out, iov);
	if (fd != -1) {
		memset(&control, 0, sizeof(control));
		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(sizeof(int));
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	do {
		n = sendmsg(sock, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n == -1 && errno == EINTR);
	return n;
}

/* The first n bytes have left. */
static void
drop(struct frames_out *out, size_t n)
{
	struct parcel *p;
	size_t part;

	out->bytes -= n;
	while (n > 0) {
		p = STAILQ_FIRST(&out->list);
		if (p->fd != -1) {
			close(p->fd); /* gone with the first byte */
			p->fd = -1;
		}
		part = n < buf_len(p->bytes) ? n : buf_len(p->bytes);
		n -= part;
		if (part < buf_len(p->bytes)) {
			buf_drop(p->bytes, part);
			return;
		}
		if (p == out->fresh)
			out->fresh = STAILQ_NEXT(p, next);
		if (p == out->last)
			out->last = NULL;
		STAILQ_REMOVE_HEAD(&out->list, next);
		parcel_free(p);
	}
}

void
frames_ticket(struct frames_out *out, uint64_t ticket)
{
	for (; out->fresh != NULL; out->fresh = STAILQ_NEXT(out->fresh, next))
		out->fresh->ticket = ticket;
}

enum io
frames_write(struct frames_out *out, int sock, struct err **why)
{
	ssize_t n;

	while (!STAILQ_EMPTY(&out->list)) {
		if (STAILQ_FIRST(&out->list)->ticket > out->passed)
			return IO_HELD;
		if ((n = send_some(out, sock)) != -1) {
			drop(out, (size_t)n);
			continue;
		}
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return IO_AGAIN;
		if (errno == EPIPE || errno == ECONNRESET)
			return IO_END;
		*why = err_sys("write");
		return IO_BAD;
	}
	return IO_DONE;
}

void
frames_clear(struct frames_out *out)
{
	struct parcel *p;

	while ((p = STAILQ_FIRST(&out->list)) != NULL) {
		STAILQ_REMOVE_HEAD(&out->list, next);
		parcel_free(p);
	}
	out->fresh = out->last = NULL;
	out->bytes = 0;
}
