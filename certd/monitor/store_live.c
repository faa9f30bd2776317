/*
 * store_live.c - live/NAME: a new directory is built beside it and swapped in.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    a directory that servers read all the time, and in which
 *           administrators and hooks keep files of their own.
 * Promise:  whoever opens live/NAME/... finds the old set or the new one, never
 *           a mixture, never nothing; foreign files stay.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "log.h"
#include "store_priv.h"

#define ACL_MAX_BYTES 8192 /* about a thousand entries */

/* certbot's purpose, our words. */
#define FILES_TEXT                                                             \
	"  privkey.pem    the private key: keep it secret\n"                   \
	"  fullchain.pem  the certificate and those that a server must send\n" \
	"                 along: what most servers mean by \"certificate\"\n"  \
	"  chain.pem      fullchain.pem without the first certificate\n"       \
	"  cert.pem       the first certificate alone: many clients do not "   \
	"trust\n"                                                              \
	"                 a server that sends only this\n"                     \
	"\n"                                                                   \
	"Let your servers use these paths, and leave the files where they "    \
	"are.\n"                                                               \
	"A renewal switches all four links to new files; one that was "        \
	"moved,\n"                                                             \
	"renamed or replaced by a copy stops the renewal of its "              \
	"certificate.\n"

static const char readme_of_all[] =
    "A directory for each certificate. In each of them:\n\n" FILES_TEXT;
static const char readme_of_one[] =
    "The newest certificate and its key:\n\n" FILES_TEXT;

struct err *
live_readme(struct store *s)
{
	const struct fs_owner all = { 0644, (gid_t)-1 };

	if (s->has_readme || fs_exists(s->live, LIVE_README)) {
		s->has_readme = true;
		return NULL;
	}
	return err_wrap(fs_write(s->live, LIVE_README, all, readme_of_all,
			    sizeof(readme_of_all) - 1),
	    "live");
}

/* The links: as servers see them, while they are made, and as an interrupted
 * certbot leaves them, which then takes them for the order to go back. */
enum { LINK_FINAL, LINK_NEW, LINK_PREVIOUS, LINK_N };
static const char *const links[LINK_N][PEM_N] = {
	{ "cert.pem", "privkey.pem", "chain.pem", "fullchain.pem" },
	{ ".cert.pem.new", ".privkey.pem.new", ".chain.pem.new",
	    ".fullchain.pem.new" },
	{ "previous_cert.pem", "previous_privkey.pem", "previous_chain.pem",
	    "previous_fullchain.pem" },
};

bool
live_is_link_name(const char *name)
{
	int form, kind;

	for (form = 0; form < LINK_N; form++)
		for (kind = 0; kind < PEM_N; kind++)
			if (strcmp(name, links[form][kind]) == 0)
				return true;
	return false;
}

static struct err *
make_links(int dir, const char *archive, unsigned version, int form)
{
	char target[PATH_MAX];
	int kind;

	for (kind = 0; kind < PEM_N; kind++) {
		(void)snprintf(target, sizeof(target),
		    "../../archive/%s/%s%u.pem", archive, pem_kind_words[kind],
		    version);
		if (symlinkat(target, dir, links[form][kind]) == -1)
			return err_sys("make link %s", links[form][kind]);
	}
	return NULL;
}

/* In a directory that is in use: all four are made before the first one gets its
 * name. */
static struct err *
set_links(int dir, const char *archive, unsigned version)
{
	struct err *e = NULL;
	int kind;

	for (kind = 0; e == NULL && kind < PEM_N; kind++)
		e = fs_unlink(dir, links[LINK_NEW][kind]);
	if (e != NULL ||
	    (e = make_links(dir, archive, version, LINK_NEW)) != NULL)
		return e;
	for (kind = 0; kind < PEM_N; kind++)
		if (renameat(dir, links[LINK_NEW][kind], dir,
			links[LINK_FINAL][kind]) == -1)
			return err_sys(
			    "make link %s", links[LINK_FINAL][kind]);
	return fs_sync(dir, ".");
}

/* Access control lists are part of the mode that a directory has. */
static struct err *
copy_acls(int from, int to)
{
	static const char *const names[] = { "system.posix_acl_access",
		"system.posix_acl_default" };
	char acl[ACL_MAX_BYTES];
	ssize_t n;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		n = fgetxattr(from, names[i], acl, sizeof(acl));
		if (n == -1 && (errno == ENODATA || errno == ENOTSUP))
			continue;
		if (n == -1 || fsetxattr(to, names[i], acl, (size_t)n, 0) == -1)
			return err_sys("copy the access control list");
	}
	return NULL;
}

/* A foreign file of live/NAME, into the new directory too: the same file where
 * the kernel lets us (Landlock may not), otherwise a copy. */
