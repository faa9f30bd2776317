/*
 * test_ledger_plan.c - no question to the ledger takes longer the more there is
 * in it, unless it wants all of it.
 */
/* objects: common/err common/log common/text certd/monitor/ledger certd/monitor/ledger_rows certd/monitor/ledger_job certd/monitor/ledger_index certd/monitor/ledger_owed certd/monitor/ledger_revocation certd/monitor/ledger_seen certd/monitor/ledger_sound */
/* libs: sqlite3 */
#define _GNU_SOURCE /* nftw */
#include "ledger_scene.h"
#include "ledger_priv.h"

struct question {
	const char *name, *sql;
};

static const struct question questions[] = {
#define STATEMENT(name, text) { #name, text },
#define SOON                  STATEMENT
#define LAZY                  STATEMENT
#define WAIT                  STATEMENT
#include "ledger.def"
#undef WAIT
#undef LAZY
#undef SOON
#undef STATEMENT
};

/* Steps of SQLite's plan that look at every row of a table or an index, or make
 * an index of every row for once. */
static unsigned
steps_over_all(const char *name, const char *sql)
{
	char text[2048];
	const char *step;
	sqlite3_stmt *st;
	unsigned n = 0;

	(void)snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s", sql);
	assert_int_equal(
	    sqlite3_prepare_v2(l->db, text, -1, &st, NULL), SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW) {
		step = (const char *)sqlite3_column_text(st, 3);
		if (strncmp(step, "SCAN", 4) != 0 &&
		    strstr(step, "AUTOMATIC") == NULL)
			continue;
		if (name != NULL)
			print_error("%s: %s\n", name, step);
		n++;
	}
	sqlite3_finalize(st);
	return n;
}

static void
what_has_a_condition_has_an_index(void **state)
{
	unsigned bad = 0;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(questions) / sizeof(*questions); i++)
		if (strstr(questions[i].sql, "WHERE") != NULL)
			bad +=
			    steps_over_all(questions[i].name, questions[i].sql);
	assert_int_equal(bad, 0);
}

/* Else the test above could not fail. */
static void
a_missing_index_shows(void **state)
{
	(void)state;
	assert_int_equal(
	    steps_over_all(NULL, "SELECT id FROM record WHERE value = ?1"), 1);
	assert_int_equal(steps_over_all(NULL, "SELECT id FROM record WHERE "
					      "?1 IN (0, job) ORDER BY id"),
	    1);
	assert_int_equal(
	    steps_over_all(NULL,
		"DELETE FROM seen WHERE lineage "
		"IN (SELECT lineage FROM certificate WHERE sha256 = ?1)"),
	    1);
}

/* A ledger of an older certd gets them too. */
static void
an_older_ledger_gets_its_indexes(void **state)
{
	static const char old[] =
	    "DROP INDEX record_job;"
	    "DROP INDEX certificate_serial; DROP INDEX issued_time;"
	    "DROP INDEX revocation_end; PRAGMA user_version = 5";

	assert_int_equal(sqlite3_exec(l->db, old, NULL, NULL, NULL), SQLITE_OK);
	reopen();
	what_has_a_condition_has_an_index(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_has_a_condition_has_an_index),
		TEST(a_missing_index_shows),
		TEST(an_older_ledger_gets_its_indexes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
