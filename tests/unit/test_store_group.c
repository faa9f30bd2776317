/*
 * test_store_group.c - several certificates that go into the store together: each
 * is old or new, whatever happens to the others.
 */
/* objects: common/err common/log common/text common/buf common/names common/url $(CONFIG) certd/monitor/fs certd/monitor/fs_later $(filter certd/monitor/store%,$(certd_OBJ)) */
/* libs: libmd */
#define _GNU_SOURCE
#include "faults.h"
#include "tree.h"

/* Two that go well, of which one is new, and one whose key is missing. */
enum { FRESH, NEXT, KEYLESS, GROUP_N };
static const struct member {
	const char *lineage;
	uint32_t job;
	unsigned old, new; /* numbers in its certificates; 0: none */
	bool is_new;
} members[GROUP_N] = {
	{ "fresh.example.com", 11, 0, 11, true },
	{ NAME, 12, 1, 12, false },
	{ "keyless.example.com", 13, 0, 0, true },
};

/* The number that all four files of live/NAME bear; 0 where there is none of
 * them, -1 where they are not one set. */
static int
live_number(const struct tree *t, const char *lineage)
{
	char path[128], want[4][64];
	static const char *const kinds[] = { "cert", "chain", "privkey",
		"fullchain" };
	int n = 0, i;

	(void)snprintf(path, sizeof(path), "live/%s", lineage);
	if (!exists(t, path))
		return 0;
	(void)snprintf(path, sizeof(path), "live/%s/cert.pem", lineage);
	if (sscanf(content(t, path), "cert %d\n", &n) != 1)
		return -1;
	(void)snprintf(want[0], sizeof(want[0]), "cert %d\n", n);
	(void)snprintf(want[1], sizeof(want[1]), "chain %d\n", n);
	(void)snprintf(want[2], sizeof(want[2]), "key %d\n", n);
	(void)snprintf(want[3], sizeof(want[3]), "cert %d\nchain %d\n", n, n);
	for (i = 0; i < 4; i++) {
		(void)snprintf(path, sizeof(path), "live/%s/%s.pem", lineage,
		    kinds[i]);
		if (strcmp(content(t, path), want[i]) != 0)
			return -1;
	}
	return n;
}

static void
set_up(struct tree *t)
{
	tree_open(t, NO_GROUP);
	assert_int_equal(install(t, 1, true), 1);
	stage_key(t, members[FRESH].job);
	stage_key(t, members[NEXT].job);
}

/* Stores some of the members (bits); the result has a bit for each that has
 * failed. */
static int
store_members(struct tree *t, unsigned which)
{
	struct store_install list[GROUP_N];
	char certs[GROUP_N][32], chains[GROUP_N][32];
	size_t n = 0, at[GROUP_N];
	int failed = 0;
	struct err *e = store_lock(t->s);

	if (e != NULL) {
		err_free(e);
		return (int)which;
	}
	for (size_t i = 0; i < GROUP_N; i++) {
		const struct member *x = &members[i];

		if ((which & 1u << i) == 0)
			continue;
		(void)snprintf(certs[i], sizeof(certs[i]), "cert %u\n", x->job);
		(void)snprintf(chains[i], sizeof(chains[i]), "chain %u\n",
		    x->job);
		list[n] = (struct store_install) { .job = x->job,
			.lineage = x->lineage, .is_new = x->is_new,
			.cert = certs[i], .cert_bytes = strlen(certs[i]),
			.chain = chains[i], .chain_bytes = strlen(chains[i]),
			.renewal = &renewal_a };
		at[n++] = i;
	}
	store_install_all(t->s, list, n);
	store_unlock(t->s);
	for (size_t i = 0; i < n; i++) {
		if (list[i].error != NULL)
			failed |= 1 << at[i];
		else
			assert_int_equal(list[i].version,
			    members[at[i]].is_new ? 1 : 2);
		err_free(list[i].error);
	}
	return failed;
}

static int
store_all(void *arg)
{
	return store_members(arg, (1u << GROUP_N) - 1);
}

static void
on_installed(void *arg, uint32_t job, const char *lineage, unsigned version)
{
	unsigned *told = arg;

	(void)version;
	for (size_t i = 0; i < GROUP_N; i++)
		if (members[i].job == job) {
			assert_string_equal(lineage, members[i].lineage);
			*told |= 1u << i;
		}
}

/* After the fault each is whole; after recovery it is new, or can be done
 * again. */
static void
check_after(struct tree *t, const struct fault *f, int failed)
{
	unsigned told = 0;

	for (size_t i = 0; i < KEYLESS; i++) {
		const int live = live_number(t, members[i].lineage);

		if (live != (int)members[i].old && live != (int)members[i].new)
			fail_msg("call %u: %s is a mixture", f->at,
			    members[i].lineage);
		if ((failed & 1 << i) != 0 && live != (int)members[i].old)
			fail_msg("call %u: %s failed, but is live", f->at,
			    members[i].lineage);
		if (f->kind != FAULT_KILL && (failed & 1 << i) == 0 &&
		    live != (int)members[i].new)
			fail_msg("call %u: %s is not live", f->at,
			    members[i].lineage);
	}
	assert_ok(store_lock(t->s));
	assert_ok(store_recover(t->s, on_installed, &told));
	store_unlock(t->s);
	assert_int_equal(told & 1u << KEYLESS, 0);
	for (size_t i = 0; i < KEYLESS; i++) {
		if ((told & 1u << i) == 0)
			assert_int_equal(store_members(t, 1u << i), 0);
		assert_int_equal(live_number(t, members[i].lineage),
		    members[i].new);
		store_unstage(t->s, members[i].job);
	}
	assert_int_equal(live_number(t, members[KEYLESS].lineage), 0);
}

static void
sweep(enum fault_kind kind, int error)
{
	struct fault f = { .kind = kind, .error = error };
	struct fault_result result;
	struct tree t;

	for (f.at = 1;; f.at++) {
		set_up(&t);
		result = with_fault(&f, store_all, &t);
		if (!result.reached)
			assert_int_equal(result.status, 1 << KEYLESS);
		else
			check_after(&t, &f, result.killed ? 0 : result.status);
		tree_close(&t);
		if (!result.reached)
			break;
	}
	assert_in_range(f.at, 60, 300);
}

static void
group_without_a_fault_fails_only_who_has_no_key(void **state)
{
	struct tree t;

	(void)state;
	set_up(&t);
	assert_int_equal(store_all(&t), 1 << KEYLESS);
	assert_int_equal(live_number(&t, members[FRESH].lineage), 11);
	assert_int_equal(live_number(&t, NAME), 12);
	assert_int_equal(live_number(&t, members[KEYLESS].lineage), 0);
	tree_close(&t);
}

static void
group_killed_at_each_call_is_whole(void **state)
{
	(void)state;
	sweep(FAULT_KILL, 0);
}

static void
group_failing_once_at_each_call_fails_whom_it_hit(void **state)
{
	(void)state;
	if (!can_inject())
		skip();
	sweep(FAULT_ONCE, EIO);
}

static void
group_on_disk_that_fills_up_keeps_old(void **state)
{
	(void)state;
	if (!can_inject())
		skip();
	sweep(FAULT_STAYS, ENOSPC);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    group_without_a_fault_fails_only_who_has_no_key),
		cmocka_unit_test(group_killed_at_each_call_is_whole),
		cmocka_unit_test(
		    group_failing_once_at_each_call_fails_whom_it_hit),
		cmocka_unit_test(group_on_disk_that_fills_up_keeps_old),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
