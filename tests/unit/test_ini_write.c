/* test_ini_write.c - changing and writing certbot's dialect of INI. */
/* objects: $(CONFIG) common/buf common/err common/log common/names common/text common/url */
/* libs: */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "ini.h"

#define ARRAY_N(a) (sizeof(a) / sizeof(*(a)))

static struct ini *
parse(const char *text)
{
	struct ini *ini = NULL;
	struct err *e = ini_parse("f", text, strlen(text), &ini);

	if (e != NULL)
		fail_msg("%s\n%s", text, err_text(e));
	return ini;
}

/* Compares what a document is written as. */
static void
assert_written(const struct ini *ini, const char *text)
{
	struct buf *b = buf_new(1024 * 1024);

	assert_null(ini_write(ini, b));
	assert_string_equal(buf_data(b), text);
	buf_free(b);
}

static const char *const documents[] = {
	"",
	"\n",
	"# only a comment",
	"a=1",
	"\xef\xbb\xbf"
	"a = 1\n",
	"  a  =  'x' ,  \"y\"  # comment  \r\n\r\n\t[ s ]  # c\r\n[[t]]\r\n",
	"a = '''x\r\n\r\n  y'''   # c\n\n\n# end\n  \n",
	"# c\n[s]\n# d\n%(x = 1\nb = %(%(x)s\n",
};

static void
ini_write_unchanged_is_byte_for_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_N(documents); i++) {
		struct ini *ini = parse(documents[i]);

		assert_written(ini, documents[i]);
		ini_free(ini);
	}
}

static const struct {
	const char *value, *written;
} quoted[] = {
	{ "v", "v" },
	{ "", "\"\"" },
	{ "a b", "a b" },
	{ " a", "\" a\"" },
	{ "a ", "\"a \"" },
	{ "\ta", "\"\ta\"" },
	{ "a,b", "\"a,b\"" },
	{ "a#b", "\"a#b\"" },
	{ "#", "\"#\"" },
	{ ",", "\",\"" },
	{ "it's", "it's" },
	{ "'a", "\"'a\"" },
	{ "\"a", "'\"a'" },
	{ "say \"a, b\"", "'say \"a, b\"'" },
	{ "it's, so", "\"it's, so\"" },
	{ "a;b=c$d%e\\f", "a;b=c$d%e\\f" },
	{ "[a]", "[a]" },
	{ "it's \"a\"", "'''it's \"a\"'''" },
	{ "a\nb", "'''a\nb'''" },
	{ "\n", "'''\n'''" },
	{ "a = b\n[c]\n", "'''a = b\n[c]\n'''" },
	{ "'''\"", "\"\"\"'''\"\"\"\"" },
	{ "'\"", "''''\"'''" },
	{ "\"'", "'''\"''''" },
	{ "\xc3\xbc", "\"\xc3\xbc\"" },
	{ "\xc2\xa0"
	  "a",
	    "\"\xc2\xa0"
	    "a\"" }, /* a blank to Python */
	{ "%(a) %s %", "%(a) %s %" },
};

static void
ini_set_value_is_quoted_and_read_back(void **state)
{
	char text[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_N(quoted); i++) {
		struct ini *ini = ini_new();

		assert_null(ini_set(ini, "", "k", quoted[i].value));
		(void)strcpy(text, "k = ");
		(void)strcat(text, quoted[i].written);
		(void)strcat(text, "\n");
		assert_written(ini, text);
		assert_string_equal(ini_get(ini, "", "k"), quoted[i].value);
		ini_free(ini);
		ini = parse(text);
		assert_string_equal(ini_get(ini, "", "k"), quoted[i].value);
		ini_free(ini);
	}
}

static void
ini_set_list_is_written_as_configobj_does(void **state)
{
	const char *const list[] = { "a", "b, c", "", "d'e" };
	struct ini *ini = ini_new();
	const char *const *v;

	(void)state;
	assert_null(ini_set_list(ini, "", "none", list, 0));
	assert_null(ini_set_list(ini, "", "one", list, 1));
	assert_null(ini_set_list(ini, "", "all", list, 4));
	assert_written(
	    ini, "none = ,\none = a,\nall = a, \"b, c\", \"\", d'e\n");
	assert_int_equal(ini_list(ini, "", "all", &v), 4);
	assert_string_equal(v[1], "b, c");
	assert_int_equal(ini_list(ini, "", "none", &v), 0);
	assert_string_equal(ini_get(ini, "", "none"), "");
	assert_int_equal(ini_list(ini, "", "nothing", &v), 0);
	assert_null(v);
	ini_free(ini);
}

