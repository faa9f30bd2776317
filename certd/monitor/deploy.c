/*
 * deploy.c - deploy hooks: which, and with what in their environment. They run
 * in certd-hook.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    the folder renewal-hooks/deploy, the renewal file, what root gave on
 *           the command line.
 * Promise:  what runs as root is a file that only root can change, or a text
 *           that root wrote; a failing hook is reported and undoes nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "buf.h"
#include "log.h"
#include "monitor.h"

#define HOOKS_MAX   64
#define LAST_BYTES  512

/* The hooks of one job, run one after the other. */
struct deployment {
	struct job *job;
	char *commands[HOOKS_MAX];
	size_t n, next;
	char lineage[PATH_MAX];
	struct buf *names;
	char last[LAST_BYTES]; /* the last line that the hook printed */
};

static void run_next(struct deployment *d);

/* certbot's rule: executable files, not ending in "~", links allowed. */
static bool
is_hook(const char *path, const char *name)
{
	size_t n = strlen(name);
	struct stat st;

	if (n == 0 || name[n - 1] == '~' || stat(path, &st) == -1 ||
	    !S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0)
		return false;
	if (st.st_uid == 0 && (st.st_mode & 002) == 0 &&
	    ((st.st_mode & 020) == 0 || st.st_gid == 0))
		return true;
	log_error("hook %s is not run: others than root can change it (chown "
	    "root: and chmod go-w it)", path);
	return false;
}

static int
not_hidden_folder(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

static int
bytewise(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static struct err *
add(struct deployment *d, const char *command)
{
	size_t i;

	if (command == NULL || *command == '\0')
		return NULL;
	for (i = 0; i < d->n; i++)
		if (strcmp(d->commands[i], command) == 0)
			return NULL; /* not twice */
	if (d->n == HOOKS_MAX)
		return err_new("more than %d deploy hooks", HOOKS_MAX);
	if ((d->commands[d->n] = strdup(command)) == NULL)
		return err_sys("deploy hook");
	d->n++;
	return NULL;
}

static struct err *
add_folder(struct deployment *d)
{
	char folder[PATH_MAX], path[PATH_MAX + NAME_MAX + 2];
	struct dirent **list;
	struct err *e = NULL;
	int i, n;

	(void)snprintf(folder, sizeof(folder), "%s/renewal-hooks/deploy",
	    store_path(d->job->m->store));
	if ((n = scandir(folder, &list, not_hidden_folder, bytewise)) == -1)
		return errno == ENOENT ? NULL : err_sys("%s", folder);
	for (i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder,
		    list[i]->d_name);
		if (e == NULL && is_hook(path, list[i]->d_name))
			e = add(d, path);
		free(list[i]);
	}
	free(list);
	return e;
}

static void
finish(struct deployment *d)
{
	struct job *j = d->job;
	size_t i;

	for (i = 0; i < d->n; i++)
		free(d->commands[i]);
	buf_free(d->names);
	free(d);
	job_step_done(j, NULL);
}

static void
on_hook(void *arg, const struct msg *answer, struct err *e)
{
	struct deployment *d = arg;
	struct job *j = d->job;
	const char *command = d->commands[d->next];

	if (answer != NULL && answer->type == MSG_hook_output) {
		(void)snprintf(d->last, sizeof(d->last), "%.*s",
		    (int)answer->hook_output.line.n,
		    answer->hook_output.line.p);
		log_info("job %u (%s): hook %s: %s", j->id, j->lineage,
		    command, d->last);
		return;
	}
	job_release(j);
	if (e == NULL && answer->hook_exit.timed_out)
		e = err_new("not done after %u s, ended",
		    j->m->cfg->hook_timeout_secs);
	else if (e == NULL && answer->hook_exit.status != 0)
		e = err_new("exit status %u%s%s", answer->hook_exit.status,
		    *d->last == '\0' ? "" : ": ", d->last);
	log_audit("job %u (%s): hook %s: %s", j->id, j->lineage, command,
	    e == NULL ? "done" : err_text(e));
	if (e != NULL) {
		e = err_wrap(e, "deploy hook %s", command);
		control_fact(j, "hook_failed", err_text(e));
		err_free(e);
	}
	d->next++;
	run_next(d);
}

static void
run_next(struct deployment *d)
{
	struct job *j = d->job;
	struct msg m = { .type = MSG_hook_run };
	struct err *e = NULL;

	if (d->next == d->n) {
		finish(d);
		return;
	}
	*d->last = '\0';
	m.hook_run.command = str_of(d->commands[d->next]);
	m.hook_run.lineage = str_of(d->lineage);
	m.hook_run.renewed = str_of(buf_data(d->names));
	m.hook_run.failed = str_of("");
	m.hook_run.timeout_secs = j->m->cfg->hook_timeout_secs;
	job_hold(j);
	if (j->m->hook == NULL)
		e = err_new("no hook runner");
	else
		e = peer_ask(j->m->hook, &m, -1, MSG_hook_exit, on_hook, d);
	if (e == NULL)
		return;
	job_release(j);
	log_err(LOG_LEVEL_ERROR, err_wrap(e, "deploy hook %s",
	    d->commands[d->next]));
	finish(d);
}

struct err *
deploy_run(struct job *j)
{
	struct deployment *d;
	struct err *e = NULL;
	size_t i;

	if (!j->stored) {
		job_step_done(j, NULL);
		return NULL;
	}
	if ((d = calloc(1, sizeof(*d))) == NULL ||
	    (d->names = buf_new(16384)) == NULL) {
		free(d);
		return err_sys("deploy hooks");
	}
	d->job = j;
	(void)snprintf(d->lineage, sizeof(d->lineage), "%s/live/%s",
	    store_path(j->m->store), j->lineage);
	for (i = 0; i < j->n_names && e == NULL; i++)
		e = buf_addf(d->names, "%s%s", i == 0 ? "" : " ",
		    j->names[i]);
	err_free(e); /* certbot too cuts the list at 16 KiB */
	e = add_folder(d);
	if (e == NULL)
		e = add(d, j->deploy_hook != NULL ? j->deploy_hook :
		    j->files != NULL && *j->files->deploy_hook != '\0' ?
		    j->files->deploy_hook : j->m->cfg->deploy_hook);
	log_err(LOG_LEVEL_ERROR, e);
	run_next(d);
	return NULL;
}
