/*
 * test_store.c - opening, locking, names, and what is checked before an order.
 */
/* objects: common/err common/log common/text common/buf common/names common/url $(CONFIG) certd/monitor/fs certd/monitor/fs_later $(filter certd/monitor/store%,$(certd_OBJ)) */
/* libs: libmd */
#define _GNU_SOURCE /* nftw */
#include <errno.h>
#include <sys/wait.h>

#include "tree.h"

static void
open_empty_makes_certbots_tree(void **state)
{
	struct tree t;

	(void)state;
	tree_open(&t, NO_GROUP);
	assert_int_equal(mode_of(&t, "live"), 0700);
	assert_int_equal(mode_of(&t, "archive"), 0700);
	assert_int_equal(mode_of(&t, "renewal"), 0755);
	assert_int_equal(mode_of(&t, "accounts"), 0700);
	assert_int_equal(mode_of(&t, ".certd"), 0700);
	assert_int_equal(mode_of(&t, "renewal-hooks/pre"), 0755);
	assert_int_equal(mode_of(&t, "renewal-hooks/deploy"), 0755);
	assert_int_equal(mode_of(&t, "renewal-hooks/post"), 0755);
	tree_close(&t);
}

static void
open_with_group_lets_it_pass(void **state)
{
	struct tree t;

	(void)state;
	tree_open(&t, 4242);
	assert_int_equal(mode_of(&t, "live"), 0710);
	assert_int_equal(group_of(&t, "live"), 4242);
	assert_int_equal(mode_of(&t, "archive"), 0710);
	assert_int_equal(group_of(&t, "archive"), 4242);
	tree_close(&t);
}

static void
open_umask_changes_nothing(void **state)
{
	const mode_t umasks[] = { 077, 022, 0 };
	struct tree t;
	mode_t before;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		before = umask(umasks[i]);
		tree_open(&t, 4242);
		assert_int_equal(install(&t, 1, true), 1);
		assert_int_equal(mode_of(&t, "live"), 0710);
		assert_int_equal(mode_of(&t, "renewal"), 0755);
		assert_int_equal(mode_of(&t, "live/" NAME), 0755);
		assert_int_equal(mode_of(&t, "live/" NAME "/README"), 0644);
		assert_int_equal(mode_of(&t, "live/README"), 0644);
		assert_int_equal(mode_of(&t, "archive/" NAME), 0755);
		assert_int_equal(
		    mode_of(&t, "archive/" NAME "/cert1.pem"), 0644);
		assert_int_equal(
		    mode_of(&t, "archive/" NAME "/privkey1.pem"), 0640);
		assert_int_equal(
		    group_of(&t, "archive/" NAME "/privkey1.pem"), 4242);
		assert_int_equal(mode_of(&t, "renewal/" NAME ".conf"), 0644);
		tree_close(&t);
		(void)umask(before);
	}
}

static void
open_existing_keeps_modes(void **state)
{
	struct tree t;

	(void)state;
	tree_open(&t, NO_GROUP);
	sh(&t, "chmod 2751 live && chgrp 4711 live && chmod 711 renewal");
	tree_reopen(&t, 4242);
	assert_int_equal(mode_of(&t, "live"), 02751);
	assert_int_equal(group_of(&t, "live"), 4711);
	assert_int_equal(mode_of(&t, "archive"), 0700);
	assert_int_equal(mode_of(&t, "renewal"), 0711);
	tree_close(&t);
}

static void
open_directory_that_is_a_link_is_refused(void **state)
{
	struct store *s;
	struct tree t;

	(void)state;
	tree_open(&t, NO_GROUP);
	sh(&t, "mv archive elsewhere && ln -s elsewhere archive");
	assert_fails(store_open(&t.cfg, NO_GROUP, &s), "archive");
	assert_null(s);
	tree_close(&t);
}

/* certbot's own lock.py, holding the lock for as long as we read its pipe. */
static FILE *
lock_as_certbot(const struct tree *t)
{
	char line[512];
	FILE *f;

	(void)snprintf(line, sizeof(line),
	    "exec /usr/bin/python3 -c 'import sys, time\n"
	    "from certbot._internal import lock\n"
	    "l = lock.LockFile(\"%s/.certbot.lock\")\n"
	    "print(\"locked\", flush=True)\n"
	    "time.sleep(0.4)\n"
	    "l.release()'",
	    t->path);
	f = popen(line, "r");
	assert_non_null(f);
	if (fgets(line, sizeof(line), f) == NULL) {
		pclose(f);
		return NULL;
	}
	assert_string_equal(line, "locked\n");
	return f;
}

