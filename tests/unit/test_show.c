/* test_show.c - what certd tells, as text and as JSON. */
/* objects: $(filter-out certctl/main,$(certctl_OBJ)) */
/* libs: $(certctl_LIB) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "certctl.h"
#include "config.h"

#define NOW 1800000000 /* 2027-01-15T08:00:00Z */
#define DAY 86400

static struct str two_names[] = { { "a.example", 9 }, { "*.b.example", 11 } };

static struct msg
certificate(uint64_t not_after, enum cert_status status)
{
	struct msg m = { .type = MSG_row };

	m.row.lineage = str_of("a.example");
	m.row.names = (struct strs){ two_names, 2 };
	m.row.serial = str_of("5d8c");
	m.row.key_kind = KEY_EC_P256;
	m.row.not_before = NOW - 10 * DAY;
	m.row.not_after = not_after;
	m.row.renew_after = NOW + 50 * DAY;
	m.row.status = status;
	m.row.certificate = str_of("/live/a.example/fullchain.pem");
	m.row.private_key = str_of("/live/a.example/privkey.pem");
	m.row.server = str_of("https://ca.example/directory");
	m.row.last_error = str_of("");
	return m;
}

/* What a JSON document looks like. */
static void
check_json(json_t *o, const char *expected)
{
	char *text;

	assert_non_null(o);
	text = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII);
	assert_string_equal(text, expected);
	free(text);
	json_decref(o);
}

static void
validity_is_told_as_certbot_does(void **state)
{
	static const struct {
		int64_t left;
		enum cert_status status;
		const char *server, *text;
	} cases[] = {
		{ 1824 * DAY + 5, CERT_VALID, "", "VALID: 1824 days" },
		{ 2 * DAY - 1, CERT_VALID, "", "VALID: 1 day" },
		{ DAY - 1, CERT_VALID, "", "VALID: 23 hour(s)" },
		{ 1, CERT_VALID, "", "VALID: 0 hour(s)" },
		{ 0, CERT_VALID, "", "INVALID: EXPIRED" },
		{ -DAY, CERT_EXPIRED, "", "INVALID: EXPIRED" },
		{ DAY, CERT_REVOKED, "", "INVALID: REVOKED" },
		{ DAY, CERT_VALID, "https://x-staging.example/directory",
		    "INVALID: TEST_CERT" },
		{ -DAY, CERT_EXPIRED, "https://x-staging.example/directory",
		    "INVALID: TEST_CERT, EXPIRED" },
	};
	char text[VALIDITY_BYTES];
	struct msg m;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		m = certificate(
		    (uint64_t)(NOW + cases[i].left), cases[i].status);
		m.row.server = str_of(cases[i].server);
		validity_text(text, &m, NOW);
		assert_string_equal(text, cases[i].text);
	}
	m = certificate(UINT64_MAX, CERT_VALID); /* and no overflow */
	validity_text(text, &m, NOW);
}

static void
certificate_as_text_has_the_shape_of_certbot(void **state)
{
	struct msg m = certificate(NOW + 80 * DAY, CERT_VALID);
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	(void)state;
	m.row.last_error = str_of("the CA said \033[31mno");
	print_certificate(f, &m, NOW);
	assert_int_equal(fclose(f), 0);
	assert_string_equal(text,
	    "  Certificate Name: a.example\n"
	    "    Serial Number: 5d8c\n"
	    "    Key Type: ECDSA\n"
	    "    Domains: a.example *.b.example\n"
	    "    Expiry Date: 2027-04-05 08:00:00+00:00 (VALID: 80 days)\n"
	    "    Certificate Path: /live/a.example/fullchain.pem\n"
	    "    Private Key Path: /live/a.example/privkey.pem\n"
	    "    Last Error: the CA said \\x1B[31mno\n");
	free(text);
}

static void
certificate_as_json_has_the_keys_of_the_interface(void **state)
{
	struct msg m = certificate(NOW + 80 * DAY + 5, CERT_VALID);

	(void)state;
	check_json(json_certificate(&m, NOW),
	    "{\"name\":\"a.example\","
	    "\"domains\":[\"a.example\",\"*.b.example\"],"
	    "\"serial\":\"5d8c\",\"key_type\":\"ecdsa\","
	    "\"not_before\":\"2027-01-05T08:00:00Z\","
	    "\"not_after\":\"2027-04-05T08:00:05Z\",\"days_left\":80,"
	    "\"status\":\"valid\",\"renew_after\":\"2027-03-06T08:00:00Z\","
	    "\"certificate\":\"/live/a.example/fullchain.pem\","
	    "\"private_key\":\"/live/a.example/privkey.pem\","
	    "\"server\":\"https://ca.example/directory\","
	    "\"last_error\":null}");
}