static const struct {
	const char *section, *key, *value, *problem;
} refused[] = {
	{ "", "k", "a\rb", "k: a carriage return cannot be written" },
	{ "", "k", "\xff", "k: bytes that are no UTF-8" },
	{ "", "k", "a %(b)s", "k: %(b)s cannot be written: certbot reads" },
	{ "", "k", "'''\n\"\"\"", "k: a value with" },
	{ "", "", "v", "\"\" cannot be a key" },
	{ "", "a=b", "v", "cannot be a key" },
	{ "", "[a]", "v", "cannot be a key" },
	{ "", "a\nb", "v", "cannot be a key" },
	{ "", "a,\"b'", "v", "quotes of both kinds" },
	{ "a]", "k", "v", "cannot be a key or section" },
	{ "s//t", "k", "v", "cannot be a key or section" },
	{ "s\n", "k", "v", "cannot be a key or section" },
	{ "x", "k", "v", "there is a key of this name" },
	{ "", "s", "v", "there is a section of this name" },
	{ "s/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6", "k", "v", "too deep" },
};

static void
ini_set_what_cannot_be_written_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_N(refused); i++) {
		struct ini *ini = parse("x = 1\n[s]\n");
		struct err *e = ini_set(
		    ini, refused[i].section, refused[i].key, refused[i].value);

		if (e == NULL ||
		    strstr(err_text(e), refused[i].problem) == NULL)
			fail_msg("%zu: %s", i, err_text(e));
		err_free(e);
		assert_string_equal(ini_get(ini, "", "x"), "1");
		assert_null(ini_get(ini, refused[i].section, refused[i].key));
		ini_free(ini);
	}
}

static const struct {
	const char *before, *section, *key, *value, *after;
} changes[] = {
	/* the value alone changes */
	{ "a = 1\nb = 2\n", "", "a", "3", "a = 3\nb = 2\n" },
	{ " a=1 # c\n", "", "a", "3", " a=3 # c\n" },
	{ "a = 'x' # c\r\n", "", "a", "y, z", "a = \"y, z\" # c\r\n" },
	{ "a =\n", "", "a", "1", "a = 1\n" },
	{ "a=", "", "a", "1", "a=1" },
	{ "a = x, y # c\n", "", "a", "z", "a = z # c\n" },
	{ "a = '''x\ny''' # c\nb = 1\n", "", "a", "z", "a = z # c\nb = 1\n" },
	{ "a = 'same'   # c\n", "", "a", "same", "a = 'same'   # c\n" },
	{ "a = same,\n", "", "a", "same", "a = same\n" },
	/* a comment that certbot would take for the value */
	{ " a = x # \"y\", z\r\n", "", "a", "p,q",
	    " # \"y\", z\r\n a = \"p,q\"\r\n" },
	{ "a = x # \"y\", z\n", "", "a", "p", "a = p # \"y\", z\n" },
	/* new keys */
	{ "", "", "a", "1", "a = 1\n" },
	{ "# c\n", "", "a", "1", "# c\na = 1\n" },
	{ "# c", "", "a", "1", "# c\na = 1\n" },
	{ "b = 2", "", "a", "1", "b = 2\na = 1\n" },
	{ "b = 2\r\n", "", "a", "1", "b = 2\r\na = 1\r\n" },
	{ "b = 2\n\n# d\n[s]\n", "", "a", "1", "b = 2\na = 1\n\n# d\n[s]\n" },
	{ "# d\n[s]\n", "", "a", "1", "# d\na = 1\n[s]\n" },
	{ "[s]\n  b = 2\n[t]\n", "s", "a", "1",
	    "[s]\n  b = 2\n  a = 1\n[t]\n" },
	{ "[s]\n[[t]]\nb = 2\n", "s", "a", "1", "[s]\na = 1\n[[t]]\nb = 2\n" },
	{ "[s]", "s", "a", "1", "[s]\na = 1\n" },
	{ "", "", "*.b.example", "/srv", "*.b.example = /srv\n" },
	{ "", "", "#a", "1", "\"#a\" = 1\n" },
	/* new sections */
	{ "b = 2\n# end\n", "s", "a", "1", "b = 2\n# end\n[s]\na = 1\n" },
	{ "", "s/t u/v", "a", "1", "[s]\n[[t u]]\n[[[v]]]\na = 1\n" },
	{ "[s]\nb = 2\n# d\n[t]\n", "s/u", "a", "1",
	    "[s]\nb = 2\n[[u]]\na = 1\n# d\n[t]\n" },
	{ "[s]\n[[x]]\nb = 2\n", "s/u", "a", "1",
	    "[s]\n[[x]]\nb = 2\n[[u]]\na = 1\n" },
};

