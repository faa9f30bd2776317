/*
 * setup_store.c - the group that may read private keys, in a store that is there
 * already.
 *
 * Runs in:  certctl (root).
 * Input:    the tree that certbot or certd made.
 * Promise:  only what is root's alone is opened to the group; what somebody has
 *           set otherwise stays.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "setup.h"

/* Calls fn for the names in a folder; a missing one is empty. */
static struct err *
each(int at, const char *path, bool (*wanted)(const char *name),
    struct err *(*fn)(int dir, const char *name, gid_t gid), gid_t gid)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	struct err *e = NULL;
	struct dirent *d;

	if (dir == NULL) {
		if (fd != -1)
			close(fd);
		return errno == ENOENT ? NULL : err_sys("%s", path);
	}
	/* cppcheck-suppress readdirCalled ; there is one thread */
	while (e == NULL && (d = readdir(dir)) != NULL)
		if (wanted(d->d_name))
			e = fn(dirfd(dir), d->d_name, gid);
	(void)closedir(dir);
	return err_wrap(e, "%s", path);
}

/* root:root and closed to the group becomes root:gid with more. */
static struct err *
open_up(int dir, const char *name, gid_t gid, mode_t more)
{
	struct stat st;
	struct err *e = NULL;
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd == -1)
		return errno == ENOENT || errno == ELOOP ? NULL :
		    err_sys("%s", name);
	if (fstat(fd, &st) == -1 ||
	    (st.st_uid == 0 && st.st_gid == 0 && (st.st_mode & 077) == 0 &&
	    (fchown(fd, (uid_t)-1, gid) == -1 ||
	    fchmod(fd, (st.st_mode & 07777) | more) == -1)))
		e = err_sys("%s", name);
	close(fd);
	return e;
}

static bool
is_name(const char *name)
{
	return *name != '.';
}

static bool
is_key(const char *name)
{
	return strncmp(name, "privkey", 7) == 0;
}

static struct err *
open_key(int dir, const char *name, gid_t gid)
{
	return open_up(dir, name, gid, S_IRGRP);
}

static struct err *
open_keys(int archive, const char *lineage, gid_t gid)
{
	struct stat st;

	if (fstatat(archive, lineage, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    !S_ISDIR(st.st_mode))
		return NULL;
	return each(archive, lineage, is_key, open_key, gid);
}

struct err *
setup_modes(const struct setup *st)
{
	int store = open(st->cfg->config_dir,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct group *g;
	struct err *e;

	if (store == -1)
		return errno == ENOENT ? NULL :
		    err_sys("%s", st->cfg->config_dir);
	if (*st->group == '\0') {
		close(store);
		return NULL;
	}
	if ((g = getgrnam(st->group)) == NULL)
		e = err_advise(err_new("there is no group %s", st->group),
		    "groupadd --system %s", st->group);
	else if ((e = open_up(store, "live", g->gr_gid, S_IXGRP)) == NULL &&
	    (e = open_up(store, "archive", g->gr_gid, S_IXGRP)) == NULL)
		e = each(store, "archive", is_name, open_keys, g->gr_gid);
	close(store);
	return err_wrap(e, "%s", st->cfg->config_dir);
}

static int
is_conf(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return *d->d_name != '.' && n > 5 &&
	    strcmp(d->d_name + n - 5, ".conf") == 0;
}

size_t
setup_certificates(const struct setup *st)
{
	struct dirent **list;
	char path[4096];
	int i, n;

	(void)snprintf(path, sizeof(path), "%s/renewal", st->cfg->config_dir);
	if ((n = scandir(path, &list, is_conf, alphasort)) == -1)
		return 0;
	for (i = 0; i < n; i++)
		free(list[i]);
	free(list);
	return (size_t)n;
}
