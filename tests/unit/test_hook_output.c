/* test_hook_output.c - bytes of a hook become bounded lines of text. */
/* objects: common/text certd/hook/output */
/* libs: */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "hook.h"

#define LINES_MAX 5000

struct lines {
	char *v[LINES_MAX];
	size_t n, bytes;
};

static void
collect(void *arg, struct str line)
{
	struct lines *l = arg;

	assert_true(l->n < LINES_MAX);
	assert_true(line.n <= LINE_MAX_BYTES);
	assert_true(text_is_plain(line.p, line.n));
	l->v[l->n++] = str_dup(line);
	l->bytes += line.n;
}

static struct output *
output_new(struct lines *l)
{
	struct output *o = calloc(1, sizeof(*o));

	assert_non_null(o);
	memset(l, 0, sizeof(*l));
	o->emit = collect;
	o->arg = l;
	return o;
}

static void
done(struct output *o, struct lines *l)
{
	while (l->n > 0)
		free(l->v[--l->n]);
	free(o);
}

static void
lines_are_cut_wherever_the_bytes_are(void **state)
{
	static const char text[] = "one\n\ntwo\r\n\tthree\n\nfo\033ur";
	struct output *o;
	struct lines l;
	size_t step, i;

	(void)state;
	for (step = 1; step < sizeof(text); step++) {
		o = output_new(&l);
		for (i = 0; i < strlen(text); i += step)
			output_add(o, text + i,
			    strlen(text) - i < step ? strlen(text) - i : step);
		output_end(o);
		assert_int_equal(l.n, 4);
		assert_string_equal(l.v[0], "one");
		assert_string_equal(l.v[1], "two\\x0D");
		assert_string_equal(l.v[2], "\\tthree");
		assert_string_equal(l.v[3], "fo\\x1Bur");
		done(o, &l);
	}
}

static void
nothing_printed_is_nothing_told(void **state)
{
	struct lines l;
	struct output *o = output_new(&l);

	(void)state;
	output_end(o);
	assert_int_equal(l.n, 0);
	done(o, &l);
}

/* A line that is too long becomes several, and no character is torn. */
static void
line_too_long_is_continued(void **state)
{
	struct lines l;
	struct output *o = output_new(&l);
	char text[3000];
	size_t i, n = 0;

	(void)state;
	for (i = 0; i < sizeof(text); i += 3)
		memcpy(text + i, "\xe2\x82\xac", 3);
	output_add(o, text, sizeof(text));
	output_end(o);
	assert_true(l.n >= 3);
	for (i = 0; i < l.n; i++) {
		assert_int_equal(strlen(l.v[i]) % 3, 0);
		n += strlen(l.v[i]);
	}
	assert_int_equal(n, sizeof(text));
	done(o, &l);
}

static void
bytes_that_are_no_text_are_escaped_whole(void **state)
{
	struct lines l;
	struct output *o = output_new(&l);
	char text[1500];
	size_t i, n = 0;

	(void)state;
	memset(text, 0x80, sizeof(text));
	output_add(o, text, sizeof(text));
	output_end(o);
	for (i = 0; i < l.n; i++)
		n += strlen(l.v[i]);
	assert_int_equal(n, 4 * sizeof(text));
	done(o, &l);
}

static void
output_over_the_limit_is_counted(void **state)
{
	struct lines l;
	struct output *o = output_new(&l);
	char part[1000];
	int i;

	(void)state;
	memset(part, 'x', sizeof(part));
	for (i = 0; i < 5000; i++)
		output_add(o, part, sizeof(part));
	output_end(o);
	assert_string_equal(l.v[l.n - 2], "(and 4934464 more bytes)");
	assert_int_equal(l.bytes - strlen(l.v[l.n - 1]) -
	    strlen(l.v[l.n - 2]), OUTPUT_MAX_BYTES);
	done(o, &l);
}

static void
last_line_is_told_whatever_came_before(void **state)
{
	static const char *const ends[] = { "it is broken", "it is broken\n",
		"before\nit is broken\n\n" };
	size_t i, k, part;

	(void)state;
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		for (part = 1; part < 5000; part += 700) {
			struct lines l;
			struct output *o = output_new(&l);
			char text[5000];

			memset(text, 'y', sizeof(text));
			text[part - 1] = '\n';
			for (k = 0; k * part < 200000; k++)
				output_add(o, text, part);
			output_add(o, ends[i], strlen(ends[i]));
			output_end(o);
			assert_string_equal(l.v[l.n - 1], "it is broken");
			done(o, &l);
		}
}

static void
short_lines_are_limited_too(void **state)
{
	struct lines l;
	struct output *o = output_new(&l);
	int i;

	(void)state;
	for (i = 0; i < 1000000; i++)
		output_add(o, i % 2 == 0 ? "x" : "\n", 1);
	output_end(o);
	assert_true(l.n <= OUTPUT_MAX_BYTES / 16 + 2);
	assert_non_null(strstr(l.v[l.n - 2], "more bytes"));
	assert_string_equal(l.v[l.n - 1], "x");
	done(o, &l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_cut_wherever_the_bytes_are),
		cmocka_unit_test(nothing_printed_is_nothing_told),
		cmocka_unit_test(line_too_long_is_continued),
		cmocka_unit_test(bytes_that_are_no_text_are_escaped_whole),
		cmocka_unit_test(output_over_the_limit_is_counted),
		cmocka_unit_test(last_line_is_told_whatever_came_before),
		cmocka_unit_test(short_lines_are_limited_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
