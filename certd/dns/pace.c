/*
 * pace.c - keeps us below the provider's limit of requests.
 *
 * Runs in:  certd-dns (_certd-dns; HTTPS to the provider; no files, no exec).
 * Promise:  at most 1,150 requests in any five minutes. Cloudflare allows
 *           1,200 for a user, and one more blocks everything for five minutes.
 */
#include "pace.h"

#define INTERVAL_MSECS 360 /* 833 in five minutes */
#define BURST          300 /* and so many at once, when we were silent */

/* A token bucket, kept as the time at which it is full: every request moves it
 * by an interval, and one that would move it too far ahead waits. */
uint64_t
pace_take(struct pace *p, uint64_t now_msecs)
{
	const uint64_t ahead = (uint64_t)(BURST - 1) * INTERVAL_MSECS;
	uint64_t start = now_msecs;

	if (p->next_msecs < now_msecs)
		p->next_msecs = now_msecs;
	/* what waited comes one by one then, not as a burst */
	if (now_msecs < p->blocked_msecs &&
	    p->next_msecs < p->blocked_msecs + ahead)
		p->next_msecs = p->blocked_msecs + ahead;
	if (p->next_msecs > now_msecs + ahead)
		start = p->next_msecs - ahead;
	p->next_msecs += INTERVAL_MSECS;
	return start - now_msecs;
}

uint64_t
pace_wait(const struct pace *p, uint64_t now_msecs)
{
	struct pace copy = *p;

	return pace_take(&copy, now_msecs);
}

void
pace_block(struct pace *p, uint64_t until_msecs)
{
	if (until_msecs > p->blocked_msecs)
		p->blocked_msecs = until_msecs;
}
