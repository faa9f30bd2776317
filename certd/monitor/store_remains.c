/*
 * store_remains.c - what lies in the store and belongs to no lineage.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    directories that certbot, people and backups wrote to.
 * Promise:  looks only.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store_priv.h"

struct search {
	struct store *s;
	struct store_names lineages;
	struct store_names archives; /* that they use */
	store_remain *fn;
	void *arg;
};

static struct err *
note_archives(struct search *q)
{
	struct err *e = NULL;
	struct lineage *l;
	size_t i;

	for (i = 0; e == NULL && i < q->lineages.n; i++) {
		if ((e = lineage_load(q->s, q->lineages.v[i], &l)) != NULL)
			break;
		e = fs_names_add(&q->archives, l->archive);
		lineage_free(l);
	}
	return e;
}

/* Directories of live/ or archive/ that no lineage has. */
static struct err *
look_in(struct search *q, int dir, const char *where,
    const struct store_names *known)
{
	struct store_names names;
	char path[COMPONENT_SIZE + 16];
	struct err *e;
	size_t i;
	int fd;

	if ((e = fs_list(dir, &names)) != NULL)
		return e;
	for (i = 0; i < names.n; i++) {
		if (*names.v[i] == '.' || fs_names_has(known, names.v[i]))
			continue;
		e = fs_open_dir(dir, names.v[i], &fd);
		err_free(e);
		if (fd == -1)
			continue; /* README, or somebody's link */
		close(fd);
		(void)snprintf(path, sizeof(path), "%s/%s", where, names.v[i]);
		q->fn(q->arg, path, names.v[i]);
	}
	store_names_clear(&names);
	return NULL;
}

struct err *
store_remains(struct store *s, store_remain *fn, void *arg)
{
	struct search q = { .s = s, .fn = fn, .arg = arg };
	struct err *e;

	if ((e = store_lineages(s, &q.lineages)) == NULL &&
	    (e = note_archives(&q)) == NULL &&
	    (e = look_in(&q, s->live, "live", &q.lineages)) == NULL)
		e = look_in(&q, s->archive, "archive", &q.archives);
	store_names_clear(&q.lineages);
	store_names_clear(&q.archives);
	return e;
}

struct err *
store_describe(const struct store *s, store_dir *fn, void *arg)
{
	const struct {
		const char *name;
		int fd;
	} dirs[] = {
		{ "", s->config },
		{ "live", s->live },
		{ "archive", s->archive },
		{ "renewal", s->renewal },
		{ "accounts", s->accounts },
	};
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		if (fstat(dirs[i].fd, &st) == -1)
			return err_sys("%s/%s", s->path, dirs[i].name);
		fn(arg, dirs[i].name, &st);
	}
	return NULL;
}
