/*
 * hook_check.c - whether the hooks that a request gives could be run, asked
 * before anything begins: a slip of the finger in --deploy-hook should not
 * show only when the certificate is there.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    what root gave on the command line; the hook runner's opinion.
 * Promise:  nothing is run; --disable-hook-validation is obeyed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor.h"

#define WHY_BYTES 2048

/* The hooks of a request, checked one after the other. */
struct check {
	struct monitor *m;
	const struct request *request;
	size_t next;
	char why[WHY_BYTES]; /* of the one that is looked at */
	void (*done)(void *arg, struct err *e);
	void *arg;
};

static const struct {
	enum request_option option;
	const char *word;
} hooks[] = {
	{ OPTION_pre_hook, "pre-hook" },
	{ OPTION_post_hook, "post-hook" },
	{ OPTION_deploy_hook, "deploy-hook" },
};
#define HOOKS_N (sizeof(hooks) / sizeof(hooks[0]))

static void check_next(struct check *k);

static void
end(struct check *k, struct err *e)
{
	void (*done)(void *, struct err *) = k->done;
	void *arg = k->arg;

	free(k);
	done(arg, e);
}

static void
on_answer(void *arg, const struct msg *answer, struct err *e)
{
	struct check *k = arg;
	size_t n = strlen(k->why);

	if (answer != NULL && answer->type == MSG_hook_output) {
		(void)snprintf(k->why + n, sizeof(k->why) - n, "%.*s",
		    (int)answer->hook_output.line.n,
		    answer->hook_output.line.p);
		return;
	}
	if (answer != NULL && answer->hook_exit.status != 0)
		e = err_advise(err_new("--%s: %s", hooks[k->next].word,
		    k->why), "--disable-hook-validation takes it as it is");
	k->next++;
	if (e != NULL)
		end(k, e);
	else
		check_next(k);
}

/* Where no hook runner is connected yet, nobody can say. */
static void
check_next(struct check *k)
{
	struct msg m = { .type = MSG_hook_check };
	const char *command = NULL;
	struct err *e;

	for (; k->next < HOOKS_N; k->next++)
		if ((command = request_option(k->request,
		    hooks[k->next].option)) != NULL && *command != '\0')
			break;
	if (k->next == HOOKS_N || k->m->hook == NULL) {
		end(k, NULL);
		return;
	}
	*k->why = '\0';
	m.hook_check.command = str_of(command);
	if ((e = peer_ask(k->m->hook, &m, -1, MSG_hook_exit, on_answer,
	    k)) != NULL)
		end(k, e);
}

void
hooks_check(struct client *c, const struct request *r,
    void (*done)(void *arg, struct err *e), void *arg)
{
	struct monitor *m = client_monitor(c);
	struct check *k;

	if (m->cfg->no_hook_validation ||
	    request_option(r, OPTION_disable_hook_validation) != NULL) {
		done(arg, NULL);
		return;
	}
	if ((k = calloc(1, sizeof(*k))) == NULL) {
		done(arg, err_sys("hooks"));
		return;
	}
	k->m = m;
	k->request = r;
	k->done = done;
	k->arg = arg;
	check_next(k);
}
