/* test_text.c - escaping for terminals, and the shapes of text. */
/* objects: common/text */
/* libs: */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define ARRAY_N(a) (sizeof(a) / sizeof(*(a)))
#define BYTES(s)   s, sizeof(s) - 1

static const struct {
	const char *text;
	size_t n;
	const char *escaped;
} escapes[] = {
	{ BYTES(""), "" },
	{ BYTES("plain text"), "plain text" },
	{ BYTES("b\xc3\xbc"
		"cher \xe2\x82\xac \xf0\x9f\x94\x92"),
	    "b\xc3\xbc"
	    "cher \xe2\x82\xac \xf0\x9f\x94\x92" },
	{ BYTES("a\nb\tc"), "a\\nb\\tc" },
	{ BYTES("a\rb"), "a\\x0Db" },
	{ BYTES("a\0b"), "a\\x00b" },
	{ BYTES("\x1b[2J"), "\\x1B[2J" },
	{ BYTES("\x7f"), "\\x7F" },
	/* C1 control NEL, right-to-left override, line separator */
	{ BYTES("\xc2\x85"), "\\xC2\\x85" },
	{ BYTES("\xe2\x80\xae"
		"moc"),
	    "\\xE2\\x80\\xAEmoc" },
	{ BYTES("\xe2\x81\xa6"), "\\xE2\\x81\\xA6" },
	{ BYTES("\xe2\x80\xa8"), "\\xE2\\x80\\xA8" },
	{ BYTES("\xe2\x80\x8e\xd8\x9c"), "\\xE2\\x80\\x8E\\xD8\\x9C" },
	/* no UTF-8: stray, cut, overlong, surrogate, too high */
	{ BYTES("\x80"
		"a"),
	    "\\x80a" },
	{ BYTES("a\xe2\x82"), "a\\xE2\\x82" },
	{ BYTES("\xc0\xaf"), "\\xC0\\xAF" },
	{ BYTES("\xe0\x80\xaf"), "\\xE0\\x80\\xAF" },
	{ BYTES("\xed\xa0\x80"), "\\xED\\xA0\\x80" },
	{ BYTES("\xf4\x90\x80\x80"), "\\xF4\\x90\\x80\\x80" },
	{ BYTES("\xff\xfe"), "\\xFF\\xFE" },
	{ BYTES("\xc3("), "\\xC3(" },
};

static void
text_escape_makes_text_printable(void **state)
{
	char out[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_N(escapes); i++) {
		assert_int_equal(text_escape(out, sizeof(out), escapes[i].text,
				     escapes[i].n),
		    strlen(escapes[i].escaped));
		assert_string_equal(out, escapes[i].escaped);
	}
}

static void
text_escape_small_room_cuts_between_characters(void **state)
{
	static const char *const cuts[] = { NULL, "", "a", "a", "a", "a",
		"a\\x1B", "a\\x1B", "a\\x1B\xc3\xbc", "a\\x1B\xc3\xbcz",
		"a\\x1B\xc3\xbcz" };
	const char text[] = "a\x1b\xc3\xbcz";
	char out[16];

	(void)state;
	for (size_t size = 0; size < ARRAY_N(cuts); size++) {
		memset(out, '#', sizeof(out));
		assert_int_equal(text_escape(out, size, text, strlen(text)),
		    cuts[size] == NULL ? 0 : strlen(cuts[size]));
		if (cuts[size] != NULL)
			assert_string_equal(out, cuts[size]);
		assert_int_equal(out[size], '#');
	}
}

static void
str_compares_bytes_and_lengths(void **state)
{
	const struct str cut = { "abcdef", 3 };

	(void)state;
	assert_true(str_is(cut, "abc"));
	assert_false(str_is(cut, "abcd"));
	assert_false(str_is(cut, "ab"));
	assert_true(str_eq(cut, str_of("abc")));
	assert_true(str_is(str_of(""), ""));
	assert_false(
	    str_eq((struct str){ "a\0b", 3 }, (struct str){ "a\0c", 3 }));
}

static void
str_dup_copies_and_ends(void **state)
{
	char *copy = str_dup((struct str){ "abcdef", 3 });

	(void)state;
	assert_string_equal(copy, "abc");
	free(copy);
	copy = str_dup(str_of(""));
	assert_string_equal(copy, "");
	free(copy);
}

static void
str_take_line_takes_all_lines(void **state)
{
	struct str rest = str_of("a\n\nlast"), line;

	(void)state;
	assert_true(str_take_line(&rest, &line));
	assert_true(str_is(line, "a\n"));
	assert_true(str_take_line(&rest, &line));
	assert_true(str_is(line, "\n"));
	assert_true(str_take_line(&rest, &line));
	assert_true(str_is(line, "last"));
	assert_false(str_take_line(&rest, &line));
}

