/*
 * ledger_issued.c - what a CA has issued lately.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    sets of names as canonical text.
 * Promise:  the table holds no more than what is asked for.
 */
#include "ledger_priv.h"

struct err *
ledger_issued_add(struct ledger *l, const char *account, const char *names,
    time_t when, time_t oldest)
{
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_issued_forget, &st)) != NULL)
		return e;
	bind_number(st, 1, oldest);
	if ((e = ledger_run(l, st)) != NULL ||
	    (e = ledger_prepare(l, ST_issued_add, &st)) != NULL)
		return e;
	bind_text(st, 1, account);
	bind_text(st, 2, names);
	bind_number(st, 3, when);
	return ledger_run(l, st);
}

struct count {
	uint32_t n;
	time_t last;
};

static struct err *
take_count(void *arg, sqlite3_stmt *st)
{
	struct count *c = arg;

	c->n = column_u32(st, 0);
	c->last = column_number(st, 1);
	return NULL;
}

struct err *
ledger_issued_count(struct ledger *l, const char *account, const char *names,
    time_t since, uint32_t *n, time_t *last)
{
	struct count c = { 0 };
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_issued_count, &st)) != NULL)
		return e;
	bind_text(st, 1, account);
	bind_text(st, 2, names);
	bind_number(st, 3, since);
	e = ledger_row(l, st, take_count, &c, NULL);
	*n = c.n;
	*last = c.last;
	return e;
}
