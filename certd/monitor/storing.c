/*
 * storing.c - checked certificates on their way into the store: those that are
 * ready go together, step by step, and while the disk is busy with a step certd
 * serves others.
 *
 * Runs in:  certd (root; no network, no exec).
 * Promise:  either live/ shows the new certificate with its key, or nothing has
 *           changed. What has begun goes on to its end, also where the job
 *           fails meanwhile. From the first step to the last the store's lock
 *           is ours, and nothing else of ours changes the store.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "fs.h"
#include "install.h"
#include "log.h"

/* certbot holds its lock for as long as it runs. */
#define LOCK_TRIES	300
#define LOCK_PAUSE_SECS 1

/* So long one waits for others where there is a crowd. */
#define CROWD_MSECS	5

/* Those that go now. */
struct storing {
	struct monitor *m;
	struct install *list[COMMITS_MAX];
	struct store_install what[COMMITS_MAX];
	size_t n;
	struct store_run *run;
	bool is_decided;
};

/* ---- what is told ---- */

void
install_finish_dry(struct install *in)
{
	struct job *j = in->job;
	struct msg m = { .type = MSG_stored, .id = in->id };

	audit_job(j, j->reconfigures ? "reconfigure" : "dry-run", "done",
	    "dry run is good, %s", j->reconfigures ?
	    "renewal file changed" : "nothing stored");
	if (j->reconfigures) /* the next renewal need not wait */
		log_err(LOG_LEVEL_WARN, failure_forget(j, server_of(j)));
	m.stored.job = j->id;
	worker_send(j, &m);
	j->phase = JP_STORED;
	store_unstage(j->m->store, j->id);
	job_stored(j); /* in is gone */
}

/* Tells the followers where the certificate is. */
static void
tell_paths(struct job *j, time_t not_after)
{
	char path[4400], when[TEXT_TIME_SIZE];

	(void)snprintf(path, sizeof(path), "%s/live/%s/fullchain.pem",
	    store_path(j->m->store), j->lineage);
	control_fact(j, "certificate", path);
	(void)snprintf(path, sizeof(path), "%s/live/%s/privkey.pem",
	    store_path(j->m->store), j->lineage);
	control_fact(j, "private_key", path);
	control_fact(j, "expires", text_time(when, not_after));
}

static void
audit_of(const struct install *in, const char *outcome, const char *version)
{
	audit_job(in->job, in->job->reconfigures ? "reconfigure" : "store",
	    outcome, "%svalid until %s", version,
	    text_time((char[TEXT_TIME_SIZE]) { 0 }, in->not_after));
}

static void
audit_done(const struct install *in, unsigned version)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "version %u, ", version);
	audit_of(in, "done", text);
}

/* The worker and the followers are told. */
static void
finish(struct install *in, struct err *e, unsigned version)
{
	struct job *j = in->job;
	struct msg m = { .type = MSG_stored, .id = in->id };

	if (e != NULL) {
		worker_disappoint(j, in->id, err_wrap(e, "store"));
		return;
	}
	if (j->reconfigures) {
		install_finish_dry(in);
		return;
	}
	audit_done(in, version);
	m.stored.job = j->id;
	worker_send(j, &m);
	j->phase = JP_STORED;
	tell_paths(j, in->not_after);
	job_stored(j); /* in is gone */
}

/* The job has failed meanwhile; where the certificate is in place it has not. */
static void
finish_orphan(struct install *in, struct err *e, unsigned version)
{
	struct job *j = in->job;

	if (e == NULL) {
		audit_done(in, version);
		log_warn("job %u (%s): in place all the same, although: %s",
		    j->id, j->lineage, j->failure == NULL ? "it ended" :
		    err_text(j->failure));
		err_free(j->failure);
		j->failure = NULL;
		j->stored = true;
	}
	log_err(LOG_LEVEL_ERROR, err_wrap(e, "job %u (%s)", j->id,
	    j->lineage));
	install_free(in);
}

/* ---- one group ---- */

/* Our own changes are no news. */
static void
note_changes(struct storing *g)
{
	size_t i;

	for (i = 0; i < g->n; i++)
		related_touch(g->m, g->list[i]->job->lineage);
	related_after(g->m);
}

/* The lock is free again: who waits for it is first. */
static void
wake_others(struct monitor *m)
{
	struct install *in;

	locks_wake(m);
	if ((in = TAILQ_FIRST(&m->installs)) != NULL)
		event_active(in->timer, EV_TIMEOUT, 0);
}

static void
conclude(struct storing *g)
{
	struct monitor *m = g->m;
	struct install *in;
	struct job *j;
	size_t i;

	if (g->run != NULL)
		store_run_end(g->run, g->what);
	for (i = 0; i < g->n; i++)
		if (g->what[i].version != 0)
			known_note(m, g->list[i]->job->lineage,
			    g->list[i]->known);
	store_unlock(m->store);
	m->storing = NULL;
	m->is_crowded = g->n > 1;
	for (i = 0; i < g->n; i++) {
		in = g->list[i];
		j = in->job;
		in->is_storing = false;
		(in->is_orphan ? finish_orphan : finish)(in,
		    g->what[i].error, g->what[i].version);
		job_release(j);
	}
	free(g);
	wake_others(m);
}

static void on_forced(void *arg, struct err **errors);

static void
next_step(struct storing *g)
{
	struct fs_later *lists[COMMITS_MAX];
	bool is_over;
	size_t n;

	related_before(g->m);
	is_over = !store_run_step(g->run);
	note_changes(g);
	if (is_over) {
		conclude(g);
		return;
	}
	n = store_run_made(g->run, lists);
	if (!g->is_decided) /* that it begins is on the disk before it does */
		disk_with_audit(g->m, lists[0]);
	g->is_decided = true;
	writeback(g->m, lists, n, on_forced, g);
}

