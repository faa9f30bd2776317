/*
 * test_store_crash.c - an installation that is killed, or fails, at each call
 * that changes the disk.
 */
/* objects: common/err common/log common/text common/buf common/names common/url $(CONFIG) certd/monitor/fs certd/monitor/fs_later $(filter certd/monitor/store%,$(certd_OBJ)) */
/* libs: libmd */
#define _GNU_SOURCE /* nftw */
#include <sys/mount.h>

#include "faults.h"
#include "tree.h"

#define ARCHIVE "archive/" NAME
#define LIVE    "live/" NAME

/* What store_recover() tells. */
struct told {
	unsigned n, job, version;
};

static void
on_installed(void *arg, uint32_t job, const char *lineage, unsigned version)
{
	struct told *told = arg;

	assert_string_equal(lineage, NAME);
	told->n++;
	told->job = job;
	told->version = version;
}

static struct told
recover(struct tree *t)
{
	struct told told = { 0 };

	assert_ok(store_lock(t->s));
	assert_ok(store_recover(t->s, on_installed, &told));
	store_unlock(t->s);
	return told;
}

/* Job 2: the next version after that of job 1, or the first one. */
struct scene {
	struct tree t;
	bool is_new;
	bool in_place; /* live/NAME cannot be swapped */
};

static int
install_two(void *arg)
{
	struct scene *scene = arg;
	unsigned version;
	struct err *e;

	e = install_staged(&scene->t, 2, scene->is_new, &version);
	err_free(e);
	return e == NULL ? 0 : 1;
}

static void
set_up(struct scene *scene, bool is_new, bool in_place)
{
	scene->is_new = is_new;
	scene->in_place = in_place;
	tree_open(&scene->t, NO_GROUP);
	if (!is_new)
		assert_int_equal(install(&scene->t, 1, true), 1);
	put(&scene->t, "live/mine", "");
	if (!is_new)
		put(&scene->t, LIVE "/both.pem", "mine");
	if (in_place)
		assert_int_equal(
		    mkdir(at(&scene->t, LIVE "/directory"), 0755), 0);
	stage_key(&scene->t, 2);
}

/* Files of versions in archive/, and whether something is there that must not
 * be. nftw() has no argument for it. */
static struct {
	unsigned pems;
	bool may_stage;
	char wrong[256];
} seen;

static int
look_at(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *name = path + ftw->base;
	const size_t n = strlen(name);

	if (strstr(path, "/.certd/") != NULL && seen.may_stage)
		return 0;
	if ((n > 4 && strcmp(name + n - 4, ".new") == 0) ||
	    (ftw->level > 1 && strstr(path, "/.certd/") != NULL) ||
	    (type == FTW_F && st->st_size == 0 && strstr(path, ".pem")))
		(void)snprintf(seen.wrong, sizeof(seen.wrong), "%s", path);
	if (type == FTW_F && strstr(path, ARCHIVE "/") != NULL)
		seen.pems++;
	return 0;
}

/* Nothing but whole versions and what was there before. */
static void
check_files(const struct scene *scene, unsigned versions, bool may_stage)
{
	const struct tree *t = &scene->t;

	memset(&seen, 0, sizeof(seen));
	seen.may_stage = may_stage;
	assert_int_equal(nftw(t->path, look_at, 16, FTW_PHYS), 0);
	assert_string_equal(seen.wrong, "");
	assert_int_equal(seen.pems, versions * PEM_N);
	assert_true(exists(t, "live/mine"));
	if (!scene->is_new)
		assert_string_equal(content(t, LIVE "/both.pem"), "mine");
}

/* After the fault: whole before recovery, whole and right after it, and the job
 * can be done again where it was not. */
