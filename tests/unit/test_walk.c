/* test_walk.c - frames that are broken byte by byte, and what must not reach
 * msgpack-c. */
/* objects: $(BASE) */
/* libs: $(MSGPACK) */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <string.h>

#include "buf.h"
#include "codec.h"
#include "raw_frame.h"
#include "samples.h"

/* How often msgpack-c was asked: this stands before the library's own. */
static unsigned unpacked;

msgpack_unpack_return
msgpack_unpack(const char *data, size_t n, size_t *off, msgpack_zone *zone,
    msgpack_object *result)
{
	msgpack_unpack_return (*real)(
	    const char *, size_t, size_t *, msgpack_zone *, msgpack_object *);
	void *symbol = dlsym(RTLD_NEXT, "msgpack_unpack");

	unpacked++;
	memcpy(&real, &symbol, sizeof(real));
	return real(data, n, off, zone, result);
}

/* The frame ends where its memory ends. */
static bool
is_accepted(const char *frame, size_t n)
{
	char *copy = malloc(n + 1);
	struct err *e;
	struct msg m;
	bool rc;

	assert_non_null(copy);
	memcpy(copy + 1, frame, n);
	e = msg_decode(copy + 1, n, &m);
	rc = e == NULL;
	msg_clear(&m);
	free(copy);
	err_free(e);
	return rc;
}

static struct buf *
encode(const struct msg *m)
{
	struct buf *b = buf_new(PROTO_FRAME_MAX + 8);

	err_free(msg_encode(m, b));
	assert_true(buf_len(b) > 4);
	buf_drop(b, 4);
	return b;
}

static void
for_each_frame(void (*fn)(char *frame, size_t n))
{
	enum sample_size size;
	struct sample s;
	struct buf *b;
	char *copy;
	size_t i;

	for (i = 0; i < msg_table_n; i++)
		for (size = LEAST; size <= MOST; size++) {
			sample_make(&s, msg_table[i], size);
			b = encode(&s.m);
			copy = malloc(buf_len(b) + 1);
			assert_non_null(copy);
			memcpy(copy, buf_data(b), buf_len(b));
			fn(copy, buf_len(b));
			free(copy);
			buf_free(b);
			sample_clear(&s);
		}
}

/* Every byte of short frames; long ones at both ends and in steps between. */
static void
check_truncated(char *frame, size_t n)
{
	size_t cut, step;

	for (cut = 0; cut < n; cut += step) {
		step = n < 2048 || cut < 64 || n - cut <= 64 ? 1 : n / 97;
		if (cut + step >= n && step > 1)
			step = n - cut - 64;
		assert_false(is_accepted(frame, cut));
	}
}

static void
walk_truncated_frame_is_refused(void **state)
{
	(void)state;
	unpacked = 0;
	for_each_frame(check_truncated);
	assert_int_equal(unpacked, 0);
}

static void
check_trailing(char *frame, size_t n)
{
	static const char tails[] = { '\0', '\1', '\xc0', '\xc3', '\x90',
		'\xff' };
	size_t i;

	for (i = 0; i < sizeof(tails); i++) {
		frame[n] = tails[i];
		assert_false(is_accepted(frame, n + 1));
	}
}

static void
walk_trailing_byte_is_refused(void **state)
{
	(void)state;
	unpacked = 0;
	for_each_frame(check_trailing);
	assert_int_equal(unpacked, 0);
}

static void
check_first_byte(char *frame, size_t n)
{
	const char first = frame[0];
	int c;

	for (c = 0; c < 256; c++) {
		frame[0] = (char)c;
		assert_int_equal(is_accepted(frame, n), frame[0] == first);
	}
	frame[0] = first;
}

static void
walk_first_byte_has_one_value(void **state)
{
	(void)state;
	for_each_frame(check_first_byte);
}

