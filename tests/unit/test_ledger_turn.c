/*
 * test_ledger_turn.c - writes of one turn of the loop as one transaction: who is
 * told, what is there after a kill, what a full disk takes.
 */
/* objects: common/err common/log common/text certd/monitor/ledger certd/monitor/ledger_rows certd/monitor/ledger_job certd/monitor/ledger_index certd/monitor/ledger_owed certd/monitor/ledger_revocation certd/monitor/ledger_seen certd/monitor/ledger_sound */
/* libs: sqlite3 */
#define _GNU_SOURCE /* nftw */
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "ledger_scene.h"

static struct {
	int soon, before, undone, syncs, writes;
} n;

int
fdatasync(int fd)
{
	n.syncs++;
	return (int)syscall(SYS_fdatasync, fd);
}

ssize_t
pwrite64(int fd, const void *p, size_t bytes, off64_t at)
{
	n.writes++;
	return syscall(SYS_pwrite64, fd, p, bytes, at);
}

static void
on_soon(void *arg)
{
	(void)arg;
	n.soon++;
}

static void
on_before(void *arg)
{
	(void)arg;
	assert_int_equal(n.writes, 0); /* nothing of it is written yet */
	n.before++;
}

static void
on_undone(void *arg, const struct err *why)
{
	(void)arg;
	assert_non_null(strstr(err_text(why), "ledger"));
	n.undone++;
}

static const struct ledger_ops ops = { on_soon, on_before, on_undone };

static int
set_up_collecting(void **state)
{
	int rc = set_up(state);

	(void)signal(SIGXFSZ, SIG_IGN);
	assert_ok(ledger_collect(l, &ops, NULL));
	memset(&n, 0, sizeof(n));
	return rc;
}

static struct ledger_job
add_job(void)
{
	struct ledger_job j = { .kind = "issue", .lineage = "a" };

	assert_ok(ledger_job_add(l, &j));
	assert_true(ledger_is_owed(l));
	ledger_owe(l, false);
	memset(&n, 0, sizeof(n));
	return j;
}

static unsigned
count_records(void)
{
	struct got got = { 0 };

	assert_ok(ledger_record_each(l, 0, got_record, &got));
	return got.n;
}

static unsigned
count_jobs(void)
{
	struct got got = { 0 };

	assert_ok(ledger_job_each(l, got_job, &got));
	return got.n;
}

static void
what_may_wait_is_written_together(void **state)
{
	struct ledger_job j = add_job();
	struct ledger_record r = { .job = 1, .name = "n", .value = "v" };

	(void)state;
	assert_ok(ledger_record_add(l, &r));
	assert_ok(ledger_record_complete(l, r.id, "aa", "bb"));
	assert_ok(ledger_record_add(l, &r));
	assert_ok(ledger_record_remove(l, r.id));
	assert_ok(ledger_job_update(l, &j));
	assert_int_equal(n.soon, 1);
	assert_int_equal(n.before, 0);
	assert_int_equal(n.writes, 0);
	assert_int_equal(count_records(), 1); /* we see it */
	assert_ok(ledger_commit(l));
	assert_int_equal(n.before, 1);
	assert_int_not_equal(n.writes, 0);
	assert_int_equal(n.syncs, 0);
	n.writes = 0;
	assert_ok(ledger_commit(l));
	assert_int_equal(n.writes, 0);
	/* Only who has written it waits for the disk. */
	assert_false(ledger_is_owed(l));
	assert_int_equal(n.syncs, 0);
}

static void
what_may_not_wait_takes_the_others_along(void **state)
{
	struct ledger_record r = { .job = 1, .name = "n", .value = "v" };
	struct ledger_job j = { .kind = "issue", .lineage = "a" };

	(void)state;
	assert_ok(ledger_record_add(l, &r));
	assert_int_equal(n.before, 0);
	assert_ok(ledger_job_add(l, &j));
	assert_in_range(n.before, 1, 2);
	assert_int_not_equal(n.writes, 0);
	assert_int_equal(n.syncs, 0);
	assert_true(ledger_is_owed(l));
	assert_int_equal(n.syncs, 0);
	n.writes = 0;
	assert_ok(ledger_record_add(l, &r));
	assert_ok(ledger_owed_add(l, "a", "command"));
	assert_int_not_equal(n.writes, 0);
	assert_int_equal(n.syncs, 1);
	assert_false(ledger_is_owed(l)); /* it was taken along */
	n.writes = 0;
	assert_ok(ledger_owed_add(l, "b", "command")); /* alone */
	assert_int_not_equal(n.writes, 0);
	assert_int_equal(n.syncs, 2);
}

