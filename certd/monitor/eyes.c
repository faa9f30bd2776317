/*
 * eyes.c - a second process, for the first look at a large store: what that takes
 * is time in the kernel, file after file, and there is another processor.
 *
 * Runs in:  certd (root), which forks it before the jail; it has a jail of its own
 *           with no file to open, and nothing but two folders open.
 * Input:    names of lineages from certd, in memory that both share.
 * Promise:  it says of each name what lineage_glance() says, and leaves after
 *           that one look, or with certd. Whatever becomes of it, certd looks
 *           at what it did not.
 *
 * certd takes names from the front, the other one from the back, a few at a time,
 * until they meet.
 */
#define _GNU_SOURCE /* sched_getaffinity, MAP_NORESERVE */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "monitor.h"

#define NAMES_MAX   (1u << 18)
#define TEXT_BYTES  (32u * 1024 * 1024)
#define CHUNK	    64
#define WAIT_NSECS  20000000 /* a chunk takes a fiftieth of that */

/* Of this only what is used takes memory. */
struct shared {
	/* The names in between nobody has taken: from the low half of these bits
	 * up to, but not with, the high half. */
	_Atomic uint64_t between;
	_Atomic uint32_t finished; /* from here to the end all are */
	uint32_t n;
	struct {
		uint32_t at; /* in text */
		bool whole;
	} names[NAMES_MAX];
	struct {
		struct glance files;
		bool is_there;
	} found[NAMES_MAX];
	char text[TEXT_BYTES];
};

struct eyes {
	struct shared *shared;
	pid_t pid;
	int wake;     /* a byte: look; its end: leave */
	uint32_t own; /* names before this one are certd's */
	bool is_busy, is_lost;
};

/* Takes at most CHUNK names; false where none is left. */
static bool
take(struct shared *s, bool from_back, uint32_t *first, uint32_t *end)
{
	uint64_t was = atomic_load(&s->between), is;
	uint32_t low, high, n;

	do {
		low = (uint32_t)was;
		high = (uint32_t)(was >> 32);
		if (low == high)
			return false;
		n = high - low < CHUNK ? high - low : CHUNK;
		*first = from_back ? high - n : low;
		*end = *first + n;
		is = from_back ? (uint64_t)*first << 32 | low :
		    (uint64_t)high << 32 | *end;
	} while (!atomic_compare_exchange_weak(&s->between, &was, is));
	return true;
}

/* ---- the second process ---- */

static void
look(struct shared *s, struct store *store)
{
	uint32_t first, end, i;

	while (take(s, true, &first, &end)) {
		for (i = first; i < end; i++)
			s->found[i].is_there = lineage_glance(store,
			    s->text + s->names[i].at, s->names[i].whole,
			    &s->found[i].files);
		atomic_store_explicit(&s->finished, first,
		    memory_order_release);
	}
}

static void
live(struct shared *s, struct store *store, int wake, pid_t parent, bool kill)
{
	char byte;
	ssize_t n;

	if (prctl(PR_SET_PDEATHSIG, SIGTERM) == -1 || getppid() != parent ||
	    !store_only_looks(store, &wake) ||
	    sandbox_enter(&monitor_jail, NULL, kill) != NULL)
		_exit(1);
	while ((n = read(wake, &byte, 1)) == -1 && errno == EINTR)
		;
	if (n == 1)
		look(s, store);
	_exit(0);
}

/* ---- certd ---- */

static bool
is_worth_it(const struct monitor *m)
{
	cpu_set_t cpus;

	return store_is_large(m->store) &&
	    sched_getaffinity(0, sizeof(cpus), &cpus) == 0 &&
	    CPU_COUNT(&cpus) > 1;
}

void
eyes_open(struct monitor *m)
{
	const pid_t parent = getpid();
	struct eyes *e;
	int ends[2];

	if (!is_worth_it(m) || (e = calloc(1, sizeof(*e))) == NULL)
		return;
	e->shared = mmap(NULL, sizeof(*e->shared), PROT_READ | PROT_WRITE,
	    /* cppcheck-suppress invalidFunctionArg ; mmap(2) says -1 */
	    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (e->shared == MAP_FAILED || pipe2(ends, O_CLOEXEC) == -1) {
		if (e->shared != MAP_FAILED)
			munmap(e->shared, sizeof(*e->shared));
		free(e);
		return;
	}
	if ((e->pid = fork()) == 0)
		live(e->shared, m->store, ends[0], parent, m->cfg->jail_kill);
	close(ends[0]);
	e->wake = ends[1];
	m->eyes = e;
	if (e->pid == -1)
		eyes_close(m);
}

void
eyes_close(struct monitor *m)
{
	struct eyes *e = m->eyes;

	if (e == NULL)
		return;
	close(e->wake);
	if (e->pid > 0 && !e->is_lost)
		(void)waitpid(e->pid, NULL, 0);
	munmap(e->shared, sizeof(*e->shared));
	free(e);
	m->eyes = NULL;
}

bool
eyes_add(struct monitor *m, const char *name, bool whole)
{
	struct eyes *e = m->eyes;
	const size_t bytes = strlen(name) + 1;
	struct shared *s;
	uint32_t at;

	if (e == NULL)
		return false;
	s = e->shared;
	at = s->n == 0 ? 0 : s->names[s->n - 1].at +
	    (uint32_t)strlen(s->text + s->names[s->n - 1].at) + 1;
	if (s->n == NAMES_MAX || bytes > TEXT_BYTES - at)
		return false;
	memcpy(s->text + at, name, bytes);
	s->names[s->n].at = at;
	s->names[s->n].whole = whole;
	s->n++;
	return true;
}

void
eyes_begin(struct monitor *m)
{
	struct eyes *e = m->eyes;

	atomic_store(&e->shared->finished, e->shared->n);
	atomic_store(&e->shared->between, (uint64_t)e->shared->n << 32);
	e->is_busy = write(e->wake, "", 1) == 1;
}

/* The last chunk may be under way. */
static bool
wait_for(struct eyes *e, uint32_t i)
{
	struct timespec begin, now;
	int64_t nsecs;

	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	while (atomic_load_explicit(&e->shared->finished,
	    memory_order_acquire) > i) {
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		nsecs = (int64_t)(now.tv_sec - begin.tv_sec) * 1000000000 +
		    now.tv_nsec - begin.tv_nsec;
		if (nsecs > WAIT_NSECS) {
			e->is_lost = true;
			return false;
		}
	}
	return true;
}

bool
eyes_have(struct monitor *m, size_t i, struct glance *out, bool *is_there)
{
	struct eyes *e = m->eyes;
	uint32_t first, end;

	if (e == NULL || !e->is_busy || i >= e->shared->n)
		return false;
	while (i >= e->own && take(e->shared, false, &first, &end))
		e->own = end;
	if (i < e->own || (e->is_lost && i < atomic_load_explicit(
	    &e->shared->finished, memory_order_acquire)) ||
	    !wait_for(e, (uint32_t)i))
		return false;
	*is_there = e->shared->found[i].is_there;
	*out = e->shared->found[i].files;
	return true;
}
