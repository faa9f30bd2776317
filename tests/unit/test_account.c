/*
 * test_account.c - certbot's accounts: found, chosen, made whole or not at all.
 */
/* objects: common/err common/log common/text common/buf common/names common/url $(CONFIG) certd/monitor/fs certd/monitor/fs_later $(filter certd/monitor/store%,$(certd_OBJ)) certd/monitor/account certd/monitor/account_new certd/monitor/account_next certd/monitor/account_list */
/* libs: libmd */
#define _GNU_SOURCE /* nftw */
#include <errno.h>

#include "account.h"
#include "tree.h"

#define SERVER "https://localhost:14000/dir"
#define DIR_   "accounts/localhost:14000/dir"
#define ID_A   "0123456789abcdef0123456789abcdef"
#define ID_B   "fedcba9876543210fedcba9876543210"

static const char *
read_fd(int fd)
{
	static char text[64];
	const ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* An account as certbot makes it. */
static void
make(const struct tree *t, const char *dir, const char *id)
{
	char command[512];

	(void)snprintf(command, sizeof(command),
	    "umask 077; d=%s/%s; mkdir -p $d; echo key %s > "
	    "$d/private_key.json; echo regr %s > $d/regr.json; "
	    "echo '{}' > $d/meta.json; chmod 400 $d/private_key.json",
	    dir, id, id, id);
	sh(t, command);
}

static void
find_none_is_no_error(void **state)
{
	struct account *a;
	struct tree t;

	(void)state;
	tree_open(&t, NO_GROUP);
	assert_ok(account_find(t.s, SERVER, "", &a));
	assert_null(a);
	assert_false(exists(&t, "accounts/localhost:14000"));
	assert_fails(account_find(t.s, SERVER, ID_A, &a), SERVER);
	assert_fails(account_find(t.s, "http://x/", "", &a), "http://x/");
	assert_fails(account_find(t.s, "https://x/../y", "", &a), "https://x");
	assert_fails(account_find(t.s, SERVER, "../x", &a), "../x");
	tree_close(&t);
}

static void
find_only_and_named(void **state)
{
	struct account *a;
	struct tree t;

	(void)state;
	tree_open(&t, NO_GROUP);
	make(&t, DIR_, ID_A);
	assert_ok(account_find(t.s, SERVER, "", &a));
	assert_string_equal(a->id, ID_A);
	assert_string_equal(read_fd(a->key_fd), "key " ID_A "\n");
	assert_string_equal(read_fd(a->regr_fd), "regr " ID_A "\n");
	assert_int_equal(write(a->key_fd, "x", 1), -1);
	account_free(a);
	make(&t, DIR_, ID_B);
	assert_fails(account_find(t.s, SERVER, "", &a), ID_A ", " ID_B);
	assert_null(a);
	assert_ok(account_find(t.s, SERVER "?x=y", ID_B, &a));
	assert_string_equal(a->id, ID_B);
	account_free(a);
	assert_fails(account_find(t.s, SERVER, "other", &a), "other");
	tree_close(&t);
}

static void
find_passes_over_what_is_no_account(void **state)
{
	struct account *a;
	struct tree t;

	(void)state;
	tree_open(&t, NO_GROUP);
	make(&t, DIR_, ID_A);
	sh(&t, "cd " DIR_ " && mkdir -m 700 x y .new && touch file && "
	       "echo k > y/private_key.json && echo k > .new/private_key.json"
	       " && ln -s nowhere z && cp -a " ID_A " w && chmod 777 w && "
	       "touch w/private_key.json");
	assert_ok(account_find(t.s, SERVER, "", &a));
	assert_string_equal(a->id, ID_A);
	account_free(a);
	assert_fails(account_find(t.s, SERVER, "w", &a), "others");
	tree_close(&t);
}

static void
find_follows_certbots_links_to_old_servers(void **state)
{
	struct account *a;
	struct tree t;

	(void)state;
	tree_open(&t, NO_GROUP);
	make(&t, "accounts/v1.example/directory", ID_A);
	sh(&t, "umask 077; mkdir accounts/v2.example && "
	       "ln -s \"$PWD/accounts/v1.example/directory\" "
	       "accounts/v2.example/directory && mkdir -p "
	       "accounts/v3.example/directory && "
	       "ln -s \"$PWD/accounts/v1.example/directory/" ID_A "\" "
	       "accounts/v3.example/directory/" ID_A);
	assert_ok(account_find(t.s, "https://v2.example/directory", "", &a));
	assert_string_equal(a->id, ID_A);
	account_free(a);
	assert_ok(account_find(t.s, "https://v3.example/directory", ID_A, &a));
	account_free(a);
	/* The link stays a link. */
	sh(&t, "test -L accounts/v2.example/directory");
	tree_close(&t);
}

/* A change of key: at no point is there no key. */
static void
next_key_takes_the_place_of_the_old_one(void **state)
{
	struct account *a;
	struct tree t;
	bool is_new;
	int fd;

	(void)state;
	tree_open(&t, NO_GROUP);
	make(&t, DIR_, ID_A);
	assert_ok(account_next(t.s, SERVER, ID_A, &fd, &is_new));
	assert_true(is_new);
	close(fd);
	/* Begun, and not written: as if it had never been. */
	assert_ok(account_find(t.s, SERVER, "", &a));
	assert_int_equal(a->next_fd, -1);
	account_free(a);
	assert_ok(account_next(t.s, SERVER, ID_A, &fd, &is_new));
	assert_true(is_new);
	assert_int_equal(write(fd, "next\n", 5), 5);
	close(fd);
	assert_ok(account_next_sync(t.s, SERVER, ID_A));
	/* A second try meets the same key. */
	assert_ok(account_next(t.s, SERVER, ID_A, &fd, &is_new));
	assert_false(is_new);
	close(fd);
	assert_ok(account_find(t.s, SERVER, ID_A, &a));
	assert_string_equal(read_fd(a->next_fd), "next\n");
	assert_string_equal(read_fd(a->key_fd), "key " ID_A "\n");
	account_free(a);
	assert_ok(account_next_commit(t.s, SERVER, ID_A));
	assert_ok(account_find(t.s, SERVER, ID_A, &a));
	assert_string_equal(read_fd(a->key_fd), "next\n");
	assert_int_equal(a->next_fd, -1);
	account_free(a);
	sh(&t, "cd " DIR_ "/" ID_A " && grep -q " ID_A
	       " .private_key.json.before && test $(stat -c %a "
	       ".private_key.json.before private_key.json | sort -u) = 400");
	tree_close(&t);
}

static void
rename_leaves_a_link_that_is_no_second_account(void **state)
{
	struct account *a;
	struct tree t;

	(void)state;
	tree_open(&t, NO_GROUP);
	make(&t, DIR_, ID_A);
	assert_ok(account_rename(t.s, SERVER, ID_A, ID_B));
	sh(&t, "test -L " DIR_ "/" ID_A " && test ! -L " DIR_ "/" ID_B);
	assert_ok(account_find(t.s, SERVER, "", &a));
	assert_string_equal(a->id, ID_B);
	account_free(a);
	assert_ok(account_find(t.s, SERVER, ID_A, &a)); /* a renewal file's */
	account_free(a);
	assert_ok(account_rename(t.s, SERVER, ID_A, ID_B)); /* once more */
	assert_fails(account_remove(t.s, SERVER, ID_A), "link");
	assert_ok(account_unlink(t.s, SERVER, ID_A));
	assert_ok(account_unlink(t.s, SERVER, ID_B)); /* no link: it stays */
	assert_fails(account_find(t.s, SERVER, ID_A, &a), ID_A);
	/* The link of a try that was interrupted is in nobody's way. */
	sh(&t, "ln -s " ID_A " " DIR_ "/" ID_A);
	assert_ok(account_rename(t.s, SERVER, ID_B, ID_A));
	assert_ok(account_find(t.s, SERVER, "", &a));
	assert_string_equal(a->id, ID_A);
	account_free(a);
	/* A directory that is there is not replaced. */
	make(&t, DIR_, "other");
	assert_fails(account_rename(t.s, SERVER, ID_A, "other"), "other");
	assert_fails(account_rename(t.s, SERVER, ID_A, "../x"), "../x");
	assert_ok(account_remove(t.s, SERVER, ID_A));
	assert_false(exists(&t, DIR_ "/" ID_A));
	assert_true(exists(&t, DIR_ "/other/regr.json"));
	tree_close(&t);
}

static void
make_new_is_found_afterwards(void **state)
{
	struct account_stage *stage;
	int fd, regr, meta;
	struct account *a;
	struct tree t;
	bool is_new;

	(void)state;
	tree_open(&t, NO_GROUP);
	assert_ok(account_stage(t.s, SERVER, "", &stage, &fd, &is_new));
	assert_true(is_new);
	assert_int_equal(write(fd, "key", 3), 3);
	close(fd);
	assert_ok(account_stage_sync(stage));
	assert_fails(account_commit(stage, ID_A), "regr.json");
	assert_ok(account_stage_files(stage, &regr, &meta));
	assert_int_equal(write(regr, "regr", 4), 4);
	close(regr);
	close(meta);
	assert_ok(account_find(t.s, SERVER, "", &a));
	assert_null(a);
	assert_fails(account_commit(stage, "../x"), "../x");
	assert_fails(account_commit(stage, ".x"), ".x");
	assert_ok(account_commit(stage, ID_A));
	account_stage_free(stage);
	assert_int_equal(mode_of(&t, "accounts/localhost:14000"), 0700);
	assert_int_equal(mode_of(&t, DIR_ "/" ID_A), 0700);
	assert_int_equal(mode_of(&t, DIR_ "/" ID_A "/private_key.json"), 0400);
	assert_int_equal(mode_of(&t, DIR_ "/" ID_A "/regr.json"), 0644);
	assert_int_equal(mode_of(&t, DIR_ "/" ID_A "/meta.json"), 0644);
	assert_ok(account_find(t.s, SERVER, "", &a));
	assert_string_equal(a->id, ID_A);
	account_free(a);
	tree_close(&t);
}

static void
make_interrupted_uses_the_same_key(void **state)
{
	struct account_stage *stage;
	int fd, regr, meta;
	struct tree t;
	bool is_new;

	(void)state;
	tree_open(&t, NO_GROUP);
	/* Before the signer wrote the key: another one. */
	assert_ok(account_stage(t.s, SERVER, "", &stage, &fd, &is_new));
	account_stage_free(stage);
	close(fd);
	assert_ok(account_stage(t.s, SERVER, "", &stage, &fd, &is_new));
	assert_true(is_new);
	assert_int_equal(write(fd, "key", 3), 3);
	close(fd);
	assert_ok(account_stage_files(stage, &regr, &meta));
	assert_int_equal(write(regr, "half", 4), 4);
	close(regr);
	close(meta);
	account_stage_free(stage);
	/* After it: the same, and the other files anew. */
	assert_ok(account_stage(t.s, SERVER, "", &stage, &fd, &is_new));
	assert_false(is_new);
	assert_string_equal(read_fd(fd), "key");
	assert_int_equal(write(fd, "x", 1), -1);
	close(fd);
	assert_ok(account_stage_files(stage, &regr, &meta));
	assert_string_equal(read_fd(regr), "");
	close(regr);
	close(meta);
	account_stage_drop(stage);
	assert_false(exists(&t, DIR_ "/.new"));
	tree_close(&t);
}

static void
make_twice_does_not_replace(void **state)
{
	struct account_stage *stage;
	int fd, regr, meta;
	struct tree t;
	bool is_new;

	(void)state;
	tree_open(&t, NO_GROUP);
	make(&t, DIR_, ID_A);
	assert_ok(account_stage(t.s, SERVER, "", &stage, &fd, &is_new));
	close(fd);
	assert_ok(account_stage_files(stage, &regr, &meta));
	close(regr);
	close(meta);
	assert_fails(account_commit(stage, ID_A), "File exists");
	account_stage_drop(stage);
	assert_string_equal(
	    content(&t, DIR_ "/" ID_A "/private_key.json"), "key " ID_A "\n");
	tree_close(&t);
}

/* certbot, or a power loss, left a key without regr.json: the CA knows it. */
static void
make_lost_is_completed_in_place(void **state)
{
	static const char *const losses[] = {
		"rm " DIR_ "/" ID_A "/regr.json",
		": > " DIR_ "/" ID_A "/regr.json",
	};
	struct account_stage *stage;
	int fd, regr, meta;
	struct account *a;
	struct tree t;
	bool is_new;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		tree_open(&t, NO_GROUP);
		make(&t, DIR_, ID_A);
		sh(&t, losses[i]);
		sh(&t, "cd " DIR_ " && touch 0 && ln -s nowhere 00 && "
		       "mkdir -m 777 000 && echo old > " ID_A "/meta.json");
		assert_ok(account_find(t.s, SERVER, ID_A, &a));
		assert_null(a);
		assert_ok(account_find(t.s, SERVER, "", &a));
		assert_null(a);
		assert_ok(account_stage(
		    t.s, SERVER, i == 0 ? "" : ID_A, &stage, &fd, &is_new));
		assert_false(is_new);
		assert_string_equal(read_fd(fd), "key " ID_A "\n");
		close(fd);
		assert_ok(account_stage_files(stage, &regr, &meta));
		assert_int_equal(write(regr, "regr", 4), 4);
		close(regr);
		close(meta);
		/* A crash here must not leave an account without a URL. */
		assert_ok(account_find(t.s, SERVER, "", &a));
		assert_null(a);
		assert_ok(account_commit(stage, ID_A));
		account_stage_drop(stage);
		assert_ok(account_find(t.s, SERVER, ID_A, &a));
		assert_string_equal(read_fd(a->regr_fd), "regr");
		account_free(a);
		assert_string_equal(
		    content(&t, DIR_ "/" ID_A "/meta.json"), "old\n");
		assert_false(exists(&t, DIR_ "/.new"));
		tree_close(&t);
	}
}

