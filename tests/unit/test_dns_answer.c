/* test_dns_answer.c - DNS answers, good, odd and hostile. */
/* objects: common/dns_answer */
/* libs: libcares */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns_answer.h"

#define ANSWER    0
#define AUTHORITY 1
#define NAME      "_acme-challenge.example.com"

/* A DNS message that is being written. */
struct message {
	unsigned char data[65535];
	size_t n;
};

static void
put16(struct message *m, unsigned value)
{
	m->data[m->n++] = (unsigned char)(value >> 8);
	m->data[m->n++] = (unsigned char)value;
}

static void
put_name(struct message *m, const char *name)
{
	while (*name != '\0') {
		size_t n = strcspn(name, ".");

		m->data[m->n++] = (unsigned char)n;
		memcpy(m->data + m->n, name, n);
		m->n += n;
		name += n + (name[n] == '.');
	}
	m->data[m->n++] = 0;
}

/* A message with one question; flags: QR, AA, RCODE. */
static void
begin(struct message *m, unsigned flags, const char *name, unsigned type)
{
	static const unsigned counts[] = { 1, 0, 0, 0 };

	m->n = 0;
	put16(m, 0x1234);
	put16(m, flags);
	for (size_t i = 0; i < 4; i++)
		put16(m, counts[i]);
	put_name(m, name);
	put16(m, type);
	put16(m, 1);
}

static void
add(struct message *m, int section, const char *owner, unsigned type,
    const void *data, size_t n)
{
	m->data[7 + 2 * section]++;
	put_name(m, owner);
	put16(m, type);
	put16(m, 1);
	put16(m, 0);
	put16(m, 60);
	put16(m, (unsigned)n);
	memcpy(m->data + m->n, data, n);
	m->n += n;
}

static void
add_name(
    struct message *m, const char *owner, unsigned type, const char *target)
{
	struct message name = { .n = 0 };

	put_name(&name, target);
	add(m, ANSWER, owner, type, name.data, name.n);
}

static void
add_text(struct message *m, const char *owner, const char *text)
{
	add(m, ANSWER, owner, DNS_TXT, text, strlen(text));
}

#define AA       0x8400
#define RECURSED 0x8180

static void
ask(const struct message *m, const char *name, enum dns_type type,
    struct dns_reply *r)
{
	/* a copy of the exact size, so that reading beyond it is noticed */
	unsigned char *copy = malloc(m->n);

	memcpy(copy, m->data, m->n);
	dns_reply_read(r, name, type, "192.0.2.1", copy, m->n);
	free(copy);
}

static void
read_txt_strings_are_joined(void **state)
{
	struct dns_reply r;
	struct message m;

	(void)state;
	begin(&m, AA, NAME, DNS_TXT);
	add_text(&m, NAME, "\003abc\003def");
	add_text(&m, "_ACME-Challenge.EXAMPLE.com", "\004ghij");
	add_text(&m, "other.example.com", "\004nope");
	add(&m, ANSWER, NAME, DNS_TXT, "\005a\0b\x1b\xff", 6);
	add(&m, ANSWER, NAME, DNS_TXT, "\040short", 6);
	ask(&m, NAME ".", DNS_TXT, &r);
	assert_int_equal(r.answer.outcome, DNS_OK);
	assert_true(r.answer.authoritative);
	assert_int_equal(r.answer.n_values, 4);
	assert_string_equal(r.answer.values[0], "abcdef");
	assert_string_equal(r.answer.values[1], "ghij");
	assert_string_equal(r.answer.values[2], "a?b??");
	assert_string_equal(r.answer.values[3], "short");
	assert_string_equal(r.answer.problem, "");
	dns_reply_clear(&r);
}

