/*
 * store_stage.c - .certd/JOB.*: keys that have no certificate yet, and the note
 * that an installation happens.
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

struct stage_name
stage_name(uint32_t job, enum staged what)
{
	static const char *const words[STAGED_N] = { "privkey.pem",
		"install.new", "install", "installed" };
	struct stage_name name;

	(void)snprintf(name.text, sizeof(name.text), "%u.%s", job, words[what]);
	return name;
}

bool
stage_has(const struct store *s, uint32_t job, enum staged what)
{
	return fs_exists(s->stage, stage_name(job, what).text);
}

/* The job of a file there; false where it is none of ours. */
static bool
parse_name(const char *name, uint32_t *job)
{
	char number[16];
	const size_t n = strcspn(name, ".");
	uint64_t value;
	int what;

	if (n >= sizeof(number))
		return false;
	(void)snprintf(number, sizeof(number), "%.*s", (int)n, name);
	if (!text_number(number, 0, UINT32_MAX, &value))
		return false;
	*job = (uint32_t)value;
	for (what = 0; what < STAGED_N; what++)
		if (strcmp(name, stage_name(*job, (enum staged)what).text) == 0)
			return true;
	return false;
}

/* The files of a job stand together in a list that is in order. */
struct err *
stage_jobs(struct store *s, uint32_t **jobs, size_t *n)
{
	struct store_names names;
	struct err *e;
	uint32_t job;
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
		if (!parse_name(names.v[i], &job))
			log_warn("%s/.certd/%s is none of ours", s->path,
			    names.v[i]);
		else if (*n == 0 || (*jobs)[*n - 1] != job)
			(*jobs)[(*n)++] = job;
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
		if ((none = journal_read(s, jobs[i], STAGED_JOURNAL, &j)) ==
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
	return err_wrap(
	    fs_create(s->stage, stage_name(job, STAGED_KEY).text, secret, fd),
	    "%s/.certd", s->path);
}

struct err *
store_stage_reopen(struct store *s, uint32_t job, int *fd)
{
	struct stat st;
	struct err *e;

	if ((e = fs_open_stat(
		 s->stage, stage_name(job, STAGED_KEY).text, fd, &st)) != NULL)
		return err_wrap(e, "%s/.certd", s->path);
	if (st.st_size > 0)
		return NULL;
	close(*fd);
	*fd = -1;
	errno = ENOENT;
	return err_sys("the staged key of job %u is empty", job);
}

struct err *
store_stage_sync(struct store *s, uint32_t job, struct fs_later *later)
{
	struct err *e;
	int fd;

	if ((e = fs_open_file(
		 s->stage, stage_name(job, STAGED_KEY).text, &fd)) != NULL ||
	    (e = fs_later_take_file(later, fd)) != NULL)
		return err_wrap(e, "%s/.certd", s->path);
	return fs_sync_later(s->stage, ".certd", later);
}

/* The directory that live/NAME was before an installation. It stays until here,
 * because who was just opening a file in it must still find the file. */
static void
clean_live(struct store *s, uint32_t job, bool *is_done)
{
	struct journal j;
	struct err *e = journal_read(s, job, STAGED_DONE, &j);

	*is_done = err_errno(e) != ENOENT;
	if (e == NULL) {
		e = live_clean(s, j.lineage);
	} else if (!*is_done) {
		err_free(e);
		e = NULL;
	}
	log_err(LOG_LEVEL_WARN, e);
}

static struct err *
unstage(struct store *s, uint32_t job)
{
	struct err *e = NULL;
	struct journal j;
	bool is_done;

	if (stage_has(s, job, STAGED_JOURNAL) &&
	    (e = journal_read(s, job, STAGED_JOURNAL, &j)) == NULL)
		/* The job has failed, and so did undoing its installation. */
		e = s->lock != -1 ? commit_undo(s, &j)
				  : err_new("an installation is unfinished");
	clean_live(s, job, &is_done);
	if (e == NULL)
		e = fs_unlink(s->stage, stage_name(job, STAGED_KEY).text);
	if (e != NULL)
		return e;
	return fs_unlink(
	    s->stage, stage_name(job, is_done ? STAGED_DONE : STAGED_NEW).text);
}

void
store_unstage(struct store *s, uint32_t job)
{
	log_err(LOG_LEVEL_WARN,
	    err_wrap(unstage(s, job), "%s/.certd/%u stays", s->path, job));
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
