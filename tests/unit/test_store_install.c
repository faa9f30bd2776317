/*
 * test_store_install.c - versions: the first, the next, their modes and names,
 * and the switch between them.
 */
/* objects: common/err common/log common/text common/buf common/names common/url $(CONFIG) certd/monitor/fs certd/monitor/fs_later $(filter certd/monitor/store%,$(certd_OBJ)) */
/* libs: libmd */
#define _GNU_SOURCE /* nftw */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tree.h"

#define ARCHIVE "archive/" NAME
#define LIVE    "live/" NAME

static void
install_first_makes_certbots_layout(void **state)
{
	char target[64] = "";
	struct lineage *l;
	struct tree t;

	(void)state;
	tree_open(&t, NO_GROUP);
	assert_int_equal(install(&t, 7, true), 1);
	assert_int_equal(live_job(&t), 7);
	assert_true(readlink(at(&t, LIVE "/privkey.pem"), target,
			sizeof(target) - 1) > 0);
	assert_string_equal(target, "../../archive/" NAME "/privkey1.pem");
	assert_int_equal(mode_of(&t, ARCHIVE "/privkey1.pem"), 0600);
	assert_true(exists(&t, LIVE "/README"));
	assert_true(exists(&t, "live/README"));
	assert_false(exists(&t, "live/." NAME ".new"));
	assert_false(exists(&t, "renewal/" NAME ".conf.new"));
	assert_false(exists(&t, ".certd/7.privkey.pem"));
	assert_false(exists(&t, ".certd/7.installed"));
	assert_false(exists(&t, ".certbot.lock"));
	assert_ok(lineage_load(t.s, NAME, &l));
	assert_null(l->problem);
	assert_int_equal(l->current, 1);
	assert_int_equal(l->newest, 1);
	assert_int_equal(l->highest, 1);
	assert_int_equal(l->key_kind, KEY_EC_P256);
	assert_string_equal(l->server, renewal_a.server);
	assert_string_equal(l->account, renewal_a.account);
	assert_string_equal(l->credentials, renewal_a.credentials);
	assert_string_equal(l->deploy_hook, "");
	assert_string_equal(
	    l->paths[PEM_FULLCHAIN], at(&t, LIVE "/fullchain.pem"));
	assert_true(l->identity.inode != 0 && l->identity.bytes != 0);
	lineage_free(l);
	tree_close(&t);
}

/* The staged key gets its place; it is not written again. */
static void
install_gives_the_staged_key_another_name(void **state)
{
	struct stat staged, placed;
	unsigned version;
	struct tree t;

	(void)state;
	tree_open(&t, NO_GROUP);
	stage_key(&t, 1);
	assert_int_equal(stat(at(&t, ".certd/1.privkey.pem"), &staged), 0);
	assert_ok(install_staged(&t, 1, true, &version));
	assert_int_equal(stat(at(&t, LIVE "/privkey.pem"), &placed), 0);
	assert_true(staged.st_ino == placed.st_ino);
	store_unstage(t.s, 1);
	assert_int_equal(stat(at(&t, LIVE "/privkey.pem"), &placed), 0);
	assert_int_equal(placed.st_nlink, 1);
	tree_close(&t);
}

static void
install_next_counts_and_prunes(void **state)
{
	struct tree t;
	unsigned i;

	(void)state;
	tree_open(&t, NO_GROUP);
	for (i = 1; i <= 9; i++)
		assert_int_equal(install(&t, i, i == 1), i);
	assert_int_equal(live_job(&t), 9);
	assert_false(exists(&t, ARCHIVE "/cert3.pem"));
	assert_false(exists(&t, ARCHIVE "/privkey3.pem"));
	assert_true(exists(&t, ARCHIVE "/cert4.pem"));
	assert_true(exists(&t, ARCHIVE "/privkey4.pem"));
	assert_string_equal(
	    content(&t, ARCHIVE "/fullchain8.pem"), "cert 8\nchain 8\n");
	tree_close(&t);
}

