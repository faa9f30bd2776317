/*
 * test_store_lineage.c - reading what certbot, people and backups left: each
 * kind of breakage is named, and stops nothing else.
 */
/* objects: common/err common/log common/text common/buf common/names common/url $(CONFIG) certd/monitor/fs certd/monitor/fs_later $(filter certd/monitor/store%,$(certd_OBJ)) */
/* libs: libmd */
#define _GNU_SOURCE /* nftw */
#include <errno.h>

#include "buf.h"
#include "tree.h"

#define ARCHIVE "archive/" NAME
#define LIVE    "live/" NAME
#define CONF    "renewal/" NAME ".conf"

/* What is done to a whole lineage of versions 1 and 2, and what is said. */
static const struct breakage {
	const char *command, *problem;
} breakages[] = {
	{ "rm " LIVE "/chain.pem", LIVE "/chain.pem is missing" },
	{ "cp --remove-destination " ARCHIVE "/cert2.pem " LIVE "/cert.pem",
	    LIVE "/cert.pem is not a symbolic link" },
	{ "cp -rL " LIVE " x && rm -r " LIVE " && mv x " LIVE,
	    "not a symbolic link" },
	{ "rm -r " LIVE, LIVE ": open directory" },
	{ "mv " LIVE " x && ln -s ../x " LIVE, LIVE ": open directory" },
	{ "rm " ARCHIVE "/privkey2.pem", "privkey2.pem" },
	{ ": > " ARCHIVE "/fullchain2.pem", "fullchain2.pem is empty" },
	{ "rm -r " ARCHIVE, ARCHIVE ": open directory" },
	{ "ln -sf ../../" ARCHIVE "/privkey1.pem " LIVE "/privkey.pem",
	    "mixture" },
	{ "ln -sf /etc/passwd " LIVE "/cert.pem", "no file of the archive" },
	{ "mkdir archive/b && cp " ARCHIVE "/cert2.pem archive/b && "
	  "ln -sf ../../archive/b/cert2.pem " LIVE "/cert.pem",
	    "not the archive of this certificate" },
	{ "ln -sf ../../" ARCHIVE "/privkey2.pem " LIVE "/cert.pem",
	    "no file of the archive" },
	{ "ln -sf privkey2.pem " ARCHIVE "/privkey2.pem", "privkey2.pem" },
	{ "ln -sf /etc/shadow " ARCHIVE "/privkey2.pem", "leads elsewhere" },
	{ "ln -sf /etc/passwd " ARCHIVE "/cert2.pem", "cert2.pem" },
	{ "rm " ARCHIVE "/cert2.pem && mkfifo " ARCHIVE "/cert2.pem",
	    "cert2.pem is not a regular file" },
	{ ": > " CONF, CONF " is empty" },
	{ "rm " CONF " && ln -s /etc/passwd " CONF, CONF },
	{ "echo '[[[x' > " CONF, CONF },
	{ "sed -i '/^privkey/d' " CONF, "no line \"privkey = ...\"" },
	{ "sed -i '/renewalparams/,$d' " CONF, "[renewalparams]" },
	{ "sed -i '/^authenticator/d' " CONF, "names no authenticator" },
	{ "sed -i 's,^archive_dir.*,archive_dir = /,' " CONF,
	    "archive_dir = / is not in" },
	{ "sed -i 's,^archive_dir = .*,&/../../..,' " CONF, "archive_dir = " },
	{ "sed -i 's,^archive_dir = .*,archive_dir = archive/x,' " CONF,
	    "archive_dir = archive/x is not in" },
	{ "sed -i 's,^archive_dir.*,archive_dir = /etc/ssl,' " CONF,
	    "archive_dir = /etc/ssl is not in" },
	{ "sed -i 's,^cert = .*,cert = /etc/passwd,' " CONF,
	    "cert = /etc/passwd is not" },
	{ "sed -i 's,^\\(chain = .*\\)chain.pem,\\1../x/chain.pem,' " CONF,
	    "/chain.pem is not" },
};

static void
set_up(struct tree *t)
{
	tree_open(t, NO_GROUP);
	(void)install(t, 1, true);
	(void)install(t, 2, false);
}

static void
lineage_broken_says_where(void **state)
{
	struct store_names names;
	const struct breakage *b;
	struct lineage *l;
	struct tree t;
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < sizeof(breakages) / sizeof(*breakages); i++) {
		b = &breakages[i];
		set_up(&t);
		sh(&t, b->command);
		assert_ok(lineage_load(t.s, NAME, &l));
		if (l->problem == NULL ||
		    strstr(l->problem, b->problem) == NULL)
			fail_msg("after \"%s\": \"%s\", expected: %s",
			    b->command, l->problem, b->problem);
		assert_string_equal(l->name, NAME);
		assert_non_null(l->server);
		assert_fails(store_may_renew(t.s, l), "is broken");
		err_free(lineage_open_key(t.s, l, &fd));
		if (fd != -1)
			close(fd);
		lineage_free(l);
		assert_ok(store_lineages(t.s, &names));
		assert_int_equal(names.n, 1);
		store_names_clear(&names);
		tree_close(&t);
	}
}