static void
on_forced(void *arg, struct err **errors)
{
	struct storing *g = arg;

	store_run_forced(g->run, errors);
	next_step(g);
}

/* The lock is ours, the audit has its lines. */
static struct err *
start(struct storing *g)
{
	struct renewal renewals[COMMITS_MAX];
	struct err *e;
	size_t i;

	for (i = 0; i < g->n; i++) {
		const struct install *in = g->list[i];
		const struct job *j = in->job;

		renewals[i] = renewal_of(j);
		g->what[i] = (struct store_install) { .job = j->id,
			.lineage = j->lineage, .is_new = j->files == NULL,
			.cert = in->cert, .cert_bytes = strlen(in->cert),
			.chain = in->chain, .chain_bytes = strlen(in->chain),
			.renewal = &renewals[i] };
	}
	related_before(g->m);
	e = store_run_new(g->m->store, g->what, g->n, &g->run);
	note_changes(g);
	return e;
}

/* ---- who is next ---- */

static void
leave_queue(struct install *in)
{
	if (in->is_waiting)
		TAILQ_REMOVE(&in->job->m->installs, in, link);
	in->is_waiting = false;
}

/* The first few that wait; one that changes a renewal file goes alone. */
static void
choose(struct storing *g)
{
	struct install *in;

	while (g->n < COMMITS_MAX &&
	    (in = TAILQ_FIRST(&g->m->installs)) != NULL) {
		if (g->n > 0 && in->job->reconfigures)
			break;
		leave_queue(in);
		audit_of(in, "begun", "");
		in->is_storing = true;
		job_hold(in->job);
		g->list[g->n++] = in;
		if (in->job->reconfigures)
			break;
	}
}

/* The lock is ours: nothing but a file is replaced. */
static struct err *
reconfigure(struct install *in)
{
	struct job *j = in->job;
	struct renewal renewal = renewal_of(j);
	struct err *e;

	related_before(j->m);
	e = store_reconfigure(j->m->store, j->lineage, &renewal);
	related_touch(j->m, j->lineage);
	related_after(j->m);
	return e;
}

/* The lock is ours. */
static void
store_some(struct monitor *m)
{
	struct storing *g = m->storing;
	struct err *e;
	size_t i;

	g->m = m;
	choose(g);
	if ((e = audit_ready(m)) == NULL && g->list[0]->job->reconfigures)
		e = reconfigure(g->list[0]);
	else if (e == NULL && (e = start(g)) == NULL) {
		next_step(g);
		return;
	}
	for (i = 0; i < g->n; i++)
		g->what[i].error = err_copy(e);
	err_free(e);
	conclude(g);
}

static void
try_store(evutil_socket_t fd, short what, void *arg)
{
	struct install *in = arg;
	struct monitor *m = in->job->m;
	struct timeval pause = { .tv_sec = LOCK_PAUSE_SECS };
	struct err *e;

	(void)fd;
	(void)what;
	if (m->storing != NULL) /* its end wakes us */
		return;
	if ((e = store_lock(m->store)) == NULL &&
	    (m->storing = calloc(1, sizeof(*m->storing))) == NULL) {
		e = err_sys("certificate");
		store_unlock(m->store);
	}
	if (e == NULL) {
		store_some(m);
	} else if (err_errno(e) == EAGAIN && in->tries++ < LOCK_TRIES) {
		if (in->tries == 1)
			job_progress(in->job, STAGE_store, err_text(e));
		err_free(e);
		(void)event_add(in->timer, &pause);
	} else {
		worker_disappoint(in->job, in->id, err_wrap(e, "store"));
	}
}

struct err *
storing_wait(struct install *in)
{
	struct monitor *m = in->job->m;
	struct timeval pause = { 0, m->is_crowded ? CROWD_MSECS * 1000 : 0 };

	in->timer = event_new(m->base, -1, 0, try_store, in);
	if (in->timer == NULL || event_add(in->timer, &pause) == -1)
		return err_new("certificate: out of memory");
	TAILQ_INSERT_TAIL(&m->installs, in, link);
	in->is_waiting = true;
	return NULL;
}

/* ---- ends ---- */

void
install_free(struct install *in)
{
	in->job->install = NULL;
	leave_queue(in);
	if (in->timer != NULL)
		event_free(in->timer);
	free(in->cert);
	free(in->chain);
	known_free(in->known);
	free(in);
}

void
install_cancel(struct job *j)
{
	if (j->install == NULL)
		return;
	j->install->is_orphan = true;
	if (!j->install->is_storing)
		install_free(j->install);
}

/* The loop runs no more. */
void
storing_end(struct monitor *m)
{
	struct fs_later *lists[COMMITS_MAX];
	struct err *errors[COMMITS_MAX];
	struct storing *g = m->storing;
	size_t i;

	if (g == NULL)
		return;
	do {
		fs_flush_all(lists, store_run_made(g->run, lists), errors);
		store_run_forced(g->run, errors);
	} while (store_run_step(g->run));
	store_run_end(g->run, g->what);
	store_unlock(m->store);
	m->storing = NULL;
	for (i = 0; i < g->n; i++) {
		g->list[i]->is_storing = false;
		if (g->what[i].error == NULL)
			audit_done(g->list[i], g->what[i].version);
		log_err(LOG_LEVEL_ERROR, g->what[i].error);
	}
	free(g);
}
