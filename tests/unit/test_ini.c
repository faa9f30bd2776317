/* test_ini.c - reading certbot's dialect of INI. */
/* objects: $(CONFIG) common/buf common/err common/log common/names common/text common/url */
/* libs: */
#define _GNU_SOURCE /* memfd_create */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "buf.h"
#include "ini.h"

#define ARRAY_N(a) (sizeof(a) / sizeof(*(a)))

/* As certbot 2.1.0 writes it, and as people change it. */
static const char renewal[] =
    "# renew_before_expiry = 30 days\n"
    "version = 2.1.0\n"
    "archive_dir = /etc/letsencrypt/archive/a.example\n"
    "fullchain = /etc/letsencrypt/live/a.example/fullchain.pem\n"
    "\n"
    "# Options used in the renewal process\n"
    "[renewalparams]\n"
    "account = 746afecad540ab8101a80cae3c1f692d\n"
    "pref_challs = dns-01,\n"
    "pre_hook = \"echo 'a, b' # c\" # quoted by hand\n"
    "renew_hook = '''say \"it's\"'''\n"
    "server = https://acme-v02.api.letsencrypt.org/directory\n"
    "[[webroot_map]]\n"
    "  a.example = /srv/a\n"
    "  *.b.example=\n"
    "[acme_renewal_info]\n"
    "ari_retry_after = 2026-11-24T02:53:37\n"
    "# the end\n";

static struct ini *
parse(const char *text)
{
	struct ini *ini = NULL;
	struct err *e = ini_parse("f.conf", text, strlen(text), &ini);

	if (e != NULL)
		fail_msg("%s\n%s", text, err_text(e));
	return ini;
}

static void
ini_get_certbot_file_is_understood(void **state)
{
	struct ini *ini = parse(renewal);

	(void)state;
	assert_string_equal(ini_get(ini, "", "version"), "2.1.0");
	assert_string_equal(
	    ini_get(ini, "renewalparams", "pre_hook"), "echo 'a, b' # c");
	assert_string_equal(
	    ini_get(ini, "renewalparams", "renew_hook"), "say \"it's\"");
	assert_string_equal(
	    ini_get(ini, "renewalparams", "pref_challs"), "dns-01");
	assert_string_equal(
	    ini_get(ini, "renewalparams/webroot_map", "a.example"), "/srv/a");
	assert_string_equal(
	    ini_get(ini, "renewalparams/webroot_map", "*.b.example"), "");
	assert_string_equal(
	    ini_get(ini, "acme_renewal_info", "ari_retry_after"),
	    "2026-11-24T02:53:37");
	assert_null(ini_get(ini, "", "account"));
	assert_null(ini_get(ini, "renewalparams", "version"));
	assert_null(ini_get(ini, "webroot_map", "a.example"));
	assert_null(ini_get(ini, "nothing", "a"));
	assert_null(ini_get(ini, "", "renew_before_expiry"));
	assert_int_equal(ini_line(ini, "", "version"), 2);
	assert_int_equal(ini_line(ini, "renewalparams", "account"), 8);
	assert_int_equal(ini_line(ini, "renewalparams", "nothing"), 0);
	ini_free(ini);
}

/* The elements of key "k", each in <>. */
static const char *
elements(const struct ini *ini, char out[256])
{
	const char *const *v;
	size_t n = ini_list(ini, "", "k", &v), i, at = 0;

	*out = '\0';
	for (i = 0; i < n; i++)
		at += (size_t)snprintf(out + at, 256 - at, "<%s>", v[i]);
	return out;
}

