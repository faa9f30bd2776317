/*
 * store.c - certbot's tree of certificates: opening it, and its lock.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    a tree that certbot, an administrator or a backup wrote.
 * Promise:  directories that exist keep mode and owner; certbot and we never
 *           write at the same time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "store_priv.h"

#define LOCK_FILE  ".certbot.lock"
#define LOCK_TRIES 16 /* each lost to somebody who removed the file meanwhile */

const char *const pem_kind_words[PEM_N] = { "cert", "privkey", "chain",
	"fullchain" };

struct err *
component(char out[COMPONENT_SIZE], const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(out, COMPONENT_SIZE, fmt, ap);
	va_end(ap);
	if (n < 0 || n >= COMPONENT_SIZE)
		return err_new("the name is too long for a file");
	return NULL;
}

/* Makes and opens the directories of section 2.1. */
static struct err *
open_dirs(struct store *s)
{
	const mode_t shared = s->gid == (gid_t)-1 ? 0700 : 0710;
	int hooks = -1, unused[3] = { -1, -1, -1 };
	const struct {
		const char *name;
		struct fs_owner owner;
		int *at, *fd;
	} dirs[] = {
		{ "live", { shared, s->gid }, &s->config, &s->live },
		{ "archive", { shared, s->gid }, &s->config, &s->archive },
		{ "renewal", { 0755, (gid_t)-1 }, &s->config, &s->renewal },
		{ "accounts", { 0700, (gid_t)-1 }, &s->config, &s->accounts },
		{ ".certd", { 0700, (gid_t)-1 }, &s->config, &s->stage },
		{ "renewal-hooks", { 0755, (gid_t)-1 }, &s->config, &hooks },
		{ "pre", { 0755, (gid_t)-1 }, &hooks, &unused[0] },
		{ "deploy", { 0755, (gid_t)-1 }, &hooks, &unused[1] },
		{ "post", { 0755, (gid_t)-1 }, &hooks, &unused[2] },
	};
	struct err *e = NULL;
	size_t i;

	for (i = 0; e == NULL && i < sizeof(dirs) / sizeof(*dirs); i++)
		e = fs_make_dir(
		    *dirs[i].at, dirs[i].name, dirs[i].owner, dirs[i].fd, NULL);
	for (i = 0; i < 3; i++)
		if (unused[i] != -1)
			close(unused[i]);
	if (hooks != -1)
		close(hooks);
	return e;
}

