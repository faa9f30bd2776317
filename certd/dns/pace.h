/*
 * pace.h - how fast we may ask, in milliseconds of a clock that never goes
 * back.
 */
#ifndef PACE_H
#define PACE_H

#include <stdint.h>

struct pace {
	uint64_t next_msecs;	/* when the bucket would be full again */
	uint64_t blocked_msecs; /* nothing before this */
};

/* Takes one request: how long it has to wait. */
uint64_t	pace_take(struct pace *p, uint64_t now_msecs);
/* How long it would have to wait. */
uint64_t	pace_wait(const struct pace *p, uint64_t now_msecs);
/* The provider told us to be silent until then. */
void		pace_block(struct pace *p, uint64_t until_msecs);

#endif
