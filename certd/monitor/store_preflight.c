/*
 * store_preflight.c - what must be known about the store before a certificate
 * is ordered for it.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    names that an administrator asked for; what is on disk already.
 * Promise:  nothing is changed. A certificate that was ordered can be stored,
 *           as far as one can know.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "names.h"
#include "store_priv.h"
#include "text.h"

/* A version is four files of at most some 10 KiB; room for 64 at once. */
#define SPACE_MIN_BYTES (2u * 1024 * 1024)
#define SPACE_MIN_FILES 64
#define NUMBERED_MAX    9999 /* NAME-0001 ..., four digits */

static struct err *
check_space(const struct store *s, int dir, const char *name)
{
	struct statvfs v;

	if (fstatvfs(dir, &v) == -1)
		return err_sys("%s/%s", s->path, name);
	if ((v.f_flag & ST_RDONLY) != 0) {
		errno = EROFS;
		return err_sys("%s/%s", s->path, name);
	}
	/* File systems without a fixed number of files say 0. */
	if ((unsigned long long)v.f_bavail * v.f_frsize < SPACE_MIN_BYTES ||
	    (v.f_files != 0 && v.f_favail < SPACE_MIN_FILES)) {
		errno = ENOSPC;
		return err_advise(err_sys("%s/%s", s->path, name),
		    "make room: df -h %s; df -i %s", s->path, s->path);
	}
	return NULL;
}

static struct err *
check_writable(const struct store *s)
{
	const struct {
		int dir;
		const char *name;
	} dirs[] = {
		{ s->stage, ".certd" },
		{ s->archive, "archive" },
		{ s->renewal, "renewal" },
		{ s->live, "live" },
	};
	struct err *e = NULL;
	size_t i;

	for (i = 0; e == NULL && i < sizeof(dirs) / sizeof(*dirs); i++)
		if (i == 0 || !s->is_one_mount)
			e = check_space(s, dirs[i].dir, dirs[i].name);
	return e;
}

bool
preflight_is_one_mount(const struct store *s)
{
	const int dirs[] = { s->stage, s->archive, s->renewal, s->live };
	struct statx first, st;
	size_t i;

	for (i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		if (statx(dirs[i], "", AT_EMPTY_PATH, STATX_MNT_ID, &st) ==
			-1 ||
		    (st.stx_mask & STATX_MNT_ID) == 0)
			return false;
		if (i == 0)
			first = st;
		else if (st.stx_mnt_id != first.stx_mnt_id)
			return false;
	}
	return true;
}

/* Whether parent/name is missing, or a directory with nothing of worth in it,
 * as certbot's delete may leave it. */
static bool
is_vacant(int parent, const char *name)
{
	struct store_names names;
	struct err *e;
	bool vacant;
	int fd;

	if ((e = fs_open_dir(parent, name, &fd)) != NULL) {
		vacant = err_errno(e) == ENOENT;
		err_free(e);
		return vacant;
	}
	if ((e = fs_list(fd, &names)) != NULL)
		vacant = false;
	else
		vacant = names.n == 0 ||
			 (names.n == 1 && strcmp(names.v[0], "README") == 0);
	err_free(e);
	store_names_clear(&names);
	close(fd);
	return vacant;
}

/* NULL where no certificate and no remains of one have this name. */
static struct err *
check_vacant(struct store *s, const char *name)
{
	char conf[COMPONENT_SIZE];
	struct err *e;
	const char *in_way = NULL;

	if ((e = component(conf, "%s.conf", name)) != NULL)
		return e;
	if (fs_exists(s->renewal, conf))
		return err_advise(
		    err_new("there is a certificate %s already", name),
		    "choose another name with --cert-name");
	if (!is_vacant(s->archive, name))
		in_way = "archive";
	else if (!is_vacant(s->live, name))
		in_way = "live";
	if (in_way == NULL)
		return NULL;
	return err_advise(err_new("%s/%s/%s is in the way: it is what remains "
				  "of a certificate without renewal/%s",
			      s->path, in_way, name, conf),
	    "certctl repair %s brings it back where a version is whole; "
	    "otherwise move it away, or choose another name with --cert-name",
	    name);
}

struct err *
store_may_create(struct store *s, const char *name)
{
	const char *problem = lineage_name_problem(str_of(name));
	struct err *e;

	if (problem != NULL)
		return err_advise(
		    err_new("certificate name %s: %s", name, problem),
		    "choose another name with --cert-name");
	if ((e = check_vacant(s, name)) != NULL)
		return e;
	return check_writable(s);
}

struct err *
store_may_renew(struct store *s, const struct lineage *l)
{
	if (l->problem != NULL)
		return err_new(
		    "certificate %s is broken: %s", l->name, l->problem);
	return check_writable(s);
}

struct err *
store_new_name(struct store *s, const char *first, bool numbered, char **out)
{
	const struct str base = name_base(str_of(first));
	char name[COMPONENT_SIZE];
	struct err *e;
	unsigned i;

	*out = NULL;
	e = component(name, "%.*s", (int)base.n, base.p);
	if (e == NULL)
		e = check_vacant(s, name);
	for (i = 1; e != NULL && numbered && i <= NUMBERED_MAX; i++) {
		err_free(e);
		e = component(name, "%.*s-%04u", (int)base.n, base.p, i);
		if (e == NULL)
			e = check_vacant(s, name);
	}
	if (e == NULL && (*out = strdup(name)) == NULL)
		e = err_sys("certificate name");
	return e;
}
