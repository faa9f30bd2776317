/* test_cli_ini.c - the lines of certbot's cli.ini, read as certbot reads them. */
/* objects: common/cli_ini common/text common/err */
/* libs: */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "cli_ini.h"

#define ARRAY_N(a) (sizeof(a) / sizeof(*(a)))

/* The last setting that came, and how many. */
struct seen {
	char key[64], value[128];
	unsigned line, n;
};

static struct err *
keep(void *arg, const char *key, const char *value, unsigned line)
{
	struct seen *s = arg;

	(void)snprintf(s->key, sizeof(s->key), "%s", key);
	(void)snprintf(s->value, sizeof(s->value), "%s", value);
	s->line = line;
	s->n++;
	return strcmp(key, "stop") == 0 ? err_new("stopped") : NULL;
}

static const struct {
	const char *line, *key, *value;
} settings[] = {
	{ "key = value", "key", "value" },
	{ "key=value", "key", "value" },
	{ "  key  =  a b c  ", "key", "a b c" },
	{ "key: value", "key", "value" },
	{ "key value", "key", "value" },
	{ "key\tvalue", "key", "value" },
	{ "--key value", "key", "value" },
	{ "--key = value", "key", "value" },
	{ "agree-tos", "agree-tos", "true" },
	{ "--agree-tos", "agree-tos", "true" },
	{ "key =", "key", "" },
	{ "key = \"\"", "key", "" },
	{ "key = \"a b\"", "key", "a b" },
	{ "key = 'a \"b\"'", "key", "a \"b\"" },
	{ "key = \"a\" b", "key", "\"a\" b" },
	{ "key = \"a", "key", "\"a" },
	{ "key = a # c", "key", "a" },
	{ "key = a ; c", "key", "a" },
	{ "key = \"a # b\" # c", "key", "a # b" },
	{ "key = a; b", "key", "a; b" },
	{ "key = a#b", "key", "a#b" },
	{ "key = # a", "key", "# a" },
	{ "key = a, b", "key", "a, b" },
	{ "key = a = b", "key", "a = b" },
	{ "key = 'it''s'", "key", "it''s" },
	{ "key = value\r", "key", "value" },
	{ "deploy-hook = sh -c 'a \"b, c\"'", "deploy-hook",
	    "sh -c 'a \"b, c\"'" },
};

static void
cli_ini_setting_is_read_as_certbot_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_N(settings); i++) {
		struct seen s = { .n = 0 };
		const char *line = settings[i].line;

		assert_null(cli_ini_each("f", line, strlen(line), keep, &s));
		assert_int_equal(s.n, 1);
		assert_int_equal(s.line, 1);
		assert_string_equal(s.key, settings[i].key);
		assert_string_equal(s.value, settings[i].value);
	}
}

static void
cli_ini_comments_and_sections_are_void(void **state)
{
	static const char text[] = "# key = 1\n; key = 2\n\n[section]\n"
				   "---\n------\n  \t\n  # x\n";
	struct seen s = { .n = 0 };

	(void)state;
	assert_null(cli_ini_each("f", text, strlen(text), keep, &s));
	assert_int_equal(s.n, 0);
	assert_null(cli_ini_each("f", "", 0, keep, &s));
	assert_int_equal(s.n, 0);
}

static void
cli_ini_lines_are_counted(void **state)
{
	static const char text[] = "# a\n\nkey = 1\r\n[x]\nother = 2";
	struct seen s = { .n = 0 };

	(void)state;
	assert_null(cli_ini_each("f", text, strlen(text), keep, &s));
	assert_int_equal(s.n, 2);
	assert_int_equal(s.line, 5);
	assert_string_equal(s.key, "other");
}

static const struct {
	const char *text;
	size_t n;
	const char *problem;
} bad[] = {
	{ "= a", 3, "cli.ini:1: no \"key = value\"" },
	{ "a\n: b", 5, "cli.ini:2: no \"key = value\"" },
	{ "a;b", 3, "cli.ini:1: no \"key = value\"" },
	{ "a = \0", 5, "cli.ini:1: bytes that are no text" },
	{ "x\na = \xff\n", 8, "cli.ini:2: bytes that are no text" },
	{ "stop\na = 1\n", 11, "stopped" },
};

static void
cli_ini_bad_line_is_named(void **state)
{
	struct err *e;

	(void)state;
	for (size_t i = 0; i < ARRAY_N(bad); i++) {
		struct seen s = { .n = 0 };

		e = cli_ini_each("cli.ini", bad[i].text, bad[i].n, keep, &s);
		assert_string_equal(err_text(e), bad[i].problem);
		err_free(e);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cli_ini_setting_is_read_as_certbot_does),
		cmocka_unit_test(cli_ini_comments_and_sections_are_void),
		cmocka_unit_test(cli_ini_lines_are_counted),
		cmocka_unit_test(cli_ini_bad_line_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
