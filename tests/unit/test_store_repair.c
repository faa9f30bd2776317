/*
 * test_store_repair.c - going back to an archived version, and making whole what
 * is broken, wherever it is interrupted.
 */
/* objects: common/err common/log common/text common/buf common/names common/url $(CONFIG) certd/monitor/fs certd/monitor/fs_later $(filter certd/monitor/store%,$(certd_OBJ)) */
/* libs: libmd */
#define _GNU_SOURCE /* nftw */
#include "buf.h"
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
	(void)install(t, 3, false);
}

/* ---- going back ---- */

static struct err *
restore(struct tree *t, unsigned version, time_t until)
{
	struct lineage *l;
	struct err *e;

	if ((e = lineage_load(t->s, NAME, &l)) != NULL ||
	    (e = store_lock(t->s)) != NULL)
		return e;
	e = store_restore(t->s, l, version, until);
	store_unlock(t->s);
	lineage_free(l);
	return e;
}

/* Whether it is held now, and until when. */
static bool
held(struct tree *t, time_t *until)
{
	struct lineage *l;
	bool is_held;

	assert_ok(lineage_load(t->s, NAME, &l));
	assert_null(l->problem);
	is_held = lineage_held(l, until);
	lineage_free(l);
	return is_held;
}

static void
restore_shows_the_version_and_holds_it(void **state)
{
	struct tree t;
	time_t until;

	(void)state;
	set_up(&t);
	put(&t, LIVE "/both.pem", "mine");
	assert_false(held(&t, &until));
	assert_ok(restore(&t, 2, 1900000000));
	assert_int_equal(live_job(&t), 2);
	assert_true(held(&t, &until));
	assert_int_equal(until, 1900000000);
	assert_string_equal(content(&t, LIVE "/both.pem"), "mine");
	/* What was there is there for who was opening it, then goes. */
	assert_true(exists(&t, "live/." NAME ".new"));
	store_tidy(t.s, NAME);
	assert_false(exists(&t, "live/." NAME ".new"));
	tree_close(&t);
}

/* Neither another start nor what looks for unfinished work undoes it. */
static void
restore_stays_over_a_restart(void **state)
{
	struct tree t;
	time_t until;

	(void)state;
	set_up(&t);
	assert_ok(restore(&t, 1, 1900000000));
	tree_reopen(&t, NO_GROUP);
	assert_ok(store_lock(t.s));
	assert_ok(store_recover(t.s, NULL, NULL));
	store_unlock(t.s);
	assert_int_equal(live_job(&t), 1);
	assert_true(held(&t, &until));
	tree_close(&t);
}

static void
restore_ends_with_the_next_version(void **state)
{
	struct tree t;
	time_t until;

	(void)state;
	set_up(&t);
	assert_ok(restore(&t, 1, 1900000000));
	assert_int_equal(install(&t, 4, false), 4);
	assert_int_equal(live_job(&t), 4);
	assert_false(held(&t, &until));
	assert_null(strstr(content(&t, CONF), "held_until"));
	tree_close(&t);
}

/* certbot relinks what it takes for an accident; then nothing is held. */
static void
restore_undone_by_others_is_not_held(void **state)
{
	struct tree t;
	time_t until;

	(void)state;
	set_up(&t);
	assert_ok(restore(&t, 1, 1900000000));
	sh(&t, "for k in cert privkey chain fullchain; do ln -sf ../../" ARCHIVE
	       "/${k}3.pem " LIVE "/$k.pem; done");
	assert_false(held(&t, &until));
	tree_close(&t);
}

static void
restore_to_the_newest_holds_nothing(void **state)
{
	struct tree t;
	time_t until;

	(void)state;
	set_up(&t);
	assert_ok(restore(&t, 1, 1900000000));
	assert_ok(restore(&t, 3, 0));
	assert_int_equal(live_job(&t), 3);
	assert_false(held(&t, &until));
	tree_close(&t);
}

static void
restore_keeps_the_renewal_file(void **state)
{
	struct tree t;

	(void)state;
	set_up(&t);
	sh(&t, "printf '[extra]\\n# a comment\\nkey = value\\n' >> " CONF
	       " && chmod 640 " CONF " && chgrp 4711 " CONF);
	assert_ok(restore(&t, 2, 1900000000));
	assert_non_null(
	    strstr(content(&t, CONF), "# a comment\nkey = value\n"));
	assert_non_null(strstr(content(&t, CONF), "[certd]\n"));
	assert_int_equal(mode_of(&t, CONF), 0640);
	assert_int_equal(group_of(&t, CONF), 4711);
	tree_close(&t);
}

