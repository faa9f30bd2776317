/* test_cf_reply.c - answers of Cloudflare's API, good and strange. */
/* objects: certd/dns/cf_reply certd/dns/cf_advice common/err common/text */
/* libs: jansson */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cf_reply.h"

#define NAME  "_acme-challenge.example.com"
#define VALUE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define ID    "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"
#define GOOD(r)                                                                \
	"{\"success\":true,\"errors\":[],\"messages\":[],\"result\":" r "}"
#define BAD(e) "{\"success\":false,\"errors\":[" e "],\"result\":null}"
#define ZONE(id, name, status)                                                 \
	"{\"id\":\"" id "\",\"name\":\"" name "\",\"status\":\"" status "\","  \
	"\"name_servers\":[\"ada.ns.cloudflare.com\",\"bob.ns.cloudflare."     \
	"com\"]}"
#define RECORD(id, type, name, content)                                        \
	"{\"id\":\"" id "\",\"type\":\"" type "\",\"name\":\"" name "\","      \
	"\"content\":\"" content "\"}"

static struct err *
take(long status, const char *body, struct cf_reply *r)
{
	return cf_reply_read(status, body, strlen(body), r);
}

static void
read_envelope_gives_result_and_pages(void **state)
{
	struct cf_reply r;

	(void)state;
	assert_null(take(200, GOOD("[1]"), &r));
	assert_true(r.ok);
	assert_true(json_is_array(r.result));
	assert_int_equal(r.n_pages, 1);
	cf_reply_clear(&r);
	assert_null(take(200,
	    "{\"success\":true,\"result\":[],\"result_info\":"
	    "{\"page\":2,\"total_pages\":7}}",
	    &r));
	assert_int_equal(r.page, 2);
	assert_int_equal(r.n_pages, 7);
	cf_reply_clear(&r);
	assert_null(take(200,
	    "{\"success\":true,\"result\":[],\"result_info\":"
	    "{\"total_pages\":-3}}",
	    &r));
	assert_int_equal(r.n_pages, 1);
	cf_reply_clear(&r);
}

/* HTTP and "success" can disagree: both must be well. */
static void
read_success_needs_both(void **state)
{
	struct cf_reply r;

	(void)state;
	assert_null(take(200, BAD("{\"code\":1004,\"message\":\"no\"}"), &r));
	assert_false(r.ok);
	cf_reply_clear(&r);
	assert_null(take(403, GOOD("{}"), &r));
	assert_false(r.ok);
	cf_reply_clear(&r);
}

static void
read_strange_body_is_one_line_with_status(void **state)
{
	static const struct {
		long status;
		const char *body, *part;
	} rows[] = {
		{ 502, "<!DOCTYPE html><html>\n<body>Bad gateway", "HTML" },
		{ 520, "\n <HTML><head>", "HTML" },
		{ 500, "", "without a body" },
		{ 200, "{\"success\":true,\"resu", "body is not" },
		{ 200, "error code: 1015", "error code: 1015" },
		{ 200, "[]", "\"success\" is missing" },
		{ 200, "{}", "\"success\" is missing" },
		{ 200, "{\"success\":\"true\"}", "\"success\" is missing" },
		{ 200, "{\"success\":null}", "\"success\" is missing" },
		{ 200, "42", "body is not" },
		{ 200, "\x1b[31mred", "\\x1B" },
		{ 200, "{\"success\":true}{", "body is not" },
		{ 200, "\xff\xfe\x00\x01", "body is not" },
	};
	struct cf_reply r;
	struct err *e;
	char status[8];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		e = take(rows[i].status, rows[i].body, &r);
		assert_non_null(e);
		(void)snprintf(status, sizeof(status), "%ld", rows[i].status);
		assert_non_null(strstr(err_text(e), status));
		assert_non_null(strstr(err_text(e), rows[i].part));
		assert_null(strpbrk(err_text(e), "\n\x1b"));
		err_free(e);
		cf_reply_clear(&r);
	}
}

static void
read_huge_or_deep_body_is_refused(void **state)
{
	size_t n = CF_BODY_MAX_BYTES + 1;
	char *body = malloc(n);
	struct cf_reply r;
	struct err *e;

	(void)state;
	memset(body, '[', n);
	e = cf_reply_read(200, body, n, &r);
	assert_non_null(e);
	err_free(e);
	e = cf_reply_read(200, body, n - 1, &r);
	assert_non_null(e);
	err_free(e);
	free(body);
}

