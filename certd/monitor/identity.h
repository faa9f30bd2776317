/* identity.h - which file it is, or which files, and whether they have changed
 * since. */
#ifndef IDENTITY_H
#define IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

/* All zero: none. */
struct identity {
	uint64_t device, inode, bytes;
	int64_t mtime_nsecs;
};

/* Another file that belongs to it. */
static inline void
identity_add(struct identity *i, const struct identity *file)
{
	i->device = i->device * 31 + file->device;
	i->inode = i->inode * 31 + file->inode;
	i->bytes = i->bytes * 31 + file->bytes;
	i->mtime_nsecs = (int64_t)((uint64_t)i->mtime_nsecs * 31 +
	    (uint64_t)file->mtime_nsecs);
}

/* What is remembered of a lineage: its renewal file, its current certificate,
 * and all four files of that version as one. */
enum { SEEN_CONF, SEEN_CERT, SEEN_SET, SEEN_FILES };

static inline bool
identity_eq(const struct identity *a, const struct identity *b)
{
	return a->device == b->device && a->inode == b->inode &&
	    a->bytes == b->bytes && a->mtime_nsecs == b->mtime_nsecs;
}

#endif