static void
restore_refuses_what_is_not_whole(void **state)
{
	struct lineage *l;
	struct tree t;

	(void)state;
	set_up(&t);
	assert_fails(restore(&t, 7, 1), "cert7.pem");
	sh(&t, ": > " ARCHIVE "/chain2.pem");
	assert_fails(restore(&t, 2, 1), "chain2.pem is empty");
	assert_int_equal(live_job(&t), 3);
	assert_null(strstr(content(&t, CONF), "held_until"));
	assert_ok(lineage_load(t.s, NAME, &l));
	assert_fails(store_restore(t.s, l, 1, 1), "not locked");
	lineage_free(l);
	sh(&t, "rm " LIVE "/cert.pem");
	assert_fails(restore(&t, 1, 1), "broken");
	tree_close(&t);
}

static int
restore_one(void *arg)
{
	struct err *e = restore(arg, 1, 1900000000);

	err_free(e);
	return e == NULL ? 0 : 1;
}

static void
restore_sweep(enum fault_kind kind, int error)
{
	struct fault f = { .kind = kind, .error = error };
	struct fault_result result;
	struct tree t;
	unsigned job;

	for (f.at = 1;; f.at++) {
		set_up(&t);
		result = with_fault(&f, restore_one, &t);
		job = live_job(&t);
		if (job != 3 && job != 1)
			fail_msg("call %u: a mixture", f.at);
		assert_ok(store_lock(t.s));
		assert_ok(store_recover(t.s, NULL, NULL));
		store_unlock(t.s);
		assert_int_equal(live_job(&t), job);
		assert_int_equal(restore_one(&t), 0);
		assert_int_equal(live_job(&t), 1);
		tree_close(&t);
		if (!result.reached)
			break;
	}
	assert_in_range(f.at, 15, 60);
}

static void
restore_interrupted_anywhere_is_whole(void **state)
{
	(void)state;
	restore_sweep(FAULT_KILL, 0);
	if (!can_inject())
		skip();
	restore_sweep(FAULT_ONCE, EIO);
	restore_sweep(FAULT_STAYS, ENOSPC);
}

/* ---- making whole ---- */

static struct err *
repair(struct tree *t, unsigned version, bool plan_only, char steps[2048])
{
	struct renewal renewal = renewal_a;
	const struct repair r = { version, &renewal, plan_only };
	struct store_names names = { 0 };
	struct lineage *l;
	struct err *e;
	size_t i, n = 0;

	renewal.account = "feed";
	if ((e = lineage_find(t->s, NAME, &l)) != NULL)
		return e;
	if (plan_only || (e = store_lock(t->s)) == NULL)
		e = store_repair(t->s, l, &r, &names);
	store_unlock(t->s);
	lineage_free(l);
	*steps = '\0';
	for (i = 0; i < names.n; i++)
		n += (size_t)snprintf(steps + n, 2048 - n, "%s\n", names.v[i]);
	store_names_clear(&names);
	return e;
}

static void
check_whole(struct tree *t, unsigned version)
{
	struct lineage *l;

	assert_ok(lineage_load(t->s, NAME, &l));
	if (l->problem != NULL)
		fail_msg("%s", l->problem);
	assert_int_equal(l->current, version);
	lineage_free(l);
}

