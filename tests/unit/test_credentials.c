/*
 * test_credentials.c - which credentials files are refused.
 */
/* objects: common/err common/log common/text common/buf common/names common/url $(CONFIG) certd/monitor/fs certd/monitor/fs_later $(filter certd/monitor/store%,$(certd_OBJ)) certd/monitor/credentials */
/* libs: libmd */
#define _GNU_SOURCE /* nftw */
#include "credentials.h"
#include "tree.h"

/* What is done to a good file, and what is said; NULL: it is still good. */
static const struct row {
	const char *command, *problem;
} rows[] = {
	{ "true", NULL },
	{ "chmod 400 cf.ini", NULL },
	{ "chmod 640 cf.ini; chgrp 4242 cf.ini", NULL },
	{ "mv cf.ini x; ln -s x cf.ini", NULL },
	{ "chmod 604 cf.ini", "mode 0604" },
	{ "chmod 644 cf.ini", "mode 0644" },
	{ "chmod 660 cf.ini", "mode 0660" },
	{ "chmod 602 cf.ini", "mode 0602" },
	{ "chown 4242 cf.ini", "belongs to user 4242" },
	{ "mv cf.ini x; ln -s x cf.ini; chmod 644 x", "mode 0644" },
	{ "mv cf.ini x; ln -s x cf.ini; chown -h 4242 cf.ini",
	    "a link that user 4242 made" },
	{ "rm cf.ini", "No such file" },
	{ "rm cf.ini; ln -s nowhere cf.ini", "No such file" },
	{ "rm cf.ini; mkdir -m 700 cf.ini", "not a regular file" },
	{ "rm cf.ini; mkfifo -m 600 cf.ini", "not a regular file" },
	{ "rm cf.ini; ln -s cf.ini cf.ini", "symbolic links" },
};

static void
credentials_open_to_others_are_refused(void **state)
{
	struct tree t;
	struct err *e;
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		tree_make(&t);
		put(&t, "cf.ini", "dns_cloudflare_api_token = x\n");
		sh(&t, "chmod 600 cf.ini");
		sh(&t, rows[i].command);
		e = credentials_open(at(&t, "cf.ini"), &fd);
		if ((e == NULL) != (rows[i].problem == NULL) ||
		    (e != NULL && strstr(err_text(e), rows[i].problem) == NULL))
			fail_msg("%s: %s", rows[i].command, err_text(e));
		if (e == NULL)
			close(fd);
		else
			assert_int_equal(fd, -1);
		err_free(e);
		tree_close(&t);
	}
}

static void
credentials_refused_say_the_command(void **state)
{
	struct tree t;
	struct err *e;
	int fd;

	(void)state;
	tree_make(&t);
	put(&t, "cf.ini", "");
	sh(&t, "chmod 644 cf.ini");
	e = credentials_open(at(&t, "cf.ini"), &fd);
	assert_non_null(strstr(err_advice(e), "chmod 600 "));
	err_free(e);
	assert_fails(credentials_open("cf.ini", &fd), "absolute");
	tree_close(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(credentials_open_to_others_are_refused),
		cmocka_unit_test(credentials_refused_say_the_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
