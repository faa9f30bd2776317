/*
 * wipe.c - memory that is given back holds nothing any more.
 *
 * Runs in:  certd-dns (_certd-dns; HTTPS to the provider; no files, no exec).
 * Promise:  whatever libcurl, its TLS, its HTTP/2 and our own code copied the
 *           token into: once it is freed, it is gone.
 *
 * The token passes through four libraries, none of which wipes what it frees.
 * So free() and realloc() are ours in this program; a program's own functions
 * come before those of libc, in every library too. malloc() stays libc's, whose
 * memory they give back by its other names. malloc_usable_size() is exact
 * enough: what lies behind the size asked for was never written by anyone.
 */
#define _GNU_SOURCE /* explicit_bzero */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "log.h"
#include "publisher.h"

/* Of the 8 MiB that kernels since 5.16 let anybody lock; it is 1 MiB large when
 * it works. */
#define HEAP_BYTES (4 * 1024 * 1024)

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the names in
 * libc's headers are reserved. */
extern void __libc_free(void *p);

void
free(void *p)
{
	int kept = errno; /* as glibc's own does */

	if (p != NULL)
		explicit_bzero(p, malloc_usable_size(p));
	__libc_free(p);
	errno = kept;
}

/* libc's would leave a copy behind where it moves. */
void *
realloc(void *p, size_t n)
{
	size_t old = p == NULL ? 0 : malloc_usable_size(p);
	void *fresh;

	if (p != NULL && n == 0) {
		free(p);
		return NULL;
	}
	if (p != NULL && n <= old && n > old / 2)
		return p;
	if ((fresh = malloc(n)) == NULL)
		return NULL;
	if (p != NULL)
		memcpy(fresh, p, n < old ? n : old);
	free(p);
	return fresh;
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

/* Heap and stack, as they are now. */
static int
lock_areas(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uintptr_t begin, end;
	char line[512];
	int rc = maps == NULL ? -1 : 0;

	while (rc == 0 && fgets(line, sizeof(line), maps) != NULL)
		if ((strstr(line, "[heap]") != NULL ||
			strstr(line, "[stack]") != NULL) &&
		    sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &begin, &end) == 2)
			rc = mlock((void *)begin, end - begin);
	if (maps != NULL)
		(void)fclose(maps);
	return rc;
}

/* Where not all that this process will ever have may be locked, a heap is that
 * is large enough for it and does not shrink. What would not fit is no error:
 * it comes from the kernel, unlocked. */
void
wipe_init(void)
{
	void *volatile room; /* or the compiler sees that nobody needs it */

	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0)
		return;
	(void)mallopt(M_MMAP_THRESHOLD, HEAP_BYTES * 2);
	(void)mallopt(M_TRIM_THRESHOLD, HEAP_BYTES * 16);
	/* cppcheck-suppress unusedAllocatedMemory ; the heap grows */
	room = malloc(HEAP_BYTES);
	free(room);
	if (lock_areas() == -1)
		log_warn("the token may be swapped out: memory cannot be "
			 "locked: %s (RLIMIT_MEMLOCK)",
		    strerror(errno));
}

#else /* the sanitizer has a free() of its own, and terabytes of memory */

void
wipe_init(void)
{
}
#endif