/* What is done to a lineage, what a repair says, and what it leaves. */
static const struct scene {
	const char *command;
	unsigned version;
	const char *step;
	const char *kept; /* a file that must be there afterwards, or NULL */
} scenes[] = {
	{ "rm -r " LIVE, 3, "make " LIVE " show version 3", NULL },
	{ "rm " LIVE "/*.pem && touch " LIVE "/mine", 2,
	    "make " LIVE " show version 2", LIVE "/mine" },
	{ "mv " LIVE " live/x && ln -s x " LIVE, 3, "which is no directory",
	    LIVE ".replaced" },
	{ "rm -r " LIVE " && touch " LIVE " " LIVE ".replaced", 3,
	    "which is no directory", LIVE ".replaced-1" },
	{ "rm " LIVE "/cert.pem && cp " ARCHIVE "/cert1.pem " LIVE "/cert.pem",
	    3, "show version 3", LIVE "/cert.pem.replaced" },
	{ "ln -sf ../../" ARCHIVE "/cert1.pem " LIVE "/cert.pem && mkdir " LIVE
	  "/dir",
	    3, "show version 3", LIVE "/dir" },
	{ "rm " LIVE "/cert.pem && mkdir " LIVE "/dir", 3, "show version 3",
	    LIVE "/dir" },
	{ "rm " CONF, 3, "write " CONF ": dns-cloudflare at", NULL },
	{ ": > " CONF, 3, "rename " CONF " to", CONF ".broken" },
	{ "echo '[[[' > " CONF " && touch " CONF ".broken", 3,
	    "rename " CONF " to", CONF ".broken-1" },
	{ "rm " CONF " && ln -s /etc/passwd " CONF, 3, "rename " CONF " to",
	    CONF ".broken" },
	{ "sed -i 's,^archive_dir.*,archive_dir = /,' " CONF, 3,
	    "write into " CONF, NULL },
	{ "sed -i 's,^cert = .*,cert = /etc/passwd,; /^chain/d' " CONF, 3,
	    "write into " CONF, NULL },
	{ "sed -i '/renewalparams/,$d' " CONF, 3, "write into " CONF, NULL },
	{ "rm -r " LIVE " " CONF, 1, "write " CONF, NULL },
	{ "rm -r " LIVE " && sed -i 's,^archive_dir.*,archive_dir = /,' " CONF,
	    3, "write into " CONF, NULL },
	{ "rm " ARCHIVE "/chain3.pem", 2, "show version 2", NULL },
	{ "cp -rL " LIVE " x && rm -r " ARCHIVE " " LIVE " && mv x " LIVE,
	    VERSION_LIVE, "copy the files in " LIVE, NULL },
	{ "cp -rL " LIVE " x && rm -r " LIVE " && mv x " LIVE " && rm " ARCHIVE
	  "/chain?.pem",
	    VERSION_LIVE, "as version 4", LIVE "/cert.pem.replaced" },
};

static unsigned
version_after(const struct tree *t, const struct scene *c)
{
	if (c->version != VERSION_LIVE)
		return c->version;
	return exists(t, ARCHIVE "/cert4.pem") ? 4 : 1;
}

static void
repair_tells_then_makes_whole(void **state)
{
	char steps[2048], done[2048], before[256], after[256];
	const struct scene *c;
	struct tree t;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(scenes) / sizeof(*scenes); i++) {
		c = &scenes[i];
		set_up(&t);
		sh(&t, c->command);
		sh(&t, "find live archive renewal .certd -printf "
		       "'%p %m %l %i\\n' | sort | md5sum > sum");
		(void)snprintf(
		    before, sizeof(before), "%s", content(&t, "sum"));
		assert_ok(repair(&t, c->version, true, steps));
		sh(&t, "find live archive renewal .certd -printf "
		       "'%p %m %l %i\\n' | sort | md5sum > sum");
		(void)snprintf(after, sizeof(after), "%s", content(&t, "sum"));
		assert_string_equal(before, after);
		if (strstr(steps, c->step) == NULL)
			fail_msg("%s: %s", c->command, steps);
		assert_ok(repair(&t, c->version, false, done));
		assert_string_equal(steps, done);
		check_whole(&t, version_after(&t, c));
		if (c->kept != NULL && !exists(&t, c->kept))
			fail_msg("%s: %s is gone", c->command, c->kept);
		assert_int_not_equal(live_job(&t), 0);
		tree_close(&t);
	}
}

static void
repair_of_a_renewal_file_keeps_what_it_says(void **state)
{
	char steps[2048];
	struct tree t;

	(void)state;
	set_up(&t);
	sh(&t, "sed -i 's,^archive_dir.*,archive_dir = /,; "
	       "s,^server.*,server = https://other.example/dir,; "
	       "/^authenticator/d; /^renew_hook/d' " CONF
	       " && printf 'renew_hook = mine\\n[x]\\ny = z\\n' >> " CONF);
	assert_ok(repair(&t, 3, false, steps));
	check_whole(&t, 3);
	assert_non_null(strstr(content(&t, CONF), "renew_hook = mine\n"));
	assert_non_null(strstr(content(&t, CONF), "[x]\ny = z\n"));
	assert_non_null(
	    strstr(content(&t, CONF), "server = https://other.example/dir\n"));
	assert_non_null(
	    strstr(content(&t, CONF), "authenticator = dns-cloudflare\n"));
	assert_null(strstr(content(&t, CONF), "account = feed\n"));
	tree_close(&t);
}