/* Every prefix of a good answer is an error, never a crash. */
static void
read_truncated_body_is_refused(void **state)
{
	static const char body[] =
	    GOOD("[" ZONE(ID, "example.com", "active") "]");
	struct cf_reply r;

	(void)state;
	for (size_t n = 0; n < strlen(body); n++) {
		char *part = strndup(body, n);
		struct err *e = cf_reply_read(200, part, n, &r);

		assert_non_null(e);
		err_free(e);
		cf_reply_clear(&r);
		free(part);
	}
}

static void
error_codes_have_advice(void **state)
{
	static const struct {
		long status;
		const char *body, *text, *advice;
	} rows[] = {
		{ 400,
		    BAD("{\"code\":6003,\"message\":\"Invalid request "
			"headers\","
			"\"error_chain\":[{\"code\":6111,\"message\":"
			"\"Invalid format\"}]}"),
		    "6111", "copy it again" },
		{ 403,
		    BAD("{\"code\":9109,\"message\":\"Invalid access token\"}"),
		    "9109 Invalid access token", "revoked" },
		{ 403, BAD("{\"code\":9103,\"message\":\"Unknown\"}"), "9103",
		    "Global API Key" },
		{ 403,
		    BAD("{\"code\":10000,\"message\":\"Authentication "
			"error\"}"),
		    "10000", "Zone:DNS:Edit" },
		{ 400, BAD("{\"code\":1009,\"message\":\"x\"}"), "1009",
		    "Zone:DNS:Edit" },
		{ 404,
		    BAD("{\"code\":7003,\"message\":\"no route\"},"
			"{\"code\":7000,\"message\":\"none\"}"),
		    "7003", "zone" },
		{ 400, BAD("{\"code\":81053,\"message\":\"x\"}"), "81053",
		    "CNAME" },
		{ 400, BAD("{\"code\":81045,\"message\":\"x\"}"), "81045",
		    "full" },
		{ 400, BAD("{\"code\":1038,\"message\":\"x\"}"), "1038",
		    ".tk" },
		{ 400, BAD("{\"code\":\"10000\",\"message\":\"as text\"}"),
		    "as text", "Zone:DNS:Edit" },
		{ 403, BAD(""), "403", "permission" },
		{ 400, BAD("{\"code\":424242,\"message\":\"new\"}"),
		    "424242 new", "" },
		{ 400, BAD("17,null,[],{\"message\":5}"), "0 ", "" },
		{ 400, "{\"success\":false,\"errors\":{}}", "400", "" },
	};
	struct cf_reply r;
	struct err *e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_null(take(rows[i].status, rows[i].body, &r));
		assert_false(r.ok);
		e = cf_reply_error(&r);
		assert_non_null(strstr(err_text(e), rows[i].text));
		assert_non_null(strstr(err_advice(e), rows[i].advice));
		err_free(e);
		cf_reply_clear(&r);
	}
}

static void
error_list_is_bounded_and_escaped(void **state)
{
	static char body[8192] = "{\"success\":false,\"errors\":[";
	struct cf_reply r;
	struct err *e;

	(void)state;
	for (int i = 0; i < 50; i++)
		(void)strcat(
		    body, "{\"code\":1,\"message\":\"a\\nb\\u001b[31m\"},");
	(void)strcat(body, "{\"code\":2}]}");
	assert_null(take(400, body, &r));
	assert_int_equal(r.n_problems, CF_PROBLEMS_MAX);
	e = cf_reply_error(&r);
	assert_null(strpbrk(err_text(e), "\n\x1b"));
	err_free(e);
	cf_reply_clear(&r);
}

static void
zone_is_found_by_its_exact_name(void **state)
{
	struct cf_reply r;
	struct cf_zone z;
	bool found;

	(void)state;
	assert_null(take(200,
	    GOOD("[" ZONE(OTHER, "an.example.com", "active") "," ZONE(
		ID, "example.com", "active") "]"),
	    &r));
	assert_null(cf_zone_read(&r, "example.com", &z, &found));
	assert_true(found);
	assert_string_equal(z.id, ID);
	assert_string_equal(z.status, "active");
	assert_int_equal(z.n_servers, 2);
	assert_string_equal(z.servers[1], "bob.ns.cloudflare.com");
	assert_null(cf_zone_read(&r, "ample.com", &z, &found));
	assert_false(found);
	cf_reply_clear(&r);
	assert_null(take(200, GOOD("[]"), &r));
	assert_null(cf_zone_read(&r, "example.com", &z, &found));
	assert_false(found);
	cf_reply_clear(&r);
}