/* 256 first bytes, each with nothing, zeros and ones behind. */
static void
walk_single_element_is_no_frame(void **state)
{
	char frame[300];
	size_t n;
	int c, fill;

	(void)state;
	unpacked = 0;
	assert_false(is_accepted("", 0));
	for (c = 0; c < 256; c++)
		for (fill = 0; fill < 256; fill += 255)
			for (n = 1; n < sizeof(frame); n++) {
				memset(frame, fill, sizeof(frame));
				frame[0] = (char)c;
				assert_false(is_accepted(frame, n));
			}
	assert_int_equal(unpacked, 0);
}

/* Any byte of any short frame, changed to any value: no crash, and what is
 * accepted is written the same way by us. */
static void
check_any_byte(char *frame, size_t n)
{
	struct err *e;
	struct msg m;
	struct buf *b;
	size_t i;
	int c;
	char was;

	if (n > 400)
		return;
	for (i = 0; i < n; i++) {
		was = frame[i];
		for (c = 0; c < 256; c++) {
			frame[i] = (char)c;
			if ((e = msg_decode(frame, n, &m)) == NULL) {
				b = encode(&m);
				assert_int_equal(buf_len(b), n);
				assert_memory_equal(buf_data(b), frame, n);
				buf_free(b);
			}
			msg_clear(&m);
			err_free(e);
		}
		frame[i] = was;
	}
}

static void
walk_accepted_frame_has_one_encoding(void **state)
{
	(void)state;
	for_each_frame(check_any_byte);
}

/* Five bytes that make msgpack-c reserve up to gigabytes, nested, and the
 * like; all are stopped before it. */
static const struct {
	const char *bytes;
	size_t n;
} traps[] = {
#define TRAP(s)                                                                \
	{                                                                      \
		s, sizeof(s) - 1                                               \
	}
	TRAP("\xdd\x00\xff\xff\xff"),
	TRAP("\xdd\xff\xff\xff\xff"),
	TRAP("\xdf\xff\xff\xff\xff"),
	TRAP("\xdc\xff\xff"),
	TRAP("\xdc\xff\xff\x01\x00"),
	TRAP("\xde\xff\xff"),
	TRAP("\xc6\xff\xff\xff\xff"),
	TRAP("\xdb\xff\xff\xff\xff"),
	TRAP("\xc9\xff\xff\xff\xff\x01"),
	TRAP("\x93\x0d\x00\xda\xff\xff"),          /* show, text */
	TRAP("\x93\x0d\x00\xdb\x00\x00\x00\x01x"), /* str32 */
	TRAP("\x93\x0b\x00\xdd\xff\xff\xff\xff"),  /* issue, names */
	TRAP("\x93\x0b\x00\xdd\x00\x00\x00\x01\xa3"
	     "a.b"),
	TRAP("\x93\x0b\x00\xdc\xff\xff"),
	TRAP("\x93\x0b\x00\x91\x91\xa3"
	     "a.b"), /* three lists */
	TRAP("\x93\x0b\x00\x91\x81\xa1x\xa1y"),
	TRAP("\x93\x38\x01\xc6\xff\xff\xff\xff"), /* chain */
	TRAP("\xdc\xff\xff\xdc\xff\xff\xdc\xff\xff\xdc\xff\xff"),
	TRAP("\xdc\x00\x02\x0c\x00"), /* list, longer than it must be */
	TRAP("\x92\xcc\x0c\x00"),
	TRAP("\x92\x0c\xcd\x00\x01"),
	TRAP("\x92\x0c\xcf\x00\x00\x00\x00\x00\x00\x00\x01"),
	TRAP("\x93\x0d\x00\xd9\x01x"),
	TRAP("\x93\x0f\x00\xd0\x01"), /* int8 */
	TRAP("\x93\x0f\x00\xff"),
	TRAP("\x93\x0f\x00\xc0"),
	TRAP("\x93\x0f\x00\xc1"),
	TRAP("\x93\x0f\x00\xca\x00\x00\x00\x00"),
	TRAP("\x93\x0f\x00\xd4\x01\x01"),
	TRAP("\x90"),
	TRAP("\x91\x0c"),
	TRAP("\x92\xc3\x00"),
	TRAP("\x92\xa1x\x00"),
	TRAP("\x92\x91\x01\x00"),
	TRAP("\x92\x00\x00"), /* no such message */
	TRAP("\x92\xcc\xff\x00"),
	TRAP("\x92\xce\x00\x01\x00\x0c\x00"), /* list + 65536 */
	TRAP("\x92\xcf\x00\x00\x00\x01\x00\x00\x00\x0c\x00"),
#undef TRAP
};

