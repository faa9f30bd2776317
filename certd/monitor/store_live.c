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

	if (fs_exists(s->live, LIVE_README))
		return NULL;
	return err_wrap(fs_write(s->live, LIVE_README, all, readme_of_all,
			    sizeof(readme_of_all) - 1),
	    "live");
}

/* The links: as servers see them, while they are made, and as an interrupted
 * certbot leaves them, which then takes them for the order to go back. */
enum { LINK_FINAL, LINK_NEW, LINK_PREVIOUS, LINK_N };
static const char *const link_formats[LINK_N] = { "%s.pem", ".%s.pem.new",
	"previous_%s.pem" };
#define LINK_SIZE 32

static void
link_name(char out[LINK_SIZE], int form, int kind)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* of the table above */
	(void)snprintf(
	    out, LINK_SIZE, link_formats[form], pem_kind_words[kind]);
#pragma GCC diagnostic pop
}

bool
live_is_link_name(const char *name)
{
	char link[LINK_SIZE];
	int form, kind;

	for (form = 0; form < LINK_N; form++)
		for (kind = 0; kind < PEM_N; kind++) {
			link_name(link, form, kind);
			if (strcmp(name, link) == 0)
				return true;
		}
	return false;
}

/* All four are made before the first one gets its name. */
static struct err *
make_links(int dir, const char *archive, unsigned version)
{
	char target[PATH_MAX], new[LINK_SIZE], link[LINK_SIZE];
	struct err *e = NULL;
	int kind;

	for (kind = 0; kind < PEM_N; kind++) {
		(void)snprintf(target, sizeof(target),
		    "../../archive/%s/%s%u.pem", archive, pem_kind_words[kind],
		    version);
		link_name(new, LINK_NEW, kind);
		if ((e = fs_unlink(dir, new)) != NULL)
			return e;
		if (symlinkat(target, dir, new) == -1)
			return err_sys("make link %s", new);
	}
	for (kind = 0; kind < PEM_N; kind++) {
		link_name(new, LINK_NEW, kind);
		link_name(link, LINK_FINAL, kind);
		if (renameat(dir, new, dir, link) == -1)
			return err_sys("make link %s", link);
	}
	return NULL;
}