static void
lock_against_certbot_says_who_has_it(void **state)
{
	struct tree t;
	struct err *e;
	FILE *f;

	(void)state;
	tree_open(&t, NO_GROUP);
	if ((f = lock_as_certbot(&t)) == NULL) {
		tree_close(&t);
		skip();
	}
	e = store_lock(t.s);
	assert_non_null(e);
	assert_int_equal(err_errno(e), EAGAIN);
	assert_non_null(strstr(err_text(e), "process "));
	err_free(e);
	assert_int_equal(pclose(f), 0);
	assert_ok(store_lock(t.s));
	tree_close(&t);
}

static void
lock_ours_stops_certbot(void **state)
{
	struct tree t;
	char line[256];

	(void)state;
	tree_open(&t, NO_GROUP);
	assert_ok(store_lock(t.s));
	assert_fails(store_lock(t.s), "already");
	assert_int_equal(mode_of(&t, ".certbot.lock"), 0600);
	(void)snprintf(line, sizeof(line),
	    "/usr/bin/python3 -c 'from certbot._internal import lock\n"
	    "lock.LockFile(\"%s/.certbot.lock\")' 2>/dev/null",
	    t.path);
	assert_int_not_equal(system(line), 0);
	store_unlock(t.s);
	assert_false(exists(&t, ".certbot.lock"));
	store_unlock(t.s);
	assert_ok(store_lock(t.s));
	tree_close(&t);
}

