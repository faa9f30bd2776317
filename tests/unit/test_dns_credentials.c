/* test_dns_credentials.c - certbot's credentials file, as certd-dns reads it. */
/* objects: certd/dns/credentials $(CONFIG) common/buf common/err common/log common/names common/text common/url */
/* libs: */
#define _GNU_SOURCE /* memfd_create */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "publisher.h"

#define TOKEN "dns_cloudflare_api_token"
#define EMAIL "dns_cloudflare_email"
#define KEY   "dns_cloudflare_api_key"

static struct err *
parse(const char *text, struct credentials *c)
{
	return credentials_parse(text, strlen(text), c);
}

static void
parse_token_becomes_a_bearer_header(void **state)
{
	static const char *const texts[] = {
		TOKEN " = abc_DEF-123\n",
		"# Cloudflare\n" TOKEN "=abc_DEF-123",
		TOKEN " =   abc_DEF-123  \r\n",
		TOKEN " = \"abc_DEF-123\"\n",
		TOKEN " = \" abc_DEF-123\t\"\n",
		TOKEN " = abc_DEF-123\n" EMAIL " =\n",
	};
	struct credentials c;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_null(parse(texts[i], &c));
		assert_int_equal(c.n_headers, 1);
		assert_string_equal(c.headers[0].name, "Authorization");
		assert_string_equal(c.headers[0].value, "Bearer abc_DEF-123");
		credentials_clear(&c);
		assert_int_equal(c.n_headers, 0);
	}
}

static void
parse_email_and_key_become_two_headers(void **state)
{
	struct credentials c;

	(void)state;
	assert_null(parse(EMAIL " = a@example.com\n" KEY " = 0123abc\n", &c));
	assert_int_equal(c.n_headers, 2);
	assert_string_equal(c.headers[0].name, "X-Auth-Email");
	assert_string_equal(c.headers[0].value, "a@example.com");
	assert_string_equal(c.headers[1].name, "X-Auth-Key");
	assert_string_equal(c.headers[1].value, "0123abc");
	credentials_clear(&c);
}

/* Each message says what is wrong, and none shows a secret. */
static void
parse_unusable_file_is_explained(void **state)
{
	static const struct {
		const char *text, *part;
	} rows[] = {
		{ "", "no " TOKEN },
		{ "dns_digitalocean_token = SECRET", "no " TOKEN },
		{ TOKEN " =\n", "no " TOKEN },
		{ TOKEN " = SECRET\n" EMAIL " = a@example.com\n",
		    "nothing else" },
		{ TOKEN " = SECRET\n" KEY " = SECRET\n", "nothing else" },
		{ EMAIL " = a@example.com\n", "no " KEY },
		{ KEY " = SECRET\n", "no " EMAIL },
		{ TOKEN " = SECRET SECRET\n", "character 7" },
		{ TOKEN " = 'SECRET\x01'\n", "" },
		{ TOKEN " = SECR\xc3\xa9T\n", "character 5" },
		{ TOKEN " = '''SECRET\nX-Evil: SECRET'''\n", "character 7" },
		{ EMAIL " = a@example.com\n" KEY " = \"SECRET\tSECRET\"\n",
		    "character 7" },
		{ "[[[", "" },
		{ "\xff\xfe SECRET", "" },
	};
	struct credentials c;
	struct err *e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		e = parse(rows[i].text, &c);
		assert_non_null(e);
		assert_non_null(strstr(err_text(e), rows[i].part));
		assert_null(strstr(err_text(e), "SECRET"));
		assert_null(strstr(err_advice(e), "SECRET"));
		assert_int_equal(c.n_headers, 0);
		err_free(e);
	}
}

static void
parse_value_without_end_is_refused(void **state)
{
	static char text[4096];
	struct credentials c;
	struct err *e;

	(void)state;
	(void)strcpy(text, TOKEN " = ");
	memset(text + strlen(text), 'x', 3000);
	e = parse(text, &c);
	assert_non_null(e);
	assert_non_null(strstr(err_text(e), "longer than"));
	err_free(e);
}

static void
read_file_that_others_can_read_is_refused(void **state)
{
	static const struct {
		mode_t mode;
		bool good;
	} rows[] = { { 0600, true }, { 0400, true }, { 0640, true },
		{ 0604, false }, { 0644, false }, { 0602, false },
		{ 0601, false } };
	static const char text[] = TOKEN " = abc\n";
	struct credentials c;
	struct err *e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int fd = memfd_create("credentials", 0);

		assert_int_equal(write(fd, text, strlen(text)), strlen(text));
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		assert_int_equal(fchmod(fd, rows[i].mode), 0);
		e = credentials_read(fd, &c);
		assert_int_equal(e == NULL, rows[i].good);
		err_free(e);
		credentials_clear(&c);
		(void)close(fd);
	}
}

static void
read_what_is_no_file_is_refused(void **state)
{
	struct credentials c;
	struct err *e;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	e = credentials_read(fds[0], &c);
	assert_non_null(e);
	assert_non_null(strstr(err_text(e), "regular file"));
	err_free(e);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_token_becomes_a_bearer_header),
		cmocka_unit_test(parse_email_and_key_become_two_headers),
		cmocka_unit_test(parse_unusable_file_is_explained),
		cmocka_unit_test(parse_value_without_end_is_refused),
		cmocka_unit_test(read_file_that_others_can_read_is_refused),
		cmocka_unit_test(read_what_is_no_file_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
