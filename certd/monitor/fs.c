/*
 * fs.c - files by directory descriptor and one component.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    names that were checked, in directories that only root can write.
 * Promise:  no link is followed; what was written is on disk when the call
 *           returns; bytes that are copied never enter this process.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "fs.h"
#include "store.h"

#define ENTRIES_MAX   1000000 /* more is not a certificate store */
#define ENTRIES_BYTES 32768   /* asked for at once */

bool
fs_is_component(const char *name)
{
	return *name != '\0' && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0 && strchr(name, '/') == NULL &&
	       strlen(name) <= 255;
}

struct err *
fs_open_dir(int at, const char *name, int *fd)
{
	*fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *fd == -1 ? err_sys("open directory %s", name) : NULL;
}

/* Group and mode of what was made for its owner only, which no umask takes
 * away. */
static struct err *
set_owner(int fd, const char *name, struct fs_owner owner, mode_t made)
{
	if (owner.gid != (gid_t)-1 && fchown(fd, (uid_t)-1, owner.gid) == -1)
		return err_sys("set the group of %s", name);
	if (owner.mode != made && fchmod(fd, owner.mode) == -1)
		return err_sys("set the mode of %s", name);
	return NULL;
}

/* What a directory inherits from a setgid parent stays. */
static struct err *
set_dir_owner(int fd, const char *name, struct fs_owner owner)
{
	struct stat st;

	if (owner.mode != 0700) {
		if (fstat(fd, &st) == -1)
			return err_sys("set the mode of %s", name);
		owner.mode |= st.st_mode & S_ISGID;
	}
	return set_owner(fd, name, owner, 0700);
}

/* ---- directories ---- */

static struct err *
make_dir(int at, const char *name, struct fs_owner owner, int *fd, bool *made,
    struct fs_later *l)
{
	struct err *e;
	bool is_new = mkdirat(at, name, 0700) == 0;

	*fd = -1;
	if (!is_new && errno != EEXIST)
		return err_sys("make directory %s", name);
	if (made != NULL)
		*made = is_new;
	if ((e = fs_open_dir(at, name, fd)) != NULL || !is_new)
		return e;
	if ((e = set_dir_owner(*fd, name, owner)) == NULL &&
	    (l != NULL || (e = fs_sync(*fd, name)) == NULL))
		e = fs_sync_later(at, ".", l);
	if (e != NULL) {
		close(*fd);
		*fd = -1;
	}
	return e;
}

struct err *
fs_make_dir(
    int at, const char *name, struct fs_owner owner, int *fd, bool *made)
{
	return make_dir(at, name, owner, fd, made, NULL);
}

struct err *
fs_make_dir_later(int at, const char *name, struct fs_owner owner, int *fd,
    struct fs_later *l)
{
	return make_dir(at, name, owner, fd, NULL, l);
}

/* ---- files ---- */

