/* ledger_scene.h - a ledger in a folder of its own, and what its rows become. */
#ifndef LEDGER_SCENE_H
#define LEDGER_SCENE_H

#include "ledger.h"
#include "tree.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static struct tree t; /* only its path is used */
static struct ledger *l;

/* tree.h can do more than the ledger needs. */
void
store_close(struct store *s)
{
	(void)s;
}

static inline int
set_up(void **state)
{
	(void)state;
	tree_make(&t);
	assert_ok(ledger_open(at(&t, "state"), &l));
	return 0;
}

static inline int
tear_down(void **state)
{
	(void)state;
	ledger_close(l);
	l = NULL;
	tree_close(&t);
	return 0;
}

static inline void
reopen(void)
{
	ledger_close(l);
	l = NULL;
	assert_ok(ledger_open(at(&t, "state"), &l));
}

/* Collects ids, and the last row's texts. */
struct got {
	unsigned n;
	int64_t ids[64];
	char text[256];
	struct err *error;
};

static inline struct err *
got_job(void *arg, const struct ledger_job *j)
{
	struct got *got = arg;

	got->ids[got->n++] = j->id;
	(void)snprintf(got->text, sizeof(got->text),
	    "%s|%s|%s|%s|%s|%s|%u|%s|%lld|%u|%s|%lld", j->kind, j->lineage,
	    j->names, j->options, j->account, j->server, j->phase, j->order_url,
	    (long long)j->created, j->state, j->problem,
	    (long long)j->retry_at);
	return got->error;
}

static inline struct err *
got_record(void *arg, const struct ledger_record *r)
{
	struct got *got = arg;

	got->ids[got->n++] = r->id;
	(void)snprintf(got->text, sizeof(got->text), "%u|%s|%s|%s|%s|%lld",
	    r->job, r->name, r->value, r->zone, r->number,
	    (long long)r->created);
	return got->error;
}

static inline struct err *
got_index(void *arg, const struct ledger_index *x)
{
	struct got *got = arg;

	got->n++;
	(void)snprintf(got->text, sizeof(got->text),
	    "%s|%s|%s|%s|%s|%s|%u|%lld|%lld|%llu", x->lineage, x->names,
	    x->serial, x->issuer, x->key_id, x->sha256, x->key_kind,
	    (long long)x->not_before, (long long)x->not_after,
	    (unsigned long long)x->file.inode);
	return got->error;
}

static inline struct err *
got_failure(void *arg, const struct ledger_failure *f)
{
	struct got *got = arg;

	got->n++;
	(void)snprintf(got->text, sizeof(got->text), "%s|%s|%u|%lld|%lld|%s",
	    f->account, f->names, f->count, (long long)f->last,
	    (long long)f->retry_at, f->text);
	return got->error;
}

static inline struct err *
got_seen(void *arg, const struct ledger_seen *s)
{
	struct got *got = arg;
	size_t n = strlen(got->text);

	(void)snprintf(got->text + n, sizeof(got->text) - n, "%s %lld %lld,",
	    s->lineage, (long long)s->files[1].inode,
	    (long long)s->renew_after);
	return NULL;
}

#endif