static struct err *
carry_over(int from, const char *name, int to, struct fs_later *later)
{
	char target[PATH_MAX];
	struct stat st;
	struct err *e;
	int fd;

	if (linkat(from, name, to, name, 0) == 0 || errno == EEXIST)
		return NULL;
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return err_sys("look at %s", name);
	if (S_ISLNK(st.st_mode)) {
		e = fs_read_link(from, name, target, sizeof(target));
		if (e == NULL && symlinkat(target, to, name) == -1)
			e = err_sys("make link %s", name);
		return e;
	}
	const struct fs_owner owner = { st.st_mode & 07777, st.st_gid };

	if ((e = fs_open_file(from, name, &fd)) != NULL)
		return e;
	e = fs_copy_later(to, name, owner, &fd, 1, later);
	close(fd);
	return e;
}

/* A file where a link should be is perhaps the only one: it stays, under another
 * name. */
static struct err *
keep_replaced(int from, const char *name, int to, struct fs_later *later)
{
	const struct fs_owner owner = { 0600, (gid_t)-1 };
	char kept[COMPONENT_SIZE];
	struct stat st;
	struct err *e;
	int fd;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    !S_ISREG(st.st_mode))
		return NULL;
	if ((e = component(kept, "%s.replaced", name)) != NULL ||
	    (e = fs_open_file(from, name, &fd)) != NULL)
		return e;
	e = fs_copy_later(to, kept, owner, &fd, 1, later);
	close(fd);
	return e;
}

/* live/NAME as it was. */
struct old {
	int fd; /* -1: there is none */
	/* They cannot be in two places, so that it cannot be swapped. */
	bool has_dirs;
	struct store_names names; /* of all but its links */
};

static struct err *
on_old(void *arg, const char *name, unsigned char type)
{
	struct old *old = arg;

	old->has_dirs |= type == DT_DIR;
	if (type == DT_LNK && live_is_link_name(name))
		return NULL;
	return fs_names_add(&old->names, name);
}

static struct err *
open_old(struct store *s, const char *name, struct old *old)
{
	struct err *e = fs_open_dir(s->live, name, &old->fd);

	if (err_errno(e) == ENOENT) {
		err_free(e);
		return NULL;
	}
	if (e == NULL)
		e = fs_each(old->fd, on_old, old);
	if (old->has_dirs)
		log_warn("live/%s holds directories of somebody else: its "
			 "links are changed one after the other",
		    name);
	return e;
}

static void
close_old(struct old *old)
{
	store_names_clear(&old->names);
	if (old->fd != -1)
		close(old->fd);
}

/* Owner and mode of the new directory are those of the old one. */
static struct err *
like_owner(int old, int new)
{
	struct stat from, to;

	if (fstat(old, &from) == -1 || fstat(new, &to) == -1 ||
	    ((from.st_uid != to.st_uid || from.st_gid != to.st_gid) &&
		fchown(new, from.st_uid, from.st_gid) == -1) ||
	    fchmod(new, from.st_mode & 07777) == -1)
		return err_sys("set owner and mode");
	return NULL;
}

/* Makes the new directory like the old one, but for the links. */
static struct err *
like_old(const struct old *old, int new, struct fs_later *later)
{
	struct err *e;
	size_t i;

	if ((e = like_owner(old->fd, new)) == NULL)
		e = copy_acls(old->fd, new);
	for (i = 0; e == NULL && i < old->names.n; i++)
		e = live_is_link_name(old->names.v[i])
			? keep_replaced(old->fd, old->names.v[i], new, later)
			: carry_over(old->fd, old->names.v[i], new, later);
	return e;
}

/* What a directory in live/ is to show. */
struct shown {
	const char *archive;
	unsigned version;
};

/* The new directory for live/NAME, or an error and whatever was made of it. */
static struct err *
build(struct store *s, const char *new, const struct old *old,
    const struct shown *what, struct fs_later *later)
{
	const struct fs_owner dir = { old->fd == -1 ? 0755 : 0700, (gid_t)-1 },
			      all = { 0644, (gid_t)-1 };
	struct err *e;
	int fd;

	e = fs_make_dir_later(s->live, new, dir, &fd, later);
	if (e == NULL && old->fd == -1)
		e = fs_write_later(fd, LIVE_README, all, readme_of_one,
		    sizeof(readme_of_one) - 1, later);
	else if (e == NULL)
		e = like_old(old, fd, later);
	if (e == NULL)
		e = make_links(fd, what->archive, what->version, LINK_FINAL);
	if (e == NULL)
		e = fs_later_take(later, fd);
	else if (fd != -1)
		close(fd);
	return e;
}

