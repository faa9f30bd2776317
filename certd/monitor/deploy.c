/*
 * deploy.c - the deploy hooks of one certificate that was stored.
 *
 * Runs in:  certd (root; no network, no exec).
 * Promise:  once a certificate, after live/ shows it; in a dry run not at all.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "monitor.h"

static void
on_hooks(void *arg, struct err *e, bool over)
{
	struct job *j = arg;

	if (e != NULL)
		control_fact(j, "hook_failed", err_text(e));
	err_free(e);
	if (over)
		job_step_done(j, NULL);
}

/* The hook that was asked for, or that the renewal file or cli.ini names. */
static const char *
configured(const struct job *j)
{
	if (j->deploy_hook != NULL)
		return j->deploy_hook;
	if (j->files != NULL && *j->files->deploy_hook != '\0')
		return j->files->deploy_hook;
	return j->m->cfg->deploy_hook;
}

struct err *
deploy_run(struct job *j)
{
	struct hooks *h;
	struct err *e;

	if (!j->stored || j->dry_run) {
		job_step_done(j, NULL);
		return NULL;
	}
	if ((h = hooks_new(j->m, "deploy")) == NULL)
		return err_sys("deploy hooks");
	if ((e = hooks_add_folder(h)) != NULL ||
	    (e = hooks_add(h, configured(j))) != NULL ||
	    (j->live = path_of_lineage(j)) == NULL ||
	    (j->hook_names = names_text(j)) == NULL) {
		hooks_free(h);
		return e != NULL ? e : err_sys("deploy hooks");
	}
	if (hooks_count(h) > 0)
		job_progress(j, STAGE_hooks, "");
	hooks_run(h, &(struct hook_env) { j->live, j->hook_names, "" },
	    on_hooks, j);
	return NULL;
}