static void
install_next_is_above_every_number(void **state)
{
	struct tree t;

	(void)state;
	tree_open(&t, NO_GROUP);
	(void)install(&t, 1, true);
	put(&t, ARCHIVE "/chain41.pem", "left over");
	put(&t, ARCHIVE "/chain99.pem.bak", "none of certbot's");
	put(&t, ARCHIVE "/cert1234567890.pem", "no number");
	assert_int_equal(install(&t, 2, false), 42);
	assert_int_equal(live_job(&t), 2);
	assert_true(exists(&t, ARCHIVE "/chain99.pem.bak"));
	tree_close(&t);
}

static void
install_next_carries_key_mode_over(void **state)
{
	static const struct {
		unsigned before, after;
	} modes[] = { { 0640, 0640 }, { 0444, 0644 }, { 0400, 0600 },
		{ 0777, 0674 }, { 0600, 0600 } };
	char command[128], key[64];
	struct tree t;
	unsigned i;

	(void)state;
	tree_open(&t, 4242);
	(void)install(&t, 1, true);
	for (i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		(void)snprintf(command, sizeof(command),
		    "chmod %o " ARCHIVE "/privkey%u.pem && "
		    "chgrp %u " ARCHIVE "/privkey%u.pem",
		    modes[i].before, i + 1, 5000 + i, i + 1);
		sh(&t, command);
		assert_int_equal(install(&t, i + 2, false), i + 2);
		(void)snprintf(
		    key, sizeof(key), ARCHIVE "/privkey%u.pem", i + 2);
		assert_int_equal(mode_of(&t, key), modes[i].after);
		assert_int_equal(group_of(&t, key), 5000 + i);
	}
	tree_close(&t);
}

static void
install_next_keeps_directories_as_they_are(void **state)
{
	struct tree t;

	(void)state;
	tree_open(&t, NO_GROUP);
	(void)install(&t, 1, true);
	sh(&t, "chmod 2750 " LIVE " && chgrp 77 " LIVE " && chown 5 " LIVE
	       " && chmod 711 " ARCHIVE " && chmod 600 renewal/" NAME ".conf");
	sh(&t, "cd " LIVE " && cat privkey.pem fullchain.pem > both.pem && "
	       "chmod 640 both.pem && ln -s privkey.pem key && rm README && "
	       "ln -s cert.pem previous_cert.pem");
	(void)install(&t, 2, false);
	assert_int_equal(live_job(&t), 2);
	assert_int_equal(mode_of(&t, LIVE), 02750);
	assert_int_equal(group_of(&t, LIVE), 77);
	sh(&t, "test $(stat -c %u " LIVE ") = 5");
	assert_int_equal(mode_of(&t, ARCHIVE), 0711);
	assert_int_equal(mode_of(&t, "renewal/" NAME ".conf"), 0600);
	assert_string_equal(
	    content(&t, LIVE "/both.pem"), "key 1\ncert 1\nchain 1\n");
	assert_int_equal(mode_of(&t, LIVE "/both.pem"), 0640);
	assert_string_equal(content(&t, LIVE "/key"), "key 2\n");
	assert_false(exists(&t, LIVE "/README"));
	assert_false(exists(&t, LIVE "/previous_cert.pem"));
	tree_close(&t);
}

static void
install_with_foreign_directory_changes_links_in_place(void **state)
{
	struct tree t;

	(void)state;
	tree_open(&t, NO_GROUP);
	(void)install(&t, 1, true);
	sh(&t, "mkdir " LIVE "/old && touch " LIVE "/old/file");
	(void)install(&t, 2, false);
	assert_int_equal(live_job(&t), 2);
	assert_true(exists(&t, LIVE "/old/file"));
	assert_false(exists(&t, LIVE "/.cert.pem.new"));
	assert_false(exists(&t, "live/." NAME ".new"));
	tree_close(&t);
}

static void
install_prunes_no_key_that_a_link_needs(void **state)
{
	struct tree t;
	unsigned i;

	(void)state;
	tree_open(&t, NO_GROUP);
	(void)install(&t, 1, true);
	for (i = 2; i <= 6; i++)
		(void)install(&t, i, false);
	/* reuse_key of an old certbot: 6 -> 2 -> 1 */
	sh(&t, "cd " ARCHIVE " && ln -sf privkey1.pem privkey2.pem && "
	       "ln -sf ../" NAME "/privkey2.pem privkey6.pem");
	for (i = 7; i <= 10; i++)
		(void)install(&t, i, false);
	assert_true(exists(&t, ARCHIVE "/privkey1.pem"));
	assert_true(exists(&t, ARCHIVE "/privkey2.pem"));
	assert_false(exists(&t, ARCHIVE "/privkey3.pem"));
	assert_false(exists(&t, ARCHIVE "/cert2.pem"));
	assert_string_equal(content(&t, ARCHIVE "/privkey6.pem"), "key 1\n");
	tree_close(&t);
}