static void
lock_of_a_dead_process_is_free(void **state)
{
	struct tree t;
	int status;
	pid_t pid;

	(void)state;
	tree_open(&t, NO_GROUP);
	if ((pid = fork()) == 0)
		_exit(store_lock(t.s) != NULL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(exists(&t, ".certbot.lock"));
	assert_ok(store_lock(t.s));
	tree_close(&t);
}

static void
lineages_are_listed_as_certbot_lists_them(void **state)
{
	struct store_names names;
	struct tree t;

	(void)state;
	tree_open(&t, NO_GROUP);
	sh(&t, "cd renewal && touch b.conf a.conf a-0001.conf .hidden.conf "
	       "c.conf.new README x.conf~ .conf -- -d.conf");
	assert_ok(store_lineages(t.s, &names));
	assert_int_equal(names.n, 4);
	assert_string_equal(names.v[0], "-d");
	/* The files are sorted, not the names: "-" is before ".". */
	assert_string_equal(names.v[1], "a-0001");
	assert_string_equal(names.v[2], "a");
	assert_string_equal(names.v[3], "b");
	store_names_clear(&names);
	tree_close(&t);
}

static void
may_create_refuses_what_is_in_the_way(void **state)
{
	struct tree t;

	(void)state;
	tree_open(&t, NO_GROUP);
	assert_ok(store_may_create(t.s, NAME));
	sh(&t, "mkdir -p archive/" NAME " live/" NAME "; touch live/" NAME
	       "/README");
	assert_ok(store_may_create(t.s, NAME));
	sh(&t, "touch archive/" NAME "/cert1.pem");
	assert_fails(store_may_create(t.s, NAME), "archive/" NAME);
	sh(&t, "rm archive/" NAME "/cert1.pem; touch live/" NAME "/x");
	assert_fails(store_may_create(t.s, NAME), "live/" NAME);
	sh(&t, "rm live/" NAME "/x; touch renewal/" NAME ".conf");
	assert_fails(store_may_create(t.s, NAME), "already");
	assert_fails(store_may_create(t.s, "a/b"), "a/b");
	assert_fails(store_may_create(t.s, ".."), "..");
	assert_fails(store_may_create(t.s, "-x"), "-x");
	assert_fails(store_may_create(t.s, ""), "");
	tree_close(&t);
}

static void
new_name_follows_certbot(void **state)
{
	struct tree t;
	char *name;

	(void)state;
	tree_open(&t, NO_GROUP);
	assert_ok(store_new_name(t.s, "*.example.com", false, &name));
	assert_string_equal(name, "example.com");
	free(name);
	sh(&t, "touch renewal/example.com.conf");
	assert_fails(
	    store_new_name(t.s, "*.example.com", false, &name), "already");
	assert_null(name);
	assert_ok(store_new_name(t.s, "example.com", true, &name));
	assert_string_equal(name, "example.com-0001");
	free(name);
	sh(&t, "mkdir archive/example.com-0001; "
	       "touch archive/example.com-0001/cert1.pem");
	assert_ok(store_new_name(t.s, "example.com", true, &name));
	assert_string_equal(name, "example.com-0002");
	free(name);
	tree_close(&t);
}

static void
stage_key_is_root_only_and_exclusive(void **state)
{
	struct tree t;
	struct err *e;
	int fd;

	(void)state;
	tree_open(&t, 4242);
	assert_ok(store_stage_key(t.s, 7, &fd));
	close(fd);
	assert_int_equal(mode_of(&t, ".certd/7.privkey.pem"), 0600);
	e = store_stage_reopen(t.s, 7, &fd);
	assert_int_equal(err_errno(e), ENOENT); /* empty: nobody wrote it */
	err_free(e);
	assert_fails(store_stage_key(t.s, 7, &fd), "exists");
	assert_int_equal(fd, -1);
	put(&t, ".certd/7.privkey.pem", "key");
	assert_ok(store_stage_reopen(t.s, 7, &fd));
	close(fd);
	store_unstage(t.s, 7);
	assert_false(exists(&t, ".certd/7.privkey.pem"));
	store_unstage(t.s, 7);
	tree_close(&t);
}

static bool
only_eight(void *arg, uint32_t job)
{
	(void)arg;
	return job == 8;
}

static void
stage_sweep_keeps_living_jobs(void **state)
{
	struct tree t;

	(void)state;
	tree_open(&t, NO_GROUP);
	stage_key(&t, 7);
	stage_key(&t, 8);
	sh(&t, "mkdir .certd/notes");
	assert_ok(store_stage_sweep(t.s, only_eight, NULL));
	assert_false(exists(&t, ".certd/7.privkey.pem"));
	assert_true(exists(&t, ".certd/8.privkey.pem"));
	assert_true(exists(&t, ".certd/notes"));
	tree_close(&t);
}

/* A tree with a state directory, in which a crash left something. */
static void
leave_something(struct tree *t)
{
	sh(t, "mkdir -p archive/x && touch archive/x/.cert1.pem.new");
}

static void
look_through(struct tree *t)
{
	assert_ok(store_lock(t->s));
	assert_ok(store_recover(t->s, NULL, NULL));
	store_unlock(t->s);
}

/* Returns the state directory, for the caller to free. */
static char *
tree_with_state(struct tree *t)
{
	tree_make(t);
	sh(t, "mkdir state");
	t->cfg.state_dir = strdup(at(t, "state"));
	assert_non_null(t->cfg.state_dir);
	assert_ok(store_open(&t->cfg, NO_GROUP, &t->s));
	return t->cfg.state_dir;
}

static void
clean_is_noted_until_the_first_write(void **state)
{
	struct tree t;
	char *dir;

	(void)state;
	dir = tree_with_state(&t);
	assert_false(store_is_clean(t.s));
	leave_something(&t);
	look_through(&t);
	assert_false(exists(&t, "archive/x/.cert1.pem.new"));
	assert_true(store_is_clean(t.s));
	tree_reopen(&t, NO_GROUP);
	assert_true(store_is_clean(t.s));
	/* an installation that was decided counts more than the note */
	sh(&t, "touch .certd/7.install");
	assert_false(store_is_clean(t.s));
	sh(&t, "rm .certd/7.install");
	/* whoever has the lock writes, and may die while he does */
	assert_ok(store_lock(t.s));
	assert_false(exists(&t, "state/store.clean"));
	leave_something(&t);
	store_unlock(t.s);
	assert_false(store_is_clean(t.s));
	tree_reopen(&t, NO_GROUP);
	assert_false(store_is_clean(t.s));
	look_through(&t);
	assert_false(exists(&t, "archive/x/.cert1.pem.new"));
	free(dir);
	tree_close(&t);
}

static void
clean_is_a_note_about_this_store_only(void **state)
{
	struct tree t;
	char *dir;

	(void)state;
	dir = tree_with_state(&t);
	look_through(&t);
	sh(&t, "mkdir new && mv archive old && mv new archive");
	tree_reopen(&t, NO_GROUP);
	assert_false(store_is_clean(t.s));
	look_through(&t);
	sh(&t, "echo nonsense >state/store.clean");
	tree_reopen(&t, NO_GROUP);
	assert_false(store_is_clean(t.s));
	assert_ok(store_lock(t.s));
	assert_false(exists(&t, "state/store.clean"));
	store_unlock(t.s);
	free(dir);
	tree_close(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_empty_makes_certbots_tree),
		cmocka_unit_test(open_with_group_lets_it_pass),
		cmocka_unit_test(open_umask_changes_nothing),
		cmocka_unit_test(open_existing_keeps_modes),
		cmocka_unit_test(open_directory_that_is_a_link_is_refused),
		cmocka_unit_test(lock_against_certbot_says_who_has_it),
		cmocka_unit_test(lock_ours_stops_certbot),
		cmocka_unit_test(lock_of_a_dead_process_is_free),
		cmocka_unit_test(lineages_are_listed_as_certbot_lists_them),
		cmocka_unit_test(may_create_refuses_what_is_in_the_way),
		cmocka_unit_test(new_name_follows_certbot),
		cmocka_unit_test(stage_key_is_root_only_and_exclusive),
		cmocka_unit_test(stage_sweep_keeps_living_jobs),
		cmocka_unit_test(clean_is_noted_until_the_first_write),
		cmocka_unit_test(clean_is_a_note_about_this_store_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
