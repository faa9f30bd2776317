/*
 * test_store_crash.c - an installation that is killed, or fails, at each call
 * that changes the disk.
 */
/* objects: common/err common/log common/text common/buf common/names common/ini common/ini_expand common/ini_parse common/ini_quote common/ini_value common/ini_write common/config common/config_value common/cli_ini common/url certd/monitor/fs certd/monitor/store certd/monitor/store_version certd/monitor/store_lineage certd/monitor/store_conf certd/monitor/store_live certd/monitor/store_stage certd/monitor/store_journal certd/monitor/store_commit certd/monitor/store_preflight certd/monitor/store_install certd/monitor/store_recover */
#include "tree.h"
#include "faults.h"

#define ARCHIVE "archive/" NAME
#define LIVE	"live/" NAME

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
set_up(struct scene *scene, bool is_new)
{
	scene->is_new = is_new;
	tree_open(&scene->t, NO_GROUP);
	if (!is_new)
		assert_int_equal(install(&scene->t, 1, true), 1);
	put(&scene->t, "live/mine", "");
	if (!is_new)
		put(&scene->t, LIVE "/both.pem", "mine");
	stage_key(&scene->t, 2);
	log_limit((enum log_level)-1); /* hundreds of errors are to come */
}

/* Nothing but whole versions and what was there before. */
static void
check_tidy(const struct scene *scene)
{
	const struct tree *t = &scene->t;

	sh(t, "test -z \"$(find . -name '*.new')\"");
	sh(t, "test -z \"$(ls -A .certd)\"");
	sh(t, "cd " ARCHIVE " && for f in *; do "
	      "case $f in *1.pem|*2.pem) test -s $f;; *) false;; esac || "
	      "exit 1; done; test $(ls | wc -l) = $(($(ls cert* | wc -l) * 4))");
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

	if (before != 2 && before != old)
		fail_msg("call %u: a mixture", f->at);
	if (scene->is_new && before == 0)
		assert_false(exists(t, LIVE));
	if (failed && before != old)
		fail_msg("call %u: failed, but job %u is live", f->at, before);
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
	check_tidy(scene);
}

/* Every call in turn, until there is none left. */
static void
sweep(enum fault_kind kind, int error, bool is_new)
{
	struct fault f = { .kind = kind, .error = error };
	struct fault_result result;
	struct scene scene;

	for (f.at = 1;; f.at++) {
		set_up(&scene, is_new);
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
	assert_in_range(f.at, 40, 200);
}

static void
install_killed_at_each_call_is_whole(void **state)
{
	(void)state;
	sweep(FAULT_KILL, 0, false);
	sweep(FAULT_KILL, 0, true);
}

static void
install_failing_once_at_each_call_keeps_old(void **state)
{
	(void)state;
	if (!can_inject())
		skip();
	sweep(FAULT_ONCE, EIO, false);
	sweep(FAULT_ONCE, ENOSPC, true);
}

static void
install_on_disk_that_fills_up_keeps_old(void **state)
{
	(void)state;
	if (!can_inject())
		skip();
	sweep(FAULT_STAYS, ENOSPC, false);
	sweep(FAULT_STAYS, EROFS, true);
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
		set_up(&scene, false);
		(void)with_fault(&f, install_two, &scene);
		found = exists(&scene.t, ".certd/2/install");
		tree_close(&scene.t);
	}
	return f.at;
}

static void
recover_after_certbot_took_the_number_yields(void **state)
{
	struct fault f = { .kind = FAULT_KILL };
	struct scene scene;
	unsigned version;

	(void)state;
	f.at = calls_until_journal();
	set_up(&scene, false);
	assert_true(with_fault(&f, install_two, &scene).killed);
	sh(&scene.t, "for k in cert privkey chain fullchain; do "
		     "echo certbot > " ARCHIVE "/${k}2.pem; "
		     "ln -sf ../../" ARCHIVE "/${k}2.pem " LIVE "/$k.pem; done");
	assert_int_equal(recover(&scene.t).n, 1); /* superseded */
	assert_string_equal(content(&scene.t, LIVE "/cert.pem"), "certbot\n");
	assert_string_equal(content(&scene.t, LIVE "/privkey.pem"),
	    "certbot\n");
	(void)version;
	tree_close(&scene.t);
}

static void
install_on_full_tmpfs_keeps_old(void **state)
{
	struct tree t;
	unsigned version;
	int fd;

	(void)state;
	(void)memset(&t, 0, sizeof(t));
	(void)strcpy(t.path, "/tmp/certd-test-XXXXXX");
	assert_non_null(mkdtemp(t.path));
	t.cfg.config_dir = t.path;
	{
		char line[128];

		(void)snprintf(line, sizeof(line), "mount -t tmpfs -o size=4m "
						   "tmpfs %s 2>/dev/null",
		    t.path);
		if (system(line) != 0) {
			(void)rmdir(t.path);
			skip();
		}
	}
	log_limit((enum log_level)-1);
	assert_ok(store_open(&t.cfg, NO_GROUP, &t.s));
	(void)install(&t, 1, true);
	stage_key(&t, 2);
	sh(&t, "dd if=/dev/zero of=fill bs=4k status=none 2>/dev/null; true");
	assert_fails(install_staged(&t, 2, false, &version), "No space left");
	assert_fails(store_may_create(t.s, "b.example.com"), "No space left");
	assert_int_equal(live_job(&t), 1);
	(void)store_stage_key(t.s, 3, &fd);
	sh(&t, "rm fill");
	if (fd != -1)
		close(fd);
	assert_ok(install_staged(&t, 2, false, &version));
	assert_int_equal(live_job(&t), 2);
	store_close(t.s);
	{
		char line[128];

		(void)snprintf(line, sizeof(line), "umount %s && rmdir %s",
		    t.path, t.path);
		assert_int_equal(system(line), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(install_killed_at_each_call_is_whole),
		cmocka_unit_test(install_failing_once_at_each_call_keeps_old),
		cmocka_unit_test(install_on_disk_that_fills_up_keeps_old),
		cmocka_unit_test(recover_after_certbot_took_the_number_yields),
		cmocka_unit_test(install_on_full_tmpfs_keeps_old),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