static void
zone_that_is_active_wins(void **state)
{
	struct cf_reply r;
	struct cf_zone z;
	struct err *e;
	bool found;

	(void)state;
	assert_null(take(200,
	    GOOD("[" ZONE(OTHER, "example.com", "moved") "," ZONE(ID,
		"example.com",
		"active") "," ZONE(OTHER, "example.com", "pending") "]"),
	    &r));
	assert_null(cf_zone_read(&r, "example.com", &z, &found));
	assert_string_equal(z.id, ID);
	cf_reply_clear(&r);
	assert_null(take(200,
	    GOOD("[" ZONE(OTHER, "example.com", "active") "," ZONE(
		ID, "example.com", "active") "]"),
	    &r));
	e = cf_zone_read(&r, "example.com", &z, &found);
	assert_non_null(e);
	assert_non_null(strstr(err_text(e), "2 zones"));
	err_free(e);
	cf_reply_clear(&r);
}

static void
zone_of_wrong_types_is_refused_or_skipped(void **state)
{
	static const struct {
		const char *body;
		bool is_error;
	} rows[] = {
		{ GOOD("null"), true },
		{ GOOD("{}"), true },
		{ GOOD("\"x\""), true },
		{ GOOD("[1,null,\"x\",[],{}]"), false },
		{ GOOD("[{\"name\":5}]"), false },
		{ GOOD("[{\"name\":\"example.com\"}]"), true },
		{ GOOD("[{\"name\":\"example.com\",\"id\":7}]"), true },
		{ GOOD("[" ZONE("../../user", "example.com", "active") "]"),
		    true },
		{ GOOD("[" ZONE("ABCDEF", "example.com", "active") "]"), true },
		{ GOOD("[" ZONE(ID ID "0", "example.com", "active") "]"),
		    true },
	};
	struct cf_reply r;
	struct cf_zone z;
	struct err *e;
	bool found;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_null(take(200, rows[i].body, &r));
		e = cf_zone_read(&r, "example.com", &z, &found);
		assert_int_equal(e != NULL, rows[i].is_error);
		assert_false(found);
		err_free(e);
		cf_reply_clear(&r);
	}
}

static void
zone_servers_that_are_no_names_are_skipped(void **state)
{
	static const char body[] =
	    GOOD("[{\"id\":\"" ID "\",\"name\":"
		 "\"example.com\",\"name_servers\":[\"ns1.example.net\",7,\"\","
		 "\"two words\",\"UPPER.example\",\"a\\nb\"]}]");
	struct cf_reply r;
	struct cf_zone z;
	bool found;

	(void)state;
	assert_null(take(200, body, &r));
	assert_null(cf_zone_read(&r, "example.com", &z, &found));
	assert_int_equal(z.n_servers, 1);
	assert_string_equal(z.servers[0], "ns1.example.net");
	cf_reply_clear(&r);
}

static void
record_must_be_the_one_asked_for(void **state)
{
	static const struct {
		const char *body;
		bool good;
	} rows[] = {
		{ GOOD(RECORD(ID, "TXT", NAME, VALUE)), true },
		{ GOOD(RECORD(ID, "TXT", "_ACME-challenge.Example.com", VALUE)),
		    true },
		{ GOOD(RECORD(ID, "A", NAME, "192.0.2.1")), false },
		{ GOOD(RECORD(ID, "TXT", "www.example.com", VALUE)), false },
		{ GOOD(RECORD("x", "TXT", NAME, VALUE)), false },
		{ GOOD("null"), false },
		{ GOOD("[]"), false },
		{ GOOD("{\"id\":\"" ID "\"}"), false },
	};
	char number[CF_ID_SIZE];
	struct cf_reply r;
	struct err *e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_null(take(200, rows[i].body, &r));
		e = cf_record_read(&r, NAME, number);
		assert_int_equal(e == NULL, rows[i].good);
		err_free(e);
		cf_reply_clear(&r);
	}
}

