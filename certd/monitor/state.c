/*
 * state.c - the state of the process: from nothing, and back to it.
 *
 * Runs in:  certd (root; no network, no exec).
 * Promise:  whatever is under way, it can be let go of: the ledger knows the
 *           rest.
 */
#include <string.h>

#include "log.h"
#include "monitor.h"

void
monitor_init(struct monitor *m)
{
	memset(m, 0, sizeof(*m));
	TAILQ_INIT(&m->jobs);
	TAILQ_INIT(&m->batches);
	TAILQ_INIT(&m->hook_runs);
	TAILQ_INIT(&m->deployments);
	TAILQ_INIT(&m->clients);
	TAILQ_INIT(&m->doctors);
	TAILQ_INIT(&m->readings);
	TAILQ_INIT(&m->parts);
	TAILQ_INIT(&m->workers);
	TAILQ_INIT(&m->registrations);
	TAILQ_INIT(&m->removals);
	TAILQ_INIT(&m->looks);
	TAILQ_INIT(&m->lock_waits);
	TAILQ_INIT(&m->installs);
	m->admin_gid = (gid_t)-1;
	m->control_fd = m->worker_fd = -1;
}

void
monitor_empty(struct monitor *m)
{
	m->leaving = true;
	catalog_abandon(m);
	hooks_leave(m);
	deploys_free(m);
	batches_free(m);
	lock_waits_end(m);
	doctors_end(m);
	control_close_all(m);
	worker_close_all(m);
	storing_end(m);
	jobs_free(m);
	registrations_free(m);
	looks_free(m);
	live_tidy_now(m);
	disk_end(m);
	peer_free(m->signer);
	peer_free(m->publisher);
	peer_free(m->hook);
	m->signer = m->publisher = m->hook = NULL;
}