static void
read_addresses_as_text(void **state)
{
	static const unsigned char six[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
	struct dns_reply r;
	struct message m;

	(void)state;
	begin(&m, RECURSED, "www.example.com", DNS_A);
	add(&m, ANSWER, "www.example.com", DNS_A, "\300\0\2\1", 4);
	add(&m, ANSWER, "www.example.com", DNS_A, "\300\0\2", 3);
	add(&m, ANSWER, "www.example.com", DNS_AAAA, six, 16);
	ask(&m, "www.example.com", DNS_A, &r);
	assert_false(r.answer.authoritative);
	assert_int_equal(r.answer.n_values, 1);
	assert_string_equal(r.answer.values[0], "192.0.2.1");
	dns_reply_clear(&r);
	ask(&m, "www.example.com", DNS_AAAA, &r);
	assert_int_equal(r.answer.n_values, 1);
	assert_string_equal(r.answer.values[0], "2001:db8::1");
	dns_reply_clear(&r);
}

static void
read_cnames_are_followed_in_any_order(void **state)
{
	struct dns_reply r;
	struct message m;

	(void)state;
	begin(&m, AA, NAME, DNS_TXT);
	add_text(&m, "c.example.net", "\003end");
	add_name(&m, "b.example.net", DNS_CNAME, "C.example.net");
	add_name(&m, NAME, DNS_CNAME, "b.example.net");
	ask(&m, NAME, DNS_TXT, &r);
	assert_string_equal(r.answer.cname, "c.example.net");
	assert_int_equal(r.answer.n_values, 1);
	assert_string_equal(r.answer.values[0], "end");
	dns_reply_clear(&r);
	ask(&m, NAME, DNS_CNAME, &r);
	assert_int_equal(r.answer.n_values, 1);
	assert_string_equal(r.answer.values[0], "b.example.net");
	dns_reply_clear(&r);
}

static void
read_cname_loop_ends(void **state)
{
	struct dns_reply r;
	struct message m;

	(void)state;
	begin(&m, AA, NAME, DNS_TXT);
	add_name(&m, NAME, DNS_CNAME, "b.example.net");
	add_name(&m, "b.example.net", DNS_CNAME, NAME);
	ask(&m, NAME, DNS_TXT, &r);
	assert_int_equal(r.answer.outcome, DNS_OK);
	assert_int_equal(r.answer.n_values, 0);
	dns_reply_clear(&r);
}

static void
read_soa_names_the_zone(void **state)
{
	static const struct {
		const char *owner, *soa;
	} rows[] = { { "Example.COM", "example.com" }, { "com", "com" },
		{ "", "." }, { NAME, NAME }, { "example.net", "" },
		{ "ple.com", "" }, { "x." NAME, "" } };
	struct dns_reply r;
	struct message m;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		begin(&m, AA | 3, NAME, DNS_TXT);
		add(&m, AUTHORITY, rows[i].owner, DNS_SOA, "", 0);
		ask(&m, NAME, DNS_TXT, &r);
		assert_int_equal(r.answer.outcome, DNS_NONE);
		assert_string_equal(r.answer.soa, rows[i].soa);
		dns_reply_clear(&r);
	}
}

static void
read_refusals_are_named(void **state)
{
	static const struct {
		unsigned rcode;
		const char *word;
	} rows[] = { { 1, "FORMERR" }, { 2, "SERVFAIL" }, { 4, "NOTIMP" },
		{ 5, "REFUSED" }, { 15, "unknown" } };
	struct dns_reply r;
	struct message m;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		begin(&m, 0x8000 | rows[i].rcode, NAME, DNS_TXT);
		ask(&m, NAME, DNS_TXT, &r);
		assert_int_equal(r.answer.outcome, DNS_SERVER);
		assert_non_null(strstr(r.answer.problem, rows[i].word));
		assert_non_null(strstr(r.answer.problem, "192.0.2.1"));
		dns_reply_clear(&r);
	}
}

