/* test_https_text.c - headers, waiting times, reasons of failures, hosts(5). */
/* objects: $(NETWORK) common/buf common/err common/names common/text common/url */
/* libs: libcurl libcares libevent_core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "https.h"
#include "https_host.h"
#include "https_text.h"

#define NOW 1764000000 /* Mon, 24 Nov 2025 16:00:00 GMT */

static void
retry_after_is_read_in_both_forms(void **state)
{
	static const struct {
		const char *value;
		long secs;
	} rows[] = {
		{ "0", 0 },
		{ "17", 17 },
		{ "3600", 3600 },
		{ "3601", 3600 },
		{ "99999999999999999999999", 3600 },
		{ "Mon, 24 Nov 2025 16:00:30 GMT", 30 },
		{ "Mon, 24 Nov 2025 16:00:00 GMT", 0 },
		{ "Mon, 24 Nov 2025 15:00:00 GMT", 0 },
		{ "Tue, 25 Nov 2025 16:00:00 GMT", 3600 },
		{ "Monday, 24-Nov-25 16:00:10 GMT", 10 }, /* RFC 850 */
		{ "Mon Nov 24 16:00:10 2025", 10 },       /* asctime */
		{ "", -1 },
		{ "soon", -1 },
		{ "-5", -1 },
		{ "1.5e3x", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(
		    retry_after_secs(rows[i].value, NOW, 3600), rows[i].secs);
}

static void
header_last_of_several_counts(void **state)
{
	static const struct https_header headers[] = { { "a", "1" },
		{ "retry-after", "5" }, { "a", "2" } };
	const struct https_response r = { .headers = headers, .n_headers = 3 };
	const struct https_response none = { .n_headers = 0 };

	(void)state;
	assert_string_equal(https_header(&r, "a"), "2");
	assert_null(https_header(&r, "b"));
	assert_int_equal(https_retry_after(&r, 60), 5);
	assert_int_equal(https_retry_after(&none, 60), -1);
}

static void
failure_tells_whether_it_may_be_sent_again(void **state)
{
	static const struct {
		CURLcode result;
		bool sent;
		int number;
	} rows[] = {
		{ CURLE_COULDNT_CONNECT, false, EAGAIN },
		{ CURLE_OPERATION_TIMEDOUT, false, EAGAIN },
		{ CURLE_OPERATION_TIMEDOUT, true, ECONNRESET },
		{ CURLE_RECV_ERROR, true, ECONNRESET },
		{ CURLE_GOT_NOTHING, true, ECONNRESET },
		{ CURLE_PARTIAL_FILE, true, ECONNRESET },
		{ CURLE_HTTP2_STREAM, true, ECONNRESET },
		{ CURLE_SSL_CONNECT_ERROR, false, EAGAIN },
		{ CURLE_PEER_FAILED_VERIFICATION, false, 0 },
		{ CURLE_SSL_CACERT_BADFILE, false, 0 },
		{ CURLE_WEIRD_SERVER_REPLY, true, 0 },
		{ CURLE_UNSUPPORTED_PROTOCOL, true, 0 },
	};
	struct err *e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		e = https_failure("https://a.example/x", "a.example",
		    rows[i].result, "", rows[i].sent);
		assert_int_equal(err_errno(e), rows[i].number);
		assert_non_null(strstr(err_text(e), "https://a.example/x: "));
		err_free(e);
	}
}

static void
failure_of_certificate_names_the_cause(void **state)
{
	static const struct {
		const char *detail, *text, *advice;
	} rows[] = {
		{ "SSL certificate problem: self-signed certificate",
		    "certificate of a.example is not trusted: self-signed "
		    "certificate",
		    "ca-certificates" },
		{ "SSL certificate problem: certificate has expired",
		    "not trusted: certificate has expired",
		    "Z: if that is wrong, set it" },
		{ "SSL certificate problem: certificate is not yet valid",
		    "not yet valid", "if it is right, a.example needs" },
		{ "SSL: no alternative certificate subject name matches target "
		  "host name 'a.example'",
		    "no alternative", "host" },
	};
	struct err *e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		e = https_failure("https://a.example/", "a.example",
		    CURLE_PEER_FAILED_VERIFICATION, rows[i].detail, false);
		assert_non_null(strstr(err_text(e), rows[i].text));
		assert_non_null(strstr(err_advice(e), rows[i].advice));
		err_free(e);
	}
}

static void
hosts_line_gives_its_address(void **state)
{
	static const struct {
		const char *line, *addresses;
	} rows[] = {
		{ "192.0.2.1 ca.example\n", "192.0.2.1" },
		{ "192.0.2.1\tfoo  CA.Example # comment", "192.0.2.1" },
		{ "  2001:db8::1 ca.example\r\n", "2001:db8::1" },
		{ "192.0.2.1 ca.example ca.example", "192.0.2.1" },
		{ "# 192.0.2.1 ca.example", "" },
		{ "192.0.2.1 # ca.example", "" },
		{ "192.0.2.1 xca.example ca.example.org", "" },
		{ "ca.example ca.example", "" },
		{ "fe80::1%eth0 ca.example", "" },
		{ "192.0.2.1\nfoo ca.example", "" },
		{ "", "" },
		{ "\n", "" },
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		*out = '\0';
		host_line_find(rows[i].line, "ca.example", out, sizeof(out));
		assert_string_equal(out, rows[i].addresses);
	}
}

static void
hosts_addresses_are_collected_while_they_fit(void **state)
{
	char out[24] = "";

	(void)state;
	host_line_find("192.0.2.1 a", "a", out, sizeof(out));
	host_line_find("192.0.2.2 a", "a", out, sizeof(out));
	host_line_find("192.0.2.3 a", "a", out, sizeof(out));
	assert_string_equal(out, "192.0.2.1,192.0.2.2");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(retry_after_is_read_in_both_forms),
		cmocka_unit_test(header_last_of_several_counts),
		cmocka_unit_test(failure_tells_whether_it_may_be_sent_again),
		cmocka_unit_test(failure_of_certificate_names_the_cause),
		cmocka_unit_test(hosts_line_gives_its_address),
		cmocka_unit_test(hosts_addresses_are_collected_while_they_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
