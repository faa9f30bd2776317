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

static void
on_installed(void *arg, uint32_t job, const char *lineage, unsigned version)
{
	(void)arg;
	log_audit("job %u (%s): version %u, whose installation was "
	    "interrupted, is stored", job, lineage, version);
}

static struct err *
close_job(void *arg, const struct ledger_job *row)
{
	struct monitor *m = arg;

	log_warn("job %u (%s) was interrupted; ask for it again", row->id,
	    row->lineage);
	return ledger_job_remove(m->ledger, row->id);
}

static bool
none_alive(void *arg, uint32_t job)
{
	(void)arg;
	(void)job;
	return false;
}

/* certbot may be at work. Nobody else waits for us yet. */
static struct err *
lock(struct monitor *m)
{
	struct err *e;
	int i;

	for (i = 0; (e = store_lock(m->store)) != NULL &&
	    err_errno(e) == EAGAIN && i < LOCK_TRIES; i++) {
		err_free(e);
		sleep(1);
	}
	return e;
}

struct err *
jobs_recover(struct monitor *m)
{
	struct err *e;

	if ((e = lock(m)) != NULL)
		return e;
	e = store_recover(m->store, on_installed, m);
	store_unlock(m->store);
	if (e != NULL || (e = ledger_job_each(m->ledger, close_job, m)) != NULL
	    || (e = store_stage_sweep(m->store, none_alive, m)) != NULL)
		return e;
	log_err(LOG_LEVEL_WARN, err_wrap(records_recover(m),
	    "remove old records"));
	return NULL;
}
