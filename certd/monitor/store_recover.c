/*
 * store_recover.c - after a crash: finish what was decided, remove the rest.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    a tree in which we, or a power loss, stopped anywhere; others may
 *           have written to it since.
 * Promise:  only files with names that we alone give are removed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "store_priv.h"

/* Finishes a journal, or undoes it where certbot took our number since, or
 * somebody what lay ready. */
static struct err *
finish(struct store *s, struct journal *j, bool *is_done)
{
	struct err *e = commit(s, j);

	*is_done = e == NULL;
	if (e == NULL)
		log_info("version %u of certificate %s is in place: finished "
			 "what was interrupted",
		    j->version, j->lineage);
	if (err_errno(e) != EEXIST && err_errno(e) != ENOENT)
		return e;
	log_err(LOG_LEVEL_WARN, err_wrap(e, "certificate %s", j->lineage));
	return commit_undo(s, j);
}

/* One job's journal, if it has one. */
static void
recover_job(struct store *s, uint32_t job, store_installed *done, void *arg)
{
	bool is_done = true;
	struct journal j;
	struct err *e;

	e = journal_read(s, job, STAGED_DONE, &j);
	if (err_errno(e) == ENOENT) {
		err_free(e);
		e = journal_read(s, job, STAGED_JOURNAL, &j);
		if (err_errno(e) == ENOENT) {
			err_free(e);
			return; /* a key that waits for its certificate */
		}
		if (e == NULL)
			e = finish(s, &j, &is_done);
	}
	if (e == NULL && is_done && done != NULL)
		done(arg, job, j.lineage, j.version);
	journal_close(&j);
	log_err(LOG_LEVEL_ERROR,
	    err_wrap(e, "interrupted installation of job %u", job));
}

/* What stands between prefix and suffix in entry; false where nothing does. */
static bool
between(const char *entry, const char *prefix, const char *suffix,
    char out[COMPONENT_SIZE])
{
	const size_t n = strlen(entry), p = strlen(prefix), q = strlen(suffix);

	if (n <= p + q || n >= COMPONENT_SIZE ||
	    strncmp(entry, prefix, p) != 0 ||
	    strcmp(entry + n - q, suffix) != 0)
		return false;
	memcpy(out, entry + p, n - p - q);
	out[n - p - q] = '\0';
	return true;
}

/* live/.NAME.new */
static struct err *
clean_live(struct store *s, int dir, const char *entry)
{
	char name[COMPONENT_SIZE];

	(void)dir;
	return between(entry, ".", ".new", name) ? live_clean(s, name) : NULL;
}

/* renewal/NAME.conf.new */
static struct err *
clean_renewal(struct store *s, int dir, const char *entry)
{
	char name[COMPONENT_SIZE];

	(void)s;
	return between(entry, "", ".conf.new", name) ? fs_unlink(dir, entry)
						     : NULL;
}

/* renewal/NAME.conf.deleted */
static struct err *
finish_deletion(struct store *s, int dir, const char *entry)
{
	struct store_names left = { 0 };
	char name[COMPONENT_SIZE];
	struct err *e;
	size_t i;

	(void)dir;
	if (!between(entry, "", DELETED_SUFFIX, name))
		return NULL;
	if ((e = delete_finish(s, name, &left)) == NULL)
		log_info("certificate %s is deleted: finished what was "
			 "interrupted",
		    name);
	for (i = 0; i < left.n; i++)
		log_warn("%s", left.v[i]);
	store_names_clear(&left);
	return e;
}

/* archive/NAME/.certN.pem.new */
static struct err *
clean_version(struct store *s, int dir, const char *entry)
{
	char name[COMPONENT_SIZE];
	unsigned version;
	int kind;

	(void)s;
	if (!between(entry, ".", ".new", name))
		return NULL;
	for (kind = 0; kind < PEM_N; kind++)
		if (version_parse(name, (enum pem_kind)kind, &version))
			return fs_unlink(dir, entry);
	return NULL;
}

/* Calls clean for every entry of dir; problems are logged. False: there was
 * one. */