static void
records_are_found_quoted_or_not(void **state)
{
	static const char body[] = GOOD("[" RECORD(OTHER, "TXT", NAME,
	    "foreign") "," RECORD("aa", "TXT", NAME, VALUE) "," RECORD("bb",
	    "TXT", NAME, "\\\"" VALUE "\\\"") "," RECORD("cc", "TXT", NAME,
	    "\\\"" VALUE) "," RECORD("dd", "TXT", "other.example.com",
	    VALUE) "," RECORD("ee", "CNAME", NAME, VALUE) "," RECORD("FF",
	    "TXT", NAME, VALUE) ",5,null,{}]");
	char numbers[4][CF_ID_SIZE];
	struct cf_reply r;

	(void)state;
	assert_null(take(200, body, &r));
	assert_int_equal(cf_records_find(&r, NAME, VALUE, numbers, 4), 2);
	assert_string_equal(numbers[0], "aa");
	assert_string_equal(numbers[1], "bb");
	assert_int_equal(cf_records_find(&r, NAME, VALUE, numbers, 1), 1);
	cf_reply_clear(&r);
	assert_null(take(200, GOOD("{}"), &r));
	assert_int_equal(cf_records_find(&r, NAME, VALUE, numbers, 4), 0);
	cf_reply_clear(&r);
}

static void
zones_below_are_all_below(void **state)
{
	static const struct {
		const char *body;
		bool good;
		size_t n;
	} rows[] = {
		{ GOOD("[]"), true, 0 },
		{ GOOD("[{\"name\":\"a.example.com\"},"
		       "{\"name\":\"b.a.example.com\"}]"), true, 2 },
		{ GOOD("[{\"name\":\"example.com\"}]"), false, 0 },
		{ GOOD("[{\"name\":\"aexample.com\"}]"), false, 0 },
		{ GOOD("[{\"name\":7}]"), false, 0 },
		{ GOOD("[{\"name\":\"a.example.com\"},"
		       "{\"name\":\"b.example.com\"},"
		       "{\"name\":\"c.example.com\"}]"), false, 2 },
		{ GOOD("{}"), false, 0 },
	};
	char names[2][CF_NAME_SIZE];
	struct cf_reply r;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_null(take(200, rows[i].body, &r));
		assert_int_equal(
		    cf_zones_below(&r, "example.com", names, 2, &n),
		    rows[i].good);
		assert_int_equal(n, rows[i].n);
		cf_reply_clear(&r);
	}
}

static void
batch_tells_what_it_made_and_deleted(void **state)
{
	static const char body[] = GOOD(
	    "{\"deletes\":[5,{\"id\":\"dd\"}],\"posts\":[null," RECORD("aa",
		"TXT", OTHER, VALUE) "," RECORD("bb", "TXT", NAME,
		"\\\"" VALUE "\\\"") "]}");
	char number[CF_ID_SIZE];
	struct cf_reply r;

	(void)state;
	assert_null(take(200, body, &r));
	assert_true(cf_batch_find(&r, NAME, VALUE, number));
	assert_string_equal(number, "bb");
	assert_false(cf_batch_find(&r, NAME, "other", number));
	assert_true(cf_batch_lost(&r, "dd"));
	assert_false(cf_batch_lost(&r, "bb"));
	cf_reply_clear(&r);
	assert_null(take(200, GOOD("[]"), &r));
	assert_false(cf_batch_find(&r, NAME, VALUE, number));
	assert_false(cf_batch_lost(&r, "dd"));
	cf_reply_clear(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_envelope_gives_result_and_pages),
		cmocka_unit_test(read_success_needs_both),
		cmocka_unit_test(read_strange_body_is_one_line_with_status),
		cmocka_unit_test(read_huge_or_deep_body_is_refused),
		cmocka_unit_test(read_truncated_body_is_refused),
		cmocka_unit_test(error_codes_have_advice),
		cmocka_unit_test(error_list_is_bounded_and_escaped),
		cmocka_unit_test(zone_is_found_by_its_exact_name),
		cmocka_unit_test(zone_that_is_active_wins),
		cmocka_unit_test(zone_of_wrong_types_is_refused_or_skipped),
		cmocka_unit_test(zone_servers_that_are_no_names_are_skipped),
		cmocka_unit_test(record_must_be_the_one_asked_for),
		cmocka_unit_test(records_are_found_quoted_or_not),
		cmocka_unit_test(zones_below_are_all_below),
		cmocka_unit_test(batch_tells_what_it_made_and_deleted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
