/* test_dns_server.c - addresses of name servers. */
/* objects: common/dns_server common/err common/text */
/* libs: libcares */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "dns_pool.h"

static void
parse_takes_addresses_with_and_without_port(void **state)
{
	static const struct {
		const char *text, *shown;
		unsigned port;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.1", 53 },
		{ "192.0.2.1:53", "192.0.2.1", 53 },
		{ "192.0.2.1:5353", "192.0.2.1:5353", 5353 },
		{ "2001:db8::1", "2001:db8::1", 53 },
		{ "2001:DB8:0::1", "2001:db8::1", 53 },
		{ "[2001:db8::1]", "2001:db8::1", 53 },
		{ "[2001:db8::1]:53", "2001:db8::1", 53 },
		{ "[::1]:65535", "[::1]:65535", 65535 },
		{ "::", "::", 53 },
	};
	struct dns_server s;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_true(dns_server_parse(rows[i].text, &s));
		assert_string_equal(s.text, rows[i].shown);
		if (s.address.ss_family == AF_INET)
			assert_int_equal(
			    ntohs(((struct sockaddr_in *)&s.address)->sin_port),
			    rows[i].port);
		else
			assert_int_equal(
			    ntohs(
				((struct sockaddr_in6 *)&s.address)->sin6_port),
			    rows[i].port);
	}
}

static void
parse_refuses_everything_else(void **state)
{
	static const char *const texts[] = { "", " ", "example.com", "1.2.3",
		"1.2.3.4.5", "1.2.3.256", "1.2.3.4:", "1.2.3.4:0",
		"1.2.3.4:65536", "1.2.3.4:53x", "1.2.3.4:-1", "[1.2.3.4]:53",
		"[::1", "::1]", "[::1]53", "[::1]:", "[]:53", "[", ":53",
		"fe80::1%eth0", "1.2.3.4 ", "0x7f.1", "127.1",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:"
		"dddd:eeee" };
	struct dns_server s;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_false(dns_server_parse(texts[i], &s));
}

static void
read_takes_a_list(void **state)
{
	struct dns_server s[3];
	struct err *e;
	size_t n;

	(void)state;
	assert_null(
	    dns_servers_read("192.0.2.1, [::1]:54 ,\t9.9.9.9", s, 3, &n));
	assert_int_equal(n, 3);
	assert_string_equal(s[1].text, "[::1]:54");
	assert_string_equal(s[2].text, "9.9.9.9");
	assert_null(
	    dns_servers_read("1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4", s, 3, &n));
	assert_int_equal(n, 3);
	e = dns_servers_read("192.0.2.1,ns.example.com", s, 3, &n);
	assert_non_null(e);
	assert_non_null(strstr(err_text(e), "\"ns.example.com\""));
	err_free(e);
	e = dns_servers_read("192.0.2.1,", s, 3, &n);
	assert_non_null(e);
	err_free(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_takes_addresses_with_and_without_port),
		cmocka_unit_test(parse_refuses_everything_else),
		cmocka_unit_test(read_takes_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
