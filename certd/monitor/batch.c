/*
 * batch.c - the jobs of one request, with the pre hooks before the first and the
 * post hooks after the last, even where certd ends in between.
 *
 * Runs in:  certd (root; no network, no exec).
 * Promise:  a failing job stops no other; pre and post hooks run once each, and
 *           only where there is something to do. Once the pre hooks have begun,
 *           the post hooks run: a crash may have a hook run twice, never not at
 *           all.
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
	struct client *client; /* NULL: an earlier run of certd was asked */
	uint32_t id;	/* the number of its first job */
	size_t running; /* jobs that have not ended, and we ourselves */
	bool has_jobs;  /* otherwise neither pre nor post hooks run */
	bool is_prepared; /* the pre hooks are over */
	uint32_t *kept; /* jobs that have ended and have a row in the ledger */
	size_t n_kept;
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
	free(b->kept);
	free(b);
}

static struct err *
make_batch(struct monitor *m, bool no_folder, struct batch **out)
{
	struct batch *b = calloc(1, sizeof(*b));
	struct err *e = NULL;

	if (b == NULL)
		return err_sys("batch");
	b->m = m;
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
	*out = b;
	return NULL;
}

struct err *
batch_new(struct client *c, bool no_folder, struct batch **out)
{
	struct err *e;

	if ((e = make_batch(client_monitor(c), no_folder, out)) != NULL)
		return e;
	(*out)->client = c;
	client_hold(c);
	client_owe(c);
	return NULL;
}

static struct err *
add_hooks(struct batch *b, const struct job *j)
{
	const struct lineage *l = j->files;
	const struct config *cfg = b->m->cfg;
	struct err *e;

	if ((e = hooks_add_chosen(b->pre, j->lineage, j->pre_hook,
	    l == NULL ? "" : l->pre_hook, cfg->pre_hook)) == NULL)
		e = hooks_add_chosen(b->post, j->lineage, j->post_hook,
		    l == NULL ? "" : l->post_hook, cfg->post_hook);
	return e;
}

struct err *
batch_add(struct batch *b, struct job *j)
{
	struct err *e;

	j->batch_id = b->id;
	if ((e = repeat_forbids(j)) != NULL || (e = add_hooks(b, j)) != NULL ||
	    (e = job_start(j)) != NULL)
		return e;
	if (b->id == 0)
		b->id = j->id;
	j->batch = b;
	b->has_jobs = true;
	b->running++;
	client_follow(b->client, j);
	return NULL;
}

static void
say_failure(struct batch *b, struct err *e)
{
	if (e != NULL && b->client != NULL)
		client_hook_failed(b->client, "", e, false);
	err_free(e);
}

/* The post hooks have run: nothing of the batch is needed any more. */
static void
forget_kept(struct batch *b)
{
	struct err *e = ledger_begin(b->m->ledger);
	size_t i;

	if (e == NULL) {
		for (i = 0; e == NULL && i < b->n_kept; i++)
			e = ledger_job_remove(b->m->ledger, b->kept[i]);
		e = ledger_end(b->m->ledger, e);
	}
	log_err(LOG_LEVEL_ERROR, e); /* jobs_tidy() comes by */
}

static void
on_post(void *arg, const char *command, struct err *e)
{
	struct batch *b = arg;
	struct client *c = b->client;

	say_failure(b, e);
	if (command != NULL)
		return;
	if (b->n_kept > 0)
		forget_kept(b);
	free_batch(b);
	if (c == NULL)
		return;
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

/* From here on a crash must not run the pre hooks again. */
static void
note_prepared(struct batch *b)
{
	struct err *e = ledger_begin(b->m->ledger);
	struct job *j;

	b->is_prepared = true;
	if (e != NULL) {
		log_err(LOG_LEVEL_WARN, e);
		return;
	}
	TAILQ_FOREACH(j, &b->m->jobs, link) {
		if (e != NULL || j->batch != b)
			continue;
		j->is_prepared = true;
		e = job_save(j);
	}
	log_err(LOG_LEVEL_WARN, ledger_end(b->m->ledger, e));
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
	if (hooks_count(b->post) > 0 && !b->is_prepared)
		note_prepared(b);
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
		.kept = x->files->deploy_hook, .no_folder = no_folder,
		.owed_only = true, .drop = free };
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

/* Over 16 KiB the rest is left out, as certbot does. */
static void
add_names(struct buf *names, const char *text)
{
	err_free(buf_addf(names, "%s%s", buf_len(names) > 0 ? " " : "", text));
}

static struct err *
keep(struct batch *b, uint32_t job)
{
	uint32_t *kept = reallocarray(b->kept, b->n_kept + 1, sizeof(*kept));

	if (kept == NULL)
		return err_sys("batch");
	b->kept = kept;
	b->kept[b->n_kept++] = job;
	return NULL;
}

bool
batch_keeps(const struct job *j)
{
	return j->batch != NULL && hooks_count(j->batch->post) > 0;
}

void
batch_job_ended(struct job *j, bool kept)
{
	struct batch *b = j->batch;
	char *text = names_text(j);

	if (kept)
		log_err(LOG_LEVEL_WARN, keep(b, j->id));
	if (text != NULL)
		add_names(j->failure == NULL ? b->renewed : b->failed, text);
	free(text);
	one_less(b);
}

/* ---- what an earlier run of certd was asked for ---- */

static struct err *
find_or_make(const struct job *j, struct batch **out)
{
	uint32_t id = j->batch_id == 0 ? j->id : j->batch_id;
	struct monitor *m = j->m;
	struct batch *b;
	struct err *e;

	TAILQ_FOREACH(b, &m->batches, link)
		if (b->id == id) {
			*out = b;
			return NULL;
		}
	if ((e = make_batch(m, j->no_folder_hooks, out)) == NULL)
		(*out)->id = id;
	return e;
}

struct err *
batch_resume(struct job *j)
{
	struct batch *b;
	struct err *e;

	if ((e = find_or_make(j, &b)) != NULL || (e = add_hooks(b, j)) != NULL)
		return e;
	b->is_prepared |= j->is_prepared;
	if ((e = job_resume(j)) != NULL)
		return e;
	j->batch = b;
	b->has_jobs = true;
	b->running++;
	return NULL;
}

struct err *
batch_recall(const struct job *j, const char *names, bool is_good)
{
	struct batch *b;
	struct err *e;

	if ((e = find_or_make(j, &b)) != NULL ||
	    (e = add_hooks(b, j)) != NULL || (e = keep(b, j->id)) != NULL)
		return e;
	b->is_prepared = b->has_jobs = true;
	add_names(is_good ? b->renewed : b->failed, names);
	return NULL;
}

void
batches_go_on(struct monitor *m)
{
	struct batch *b, *next;
	struct hooks *pre;

	for (b = TAILQ_FIRST(&m->batches); b != NULL; b = next) {
		next = TAILQ_NEXT(b, link);
		if (b->running == 1 && !b->is_prepared) {
			free_batch(b); /* its jobs were closed */
			continue;
		}
		b->has_jobs = true;
		if (b->is_prepared) {
			on_pre(b, NULL, NULL);
			continue;
		}
		pre = b->pre;
		b->pre = NULL;
		hooks_run(pre, &(struct hook_env) { "", "", "" }, on_pre, b);
	}
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
