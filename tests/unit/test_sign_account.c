/* test_sign_account.c - regr.json and meta.json, by certbot of every age. */
/* objects: common/buf common/err common/log common/text common/url certd/sign/account certd/sign/algorithms certd/sign/crypto certd/sign/file certd/sign/jose certd/sign/jwk certd/sign/key certd/sign/pem */
/* libs: jansson libcrypto */
#define _GNU_SOURCE /* mkstemp */
#include "sign_test.h"

#include <stdlib.h>
#include <unistd.h>

static const struct {
	const char *text, *url;
} good[] = {
	{ "{\"body\": {}, \"uri\": \"https://ca.example/acct/1\"}",
	    "https://ca.example/acct/1" },
	{ "{\"uri\": \"https://ca.example:14000/my-account/1\"}",
	    "https://ca.example:14000/my-account/1" },
	/* certbot before 0.20, ACME v1 */
	{ "{\"body\": {\"agreement\": \"https://le.example/LE-SA.pdf\", "
	  "\"contact\": [\"mailto:a@example.com\"], \"key\": {\"e\": \"AQAB\", "
	  "\"kty\": \"RSA\", \"n\": \"0vx7\"}}, \"new_authzr_uri\": "
	  "\"https://le.example/acme/new-authz\", \"terms_of_service\": "
	  "\"https://le.example/LE-SA.pdf\", \"uri\": "
	  "\"https://le.example/acme/reg/1\"}",
	    "https://le.example/acme/reg/1" },
	{ "{\"body\": null, \"uri\": \"https:\\/\\/ca.example\\/a\"}\n\n",
	    "https://ca.example/a" },
};

static void
regr_read_every_age_gives_the_url(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char *url = NULL;

		assert_ok(regr_read(good[i].text, strlen(good[i].text), &url));
		assert_string_equal(url, good[i].url);
		free(url);
	}
}

static void
regr_read_bad_files_are_refused(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "{}",
		"{\"uri\": null}", "{\"uri\": 7}", "{\"uri\": \"\"}",
		"{\"uri\": \"http://ca.example/a\"}",
		"{\"uri\": \"/etc/passwd\"}",
		"{\"uri\": \"https://u:p@ca.example/a\"}",
		"{\"uri\": \"https://ca.example/a\\nb\"}",
		"{\"uri\": \"https://a/1\", \"uri\": \"https://a/2\"}",
		"{\"uri\": \"https://ca.example/a\"} x" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *url = NULL;

		assert_fails(regr_read(bad[i], strlen(bad[i]), &url), "");
		assert_null(url);
	}
}

static void
assert_file(json_t *json, const char *text)
{
	char path[] = "/tmp/sign_account.XXXXXX";
	int fd = mkstemp(path);
	struct buf *b = buf_new(4096);

	unlink(path);
	assert_ok(file_write_json(fd, json));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_ok(file_read(fd, 4096, b));
	assert_string_equal(buf_data(b), text);
	json_decref(json);
	buf_free(b);
	close(fd);
}

static void
files_are_those_of_certbot(void **state)
{
	(void)state;
	assert_file(regr_json(str_of("https://ca.example/acct/1")),
	    "{\"body\": {}, \"uri\": \"https://ca.example/acct/1\"}");
	assert_file(meta_json(1800000000, str_of("host.example")),
	    "{\"creation_dt\": \"2027-01-15T08:00:00Z\", "
	    "\"creation_host\": \"host.example\"}");
}

static void
files_texts_stay_texts(void **state)
{
	(void)state;
	assert_file(meta_json(0, str_of("a\", \"b\": \"c")),
	    "{\"creation_dt\": \"1970-01-01T00:00:00Z\", "
	    "\"creation_host\": \"a\\\", \\\"b\\\": \\\"c\"}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regr_read_every_age_gives_the_url),
		cmocka_unit_test(regr_read_bad_files_are_refused),
		cmocka_unit_test(files_are_those_of_certbot),
		cmocka_unit_test(files_texts_stay_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