/* A group that is undone takes nothing along that was there before it. */
static void
group_is_a_part_of_the_turn(void **state)
{
	struct ledger_index x = { .lineage = "a", .names = "a" };
	struct ledger_record r = { .job = 1, .name = "n", .value = "v" };

	(void)state;
	assert_ok(ledger_record_add(l, &r));
	assert_ok(ledger_begin_lazy(l));
	assert_ok(ledger_index_put(l, &x));
	assert_ok(ledger_record_add(l, &r));
	assert_fails(ledger_end(l, err_new("undo")), "undo");
	assert_int_equal(n.writes, 0);
	assert_int_equal(count_records(), 1);
	assert_ok(ledger_begin_lazy(l));
	assert_ok(ledger_record_add(l, &r));
	assert_ok(ledger_end(l, NULL));
	assert_int_equal(n.writes, 0);
	assert_ok(ledger_begin(l)); /* on disk at its end */
	assert_ok(ledger_record_add(l, &r));
	assert_ok(ledger_end(l, NULL));
	assert_int_not_equal(n.writes, 0);
	assert_int_equal(n.syncs, 1);
	n.writes = 0;
	assert_ok(ledger_record_add(l, &r));
	assert_ok(ledger_begin(l));
	assert_ok(ledger_record_add(l, &r));
	assert_fails(ledger_end(l, err_new("undo")), "undo");
	assert_int_equal(count_records(), 4);
	assert_int_equal(n.undone, 0);
	reopen();
	assert_int_equal(count_records(), 4);
}

/* A child works on the ledger and is killed. */
static void
after_a_kill_there_is_what_was_committed(void **state)
{
	struct ledger_record r = { .job = 1, .name = "n", .value = "v" };
	pid_t pid;
	int status;

	(void)state;
	ledger_close(l);
	if ((pid = fork()) == 0) {
		assert_ok(ledger_open(at(&t, "state"), &l));
		assert_ok(ledger_collect(l, &ops, NULL));
		n.writes = 0;
		assert_ok(ledger_record_add(l, &r));
		assert_ok(ledger_record_add(l, &r));
		assert_ok(ledger_commit(l));
		n.writes = 0;
		assert_ok(ledger_record_add(l, &r));
		(void)raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_ok(ledger_open(at(&t, "state"), &l));
	assert_int_equal(count_records(), 2);
}

/* No file may grow any more. */
static void
fill_disk(struct rlimit *old)
{
	struct rlimit none = { 0, 0 };

	assert_int_equal(getrlimit(RLIMIT_FSIZE, old), 0);
	none.rlim_max = old->rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
}

static void
full_disk_undoes_the_turn_and_tells(void **state)
{
	struct ledger_job j = add_job(), other = { .kind = "issue",
		.lineage = "b" };
	struct ledger_record r = { .job = 1, .name = "n", .value = "v" };
	struct rlimit old;

	(void)state;
	assert_ok(ledger_record_add(l, &r));
	assert_ok(ledger_commit(l));
	memset(&n, 0, sizeof(n));
	fill_disk(&old);
	assert_ok(ledger_record_add(l, &r));
	assert_ok(ledger_job_remove(l, j.id));
	assert_fails(ledger_commit(l), "ledger");
	assert_int_equal(n.undone, 1);
	assert_int_equal(count_records(), 1);
	assert_int_equal(count_jobs(), 1);
	n.writes = 0;
	/* Whoever may not wait hears it himself, of all of it. */
	assert_ok(ledger_record_add(l, &r));
	assert_fails(ledger_job_add(l, &other), "ledger");
	assert_int_equal(n.undone, 2);
	assert_int_equal(count_records(), 1);
	assert_int_equal(count_jobs(), 1);
	/* Then there is room. */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	n.writes = 0;
	assert_ok(ledger_record_add(l, &r));
	assert_ok(ledger_job_remove(l, j.id));
	assert_ok(ledger_commit(l));
	assert_int_equal(n.undone, 2);
	reopen();
	assert_int_equal(count_records(), 2);
	assert_int_equal(count_jobs(), 0);
}

static void
end_of_collecting_commits(void **state)
{
	struct ledger_record r = { .job = 1, .name = "n", .value = "v" };

	(void)state;
	assert_ok(ledger_record_add(l, &r));
	assert_ok(ledger_collect(l, NULL, NULL));
	assert_int_not_equal(n.writes, 0);
	n.writes = 0;
	assert_ok(ledger_record_add(l, &r));
	assert_int_not_equal(n.writes, 0);
	assert_int_equal(n.before, 1);
	assert_ok(ledger_collect(l, &ops, NULL));
	n.writes = 0;
	assert_ok(ledger_record_add(l, &r));
	reopen(); /* closing does, too */
	assert_int_equal(count_records(), 3);
}

/* What a renewal does not change is not written again. */
static void
names_that_are_the_same_stay(void **state)
{
	struct ledger_index x = { .lineage = "a", .names = "a b", .serial = "1" };
	int names;

	(void)state;
	assert_ok(ledger_index_put(l, &x));
	assert_ok(ledger_commit(l));
	n.writes = 0;
	x.serial = "2";
	assert_ok(ledger_index_put(l, &x));
	assert_ok(ledger_commit(l));
	names = n.writes;
	n.writes = 0;
	x.serial = "3";
	x.names = "a c";
	assert_ok(ledger_index_put(l, &x));
	assert_ok(ledger_commit(l));
	assert_true(n.writes > names);
}

#define TURN(name) \
	cmocka_unit_test_setup_teardown(name, set_up_collecting, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TURN(what_may_wait_is_written_together),
		TURN(what_may_not_wait_takes_the_others_along),
		TURN(group_is_a_part_of_the_turn),
		TURN(after_a_kill_there_is_what_was_committed),
		TURN(full_disk_undoes_the_turn_and_tells),
		TURN(end_of_collecting_commits),
		TURN(names_that_are_the_same_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