static void
check_after(struct scene *scene, const struct fault *f, bool failed)
{
	struct tree *t = &scene->t;
	const unsigned old = scene->is_new ? 0 : 1, before = live_job(t);
	struct lineage *l;
	struct told told;
	unsigned version = 0;

	if (before != 2 && before != old) /* the promise of all this */
		fail_msg("call %u: a mixture", f->at);
	if (scene->is_new && before == 0)
		assert_false(exists(t, LIVE));
	if (failed && before != old)
		fail_msg("call %u: failed, but job %u is live", f->at, before);
	if (failed && f->kind == FAULT_ONCE) /* undone at once, all of it */
		check_files(scene, old, true);
	told = recover(t);
	if (told.n == 0) {
		if (live_job(t) != old)
			fail_msg("call %u: nothing told", f->at);
		assert_ok(install_staged(t, 2, scene->is_new, &version));
		assert_int_equal(version, old + 1);
	} else {
		assert_int_equal(told.n, 1);
		assert_int_equal(told.job, 2);
		assert_int_equal(told.version, old + 1);
	}
	assert_int_equal(live_job(t), 2);
	store_unstage(t->s, 2);
	assert_ok(lineage_load(t->s, NAME, &l));
	assert_null(l->problem);
	lineage_free(l);
	check_files(scene, old + 1, false);
}

/* Every call in turn, until there is none left. */
static void
sweep(enum fault_kind kind, int error, bool is_new, bool in_place)
{
	struct fault f = { .kind = kind, .error = error };
	struct fault_result result;
	struct scene scene;

	for (f.at = 1;; f.at++) {
		set_up(&scene, is_new, in_place);
		result = with_fault(&f, install_two, &scene);
		if (!result.reached) {
			assert_int_equal(result.status, 0);
			tree_close(&scene.t);
			break;
		}
		if (!result.killed && result.status != 0 && result.status != 1)
			fail_msg("call %u: status %d", f.at, result.status);
		check_after(&scene, &f, result.status == 1);
		tree_close(&scene.t);
	}
	assert_in_range(f.at, 40, 70); /* each costs every renewal */
}

static void
install_killed_at_each_call_is_whole(void **state)
{
	(void)state;
	sweep(FAULT_KILL, 0, false, false);
	sweep(FAULT_KILL, 0, true, false);
}

static void
install_failing_once_at_each_call_keeps_old(void **state)
{
	(void)state;
	if (!can_inject())
		skip();
	sweep(FAULT_ONCE, EIO, false, false);
	sweep(FAULT_ONCE, ENOSPC, true, false);
	sweep(FAULT_ONCE, ENOSPC, false, true);
}

static void
install_on_disk_that_fills_up_keeps_old(void **state)
{
	(void)state;
	if (!can_inject())
		skip();
	sweep(FAULT_STAYS, ENOSPC, false, false);
	sweep(FAULT_STAYS, EROFS, true, false);
}

/* Calls after which the journal is written, but nothing of the archive. */
static unsigned
calls_until_journal(void)
{
	struct fault f = { .kind = FAULT_KILL };
	struct scene scene;
	bool found = false;

	while (!found) {
		f.at++;
		set_up(&scene, false, false);
		(void)with_fault(&f, install_two, &scene);
		found = exists(&scene.t, ".certd/2.install");
		if (found)
			assert_true(store_must_recover(scene.t.s));
		tree_close(&scene.t);
	}
	return f.at;
}

/* certbot's version 2, or 3, after our crash. */
static void
recover_against_certbot(const char *number, unsigned next)
{
	struct fault f = { .kind = FAULT_KILL, .at = calls_until_journal() };
	struct scene scene;
	char command[256];
	unsigned version = 0;

	set_up(&scene, false, false);
	assert_true(with_fault(&f, install_two, &scene).killed);
	(void)snprintf(command, sizeof(command),
	    "for k in cert privkey chain fullchain; do "
	    "echo certbot > " ARCHIVE "/${k}%s.pem; "
	    "ln -sf ../../" ARCHIVE "/${k}%s.pem " LIVE "/$k.pem; done",
	    number, number);
	sh(&scene.t, command);
	assert_int_equal(recover(&scene.t).n, 0);
	assert_string_equal(content(&scene.t, LIVE "/cert.pem"), "certbot\n");
	assert_string_equal(
	    content(&scene.t, LIVE "/privkey.pem"), "certbot\n");
	assert_false(exists(&scene.t, ".certd/2.install"));
	assert_ok(install_staged(&scene.t, 2, false, &version));
	assert_int_equal(version, next);
	assert_int_equal(live_job(&scene.t), 2);
	tree_close(&scene.t);
}