static bool
clean_dir(struct store *s, int dir, const char *where,
    struct err *(*clean)(struct store *s, int dir, const char *entry))
{
	struct store_names names;
	bool is_good = true;
	struct err *e;
	size_t i;

	if ((e = fs_list(dir, &names)) != NULL) {
		log_err(LOG_LEVEL_WARN, err_wrap(e, "%s", where));
		return false;
	}
	for (i = 0; i < names.n; i++)
		if ((e = clean(s, dir, names.v[i])) != NULL) {
			log_err(LOG_LEVEL_WARN, err_wrap(e, "%s", where));
			is_good = false;
		}
	store_names_clear(&names);
	return is_good;
}

/* archive/NAME/ */
static struct err *
clean_archive(struct store *s, int dir, const char *entry)
{
	struct err *e = NULL;
	int fd;

	if ((e = fs_open_dir(dir, entry, &fd)) != NULL) {
		err_free(e); /* no directory: none of ours */
		return NULL;
	}
	if (!clean_dir(s, fd, entry, clean_version))
		e = err_new("%s: leftovers stay", entry);
	close(fd);
	return e;
}

/* Whether something was decided for the job, and perhaps not done. */
static bool
is_decided(struct store *s, uint32_t job)
{
	struct journal j;
	struct err *e = journal_read(s, job, STAGED_JOURNAL, &j);
	bool found = err_errno(e) != ENOENT;

	err_free(e);
	journal_close(&j);
	return found;
}

/* Whether the staging knows of an installation. */
static bool
has_installation(struct store *s)
{
	uint32_t *jobs;
	size_t i, n;
	struct err *e = stage_jobs(s, &jobs, &n);
	bool found = e != NULL;

	for (i = 0; e == NULL && !found && i < n; i++)
		found = is_decided(s, jobs[i]);
	err_free(e);
	free(jobs);
	return found;
}

struct err *
store_recover(struct store *s, store_installed *done, void *arg)
{
	uint32_t *jobs;
	struct err *e;
	size_t i, n;
	bool is_good;

	if (s->lock == -1)
		return err_new("the store is not locked");
	if ((e = stage_jobs(s, &jobs, &n)) != NULL)
		return e;
	for (i = 0; i < n; i++)
		recover_job(s, jobs[i], done, arg);
	free(jobs);
	is_good = clean_dir(s, s->renewal, "renewal", finish_deletion);
	/* What lies around without a journal: from before it was decided, or
	 * from after it was done. One that could be neither finished nor
	 * undone needs what lies there. */
	if (has_installation(s))
		return NULL;
	is_good &= clean_dir(s, s->live, "live", clean_live);
	is_good &= clean_dir(s, s->renewal, "renewal", clean_renewal);
	is_good &= clean_dir(s, s->archive, "archive", clean_archive);
	if (is_good)
		clean_note(s);
	return NULL;
}

static bool
has_deletion(struct store *s)
{
	struct store_names names;
	struct err *e = fs_list(s->renewal, &names);
	char name[COMPONENT_SIZE];
	bool found = e != NULL;
	size_t i;

	for (i = 0; !found && i < names.n; i++)
		found = between(names.v[i], "", DELETED_SUFFIX, name);
	err_free(e);
	store_names_clear(&names);
	return found;
}

struct err *
store_recall(struct store *s, store_installed *done, void *arg)
{
	uint32_t *jobs;
	struct journal j;
	struct err *e;
	size_t i, n;

	if ((e = stage_jobs(s, &jobs, &n)) != NULL)
		return e;
	for (i = 0; i < n; i++) {
		e = journal_read(s, jobs[i], STAGED_DONE, &j);
		if (e == NULL)
			done(arg, jobs[i], j.lineage, j.version);
		if (err_errno(e) == ENOENT)
			err_free(e);
		else
			log_err(LOG_LEVEL_ERROR, e);
		journal_close(&j);
	}
	free(jobs);
	return NULL;
}

bool
store_must_recover(struct store *s)
{
	return has_installation(s) || has_deletion(s);
}

bool
store_is_clean(struct store *s)
{
	return s->is_clean && !has_installation(s);
}
