/*
 * test_store_delete.c - a lineage goes away: its files and nothing else,
 * whatever its renewal file says and wherever it is interrupted.
 */
/* objects: common/err common/log common/text common/buf common/names common/url $(CONFIG) certd/monitor/fs certd/monitor/fs_later $(filter certd/monitor/store%,$(certd_OBJ)) */
/* libs: libmd */
#define _GNU_SOURCE /* nftw */
#include "faults.h"
#include "tree.h"

#define ARCHIVE "archive/" NAME
#define LIVE    "live/" NAME
#define CONF    "renewal/" NAME ".conf"

static void
set_up(struct tree *t)
{
	tree_open(t, NO_GROUP);
	(void)install(t, 1, true);
	(void)install(t, 2, false);
	/* Somebody else's, which must survive everything. */
	sh(t, "mkdir -p archive/other live/other precious/deep && "
	      "touch archive/other/cert1.pem archive/cert1.pem "
	      "live/other/cert.pem live/cert.pem precious/cert1.pem "
	      "precious/deep/privkey1.pem renewal/other.conf");
}

/* What others have is there, as it was. */
static void
check_others(const struct tree *t)
{
	static const char *const others[] = { "archive/other/cert1.pem",
		"archive/cert1.pem", "live/other/cert.pem", "live/cert.pem",
		"precious/cert1.pem", "precious/deep/privkey1.pem",
		"renewal/other.conf" };
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (!exists(t, others[i]))
			fail_msg("%s is gone", others[i]);
}

static void
check_gone(const struct tree *t)
{
	assert_false(exists(t, CONF));
	assert_false(exists(t, CONF ".deleted"));
	assert_false(exists(t, LIVE));
	assert_false(exists(t, ARCHIVE));
	check_others(t);
}

/* Deletes NAME; what stayed is in left, a line each. */
static struct err *delete (struct tree *t, char left[1024])
{
	struct store_names names;
	struct err *e;
	size_t i, n = 0;

	assert_ok(store_lock(t->s));
	e = store_delete(t->s, NAME, &names);
	store_unlock(t->s);
	*left = '\0';
	for (i = 0; i < names.n; i++)
		n += (size_t)snprintf(left + n, 1024 - n, "%s\n", names.v[i]);
	store_names_clear(&names);
	return e;
}

static void
delete_removes_all_of_one_lineage(void **state)
{
	char left[1024];
	struct tree t;

	(void)state;
	set_up(&t);
	sh(&t, "touch " ARCHIVE "/.cert7.pem.new " LIVE "/previous_cert.pem");
	assert_ok(delete (&t, left));
	assert_string_equal(left, "");
	check_gone(&t);
	assert_fails(delete (&t, left), "there is no certificate named " NAME);
	assert_int_equal(install(&t, 3, true), 1); /* the name is free */
	tree_close(&t);
}

static void
delete_without_lock_is_refused(void **state)
{
	struct store_names names;
	struct tree t;

	(void)state;
	set_up(&t);
	assert_fails(store_delete(t.s, NAME, &names), "not locked");
	assert_true(exists(&t, CONF));
	tree_close(&t);
}

/* What a renewal file may say, and where nothing of it is followed. */
static const struct scene {
	const char *command;
	const char *left; /* part of what is told; "" for nothing */
	bool archive_stays;
} scenes[] = {
	{ "sed -i 's,^archive_dir.*,archive_dir = /,' " CONF, "not followed",
	    false },
	{ "sed -i 's,^archive_dir = .*,&/..,' " CONF, "not followed", false },
	{ "sed -i \"s,^archive_dir.*,archive_dir = $PWD/precious,\" " CONF,
	    "not followed", false },
	{ "sed -i 's,^archive_dir.*,archive_dir = ../precious,' " CONF,
	    "not followed", false },
	{ "sed -i \"s,^archive_dir.*,archive_dir = $PWD/archive,\" " CONF,
	    "not followed", false },
	{ "sed -i \"s,^archive_dir.*,archive_dir = $PWD/archive/other,\" " CONF,
	    "certificate other uses it", true },
	{ "printf 'archive_dir = %s/" ARCHIVE "\\n' $PWD > renewal/other.conf",
	    "certificate other uses it", true },
	{ ": > " CONF, "", false },
	{ "echo '[[[' > " CONF, "", false },
	{ "rm " CONF, "", false },
	{ "rm -r " LIVE, "", false },
	{ "rm " CONF " && ln -s $PWD/precious/cert1.pem " CONF, "", false },
	{ "rm " LIVE "/cert.pem && cp " ARCHIVE "/cert1.pem " LIVE "/cert.pem",
	    "", false },
	{ "ln -sf $PWD/precious/cert1.pem " LIVE "/cert.pem", "", false },
	{ "ln -sf $PWD/precious/cert1.pem " ARCHIVE "/cert1.pem", "", false },
};

static void
delete_follows_no_path_of_a_renewal_file(void **state)
{
	char left[1024];
	struct tree t;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(scenes) / sizeof(*scenes); i++) {
		set_up(&t);
		sh(&t, scenes[i].command);
		assert_ok(delete (&t, left));
		if (strstr(left, scenes[i].left) == NULL)
			fail_msg("%s: \"%s\"", scenes[i].command, left);
		assert_false(exists(&t, CONF));
		assert_false(exists(&t, LIVE));
		if (exists(&t, ARCHIVE) != scenes[i].archive_stays)
			fail_msg("%s: the archive", scenes[i].command);
		check_others(&t);
		tree_close(&t);
	}
}