static void
certificate_broken_as_json_has_nulls(void **state)
{
	struct msg m = { .type = MSG_row };
	struct str none = { "", 0 };

	(void)state;
	m.row.lineage = str_of("x");
	m.row.serial = m.row.certificate = m.row.private_key = none;
	m.row.server = none;
	m.row.status = CERT_BROKEN;
	m.row.last_error = str_of("renewal/x.conf: empty");
	check_json(json_certificate(&m, NOW),
	    "{\"name\":\"x\",\"domains\":[],\"serial\":null,"
	    "\"key_type\":null,\"not_before\":null,\"not_after\":null,"
	    "\"days_left\":null,\"status\":\"broken\",\"renew_after\":null,"
	    "\"certificate\":null,\"private_key\":null,\"server\":null,"
	    "\"last_error\":\"renewal/x.conf: empty\"}");
}

static void
days_left_are_whole_and_may_be_negative(void **state)
{
	static const struct {
		int64_t left;
		json_int_t days;
	} cases[] = { { 2 * DAY, 2 }, { 2 * DAY - 1, 1 }, { 1, 0 }, { 0, 0 },
		{ -1, -1 }, { -DAY, -1 }, { -DAY - 1, -2 } };
	struct msg m;
	json_t *o;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		m = certificate((uint64_t)(NOW + cases[i].left), CERT_VALID);
		o = json_certificate(&m, NOW);
		assert_int_equal(
		    json_integer_value(json_object_get(o, "days_left")),
		    cases[i].days);
		json_decref(o);
	}
	m = certificate(UINT64_MAX, CERT_VALID);
	o = json_certificate(&m, NOW);
	assert_true(json_is_null(json_object_get(o, "days_left")));
	assert_string_equal(json_string_value(json_object_get(o, "not_after")),
	    "9999-12-31T23:59:59Z");
	json_decref(o);
}

static void
key_types_are_the_words_of_the_options(void **state)
{
	static const char *const words[] = { [KEY_EC_P256] = "ecdsa",
		[KEY_EC_P384] = "ecdsa",
		[KEY_EC_P521] = "ecdsa",
		[KEY_RSA_2048] = "rsa",
		[KEY_RSA_3072] = "rsa",
		[KEY_RSA_4096] = "rsa" };
	struct msg m = certificate(NOW, CERT_VALID);
	json_t *o;
	uint32_t i;

	(void)state;
	for (i = 1; i <= KEY_KIND_MAX; i++) {
		m.row.key_kind = i;
		o = json_certificate(&m, NOW);
		assert_string_equal(
		    json_string_value(json_object_get(o, "key_type")),
		    words[i]);
		json_decref(o);
	}
}

static void
event_and_result_as_json(void **state)
{
	struct msg event = { .type = MSG_event },
		   result = { .type = MSG_result };
	struct facts facts = { NULL, 0 };

	(void)state;
	event.event.job = 4294967295;
	event.event.lineage = str_of("b\xc3\xbc");
	event.event.stage = STAGE_propagate;
	event.event.text = str_of("2 of 4 servers");
	event.event.time = NOW;
	check_json(json_event(&event),
	    "{\"name\":\"b\\u00FC\",\"job\":4294967295,"
	    "\"stage\":\"propagate\","
	    "\"label\":\"waiting for the name servers\","
	    "\"text\":\"2 of 4 servers\",\"time\":\"2027-01-15T08:00:00Z\"}");

	result.result.job = 7;
	result.result.lineage = str_of("a.example");
	result.result.text = str_of("no");
	result.result.advice = str_of("wait");
	result.result.retry_at = NOW;
	check_json(json_result(&result, "failed", NULL),
	    "{\"name\":\"a.example\",\"job\":7,\"result\":\"failed\","
	    "\"text\":\"no\",\"advice\":\"wait\","
	    "\"retry_at\":\"2027-01-15T08:00:00Z\"}");
	assert_null(
	    facts_add(&facts, str_of("Private Key"), str_of("/live/x")));
	result.result.text = result.result.advice = str_of("");
	result.result.retry_at = 0;
	check_json(json_result(&result, "issued", &facts),
	    "{\"name\":\"a.example\",\"job\":7,\"result\":\"issued\","
	    "\"text\":null,\"advice\":null,\"retry_at\":null,"
	    "\"facts\":{\"private_key\":\"/live/x\"}}");
	facts_clear(&facts);
}

