/*
 * ledger_job.c - jobs and the challenge records that they put into DNS.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    what the monitor knows about its jobs.
 * Promise:  a record is on disk before the provider hears of it, and until the
 *           provider has forgotten it.
 */
#include "ledger_priv.h"

static void
bind_job(sqlite3_stmt *st, const struct ledger_job *j)
{
	bind_text(st, 1, j->kind);
	bind_text(st, 2, j->lineage);
	bind_text(st, 3, j->names);
	bind_text(st, 4, j->options);
	bind_text(st, 5, j->account);
	bind_text(st, 6, j->server);
	bind_number(st, 7, j->phase);
	bind_text(st, 8, j->order_url);
	bind_number(st, 9, j->created);
	bind_number(st, 10, j->state);
	bind_text(st, 11, j->problem);
	bind_number(st, 12, j->retry_at);
}

struct err *
ledger_job_add(struct ledger *l, struct ledger_job *j)
{
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_job_add, &st)) != NULL)
		return e;
	bind_job(st, j);
	if ((e = ledger_run(l, st)) == NULL)
		j->id = (uint32_t)sqlite3_last_insert_rowid(l->db);
	return e;
}

struct err *
ledger_job_update(struct ledger *l, const struct ledger_job *j)
{
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_job_update, &st)) != NULL)
		return e;
	bind_job(st, j);
	bind_number(st, 13, j->id);
	if ((e = ledger_run(l, st)) == NULL && sqlite3_changes(l->db) == 0)
		e = err_new("ledger: there is no job %u", j->id);
	return e;
}

/* Runs a statement whose only value is a number. */
static struct err *
run_with(struct ledger *l, enum statement which, int64_t n)
{
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, which, &st)) != NULL)
		return e;
	bind_number(st, 1, n);
	return ledger_run(l, st);
}

struct err *
ledger_job_remove(struct ledger *l, uint32_t id)
{
	return run_with(l, ST_job_remove, id);
}

/* Who asked for rows of jobs or records. */
struct job_call {
	struct err *(*fn)(void *arg, const struct ledger_job *j);
	void *arg;
};
struct record_call {
	struct err *(*fn)(void *arg, const struct ledger_record *r);
	void *arg;
};

static struct err *
give_job(void *arg, sqlite3_stmt *st)
{
	const struct job_call *call = arg;
	const struct ledger_job j = {
		.id = column_u32(st, 0),
		.kind = column_text(st, 1),
		.lineage = column_text(st, 2),
		.names = column_text(st, 3),
		.options = column_text(st, 4),
		.account = column_text(st, 5),
		.server = column_text(st, 6),
		.phase = column_u32(st, 7),
		.order_url = column_text(st, 8),
		.created = column_number(st, 9),
		.state = column_u32(st, 10),
		.problem = column_text(st, 11),
		.retry_at = column_number(st, 12),
	};

	/* cppcheck-suppress returnDanglingLifetime ; it returns an error */
	return call->fn(call->arg, &j);
}

struct err *
ledger_job_each(struct ledger *l,
    struct err *(*fn)(void *arg, const struct ledger_job *j), void *arg)
{
	struct job_call call = { fn, arg };
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_job_ids, &st)) != NULL)
		return e;
	return ledger_each(l, st, ST_job_get, give_job, &call);
}

struct err *
ledger_record_add(struct ledger *l, struct ledger_record *r)
{
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_record_add, &st)) != NULL)
		return e;
	bind_number(st, 1, r->job);
	bind_text(st, 2, r->name);
	bind_text(st, 3, r->value);
	bind_text(st, 4, r->zone);
	bind_text(st, 5, r->number);
	bind_number(st, 6, r->created);
	if ((e = ledger_run(l, st)) == NULL)
		r->id = sqlite3_last_insert_rowid(l->db);
	return e;
}

static struct err *
take_id(void *arg, sqlite3_stmt *st)
{
	*(int64_t *)arg = column_number(st, 0);
	return NULL;
}

struct err *
ledger_record_again(struct ledger *l, struct ledger_record *r, bool *found)
{
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_record_find, &st)) != NULL)
		return e;
	bind_number(st, 1, r->job);
	bind_text(st, 2, r->name);
	bind_text(st, 3, r->value);
	e = ledger_row(l, st, take_id, &r->id, found);
	return e != NULL || !*found ? e : run_with(l, ST_record_doubt, r->id);
}

struct err *
ledger_record_complete(
    struct ledger *l, int64_t id, const char *zone, const char *number)
{
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, ST_record_complete, &st)) != NULL)
		return e;
	bind_text(st, 1, zone);
	bind_text(st, 2, number);
	bind_number(st, 3, id);
	if ((e = ledger_run(l, st)) == NULL && sqlite3_changes(l->db) == 0)
		e = err_new("ledger: there is no record %lld", (long long)id);
	return e;
}

struct err *
ledger_record_remove(struct ledger *l, int64_t id)
{
	return run_with(l, ST_record_remove, id);
}

static struct err *
give_record(void *arg, sqlite3_stmt *st)
{
	const struct record_call *call = arg;
	const struct ledger_record r = {
		.id = column_number(st, 0),
		.job = column_u32(st, 1),
		.name = column_text(st, 2),
		.value = column_text(st, 3),
		.zone = column_text(st, 4),
		.number = column_text(st, 5),
		.created = column_number(st, 6),
	};

	/* cppcheck-suppress returnDanglingLifetime ; it returns an error */
	return call->fn(call->arg, &r);
}

struct err *
ledger_record_each(struct ledger *l, uint32_t job,
    struct err *(*fn)(void *arg, const struct ledger_record *r), void *arg)
{
	struct record_call call = { fn, arg };
	sqlite3_stmt *st;
	struct err *e;

	if ((e = ledger_prepare(l, job == 0 ? ST_record_ids : ST_record_ids_of,
	    &st)) != NULL)
		return e;
	if (job != 0)
		bind_number(st, 1, job);
	return ledger_each(l, st, ST_record_get, give_record, &call);
}
