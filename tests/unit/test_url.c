/* test_url.c - URLs that are taken apart, and those that are refused. */
/* objects: common/url common/text */
/* libs: */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "url.h"

#define ARRAY_N(a) (sizeof(a) / sizeof(*(a)))
#define H          "https://ca.example"

static const struct {
	const char *text, *host;
	uint16_t port;
	const char *path;
} good[] = {
	{ H, "ca.example", 443, "/" },
	{ H "/", "ca.example", 443, "/" },
	{ H "/directory", "ca.example", 443, "/directory" },
	{ H ":443/a", "ca.example", 443, "/a" },
	{ H ":14000/a/b?c=d&e=/?", "ca.example", 14000, "/a/b?c=d&e=/?" },
	{ H ":1/", "ca.example", 1, "/" },
	{ H ":65535", "ca.example", 65535, "/" },
	{ H "/?", "ca.example", 443, "/?" },
	{ H "/a%20b/%C3%BC", "ca.example", 443, "/a%20b/%C3%BC" },
	{ H "/-._~!$&'()*+,;=:@", "ca.example", 443, "/-._~!$&'()*+,;=:@" },
	{ H "//a//", "ca.example", 443, "//a//" },
	{ H "/a..b/.c/...", "ca.example", 443, "/a..b/.c/..." },
	{ H "/a?x=../..", "ca.example", 443, "/a?x=../.." },
	{ "https://localhost:8443/x", "localhost", 8443, "/x" },
	{ "https://127.0.53.3/x", "127.0.53.3", 443, "/x" },
	{ "https://[::1]:14000/dir", "[::1]", 14000, "/dir" },
	{ "https://[2001:db8::a]/", "[2001:db8::a]", 443, "/" },
};

static const char *const bad[] = {
	"",
	"https://",
	"https:///a",
	"https://:443/a",
	"http://ca.example/",
	"HTTPS://ca.example/",
	"ftp://ca.example/",
	"https:/ca.example/",
	"//ca.example/",
	"ca.example/",
	" " H "/",
	H " /",
	H "/ ",
	H "/a b",
	H "/\n",
	H "/\x7f",
	H "/\xc3\xbc",
	H "/a#b",
	H "#",
	H "/a?b#c",
	H "?a",
	H "\\a",
	H "/a\\b",
	H "/<a>",
	H "/a\"b",
	H "/[",
	H "/a^b",
	H "/{a}",
	H "/a|b",
	H "/`",
	H "/%",
	H "/%2",
	H "/%zz",
	H "/a?%2",
	"https://user@ca.example/",
	"https://user:pw@ca.example/",
	"https://@ca.example/",
	"https://Ca.example/",
	"https://ca.EXAMPLE/",
	"https://ca%2eexample/",
	"https://.ca.example/",
	"https://ca.example./",
	"https://ca..example/",
	"https://b\xc3\xbc"
	"cher.de/",
	H ":/",
	H ":0/",
	H ":0443/",
	H ":65536/",
	H ":99999999999/",
	H ":44a/",
	H ":-1/",
	H ":443:443/",
	"https://[::1/",
	"https://::1/",
	"https://[]/",
	"https://[::1]x/",
	"https://[::g]/",
	"https://[::AB]/",
	"https://[fe80::1%25eth0]/",
	"https://[127.0.0.1]/",
	"https://[::::::::::::::::::::::::::::::::::::::::::::::::]/",
	H "/.",
	H "/..",
	H "/./a",
	H "/../a",
	H "/a/..",
	H "/a/../b",
	H "/a/%2e%2E/b",
	H "/a/.%2e?x",
	H "/%2e",
};

static void
url_parse_good_url_is_taken_apart(void **state)
{
	struct url url;

	(void)state;
	for (size_t i = 0; i < ARRAY_N(good); i++) {
		if (!url_parse(str_of(good[i].text), &url))
			fail_msg("%s: refused", good[i].text);
		assert_true(str_is(url.host, good[i].host));
		assert_int_equal(url.port, good[i].port);
		assert_true(str_is(url.path, good[i].path));
	}
}

