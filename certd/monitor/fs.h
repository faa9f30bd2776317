/*
 * fs.h - files by directory descriptor and one component, as the store needs
 * them: no link is ever followed here, what is written is forced to disk.
 */
#ifndef FS_H
#define FS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "err.h"
#include "identity.h"

/* Mode and owner of a new file or directory; (gid_t)-1 leaves the group. */
struct fs_owner {
	mode_t mode;
	gid_t gid;
};

/* One component: not empty, not "." or "..", no "/", at most 255 bytes. */
bool		 fs_is_component(const char *name);

/* What must be on disk before the next step and can go there together, with one
 * wait for the disk instead of one each. Empty where zeroed. */
#define FS_LATER_MAX 24 /* a full list is flushed */
struct fs_later {
	int fds[FS_LATER_MAX];
	unsigned char how[FS_LATER_MAX]; /* fs_later.c */
	size_t n;
};
/* Adds a file or directory that the list closes, on error too. l may be NULL:
 * now. */
struct err	*fs_later_take(struct fs_later *l, int fd);
/* The same with a file that goes there together with its directory. */
struct err	*fs_later_take_file(struct fs_later *l, int fd);
/* Forces all to disk. The list is empty afterwards, on error too. */
struct err	*fs_flush(struct fs_later *l);
/* The same for n lists, together; errors[i] is that of lists[i], or NULL. */
void		 fs_flush_all(struct fs_later *const *lists, size_t n,
		    struct err **errors);
/* Descriptors of the file systems of all, where many files are to go to disk and
 * syncfs(2) on each of these is less work; else 0. Its errors are those of
 * anybody's files: fs_force_each() tells of these. */
#define FS_SYSTEMS_MAX 8 /* a store does not spread over more */
size_t		 fs_systems(struct fs_later *const *lists, size_t n,
		    int fds[FS_SYSTEMS_MAX]);
/* Forces each of all by itself; errors[i] is that of lists[i], where it was NULL
 * before. The lists stay. */
void		 fs_force_each(struct fs_later *const *lists, size_t n,
		    struct err **errors);
/* Forgets them: the step is not taken. */
void		 fs_later_clear(struct fs_later *l);

/* Opens a directory. On error *fd is -1. */
struct err	*fs_open_dir(int at, const char *name, int *fd);
/* The same; where it is missing it is made (and the parent forced to disk). One
 * that exists keeps its mode and owner. made may be NULL. */
struct err	*fs_make_dir(int at, const char *name, struct fs_owner owner,
		    int *fd, bool *made);
/* The same, but that the parent, which stays open until then, is on disk only
 * after fs_flush(); so below. The new directory itself is the caller's to bring
 * there. */
struct err	*fs_make_dir_later(int at, const char *name,
		    struct fs_owner owner, int *fd, struct fs_later *l);
/* Opens a regular file for reading. On error *fd is -1. */
struct err	*fs_open_file(int at, const char *name, int *fd);
/* The same, and what fstat(2) says of it. */
struct err	*fs_open_stat(int at, const char *name, int *fd,
		    struct stat *st);
/* Creates a file that must not exist, with this mode and owner whatever the
 * umask says, for reading and writing. On error *fd is -1. */
struct err	*fs_create(int at, const char *name, struct fs_owner owner,
		    int *fd);
/* Creates a file (removing one that is there) with these bytes, on disk. Later:
 * it goes there together with its directory, which the caller adds to the list,
 * if it is not there already. */
struct err	*fs_write(int at, const char *name, struct fs_owner owner,
		    const void *p, size_t n);
struct err	*fs_write_later(int at, const char *name, struct fs_owner owner,
		    const void *p, size_t n, struct fs_later *l);
/* Likewise with what the n descriptors hold, from their beginnings, one after
 * the other. The bytes never enter this process. */
struct err	*fs_copy(int at, const char *name, struct fs_owner owner,
		    const int *from, size_t n);
struct err	*fs_copy_later(int at, const char *name, struct fs_owner owner,
		    const int *from, size_t n, struct fs_later *l);
/* Forces a file or directory to disk. */
struct err	*fs_sync(int fd, const char *name);
/* Now where l is NULL, otherwise later: fd is open until then. */
struct err	*fs_sync_later(int fd, const char *name, struct fs_later *l);
/* Removes a file; none there is fine. */
struct err	*fs_unlink(int at, const char *name);
/* Removes a directory and the files in it; one with directories in it stays.
 * None there is fine. */
struct err	*fs_remove_dir(int at, const char *name);
/* Reads a link. err_errno() is EINVAL where it is none, ENOENT where nothing is
 * there. */
struct err	*fs_read_link(int at, const char *name, char *out,
		    size_t size);

/* Whether path (relative to at, or absolute) is the directory dir. */
bool		 fs_is_dir(int at, const char *path, int dir);
/* Exists in any form, a dangling link included. */
bool		 fs_exists(int at, const char *name);
struct identity	 fs_identity(const struct stat *st);

/* A growing list of heap texts; also struct store_names. */
struct store_names;
/* Calls fn for all entries of a directory but "." and ".."; type: DT_REG and so
 * on, never DT_UNKNOWN. Ends with the first error. */
typedef struct err *fs_entry(void *arg, const char *name, unsigned char type);
struct err	*fs_each(int dir, fs_entry *fn, void *arg);
/* All their names, in bytewise order. Cleared on error. */
struct err	*fs_list(int dir, struct store_names *out);
/* Adds a copy of name. */
struct err	*fs_names_add(struct store_names *names, const char *name);
/* Likewise a sentence. */
struct err	*fs_names_say(struct store_names *names, const char *fmt, ...)
		    ERR_PRINTF(2, 3);
bool		 fs_names_has(const struct store_names *names,
		    const char *name);

#endif
