/* identity.h - which file it is, and whether it has changed since. */
#ifndef IDENTITY_H
#define IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

/* All zero: none. */
struct identity {
	uint64_t device, inode, bytes;
	int64_t mtime_nsecs;
};

static inline bool
identity_eq(const struct identity *a, const struct identity *b)
{
	return a->device == b->device && a->inode == b->inode &&
	    a->bytes == b->bytes && a->mtime_nsecs == b->mtime_nsecs;
}

#endif
