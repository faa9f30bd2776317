/*
 * hooks.c - which hooks run, in which order and with what in their environment.
 * They run in certd-hook.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    the folders renewal-hooks/{pre,deploy,post}, renewal files, what root
 *           gave on the command line.
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

#include "log.h"
#include "monitor.h"

#define HOOKS_MAX  256
#define LAST_BYTES 512

/* Commands, each once, and the run of them, one after the other. */
struct hooks {
	struct monitor *m;
	const char *kind; /* "pre", "deploy", "post" */
	char *commands[HOOKS_MAX];
	size_t n, next;
	char last[LAST_BYTES]; /* the last line that the hook printed */
	struct hook_env env;
	hooks_done *done;
	void *arg;
};

static void run_next(struct hooks *h);

struct hooks *
hooks_new(struct monitor *m, const char *kind)
{
	struct hooks *h = calloc(1, sizeof(*h));

	if (h != NULL) {
		h->m = m;
		h->kind = kind;
	}
	return h;
}

void
hooks_free(struct hooks *h)
{
	size_t i;

	if (h == NULL)
		return;
	for (i = 0; i < h->n; i++)
		free(h->commands[i]);
	free(h);
}

struct err *
hooks_add(struct hooks *h, const char *command)
{
	size_t i;

	if (command == NULL || *command == '\0')
		return NULL;
	for (i = 0; i < h->n; i++)
		if (strcmp(h->commands[i], command) == 0)
			return NULL; /* not twice */
	if (h->n == HOOKS_MAX)
		return err_new("more than %d %s hooks", HOOKS_MAX, h->kind);
	if ((h->commands[h->n] = strdup(command)) == NULL)
		return err_sys("%s hook", h->kind);
	h->n++;
	return NULL;
}

size_t
hooks_count(const struct hooks *h)
{
	return h->n;
}

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
bytewise(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

struct err *
hooks_add_folder(struct hooks *h)
{
	char folder[PATH_MAX], path[PATH_MAX + NAME_MAX + 2];
	struct dirent **list;
	struct err *e = NULL;
	int i, n;

	(void)snprintf(folder, sizeof(folder), "%s/renewal-hooks/%s",
	    store_path(h->m->store), h->kind);
	if ((n = scandir(folder, &list, NULL, bytewise)) == -1)
		return errno == ENOENT ? NULL : err_sys("%s", folder);
	for (i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder,
		    list[i]->d_name);
		if (e == NULL && is_hook(path, list[i]->d_name))
			e = hooks_add(h, path);
		free(list[i]);
	}
	free(list);
	return e;
}

/* One has ended, well or not: its line in the audit, then the next. */
static void
ended(struct hooks *h, struct err *e)
{
	const char *command = h->commands[h->next++];

	log_audit("%s hook %s: %s", h->kind, command,
	    e == NULL ? "done" : err_text(e));
	e = err_wrap(e, "%s hook %s", h->kind, command);
	if (e != NULL)
		h->done(h->arg, e, false);
	run_next(h);
}

static void
on_hook(void *arg, const struct msg *answer, struct err *e)
{
	struct hooks *h = arg;
	const char *command = h->commands[h->next];

	if (answer == NULL) {
		ended(h, e);
		return;
	}
	if (answer->type == MSG_hook_output) {
		(void)snprintf(h->last, sizeof(h->last), "%.*s",
		    (int)answer->hook_output.line.n,
		    answer->hook_output.line.p);
		log_info("%s hook %s: %s", h->kind, command, h->last);
		return;
	}
	if (answer->hook_exit.timed_out)
		e = err_new("not done after %u s, ended",
		    h->m->cfg->hook_timeout_secs);
	else if (answer->hook_exit.status != 0)
		e = err_new("exit status %u%s%s", answer->hook_exit.status,
		    *h->last == '\0' ? "" : ": ", h->last);
	ended(h, e);
}

static void
run_next(struct hooks *h)
{
	struct msg m = { .type = MSG_hook_run };
	struct err *e;

	if (h->next == h->n) {
		h->done(h->arg, NULL, true);
		hooks_free(h);
		return;
	}
	*h->last = '\0';
	m.hook_run.command = str_of(h->commands[h->next]);
	m.hook_run.lineage = str_of(h->env.lineage);
	m.hook_run.renewed = str_of(h->env.renewed);
	m.hook_run.failed = str_of(h->env.failed);
	m.hook_run.timeout_secs = h->m->cfg->hook_timeout_secs;
	e = h->m->hook == NULL ? err_new("no hook runner is connected") :
	    peer_ask(h->m->hook, &m, -1, MSG_hook_exit, on_hook, h);
	if (e != NULL)
		ended(h, e);
}

void
hooks_run(struct hooks *h, const struct hook_env *env, hooks_done *done,
    void *arg)
{
	h->env = *env;
	h->done = done;
	h->arg = arg;
	run_next(h);
}
