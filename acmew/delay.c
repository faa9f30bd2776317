/*
 * delay.c - how long it takes until name servers show a record: what the last
 * job has seen tells the next one when to look. Pure.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    when name servers have answered. Assume that they are hostile.
 * Promise:  a look is never later than without; there are DELAY_LOOKS more of
 *           them at most, and none sooner than least_msecs after another.
 */
#include "watch.h"

#define DELAY_LOOKS 4

void
delay_note(struct delay *d, unsigned lacked_msecs, unsigned showed_msecs)
{
	d->lacked_msecs = lacked_msecs;
	d->showed_msecs = showed_msecs;
}

/* The record came between the two: that time is looked through more finely, so
 * that it becomes shorter from one job to the next. */
unsigned
delay_pause(const struct delay *d, unsigned gone_msecs, unsigned msecs,
    unsigned least_msecs)
{
	unsigned step, next;

	if (d->lacked_msecs >= d->showed_msecs || gone_msecs >= d->showed_msecs)
		return msecs;
	step = (d->showed_msecs - d->lacked_msecs) / DELAY_LOOKS;
	if (step < least_msecs)
		step = least_msecs;
	next = gone_msecs < d->lacked_msecs ? d->lacked_msecs - gone_msecs : 0;
	next += step;
	return next < msecs ? next : msecs;
}
