/*
 * deploy.c - the deploy hooks of a certificate, one certificate after the
 * other.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    how hooks end; what the ledger says is owed.
 * Promise:  a hook is owed, on disk, before it is begun, until it has ended
 *           well; a hook that has ended well does not run again for the same
 *           certificate; in a dry run none runs.
 */
#define _GNU_SOURCE /* asprintf */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "monitor.h"

struct deployment {
	TAILQ_ENTRY(deployment) link;
	struct monitor *m;
	char *lineage, *live, *names, *asked, *kept;
	bool no_folder, owed_only;
	struct job *job;
	size_t run, failed;
	deploy_done *done;
	void (*drop)(void *arg);
	void *arg;
	struct event *turn;
};

static void
free_deployment(struct deployment *d)
{
	if (d->turn != NULL)
		event_free(d->turn);
	free(d->lineage);
	free(d->live);
	free(d->names);
	free(d->asked);
	free(d->kept);
	free(d);
}

/* The next one begins from the event loop. */
static void
give_turn(struct monitor *m)
{
	struct deployment *d = TAILQ_FIRST(&m->deployments);

	if (d != NULL)
		event_active(d->turn, EV_TIMEOUT, 0);
}

static void
finish(struct deployment *d)
{
	struct monitor *m = d->m;

	TAILQ_REMOVE(&m->deployments, d, link);
	d->done(d->arg, NULL, d->run, d->failed);
	free_deployment(d);
	give_turn(m);
}

/* What must not be forgotten is on disk before anybody is told. */
static void
on_hook(void *arg, const char *command, struct err *e)
{
	struct deployment *d = arg;
	struct ledger *l = d->m->ledger;

	if (command == NULL) {
		finish(d);
		return;
	}
	d->run++;
	if (e == NULL) {
		log_err(LOG_LEVEL_ERROR, ledger_owed_remove(l, d->lineage,
		    command));
		return;
	}
	d->failed++;
	log_error("%s: %s", d->lineage, err_text(e));
	log_err(LOG_LEVEL_ERROR, ledger_owed_failed(l, d->lineage, command,
	    time(NULL), err_text(e)));
	d->done(d->arg, e, d->run, d->failed);
	err_free(e);
}

/* ---- which of them ---- */

static struct err *
list(struct deployment *d, struct hooks *h)
{
	struct err *e = NULL;

	if (!d->no_folder)
		e = hooks_add_folder(h);
	if (e == NULL)
		e = hooks_add_chosen(h, d->lineage, d->asked, d->kept,
		    d->m->cfg->deploy_hook);
	return e;
}

/* Only those that are owed, where no others are wanted; those that are owed and
 * configured no more are forgotten. */
static struct err *
narrow(struct deployment *d, struct hooks *h)
{
	struct owed_list owed;
	struct err *e = owed_read(d->m, d->lineage, &owed);

	if (e == NULL && !owed.all)
		hooks_keep(h, owed_has, &owed);
	if (e == NULL && !d->no_folder)
		e = owed_forget(d->m, &owed, h);
	owed_clear(&owed);
	return e;
}

static struct err *
owe(void *arg, const char *command)
{
	const struct deployment *d = arg;

	return ledger_owed_add(d->m->ledger, d->lineage, command);
}

