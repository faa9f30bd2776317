/*
 * recover.c - what the last run left, when it ended in the middle of its work.
 *
 * Runs in:  certd (root; no network, no exec), before it serves.
 * Promise:  nothing half-done stays: an installation that was decided is
 *           finished, every other job is closed, its key and records removed.
 */
#include <errno.h>
#include <unistd.h>

#include "log.h"
#include "monitor.h"

#define LOCK_TRIES 10

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

static struct err *
close_job(void *arg, const struct ledger_job *row)
{
	struct monitor *m = arg;

	log_warn("job %u (%s) was interrupted; ask for it again", row->id,
	    row->lineage);
	return ledger_job_remove(m->ledger, row->id);
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
	log_err(LOG_LEVEL_WARN, err_wrap(e, "leftovers of ended jobs"));
}

/* ---- at the start ---- */

static bool
none_alive(void *arg, uint32_t job)
{
	(void)arg;
	(void)job;
	return false;
}

/* certbot may be at work, for as long as it likes. What is decided must be
 * finished before we serve; mere leftovers wait for the next start. */
static struct err *
recover_store(struct monitor *m)
{
	struct err *e;
	int i;

	for (i = 0; (e = store_lock(m->store)) != NULL &&
	    err_errno(e) == EAGAIN && store_must_recover(m->store) &&
	    i < LOCK_TRIES; i++) {
		err_free(e);
		sleep(1);
	}
	if (err_errno(e) == EAGAIN && !store_must_recover(m->store)) {
		log_err(LOG_LEVEL_INFO, e);
		return NULL;
	}
	if (e == NULL) {
		e = store_recover(m->store, on_installed, m);
		store_unlock(m->store);
	}
	return e;
}

struct err *
jobs_recover(struct monitor *m)
{
	struct err *e = recover_store(m);

	if (e != NULL || (e = ledger_job_each(m->ledger, close_job, m)) != NULL
	    || (e = store_stage_sweep(m->store, none_alive, m)) != NULL)
		return e;
	log_err(LOG_LEVEL_WARN, err_wrap(records_recover(m),
	    "remove old records"));
	return NULL;
}
