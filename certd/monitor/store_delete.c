/*
 * store_delete.c - a lineage goes away: its files, and nothing else.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    a tree in which a renewal file may name any archive_dir.
 * Promise:  only files with the names of a lineage are removed, only below
 *           live/NAME and one directory in archive/ that nobody else uses; a
 *           deletion that has begun is finished.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "store_priv.h"

/* A file of the archive: KINDn.pem, or one that was never finished. */
static bool
is_version_file(const char *entry)
{
	char name[COMPONENT_SIZE];
	const size_t n = strlen(entry);
	unsigned version;
	int kind;

	(void)snprintf(name, sizeof(name), "%s", entry);
	if (*entry == '.' && n > 5 && strcmp(entry + n - 4, ".new") == 0)
		(void)snprintf(
		    name, sizeof(name), "%.*s", (int)(n - 5), entry + 1);
	for (kind = 0; kind < PEM_N; kind++)
		if (version_parse(name, (enum pem_kind)kind, &version))
			return true;
	return false;
}

static bool
is_live_file(const char *entry)
{
	return live_is_link_name(entry) || strcmp(entry, LIVE_README) == 0;
}

/* Removes the directory parent/name with those of its files that is_ours. */
static struct err *
empty_dir(struct store *s, int parent, const char *where, const char *name,
    bool (*is_ours)(const char *entry), struct store_names *left)
{
	struct store_names names = { 0 };
	size_t i, n = 0;
	struct err *e;
	int fd;

	if ((e = fs_open_dir(parent, name, &fd)) != NULL) {
		if (err_errno(e) == ENOENT) {
			err_free(e);
			return NULL;
		}
		err_free(e);
		return fs_names_say(left,
		    "%s/%s/%s is not a directory and stays", s->path, where,
		    name);
	}
	e = fs_list(fd, &names);
	for (i = 0; e == NULL && i < names.n; i++)
		if (!is_ours(names.v[i]))
			n++;
		else
			e = fs_unlink(fd, names.v[i]);
	if (e == NULL)
		e = fs_sync(fd, name);
	close(fd);
	store_names_clear(&names);
	if (e != NULL)
		return err_wrap(e, "%s/%s", where, name);
	if (n > 0)
		return fs_names_say(left,
		    "%s/%s/%s stays: it holds %zu other file%s", s->path, where,
		    name, n, n == 1 ? "" : "s");
	if (unlinkat(parent, name, AT_REMOVEDIR) == -1)
		return err_sys("%s/%s", where, name);
	return fs_sync(parent, where);
}

/* A lineage besides name whose versions lie in this archive; heap, NULL where
 * there is none. */
static struct err *
find_sharer(struct store *s, const char *name, const char *archive, char **out)
{
	struct store_names names;
	struct lineage *l;
	struct err *e;
	size_t i;

	*out = NULL;
	if ((e = store_lineages(s, &names)) != NULL)
		return e;
	for (i = 0; e == NULL && *out == NULL && i < names.n; i++) {
		if (strcmp(names.v[i], name) == 0)
			continue;
		if ((e = lineage_load(s, names.v[i], &l)) != NULL)
			break;
		if (strcmp(l->archive, archive) == 0 &&
		    (*out = strdup(names.v[i])) == NULL)
			e = err_sys("delete");
		lineage_free(l);
	}
	store_names_clear(&names);
	return e;
}

static struct err *
delete_archive(
    struct store *s, const struct lineage *l, struct store_names *left)
{
	struct err *e;
	char *other;

	if (l->archive_is_foreign &&
	    (e = fs_names_say(left,
		 "archive_dir in renewal/%s.conf leads elsewhere and was not "
		 "followed",
		 l->name)) != NULL)
		return e;
	if ((e = find_sharer(s, l->name, l->archive, &other)) != NULL)
		return e;
	if (other != NULL)
		e = fs_names_say(left,
		    "%s/archive/%s stays: certificate %s uses it", s->path,
		    l->archive, other);
	else
		e = empty_dir(s, s->archive, "archive", l->archive,
		    is_version_file, left);
	free(other);
	return e;
}

struct err *
delete_finish(struct store *s, const char *name, struct store_names *left)
{
	char note[COMPONENT_SIZE], conf[COMPONENT_SIZE];
	struct lineage *l = NULL;
	struct err *e;

	if ((e = component(note, "%s" DELETED_SUFFIX, name)) != NULL ||
	    (e = component(conf, "%s.conf", name)) != NULL)
		return e;
	/* Where there is a new lineage of this name, its files stay. */
	if (!fs_exists(s->renewal, conf) &&
	    (e = lineage_load_file(s, name, note, &l)) == NULL &&
	    (e = live_clean(s, name)) == NULL &&
	    (e = empty_dir(s, s->live, "live", name, is_live_file, left)) ==
		NULL)
		e = delete_archive(s, l, left);
	lineage_free(l);
	if (e == NULL && (e = fs_unlink(s->renewal, note)) == NULL)
		e = fs_sync(s->renewal, "renewal");
	return e;
}

/* The point of no return: certbot and we see no such lineage any more. */
static struct err *
begin(struct store *s, const char *name)
{
	const struct fs_owner owner = { 0600, (gid_t)-1 };
	char note[COMPONENT_SIZE], conf[COMPONENT_SIZE];
	struct err *e;

	if ((e = component(note, "%s" DELETED_SUFFIX, name)) != NULL ||
	    (e = component(conf, "%s.conf", name)) != NULL)
		return e;
	if (renameat(s->renewal, conf, s->renewal, note) == 0)
		return fs_sync(s->renewal, "renewal");
	if (errno != ENOENT)
		return err_sys("renewal/%s", conf);
	/* Remains without a renewal file, or a deletion that failed. */
	if (fs_exists(s->renewal, note))
		return NULL;
	if (!fs_exists(s->live, name) && !fs_exists(s->archive, name))
		return err_advise(
		    err_new("there is no certificate named %s", name),
		    "certctl list shows what there is");
	return fs_write(s->renewal, note, owner, "", 0);
}

struct err *
store_delete(struct store *s, const char *name, struct store_names *left)
{
	struct err *e;

	*left = (struct store_names){ 0 };
	if (s->lock == -1)
		return err_new("the store is not locked");
	if (!fs_is_component(name))
		return err_new("%s cannot be the name of a certificate", name);
	if ((e = stage_check_idle(s, name)) == NULL &&
	    (e = begin(s, name)) == NULL)
		e = delete_finish(s, name, left);
	return err_wrap(e, "delete certificate %s", name);
}