static void
delete_leaves_foreign_files_and_says_so(void **state)
{
	char left[1024];
	struct tree t;

	(void)state;
	set_up(&t);
	sh(&t, "touch " LIVE "/both.pem " ARCHIVE
	       "/cert2.pem.bak && mkdir " ARCHIVE "/x");
	assert_ok(delete (&t, left));
	assert_non_null(strstr(left, LIVE " stays: it holds 1 other file\n"));
	assert_non_null(strstr(left, ARCHIVE " stays: it holds 2 other files"));
	assert_true(exists(&t, LIVE "/both.pem"));
	assert_true(exists(&t, ARCHIVE "/cert2.pem.bak"));
	assert_false(exists(&t, ARCHIVE "/privkey2.pem"));
	assert_false(exists(&t, LIVE "/privkey.pem"));
	check_others(&t);
	tree_close(&t);
}

static void
delete_does_not_enter_links(void **state)
{
	char left[1024];
	struct tree t;

	(void)state;
	set_up(&t);
	sh(&t, "rm -r " LIVE " " ARCHIVE " && ln -s ../precious " LIVE
	       " && ln -s ../precious " ARCHIVE);
	assert_ok(delete (&t, left));
	assert_non_null(strstr(left, LIVE " is not a directory and stays"));
	assert_non_null(strstr(left, ARCHIVE " is not a directory and stays"));
	check_others(&t);
	tree_close(&t);
}

static void
delete_with_an_unfinished_installation_is_refused(void **state)
{
	char left[1024];
	struct tree t;

	(void)state;
	set_up(&t);
	sh(&t, "printf 'lineage = " NAME "\\narchive = " NAME
	       "\\ncert = %064d\\nversion = 3\\nnew = 0\\n' 0 "
	       "> .certd/9.install");
	assert_fails(delete (&t, left), "is not finished");
	assert_true(exists(&t, CONF));
	assert_int_equal(live_job(&t), 2);
	tree_close(&t);
}

static int
delete_it(void *arg)
{
	struct store_names names = { 0 };
	struct tree *t = arg;
	struct err *e;

	if ((e = store_lock(t->s)) == NULL) {
		e = store_delete(t->s, NAME, &names);
		store_unlock(t->s);
	}
	store_names_clear(&names);
	err_free(e);
	return e == NULL ? 0 : 1;
}

/* Killed, or failing, at each call: the lineage is whole, or on its way out and
 * nobody sees it; starting anew finishes it. */
static void
sweep(enum fault_kind kind, int error)
{
	struct fault f = { .kind = kind, .error = error };
	struct fault_result result;
	struct store_names names;
	struct tree t;
	bool whole;

	for (f.at = 1;; f.at++) {
		set_up(&t);
		result = with_fault(&f, delete_it, &t);
		whole = exists(&t, CONF);
		if (whole)
			assert_int_equal(live_job(&t), 2);
		assert_ok(store_lock(t.s));
		assert_ok(store_recover(t.s, NULL, NULL));
		if (whole) {
			assert_int_equal(live_job(&t), 2);
			assert_ok(store_delete(t.s, NAME, &names));
			store_names_clear(&names);
		}
		store_unlock(t.s);
		check_gone(&t);
		tree_close(&t);
		if (!result.reached)
			break;
	}
	assert_in_range(f.at, 15, 60);
}

static void
delete_interrupted_anywhere_is_finished(void **state)
{
	(void)state;
	sweep(FAULT_KILL, 0);
	if (!can_inject())
		skip();
	sweep(FAULT_ONCE, EIO);
	sweep(FAULT_STAYS, EROFS);
}

/* The name was given away again before the deletion was finished. */
static void
recover_spares_a_new_lineage_of_the_name(void **state)
{
	struct tree t;

	(void)state;
	set_up(&t);
	assert_false(store_must_recover(t.s));
	stage_key(&t, 7); /* of a job that goes on */
	assert_false(store_must_recover(t.s));
	sh(&t, "cp " CONF " " CONF ".deleted");
	assert_true(store_must_recover(t.s));
	assert_ok(store_lock(t.s));
	assert_ok(store_recover(t.s, NULL, NULL));
	store_unlock(t.s);
	assert_false(exists(&t, CONF ".deleted"));
	assert_false(store_must_recover(t.s));
	sh(&t, "touch .certd/7.install");
	assert_true(store_must_recover(t.s));
	assert_int_equal(live_job(&t), 2);
	tree_close(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delete_removes_all_of_one_lineage),
		cmocka_unit_test(delete_without_lock_is_refused),
		cmocka_unit_test(delete_follows_no_path_of_a_renewal_file),
		cmocka_unit_test(delete_leaves_foreign_files_and_says_so),
		cmocka_unit_test(delete_does_not_enter_links),
		cmocka_unit_test(
		    delete_with_an_unfinished_installation_is_refused),
		cmocka_unit_test(delete_interrupted_anywhere_is_finished),
		cmocka_unit_test(recover_spares_a_new_lineage_of_the_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