static struct err *
set_links(int dir, const char *archive, unsigned version)
{
	struct err *e = make_links(dir, archive, version);

	return e == NULL ? fs_sync(dir, ".") : e;
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

	if (fs_exists(to, name) || linkat(from, name, to, name, 0) == 0)
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

/* Whether a directory holds directories. They cannot be in two places, so that
 * live/NAME cannot be swapped. */
static bool
has_dirs(int dir, const struct store_names *names)
{
	struct stat st;
	size_t i;

	for (i = 0; i < names->n; i++)
		if (fstatat(dir, names->v[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISDIR(st.st_mode))
			return true;
	return false;
}

/* Makes the new directory like the old one, but for the links. */
static struct err *
like_old(int old, int new, struct fs_later *later)
{
	struct store_names names = { 0 };
	struct stat st;
	struct err *e;
	size_t i;

	if (fstat(old, &st) == -1 || fchown(new, st.st_uid, st.st_gid) == -1 ||
	    fchmod(new, st.st_mode & 07777) == -1)
		return err_sys("set owner and mode");
	if ((e = copy_acls(old, new)) == NULL)
		e = fs_list(old, &names);
	for (i = 0; e == NULL && i < names.n; i++)
		e = live_is_link_name(names.v[i])
			? keep_replaced(old, names.v[i], new, later)
			: carry_over(old, names.v[i], new, later);
	store_names_clear(&names);
	return e;
}

/* live/NAME, where there is one: *fd is -1 where there is none. in_place says
 * that it cannot be swapped. */
static struct err *
open_old(struct store *s, const char *name, int *fd, bool *in_place)
{
	struct store_names names = { 0 };
	struct err *e = fs_open_dir(s->live, name, fd);

	*in_place = false;
	if (err_errno(e) == ENOENT) {
		err_free(e);
		return NULL;
	}
	if (e != NULL || (e = fs_list(*fd, &names)) != NULL)
		goto out;
	*in_place = has_dirs(*fd, &names);
	if (*in_place)
		log_warn("live/%s holds directories of somebody else: its "
			 "links are changed one after the other",
		    name);
out:
	store_names_clear(&names);
	if (e != NULL && *fd != -1) {
		close(*fd);
		*fd = -1;
	}
	return e;
}

/* What a directory in live/ is to show. */
struct shown {
	const char *archive;
	unsigned version;
};

/* The new directory for live/NAME, or an error and whatever was made of it. */
static struct err *
build(struct store *s, const char *new, int old, const struct shown *what,
    struct fs_later *later)
{
	const struct fs_owner dir = { 0755, (gid_t)-1 },
			      all = { 0644, (gid_t)-1 };
	struct err *e;
	int fd;

	/* The directory is in the list, too. */
	e = fs_make_dir_later(s->live, new, dir, &fd, later);
	if (e == NULL && old == -1)
		e = fs_write_later(fd, LIVE_README, all, readme_of_one,
		    sizeof(readme_of_one) - 1, later);
	else if (e == NULL)
		e = like_old(old, fd, later);
	if (e == NULL)
		e = make_links(fd, what->archive, what->version);
	if (fd != -1)
		close(fd);
	return e;
}

struct err *
live_build(struct store *s, const char *name, const char *archive,
    unsigned version, struct fs_later *later)
{
	const struct shown what = { archive, version };
	char new[COMPONENT_SIZE];
	bool in_place = false;
	struct err *e;
	int old = -1;

	if ((e = component(new, ".%s.new", name)) != NULL ||
	    (e = live_clean(s, name)) != NULL)
		return e;
	if ((e = open_old(s, name, &old, &in_place)) == NULL && !in_place)
		e = build(s, new, old, &what, later);
	if (old != -1)
		close(old);
	return err_wrap(e, "live/%s", name);
}

/* Where directories cannot be swapped, each link is replaced by a rename, and
 * all of them by the old ones where that fails half-way. */
static struct err *
switch_links(
    struct store *s, const char *name, const char *archive, unsigned version)
{
	int dir = -1, archive_dir = -1;
	unsigned before = 0;
	struct err *e;

	if ((e = fs_open_dir(s->live, name, &dir)) == NULL &&
	    (e = fs_open_dir(s->archive, archive, &archive_dir)) == NULL) {
		/* A broken one, which is repaired, has nothing to go back to. */
		if ((e = link_version(dir, archive_dir, PEM_CERT, &before)) !=
		    NULL)
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

struct err *
live_switch(struct store *s, const char *name, const char *archive,
    unsigned version, struct fs_later *later)
{
	const bool exists = fs_exists(s->live, name);
	char new[COMPONENT_SIZE];
	struct err *e;

	if ((e = component(new, ".%s.new", name)) != NULL)
		return e;
	if (!fs_exists(s->live, new)) /* live_build() found directories */
		e = switch_links(s, name, archive, version);
	else if (renameat2(s->live, new, s->live, name,
		     exists ? RENAME_EXCHANGE : RENAME_NOREPLACE) == 0)
		e = fs_sync_later(s->live, "live", later);
	else if (exists && (errno == EINVAL || errno == ENOSYS ||
			       errno == EXDEV || errno == EBUSY)) {
		log_warn("this file system cannot swap live/%s: its links are "
			 "changed one after the other",
		    name);
		e = switch_links(s, name, archive, version);
	} else
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
clean_entry(int old, const char *entry, int dir)
{
	struct err *e = NULL;

	if (dir != -1 && !live_is_link_name(entry) &&
	    strcmp(entry, LIVE_README) != 0 &&
	    (e = carry_over(old, entry, dir, NULL)) != NULL)
		return e;
	return fs_unlink(old, entry);
}

struct err *
live_clean(struct store *s, const char *name)
{
	struct store_names names = { 0 };
	char new[COMPONENT_SIZE];
	int old = -1, dir = -1;
	struct err *e;
	size_t i;

	if ((e = component(new, ".%s.new", name)) != NULL ||
	    (e = fs_open_dir(s->live, new, &old)) != NULL) {
		if (err_errno(e) != ENOENT)
			return e;
		err_free(e);
		return NULL;
	}
	err_free(fs_open_dir(s->live, name, &dir)); /* -1: it is not there */
	e = fs_list(old, &names);
	for (i = 0; e == NULL && i < names.n; i++)
		e = clean_entry(old, names.v[i], dir);
	if (e == NULL && unlinkat(s->live, new, AT_REMOVEDIR) == -1)
		e = err_sys("remove directory");
	store_names_clear(&names);
	close(old);
	if (dir != -1)
		close(dir);
	return err_wrap(e, "live/%s", new);
}
