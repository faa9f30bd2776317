/*
 * lock_in.c - certd enters its jail, with the folders that stay open to it.
 *
 * Runs in:  certd (root; no network), before its first foreign byte.
 * Input:    certd.conf; renewal files, where they say where credentials are.
 * Promise:  what is not named here cannot be opened afterwards, where the kernel
 *           has Landlock.
 */
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "monitor.h"

#define FOLDERS_MAX  8	 /* of credentials */
#define LINEAGES_MAX 256 /* that are asked for theirs: certbot's own way of
			  * having several tokens is for a few certificates */

struct folders {
	char *v[FOLDERS_MAX];
	size_t n;
};

/* The folder of a file; what has no room is left out. */
static void
add_folder(struct folders *f, const char *file)
{
	char *copy = strdup(file), *folder;
	size_t i;

	if (copy == NULL || *file != '/' || f->n == FOLDERS_MAX) {
		free(copy);
		return;
	}
	folder = dirname(copy);
	for (i = 0; i < f->n; i++)
		if (strcmp(f->v[i], folder) == 0)
			break;
	if (i == f->n && (f->v[f->n] = strdup(folder)) != NULL)
		f->n++;
	free(copy);
}

/* Where certd.conf and cli.ini name no credentials, each renewal file does. */
static void
add_folders_of_lineages(const struct monitor *m, struct folders *f)
{
	struct store_names names;
	struct lineage *l;
	struct err *e;
	size_t i;

	if ((e = store_lineages(m->store, &names)) != NULL) {
		err_free(e);
		return;
	}
	for (i = 0; i < names.n && i < LINEAGES_MAX; i++) {
		if ((e = lineage_load(m->store, names.v[i], &l)) == NULL)
			add_folder(f, l->credentials);
		err_free(e);
		lineage_free(l);
	}
	store_names_clear(&names);
}

/* For reading, and the folder rather than the file: the file is replaced when a
 * token is. */
struct err *
monitor_lock_in(const struct monitor *m)
{
	const struct config *cfg = m->cfg;
	struct sandbox_path paths[FOLDERS_MAX + 4] = {
		{ cfg->config_dir, true },
		{ cfg->state_dir, true },
		{ "/etc/localtime", false },
	};
	struct folders f = { .n = 0 };
	struct err *e;
	size_t i;

	if (*cfg->credentials != '\0')
		add_folder(&f, cfg->credentials);
	else
		add_folders_of_lineages(m, &f);
	for (i = 0; i < f.n; i++)
		paths[3 + i] = (struct sandbox_path) { f.v[i], false };
	e = sandbox_enter(&monitor_jail, paths, cfg->jail_kill);
	while (f.n > 0)
		free(f.v[--f.n]);
	return err_wrap(e, "lock in");
}
