/*
 * settings.c - settings that change while certd runs.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    what stat(2) says of certd.conf and cli.ini; they are read only at
 *           the start, before the jail.
 * Promise:  under a service manager, a request that comes when nothing is under
 *           way meets the settings as they are in the files: a certd with older
 *           ones leaves, and the request starts another.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "log.h"
#include "monitor.h"

/* What a file is now; all zero where it is not there. */
static struct stat
look(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		memset(&st, 0, sizeof(st));
	return st;
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	    a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static struct stat
look_at_cli_ini(const struct config *cfg)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/cli.ini", cfg->config_dir);
	return look(path);
}

void
settings_remember(struct monitor *m, const char *file)
{
	m->config_file = file == NULL ? CONFIG_FILE : file;
	m->certd_conf = look(m->config_file);
}

void
settings_remember_cli(struct monitor *m)
{
	m->cli_ini = look_at_cli_ini(m->cfg);
}

bool
settings_changed(const struct monitor *m)
{
	struct stat conf = look(m->config_file);
	struct stat cli = look_at_cli_ini(m->cfg);

	return !is_same(&conf, &m->certd_conf) || !is_same(&cli, &m->cli_ini);
}
