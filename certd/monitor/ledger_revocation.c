/*
 * ledger_revocation.c - which certificates were revoked.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    serial numbers that the signer has read from certificates.
 */
#include "ledger_priv.h"

struct err *
ledger_revocation_put(struct ledger *l, const struct ledger_revocation *r)
{
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_revocation_sweep, &st)) != NULL)
		return e;
	bind_number(st, 1, r->time);
	if ((e = ledger_run(l, st)) != NULL ||
	    (e = ledger_prepare(l, ST_revocation_put, &st)) != NULL)
		return e;
	bind_text(st, 1, r->serial);
	bind_number(st, 2, r->reason);
	bind_number(st, 3, r->time);
	bind_number(st, 4, r->not_after);
	if ((e = ledger_run(l, st)) != NULL ||
	    (e = ledger_prepare(l, ST_seen_revoked, &st)) != NULL)
		return e;
	bind_text(st, 1, r->serial);
	l->seen_changes++;
	return ledger_run(l, st);
}

struct revocation_call {
	struct err *(*fn)(void *arg, const struct ledger_revocation *r);
	void *arg;
};

static struct err *
give_revocation(void *arg, sqlite3_stmt *st)
{
	const struct revocation_call *call = arg;
	const struct ledger_revocation r = {
		.serial = column_text(st, 0),
		.reason = column_u32(st, 1),
		.time = column_number(st, 2),
		.not_after = column_number(st, 3),
	};

	/* cppcheck-suppress returnDanglingLifetime ; it returns an error */
	return call->fn(call->arg, &r);
}

struct err *
ledger_revocation_get(struct ledger *l, const char *serial,
    struct err *(*fn)(void *arg, const struct ledger_revocation *r), void *arg)
{
	struct revocation_call call = { fn, arg };
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_revocation_get, &st)) != NULL)
		return e;
	bind_text(st, 1, serial);
	return ledger_row(l, st, give_revocation, &call, NULL);
}
