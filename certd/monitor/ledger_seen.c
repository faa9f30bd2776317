/*
 * ledger_seen.c - which files of a lineage were looked at, and under which names
 * it can be found.
 *
 * Runs in:  certd (root; no network, no exec).
 * Promise:  a row counts only for those very files: who changes one of them is
 *           noticed.
 */
#include <stdlib.h>
#include <string.h>

#include "ledger_priv.h"

struct err *
ledger_seen_put(struct ledger *l, const struct ledger_seen *s)
{
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_seen_put, &st)) != NULL)
		return e;
	bind_text(st, 1, s->lineage);
	(void)sqlite3_bind_blob(st, 2, s->files, sizeof(s->files),
	    SQLITE_STATIC);
	bind_number(st, 3, s->renew_after);
	l->seen_changes++;
	return ledger_run(l, st);
}

struct err *
ledger_seen_remove(struct ledger *l, const char *lineage)
{
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_seen_remove, &st)) != NULL)
		return e;
	bind_text(st, 1, lineage);
	if ((e = ledger_run(l, st)) == NULL && sqlite3_changes(l->db) > 0)
		l->seen_changes++;
	return e;
}

uint64_t
ledger_seen_changes(const struct ledger *l)
{
	return l->seen_changes;
}

struct err *
ledger_seen_each(struct ledger *l,
    struct err *(*fn)(void *arg, const struct ledger_seen *s), void *arg)
{
	struct ledger_seen row;
	sqlite3_stmt *st;
	struct err *e;
	int code = SQLITE_DONE;

	if ((e = ledger_prepare(l, ST_seen_all, &st)) != NULL)
		return e;
	while (e == NULL && (code = sqlite3_step(st)) == SQLITE_ROW) {
		row.lineage = column_text(st, 0);
		row.renew_after = column_number(st, 2);
		if (sqlite3_column_bytes(st, 1) != sizeof(row.files))
			continue; /* of another layout: looked at again */
		memcpy(row.files, sqlite3_column_blob(st, 1),
		    sizeof(row.files));
		e = fn(arg, &row);
	}
	if (e == NULL && code != SQLITE_DONE)
		e = ledger_err(l, "read");
	(void)sqlite3_reset(st);
	return e;
}

/* ---- names ---- */

static struct err *
add_name(struct ledger *l, const char *name, const char *lineage)
{
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_name_add, &st)) != NULL)
		return e;
	bind_text(st, 1, name);
	bind_text(st, 2, lineage);
	return ledger_run(l, st);
}

struct err *
ledger_names_remove(struct ledger *l, const char *lineage)
{
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_name_remove, &st)) != NULL)
		return e;
	bind_text(st, 1, lineage);
	return ledger_run(l, st);
}

struct err *
ledger_names_put(struct ledger *l, const char *lineage, const char *names)
{
	char *copy = strdup(names), *rest = copy, *name;
	struct err *e;

	if (copy == NULL)
		return err_sys("ledger: names");
	e = ledger_names_remove(l, lineage);
	while (e == NULL && (name = strsep(&rest, " ")) != NULL)
		if (*name != '\0')
			e = add_name(l, name, lineage);
	free(copy);
	return e;
}

struct err *
ledger_names_find(struct ledger *l, const char *name,
    struct err *(*fn)(void *arg, const char *lineage), void *arg)
{
	sqlite3_stmt *st;
	struct err *e;
	int code = SQLITE_DONE;

	if ((e = ledger_prepare(l, ST_name_find, &st)) != NULL)
		return e;
	bind_text(st, 1, name);
	while (e == NULL && (code = sqlite3_step(st)) == SQLITE_ROW)
		e = fn(arg, column_text(st, 0));
	if (e == NULL && code != SQLITE_DONE)
		e = ledger_err(l, "read");
	(void)sqlite3_reset(st);
	return e;
}
