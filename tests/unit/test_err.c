/* test_err.c - errors as values: texts, advice, times. */
/* objects: common/err */
/* libs: */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>

#include "err.h"

static void
err_new_formats_the_text(void **state)
{
	struct err *e = err_new("%s: %d", "a", 7);

	(void)state;
	assert_string_equal(err_text(e), "a: 7");
	assert_string_equal(err_advice(e), "");
	assert_int_equal(err_when(e), 0);
	assert_int_equal(err_errno(e), 0);
	err_free(e);
}

static void
err_sys_adds_errno(void **state)
{
	struct err *e;

	(void)state;
	errno = EROFS;
	e = err_sys("write %s", "x");
	assert_string_equal(err_text(e), "write x: Read-only file system");
	assert_int_equal(err_errno(e), EROFS);
	err_free(e);
}

static void
err_wrap_puts_facts_in_front(void **state)
{
	struct err *e = err_new("cause");

	(void)state;
	e = err_wrap(e, "%s", "inner");
	e = err_wrap(e, "outer %d", 1);
	assert_string_equal(err_text(e), "outer 1: inner: cause");
	err_free(e);
}

static void
err_wrap_keeps_what_was_known(void **state)
{
	struct err *e;

	(void)state;
	errno = ENOENT;
	e = err_retry_at(err_advise(err_sys("a"), "do b"), 99);
	e = err_wrap(e, "c");
	assert_string_equal(err_advice(e), "do b");
	assert_int_equal(err_when(e), 99);
	assert_int_equal(err_errno(e), ENOENT);
	err_free(e);
}

static void
err_advise_twice_keeps_the_first(void **state)
{
	struct err *e = err_advise(err_new("a"), "first %d", 1);

	(void)state;
	e = err_advise(e, "second");
	assert_string_equal(err_advice(e), "first 1");
	err_free(e);
}

static void
err_mark_gives_a_number_without_text(void **state)
{
	struct err *e = err_mark(err_new("a"), EAGAIN);

	(void)state;
	assert_string_equal(err_text(e), "a");
	assert_int_equal(err_errno(e), EAGAIN);
	e = err_wrap(e, "b");
	assert_int_equal(err_errno(e), EAGAIN);
	err_free(e);
}

static void
err_null_stays_success(void **state)
{
	(void)state;
	assert_null(err_wrap(NULL, "a"));
	assert_null(err_advise(NULL, "a"));
	assert_null(err_retry_at(NULL, 1));
	assert_null(err_mark(NULL, 1));
	assert_string_equal(err_text(NULL), "no error");
	assert_string_equal(err_advice(NULL), "");
	assert_int_equal(err_when(NULL), 0);
	assert_int_equal(err_errno(NULL), 0);
	err_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(err_new_formats_the_text),
		cmocka_unit_test(err_sys_adds_errno),
		cmocka_unit_test(err_wrap_puts_facts_in_front),
		cmocka_unit_test(err_wrap_keeps_what_was_known),
		cmocka_unit_test(err_advise_twice_keeps_the_first),
		cmocka_unit_test(err_mark_gives_a_number_without_text),
		cmocka_unit_test(err_null_stays_success),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