static void
recover_after_certbot_took_the_number_yields(void **state)
{
	(void)state;
	recover_against_certbot("2", 3);
	recover_against_certbot("3", 4);
}

/* What lay ready for it is gone: the old version stays, and the job can go on. */
static void
recover_without_what_lay_ready_undoes(const char *lost)
{
	struct fault f = { .kind = FAULT_KILL, .at = calls_until_journal() };
	struct scene scene;
	unsigned version = 0;

	set_up(&scene, false, false);
	assert_true(with_fault(&f, install_two, &scene).killed);
	sh(&scene.t, lost);
	assert_int_equal(recover(&scene.t).n, 0);
	assert_int_equal(live_job(&scene.t), 1);
	assert_false(exists(&scene.t, ".certd/2.install"));
	check_files(&scene, 1, true);
	assert_ok(install_staged(&scene.t, 2, false, &version));
	assert_int_equal(version, 2);
	assert_int_equal(live_job(&scene.t), 2);
	tree_close(&scene.t);
}

static void
recover_without_a_file_undoes(void **state)
{
	(void)state;
	recover_without_what_lay_ready_undoes("rm " ARCHIVE "/.cert2.pem.new");
	recover_without_what_lay_ready_undoes(
	    "rm " ARCHIVE "/.privkey2.pem.new");
}

static int
recover_it(void *arg)
{
	struct told told = { 0 };
	struct scene *scene = arg;
	struct err *e;

	if ((e = store_lock(scene->t.s)) == NULL) {
		e = store_recover(scene->t.s, on_installed, &told);
		store_unlock(scene->t.s);
	}
	err_free(e);
	return told.n == 1 ? 0 : 1;
}

/* Decided, and then the recovery is struck at each of its calls, too: what lies
 * ready for it stays until it is done. */
static void
sweep_recovery(enum fault_kind kind, int error)
{
	struct fault first = { .kind = FAULT_KILL,
		.at = calls_until_journal() };
	struct fault f = { .kind = kind, .error = error };
	struct fault_result result;
	struct scene scene;
	struct told told;

	for (f.at = 1;; f.at++) {
		set_up(&scene, false, false);
		assert_true(with_fault(&first, install_two, &scene).killed);
		result = with_fault(&f, recover_it, &scene);
		told = recover(&scene.t);
		if (live_job(&scene.t) != 2 || told.n != 1)
			fail_msg("call %u: job %u is live, %u told", f.at,
			    live_job(&scene.t), told.n);
		store_unstage(scene.t.s, 2);
		check_files(&scene, 2, false);
		tree_close(&scene.t);
		if (!result.reached)
			break;
	}
	assert_in_range(f.at, 10, 100);
}

static void
recover_struck_at_each_call_finishes_later(void **state)
{
	(void)state;
	sweep_recovery(FAULT_KILL, 0);
	if (!can_inject())
		skip();
	sweep_recovery(FAULT_ONCE, EIO);
	sweep_recovery(FAULT_STAYS, ENOSPC);
	sweep_recovery(FAULT_STAYS, EROFS);
}

static void
recover_done_but_not_noted_tells_again(void **state)
{
	struct scene scene;
	struct told told;

	(void)state;
	set_up(&scene, false, false);
	assert_int_equal(install_two(&scene), 0);
	told = recover(&scene.t);
	assert_int_equal(told.n, 1);
	assert_int_equal(told.version, 2);
	assert_int_equal(recover(&scene.t).n, 1);
	/* For that nobody waits for certbot. */
	assert_false(store_must_recover(scene.t.s));
	told = (struct told) { 0 };
	assert_ok(store_recall(scene.t.s, on_installed, &told));
	assert_int_equal(told.n, 1);
	assert_int_equal(told.job, 2);
	assert_int_equal(told.version, 2);
	store_unstage(scene.t.s, 2);
	assert_int_equal(recover(&scene.t).n, 0);
	told = (struct told) { 0 };
	assert_ok(store_recall(scene.t.s, on_installed, &told));
	assert_int_equal(told.n, 0);
	check_files(&scene, 2, false);
	tree_close(&scene.t);
}

