/*
 * ledger_index.c - what is in the certificates, and what went wrong with them.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    what the signer found in certificates; problems of jobs.
 * Promise:  a row about a certificate is given out for that very file only.
 */
#include <string.h>

#include "ledger_priv.h"

struct index_call {
	struct err *(*fn)(void *arg, const struct ledger_index *x);
	void *arg;
};
struct failure_call {
	struct err *(*fn)(void *arg, const struct ledger_failure *f);
	void *arg;
};

/* Device and inode are unsigned, SQLite's numbers are not: same 64 bits. */
static void
bind_identity(sqlite3_stmt *st, int at, const struct identity *file)
{
	bind_number(st, at, (int64_t)file->device);
	bind_number(st, at + 1, (int64_t)file->inode);
	bind_number(st, at + 2, (int64_t)file->bytes);
	bind_number(st, at + 3, file->mtime_nsecs);
}

static struct err *
give_index(void *arg, sqlite3_stmt *st)
{
	const struct index_call *call = arg;
	const struct ledger_index x = {
		.lineage = column_text(st, 0),
		.file = {
			.device = (uint64_t)column_number(st, 1),
			.inode = (uint64_t)column_number(st, 2),
			.bytes = (uint64_t)column_number(st, 3),
			.mtime_nsecs = column_number(st, 4),
		},
		.names = column_text(st, 5),
		.serial = column_text(st, 6),
		.issuer = column_text(st, 7),
		.key_id = column_text(st, 8),
		.sha256 = column_text(st, 9),
		.key_kind = column_u32(st, 10),
		.not_before = column_number(st, 11),
		.not_after = column_number(st, 12),
	};

	/* cppcheck-suppress returnDanglingLifetime ; it returns an error */
	return call->fn(call->arg, &x);
}

struct err *
ledger_index_get(struct ledger *l, const char *lineage,
    const struct identity *file, bool *found,
    struct err *(*fn)(void *arg, const struct ledger_index *x), void *arg)
{
	struct index_call call = { fn, arg };
	sqlite3_stmt *st;
	struct err *e;

	*found = false;
	if ((e = ledger_prepare(l, ST_index_get, &st)) != NULL)
		return e;
	bind_text(st, 1, lineage);
	bind_identity(st, 2, file);
	return ledger_row(l, st, give_index, &call, found);
}

static struct err *
put_row(struct ledger *l, const struct ledger_index *x)
{
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_index_put, &st)) != NULL)
		return e;
	bind_text(st, 1, x->lineage);
	bind_identity(st, 2, &x->file);
	bind_text(st, 6, x->names);
	bind_text(st, 7, x->serial);
	bind_text(st, 8, x->issuer);
	bind_text(st, 9, x->key_id);
	bind_text(st, 10, x->sha256);
	bind_number(st, 11, x->key_kind);
	bind_number(st, 12, x->not_before);
	bind_number(st, 13, x->not_after);
	return ledger_run(l, st);
}

struct comparison {
	const char *names;
	bool same;
};

static struct err *
compare_names(void *arg, sqlite3_stmt *st)
{
	struct comparison *c = arg;

	c->same = strcmp(column_text(st, 0), c->names) == 0;
	return NULL;
}

/* Most certificates are renewed with the names that they had. */
static struct err *
look_at_names(struct ledger *l, const struct ledger_index *x, bool *same)
{
	struct comparison c = { x->names, false };
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_index_names, &st)) != NULL)
		return e;
	bind_text(st, 1, x->lineage);
	e = ledger_row(l, st, compare_names, &c, NULL);
	*same = c.same;
	return e;
}

struct err *
ledger_index_put(struct ledger *l, const struct ledger_index *x)
{
	struct err *e;
	bool own, same = false;

	if ((e = ledger_begin_own(l, &own)) != NULL)
		return e;
	if ((e = look_at_names(l, x, &same)) == NULL &&
	    (e = put_row(l, x)) == NULL && !same)
		e = ledger_names_put(l, x->lineage, x->names);
	return ledger_end_own(l, own, e);
}

static struct err *
remove_row(struct ledger *l, const char *lineage)
{
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_index_remove, &st)) != NULL)
		return e;
	bind_text(st, 1, lineage);
	return ledger_run(l, st);
}

struct err *
ledger_index_remove(struct ledger *l, const char *lineage)
{
	struct err *e;
	bool own;

	if ((e = ledger_begin_own(l, &own)) != NULL)
		return e;
	if ((e = remove_row(l, lineage)) == NULL &&
	    (e = ledger_names_remove(l, lineage)) == NULL)
		e = ledger_seen_remove(l, lineage);
	return ledger_end_own(l, own, e);
}

static struct err *
give_failure(void *arg, sqlite3_stmt *st)
{
	const struct failure_call *call = arg;
	const struct ledger_failure f = {
		.account = column_text(st, 0),
		.names = column_text(st, 1),
		.count = column_u32(st, 2),
		.last = column_number(st, 3),
		.retry_at = column_number(st, 4),
		.text = column_text(st, 5),
	};

	/* cppcheck-suppress returnDanglingLifetime ; it returns an error */
	return call->fn(call->arg, &f);
}

struct err *
ledger_failure_get(struct ledger *l, const char *account, const char *names,
    struct err *(*fn)(void *arg, const struct ledger_failure *f), void *arg)
{
	struct failure_call call = { fn, arg };
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_failure_get, &st)) != NULL)
		return e;
	bind_text(st, 1, account);
	bind_text(st, 2, names);
	return ledger_row(l, st, give_failure, &call, NULL);
}

struct err *
ledger_failure_put(struct ledger *l, const struct ledger_failure *f)
{
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_failure_put, &st)) != NULL)
		return e;
	bind_text(st, 1, f->account);
	bind_text(st, 2, f->names);
	bind_number(st, 3, f->count);
	bind_number(st, 4, f->last);
	bind_number(st, 5, f->retry_at);
	bind_text(st, 6, f->text);
	return ledger_run(l, st);
}

struct err *
ledger_failure_clear(struct ledger *l, const char *account, const char *names)
{
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_failure_clear, &st)) != NULL)
		return e;
	bind_text(st, 1, account);
	bind_text(st, 2, names);
	return ledger_run(l, st);
}

struct err *
ledger_failure_each(struct ledger *l,
    struct err *(*fn)(void *arg, const struct ledger_failure *f), void *arg)
{
	struct failure_call call = { fn, arg };
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_failure_ids, &st)) != NULL)
		return e;
	return ledger_each(l, st, ST_failure_row, give_failure, &call);
}