static void
url_parse_bad_url_is_refused(void **state)
{
	struct url url;

	(void)state;
	for (size_t i = 0; i < ARRAY_N(bad); i++)
		if (url_parse(str_of(bad[i]), &url))
			fail_msg("%s: passes", bad[i]);
	assert_false(url_parse((struct str){ H "/a\0b", 22 }, &url));
}

static void
url_parse_too_long_is_refused(void **state)
{
	char text[URL_MAX_BYTES + 2];
	struct url url;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, H "/", strlen(H "/"));
	assert_true(url_parse((struct str){ text, URL_MAX_BYTES }, &url));
	assert_false(url_parse((struct str){ text, URL_MAX_BYTES + 1 }, &url));
	memset(text, 'a', sizeof(text));
	memcpy(text, "https://", 8);
	assert_true(url_parse((struct str){ text, 8 + 253 }, &url));
	assert_false(url_parse((struct str){ text, 8 + 254 }, &url));
}

static const struct {
	const char *a, *b;
	bool same;
} origins[] = {
	{ H "/a", H ":443/b?c", true },
	{ H ":14000/a", H ":14000", true },
	{ H "/", H ":444/", false },
	{ H "/", "https://ca.example.com/", false },
	{ H "/", "https://a.example/", false },
	{ "https://[::1]/", "https://[::1]:443/", true },
	{ "https://[::1]/", "https://[::2]/", false },
};

static void
url_same_origin_compares_host_and_port(void **state)
{
	struct url a, b;

	(void)state;
	for (size_t i = 0; i < ARRAY_N(origins); i++) {
		assert_true(url_parse(str_of(origins[i].a), &a));
		assert_true(url_parse(str_of(origins[i].b), &b));
		assert_int_equal(url_same_origin(&a, &b), origins[i].same);
		assert_int_equal(url_same_origin(&b, &a), origins[i].same);
	}
}

static const struct {
	const char *url, *other;
	bool apart;
} neighbours[] = {
	{ H "/authz/1", H "/acct/1", true },
	{ H "/acme/authz/1/2", H "/acme/acct/1", true },
	{ H "/acct-authz/1", H "/acct/1", true },
	{ H "/acc", H "/acct/1", true },
	{ H "/acct/1", H "/acct/1", false },
	{ H "/acct/2", H "/acct/1", false },
	{ H "/acct/1/authz/2", H "/acct/1", false },
	{ H "/acct", H "/acct/1", false },
	{ H "/ACCT/2", H "/acct/1", false },
	{ H "/acct/", H "/acct/1", false },
	{ H "/authz/", H "/acct/1", false },
	{ H "//acct/1", H "/acct/1", false },
	{ H "/authz/1?", H "/acct/1", false },
	{ H "/authz/%31", H "/acct/1", false },
	{ H "/authz/a;b", H "/acct/1", false },
	{ H "/authz/1", H "/1", false },
	{ H "/authz/1", H "/", false },
	{ H, H "/acct/1", false },
};

static void
url_is_apart_from_neighbours_and_spellings(void **state)
{
	struct url a, b;

	(void)state;
	for (size_t i = 0; i < ARRAY_N(neighbours); i++) {
		assert_true(url_parse(str_of(neighbours[i].url), &a));
		assert_true(url_parse(str_of(neighbours[i].other), &b));
		if (url_is_apart(&a, &b) != neighbours[i].apart)
			fail_msg(
			    "%s, %s", neighbours[i].url, neighbours[i].other);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(url_parse_good_url_is_taken_apart),
		cmocka_unit_test(url_parse_bad_url_is_refused),
		cmocka_unit_test(url_parse_too_long_is_refused),
		cmocka_unit_test(url_same_origin_compares_host_and_port),
		cmocka_unit_test(url_is_apart_from_neighbours_and_spellings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
