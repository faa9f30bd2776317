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
#define _GNU_SOURCE /* asprintf */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "log.h"
#include "monitor.h"
#include "roots.h"

#define HOOKS_MAX  256
#define LAST_BYTES 512
/* Every character of a path as '\'', and the quotes. */
#define QUOTED_BYTES (4 * (PATH_MAX + NAME_MAX + 2) + 3)

/* Commands, each once, and the run of them, one after the other. */
struct hooks {
	TAILQ_ENTRY(hooks) link; /* while it runs */
	bool runs;
	struct monitor *m;
	const char *kind; /* "pre", "deploy", "post" */
	struct command {
		char *text;   /* as it was written, or the path of a file */
		bool is_file; /* of renewal-hooks/ */
		char *refused; /* why it is not run; NULL: it is */
	} commands[HOOKS_MAX];
	size_t n, next;
	char last[LAST_BYTES]; /* the last line that the hook printed */
	struct hook_env env;
	const char *lineage; /* its name, for the audit; NULL: of several */
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

static void
free_command(struct command *c)
{
	free(c->text);
	free(c->refused);
}

void
hooks_free(struct hooks *h)
{
	size_t i;

	if (h == NULL)
		return;
	if (h->runs)
		TAILQ_REMOVE(&h->m->hook_runs, h, link);
	for (i = 0; i < h->n; i++)
		free_command(&h->commands[i]);
	free(h);
}

static struct err *
add(struct hooks *h, const char *command, bool is_file)
{
	if (hooks_has(h, command))
		return NULL; /* not twice */
	if (h->n == HOOKS_MAX)
		return err_new("more than %d %s hooks", HOOKS_MAX, h->kind);
	if ((h->commands[h->n].text = strdup(command)) == NULL)
		return err_sys("%s hook", h->kind);
	h->commands[h->n].refused = NULL;
	h->commands[h->n++].is_file = is_file;
	return NULL;
}

/* Who can change the file that a command stands in would be root with it. */
static struct err *
check_file(struct hooks *h, const char *lineage)
{
	char path[PATH_MAX], weak[PATH_MAX];
	struct command *c = &h->commands[h->n - 1];

	(void)snprintf(path, sizeof(path), "%s/renewal/%s.conf",
	    store_path(h->m->store), lineage);
	if (path_is_roots(path, weak))
		return NULL;
	return asprintf(&c->refused, "not run: it stands in %s, and others "
	    "than root can change %s (chown root: and chmod go-w it)", path,
	    weak) == -1 ? err_sys("%s hook", h->kind) : NULL;
}

struct err *
hooks_add_chosen(struct hooks *h, const char *lineage, const char *asked,
    const char *kept, const char *usual)
{
	bool is_kept = asked == NULL && *kept != '\0';
	const char *command = asked != NULL ? asked : is_kept ? kept : usual;
	size_t before = h->n;
	struct err *e;

	if (*command == '\0')
		return NULL;
	if ((e = add(h, command, false)) != NULL)
		return e;
	return is_kept && h->n > before ? check_file(h, lineage) : NULL;
}

bool
hooks_has(const struct hooks *h, const char *command)
{
	size_t i;

	for (i = 0; i < h->n; i++)
		if (strcmp(h->commands[i].text, command) == 0)
			return true;
	return false;
}

void
hooks_keep(struct hooks *h, bool (*keep)(void *arg, const char *command),
    void *arg)
{
	size_t i, n = 0;

	for (i = 0; i < h->n; i++) {
		if (keep(arg, h->commands[i].text))
			h->commands[n++] = h->commands[i];
		else
			free_command(&h->commands[i]);
	}
	h->n = n;
}

struct err *
hooks_each(const struct hooks *h, struct err *(*fn)(void *arg,
    const char *command), void *arg)
{
	struct err *e = NULL;
	size_t i;

	for (i = 0; i < h->n && e == NULL; i++)
		e = fn(arg, h->commands[i].text);
	return e;
}

size_t
hooks_count(const struct hooks *h)
{
	return h->n;
}

/* certbot's rule: executable files, not ending in "~", links allowed. Whether
 * others than root could change it is seen by who runs it, right before. */
static bool
is_hook(const char *path, const char *name)
{
	size_t n = strlen(name);
	struct stat st;

	return n > 0 && name[n - 1] != '~' && stat(path, &st) == 0 &&
	    S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0;
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
			e = add(h, path, true);
		free(list[i]);
	}
	free(list);
	return e;
}

/* One has ended, well or not: its line in the audit, then the next. */
static void
ended(struct hooks *h, struct err *e)
{
	const char *command = h->commands[h->next++].text;

	audit_certd(h->m, h->lineage == NULL ? "" : h->lineage, "hook",
	    e == NULL ? "done" : "failed", "%s hook %s%s%s", h->kind, command,
	    e == NULL ? "" : ": ", e == NULL ? "" : err_text(e));
	e = err_wrap(e, "%s hook %s", h->kind, command);
	h->done(h->arg, command, e);
	run_next(h);
}

static void
on_hook(void *arg, const struct msg *answer, struct err *e)
{
	struct hooks *h = arg;
	const char *command = h->commands[h->next].text;

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

/* A path as the shell takes it for one word, whatever is in it. */
static void
quote(const char *path, char out[QUOTED_BYTES])
{
	char *to = out;

	*to++ = '\'';
	for (; *path != '\0'; path++) {
		if (*path == '\'') {
			*to++ = '\'';
			*to++ = '\\';
			*to++ = '\'';
		}
		*to++ = *path;
	}
	*to++ = '\'';
	*to = '\0';
}

static void
run_next(struct hooks *h)
{
	struct msg m = { .type = MSG_hook_run };
	const struct command *c = &h->commands[h->next];
	char quoted[QUOTED_BYTES];
	struct err *e;

	if (h->next == h->n) {
		h->done(h->arg, NULL, NULL);
		hooks_free(h);
		return;
	}
	if (c->refused != NULL) {
		ended(h, err_new("%s", c->refused));
		return;
	}
	audit_certd(h->m, h->lineage == NULL ? "" : h->lineage, "hook", "begun",
	    "%s hook %s", h->kind, c->text);
	if ((e = audit_ready(h->m)) != NULL) {
		ended(h, e);
		return;
	}
	*h->last = '\0';
	if (c->is_file)
		quote(c->text, quoted);
	m.hook_run.command = str_of(c->is_file ? quoted : c->text);
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
	if (*env->lineage != '\0' && (h->lineage = strrchr(env->lineage,
	    '/')) != NULL)
		h->lineage++;
	h->done = done;
	h->arg = arg;
	h->runs = true;
	TAILQ_INSERT_TAIL(&h->m->hook_runs, h, link);
	run_next(h);
}

void
hooks_leave(struct monitor *m)
{
	struct hooks *h;

	while ((h = TAILQ_FIRST(&m->hook_runs)) != NULL) {
		TAILQ_REMOVE(&m->hook_runs, h, link);
		h->runs = false;
		hooks_free(h);
	}
}
