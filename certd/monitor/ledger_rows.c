/*
 * ledger_rows.c - statements and their values.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    texts from anywhere: they are values, never SQL.
 * Promise:  a statement that was used is ready to be used again, whatever came
 *           of it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>

#include "ledger_priv.h"

static const char *const sql[ST_N] = {
#define STATEMENT(name, text) [ST_##name] = text,
#define SOON STATEMENT
#define LAZY STATEMENT
#define WAIT STATEMENT
#include "ledger.def"
#undef WAIT
#undef LAZY
#undef SOON
#undef STATEMENT
};

static const enum haste hastes[ST_N] = {
#define STATEMENT(name, text) [ST_##name] = AT_ONCE,
#define SOON(name, text) [ST_##name] = IS_SOON,
#define LAZY(name, text) [ST_##name] = IS_LAZY,
#define WAIT(name, text) [ST_##name] = IS_LAZY,
#include "ledger.def"
#undef WAIT
#undef LAZY
#undef SOON
#undef STATEMENT
};

static void
reset(sqlite3_stmt *st)
{
	(void)sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st);
}

/* What may wait is collected in a transaction; any other write is committed by
 * itself, or ends one. */
static struct err *
begin_write(struct ledger *l, enum haste haste)
{
	struct err *e;

	l->haste = haste;
	l->is_owed = l->is_owed || haste == IS_SOON;
	if (l->ops == NULL || l->in_group)
		return NULL;
	if (haste != IS_LAZY)
		l->ops->before(l->arg);
	else if (sqlite3_get_autocommit(l->db)) {
		if ((e = ledger_control(l, ST_begin)) != NULL)
			return e;
		l->ops->soon(l->arg);
	}
	return NULL;
}

struct err *
ledger_prepare(struct ledger *l, enum statement which, sqlite3_stmt **out)
{
	sqlite3_stmt **st = &l->statements[which];

	if (*st == NULL &&
	    sqlite3_prepare_v3(l->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT,
		st, NULL) != SQLITE_OK)
		return ledger_err(l, sql[which]);
	/* A callback that asks the question that it answers. */
	if (sqlite3_stmt_busy(*st))
		return err_new("ledger: in use: %s", sql[which]);
	*out = *st;
	return sqlite3_stmt_readonly(*st) ? NULL : begin_write(l, hastes[which]);
}

/* The text stays the caller's until the statement has run. */
void
bind_text(sqlite3_stmt *st, int at, const char *text)
{
	(void)sqlite3_bind_text(
	    st, at, text == NULL ? "" : text, -1, SQLITE_STATIC);
}

void
bind_number(sqlite3_stmt *st, int at, int64_t n)
{
	(void)sqlite3_bind_int64(st, at, n);
}

static struct err *
step(struct ledger *l, sqlite3_stmt *st)
{
	const bool alone = sqlite3_get_autocommit(l->db);
	struct err *e = NULL;

	errno = 0;
	if (sqlite3_step(st) != SQLITE_DONE)
		e = ledger_err(l, "write");
	reset(st);
	/* Some errors end the transaction. */
	if (e != NULL && !alone && sqlite3_get_autocommit(l->db) &&
	    l->ops != NULL)
		l->ops->undone(l->arg, e);
	return e;
}

struct err *
ledger_control(struct ledger *l, enum statement which)
{
	sqlite3_stmt **st = &l->statements[which];

	if (*st == NULL && sqlite3_prepare_v3(l->db, sql[which], -1,
	    SQLITE_PREPARE_PERSISTENT, st, NULL) != SQLITE_OK)
		return ledger_err(l, sql[which]);
	return step(l, *st);
}

struct err *
ledger_run(struct ledger *l, sqlite3_stmt *st)
{
	const enum haste haste = l->haste;
	struct err *e = step(l, st);

	if (e == NULL && !l->in_group && haste != IS_LAZY)
		e = ledger_commit(l);
	if (e == NULL && !l->in_group && haste == AT_ONCE)
		e = ledger_sync(l);
	return e;
}

struct err *
ledger_row(struct ledger *l, sqlite3_stmt *st,
    struct err *(*fn)(void *arg, sqlite3_stmt *st), void *arg, bool *found)
{
	const int code = sqlite3_step(st);
	struct err *e = NULL;

	if (found != NULL)
		*found = code == SQLITE_ROW;
	if (code == SQLITE_ROW)
		e = fn(arg, st);
	else if (code != SQLITE_DONE)
		e = ledger_err(l, "read");
	reset(st);
	return e;
}

struct ids {
	int64_t *v;
	size_t n, room;
};

static struct err *
add_id(struct ids *ids, int64_t id)
{
	const size_t room = ids->room == 0 ? 64 : ids->room * 2;
	int64_t *v;

	if (ids->n == ids->room) {
		v = reallocarray(ids->v, room, sizeof(*v));
		if (v == NULL)
			return err_sys("ledger: list");
		ids->v = v;
		ids->room = room;
	}
	ids->v[ids->n++] = id;
	return NULL;
}

/* All numbers that a statement gives. */
static struct err *
read_ids(struct ledger *l, sqlite3_stmt *st, struct ids *ids)
{
	struct err *e = NULL;
	int code = SQLITE_DONE;

	while (e == NULL && (code = sqlite3_step(st)) == SQLITE_ROW)
		e = add_id(ids, column_number(st, 0));
	if (e == NULL && code != SQLITE_DONE)
		e = ledger_err(l, "read");
	reset(st);
	return e;
}

struct err *
ledger_each(struct ledger *l, sqlite3_stmt *ids, enum statement get,
    struct err *(*fn)(void *arg, sqlite3_stmt *st), void *arg)
{
	struct ids list = { NULL, 0, 0 };
	sqlite3_stmt *st = NULL;
	struct err *e;
	size_t i;

	e = read_ids(l, ids, &list);
	for (i = 0; e == NULL && i < list.n; i++) {
		if ((e = ledger_prepare(l, get, &st)) != NULL)
			break;
		bind_number(st, 1, list.v[i]);
		e = ledger_row(l, st, fn, arg, NULL);
	}
	free(list.v);
	return e;
}

const char *
column_text(sqlite3_stmt *st, int at)
{
	const unsigned char *text = sqlite3_column_text(st, at);

	return text == NULL ? "" : (const char *)text;
}

int64_t
column_number(sqlite3_stmt *st, int at)
{
	return sqlite3_column_int64(st, at);
}

uint32_t
column_u32(sqlite3_stmt *st, int at)
{
	return (uint32_t)sqlite3_column_int64(st, at);
}