/* All in one go: a crash leaves either "none was begun" or the whole list. */
static struct err *
note(struct deployment *d, const struct hooks *h)
{
	struct ledger *l = d->m->ledger;
	struct err *e;

	/* Without a hook nothing is lost by a power cut. */
	e = hooks_count(h) > 0 ? ledger_begin(l) : ledger_begin_lazy(l);
	if (e != NULL)
		return e;
	if (!d->owed_only)
		e = ledger_owed_clear(l, d->lineage);
	else
		e = ledger_owed_remove(l, d->lineage, OWED_ALL);
	if (e == NULL)
		e = hooks_each(h, owe, d);
	if (e == NULL && d->job != NULL && !d->owed_only) {
		d->job->deploying = true;
		e = job_save(d->job);
	}
	return ledger_end(l, e);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct deployment *d = arg;
	struct hooks *h = hooks_new(d->m, "deploy");
	struct err *e;

	(void)fd;
	(void)what;
	if (h == NULL)
		e = err_sys("deploy hooks");
	else if ((e = list(d, h)) == NULL && d->owed_only)
		e = narrow(d, h);
	if (e == NULL)
		e = note(d, h);
	if (e != NULL) {
		hooks_free(h);
		d->failed++;
		e = err_wrap(e, "deploy hooks");
		log_error("%s: %s", d->lineage, err_text(e));
		d->done(d->arg, e, d->run, d->failed);
		err_free(e);
		finish(d);
		return;
	}
	if (d->job != NULL && hooks_count(h) > 0)
		job_progress(d->job, STAGE_hooks, "");
	hooks_run(h, &(struct hook_env) { d->live, d->names, "" }, on_hook, d);
}

/* The folder in live/; heap. */
static char *
live_path(const struct monitor *m, const char *lineage)
{
	char *path;

	return asprintf(&path, "%s/live/%s", store_path(m->store),
	    lineage) == -1 ? NULL : path;
}

struct err *
deploy_start(struct monitor *m, const struct deploy *what, deploy_done *done,
    void *arg)
{
	struct deployment *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return err_sys("deploy hooks");
	d->m = m;
	d->job = what->job;
	d->no_folder = what->no_folder;
	d->owed_only = what->owed_only;
	d->done = done;
	d->drop = what->drop;
	d->arg = arg;
	d->lineage = strdup(what->lineage);
	d->live = live_path(m, what->lineage);
	d->names = strdup(what->names);
	d->kept = strdup(what->kept);
	d->asked = what->asked == NULL ? NULL : strdup(what->asked);
	d->turn = event_new(m->base, -1, 0, on_turn, d);
	if (d->lineage == NULL || d->live == NULL || d->names == NULL ||
	    d->kept == NULL || d->turn == NULL ||
	    (d->asked == NULL && what->asked != NULL)) {
		free_deployment(d);
		return err_sys("deploy hooks");
	}
	TAILQ_INSERT_TAIL(&m->deployments, d, link);
	if (TAILQ_FIRST(&m->deployments) == d)
		give_turn(m);
	return NULL;
}

bool
deploy_is_running(const struct monitor *m, const char *lineage)
{
	const struct deployment *d;

	TAILQ_FOREACH(d, &m->deployments, link)
		if (strcmp(d->lineage, lineage) == 0)
			return true;
	return false;
}

void
deploys_free(struct monitor *m)
{
	struct deployment *d;

	while ((d = TAILQ_FIRST(&m->deployments)) != NULL) {
		TAILQ_REMOVE(&m->deployments, d, link);
		if (d->drop != NULL)
			d->drop(d->arg);
		free_deployment(d);
	}
}

/* ---- the step of a job ---- */

static void
on_deploy(void *arg, const struct err *e, size_t run, size_t failed)
{
	struct job *j = arg;

	(void)run;
	(void)failed;
	if (e != NULL)
		control_hook_failed(j, e, true);
	else
		job_step_done(j, NULL);
}

struct err *
deploy_run(struct job *j)
{
	struct deploy d = { .lineage = j->lineage, .asked = j->deploy_hook,
		.kept = j->files == NULL ? "" : j->files->deploy_hook,
		.no_folder = j->no_folder_hooks, .job = j };
	char *names;
	struct err *e;

	/* A renewal that failed has still deployed nothing of what was owed. */
	d.owed_only = j->deploying || /* since before a crash */
	    (!j->stored && j->renews && owed_any(j->m, j->lineage));
	if (j->dry_run || (!j->stored && !d.owed_only)) {
		job_step_done(j, NULL);
		return NULL;
	}
	if ((names = names_text(j)) == NULL)
		return err_sys("deploy hooks");
	d.names = names;
	e = deploy_start(j->m, &d, on_deploy, j);
	free(names);
	return e;
}
