/*
 * test_ledger_disk.c - what waits for the disk, and what becomes of a broken memory.
 */
/* objects: common/err common/log common/text certd/monitor/ledger certd/monitor/ledger_rows certd/monitor/ledger_job certd/monitor/ledger_index certd/monitor/ledger_owed certd/monitor/ledger_revocation certd/monitor/ledger_seen certd/monitor/ledger_sound */
/* libs: sqlite3 */
#define _GNU_SOURCE /* nftw */
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "ledger_scene.h"

/* SQLite's calls come here: the disk is asked to keep something. */
static int n_syncs;

int
fdatasync(int fd)
{
	n_syncs++;
	return (int)syscall(SYS_fdatasync, fd);
}

int
fsync(int fd)
{
	n_syncs++;
	return (int)syscall(SYS_fsync, fd);
}

static void
only_what_must_survive_a_power_cut_waits_for_the_disk(void **state)
{
	struct ledger_record r = { .job = 1, .name = "n", .value = "v" };
	struct ledger_index x = { .lineage = "a", .names = "a" };

	(void)state;
	n_syncs = 0;
	assert_ok(ledger_record_add(l, &r));
	assert_ok(ledger_record_add(l, &r));
	assert_ok(ledger_record_complete(l, r.id, "aa", "bb"));
	assert_ok(ledger_index_put(l, &x));
	assert_ok(ledger_begin_lazy(l));
	assert_ok(ledger_index_remove(l, "a"));
	assert_ok(ledger_end(l, NULL));
	assert_ok(ledger_record_remove(l, r.id));
	assert_int_equal(n_syncs, 0);
	assert_ok(ledger_begin(l));
	assert_ok(ledger_index_put(l, &x));
	assert_ok(ledger_end(l, NULL));
	assert_int_not_equal(n_syncs, 0);
}

static void
group_is_all_or_nothing(void **state)
{
	struct ledger_record r = { .job = 1, .name = "n", .value = "v" };
	struct got got = { 0 };

	(void)state;
	assert_ok(ledger_begin(l));
	assert_fails(ledger_begin(l), "already");
	assert_ok(ledger_record_add(l, &r));
	assert_fails(ledger_end(l, err_new("undo")), "undo");
	assert_ok(ledger_begin(l));
	assert_ok(ledger_record_add(l, &r));
	assert_ok(ledger_record_add(l, &r));
	assert_ok(ledger_end(l, NULL));
	assert_ok(ledger_end(l, NULL));
	reopen();
	assert_ok(ledger_record_each(l, 0, got_record, &got));
	assert_int_equal(got.n, 2);
}

static void
write_survives_a_kill(void **state)
{
	struct ledger_record r = { .job = 1, .name = "n", .value = "v" };
	struct got got = { 0 };
	int status, i;
	pid_t pid;

	(void)state;
	ledger_close(l);
	l = NULL;
	if ((pid = fork()) == 0) {
		if (ledger_open(at(&t, "state"), &l) != NULL)
			_exit(1);
		for (i = 0; i < 50; i++)
			if (ledger_record_add(l, &r) != NULL)
				_exit(2);
		if (ledger_begin(l) != NULL || ledger_record_add(l, &r) != NULL)
			_exit(3);
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_ok(ledger_open(at(&t, "state"), &l));
	assert_ok(ledger_record_each(l, 0, got_record, &got));
	assert_int_equal(got.n, 50);
}

/* What is done to the file, and whether it is moved aside. */
static const struct damage {
	const char *command;
	bool aside;
} damages[] = {
	{ "printf 'no database at all, but long enough for a header, "
	  "which has one hundred bytes in every version of the format so far' "
	  "> state/ledger.db",
	    true },
	{ "dd if=/dev/urandom of=state/ledger.db bs=4096 seek=1 count=2 "
	  "conv=notrunc status=none",
	    true },
	{ "truncate -s 5000 state/ledger.db", true },
	{ "python3 -c \"import sqlite3; c = sqlite3.connect('state/ledger.db');"
	  " c.execute('PRAGMA user_version = 99'); c.close()\"",
	    true },
	{ ": > state/ledger.db", false },
	{ "rm state/ledger.db", false },
};

static void
open_broken_starts_anew(void **state)
{
	struct ledger_record r = { .job = 1, .name = "n", .value = "v" };
	struct got got;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
		assert_ok(ledger_record_add(l, &r));
		ledger_close(l);
		l = NULL;
		sh(&t, damages[i].command);
		assert_ok(ledger_open(at(&t, "state"), &l));
		got = (struct got){ 0 };
		assert_ok(ledger_record_each(l, 0, got_record, &got));
		assert_int_equal(got.n, 0);
		assert_int_equal(mode_of(&t, "state/ledger.db"), 0600);
		sh(&t, damages[i].aside
			   ? "test -n \"$(ls state/ledger.db.*)\" && "
			     "rm state/ledger.db.*"
			   : "test -z \"$(ls state/ledger.db.* 2>/dev/null)\"");
	}
}

