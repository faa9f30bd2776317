/*
 * recover.c - what the last run left, when it ended in the middle of its work.
 *
 * Runs in:  certd (root; no network, no exec), before it serves.
 * Promise:  nothing half-done stays: an installation that was decided is
 *           finished, an issue job goes on where it stood, every other job is
 *           closed with a note for status.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "monitor.h"

/* Of a second each: less than acmew waits for our hello. */
#define LOCK_TRIES 8

/* Whether the job had begun with its deploy hooks: then the ledger says which of
 * them are owed. */
struct search {
	uint32_t job;
	bool deploying;
};

static struct err *
look_at_job(void *arg, const struct ledger_job *row)
{
	struct search *s = arg;

	s->deploying |= row->id == s->job && row->state != 0;
	return NULL;
}

static void
on_installed(void *arg, uint32_t job, const char *lineage, unsigned version)
{
	struct monitor *m = arg;
	struct search s = { job, false };
	struct err *e = ledger_job_each(m->ledger, look_at_job, &s);

	if (e == NULL && !s.deploying)
		e = ledger_owed_add(m->ledger, lineage, OWED_ALL);
	log_err(LOG_LEVEL_ERROR, err_wrap(e, "%s: its deploy hooks", lineage));
	audit_certd(m, lineage, "store", "done", "version %u of job %u, whose "
	    "installation was interrupted", version, job);
}

/* ---- while it serves ---- */

static struct err *
forget_if_over(void *arg, const struct ledger_job *row)
{
	struct monitor *m = arg;

	return job_find(m, row->id) != NULL ? NULL :
	    ledger_job_remove(m->ledger, row->id);
}

static bool
is_alive(void *arg, uint32_t job)
{
	return job_find(arg, job) != NULL;
}

/* Only looks. */
static bool
note_dead(void *arg, uint32_t job)
{
	(void)job;
	*(bool *)arg = true;
	return true;
}

void
jobs_tidy(struct monitor *m)
{
	bool is_left = false;
	struct err *e;

	if (!TAILQ_EMPTY(&m->jobs) || !TAILQ_EMPTY(&m->batches))
		return;
	e = ledger_job_each(m->ledger, forget_if_over, m);
	if (e == NULL)
		e = store_stage_sweep(m->store, note_dead, &is_left);
	if (e == NULL && is_left && (e = store_lock(m->store)) == NULL) {
		/* An installation that could be neither finished nor undone. */
		e = store_recover(m->store, on_installed, m);
		if (e == NULL)
			e = store_stage_sweep(m->store, is_alive, m);
		store_unlock(m->store);
	}
	if (e == NULL) /* no job may come that would remove them */
		e = records_recover(m);
	log_err(LOG_LEVEL_WARN, err_wrap(e, "leftovers of ended jobs"));
}

/* ---- at the start ---- */

#define NOTES_SECS (7 * 86400)
#define NAMES_MAX  100 /* the bound of messages.def */

/* The jobs whose certificates were found to be in the store. */
struct recovery {
	struct monitor *m;
	uint32_t *stored;
	size_t n_stored;
};

static void
on_finished(void *arg, uint32_t job, const char *lineage, unsigned version)
{
	struct recovery *r = arg;
	uint32_t *stored = reallocarray(r->stored, r->n_stored + 1,
	    sizeof(*stored));

	on_installed(r->m, job, lineage, version);
	if (stored == NULL)
		return; /* it is issued once more */
	r->stored = stored;
	r->stored[r->n_stored++] = job;
}

static bool
is_stored(const struct recovery *r, uint32_t job)
{
	size_t i;

	for (i = 0; i < r->n_stored; i++)
		if (r->stored[i] == job)
			return true;
	return false;
}

static struct err *
set_names(struct job *j, const char *text)
{
	struct str names[NAMES_MAX];
	char *copy = strdup(text), *rest = copy, *name;
	struct err *e = copy == NULL ? err_sys("job") : NULL;
	size_t n = 0;

	while (e == NULL && (name = strsep(&rest, " ")) != NULL)
		if (*name != '\0' && n < NAMES_MAX)
			names[n++] = str_of(name);
	if (e == NULL && n == 0)
		e = err_new("it has no names");
	if (e == NULL && !job_set_names(j, (struct strs) { names, n }))
		e = err_sys("job");
	free(copy);
	return e;
}

static struct err *
fill(struct job *j, const struct ledger_job *row)
{
	struct err *e;

	j->id = row->id;
	j->created = row->created;
	j->server = strdup(row->server);
	j->order_url = *row->order_url == '\0' ? NULL : strdup(row->order_url);
	if (j->server == NULL || (*row->order_url != '\0' &&
	    j->order_url == NULL))
		return err_sys("job");
	if (!url_parse(str_of(j->server), &j->origin))
		return err_new("%s is no https URL", j->server);
	if ((e = set_names(j, row->names)) != NULL ||
	    (e = job_restore(j, row->options)) != NULL)
		return e;
	if (j->who == NULL || j->preferred_chain == NULL)
		return err_new("written by an older certd");
	/* Where there is none the lineage is new. */
	e = lineage_load(j->m->store, j->lineage, &j->files);
	err_free(e);
	return NULL;
}

