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
	bool has_jobs;  /* otherwise neither pre nor post hooks run */
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
batch_new(struct client *c, bool no_folder, struct batch **out)
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
	if (e == NULL && !no_folder &&
	    (e = hooks_add_folder(b->pre)) == NULL)
		e = hooks_add_folder(b->post);
	if (e != NULL) {
		free_batch(b);
		return e;
	}
	client_hold(c);
	client_owe(c);
	*out = b;
	return NULL;
}

struct err *
batch_add(struct batch *b, struct job *j)
{
	const struct lineage *l = j->files;
	const struct config *cfg = b->m->cfg;
	struct err *e;

	if ((e = hooks_add_chosen(b->pre, j->lineage, j->pre_hook,
	    l == NULL ? "" : l->pre_hook, cfg->pre_hook)) != NULL ||
	    (e = hooks_add_chosen(b->post, j->lineage, j->post_hook,
	    l == NULL ? "" : l->post_hook, cfg->post_hook)) != NULL ||
	    (e = job_start(j)) != NULL)
		return e;
	j->batch = b;
	b->has_jobs = true;
	b->running++;
	client_follow(b->client, j);
	return NULL;
}

static void
say_failure(struct batch *b, struct err *e)
{
	if (e != NULL)
		client_hook_failed(b->client, "", e, false);
	err_free(e);
}

static void
on_post(void *arg, const char *command, struct err *e)
{
	struct batch *b = arg;
	struct client *c = b->client;

	say_failure(b, e);
	if (command != NULL)
		return;
	free_batch(b);
	client_settle(c);
	client_release(c);
}

static void
finish(struct batch *b)
{
	struct hooks *post = b->post;

	if (!b->has_jobs) {
		on_post(b, NULL, NULL);
		return;
	}
	b->post = NULL;
	hooks_run(post, &(struct hook_env) { "", buf_data(b->renewed),
		buf_data(b->failed) }, on_post, b);
}

/* A job, or a deployment, has ended. */
static void
one_less(struct batch *b)
{
	if (--b->running == 0)
		finish(b);
}

static void
on_pre(void *arg, const char *command, struct err *e)
{
	struct batch *b = arg;
	struct job *j, *next;

	say_failure(b, e);
	if (command != NULL)
		return;
	for (j = TAILQ_FIRST(&b->m->jobs); j != NULL; j = next) {
		next = TAILQ_NEXT(j, link);
		if (j->batch == b && !j->ending)
			job_run(j);
	}
	one_less(b);
}

/* ---- owed deploy hooks ---- */

struct redeploy {
	struct batch *batch;
	char lineage[];
};

static void
on_redeploy(void *arg, const struct err *e, size_t run, size_t failed)
{
	struct redeploy *r = arg;
	struct client *c = r->batch->client;
	struct msg m = { .type = MSG_deployed };

	if (e != NULL) {
		client_hook_failed(c, r->lineage, e, true);
		return;
	}
	if (run > 0) {
		m.deployed.lineage = str_of(r->lineage);
		m.deployed.run = (uint32_t)run;
		m.deployed.failed = (uint32_t)failed;
		client_send(c, &m);
	}
	one_less(r->batch);
	free(r);
}

struct err *
batch_redeploy(struct batch *b, const struct entry *x, bool no_folder)
{
	struct redeploy *r = calloc(1, sizeof(*r) + strlen(x->lineage) + 1);
	char *names = entry_names_text(x);
	struct deploy d = { .lineage = x->lineage, .names = names,
		.kept = x->files->deploy_hook, .no_folder = no_folder, .owed_only = true,
		.drop = free };
	struct err *e;

	if (r == NULL || names == NULL) {
		e = err_sys("deploy hooks");
	} else {
		r->batch = b;
		(void)strcpy(r->lineage, x->lineage);
		e = deploy_start(b->m, &d, on_redeploy, r);
	}
	free(names);
	if (e == NULL)
		b->running++;
	else
		free(r);
	return e;
}

void
batch_go(struct batch *b)
{
	struct hooks *pre = b->pre;

	if (!b->has_jobs) {
		one_less(b);
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
	one_less(b);
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
