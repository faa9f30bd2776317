/*
 * batch.c - the jobs of one request, with the pre hooks before the first and the
 * post hooks after the last.
 *
 * Runs in:  certd (root; no network, no exec).
 * Promise:  a failing job stops no other; pre and post hooks run once each, and
 *           only where there is something to do.
 */
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "log.h"
#include "monitor.h"

/* certbot cuts both lists at 16 KiB: one environment variable has a limit. */
#define NAMES_MAX_BYTES 16384

struct batch {
	TAILQ_ENTRY(batch) link;
	struct monitor *m;
	struct client *client;
	size_t running; /* jobs that have not ended, and we ourselves */
	struct hooks *pre, *post;
	struct buf *renewed, *failed; /* names, separated by spaces */
};

static void
free_batch(struct batch *b)
{
	TAILQ_REMOVE(&b->m->batches, b, link);
	hooks_free(b->pre);
	hooks_free(b->post);
	buf_free(b->renewed);
	buf_free(b->failed);
	free(b);
}

struct err *
batch_new(struct client *c, struct batch **out)
{
	struct monitor *m = client_monitor(c);
	struct batch *b = calloc(1, sizeof(*b));
	struct err *e = NULL;

	if (b == NULL)
		return err_sys("batch");
	jobs_tidy(m);
	b->m = m;
	b->client = c;
	b->running = 1; /* our own hand, until the pre hooks are over */
	TAILQ_INSERT_TAIL(&m->batches, b, link);
	b->pre = hooks_new(m, "pre");
	b->post = hooks_new(m, "post");
	b->renewed = buf_new(NAMES_MAX_BYTES);
	b->failed = buf_new(NAMES_MAX_BYTES);
	if (b->pre == NULL || b->post == NULL || b->renewed == NULL ||
	    b->failed == NULL)
		e = err_sys("batch");
	if (e != NULL || (e = hooks_add_folder(b->pre)) != NULL ||
	    (e = hooks_add_folder(b->post)) != NULL) {
		free_batch(b);
		return e;
	}
	client_hold(c);
	client_owe(c);
	*out = b;
	return NULL;
}

/* What was asked for, else what the renewal file says, else cli.ini. */
static const char *
choose(const char *asked, const char *kept, const char *usual)
{
	if (asked != NULL)
		return asked;
	return kept != NULL && *kept != '\0' ? kept : usual;
}

struct err *
batch_add(struct batch *b, struct job *j)
{
	const struct lineage *l = j->files;
	const struct config *cfg = b->m->cfg;
	struct err *e;

	if ((e = hooks_add(b->pre, choose(j->pre_hook,
	    l == NULL ? NULL : l->pre_hook, cfg->pre_hook))) != NULL ||
	    (e = hooks_add(b->post, choose(j->post_hook,
	    l == NULL ? NULL : l->post_hook, cfg->post_hook))) != NULL ||
	    (e = job_start(j)) != NULL)
		return e;
	j->batch = b;
	b->running++;
	client_follow(b->client, j);
	return NULL;
}

static void
say_failure(struct batch *b, struct err *e)
{
	if (e != NULL)
		client_fact(b->client, "hook_failed", err_text(e));
	err_free(e);
}

static void
on_post(void *arg, struct err *e, bool over)
{
	struct batch *b = arg;
	struct client *c = b->client;

	say_failure(b, e);
	if (!over)
		return;
	free_batch(b);
	client_settle(c);
	client_release(c);
}

static void
finish(struct batch *b)
{
	struct hooks *post = b->post;

	b->post = NULL;
	hooks_run(post, &(struct hook_env) { "", buf_data(b->renewed),
		buf_data(b->failed) }, on_post, b);
}

static void
on_pre(void *arg, struct err *e, bool over)
{
	struct batch *b = arg;
	struct job *j, *next;

	say_failure(b, e);
	if (!over)
		return;
	for (j = TAILQ_FIRST(&b->m->jobs); j != NULL; j = next) {
		next = TAILQ_NEXT(j, link);
		if (j->batch == b && !j->ending)
			job_run(j);
	}
	if (--b->running == 0)
		finish(b);
}

void
batch_go(struct batch *b)
{
	struct hooks *pre = b->pre;

	if (b->running == 1) { /* nothing to do: no hook runs */
		on_post(b, NULL, true);
		return;
	}
	b->pre = NULL;
	hooks_run(pre, &(struct hook_env) { "", "", "" }, on_pre, b);
}

void
batch_job_ended(struct job *j)
{
	struct batch *b = j->batch;
	struct buf *names = j->failure == NULL ? b->renewed : b->failed;
	char *text = names_text(j);

	/* Over 16 KiB the rest is left out, as certbot does. */
	if (text != NULL)
		err_free(buf_addf(names, "%s%s", buf_len(names) > 0 ? " " : "",
		    text));
	free(text);
	if (--b->running == 0)
		finish(b);
}

void
batches_free(struct monitor *m)
{
	struct batch *b, *next;

	for (b = TAILQ_FIRST(&m->batches); b != NULL; b = next) {
		next = TAILQ_NEXT(b, link);
		free_batch(b);
	}
}