static void
read_names_with_odd_characters_are_skipped(void **state)
{
	struct dns_reply r;
	struct message m;

	(void)state;
	begin(&m, AA, "example.com", DNS_NS);
	add_name(&m, "example.com", DNS_NS, "ns1.example.net");
	add_name(&m, "example.com", DNS_NS, "n s.example.net");
	add_name(&m, "example.com", DNS_NS, "n\ns.example.net");
	add_name(&m, "example.com", DNS_NS, "n\\s.example.net");
	add(&m, ANSWER, "example.com", DNS_NS, "\3ns2\300\14", 6);
	add(&m, ANSWER, "example.com", DNS_NS, "\77ns2", 4);
	ask(&m, "example.com", DNS_NS, &r);
	assert_int_equal(r.answer.n_values, 2);
	assert_string_equal(r.answer.values[0], "ns1.example.net");
	assert_string_equal(r.answer.values[1], "ns2.example.com");
	dns_reply_clear(&r);
}

/* Cut anywhere, and with every byte changed: no crash, no read beyond. */
static void
read_damaged_message_is_survived(void **state)
{
	struct message m, bad;
	struct dns_reply r;
	size_t i;

	(void)state;
	begin(&m, AA, NAME, DNS_TXT);
	add_name(&m, NAME, DNS_CNAME, "b.example.net");
	add_text(&m, "b.example.net", "\003abc\003def");
	add(&m, AUTHORITY, "example.com", DNS_SOA, "\0\0", 2);
	for (bad = m, bad.n = 0; bad.n < m.n; bad.n++) {
		ask(&bad, NAME, DNS_TXT, &r);
		assert_int_equal(r.answer.outcome, DNS_SERVER);
		assert_non_null(strstr(r.answer.problem, "cannot be read"));
		dns_reply_clear(&r);
	}
	for (i = 0; i < m.n * 256; i++) {
		bad = m;
		bad.data[i / 256] = (unsigned char)i;
		ask(&bad, NAME, DNS_TXT, &r);
		dns_reply_clear(&r);
	}
}

/* 64 KiB of records whose names are long chains of pointers: every step is two
 * bytes back, so that one name costs as many steps as there are pointers. */
static void
read_chains_of_pointers_end_soon(void **state)
{
	struct dns_reply r;
	struct message m;
	unsigned at;

	(void)state;
	begin(&m, AA, NAME, DNS_TXT);
	add(&m, ANSWER, NAME, DNS_TXT, "", 0);
	at = (unsigned)m.n;
	m.data[m.n++] = 0;
	m.data[m.n++] = 0;
	while (m.n < 16000) {
		put16(&m, 0xc000 | at);
		at = (unsigned)m.n - 2;
	}
	while (m.n + 12 < sizeof(m.data)) {
		put16(&m, 0xc000 | at);
		put16(&m, DNS_TXT);
		put16(&m, 1);
		put16(&m, 0);
		put16(&m, 60);
		put16(&m, 0);
	}
	m.data[6] = m.data[7] = 0xff;
	ask(&m, NAME, DNS_TXT, &r);
	dns_reply_clear(&r);
}

static void
read_question_without_answer_is_refused(void **state)
{
	struct dns_reply r;
	struct message m;

	(void)state;
	begin(&m, 0x0100, NAME, DNS_TXT); /* QR is not set */
	ask(&m, NAME, DNS_TXT, &r);
	assert_int_equal(r.answer.outcome, DNS_SERVER);
	dns_reply_clear(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_txt_strings_are_joined),
		cmocka_unit_test(read_addresses_as_text),
		cmocka_unit_test(read_cnames_are_followed_in_any_order),
		cmocka_unit_test(read_cname_loop_ends),
		cmocka_unit_test(read_soa_names_the_zone),
		cmocka_unit_test(read_refusals_are_named),
		cmocka_unit_test(read_names_with_odd_characters_are_skipped),
		cmocka_unit_test(read_damaged_message_is_survived),
		cmocka_unit_test(read_chains_of_pointers_end_soon),
		cmocka_unit_test(read_question_without_answer_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
