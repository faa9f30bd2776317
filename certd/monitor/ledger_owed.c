/*
 * ledger_owed.c - deploy hooks that have not ended well yet.
 *
 * Runs in:  certd (root; no network, no exec).
 * Promise:  as in ledger.h: on disk when a call returns.
 */
#include "ledger_priv.h"

static struct err *
read_owed(void *arg, sqlite3_stmt *st)
{
	const struct {
		struct err *(*fn)(void *arg, const struct ledger_owed *o);
		void *arg;
	} *call = arg;
	const struct ledger_owed row = { .lineage = column_text(st, 0),
		.command = column_text(st, 1),
		.count = column_u32(st, 2),
		.last = column_number(st, 3),
		.text = column_text(st, 4) };

	/* cppcheck-suppress returnDanglingLifetime ; it returns an error */
	return call->fn(call->arg, &row);
}

struct err *
ledger_owed_add(struct ledger *l, const char *lineage, const char *command)
{
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_owed_add, &st)) != NULL)
		return e;
	bind_text(st, 1, lineage);
	bind_text(st, 2, command);
	return ledger_run(l, st);
}

struct err *
ledger_owed_failed(struct ledger *l, const char *lineage, const char *command,
    time_t when, const char *text)
{
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_owed_failed, &st)) != NULL)
		return e;
	bind_text(st, 1, lineage);
	bind_text(st, 2, command);
	bind_number(st, 3, when);
	bind_text(st, 4, text);
	return ledger_run(l, st);
}

struct err *
ledger_owed_remove(struct ledger *l, const char *lineage, const char *command)
{
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_owed_remove, &st)) != NULL)
		return e;
	bind_text(st, 1, lineage);
	bind_text(st, 2, command);
	return ledger_run(l, st);
}

struct err *
ledger_owed_clear(struct ledger *l, const char *lineage)
{
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_owed_clear, &st)) != NULL)
		return e;
	bind_text(st, 1, lineage);
	return ledger_run(l, st);
}

struct err *
ledger_owed_each(struct ledger *l, const char *lineage,
    struct err *(*fn)(void *arg, const struct ledger_owed *o), void *arg)
{
	struct {
		struct err *(*fn)(void *arg, const struct ledger_owed *o);
		void *arg;
	} call = { fn, arg };
	sqlite3_stmt *st;
	const bool all = *lineage == '\0';
	struct err *e;

	if ((e = ledger_prepare(l, all ? ST_owed_ids : ST_owed_ids_of, &st)) !=
	    NULL)
		return e;
	if (!all)
		bind_text(st, 1, lineage);
	return ledger_each(l, st, ST_owed_row, read_owed, &call);
}