/* What accounts_each() tells, a line each. */
static char told[2048];

static void
tell(void *arg, const char *server, const char *id, struct err *e)
{
	size_t n = strlen(told);

	(void)arg;
	(void)snprintf(told + n, sizeof(told) - n, "%s/%s%s%s\n", server, id,
	    e == NULL ? "" : ": ", e == NULL ? "" : err_text(e));
	err_free(e);
}

static void
each_tells_of_all_servers_and_what_is_wrong(void **state)
{
	struct tree t;

	(void)state;
	tree_open(&t, NO_GROUP);
	make(&t, DIR_, ID_A);
	make(&t, DIR_, ID_B);
	make(&t, "accounts/b.example/x/y", ID_A);
	make(&t, "accounts/c.example", ID_A);
	sh(&t, ": > " DIR_ "/" ID_B "/regr.json; ln -s y "
	       "accounts/b.example/x/z; ln -s .. accounts/b.example/x/loop; "
	       "touch accounts/file; mkdir accounts/.hidden; chmod 440 "
	       "accounts/c.example/" ID_A "/private_key.json");
	*told = '\0';
	accounts_each(t.s, tell, NULL);
	assert_non_null(strstr(told, "b.example/x/y/" ID_A "\n"));
	assert_non_null(strstr(told, "b.example/x/z/" ID_A "\n"));
	assert_non_null(strstr(told, "localhost:14000/dir/" ID_A "\n"));
	assert_non_null(
	    strstr(told, "localhost:14000/dir/" ID_B ": regr.json is empty\n"));
	assert_non_null(strstr(told, "c.example/" ID_A ": private_key.json is "
				     "open to others\n"));
	assert_null(strstr(told, "file"));
	sh(&t, "chmod 777 accounts/b.example");
	*told = '\0';
	accounts_each(t.s, tell, NULL);
	assert_non_null(strstr(told, "/b.example: "));
	assert_non_null(strstr(told, "others could change it"));
	tree_close(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(find_none_is_no_error),
		cmocka_unit_test(find_only_and_named),
		cmocka_unit_test(find_passes_over_what_is_no_account),
		cmocka_unit_test(find_follows_certbots_links_to_old_servers),
		cmocka_unit_test(next_key_takes_the_place_of_the_old_one),
		cmocka_unit_test(
		    rename_leaves_a_link_that_is_no_second_account),
		cmocka_unit_test(make_new_is_found_afterwards),
		cmocka_unit_test(make_interrupted_uses_the_same_key),
		cmocka_unit_test(make_twice_does_not_replace),
		cmocka_unit_test(make_lost_is_completed_in_place),
		cmocka_unit_test(each_tells_of_all_servers_and_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
