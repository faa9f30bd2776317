/*
 * channel_io.h - frames with their descriptors through a non-blocking Unix
 * stream socket. Only channel.c uses it.
 */
#ifndef CHANNEL_IO_H
#define CHANNEL_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "buf.h"
#include "proto.h"

enum io {
	IO_DONE,  /* a frame came, or all was sent */
	IO_AGAIN, /* the socket has no more for now */
	IO_HELD,  /* the next frame's ticket has not come up */
	IO_END,   /* the peer is gone, between two frames */
	IO_BAD,   /* see the error */
};

/* What came of the peer's frames and was not taken yet. */
struct frames_in {
	struct buf *bytes;  /* the frame that is next begins with the first */
	size_t frame_bytes; /* of that frame; 0: its length has not come */
	size_t fd_from, fd_to; /* of bytes, the part that fd came with */
	int fd;                /* -1: none */
	bool is_dry;           /* the socket had no more than this */
};

/* The frames that wait to be sent, in order: for the socket, and each for its
 * ticket. */
struct parcel;
struct frames_out {
	STAILQ_HEAD(parcel_list, parcel) list;
	struct parcel *fresh; /* the first one without a ticket; NULL: none */
	struct parcel *last;  /* NULL: the list is empty */
	size_t bytes;
	uint64_t passed; /* tickets up to this one have come up */
};

/* For frames of at most max bytes. */
struct err *frames_in_init(struct frames_in *in, size_t max);
/* Reads on until there is a whole frame (IO_DONE), or the socket has no more;
 * whether it has is asked again only while the rest of a frame is missing. A
 * length over max (or of 0) is refused before anything is reserved for it.
 * frame_next() makes room for the next frame. */
enum io frame_read(
    struct frames_in *in, int sock, size_t max, struct err **why);
/* The frame, without its length. */
struct str frame_body(const struct frames_in *in);
/* Its descriptor, from now on the caller's; -1: none. */
int frame_take_fd(struct frames_in *in);
void frame_next(struct frames_in *in);
/* Whether bytes are here that no readable socket will tell of. */
bool frames_in_wait(const struct frames_in *in);
void frames_in_clear(struct frames_in *in);

void frames_init(struct frames_out *out);
/* Appends m with a copy of fd (-1: none). On error nothing was. */
struct err *frames_add(struct frames_out *out, const struct msg *m, int fd);
/* The ticket of all that have none; no less than an earlier one. Without one, a
 * frame waits for none. */
void frames_ticket(struct frames_out *out, uint64_t ticket);
/* Sends until all is gone (IO_DONE), the socket is full or a ticket is missing. */
enum io frames_write(struct frames_out *out, int sock, struct err **why);
void frames_clear(struct frames_out *out);

#endif
