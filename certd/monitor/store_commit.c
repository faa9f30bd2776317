/*
 * store_commit.c - carries out what a journal says, as often as it takes.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    .certd/JOB: key, certificates, renewal file and journal, all of
 *           them on disk.
 * Promise:  each step may have been done before, in part or in whole; before
 *           the switch everything can be undone, after it nothing can fail
 *           that matters to a server.
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

/* renewal/NAME.conf.new: whatever can fail about it fails here. */
static struct err *
place_conf(struct store *s, const struct journal *j)
{
	const struct fs_owner owner = { j->conf_mode, (gid_t)-1 };
	char name[COMPONENT_SIZE];
	struct err *e;
	int fd = -1;

	if ((e = component(name, "%s.conf.new", j->lineage)) == NULL &&
	    (e = fs_open_file(j->stage, JOURNAL_CONF, &fd)) == NULL)
		e = fs_copy(s->renewal, name, owner, &fd, 1);
	if (fd != -1)
		close(fd);
	return err_wrap(e, "renewal");
}

static struct err *
rename_conf(struct store *s, const struct journal *j)
{
	char new[COMPONENT_SIZE], final[COMPONENT_SIZE];
	struct err *e;

	if ((e = component(new, "%s.conf.new", j->lineage)) != NULL ||
	    (e = component(final, "%s.conf", j->lineage)) != NULL)
		return e;
	if (renameat(s->renewal, new, s->renewal, final) == -1)
		return err_sys("renewal/%s", final);
	return fs_sync(s->renewal, "renewal");
}

/* The versions that the links in live/NAME show; 0 where one shows none. */
static void
live_versions(struct store *s, const struct journal *j, unsigned version[PEM_N])
{
	int live = -1, archive = -1, kind;
	struct err *e;

	memset(version, 0, sizeof(*version) * PEM_N);
	if ((e = fs_open_dir(s->live, j->lineage, &live)) == NULL)
		e = fs_open_dir(s->archive, j->archive, &archive);
	err_free(e);
	for (kind = 0; live != -1 && archive != -1 && kind < PEM_N; kind++) {
		e = link_version(
		    live, archive, (enum pem_kind)kind, &version[kind]);
		if (e != NULL)
			version[kind] = 0;
		err_free(e);
	}
	if (live != -1)
		close(live);
	if (archive != -1)
		close(archive);
}

/* The version that live/NAME shows, 0 where it shows none or several. */
static unsigned
live_version(struct store *s, const struct journal *j)
{
	unsigned version[PEM_N];
	int kind;

	live_versions(s, j, version);
	for (kind = 0; kind < PEM_N; kind++)
		if (version[kind] != version[PEM_CERT])
			return 0;
	return version[PEM_CERT];
}

/* What is left after the switch; none of it is worth a failure. */
static void
tidy(struct store *s, const struct journal *j)
{
	struct err *e;
	int dir;

	if ((e = fs_open_dir(s->archive, j->archive, &dir)) == NULL) {
		e = versions_prune(dir, j->version);
		close(dir);
	}
	log_err(LOG_LEVEL_WARN,
	    err_wrap(e, "old versions in archive/%s", j->archive));
	log_err(LOG_LEVEL_WARN, live_readme(s));
}

/* Everything up to the switch. */
static struct err *
switch_over(struct store *s, const struct journal *j)
{
	struct err *e;

	if ((e = archive_place(s, j)) != NULL ||
	    (e = place_conf(s, j)) != NULL ||
	    (e = live_build(s, j->lineage, j->archive, j->version)) != NULL)
		return e;
	e = live_switch(s, j->lineage, j->archive, j->version);
	if (e == NULL || live_version(s, j) != j->version)
		return e;
	log_err(LOG_LEVEL_ERROR, e); /* in place, perhaps not yet on disk */
	return NULL;
}

struct err *
commit(struct store *s, const struct journal *j)
{
	const unsigned shown = live_version(s, j);
	struct err *e;
	bool is_placed;

	if ((e = archive_check(s, j, &is_placed)) != NULL)
		return e;
	if (shown >= j->version && !is_placed) {
		errno = EEXIST;
		return err_sys("live/%s shows version %u of somebody else",
		    j->lineage, shown);
	}
	if (shown < j->version && (e = switch_over(s, j)) != NULL)
		return e;
	/* The point of no return: what fails from here on is tried again by
	 * store_recover(), because the journal stays. */
	if (shown == j->version) /* again: it may have been lost */
		e = place_conf(s, j);
	if (e == NULL && shown <= j->version)
		e = rename_conf(s, j);
	if (e == NULL) {
		tidy(s, j);
		e = journal_done(j);
	}
	log_err(LOG_LEVEL_ERROR,
	    err_wrap(e, "certificate %s is in place, but", j->lineage));
	return NULL;
}

/* Whether a link in live/NAME leads to what would be removed. */
static bool
is_in_use(struct store *s, const struct journal *j)
{
	unsigned version[PEM_N];
	int kind;

	live_versions(s, j, version);
	for (kind = 0; kind < PEM_N; kind++)
		if (version[kind] == j->version)
			return true;
	return false;
}

struct err *
commit_undo(struct store *s, const struct journal *j)
{
	char name[COMPONENT_SIZE];
	bool is_ours, is_placed;
	struct err *e;

	e = archive_check(s, j, &is_placed);
	is_ours = e == NULL;
	if (err_errno(e) == EEXIST) {
		err_free(e);
		e = NULL;
	}
	if (e == NULL && is_ours && is_in_use(s, j))
		e = err_new(
		    "version %u of %s is in use", j->version, j->lineage);
	if (e == NULL && (e = live_clean(s, j->lineage)) == NULL &&
	    (e = component(name, "%s.conf.new", j->lineage)) == NULL &&
	    (e = fs_unlink(s->renewal, name)) == NULL &&
	    (e = archive_empty(s, j, is_ours)) == NULL &&
	    (e = fs_unlink(j->stage, JOURNAL_FILE)) == NULL)
		e = fs_sync(j->stage, "journal");
	return e;
}