static void
install_keeps_what_others_wrote_into_the_conf(void **state)
{
	struct renewal r = renewal_a;
	struct store_install in = { .job = 2,
		.lineage = NAME,
		.cert = "cert 2\n",
		.cert_bytes = 7,
		.chain = "chain 2\n",
		.chain_bytes = 8,
		.renewal = &r };
	const char *text;
	struct lineage *l;
	struct tree t;
	unsigned version;

	(void)state;
	tree_open(&t, NO_GROUP);
	(void)install(&t, 1, true);
	sh(&t, "cd renewal && sed -i -e '1i# mine' "
	       "-e 's/^version.*/version = 5.7.0.dev0/' "
	       "-e 's/^server/pref_challs = dns-01,\\nrsa_key_size = 4096\\n"
	       "server/' " NAME ".conf && "
	       "printf '[certd]\\nx = 1\\n[[sub]]\\ny = 2 # why\\n' >> " NAME
	       ".conf");
	stage_key(&t, 2);
	r.deploy_hook = "echo \"a, b\" # c";
	r.key_kind = KEY_EC_P384;
	r.propagation_secs = 30;
	assert_ok(store_lock(t.s));
	assert_ok(store_install(t.s, &in, &version));
	store_unlock(t.s);
	text = content(&t, "renewal/" NAME ".conf");
	assert_non_null(strstr(text, "# mine\nversion = 5.7.0.dev0\n"));
	assert_non_null(strstr(text, "pref_challs = dns-01,\n"));
	assert_null(strstr(text, "rsa_key_size"));
	assert_non_null(strstr(text, "elliptic_curve = secp384r1\n"));
	assert_non_null(
	    strstr(text, "dns_cloudflare_propagation_seconds = 30\n"));
	assert_non_null(strstr(text, "renew_hook = 'echo \"a, b\" # c'\n"));
	assert_non_null(strstr(text, "[certd]\nx = 1\n[[sub]]\ny = 2 # why\n"));
	assert_ok(lineage_load(t.s, NAME, &l));
	assert_null(l->problem);
	assert_string_equal(l->deploy_hook, r.deploy_hook);
	assert_int_equal(l->key_kind, KEY_EC_P384);
	assert_int_equal(l->propagation_secs, 30);
	lineage_free(l);
	tree_close(&t);
}

static ino_t
install_again(struct tree *t, uint32_t job, const struct renewal *r)
{
	struct store_install in = { .job = job,
		.lineage = NAME,
		.cert = "cert\n",
		.cert_bytes = 5,
		.chain = "chain\n",
		.chain_bytes = 6,
		.renewal = r };
	unsigned version;
	struct stat st;

	stage_key(t, job);
	assert_ok(store_lock(t->s));
	assert_ok(store_install(t->s, &in, &version));
	store_unlock(t->s);
	store_unstage(t->s, job);
	assert_false(exists(t, "renewal/" NAME ".conf.new"));
	assert_int_equal(stat(at(t, "renewal/" NAME ".conf"), &st), 0);
	return st.st_ino;
}

static void
install_leaves_a_conf_that_says_the_same(void **state)
{
	struct renewal r = renewal_a;
	struct tree t;
	ino_t conf;

	(void)state;
	tree_open(&t, NO_GROUP);
	(void)install(&t, 1, true);
	conf = install_again(&t, 2, &r);
	put(&t, "renewal/" NAME ".conf.new", "of a crash");
	assert_int_equal(install_again(&t, 3, &r), conf);
	r.deploy_hook = "false";
	assert_int_not_equal(install_again(&t, 4, &r), conf);
	assert_non_null(strstr(content(&t, "renewal/" NAME ".conf"),
	    "renew_hook = false\n"));
	tree_close(&t);
}