static void
ini_set_changes_only_what_is_meant(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_N(changes); i++) {
		struct ini *ini = parse(changes[i].before);

		assert_null(ini_set(
		    ini, changes[i].section, changes[i].key, changes[i].value));
		assert_written(ini, changes[i].after);
		ini_free(ini);
		ini = parse(changes[i].after);
		assert_string_equal(
		    ini_get(ini, changes[i].section, changes[i].key),
		    changes[i].value);
		ini_free(ini);
	}
}

static void
ini_set_again_and_again_stays_one_line(void **state)
{
	struct ini *ini = parse("a = x # \"y\", z\n");

	(void)state;
	assert_null(ini_set(ini, "", "a", "1,2"));
	assert_null(ini_set(ini, "", "a", ""));
	assert_null(ini_set(ini, "", "a", "line\nline"));
	assert_null(ini_set(ini, "", "a", "3,4"));
	assert_written(ini, "# \"y\", z\na = \"3,4\"\n");
	assert_int_equal(ini_line(ini, "", "a"), 1);
	ini_free(ini);
}

static void
ini_remove_keeps_comments(void **state)
{
	struct ini *ini = parse("# a\na = 1 # x\n# b\nb = 2\n[s]\na = 3\n");

	(void)state;
	ini_remove(ini, "", "a");
	ini_remove(ini, "", "nothing");
	ini_remove(ini, "nothing", "a");
	assert_null(ini_get(ini, "", "a"));
	assert_string_equal(ini_get(ini, "s", "a"), "3");
	assert_written(ini, "# a\n# b\nb = 2\n[s]\na = 3\n");
	ini_remove(ini, "s", "a");
	ini_remove(ini, "", "b");
	assert_written(ini, "# a\n# b\n[s]\n");
	assert_null(ini_set(ini, "s", "a", "4"));
	assert_written(ini, "# a\n# b\n[s]\na = 4\n");
	ini_free(ini);
}

static void
ini_set_too_many_keys_is_refused(void **state)
{
	struct buf *b = buf_new(1024 * 1024);
	struct ini *ini;
	struct err *e;

	(void)state;
	for (int i = 0; i < 8192; i++)
		assert_null(buf_addf(b, "k%d =\n", i));
	ini = parse(buf_data(b));
	e = ini_set(ini, "", "one-more", "1");
	assert_string_equal(
	    err_text(e), "one-more: too many keys and sections");
	err_free(e);
	assert_written(ini, buf_data(b));
	ini_remove(ini, "", "k7");
	assert_null(ini_set(ini, "", "one-more", "1"));
	ini_free(ini);
	buf_free(b);
}

static void
ini_write_respects_the_limit_of_the_buffer(void **state)
{
	struct ini *ini = parse("abc = 1\n");
	struct buf *b = buf_new(5);
	struct err *e = ini_write(ini, b);

	(void)state;
	assert_non_null(e);
	err_free(e);
	buf_free(b);
	ini_free(ini);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ini_write_unchanged_is_byte_for_byte),
		cmocka_unit_test(ini_set_value_is_quoted_and_read_back),
		cmocka_unit_test(ini_set_list_is_written_as_configobj_does),
		cmocka_unit_test(ini_set_what_cannot_be_written_is_refused),
		cmocka_unit_test(ini_set_changes_only_what_is_meant),
		cmocka_unit_test(ini_set_again_and_again_stays_one_line),
		cmocka_unit_test(ini_remove_keeps_comments),
		cmocka_unit_test(ini_set_too_many_keys_is_refused),
		cmocka_unit_test(ini_write_respects_the_limit_of_the_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
