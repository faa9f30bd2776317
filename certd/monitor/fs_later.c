/*
 * fs_later.c - files and directories on their way to the disk, together.
 *
 * Runs in:  certd (root; no network, no exec).
 * Promise:  what was on a list is on the disk once the list was flushed, or the
 *           list has an error.
 */
#define _GNU_SOURCE /* sync_file_range, syncfs */
#include <fcntl.h>
#include <unistd.h>

#include "fs.h"

#define MANY	    4

/* What a list knows of each. */
#define OWNED 1 /* closed with it */
#define IS_FILE 2 /* no directory, and in one that goes to the disk as well */

struct err *
fs_sync(int fd, const char *name)
{
	return fsync(fd) == -1 ? err_sys("force %s to disk", name) : NULL;
}

void
fs_later_clear(struct fs_later *l)
{
	while (l->n > 0)
		if ((l->how[--l->n] & OWNED) != 0)
			close(l->fds[l->n]);
}

static void
range_all(struct fs_later *const *lists, size_t n, unsigned how)
{
	size_t i, k;

	for (i = 0; i < n; i++)
		for (k = 0; k < lists[i]->n; k++)
			if ((lists[i]->how[k] & IS_FILE) != 0)
				(void)sync_file_range(
				    lists[i]->fds[k], 0, 0, how);
}

/* The list before list i that has the same descriptor: a directory that is for
 * all. Nothing changes during a flush, so once is enough. n: none has. */
static size_t
forced_by(struct fs_later *const *lists, size_t n, size_t i, size_t k)
{
	size_t other, o;

	for (other = 0; other < i; other++)
		for (o = 0; o < lists[other]->n; o++)
			if (lists[other]->fds[o] == lists[i]->fds[k])
				return other;
	return n;
}

static struct err *
force(struct fs_later *const *lists, size_t n, struct err *const *errors,
    size_t i, size_t k)
{
	const size_t other = forced_by(lists, n, i, k);

	if (other == n)
		return fs_sync(lists[i]->fds[k], "files");
	return errors[other] == NULL ? NULL : err_copy(errors[other]);
}

/* The data of all first, on its way together: then the file system's journal is
 * written once, and not once for each. A directory has none, and what fails
 * here fails again below. */
void
fs_force_each(struct fs_later *const *lists, size_t n, struct err **errors)
{
	size_t i, k;

	range_all(lists, n, SYNC_FILE_RANGE_WRITE);
	range_all(lists, n, SYNC_FILE_RANGE_WAIT_BEFORE |
	    SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
	for (i = 0; i < n; i++)
		for (k = 0; errors[i] == NULL && k < lists[i]->n; k++)
			errors[i] = force(lists, n, errors, i, k);
}

/* A disk takes a millisecond or more for each fsync(2), however little there is
 * to do; for several jobs a file system is asked for all that it has. */
size_t
fs_systems(struct fs_later *const *lists, size_t n, int fds[FS_SYSTEMS_MAX])
{
	dev_t seen[FS_SYSTEMS_MAX];
	size_t i, k, s, all = 0, n_seen = 0;
	struct stat st;

	for (i = 0; i < n; i++)
		all += lists[i]->n;
	if (n == 1 || all < MANY)
		return 0;
	for (i = 0; i < n; i++)
		for (k = 0; k < lists[i]->n; k++) {
			if ((lists[i]->how[k] & IS_FILE) != 0 ||
			    forced_by(lists, n, i, k) != n)
				continue;
			if (fstat(lists[i]->fds[k], &st) == -1)
				return 0;
			for (s = 0; s < n_seen && seen[s] != st.st_dev; s++)
				;
			if (s < n_seen)
				continue;
			if (n_seen == FS_SYSTEMS_MAX)
				return 0;
			fds[n_seen] = lists[i]->fds[k];
			seen[n_seen++] = st.st_dev;
		}
	return n_seen;
}

static bool
force_systems(const int *fds, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (syncfs(fds[i]) == -1)
			return false;
	return n > 0;
}

void
fs_flush_all(struct fs_later *const *lists, size_t n, struct err **errors)
{
	int fds[FS_SYSTEMS_MAX];
	size_t i;

	for (i = 0; i < n; i++)
		errors[i] = NULL;
	if (!force_systems(fds, fs_systems(lists, n, fds)))
		fs_force_each(lists, n, errors);
	for (i = 0; i < n; i++)
		fs_later_clear(lists[i]);
}

struct err *
fs_flush(struct fs_later *l)
{
	struct err *e;

	fs_flush_all(&l, 1, &e);
	return e;
}

static struct err *
sync_now(int fd)
{
	struct err *e = fs_sync(fd, "files");

	close(fd);
	return e;
}

static struct err *
add(struct fs_later *l, int fd, unsigned char how)
{
	struct err *e = l->n < FS_LATER_MAX ? NULL : fs_flush(l);

	if (e != NULL) {
		if ((how & OWNED) != 0)
			close(fd);
		return e;
	}
	l->fds[l->n] = fd;
	l->how[l->n++] = how;
	return NULL;
}

struct err *
fs_later_take(struct fs_later *l, int fd)
{
	return l == NULL ? sync_now(fd) : add(l, fd, OWNED);
}

struct err *
fs_later_take_file(struct fs_later *l, int fd)
{
	return l == NULL ? sync_now(fd) : add(l, fd, OWNED | IS_FILE);
}

struct err *
fs_sync_later(int fd, const char *name, struct fs_later *l)
{
	return l == NULL ? fs_sync(fd, name) : add(l, fd, 0);
}