struct err *
fs_open_stat(int at, const char *name, int *fd, struct stat *st)
{
	/* O_NONBLOCK: a FIFO must not make us wait. */
	*fd = openat(at, name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (*fd == -1)
		return err_sys("open %s", name);
	if (fstat(*fd, st) == 0 && S_ISREG(st->st_mode))
		return NULL;
	close(*fd);
	*fd = -1;
	return err_new("%s is not a regular file", name);
}

struct err *
fs_open_file(int at, const char *name, int *fd)
{
	struct stat st;

	return fs_open_stat(at, name, fd, &st);
}

struct err *
fs_create(int at, const char *name, struct fs_owner owner, int *fd)
{
	struct err *e;

	*fd = openat(
	    at, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*fd == -1)
		return err_sys("create %s", name);
	if ((e = set_owner(*fd, name, owner, 0600)) == NULL)
		return NULL;
	close(*fd);
	*fd = -1;
	(void)unlinkat(at, name, 0);
	return e;
}

/* In the place of what has that name. */
static struct err *
create_anew(int at, const char *name, struct fs_owner owner, int *fd)
{
	struct err *e = fs_create(at, name, owner, fd);

	if (err_errno(e) != EEXIST)
		return e;
	err_free(e);
	if ((e = fs_unlink(at, name)) == NULL)
		e = fs_create(at, name, owner, fd);
	return e;
}

static struct err *
write_all(int fd, const char *p, size_t n)
{
	ssize_t written;

	for (; n > 0; p += written, n -= (size_t)written)
		if ((written = write(fd, p, n)) == -1) {
			if (errno != EINTR)
				return err_sys("write");
			written = 0;
		}
	return NULL;
}

static struct err *
copy_all(int to, int from)
{
	off_t at = 0;
	ssize_t n;

	do {
		n = sendfile(to, from, &at, 1024 * 1024);
	} while (n > 0 || (n == -1 && errno == EINTR));
	return n == -1 ? err_sys("copy") : NULL;
}

/* Ends the writing of a new file: to disk, or away with it. */
static struct err *
finish(int at, const char *name, int fd, struct fs_later *l, struct err *e)
{
	if (e == NULL)
		e = fs_later_take_file(l, fd);
	else
		close(fd);
	if (e != NULL)
		(void)unlinkat(at, name, 0);
	return err_wrap(e, "%s", name);
}

struct err *
fs_write_later(int at, const char *name, struct fs_owner owner, const void *p,
    size_t n, struct fs_later *l)
{
	struct err *e;
	int fd;

	if ((e = create_anew(at, name, owner, &fd)) != NULL)
		return e;
	return finish(at, name, fd, l, write_all(fd, p, n));
}

struct err *
fs_write(
    int at, const char *name, struct fs_owner owner, const void *p, size_t n)
{
	return fs_write_later(at, name, owner, p, n, NULL);
}

struct err *
fs_copy_later(int at, const char *name, struct fs_owner owner, const int *from,
    size_t n, struct fs_later *l)
{
	struct err *e;
	size_t i;
	int fd;

	if ((e = create_anew(at, name, owner, &fd)) != NULL)
		return e;
	for (i = 0; e == NULL && i < n; i++)
		e = copy_all(fd, from[i]);
	return finish(at, name, fd, l, e);
}

struct err *
fs_copy(
    int at, const char *name, struct fs_owner owner, const int *from, size_t n)
{
	return fs_copy_later(at, name, owner, from, n, NULL);
}

struct err *
fs_unlink(int at, const char *name)
{
	if (unlinkat(at, name, 0) == -1 && errno != ENOENT)
		return err_sys("remove %s", name);
	return NULL;
}

struct err *
fs_remove_dir(int at, const char *name)
{
	struct store_names names = { 0 };
	struct err *e;
	size_t i;
	int fd;

	if ((e = fs_open_dir(at, name, &fd)) != NULL) {
		if (err_errno(e) != ENOENT)
			return e;
		err_free(e);
		return NULL;
	}
	e = fs_list(fd, &names);
	for (i = 0; e == NULL && i < names.n; i++)
		e = fs_unlink(fd, names.v[i]);
	store_names_clear(&names);
	close(fd);
	if (e == NULL && unlinkat(at, name, AT_REMOVEDIR) == -1)
		e = err_sys("remove directory %s", name);
	return e;
}

struct err *
fs_read_link(int at, const char *name, char *out, size_t size)
{
	const ssize_t n = readlinkat(at, name, out, size);

	if (n == -1)
		return err_sys("read link %s", name);
	if ((size_t)n >= size)
		return err_new("link %s is too long", name);
	out[n] = '\0';
	return NULL;
}

bool
fs_is_dir(int at, const char *path, int dir)
{
	struct stat a, b;

	return fstatat(at, path, &a, 0) == 0 && fstat(dir, &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool
fs_exists(int at, const char *name)
{
	struct stat st;

	return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
	       errno != ENOENT;
}

struct identity
fs_identity(const struct stat *st)
{
	struct identity id = {
		.device = st->st_dev,
		.inode = st->st_ino,
		.bytes = (uint64_t)st->st_size,
		.mtime_nsecs = (int64_t)st->st_mtim.tv_sec * 1000000000 +
			       st->st_mtim.tv_nsec,
	};

	return id;
}

struct err *
fs_names_add(struct store_names *names, const char *name)
{
	char **v;

	if ((names->n & (names->n + 1)) == 0) { /* grows at 0, 1, 3, 7 ... */
		v = reallocarray(names->v, (names->n + 1) * 2, sizeof(*v));
		if (v == NULL)
			return err_sys("list of names");
		names->v = v;
	}
	if ((names->v[names->n] = strdup(name)) == NULL)
		return err_sys("list of names");
	names->n++;
	return NULL;
}

struct err *
fs_names_say(struct store_names *names, const char *fmt, ...)
{
	struct err *e;
	va_list ap;
	char *text;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n == -1)
		return err_sys("list of names");
	e = fs_names_add(names, text);
	free(text);
	return e;
}

bool
fs_names_has(const struct store_names *names, const char *name)
{
	size_t i;

	for (i = 0; i < names->n; i++)
		if (strcmp(names->v[i], name) == 0)
			return true;
	return false;
}

static int
bytewise(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Not all file systems say what an entry is. */
static unsigned char
type_of(int dir, const struct dirent64 *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type;
	if (fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return DT_REG; /* gone: whoever opens it will see */
	return (unsigned char)IFTODT(st.st_mode);
}

static bool
is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* What one getdents64(2) has told. */
static struct err *
each_of(int dir, const char *entries, size_t n, fs_entry *fn, void *arg)
{
	const struct dirent64 *entry;
	struct err *e = NULL;
	size_t at;

	for (at = 0; e == NULL && at < n; at += entry->d_reclen) {
		entry = (const struct dirent64 *)(const void *)(entries + at);
		if (!is_dots(entry->d_name))
			e = fn(arg, entry->d_name, type_of(dir, entry));
	}
	return e;
}

struct err *
fs_each(int dir, fs_entry *fn, void *arg)
{
	_Alignas(struct dirent64) char entries[ENTRIES_BYTES];
	struct err *e = NULL;
	ssize_t n;

	if (lseek(dir, 0, SEEK_SET) == -1)
		return err_sys("list directory");
	while (e == NULL &&
	       (n = getdents64(dir, entries, sizeof(entries))) != 0)
		e = n == -1 ? err_sys("list directory")
			    : each_of(dir, entries, (size_t)n, fn, arg);
	return e;
}

static struct err *
add_name(void *arg, const char *name, unsigned char type)
{
	struct store_names *names = arg;

	(void)type;
	return names->n < ENTRIES_MAX ? fs_names_add(names, name)
				      : err_new("too many entries");
}

struct err *
fs_list(int dir, struct store_names *out)
{
	struct err *e;

	*out = (struct store_names){ 0 };
	if ((e = fs_each(dir, add_name, out)) != NULL)
		store_names_clear(out);
	else if (out->n > 1)
		qsort(out->v, out->n, sizeof(*out->v), bytewise);
	return e;
}