static void
recover_removes_leftovers_of_ours_only(void **state)
{
	struct tree t;

	(void)state;
	tree_open(&t, NO_GROUP);
	(void)install(&t, 1, true);
	sh(&t, "cp -a " LIVE " live/." NAME ".new && "
	       "echo kept > live/." NAME ".new/both.pem && "
	       "touch renewal/" NAME ".conf.new " ARCHIVE
	       "/.cert7.pem.new " ARCHIVE "/.other.new renewal/.x.new "
	       "archive/file && mkdir -p archive/z && "
	       "touch archive/z/.privkey1.pem.new");
	assert_int_equal(recover(&t).n, 0);
	assert_false(exists(&t, "live/." NAME ".new"));
	assert_string_equal(content(&t, LIVE "/both.pem"), "kept\n");
	assert_false(exists(&t, "renewal/" NAME ".conf.new"));
	assert_false(exists(&t, ARCHIVE "/.cert7.pem.new"));
	assert_false(exists(&t, "archive/z/.privkey1.pem.new"));
	assert_true(exists(&t, ARCHIVE "/.other.new"));
	assert_true(exists(&t, "renewal/.x.new"));
	assert_true(exists(&t, "archive/file"));
	assert_int_equal(live_job(&t), 1);
	tree_close(&t);
}

static void
install_on_full_disk_keeps_old(void **state)
{
	struct tree t;
	unsigned version;

	(void)state;
	tree_make(&t);
	if (mount("tmpfs", t.path, "tmpfs", 0, "size=4m") == -1) {
		(void)rmdir(t.path);
		skip();
	}
	assert_ok(store_open(&t.cfg, NO_GROUP, &t.s));
	(void)install(&t, 1, true);
	stage_key(&t, 2);
	sh(&t, "dd if=/dev/zero of=fill bs=4k 2>/dev/null; true");
	assert_fails(install_staged(&t, 2, false, &version), "No space left");
	assert_fails(store_may_create(t.s, "b.example.com"), "No space left");
	assert_int_equal(live_job(&t), 1);
	sh(&t, "rm fill");
	assert_ok(install_staged(&t, 2, false, &version));
	assert_int_equal(live_job(&t), 2);
	store_close(t.s);
	assert_int_equal(umount2(t.path, 0), 0);
	assert_int_equal(rmdir(t.path), 0);
}

static void
install_across_file_systems_works(void **state)
{
	struct tree t;
	unsigned version;

	(void)state;
	tree_open(&t, NO_GROUP);
	if (mount("tmpfs", at(&t, "archive"), "tmpfs", 0, "size=4m") == -1) {
		tree_close(&t);
		skip();
	}
	tree_reopen(&t, NO_GROUP);
	(void)install(&t, 1, true);
	version = install(&t, 2, false);
	assert_int_equal(version, 2);
	assert_int_equal(live_job(&t), 2);
	store_close(t.s);
	t.s = NULL;
	assert_int_equal(umount2(at(&t, "archive"), 0), 0);
	tree_close(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(install_killed_at_each_call_is_whole),
		cmocka_unit_test(install_failing_once_at_each_call_keeps_old),
		cmocka_unit_test(install_on_disk_that_fills_up_keeps_old),
		cmocka_unit_test(recover_after_certbot_took_the_number_yields),
		cmocka_unit_test(recover_without_a_file_undoes),
		cmocka_unit_test(recover_struck_at_each_call_finishes_later),
		cmocka_unit_test(recover_done_but_not_noted_tells_again),
		cmocka_unit_test(recover_removes_leftovers_of_ours_only),
		cmocka_unit_test(install_on_full_disk_keeps_old),
		cmocka_unit_test(install_across_file_systems_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