static void
error_as_json_has_status_and_advice(void **state)
{
	struct err *e = err_new("no");

	(void)state;
	check_json(json_error(EXIT_DENIED, e),
	    "{\"error\":{\"exit\":3,\"text\":\"no\",\"advice\":null,"
	    "\"retry_at\":null}}");
	e = err_retry_at(err_advise(e, "wait"), NOW);
	check_json(json_error(EXIT_FAILED, e),
	    "{\"error\":{\"exit\":1,\"text\":\"no\",\"advice\":\"wait\","
	    "\"retry_at\":\"2027-01-15T08:00:00Z\"}}");
	err_free(e);
}

static void
facts_are_aligned_and_escaped(void **state)
{
	struct facts facts = { NULL, 0 };
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	(void)state;
	assert_null(facts_add(&facts, str_of("key"), str_of("a\033b")));
	assert_null(facts_add(&facts, str_of("longer"), str_of("b")));
	assert_null(facts_add(&facts,
	    str_of("a key that is longer than any other"), str_of("c")));
	facts_print(&facts, f, 2);
	assert_int_equal(fclose(f), 0);
	assert_string_equal(text, "  key:    a\\x1Bb\n"
				  "  longer: b\n"
				  "  a key that is longer than any other: c\n");
	free(text);
	facts_clear(&facts);
}

static void
facts_of_one_key_become_a_list(void **state)
{
	struct facts facts = { NULL, 0 };
	int i;

	(void)state;
	assert_null(facts_add(&facts, str_of("x"), str_of("1")));
	for (i = 1; i <= 3; i++)
		assert_null(facts_add(&facts, str_of("job"),
		    str_of(i == 1   ? "a"
			   : i == 2 ? "b"
				    : "c")));
	check_json(
	    facts_json(&facts), "{\"x\":\"1\",\"job\":[\"a\",\"b\",\"c\"]}");
	facts_clear(&facts);
}

/* The parts into which a long text is cut must not split a character. */
static void
text_of_any_length_is_escaped_whole(void **state)
{
	char longer[1500], *text = NULL;
	size_t n, i;
	FILE *f = open_memstream(&text, &n);

	(void)state;
	for (i = 0; i < sizeof(longer); i += 3)
		memcpy(longer + i, "\xe2\x82\xac", 3); /* the euro sign */
	print_text(f, (struct str){ longer, sizeof(longer) });
	assert_int_equal(fclose(f), 0);
	assert_int_equal(n, sizeof(longer));
	assert_memory_equal(text, longer, n);
	free(text);
	f = open_memstream(&text, &n);
	memset(longer, '\xff', sizeof(longer)); /* no UTF-8 at all */
	print_text(f, (struct str){ longer, sizeof(longer) });
	assert_int_equal(fclose(f), 0);
	assert_int_equal(n, 4 * sizeof(longer));
	free(text);
}

static void
problem_has_advice_and_time_on_lines_below(void **state)
{
	struct err *e =
	    err_retry_at(err_advise(err_new("a\nb"), "try \xe2\x80\xae"), NOW);
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	(void)state;
	print_problem(f, e);
	assert_int_equal(fclose(f), 0);
	assert_string_equal(text, "certctl: a\\nb\n  try \\xE2\\x80\\xAE\n"
				  "  not before 2027-01-15T08:00:00Z\n");
	free(text);
	err_free(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(validity_is_told_as_certbot_does),
		cmocka_unit_test(certificate_as_text_has_the_shape_of_certbot),
		cmocka_unit_test(
		    certificate_as_json_has_the_keys_of_the_interface),
		cmocka_unit_test(certificate_broken_as_json_has_nulls),
		cmocka_unit_test(days_left_are_whole_and_may_be_negative),
		cmocka_unit_test(key_types_are_the_words_of_the_options),
		cmocka_unit_test(event_and_result_as_json),
		cmocka_unit_test(error_as_json_has_status_and_advice),
		cmocka_unit_test(facts_are_aligned_and_escaped),
		cmocka_unit_test(facts_of_one_key_become_a_list),
		cmocka_unit_test(text_of_any_length_is_escaped_whole),
		cmocka_unit_test(problem_has_advice_and_time_on_lines_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