static void
repair_imports_a_key_with_its_mode(void **state)
{
	char steps[2048];
	struct tree t;

	(void)state;
	set_up(&t);
	sh(&t, "cp -rL " LIVE " x && rm -r " ARCHIVE " " LIVE " && mv x " LIVE
	       " && chmod 640 " LIVE "/privkey.pem && chgrp 4711 " LIVE
	       "/privkey.pem");
	assert_ok(repair(&t, VERSION_LIVE, false, steps));
	assert_int_equal(mode_of(&t, ARCHIVE "/privkey1.pem"), 0640);
	assert_int_equal(group_of(&t, ARCHIVE "/privkey1.pem"), 4711);
	assert_int_equal(mode_of(&t, LIVE "/privkey.pem.replaced"), 0600);
	tree_close(&t);
}

static void
repair_of_nothing_is_an_error(void **state)
{
	char steps[2048];
	struct tree t;

	(void)state;
	tree_open(&t, NO_GROUP);
	assert_fails(repair(&t, 1, true, steps), "no certificate " NAME);
	tree_close(&t);
}

static int
repair_all(void *arg)
{
	char steps[2048];
	struct err *e = repair(arg, VERSION_LIVE, false, steps);

	err_free(e);
	return e == NULL ? 0 : 1;
}

/* The longest one: copies without an archive, and no renewal file. Each time it
 * can be done again, and the copies are never lost. */
static void
repair_sweep(enum fault_kind kind, int error)
{
	struct fault f = { .kind = kind, .error = error };
	struct fault_result result;
	char steps[2048];
	struct lineage *l;
	struct tree t;

	for (f.at = 1;; f.at++) {
		set_up(&t);
		sh(&t, "cp -rL " LIVE " x && rm -r " ARCHIVE " " LIVE
		       " && mv x " LIVE " && rm " CONF);
		result = with_fault(&f, repair_all, &t);
		if (live_job(&t) != 3)
			fail_msg("call %u: live/ is a mixture", f.at);
		assert_ok(store_lock(t.s));
		assert_ok(store_recover(t.s, NULL, NULL));
		store_unlock(t.s);
		assert_ok(lineage_find(t.s, NAME, &l));
		assert_ok(repair(&t,
		    (l->broken & BROKEN_LIVE) != 0 ? VERSION_LIVE : l->current,
		    false, steps));
		lineage_free(l);
		assert_int_equal(live_job(&t), 3);
		assert_ok(lineage_load(t.s, NAME, &l));
		assert_null(l->problem);
		lineage_free(l);
		tree_close(&t);
		if (!result.reached)
			break;
	}
	assert_in_range(f.at, 30, 120);
}

static void
repair_interrupted_anywhere_can_be_done_again(void **state)
{
	(void)state;
	repair_sweep(FAULT_KILL, 0);
	if (!can_inject())
		skip();
	repair_sweep(FAULT_ONCE, EIO);
	repair_sweep(FAULT_STAYS, ENOSPC);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(restore_shows_the_version_and_holds_it),
		cmocka_unit_test(restore_stays_over_a_restart),
		cmocka_unit_test(restore_ends_with_the_next_version),
		cmocka_unit_test(restore_undone_by_others_is_not_held),
		cmocka_unit_test(restore_to_the_newest_holds_nothing),
		cmocka_unit_test(restore_keeps_the_renewal_file),
		cmocka_unit_test(restore_refuses_what_is_not_whole),
		cmocka_unit_test(restore_interrupted_anywhere_is_whole),
		cmocka_unit_test(repair_tells_then_makes_whole),
		cmocka_unit_test(repair_of_a_renewal_file_keeps_what_it_says),
		cmocka_unit_test(repair_imports_a_key_with_its_mode),
		cmocka_unit_test(repair_of_nothing_is_an_error),
		cmocka_unit_test(repair_interrupted_anywhere_can_be_done_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
