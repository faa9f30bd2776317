/* codec.h - what the parts of the codec know of each other; nobody else does. */
#ifndef CODEC_H
#define CODEC_H

#include "proto.h"

/* The most elements that any list of a frame may have, the frame itself
 * included: every bound of messages.def is below it. */
#define WALK_LIST_MAX 127

/* What the walk learned of a frame. */
struct walked {
	uint64_t type;
	size_t count; /* of elements, type and request number included */
};

/* Reads a frame from end to end without reserving anything. NULL where it is
 * built as our encoder builds frames and begins with a number (then msgpack-c
 * may see it), else what is wrong. */
const char *frame_walk(const char *frame, size_t n, struct walked *out);

/* Where a field is in m. */
static inline void *
field_in(struct msg *m, const struct field_row *f)
{
	return (char *)m + f->offset;
}

static inline const void *
field_of(const struct msg *m, const struct field_row *f)
{
	return (const char *)m + f->offset;
}

/* Holds a value of the row's C type against its bound and shape. NULL where it
 * is good, else what it should be. */
const char *field_problem(const struct field_row *f, const void *value);

#endif
