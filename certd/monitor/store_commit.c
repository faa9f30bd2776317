/*
 * store_commit.c - carries out what a journal says, as often as it takes.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    a journal, and beside their places all that it speaks of: on disk.
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

/* The versions that the links in live/NAME show; 0 where one shows none. */
static void
live_versions(struct store *s, const struct journal *j, unsigned version[PEM_N])
{
	struct links_seen seen = { "" };
	int live = -1, archive = -1, kind;
	struct err *e;

	memset(version, 0, sizeof(*version) * PEM_N);
	if ((e = fs_open_dir(s->live, j->lineage, &live)) == NULL)
		e = fs_open_dir(s->archive, j->archive, &archive);
	err_free(e);
	for (kind = 0; live != -1 && archive != -1 && kind < PEM_N; kind++) {
		e = link_version(live, archive, (enum pem_kind)kind,
		    &version[kind], &seen);
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
tidy(struct store *s, const struct commit *c)
{
	const struct journal *j = c->journal;
	struct err *e;
	int dir;

	if (!c->is_built || c->has_old) {
		if ((e = fs_open_dir(s->archive, j->archive, &dir)) == NULL) {
			e = versions_prune(dir, j->version);
			close(dir);
		}
		log_err(LOG_LEVEL_WARN,
		    err_wrap(e, "old versions in archive/%s", j->archive));
	}
	log_err(LOG_LEVEL_WARN, live_readme(s));
}

/* ---- the steps; what each has made is on disk before the next one ---- */

/* All is prepared. */
static struct err *
to_disk(struct store *s, struct commit *c)
{
	(void)s;
	(void)c;
	return NULL;
}

/* From now on it happens. */
static struct err *
decide(struct store *s, struct commit *c)
{
	return journal_name(s, c->journal, &c->later);
}

/* How far it has come, where another process began. */
static struct err *
look(struct store *s, struct commit *c)
{
	const struct journal *j = c->journal;
	struct err *e;
	bool is_placed;

	c->shown = live_version(s, j);
	if ((e = archive_check(s, j, &is_placed)) != NULL)
		return e;
	if (c->shown >= j->version && !is_placed) {
		errno = EEXIST;
		return err_sys("live/%s shows version %u of somebody else",
		    j->lineage, c->shown);
	}
	c->is_in_place = c->shown >= j->version;
	return NULL;
}

static struct err *
name_files(struct store *s, struct commit *c)
{
	struct err *e = c->is_built ? NULL : look(s, c);

	if (e != NULL || c->is_in_place)
		return e;
	return archive_name(s, c->journal, &c->later);
}

static struct err *
rename_conf(struct store *s, struct commit *c)
{
	const struct journal *j = c->journal;
	char new[COMPONENT_SIZE], final[COMPONENT_SIZE];
	struct err *e;

	if ((e = component(new, "%s.conf.new", j->lineage)) != NULL ||
	    (e = component(final, "%s.conf", j->lineage)) != NULL)
		return e;
	/* It may have been done before. */
	if (renameat(s->renewal, new, s->renewal, final) == -1 &&
	    !(!c->is_built && errno == ENOENT &&
		fs_exists(s->renewal, final)))
		return err_sys("renewal/%s", final);
	return fs_sync_later(s->renewal, "renewal", &c->later);
}

/* With the switch comes the point of no return: what fails after it is tried again
 * by store_recover(), because the journal stays. */
static struct err *
switch_over(struct store *s, struct commit *c)
{
	const struct journal *j = c->journal;
	struct err *e;

	if (!c->is_in_place) {
		c->is_switching = true;
		if ((e = live_switch(s, j->lineage, j->archive, j->version,
			 &c->later)) != NULL)
			return e;
		c->is_in_place = true;
	}
	if (c->shown > j->version || (c->is_built && !c->has_conf))
		return NULL;
	return rename_conf(s, c);
}

static struct err *
note_done(struct store *s, struct commit *c)
{
	tidy(s, c);
	return journal_done(s, c->journal, &c->later);
}

/* ---- all of them ---- */

/* What has switched although an error came of it is in place, perhaps not yet
 * on disk. */
static void
take_error(struct store *s, struct commit *c, struct err *e)
{
	if (e == NULL)
		return;
	if (c->is_in_place)
		c->left = e;
	else if (c->is_switching &&
		 live_version(s, c->journal) == c->journal->version)
		log_err(LOG_LEVEL_ERROR, e);
	else
		c->error = e;
}

/* A journal that has its name begins with the third one. */
static struct err *(*const steps[])(struct store *s, struct commit *c) = {
	to_disk, decide, name_files, switch_over, note_done };

bool
commit_step(struct store *s, struct commit *list, size_t n, size_t step)
{
	size_t i;

	if (step == sizeof(steps) / sizeof(*steps))
		return false;
	for (i = 0; i < n; i++) {
		if (list[i].error == NULL && list[i].left == NULL)
			take_error(s, &list[i], steps[step](s, &list[i]));
		if (list[i].error != NULL || list[i].left != NULL)
			fs_later_clear(&list[i].later);
	}
	return true;
}

void
commit_forced(struct store *s, struct commit *list, size_t n,
    struct err *const *errors)
{
	size_t i;

	for (i = 0; i < n; i++)
		take_error(s, &list[i], errors[i]);
}

void
commit_end(struct commit *c)
{
	log_err(LOG_LEVEL_ERROR, err_wrap(c->left,
	    "certificate %s is in place, but", c->journal->lineage));
	c->left = NULL;
}

struct err *
commit(struct store *s, struct journal *j)
{
	struct commit c = { .journal = j };
	struct err *e;
	size_t step;

	for (step = COMMIT_DECIDED; commit_step(s, &c, 1, step); step++) {
		e = fs_flush(&c.later);
		commit_forced(s, &c, 1, &e);
	}
	commit_end(&c);
	return c.error;
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
	    (e = fs_unlink(s->stage,
		 stage_name(j->job, STAGED_JOURNAL).text)) == NULL)
		e = fs_sync(s->stage, ".certd");
	return e;
}