/* Writes over the first page of a table; the file's size and time stay. */
static void
damage(const char *table)
{
	char command[800];

	(void)snprintf(command, sizeof(command), "python3 -c \"\n"
	    "import os, sqlite3\n"
	    "p = 'state/ledger.db'; s = os.stat(p); c = sqlite3.connect(p)\n"
	    "page = c.execute('select rootpage from sqlite_master where name '"
	    "    '= ?', ('%s',)).fetchone()[0]; c.close()\n"
	    "f = open(p, 'r+b'); f.seek((page - 1) * 4096)\n"
	    "f.write(bytes([255]) * 4096); f.close()\n"
	    "os.utime(p, ns=(s.st_atime_ns, s.st_mtime_ns))\"", table);
	sh(&t, command);
}

/* Even where the file looks like the one that was closed. */
static void
open_looks_at_what_only_the_ledger_knows(void **state)
{
	static const char *const tables[] = { "job", "record", "failure",
		"owed", "revocation", "issued" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		ledger_close(l);
		l = NULL;
		assert_true(exists(&t, "state/ledger.sound"));
		damage(tables[i]);
		assert_ok(ledger_open(at(&t, "state"), &l));
		sh(&t, "ls state/ledger.db.* && rm state/ledger.db.*");
	}
}

/* What can be read again is found to be damaged when it is used, and then at the
 * next start. */
static void
open_after_damage_was_met_starts_anew(void **state)
{
	struct ledger_seen s = { .lineage = "a", .renew_after = 5 };
	struct got got = { 0 };

	(void)state;
	assert_ok(ledger_seen_put(l, &s));
	ledger_close(l);
	l = NULL;
	damage("seen");
	assert_ok(ledger_open(at(&t, "state"), &l));
	sh(&t, "test -z \"$(ls state/ledger.db.* 2>/dev/null)\"");
	assert_fails(ledger_seen_each(l, got_seen, &got), "malformed");
	ledger_close(l);
	l = NULL;
	assert_ok(ledger_open(at(&t, "state"), &l));
	sh(&t, "ls state/ledger.db.* && rm state/ledger.db.*");
	assert_ok(ledger_seen_each(l, got_seen, &got));
	assert_string_equal(got.text, "");
}

/* A log beside it, or another time: all of it is looked through. */
static void
open_trusts_only_the_file_that_was_closed(void **state)
{
	static const char *const touches[] = { "touch state/ledger.db",
		": > state/ledger.db-wal", "rm state/ledger.sound",
		"cp -p state/ledger.db x && mv x state/ledger.db" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(touches) / sizeof(*touches); i++) {
		ledger_close(l);
		l = NULL;
		damage("certificate");
		sh(&t, touches[i]);
		assert_ok(ledger_open(at(&t, "state"), &l));
		sh(&t, "ls state/ledger.db.* && rm state/ledger.db.*");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(open_looks_at_what_only_the_ledger_knows),
		TEST(open_after_damage_was_met_starts_anew),
		TEST(open_trusts_only_the_file_that_was_closed),
		TEST(only_what_must_survive_a_power_cut_waits_for_the_disk),
		TEST(group_is_all_or_nothing),
		TEST(write_survives_a_kill),
		TEST(open_broken_starts_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
