/* test_roots.c - whether a file is root's alone, and what a command begins
 * with. */
/* objects: common/roots common/text common/err certd/hook/command */
/* libs: */
#define _GNU_SOURCE /* asprintf */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hook.h"
#include "roots.h"

#define NOBODY 65534

static char folder[] = "/tmp/test_roots.XXXXXX";

/* folder/name; valid until the fourth call from now. */
static const char *
at(const char *name)
{
	static char paths[4][128];
	static unsigned n;
	char *path = paths[n++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static int
make(void **state)
{
	int fd;

	(void)state;
	if (mkdtemp(folder) == NULL || chmod(folder, 0755) == -1 ||
	    mkdir(at("in"), 0755) == -1 || mkdir(at("a b"), 0755) == -1)
		return -1;
	fd = open(at("in/file"), O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	close(fd);
	fd = open(at("a b/it's"), O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	close(fd);
	return symlink(at("in/file"), at("link"));
}

static int
drop(void **state)
{
	(void)state;
	(void)unlink(at("link"));
	(void)unlink(at("in/file"));
	(void)unlink(at("a b/it's"));
	(void)rmdir(at("in"));
	(void)rmdir(at("a b"));
	return rmdir(folder);
}

static bool
is_weak_at(const char *path, const char *wanted)
{
	char weak[PATH_MAX];

	if (path_is_roots(path, weak))
		return false;
	assert_string_equal(weak, wanted);
	return true;
}

static void
file_of_root_is_roots(void **state)
{
	char weak[PATH_MAX];

	(void)state;
	assert_true(path_is_roots("/bin/sh", weak));
	assert_true(path_is_roots(at("in/file"), weak)); /* /tmp is sticky */
	assert_true(path_is_roots(at("link"), weak));
	assert_false(path_is_roots(at("missing"), weak));
}

static void
what_others_can_change_is_named(void **state)
{
	char weak[PATH_MAX];

	(void)state;
	assert_int_equal(chmod(at("in/file"), 0757), 0);
	assert_true(is_weak_at(at("in/file"), at("in/file")));
	assert_true(is_weak_at(at("link"), at("link")));
	assert_int_equal(chmod(at("in/file"), 0775), 0);
	assert_true(path_is_roots(at("in/file"), weak)); /* group root */
	assert_int_equal(chown(at("in/file"), 0, NOBODY), 0);
	assert_true(is_weak_at(at("in/file"), at("in/file")));
	assert_int_equal(chmod(at("in/file"), 0755), 0);
	assert_true(path_is_roots(at("in/file"), weak));
	assert_int_equal(chown(at("in/file"), NOBODY, 0), 0);
	assert_true(is_weak_at(at("in/file"), at("in/file")));
	assert_int_equal(chown(at("in/file"), 0, 0), 0);
	assert_int_equal(chmod(at("in"), 0777), 0);
	assert_true(is_weak_at(at("in/file"), at("in")));
	assert_true(is_weak_at(at("link"), at("in")));
	assert_int_equal(chmod(at("in"), 01777), 0);
	assert_true(path_is_roots(at("in/file"), weak));
	assert_int_equal(chmod(at("in"), 0755), 0);
	assert_int_equal(lchown(at("link"), NOBODY, 0), 0);
	assert_true(is_weak_at(at("link"), at("link")));
	assert_int_equal(lchown(at("link"), 0, 0), 0);
}

/* Of a command whose first word is the weak file: is it found out? */
static void
first_word_is_looked_at(void **state)
{
	static const struct {
		const char *format;
		bool refused;
	} cases[] = {
		{ "%s", true }, { "  %s --option", true },
		{ "A=1 B='x y' %s", true }, { "'%s'", true },
		{ "\"%s\";exit 0", true }, { "%s>/dev/null", true },
		{ "%s||true", true },
		{ "/bin/true %s", false }, /* what it does is root's affair */
		{ "$(%s)", false },        /* only the shell can tell */
		{ "", false }, { "   ", false }, { "exit 3 # %s", false },
		{ "'%s", false }, /* the shell will complain */
	};
	char command[256], why[512];
	size_t i;

	(void)state;
	assert_int_equal(chmod(at("in/file"), 0757), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)snprintf(command, sizeof(command), "%.*s%s%s",
		    (int)strcspn(cases[i].format, "%"), cases[i].format,
		    strchr(cases[i].format, '%') == NULL ? "" : at("in/file"),
		    strchr(cases[i].format, '%') == NULL
			? ""
			: strchr(cases[i].format, '%') + 2);
		assert_int_equal(
		    command_problem(command, false, why, sizeof(why)),
		    cases[i].refused ? HOOK_REFUSED : 0);
	}
	assert_int_equal(chmod(at("in/file"), 0755), 0);
}

static void
quoted_path_is_one_word(void **state)
{
	char command[256], why[512];

	(void)state;
	(void)snprintf(command, sizeof(command), "'%s/a b/it'\\''s' x", folder);
	assert_int_equal(command_problem(command, true, why, sizeof(why)), 0);
	assert_int_equal(chmod(at("a b"), 0777), 0);
	assert_int_equal(
	    command_problem(command, true, why, sizeof(why)), HOOK_REFUSED);
	assert_non_null(strstr(why, at("a b")));
	assert_int_equal(chmod(at("a b"), 0755), 0);
}

static void
what_must_be_there_is_looked_for(void **state)
{
	static const struct {
		const char *command;
		int status;
		const char *why;
	} cases[] = {
		{ "sh -c x", 0, "" },
		{ "A=1 sh", 0, "" },
		{ "no-such-program-here", HOOK_NOT_FOUND,
		    "there is no program" },
		{ "/no/such/file", HOOK_NOT_FOUND,
		    "there is no /no/such/file" },
		{ "no/such/file", HOOK_NOT_FOUND, "there is no no/such/file" },
		{ "/etc/passwd", HOOK_REFUSED, "is not executable" },
		{ "/etc", HOOK_REFUSED, "is not executable" },
		{ "$HOME/x", HOOK_NOT_FOUND, "does not begin with a program" },
		{ " ", HOOK_NOT_FOUND, "does not begin with a program" },
	};
	char why[512];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		*why = '\0';
		assert_int_equal(
		    command_problem(cases[i].command, true, why, sizeof(why)),
		    cases[i].status);
		assert_non_null(strstr(why, cases[i].why));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_of_root_is_roots),
		cmocka_unit_test(what_others_can_change_is_named),
		cmocka_unit_test(first_word_is_looked_at),
		cmocka_unit_test(quoted_path_is_one_word),
		cmocka_unit_test(what_must_be_there_is_looked_for),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