static void
install_without_lock_or_key_is_refused(void **state)
{
	struct store_install in = { .job = 1,
		.lineage = NAME,
		.is_new = true,
		.cert = "c",
		.cert_bytes = 1,
		.chain = "c",
		.chain_bytes = 1,
		.renewal = &renewal_a };
	struct tree t;
	unsigned version;

	(void)state;
	tree_open(&t, NO_GROUP);
	assert_fails(store_install(t.s, &in, &version), "not locked");
	assert_ok(store_lock(t.s));
	assert_fails(store_install(t.s, &in, &version), "1");
	store_unlock(t.s);
	stage_key(&t, 1);
	assert_ok(store_lock(t.s));
	in.lineage = "../x";
	assert_fails(store_install(t.s, &in, &version), "../x");
	in.lineage = NAME;
	in.is_new = false;
	assert_fails(store_install(t.s, &in, &version), "no certificate");
	in.is_new = true;
	in.chain_bytes = 0;
	assert_fails(store_install(t.s, &in, &version), "missing");
	store_unlock(t.s);
	assert_false(exists(&t, ARCHIVE));
	assert_false(exists(&t, LIVE));
	assert_true(exists(&t, ".certd/1.privkey.pem"));
	tree_close(&t);
}

/* Reads the pair as a server does, over and over: by path, the certificate and
 * then the key. A pair that the switch fell in between is read again. */
static void
watch(const struct tree *t, atomic_ulong *reads)
{
	char key[16], before[16], after[16];

	for (;;) {
		(void)strcpy(before, content(t, LIVE "/cert.pem"));
		(void)strcpy(key, content(t, LIVE "/privkey.pem"));
		(void)strcpy(after, content(t, LIVE "/cert.pem"));
		if (*before == '\0' || *key == '\0' || *after == '\0')
			_exit(1); /* a gap */
		if (strcmp(before, after) == 0 &&
		    strcmp(before + strlen("cert "), key + strlen("key ")) != 0)
			_exit(2); /* a mixture */
		(*reads)++;
	}
}

/* Whoever was just opening a file when it was switched has it open. */
static void
wait_for_reader(pid_t pid, atomic_ulong *reads)
{
	const unsigned long begun = *reads + 1;
	int status;

	while (*reads <= begun) {
		if (waitpid(pid, &status, WNOHANG) != 0)
			fail_msg("the reader has seen %s", WEXITSTATUS(status) ==
			    1 ? "a gap" : "a mixture");
		(void)sched_yield();
	}
}

static void
switch_is_atomic_for_readers(void **state)
{
	atomic_ulong *reads = mmap(NULL, sizeof(*reads), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned i, version;
	struct tree t;
	int status;
	pid_t pid;

	(void)state;
	assert_true(reads != MAP_FAILED);
	tree_open(&t, NO_GROUP);
	(void)install(&t, 1, true);
	if ((pid = fork()) == 0)
		watch(&t, reads);
	wait_for_reader(pid, reads);
	for (i = 2; i <= 201; i++) {
		stage_key(&t, i);
		assert_ok(install_staged(&t, i, false, &version));
		wait_for_reader(pid, reads);
		store_unstage(t.s, i);
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(live_job(&t), 201);
	(void)munmap(reads, sizeof(*reads));
	tree_close(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(install_first_makes_certbots_layout),
		cmocka_unit_test(install_gives_the_staged_key_another_name),
		cmocka_unit_test(install_next_counts_and_prunes),
		cmocka_unit_test(install_next_is_above_every_number),
		cmocka_unit_test(install_next_carries_key_mode_over),
		cmocka_unit_test(install_next_keeps_directories_as_they_are),
		cmocka_unit_test(
		    install_with_foreign_directory_changes_links_in_place),
		cmocka_unit_test(install_prunes_no_key_that_a_link_needs),
		cmocka_unit_test(install_keeps_what_others_wrote_into_the_conf),
		cmocka_unit_test(install_leaves_a_conf_that_says_the_same),
		cmocka_unit_test(install_without_lock_or_key_is_refused),
		cmocka_unit_test(switch_is_atomic_for_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