/* The key is on disk before the order is placed, and until the job has ended:
 * without it, the job had, and a power cut has undone that its row went. What is
 * left are hooks, if any. */
static bool
has_ended(const struct job *j)
{
	struct err *e;
	bool is_gone;
	int fd;

	if (j->order_url == NULL)
		return false;
	if ((e = store_stage_reopen(j->m->store, j->id, &fd)) == NULL) {
		close(fd);
		return false;
	}
	is_gone = err_errno(e) == ENOENT;
	err_free(e);
	return is_gone;
}

/* What cannot go on is closed, and status tells. */
static struct err *
close_job(struct monitor *m, const struct ledger_job *row, struct err *why)
{
	char what[300], text[1024];

	(void)snprintf(what, sizeof(what), "%s %s", row->kind, row->lineage);
	(void)snprintf(text, sizeof(text), "interrupted on the way%s%s; see "
	    "whether it was done, and ask for it again",
	    why == NULL ? "" : ": ", why == NULL ? "" : err_text(why));
	log_error("job %u (%s): %s", row->id, what, text);
	err_free(why);
	log_err(LOG_LEVEL_ERROR, failure_note(m, row->server, what, text));
	return ledger_job_remove(m->ledger, row->id);
}

static struct err *
take_up(void *arg, const struct ledger_job *row)
{
	struct recovery *r = arg;
	struct err *e;
	struct job *j;

	if (strcmp(row->kind, kind_word(KIND_issue)) != 0)
		return close_job(r->m, row, NULL);
	if ((j = job_new(r->m, KIND_issue, row->lineage,
	    (struct strs) { 0 })) == NULL)
		return err_sys("job");
	e = fill(j, row);
	if (e == NULL && (row->state == ROW_GOOD || row->state == ROW_BAD)) {
		e = batch_recall(j, row->names, row->state == ROW_GOOD);
		job_discard(j);
		return e == NULL ? NULL : close_job(r->m, row, e);
	}
	j->deploying = row->state == ROW_DEPLOYING ||
	    (e == NULL && has_ended(j));
	j->stored = j->deploying || is_stored(r, row->id);
	if (e == NULL)
		e = batch_resume(j);
	if (e == NULL)
		return NULL;
	job_discard(j);
	return close_job(r->m, row, e);
}

static struct err *
drop_old(void *arg, const struct ledger_failure *f)
{
	struct monitor *m = arg;
	time_t now = time(NULL);

	if (f->last > now - NOTES_SECS || f->retry_at > now)
		return NULL;
	return ledger_failure_clear(m->ledger, f->account, f->names);
}

/* False: we were told to leave. */
static bool
wait_a_second(struct monitor *m)
{
	sleep(1); /* a signal ends it */
	(void)event_base_loop(m->base, EVLOOP_NONBLOCK);
	return !m->leaving;
}

/* certbot may be at work, for as long as it likes. What is decided must be
 * finished before we serve; what was finished is noted without the lock, and
 * mere leftovers wait for the next start. */
static struct err *
recover_store(struct recovery *r)
{
	struct monitor *m = r->m;
	struct err *e;
	int i;

	if (store_is_clean(m->store))
		return store_recall(m->store, on_finished, r);
	for (i = 0; (e = store_lock(m->store)) != NULL &&
	    err_errno(e) == EAGAIN && store_must_recover(m->store) &&
	    i < LOCK_TRIES; i++) {
		err_free(e);
		if (!wait_a_second(m))
			return NULL;
	}
	if (err_errno(e) == EAGAIN && !store_must_recover(m->store)) {
		log_err(LOG_LEVEL_INFO, e);
		return store_recall(m->store, on_finished, r);
	}
	if (e == NULL) {
		e = store_recover(m->store, on_finished, r);
		store_unlock(m->store);
	}
	return e;
}

struct err *
jobs_recover(struct monitor *m)
{
	struct recovery r = { .m = m };
	struct err *e = recover_store(&r);

	if (e == NULL && !m->leaving)
		e = ledger_job_each(m->ledger, take_up, &r);
	free(r.stored);
	if (e != NULL || m->leaving ||
	    (e = store_stage_sweep(m->store, is_alive, m)) != NULL)
		return e;
	log_err(LOG_LEVEL_WARN, ledger_failure_each(m->ledger, drop_old, m));
	log_err(LOG_LEVEL_WARN, err_wrap(records_recover(m),
	    "remove old records"));
	batches_go_on(m);
	return NULL;
}