static void
lineage_broken_is_not_installed_into(void **state)
{
	struct tree t;
	unsigned version;

	(void)state;
	set_up(&t);
	sh(&t, "rm " LIVE "/chain.pem");
	stage_key(&t, 3);
	assert_fails(install_staged(&t, 3, false, &version), "is broken");
	assert_int_equal(version, 0);
	assert_false(exists(&t, ARCHIVE "/cert3.pem"));
	assert_true(exists(&t, ".certd/3.privkey.pem"));
	tree_close(&t);
}

static void
lineage_names_that_are_paths_are_refused(void **state)
{
	static const char *const names[] = { "..", ".", "", "a/b", "../x",
		"/etc/passwd" };
	struct lineage *l;
	struct tree t;
	struct err *e;
	size_t i;

	(void)state;
	set_up(&t);
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		assert_fails(lineage_load(t.s, names[i], &l), names[i]);
		assert_null(l);
	}
	e = lineage_load(t.s, "other.example.com", &l);
	assert_int_equal(err_errno(e), ENOENT);
	err_free(e);
	tree_close(&t);
}

static void
lineage_with_any_name_is_read(void **state)
{
	static const char *const names[] = { "-x", "a b", "two\\nlines",
		"x..y" };
	char command[512];
	struct lineage *l;
	struct tree t;
	size_t i;

	(void)state;
	set_up(&t);
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		(void)snprintf(command, sizeof(command),
		    "n=$(printf -- '%s'); cp " CONF " \"renewal/$n.conf\"",
		    names[i]);
		sh(&t, command);
	}
	assert_ok(lineage_load(t.s, "two\nlines", &l));
	assert_non_null(l->problem); /* its paths are those of another one */
	lineage_free(l);
	assert_ok(lineage_load(t.s, "-x", &l));
	lineage_free(l);
	tree_close(&t);
}

static void
lineage_of_old_certbot_is_whole(void **state)
{
	struct lineage *l;
	struct tree t;
	char text[32] = "";
	int fd;

	(void)state;
	set_up(&t);
	/* A key reused as a link, absolute links in live, no key type, the
	 * server of another age, comments, Python's words. */
	sh(&t, "cd " ARCHIVE " && ln -sf privkey1.pem privkey2.pem");
	sh(&t, "for k in cert privkey chain fullchain; do "
	       "ln -sf \"$PWD/" ARCHIVE "/${k}2.pem\" " LIVE "/$k.pem; done");
	sh(&t, "sed -i -e '/^key_type/d' -e '1i# renew_before_expiry = 30 days'"
	       " -e 's,^server.*,server = "
	       "https://acme-v01.api.letsencrypt.org/directory,' " CONF
	       " && printf 'pre_hook = None\\nreuse_key = True\\n"
	       "autorenew = False\\n' >> " CONF);
	assert_ok(lineage_load(t.s, NAME, &l));
	assert_null(l->problem);
	assert_int_equal(l->current, 2);
	assert_int_equal(l->key_kind, KEY_RSA_2048);
	assert_string_equal(l->server, ACME_SERVER_DEFAULT);
	assert_string_equal(l->pre_hook, "");
	assert_true(l->reuse_key);
	assert_false(l->autorenew);
	assert_ok(lineage_open_key(t.s, l, &fd));
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "key 1\n");
	assert_int_equal(write(fd, "x", 1), -1);
	close(fd);
	lineage_free(l);
	assert_int_equal(install(&t, 3, false), 3);
	assert_int_equal(live_job(&t), 3);
	tree_close(&t);
}

static void
lineage_rolled_back_shows_both_versions(void **state)
{
	struct lineage *l;
	struct tree t;

	(void)state;
	set_up(&t);
	sh(&t, "for k in cert privkey chain fullchain; do "
	       "ln -sf ../../" ARCHIVE "/${k}1.pem " LIVE "/$k.pem; done");
	put(&t, ARCHIVE "/cert7.pem", "alone");
	assert_ok(lineage_load(t.s, NAME, &l));
	assert_null(l->problem);
	assert_int_equal(l->current, 1);
	assert_int_equal(l->newest, 2);
	assert_int_equal(l->highest, 7);
	lineage_free(l);
	tree_close(&t);
}

static void
lineage_with_other_archive_is_followed(void **state)
{
	struct lineage *l;
	struct tree t;

	(void)state;
	set_up(&t);
	sh(&t, "mv " ARCHIVE " archive/other && "
	       "sed -i 's,^archive_dir = .*,"
	       "archive_dir = '\"$PWD\"'/archive/"
	       "other/,' " CONF " && for k in cert privkey chain fullchain; do "
	       "ln -sf ../../archive/other/${k}2.pem " LIVE "/$k.pem; done");
	assert_ok(lineage_load(t.s, NAME, &l));
	assert_null(l->problem);
	assert_string_equal(l->archive, "other");
	lineage_free(l);
	assert_int_equal(install(&t, 3, false), 3);
	assert_int_equal(live_job(&t), 3);
	assert_true(exists(&t, "archive/other/cert3.pem"));
	assert_false(exists(&t, ARCHIVE));
	tree_close(&t);
}

