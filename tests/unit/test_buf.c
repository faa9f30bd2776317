/* test_buf.c - the growable buffer: limits, and what is left after errors. */
/* objects: common/buf common/err */
/* libs: */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"

static void
buf_new_is_empty_text(void **state)
{
	struct buf *b = buf_new(10);

	(void)state;
	assert_non_null(b);
	assert_int_equal(buf_len(b), 0);
	assert_string_equal(buf_data(b), "");
	buf_free(b);
}

static void
buf_add_grows_and_ends_with_nul(void **state)
{
	struct buf *b = buf_new(100000);
	char byte;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		byte = (char)('a' + i % 26);
		assert_null(buf_add(b, &byte, 1));
	}
	assert_int_equal(buf_len(b), 100000);
	assert_int_equal(strlen(buf_data(b)), 100000);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(buf_data(b)[i], 'a' + i % 26);
	buf_free(b);
}

static void
buf_add_over_limit_changes_nothing(void **state)
{
	struct buf *b = buf_new(4);
	struct err *e;

	(void)state;
	assert_null(buf_add(b, "abc", 3));
	e = buf_add(b, "de", 2);
	assert_string_equal(err_text(e), "more than 4 bytes");
	err_free(e);
	assert_string_equal(buf_data(b), "abc");
	assert_null(buf_add(b, "d", 1));
	assert_string_equal(buf_data(b), "abcd");
	e = buf_addf(b, "%d", 5);
	assert_non_null(e);
	err_free(e);
	assert_string_equal(buf_data(b), "abcd");
	buf_free(b);
}

static void
buf_add_nothing_is_fine(void **state)
{
	struct buf *b = buf_new(0);

	(void)state;
	assert_null(buf_add(b, "", 0));
	assert_null(buf_add(b, NULL, 0));
	assert_null(buf_addf(b, "%s", ""));
	assert_int_equal(buf_len(b), 0);
	buf_free(b);
}

static void
buf_addf_formats(void **state)
{
	struct buf *b = buf_new(100);

	(void)state;
	assert_null(buf_addf(b, "%s-%d", "x", 12));
	assert_null(buf_addf(b, "%c", '!'));
	assert_string_equal(buf_data(b), "x-12!");
	buf_free(b);
}

static void
buf_drop_takes_from_the_front(void **state)
{
	struct buf *b = buf_new(100);

	(void)state;
	assert_null(buf_add(b, "abcdef", 6));
	buf_drop(b, 2);
	assert_string_equal(buf_data(b), "cdef");
	buf_drop(b, 0);
	assert_string_equal(buf_data(b), "cdef");
	buf_drop(b, 99);
	assert_int_equal(buf_len(b), 0);
	assert_string_equal(buf_data(b), "");
	buf_free(b);
}

static void
buf_clear_wipes_the_bytes(void **state)
{
	struct buf *b = buf_new(100);
	const char *data;

	(void)state;
	assert_null(buf_add(b, "secret", 6));
	data = buf_data(b);
	buf_clear(b);
	for (int i = 0; i < 6; i++)
		assert_int_equal(data[i], 0);
	assert_null(buf_add(b, "x", 1));
	assert_string_equal(buf_data(b), "x");
	buf_free(b);
	buf_free(NULL);
}

static void
buf_add_file_reads_to_the_end(void **state)
{
	struct buf *b = buf_new(10000);
	char text[6000];
	int p[2];

	(void)state;
	memset(text, 'z', sizeof(text));
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], text, sizeof(text)), sizeof(text));
	close(p[1]);
	assert_null(buf_add(b, "a", 1));
	assert_null(buf_add_file(b, p[0]));
	assert_int_equal(buf_len(b), 1 + sizeof(text));
	assert_memory_equal(buf_data(b) + 1, text, sizeof(text));
	close(p[0]);
	buf_free(b);
}

static void
buf_add_file_refuses_too_much_and_no_file(void **state)
{
	struct buf *b = buf_new(3);
	struct err *e;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "abcd", 4), 4);
	close(p[1]);
	e = buf_add_file(b, p[0]);
	assert_string_equal(err_text(e), "more than 3 bytes");
	err_free(e);
	close(p[0]);
	e = buf_add_file(b, -1);
	assert_string_equal(err_text(e), "read: Bad file descriptor");
	err_free(e);
	buf_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buf_new_is_empty_text),
		cmocka_unit_test(buf_add_grows_and_ends_with_nul),
		cmocka_unit_test(buf_add_over_limit_changes_nothing),
		cmocka_unit_test(buf_add_nothing_is_fine),
		cmocka_unit_test(buf_addf_formats),
		cmocka_unit_test(buf_drop_takes_from_the_front),
		cmocka_unit_test(buf_clear_wipes_the_bytes),
		cmocka_unit_test(buf_add_file_reads_to_the_end),
		cmocka_unit_test(buf_add_file_refuses_too_much_and_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
