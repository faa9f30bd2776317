/*
 * store_stage.c - .certd/JOB: keys that have no certificate yet, and what an
 * installation needs to be repeated.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    our own files, as a crash may have left them.
 * Promise:  a key is never readable by anybody but root, never written twice,
 *           and never lost while its job lives.
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
#include "text.h"

static const struct fs_owner secret = { 0600, (gid_t)-1 };

struct err *
stage_open(struct store *s, uint32_t job, int *fd)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "%u", job);
	return err_wrap(fs_open_dir(s->stage, name, fd), "%s/.certd", s->path);
}

struct err *
stage_jobs(struct store *s, uint32_t **jobs, size_t *n)
{
	struct store_names names;
	struct err *e;
	uint64_t job;
	size_t i;

	*jobs = NULL;
	*n = 0;
	if ((e = fs_list(s->stage, &names)) != NULL)
		return err_wrap(e, "%s/.certd", s->path);
	if ((*jobs = calloc(names.n + 1, sizeof(**jobs))) == NULL) {
		store_names_clear(&names);
		return err_sys("staged jobs");
	}
	for (i = 0; i < names.n; i++)
		if (text_number(names.v[i], 0, UINT32_MAX, &job))
			(*jobs)[(*n)++] = (uint32_t)job;
		else
			log_warn("%s/.certd/%s is none of ours", s->path,
			    names.v[i]);
	store_names_clear(&names);
	return NULL;
}

struct err *
stage_check_idle(struct store *s, const char *lineage)
{
	struct err *e, *none;
	struct journal j;
	uint32_t *jobs;
	size_t i, n;

	e = stage_jobs(s, &jobs, &n);
	for (i = 0; e == NULL && i < n; i++) {
		if ((none = journal_read(s, jobs[i], JOURNAL_FILE, &j)) ==
			NULL &&
		    strcmp(j.lineage, lineage) == 0)
			e = err_advise(err_new("an installation of %s is not "
					       "finished",
					   lineage),
			    "restart certd, which finishes it");
		err_free(none);
		journal_close(&j);
	}
	free(jobs);
	return e;
}

struct err *
store_stage_key(struct store *s, uint32_t job, int *fd)
{
	const struct fs_owner dir_owner = { 0700, (gid_t)-1 };
	struct fs_later later = { .n = 0 };
	char name[16];
	struct err *e;
	int dir = -1;

	*fd = -1;
	(void)snprintf(name, sizeof(name), "%u", job);
	if ((e = fs_make_dir_later(s->stage, name, dir_owner, &dir, &later)) ==
	    NULL)
		e = fs_create(dir, STAGE_KEY, secret, fd);
	fs_later_clear(&later); /* store_stage_sync() comes */
	if (dir != -1)
		close(dir);
	return err_wrap(e, "%s/.certd", s->path);
}

struct err *
store_stage_reopen(struct store *s, uint32_t job, int *fd)
{
	struct stat st;
	struct err *e;
	int dir;

	*fd = -1;
	if ((e = stage_open(s, job, &dir)) != NULL)
		return e;
	if ((e = fs_open_file(dir, STAGE_KEY, fd)) == NULL &&
	    (fstat(*fd, &st) == -1 || st.st_size == 0)) {
		errno = ENOENT;
		e = err_sys("the staged key of job %u is empty", job);
		close(*fd);
		*fd = -1;
	}
	close(dir);
	return e;
}

struct err *
store_stage_sync(struct store *s, uint32_t job, struct fs_later *later)
{
	struct err *e;
	int dir, fd;

	if ((e = stage_open(s, job, &dir)) != NULL)
		return e;
	if ((e = fs_open_file(dir, STAGE_KEY, &fd)) != NULL) {
		close(dir);
		return e;
	}
	if ((e = fs_later_take_file(later, fd)) != NULL) {
		close(dir);
		return e;
	}
	if ((e = fs_later_take(later, dir)) == NULL)
		e = fs_sync_later(s->stage, ".certd", later);
	return e;
}

/* The directory that live/NAME was before an installation. It stays until here,
 * because who was just opening a file in it must still find the file. */
static void
clean_live(struct store *s, struct journal *j)
{
	struct err *e = journal_load(j, JOURNAL_DONE);

	if (e == NULL) {
		e = live_clean(s, j->lineage);
	} else if (err_errno(e) == ENOENT) {
		err_free(e);
		e = NULL;
	}
	log_err(LOG_LEVEL_WARN, e);
}

/* Without looking, what usually is there; then whatever else is. */
static struct err *
remove_stage(struct store *s, const struct journal *j, const char *name)
{
	struct err *e;

	if ((e = fs_unlink(j->stage, STAGE_KEY)) != NULL ||
	    (e = fs_unlink(j->stage, JOURNAL_DONE)) != NULL ||
	    unlinkat(s->stage, name, AT_REMOVEDIR) == 0)
		return e;
	return fs_remove_dir(s->stage, name);
}

static struct err *
unstage(struct store *s, uint32_t job, const char *name)
{
	struct journal j;
	struct err *e;

	if ((e = journal_begin(s, job, &j)) != NULL) {
		if (err_errno(e) != ENOENT)
			return e;
		err_free(e);
		return NULL;
	}
	if (fs_exists(j.stage, JOURNAL_FILE) &&
	    (e = journal_load(&j, JOURNAL_FILE)) == NULL)
		/* The job has failed, and so did undoing its installation. */
		e = s->lock != -1 ? commit_undo(s, &j)
				  : err_new("an installation is unfinished");
	clean_live(s, &j);
	if (e == NULL)
		e = remove_stage(s, &j, name);
	journal_close(&j);
	return e;
}

void
store_unstage(struct store *s, uint32_t job)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "%u", job);
	log_err(LOG_LEVEL_WARN, err_wrap(unstage(s, job, name),
				    "%s/.certd/%s stays", s->path, name));
}

struct err *
store_stage_sweep(
    struct store *s, bool (*alive)(void *arg, uint32_t job), void *arg)
{
	uint32_t *jobs;
	struct err *e;
	size_t i, n;

	if ((e = stage_jobs(s, &jobs, &n)) == NULL)
		for (i = 0; i < n; i++)
			if (!alive(arg, jobs[i]))
				store_unstage(s, jobs[i]);
	free(jobs);
	return e;
}
