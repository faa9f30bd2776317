/*
 * channel_io.h - frames with their descriptors through a non-blocking Unix
 * stream socket. Only channel.c uses it.
 */
#ifndef CHANNEL_IO_H
#define CHANNEL_IO_H

#include <stddef.h>
#include <sys/queue.h>

#include "buf.h"
#include "err.h"

enum io {
	IO_DONE,  /* a frame came, or all was sent */
	IO_AGAIN, /* the socket has no more for now */
	IO_END,   /* the peer is gone, between two frames */
	IO_BAD,   /* see the error */
};

/* The frame that is being read. */
struct frame_in {
	unsigned char head[4]; /* its length, big-endian */
	size_t head_n;         /* bytes of head that came */
	size_t body_bytes;     /* as announced */
	struct buf *body;
	int fd; /* came with its first bytes; -1: none */
};

/* The frames that wait to be sent. */
struct frame;
struct frames_out {
	STAILQ_HEAD(frame_list, frame) list;
	size_t bytes;
};

/* For frames of at most max bytes. */
struct err *frame_in_init(struct frame_in *in, size_t max);
/* Reads on, at most to the end of the frame. A length over max (or of 0) is
 * refused before anything is reserved for it. IO_DONE: body and fd are the
 * frame's; frame_in_next() makes room for the next. */
enum io frame_read(struct frame_in *in, int sock, size_t max, struct err **why);
/* The descriptor; from now on the caller's. */
int frame_take_fd(struct frame_in *in);
void frame_in_next(struct frame_in *in);
void frame_in_clear(struct frame_in *in);

void frames_init(struct frames_out *out);
/* Appends a frame (taken, on error too) with a copy of fd (-1: none). */
struct err *frames_add(struct frames_out *out, struct buf *frame, int fd);
/* Sends until all is gone (IO_DONE) or the socket is full. */
enum io frames_write(struct frames_out *out, int sock, struct err **why);
void frames_clear(struct frames_out *out);

#endif
