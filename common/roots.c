/*
 * roots.c - whether a file is root's alone.
 *
 * Runs in:  certd, certd-hook.
 * Input:    paths; links and folders of anybody.
 * Promise:  yes means that only root can change what the path leads to, now and
 *           as long as root does not give parts of it away.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "roots.h"

/* One part of a path. In a folder with the sticky bit others cannot replace
 * what is root's. */
static bool
part_is_roots(const char *path)
{
	struct stat st;
	mode_t others;

	if (lstat(path, &st) == -1 || st.st_uid != 0)
		return false;
	if (S_ISLNK(st.st_mode) && (stat(path, &st) == -1 || st.st_uid != 0))
		return false;
	others = st.st_gid == 0 ? S_IWOTH : S_IWGRP | S_IWOTH;
	return (st.st_mode & others) == 0 ||
	       (S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX) != 0);
}

static bool
parts_are_roots(const char *path, char weak[PATH_MAX])
{
	size_t n, end = strlen(path);

	for (n = 1; n <= end; n++) {
		if (n > 1 && path[n] != '/' && n != end)
			continue;
		(void)snprintf(weak, PATH_MAX, "%.*s", (int)n, path);
		if (!part_is_roots(weak))
			return false;
	}
	return true;
}

bool
path_is_roots(const char *path, char weak[PATH_MAX])
{
	char real[PATH_MAX];

	if (!parts_are_roots(path, weak))
		return false;
	if (realpath(path, real) != NULL)
		return parts_are_roots(real, weak);
	(void)snprintf(weak, PATH_MAX, "%s", path);
	return false;
}