static const struct {
	const char *text, *elements; /* each in <> */
} values[] = {
	{ "k = v", "<v>" },
	{ "k=v", "<v>" },
	{ "  k\t=\tv  ", "<v>" },
	{ "\"k\" = v", "<v>" },
	{ "'k' = v", "<v>" },
	{ "k =", "<>" },
	{ "k = # comment", "<>" },
	{ "k = \"\"", "<>" },
	{ "k = a b", "<a b>" },
	{ "k = a = b", "<a = b>" },
	{ "k = a # comment, \"b\"", "<a>" },
	{ "k = a#comment", "<a>" },
	{ "k = it's", "<it's>" },
	{ "k = a \"b\" c", "<a \"b\" c>" },
	{ "k = \" a \"", "< a >" },
	{ "k = 'a, b # c' # comment", "<a, b # c>" },
	{ "k = \"it's\"", "<it's>" },
	{ "k = \"a\"b\"", "<a\"b>" },
	{ "k = a;b $c \\d 100%", "<a;b $c \\d 100%>" },
	{ "k = [x]", "<[x]>" },
	{ "k = v\r\n", "<v>" },
	{ "\xef\xbb\xbfk = v\n", "<v>" },
	{ "k = b\xc3\xbc"
	  "cher",
	    "<b\xc3\xbc"
	    "cher>" },
	/* lists */
	{ "k = ,", "" },
	{ "k = , # comment", "" },
	{ "k = a,", "<a>" },
	{ "k = a, # comment", "<a>" },
	{ "k = a, b", "<a><b>" },
	{ "k = a ,b,c", "<a><b><c>" },
	{ "k = 'a, b', \"c\"", "<a, b><c>" },
	{ "k = \"\", a", "<><a>" },
	{ "k = a, b, # c, d", "<a><b>" },
	/* three quotes */
	{ "k = '''a'''", "<a>" },
	{ "k = \"\"\"a\"\"\" # comment", "<a>" },
	{ "k = ''''''", "<>" },
	{ "k = '''a's \"b\"'''", "<a's \"b\">" },
	{ "k = '''it's''''", "<it's'>" },
	{ "k = '''a\nb'''\n", "<a\nb>" },
	{ "k = '''\n# no comment\n[x]\n''' # comment\n",
	    "<\n# no comment\n[x]\n>" },
	{ "k = \"\"\"a\r\n'''\r\n\"\"\"\r\n", "<a\n'''\n>" },
	/* %(name)s */
	{ "k = %(a)s/x\na = /etc", "</etc/x>" },
	{ "k = %(a)s%(a)s\na = '%(b)s,'\nb = 1", "<1,1,>" },
	{ "k = %(a)s\n[DEFAULT]\na = 7", "<7>" },
	{ "k = x, %(a)s\na = 1", "<x><1>" },
	{ "k = %(a)\na = 1", "<%(a)>" },
	{ "k = %(a)d %%(b) %", "<%(a)d %%(b) %>" },
};

static void
ini_list_value_is_read_as_configobj_does(void **state)
{
	char out[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_N(values); i++) {
		struct ini *ini = parse(values[i].text);

		if (strcmp(elements(ini, out), values[i].elements) != 0)
			fail_msg("%s: %s", values[i].text, out);
		ini_free(ini);
	}
}