static const struct {
	const char *text;
	size_t n;
	bool utf8, plain, base64url, hex;
} shapes[] = {
	{ BYTES(""), true, true, false, false },
	{ BYTES("0af9"), true, true, true, true },
	{ BYTES("0AF9"), true, true, true, false },
	{ BYTES("a-b_Z"), true, true, true, false },
	{ BYTES("abc="), true, true, false, false },
	{ BYTES("a+b"), true, true, false, false },
	{ BYTES("a\0"), true, false, false, false },
	{ BYTES("a b"), true, true, false, false },
	{ BYTES("a\n"), true, false, false, false },
	{ BYTES("\x7f"), true, false, false, false },
	{ BYTES("\xc2\x9f"), true, false, false, false },
	{ BYTES("\xc2\xa0"), true, true, false, false },
	{ BYTES("\xc3\xbc"), true, true, false, false },
	{ BYTES("\xc3"), false, false, false, false },
	{ BYTES("\xed\xbf\xbf"), false, false, false, false },
};

static void
text_is_tells_shapes_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_N(shapes); i++) {
		const char *p = shapes[i].text;
		size_t n = shapes[i].n;

		assert_int_equal(text_is_utf8(p, n), shapes[i].utf8);
		assert_int_equal(text_is_plain(p, n), shapes[i].plain);
		assert_int_equal(text_is_base64url(p, n), shapes[i].base64url);
		assert_int_equal(text_is_hex(p, n), shapes[i].hex);
	}
}

static void
text_is_space_is_ascii_only(void **state)
{
	(void)state;
	for (int c = -128; c < 128; c++)
		assert_int_equal(text_is_space((char)c),
		    c > 0 && strchr(" \t\n\v\f\r", c) != NULL);
}

static const struct {
	time_t t;
	const char *text;
} times[] = {
	{ 0, "1970-01-01T00:00:00Z" },
	{ 1795488817, "2026-11-24T02:53:37Z" },
	{ 951782400, "2000-02-29T00:00:00Z" },
	{ -1, "1969-12-31T23:59:59Z" },
	{ 253402300799, "9999-12-31T23:59:59Z" },
	{ 253402300800, "9999-12-31T23:59:59Z" },
	{ INT64_MAX, "9999-12-31T23:59:59Z" },
	{ INT64_MIN, "1000-01-01T00:00:00Z" },
};

static void
text_time_writes_rfc3339(void **state)
{
	char out[TEXT_TIME_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_N(times); i++)
		assert_string_equal(text_time(out, times[i].t), times[i].text);
}

static const struct {
	const char *text;
	uint64_t min, max;
	bool good;
	uint64_t number;
} numbers[] = {
	{ "0", 0, 9, true, 0 },
	{ "7", 7, 7, true, 7 },
	{ "007", 0, 9, true, 7 },
	{ "18446744073709551615", 0, UINT64_MAX, true, UINT64_MAX },
	{ "18446744073709551616", 0, UINT64_MAX, false, 0 },
	{ "99999999999999999999999", 0, UINT64_MAX, false, 0 },
	{ "6", 7, 9, false, 0 },
	{ "10", 7, 9, false, 0 },
	{ "", 0, 9, false, 0 },
	{ "-1", 0, 9, false, 0 },
	{ "+1", 0, 9, false, 0 },
	{ " 1", 0, 9, false, 0 },
	{ "1 ", 0, 9, false, 0 },
	{ "0x1", 0, 9, false, 0 },
	{ "1.0", 0, 9, false, 0 },
};

static void
text_number_takes_whole_decimal_numbers(void **state)
{
	uint64_t number;

	(void)state;
	for (size_t i = 0; i < ARRAY_N(numbers); i++) {
		number = 42;
		assert_int_equal(text_number(numbers[i].text, numbers[i].min,
				     numbers[i].max, &number),
		    numbers[i].good);
		assert_int_equal(
		    number, numbers[i].good ? numbers[i].number : 42);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_escape_makes_text_printable),
		cmocka_unit_test(
		    text_escape_small_room_cuts_between_characters),
		cmocka_unit_test(str_compares_bytes_and_lengths),
		cmocka_unit_test(str_dup_copies_and_ends),
		cmocka_unit_test(str_take_line_takes_all_lines),
		cmocka_unit_test(text_is_tells_shapes_apart),
		cmocka_unit_test(text_is_space_is_ascii_only),
		cmocka_unit_test(text_time_writes_rfc3339),
		cmocka_unit_test(text_number_takes_whole_decimal_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