static void
walk_trap_never_reaches_msgpack(void **state)
{
	size_t i;

	(void)state;
	unpacked = 0;
	for (i = 0; i < sizeof(traps) / sizeof(*traps); i++)
		if (is_accepted(traps[i].bytes, traps[i].n) || unpacked != 0)
			fail_msg("trap %zu", i);
}

/* The same without the trap: what the table above rests on. */
static void
walk_good_neighbours_are_accepted(void **state)
{
	(void)state;
	assert_true(is_accepted("\x92\x0c\x00", 3)); /* list */
	assert_true(is_accepted("\x93\x0d\x00\xa1x", 5));
	assert_true(is_accepted("\x93\x0b\x00\x91\xa3"
				"a.b",
	    8));
	assert_true(is_accepted("\x93\x0f\x00\x01", 4));
}

static void
walk_deep_lists_are_refused(void **state)
{
	char frame[200];
	size_t depth;

	(void)state;
	unpacked = 0;
	for (depth = 1; depth < sizeof(frame) - 3; depth++) {
		memset(frame, '\x91', sizeof(frame));
		memcpy(frame, "\x93\x0b\x00", 3);
		frame[3 + depth] = 1;
		assert_false(is_accepted(frame, depth + 4));
	}
	/* One list of numbers is well built, and of the wrong type. */
	assert_int_equal(unpacked, 1);
}

static void
walk_long_list_is_refused(void **state)
{
	char frame[70000];
	struct walked w;

	(void)state;
	memset(frame, 0, sizeof(frame));
	memcpy(frame, "\x93\x0b\x00\xdc\x00", 5);
	frame[5] = WALK_LIST_MAX;
	assert_null(frame_walk(frame, 6 + WALK_LIST_MAX, &w));
	assert_int_equal(w.type, MSG_issue);
	assert_int_equal(w.count, 3);
	frame[5] = (char)(WALK_LIST_MAX + 1);
	assert_non_null(frame_walk(frame, 7 + WALK_LIST_MAX, &w));
	frame[4] = frame[5] = '\xff';
	assert_non_null(frame_walk(frame, 6 + 65535, &w));
}

/* A message of a small row does not become a large frame. */
static void
walk_frame_over_its_row_is_refused(void **state)
{
	static char frame[PROTO_FRAME_MAX];
	const size_t n = msg_row(MSG_show)->max_bytes + 1;

	(void)state;
	memset(frame, 'x', sizeof(frame));
	memcpy(frame, "\x93\x0d\x00\xd9", 4);
	frame[4] = (char)(n - 5);
	unpacked = 0;
	assert_false(is_accepted(frame, n));
	assert_int_equal(unpacked, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(walk_truncated_frame_is_refused),
		cmocka_unit_test(walk_trailing_byte_is_refused),
		cmocka_unit_test(walk_first_byte_has_one_value),
		cmocka_unit_test(walk_single_element_is_no_frame),
		cmocka_unit_test(walk_accepted_frame_has_one_encoding),
		cmocka_unit_test(walk_trap_never_reaches_msgpack),
		cmocka_unit_test(walk_good_neighbours_are_accepted),
		cmocka_unit_test(walk_deep_lists_are_refused),
		cmocka_unit_test(walk_long_list_is_refused),
		cmocka_unit_test(walk_frame_over_its_row_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