static const struct {
	const char *text, *problem; /* a part of what is said */
} bad[] = {
	{ "a", "f.conf:1: neither" },
	{ "a = 1\n\nb\n", "f.conf:3: neither" },
	{ "= 1", "f.conf:1: neither" },
	{ "\"a = 1", "f.conf:1: neither" },
	{ "a = 1\na = 2", "f.conf:2: a name that was there before" },
	{ "a = 1\n[a]", "f.conf:2: a name that was there before" },
	{ "[a]\n[a]", "f.conf:2: a name that was there before" },
	{ "[a]\n[[b]]\n[a]", "f.conf:3: a name that was there before" },
	{ "[a]\n[[b]]\n[[b]]", "f.conf:3: a name that was there before" },
	{ "[a]\n[[b]]\n[c]\n[[[d]]]", "f.conf:4: a section in a section" },
	{ "[[a]]", "f.conf:1: a section in a section that is missing" },
	{ "[a/b]\n[a]\n[[b]]", "f.conf:3: another section has this name" },
	{ "[[a]", "f.conf:1: brackets that do not pair" },
	{ "[a]]", "f.conf:1: brackets that do not pair" },
	{ "[]", "f.conf:1: neither" },
	{ "[a", "f.conf:1: neither" },
	{ "[a] b", "f.conf:1: neither" },
	{ "[' ']", "f.conf:1: neither" },
	{ "a = 'b", "f.conf:1: a closing quote is missing" },
	{ "a = \"b\" c", "f.conf:1: a closing quote is missing" },
	{ "a = b, 'c", "f.conf:1: a closing quote is missing" },
	{ "a = b,, c", "f.conf:1: an element of the list is missing" },
	{ "a = , b", "f.conf:1: an element of the list is missing" },
	{ "a = \"x\" # \"y\", z", "f.conf:1: the comment holds a quote" },
	{ "a = '''b", "f.conf:1: the three closing quotes are missing" },
	{ "x = 1\na = '''b\nc\n", "f.conf:2: the three closing quotes" },
	{ "a = '''b''' c", "f.conf:1: text behind closing quotes" },
	{ "a = '''b\n''' c\n'''", "f.conf:1: text behind closing quotes" },
	{ "x = 1\na = %(b)s", "f.conf:2: a: %(b)s stands for" },
	{ "a = %(b)s\nb = 1, 2", "f.conf:1: a: %(b)s stands for" },
	{ "a = %(a)s", "f.conf:1: a: %(a)s refers to itself" },
	{ "a = %(b)s\nb = %(a)s", "refers to itself" },
	{ "a = %(b)s\n[s]\nb = 1", "f.conf:1: a: %(b)s stands for" },
	{ "a = \xff", "f.conf:1: bytes that are no UTF-8" },
	{ "# \xff\n", "f.conf:1: bytes that are no UTF-8" },
	{ "a = 1\nb = \xc3", "f.conf:2: bytes that are no UTF-8" },
};

static void
ini_parse_bad_text_is_named_with_its_line(void **state)
{
	struct ini *ini;
	struct err *e;

	(void)state;
	for (size_t i = 0; i < ARRAY_N(bad); i++) {
		ini = (struct ini *)&ini;
		e = ini_parse("f.conf", bad[i].text, strlen(bad[i].text), &ini);
		assert_null(ini);
		if (e == NULL || strstr(err_text(e), bad[i].problem) == NULL)
			fail_msg("%s: %s", bad[i].text, err_text(e));
		err_free(e);
	}
	e = ini_parse("f.conf", "a\0b = 1", 7, &ini);
	assert_string_equal(err_text(e), "f.conf:1: a NUL byte");
	err_free(e);
}

static void
ini_parse_every_prefix_is_safe(void **state)
{
	char *text;
	struct ini *ini;

	(void)state;
	for (size_t n = 0; n < sizeof(renewal); n++) {
		/* In memory of just that size, so that a byte too far is seen */
		text = malloc(n + 1);
		assert_non_null(text);
		memcpy(text, renewal, n);
		err_free(ini_parse("f", text, n, &ini));
		free(text);
		ini_free(ini);
	}
}

/* A document with sections nested n deep. */
static struct err *
parse_nested(int n, struct ini **out)
{
	char text[1024] = "";

	for (int depth = 1; depth <= n; depth++) {
		for (int i = 0; i < depth; i++)
			(void)strcat(text, "[");
		(void)strcat(text, "s");
		for (int i = 0; i < depth; i++)
			(void)strcat(text, "]");
		(void)strcat(text, "\n");
	}
	return ini_parse("f", text, strlen(text), out);
}

