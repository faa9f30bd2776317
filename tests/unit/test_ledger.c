/*
 * test_ledger.c - what is remembered.
 */
/* objects: common/err common/log common/text certd/monitor/ledger certd/monitor/ledger_rows certd/monitor/ledger_job certd/monitor/ledger_index certd/monitor/ledger_owed certd/monitor/ledger_revocation certd/monitor/ledger_seen certd/monitor/ledger_sound */
/* libs: sqlite3 */
#define _GNU_SOURCE /* nftw */
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "ledger_scene.h"

static void
open_makes_private_files(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(mode_of(&t, "state"), 0700);
	assert_int_equal(mode_of(&t, "state/ledger.db"), 0600);
	assert_int_equal(mode_of(&t, "state/ledger.db-wal"), 0600);
	/* An exclusive lock needs no shared memory. */
	assert_int_equal(stat(at(&t, "state/ledger.db-shm"), &st), -1);
	ledger_close(l);
	l = NULL;
	assert_false(exists(&t, "state/ledger.db-wal"));
}

static void
open_twice_is_refused(void **state)
{
	struct ledger *other;
	int status;
	pid_t pid;

	(void)state;
	if ((pid = fork()) == 0) {
		struct err *e = ledger_open(at(&t, "state"), &other);

		_exit(
		    e != NULL && strstr(err_text(e), "another certd") ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_false(exists(&t, "state/ledger.db.1"));
}

static struct err *
take_revocation(void *arg, const struct ledger_revocation *r)
{
	struct got *got = arg;

	got->n++;
	(void)snprintf(got->text, sizeof(got->text), "%s %u %lld", r->serial,
	    r->reason, (long long)r->time);
	return NULL;
}

static void
revocation_is_kept_until_the_certificate_ends(void **state)
{
	struct ledger_revocation r = { "0a1b", 4, 1700000000, 1800000000 },
				 later = { "ff", 0, 1800000001, 1900000000 };
	struct got got = { 0 };

	(void)state;
	assert_ok(ledger_revocation_get(l, "0a1b", take_revocation, &got));
	assert_int_equal(got.n, 0);
	assert_ok(ledger_revocation_put(l, &r));
	r.reason = 1;
	assert_ok(ledger_revocation_put(l, &r));
	reopen();
	assert_ok(ledger_revocation_get(l, "0a1b", take_revocation, &got));
	assert_int_equal(got.n, 1);
	assert_string_equal(got.text, "0a1b 1 1700000000");
	assert_ok(ledger_revocation_put(l, &later));
	assert_ok(ledger_revocation_get(l, "0a1b", take_revocation, &got));
	assert_int_equal(got.n, 1);
	assert_ok(ledger_revocation_get(l, "ff", take_revocation, &got));
	assert_int_equal(got.n, 2);
}

static void
job_lives_through_reopening(void **state)
{
	struct ledger_job j = { .kind = "issue",
		.lineage = "a",
		.names = "a *.a",
		.server = "https://ca/",
		.phase = 4,
		.created = 1700000000,
		.state = 2,
		.retry_at = 5000000000 };
	struct got got = { 0 };

	(void)state;
	assert_ok(ledger_job_add(l, &j));
	assert_int_equal(j.id, 1);
	j.order_url = "https://ca/order/1";
	j.problem = "it's \"bad\"; DROP TABLE job";
	assert_ok(ledger_job_update(l, &j));
	reopen();
	assert_ok(ledger_job_each(l, got_job, &got));
	assert_int_equal(got.n, 1);
	assert_string_equal(got.text,
	    "issue|a|a *.a|||https://ca/|4|https://ca/order/1|1700000000|2|"
	    "it's \"bad\"; DROP TABLE job|5000000000");
	assert_ok(ledger_job_remove(l, j.id));
	assert_ok(ledger_job_remove(l, j.id));
	assert_fails(ledger_job_update(l, &j), "no job 1");
	assert_ok(ledger_job_add(l, &j));
	assert_int_equal(j.id, 2); /* never 1 again */
}

/* Removes its own row, and adds one. */
static struct err *
remove_own(void *arg, const struct ledger_record *r)
{
	struct ledger_record another = { .job = 9, .name = "n", .value = "v" };
	unsigned *n = arg;
	struct err *e;

	(*n)++;
	if ((e = ledger_record_remove(l, r->id)) != NULL)
		return e;
	if (strcmp(r->name, "_acme-challenge.a") != 0)
		return err_new("the text went away");
	return ledger_record_add(l, &another);
}

static void
record_of_job_and_of_all(void **state)
{
	struct ledger_record r = {
		.name = "_acme-challenge.a", .value = "v", .created = 7
	};
	struct got got = { 0 };
	unsigned n = 0, i;

	(void)state;
	for (i = 0; i < 6; i++) {
		r.job = 1 + i % 2;
		assert_ok(ledger_record_add(l, &r));
	}
	assert_ok(ledger_record_complete(l, r.id, "zone", "4711"));
	assert_fails(ledger_record_complete(l, 99, "z", "n"), "no record 99");
	reopen();
	assert_ok(ledger_record_each(l, 2, got_record, &got));
	assert_int_equal(got.n, 3);
	assert_string_equal(got.text, "2|_acme-challenge.a|v|zone|4711|7");
	assert_ok(ledger_record_each(l, 0, remove_own, &n));
	assert_int_equal(n, 6);
	got.n = 0;
	assert_ok(ledger_record_each(l, 1, got_record, &got));
	assert_int_equal(got.n, 0);
	assert_ok(ledger_record_each(l, 9, got_record, &got));
	assert_int_equal(got.n, 6);
}

static void
record_of_an_order_that_goes_on_has_one_row(void **state)
{
	struct ledger_record r = {
		.job = 1, .name = "_acme-challenge.a", .value = "v"
	}, s = r;
	struct got got = { 0 };
	bool found = true;

	(void)state;
	assert_ok(ledger_record_again(l, &r, &found));
	assert_false(found);
	assert_ok(ledger_record_add(l, &r));
	assert_ok(ledger_record_complete(l, r.id, "zone", "4711"));
	reopen();
	s.value = "w";
	assert_ok(ledger_record_again(l, &s, &found));
	assert_false(found);
	s.value = "v";
	s.job = 2;
	assert_ok(ledger_record_again(l, &s, &found));
	assert_false(found);
	s.job = 1;
	assert_ok(ledger_record_again(l, &s, &found));
	assert_true(found);
	assert_int_equal(s.id, r.id);
	assert_ok(ledger_record_each(l, 0, got_record, &got));
	assert_int_equal(got.n, 1);
	assert_string_equal(got.text, "1|_acme-challenge.a|v|||0");
}

static void
each_error_of_callee_stops(void **state)
{
	struct ledger_record r = { .job = 1, .name = "n", .value = "v" };
	struct got got = { 0 };

	(void)state;
	assert_ok(ledger_record_add(l, &r));
	assert_ok(ledger_record_add(l, &r));
	got.error = err_new("enough");
	assert_fails(ledger_record_each(l, 0, got_record, &got), "enough");
	assert_int_equal(got.n, 1);
	got.error = NULL;
	assert_ok(ledger_record_each(l, 0, got_record, &got));
	assert_int_equal(got.n, 3);
}

static struct err *
ask_again(void *arg, const struct ledger_record *r)
{
	(void)r;
	return ledger_record_each(l, 0, got_record, arg);
}

static void
each_within_each_is_refused(void **state)
{
	struct ledger_record r = { .job = 1, .name = "n", .value = "v" };
	struct got got = { 0 };

	(void)state;
	assert_ok(ledger_record_add(l, &r));
	assert_fails(ledger_record_each(l, 0, ask_again, &got), "in use");
}

static void
index_is_of_one_file(void **state)
{
	struct ledger_index x = { .lineage = "a",
		.file = { UINT64_MAX, UINT64_MAX - 1, 1200, -5 },
		.names = "a *.a",
		.serial = "0f",
		.issuer = "CN=ca",
		.key_id = "aa",
		.sha256 = "bb",
		.key_kind = 1,
		.not_before = 10,
		.not_after = 20 };
	struct identity other = x.file;
	struct got got = { 0 };
	bool found;

	(void)state;
	assert_ok(ledger_index_get(l, "a", &x.file, &found, got_index, &got));
	assert_false(found);
	assert_ok(ledger_index_put(l, &x));
	reopen();
	assert_ok(ledger_index_get(l, "a", &x.file, &found, got_index, &got));
	assert_true(found);
	assert_string_equal(
	    got.text, "a|a *.a|0f|CN=ca|aa|bb|1|10|20|18446744073709551614");
	other.mtime_nsecs++;
	assert_ok(ledger_index_get(l, "a", &other, &found, got_index, &got));
	assert_false(found);
	x.file = other;
	x.serial = "10";
	assert_ok(ledger_index_put(l, &x));
	assert_ok(ledger_index_get(l, "a", &x.file, &found, got_index, &got));
	assert_true(found);
	assert_string_equal(
	    got.text, "a|a *.a|10|CN=ca|aa|bb|1|10|20|18446744073709551614");
	assert_ok(ledger_index_remove(l, "a"));
	assert_ok(ledger_index_get(l, "a", &x.file, &found, got_index, &got));
	assert_false(found);
}

static struct err *
got_lineage(void *arg, const char *lineage)
{
	struct got *got = arg;

	(void)snprintf(got->text + strlen(got->text),
	    sizeof(got->text) - strlen(got->text), "%s ", lineage);
	return NULL;
}

static void
names_lead_to_lineages(void **state)
{
	struct ledger_index x = { .lineage = "b", .names = "a *.a" };
	struct got got = { 0 };

	(void)state;
	assert_ok(ledger_index_put(l, &x));
	x.lineage = "a";
	x.names = "*.a c";
	assert_ok(ledger_index_put(l, &x));
	assert_ok(ledger_names_find(l, "*.a", got_lineage, &got));
	assert_string_equal(got.text, "a b ");
	x.names = "c"; /* the names that it had before lead nowhere */
	assert_ok(ledger_index_put(l, &x));
	assert_ok(ledger_index_remove(l, "b"));
	*got.text = '\0';
	assert_ok(ledger_names_find(l, "*.a", got_lineage, &got));
	assert_ok(ledger_names_find(l, "a", got_lineage, &got));
	assert_string_equal(got.text, "");
	assert_ok(ledger_names_find(l, "c", got_lineage, &got));
	assert_string_equal(got.text, "a ");
}

static void
seen_is_in_bytewise_order(void **state)
{
	struct ledger_seen s = { .lineage = "b", .renew_after = 5 };
	struct ledger_index x = { .lineage = "b", .names = "b" };
	struct got got = { 0 };
	uint64_t before;

	(void)state;
	assert_ok(ledger_seen_put(l, &s));
	s.lineage = "a";
	s.files[1].inode = 7;
	s.renew_after = INT64_MAX;
	assert_ok(ledger_seen_put(l, &s));
	s.lineage = "B";
	s.renew_after = -1;
	assert_ok(ledger_seen_put(l, &s));
	assert_ok(ledger_seen_each(l, got_seen, &got));
	assert_string_equal(got.text, "B 7 -1,a 7 9223372036854775807,b 0 5,");
	before = ledger_seen_changes(l);
	assert_ok(ledger_seen_remove(l, "nobody"));
	assert_true(ledger_seen_changes(l) == before);
	assert_ok(ledger_seen_remove(l, "a"));
	assert_false(ledger_seen_changes(l) == before);
	assert_ok(ledger_index_put(l, &x));
	assert_ok(ledger_index_remove(l, "b"));
	*got.text = '\0';
	assert_ok(ledger_seen_each(l, got_seen, &got));
	assert_string_equal(got.text, "B 7 -1,");
}

static void
failure_is_of_account_and_names(void **state)
{
	struct ledger_failure f = { "id", "a *.a", 3, 100, 200, "no" };
	struct got got = { 0 };

	(void)state;
	assert_ok(ledger_failure_get(l, "id", "a *.a", got_failure, &got));
	assert_int_equal(got.n, 0);
	assert_ok(ledger_failure_put(l, &f));
	f.count = 4;
	assert_ok(ledger_failure_put(l, &f));
	f.names = "b";
	assert_ok(ledger_failure_put(l, &f));
	assert_ok(ledger_failure_get(l, "id", "a *.a", got_failure, &got));
	assert_string_equal(got.text, "id|a *.a|4|100|200|no");
	assert_ok(ledger_failure_get(l, "other", "a *.a", got_failure, &got));
	assert_int_equal(got.n, 1);
	assert_ok(ledger_failure_clear(l, "id", "a *.a"));
	got.n = 0;
	assert_ok(ledger_failure_each(l, got_failure, &got));
	assert_int_equal(got.n, 1);
	assert_string_equal(got.text, "id|b|4|100|200|no");
}

/* ---- owed ---- */

static struct err *
got_owed(void *arg, const struct ledger_owed *o)
{
	struct got *g = arg;
	size_t n = strlen(g->text);

	g->n++;
	(void)snprintf(g->text + n, sizeof(g->text) - n, "%s|%s|%u|%lld|%s;",
	    o->lineage, o->command, o->count, (long long)o->last, o->text);
	return NULL;
}

static const char *
owed(const char *lineage, struct got *g)
{
	memset(g, 0, sizeof(*g));
	assert_ok(ledger_owed_each(l, lineage, got_owed, g));
	return g->text;
}

static void
owed_hooks_are_kept_until_they_are_removed(void **state)
{
	struct got g;

	(void)state;
	assert_ok(ledger_owed_add(l, "b.test", "two"));
	assert_ok(ledger_owed_add(l, "b.test", "one"));
	assert_ok(ledger_owed_add(l, "a.test", OWED_ALL));
	assert_ok(ledger_owed_failed(l, "b.test", "two", 100, "status 7"));
	assert_ok(ledger_owed_failed(l, "b.test", "two", 200, "status 8"));
	assert_ok(ledger_owed_add(l, "b.test", "two")); /* stays as it is */
	reopen();
	assert_string_equal(
	    owed("b.test", &g), "b.test|two|2|200|status 8;b.test|one|0|0|;");
	owed("", &g);
	assert_int_equal(g.n, 3);
	assert_ok(ledger_owed_remove(l, "b.test", "two"));
	assert_ok(ledger_owed_remove(l, "b.test", "no such"));
	assert_string_equal(owed("b.test", &g), "b.test|one|0|0|;");
	assert_ok(ledger_owed_failed(l, "b.test", "new", 300, "x"));
	assert_string_equal(
	    owed("b.test", &g), "b.test|one|0|0|;b.test|new|1|300|x;");
	assert_ok(ledger_owed_clear(l, "b.test"));
	assert_string_equal(owed("", &g), "a.test||0|0|;");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(open_makes_private_files),
		TEST(open_twice_is_refused),
		TEST(revocation_is_kept_until_the_certificate_ends),
		TEST(job_lives_through_reopening),
		TEST(record_of_job_and_of_all),
		TEST(record_of_an_order_that_goes_on_has_one_row),
		TEST(each_error_of_callee_stops),
		TEST(each_within_each_is_refused),
		TEST(index_is_of_one_file),
		TEST(names_lead_to_lineages),
		TEST(seen_is_in_bytewise_order),
		TEST(failure_is_of_account_and_names),
		TEST(owed_hooks_are_kept_until_they_are_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