struct err *
live_build(struct store *s, const char *name, const char *archive,
    unsigned version, struct fs_later *later)
{
	const struct shown what = { archive, version };
	struct old old = { .fd = -1 };
	char new[COMPONENT_SIZE];
	struct err *e;

	if ((e = component(new, ".%s.new", name)) != NULL ||
	    (e = live_clean(s, name)) != NULL)
		return e;
	if ((e = open_old(s, name, &old)) == NULL && !old.has_dirs)
		e = build(s, new, &old, &what, later);
	close_old(&old);
	return err_wrap(e, "live/%s", name);
}

/* Where directories cannot be swapped, each link is replaced by a rename, and
 * all of them by the old ones where that fails half-way. */
static struct err *
switch_links(
    struct store *s, const char *name, const char *archive, unsigned version)
{
	struct links_seen seen = { "" };
	int dir = -1, archive_dir = -1;
	unsigned before = 0;
	struct err *e;

	if ((e = fs_open_dir(s->live, name, &dir)) == NULL &&
	    (e = fs_open_dir(s->archive, archive, &archive_dir)) == NULL) {
		/* A broken one, which is repaired, has nothing to go back to. */
		if ((e = link_version(dir, archive_dir, PEM_CERT, &before,
			 &seen)) != NULL)
			before = 0;
		err_free(e);
		if ((e = set_links(dir, archive, version)) != NULL &&
		    before != 0)
			log_err(
			    LOG_LEVEL_ERROR, set_links(dir, archive, before));
	}
	if (dir != -1)
		close(dir);
	if (archive_dir != -1)
		close(archive_dir);
	return e;
}

static bool
is_no_swap(int error)
{
	return error == EINVAL || error == ENOSYS || error == EXDEV ||
	       error == EBUSY;
}

/* The first one of its name needs no swap. */
static struct err *
without_swap(struct store *s, const char *name, const struct shown *what,
    struct fs_later *later)
{
	char new[COMPONENT_SIZE];
	struct err *e;

	if (fs_exists(s->live, name)) {
		log_warn("this file system cannot swap live/%s: its links are "
			 "changed one after the other",
		    name);
		return switch_links(s, name, what->archive, what->version);
	}
	if ((e = component(new, ".%s.new", name)) != NULL)
		return e;
	if (renameat(s->live, new, s->live, name) == -1)
		return err_sys("put it in place");
	return fs_sync_later(s->live, "live", later);
}

struct err *
live_switch(struct store *s, const char *name, const char *archive,
    unsigned version, struct fs_later *later)
{
	char new[COMPONENT_SIZE];
	struct err *e;

	if ((e = component(new, ".%s.new", name)) != NULL)
		return e;
	if (renameat2(s->live, new, s->live, name, RENAME_EXCHANGE) == 0 ||
	    (errno == ENOENT && renameat2(s->live, new, s->live, name,
				    RENAME_NOREPLACE) == 0))
		e = fs_sync_later(s->live, "live", later);
	else if (errno == ENOENT) /* live_build() found directories */
		e = switch_links(s, name, archive, version);
	else if (is_no_swap(errno))
		e = without_swap(s, name, &(struct shown){ archive, version },
		    later);
	else
		e = err_sys("put it in place");
	return err_wrap(e, "live/%s", name);
}

struct err *
live_show(struct store *s, const char *name, const char *archive,
    unsigned version)
{
	struct fs_later later = { .n = 0 };
	struct err *e = live_build(s, name, archive, version, &later);

	if (e == NULL)
		e = fs_flush(&later);
	fs_later_clear(&later);
	return e == NULL ? live_switch(s, name, archive, version, NULL) : e;
}

/* Saves a foreign file that is in the leftover directory only. */
static struct err *
save_foreign(struct store *s, const char *name, int old, const char *entry)
{
	struct err *e;
	int dir;

	if (live_is_link_name(entry) || strcmp(entry, LIVE_README) == 0)
		return NULL;
	if ((e = fs_open_dir(s->live, name, &dir)) != NULL) {
		err_free(e); /* it is not there */
		return NULL;
	}
	e = carry_over(old, entry, dir, NULL);
	close(dir);
	return e;
}

struct err *
live_clean(struct store *s, const char *name)
{
	struct store_names names = { 0 };
	char new[COMPONENT_SIZE];
	struct err *e;
	int old = -1;
	size_t i;

	if ((e = component(new, ".%s.new", name)) != NULL ||
	    (e = fs_open_dir(s->live, new, &old)) != NULL) {
		if (err_errno(e) != ENOENT)
			return e;
		err_free(e);
		return NULL;
	}
	e = fs_list(old, &names);
	for (i = 0; e == NULL && i < names.n; i++)
		if ((e = save_foreign(s, name, old, names.v[i])) == NULL)
			e = fs_unlink(old, names.v[i]);
	if (e == NULL && unlinkat(s->live, new, AT_REMOVEDIR) == -1)
		e = err_sys("remove directory");
	store_names_clear(&names);
	close(old);
	return err_wrap(e, "live/%s", new);
}