static void
ini_parse_has_limits(void **state)
{
	static char big[1024 * 1024 + 2];
	struct buf *many = buf_new(1024 * 1024);
	struct ini *ini;
	struct err *e;

	(void)state;
	assert_null(parse_nested(16, &ini));
	ini_free(ini);
	e = parse_nested(17, &ini);
	assert_string_equal(err_text(e), "f:17: sections nested too deep");
	err_free(e);
	memset(big, '#', sizeof(big) - 1);
	assert_null(ini_parse("f", big, 1024 * 1024, &ini));
	ini_free(ini);
	e = ini_parse("f", big, 1024 * 1024 + 1, &ini);
	assert_string_equal(err_text(e), "f: more than 1048576 bytes");
	err_free(e);
	for (int i = 0; i < 8193; i++)
		assert_null(buf_addf(many, "k%d =\n", i));
	e = ini_parse("f", buf_data(many), buf_len(many), &ini);
	assert_string_equal(err_text(e), "f:8193: too many keys and sections");
	err_free(e);
	buf_free(many);
}

static void
ini_parse_references_like_a_tree_are_refused(void **state)
{
	char text[512] = "";
	struct ini *ini;
	struct err *e;

	(void)state;
	for (int i = 9; i > 0; i--)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
		    "a%d = %%(a%d)s%%(a%d)s%%(a%d)s\n", i, i - 1, i - 1, i - 1);
	(void)strcat(text, "a0 =\n");
	e = ini_parse("f", text, strlen(text), &ini);
	assert_non_null(strstr(err_text(e), "to too much"));
	err_free(e);
}

static void
ini_read_takes_a_descriptor(void **state)
{
	int fd = memfd_create("ini", MFD_CLOEXEC);
	struct ini *ini;
	struct err *e;

	(void)state;
	assert_int_equal(write(fd, "x\na = 1\n", 8), 8);
	assert_int_equal(lseek(fd, 2, SEEK_SET), 2);
	assert_null(ini_read("f", fd, &ini));
	assert_string_equal(ini_get(ini, "", "a"), "1");
	ini_free(ini);
	assert_int_equal(ftruncate(fd, 1024 * 1024 + 1), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	e = ini_read("f", fd, &ini);
	assert_string_equal(err_text(e), "f: more than 1048576 bytes");
	err_free(e);
	assert_null(ini);
	close(fd);
	e = ini_read("f", -1, &ini);
	assert_string_equal(err_text(e), "f: read: Bad file descriptor");
	err_free(e);
}

static bool
list_keys(void *arg, const char *section, const char *key, unsigned line)
{
	char *out = arg;

	(void)sprintf(out + strlen(out), "%s|%s|%u\n", section, key, line);
	return strcmp(key, "account") != 0;
}

static void
ini_each_goes_in_order_and_stops(void **state)
{
	struct ini *ini = parse(renewal);
	char out[1024] = "";

	(void)state;
	ini_each(ini, list_keys, out);
	assert_string_equal(out, "|version|2\n|archive_dir|3\n"
				 "|fullchain|4\nrenewalparams|account|8\n");
	ini_free(ini);
	*out = '\0';
	ini = parse("a = '''x\n\n'''\nb = 1\n[s]\n[[t u]]\nc = 2\n");
	ini_each(ini, list_keys, out);
	assert_string_equal(out, "|a|1\n|b|4\ns/t u|c|7\n");
	ini_free(ini);
}

static void
ini_free_of_nothing_is_fine(void **state)
{
	struct ini *ini = ini_new();

	(void)state;
	assert_null(ini_get(ini, "", "a"));
	ini_free(ini);
	ini_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ini_get_certbot_file_is_understood),
		cmocka_unit_test(ini_list_value_is_read_as_configobj_does),
		cmocka_unit_test(ini_parse_bad_text_is_named_with_its_line),
		cmocka_unit_test(ini_parse_every_prefix_is_safe),
		cmocka_unit_test(ini_parse_has_limits),
		cmocka_unit_test(ini_parse_references_like_a_tree_are_refused),
		cmocka_unit_test(ini_read_takes_a_descriptor),
		cmocka_unit_test(ini_each_goes_in_order_and_stops),
		cmocka_unit_test(ini_free_of_nothing_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
