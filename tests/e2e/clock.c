/*
 * clock.c - another time of day, by LD_PRELOAD: CLOCK_SECS seconds are added to
 * what this machine's clock says.
 *
 * Runs in:  tests only, in each process of a certd.
 * Promise:  clocks that cannot be set are left as they are.
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static int (*real)(clockid_t clock_id, struct timespec *tp);
static time_t added;

__attribute__((constructor)) static void
find(void)
{
	const char *text = getenv("CLOCK_SECS");

	*(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
	added = text == NULL ? 0 : (time_t)strtol(text, NULL, 10);
}

int
clock_gettime(clockid_t clock_id, struct timespec *tp)
{
	int rc = real(clock_id, tp);

	if (rc == 0 && (clock_id == CLOCK_REALTIME ||
	    clock_id == CLOCK_REALTIME_COARSE))
		tp->tv_sec += added;
	return rc;
}

time_t
time(time_t *timer)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	if (timer != NULL)
		*timer = ts.tv_sec;
	return ts.tv_sec;
}

int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	struct timespec ts;

	(void)tz;
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = (suseconds_t)(ts.tv_nsec / 1000);
	return 0;
}