struct err *
store_open(const struct config *cfg, gid_t gid, struct store **out)
{
	struct store *s = calloc(1, sizeof(*s));
	struct err *e = NULL;
	size_t n;

	*out = NULL;
	if (s == NULL || (s->path = strdup(cfg->config_dir)) == NULL) {
		free(s);
		return err_sys("open the store");
	}
	for (n = strlen(s->path); n > 1 && s->path[n - 1] == '/'; n--)
		s->path[n - 1] = '\0';
	s->gid = gid;
	s->config = s->live = s->archive = s->renewal = -1;
	s->accounts = s->stage = s->lock = s->state = -1;
	/* Its own name may be a link: the administrator wrote it down. */
	if (mkdir(s->path, 0755) == -1 && errno != EEXIST)
		e = err_sys("make directory %s", s->path);
	else if ((s->config = open(
		      s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		e = err_sys("open directory %s", s->path);
	else
		e = err_wrap(open_dirs(s), "%s", s->path);
	if (e == NULL) {
		s->is_one_mount = preflight_is_one_mount(s);
		clean_open(s, cfg->state_dir);
		*out = s;
	} else {
		store_close(s);
	}
	return e;
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	store_unlock(s);
	const int fds[] = { s->live, s->archive, s->renewal, s->accounts,
		s->stage, s->state, s->config };

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] != -1)
			close(fds[i]);
	free(s->path);
	free(s);
}

const char *
store_path(const struct store *s)
{
	return s->path;
}

/* Says who has the lock. */
static struct err *
lock_error(int fd)
{
	struct flock who = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	pid_t pid = 0;

	if (fcntl(fd, F_GETLK, &who) == 0 && who.l_type != F_UNLCK)
		pid = who.l_pid;
	errno = EAGAIN;
	if (pid > 0)
		return err_sys("process %ld (certbot?) is at work on the store",
		    (long)pid);
	return err_sys("another process is at work on the store");
}

/* One try. *fd stays -1 without an error where the file was replaced before we
 * had its lock: whoever leaves removes it. */
static struct err *
lock_try(struct store *s, int *fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat ours, named;
	struct err *e = NULL;
	int f;

	f = openat(s->config, LOCK_FILE,
	    O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (f == -1)
		return err_sys("open %s", LOCK_FILE);
	if (fcntl(f, F_SETLK, &lock) == -1)
		e = errno == EAGAIN || errno == EACCES
			? lock_error(f)
			: err_sys("lock %s", LOCK_FILE);
	else if (fstat(f, &ours) == 0 &&
		 fstatat(s->config, LOCK_FILE, &named, AT_SYMLINK_NOFOLLOW) ==
		     0 &&
		 ours.st_dev == named.st_dev && ours.st_ino == named.st_ino) {
		*fd = f;
		return NULL;
	}
	close(f);
	return e;
}

struct err *
store_lock(struct store *s)
{
	struct err *e = NULL;
	int i;

	if (s->lock != -1)
		return err_new("the store is locked already");
	for (i = 0; e == NULL && s->lock == -1 && i < LOCK_TRIES; i++)
		e = lock_try(s, &s->lock);
	if (e == NULL && s->lock == -1) {
		errno = EAGAIN;
		e = err_sys("the lock of the store changes hands all the time");
	}
	if (e == NULL && (e = clean_end(s)) != NULL)
		store_unlock(s);
	return err_wrap(e, "%s", s->path);
}

void
store_unlock(struct store *s)
{
	if (s->lock == -1)
		return;
	/* Removed before it is given back: see certbot's lock.py. */
	log_err(LOG_LEVEL_WARN, fs_unlink(s->config, LOCK_FILE));
	close(s->lock);
	s->lock = -1;
}

void
store_identify(const struct store *s, struct identity dirs[STORE_DIRS])
{
	const int fds[STORE_DIRS] = { s->renewal, s->live };
	struct stat st;
	int i;

	for (i = 0; i < STORE_DIRS; i++)
		dirs[i] = fstat(fds[i], &st) == 0 ? fs_identity(&st) :
		    (struct identity) { 0 };
}

struct err *
store_names_add(struct store_names *names, const char *name)
{
	return fs_names_add(names, name);
}

void
store_names_clear(struct store_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->v[i]);
	free(names->v);
	*names = (struct store_names){ 0 };
}

/* Without ".conf"; false where it is no renewal file. */
static bool
strip(char *name)
{
	const size_t n = strlen(name), end = strlen(".conf");

	if (*name == '.' || n <= end || strcmp(name + n - end, ".conf") != 0)
		return false;
	name[n - end] = '\0';
	return true;
}

struct err *
store_lineages(struct store *s, struct store_names *out)
{
	struct err *e;
	size_t i, n = 0;

	if ((e = fs_list(s->renewal, out)) != NULL)
		return err_wrap(e, "%s/renewal", s->path);
	for (i = 0; i < out->n; i++)
		if (strip(out->v[i]))
			out->v[n++] = out->v[i];
		else
			free(out->v[i]);
	out->n = n;
	return NULL;
}

static int
bytewise(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void
store_names_sort(struct store_names *names)
{
	size_t i;

	for (i = 1; i < names->n; i++)
		if (strcmp(names->v[i - 1], names->v[i]) > 0) {
			qsort(names->v, names->n, sizeof(*names->v), bytewise);
			return;
		}
}