static void
lineage_change_by_others_changes_identity(void **state)
{
	static const char *const files[] = { ARCHIVE "/cert2.pem",
		ARCHIVE "/privkey2.pem", ARCHIVE "/chain2.pem",
		ARCHIVE "/fullchain2.pem" };
	struct identity before;
	struct lineage *l;
	struct tree t;
	size_t i;

	(void)state;
	set_up(&t);
	for (i = 0; i < sizeof(files) / sizeof(*files); i++) {
		assert_ok(lineage_load(t.s, NAME, &l));
		before = l->identity;
		lineage_free(l);
		assert_ok(lineage_load(t.s, NAME, &l));
		assert_true(identity_eq(&before, &l->identity));
		lineage_free(l);
		put(&t, files[i], "X\n");
		assert_ok(lineage_load(t.s, NAME, &l));
		assert_false(identity_eq(&before, &l->identity));
		lineage_free(l);
	}
	tree_close(&t);
}

static void
versions_are_listed_from_the_newest(void **state)
{
	unsigned versions[VERSIONS_MAX];
	struct lineage *l;
	struct tree t;
	size_t i, n;

	(void)state;
	set_up(&t);
	sh(&t,
	    "for n in $(seq 3 90); do for k in cert privkey chain "
	    "fullchain; do touch " ARCHIVE "/$k$n.pem; done; done; rm " ARCHIVE
	    "/chain88.pem; touch " ARCHIVE "/cert91.pem " ARCHIVE
	    "/cert089.pem.bak");
	assert_ok(lineage_load(t.s, NAME, &l));
	assert_ok(lineage_versions(t.s, l, versions, &n));
	assert_int_equal(n, VERSIONS_MAX);
	assert_int_equal(versions[0], 90);
	assert_int_equal(versions[1], 89);
	assert_int_equal(versions[2], 87);
	for (i = 1; i < n; i++)
		assert_true(versions[i] < versions[i - 1]);
	sh(&t, "rm -r " ARCHIVE);
	assert_fails(lineage_versions(t.s, l, versions, &n), ARCHIVE);
	assert_int_equal(n, 0);
	lineage_free(l);
	tree_close(&t);
}

static void
chain_that_is_not_its_parts_is_found(void **state)
{
	struct buf *b = buf_new(1024);
	struct lineage *l;
	struct tree t;

	(void)state;
	set_up(&t);
	assert_ok(lineage_load(t.s, NAME, &l));
	assert_ok(lineage_read_chain(t.s, l, 2, b));
	assert_string_equal(buf_data(b), "cert 2\nchain 2\n");
	buf_clear(b);
	put(&t, ARCHIVE "/chain2.pem", "chain X\n");
	assert_fails(lineage_read_chain(t.s, l, 2, b), "is not cert.pem and");
	/* Links are no files: what would be imported is read as it is. */
	buf_clear(b);
	assert_fails(lineage_read_chain(t.s, l, VERSION_LIVE, b), "cert.pem");
	lineage_free(l);
	buf_free(b);
	tree_close(&t);
}

/* Each "path name" that is told, in a line. */
static char told[1024];

static void
tell_remain(void *arg, const char *path, const char *name)
{
	size_t n = strlen(told);

	(void)arg;
	(void)snprintf(told + n, sizeof(told) - n, "%s %s\n", path, name);
}

static void
remains_are_what_no_lineage_has(void **state)
{
	struct tree t;

	(void)state;
	set_up(&t);
	sh(&t, "mkdir live/old archive/old archive/used live/.x.new && "
	       "touch live/file archive/file && ln -s x live/link && "
	       "sed \"s,^archive_dir.*,archive_dir = $PWD/archive/used,\" " CONF
	       " > renewal/other.conf");
	*told = '\0';
	assert_ok(store_remains(t.s, tell_remain, NULL));
	assert_string_equal(told, "live/old old\narchive/old old\n");
	tree_close(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lineage_broken_says_where),
		cmocka_unit_test(lineage_broken_is_not_installed_into),
		cmocka_unit_test(lineage_names_that_are_paths_are_refused),
		cmocka_unit_test(lineage_with_any_name_is_read),
		cmocka_unit_test(lineage_of_old_certbot_is_whole),
		cmocka_unit_test(lineage_rolled_back_shows_both_versions),
		cmocka_unit_test(lineage_with_other_archive_is_followed),
		cmocka_unit_test(lineage_change_by_others_changes_identity),
		cmocka_unit_test(versions_are_listed_from_the_newest),
		cmocka_unit_test(chain_that_is_not_its_parts_is_found),
		cmocka_unit_test(remains_are_what_no_lineage_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
