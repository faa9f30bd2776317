/*
 * store_watch.c - looks at the store from elsewhere: the kernel tells of changes,
 * a second process helps to look.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    links in live/, which lead anywhere.
 * Promise:  what is watched are the folders that the store has open, and for each
 *           lineage live/NAME and the folder of the certificate that it shows: who
 *           writes, replaces, renames or removes a file there is heard.
 */
#define _GNU_SOURCE /* close_range */
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "store_priv.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

/* All but reading. */
static const uint32_t changes = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB |
    IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF |
    IN_MOVE_SELF | IN_ONLYDIR;

/* Where all changes are made by this machine's kernel. */
static bool
is_local(int dir)
{
	static const unsigned long kinds[] = { EXT4_SUPER_MAGIC,
		XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
		TMPFS_MAGIC };
	struct statfs fs;
	size_t i;

	if (fstatfs(dir, &fs) == -1)
		return false;
	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if ((unsigned long)fs.f_type == kinds[i])
			return true;
	return false;
}

/* Its path must still lead to the folder that is open: a watch goes by path. */
static bool
watch_dir(const struct store *s, const char *name, int dir, int fd)
{
	char path[PATH_MAX];

	return is_local(dir) &&
	    (size_t)snprintf(path, sizeof(path), "%s/%s", s->path, name) <
		sizeof(path) &&
	    inotify_add_watch(fd, path, changes) != -1 &&
	    fs_is_dir(AT_FDCWD, path, dir);
}

bool
store_watch(const struct store *s, int fd)
{
	return watch_dir(s, "renewal", s->renewal, fd) &&
	    watch_dir(s, "live", s->live, fd) &&
	    watch_dir(s, "archive", s->archive, fd);
}

bool
lineage_watch(const struct store *s, const char *name, int fd)
{
	char link[COMPONENT_SIZE + 32], target[PATH_MAX], path[2 * PATH_MAX];
	char *slash;
	ssize_t n;

	(void)snprintf(link, sizeof(link), "%s/cert.pem", name);
	n = readlinkat(s->live, link, target, sizeof(target));
	if (n <= 0 || (size_t)n >= sizeof(target) || *target == '/')
		return false;
	target[n] = '\0';
	if ((slash = strrchr(target, '/')) == NULL)
		return false;
	*slash = '\0';
	n = snprintf(path, sizeof(path), "%s/live/%s/%s", s->path, name,
	    target);
	if ((size_t)n >= PATH_MAX ||
	    inotify_add_watch(fd, path, changes) == -1)
		return false;
	path[strlen(path) - strlen(target) - 1] = '\0';
	return inotify_add_watch(fd, path, changes) != -1;
}

#define LARGE_BYTES (64 * 1024) /* of a directory: a thousand long names */

bool
store_is_large(const struct store *s)
{
	struct stat st;

	return fstat(s->renewal, &st) == 0 && st.st_size >= LARGE_BYTES;
}

/* All are somewhere else first, so that none is written over. */
bool
store_only_looks(struct store *s, int *keep)
{
	enum { FIRST = 3, HIGH = 64 };
	int *const kept[] = { &s->live, &s->renewal, keep };
	const int n = sizeof(kept) / sizeof(*kept);
	int i;

	for (i = 0; i < n; i++)
		if ((*kept[i] = fcntl(*kept[i], F_DUPFD_CLOEXEC, HIGH)) == -1)
			return false;
	for (i = 0; i < n; i++) {
		if (dup2(*kept[i], FIRST + i) == -1)
			return false;
		*kept[i] = FIRST + i;
	}
	s->config = s->archive = s->accounts = s->stage = s->lock = -1;
	s->state = -1;
	return close_range(FIRST + (unsigned)n, ~0U, 0) == 0;
}
