/* test_codec.c - every message of the table, as it is and as it must not be. */
/* objects: $(BASE) */
/* libs: $(MSGPACK) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "proto.h"
#include "raw_frame.h"
#include "samples.h"

/* A copy that ends where the frame ends, so that sanitizers see one byte too
 * many. The message does not outlive it: only the verdict counts. */
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
	if (e != NULL) {
		assert_int_equal(m.type, 0);
		assert_null(m.lists_);
	}
	rc = e == NULL;
	msg_clear(&m);
	free(copy);
	err_free(e);
	return rc;
}

static bool
raw_is_accepted(const struct msg *m, struct raw how)
{
	msgpack_sbuffer b;
	bool rc;

	raw_frame(m, how, &b);
	rc = is_accepted(b.data, b.size);
	msgpack_sbuffer_destroy(&b);
	return rc;
}

static bool
is_encoded(const struct msg *m)
{
	struct buf *b = buf_new(2 * PROTO_FRAME_MAX);
	struct err *e = msg_encode(m, b);
	bool rc = e == NULL;

	/* All or nothing. */
	assert_int_equal(buf_len(b) > 0, rc);
	err_free(e);
	buf_free(b);
	return rc;
}

/* What is in a frame of our encoder, without its length. */
static struct buf *
encode(const struct msg *m)
{
	struct buf *b = buf_new(PROTO_FRAME_MAX + 4);
	struct err *e = msg_encode(m, b);
	const unsigned char *p;

	if (e != NULL)
		fail_msg("%s", err_text(e));
	p = (const unsigned char *)buf_data(b);
	assert_int_equal(
	    (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3],
	    buf_len(b) - 4);
	buf_drop(b, 4);
	return b;
}

static void
assert_same(const struct msg *a, const struct msg *b)
{
	const struct msg_def *row = msg_row(a->type);
	struct buf *x, *y;

	assert_int_equal(a->type, b->type);
	assert_int_equal(a->id, b->id);
	x = encode(a);
	y = encode(b);
	assert_int_equal(buf_len(x), buf_len(y));
	assert_memory_equal(buf_data(x), buf_data(y), buf_len(x));
	assert_true(buf_len(x) <= row->max_bytes);
	buf_free(x);
	buf_free(y);
}

/* Calls fn for the least and the most message of every row. */
static void
for_each_sample(void (*fn)(const struct msg_def *row, struct sample *s))
{
	enum sample_size size;
	struct sample s;
	size_t i;

	for (i = 0; i < msg_table_n; i++)
		for (size = LEAST; size <= MOST; size++) {
			sample_make(&s, msg_table[i], size);
			fn(msg_table[i], &s);
			sample_clear(&s);
		}
}

static void
check_round_trip(const struct msg_def *row, struct sample *s)
{
	struct buf *b = encode(&s->m);
	struct msg m;
	struct err *e = msg_decode(buf_data(b), buf_len(b), &m);

	if (e != NULL)
		fail_msg("%s: %s", row->name, err_text(e));
	assert_same(&s->m, &m);
	msg_clear(&m);
	assert_null(m.lists_);
	buf_free(b);
}

static void
codec_round_trip_keeps_every_message(void **state)
{
	(void)state;
	for_each_sample(check_round_trip);
}

/* raw_frame() is what the other tests build on: it must say the same. */
static void
check_raw(const struct msg_def *row, struct sample *s)
{
	struct buf *b = encode(&s->m);
	msgpack_sbuffer raw;

	(void)row;
	raw_frame(&s->m, RAW_AS_IS, &raw);
	assert_int_equal(raw.size, buf_len(b));
	assert_memory_equal(raw.data, buf_data(b), raw.size);
	msgpack_sbuffer_destroy(&raw);
	buf_free(b);
}

static void
codec_frame_is_plain_msgpack(void **state)
{
	(void)state;
	for_each_sample(check_raw);
}

/* Field k of the message may not have the value that it has. */
static void
assert_refused(const struct msg_def *row, size_t k, const struct msg *m)
{
	if (is_encoded(m))
		fail_msg("%s.%s is sent", row->name, row->fields[k].name);
	if (raw_is_accepted(m, RAW_AS_IS))
		fail_msg("%s.%s is accepted", row->name, row->fields[k].name);
}

static void
codec_field_over_bound_is_refused(void **state)
{
	const struct msg_def *row;
	struct sample s;
	size_t i, k;

	(void)state;
	for (i = 0; i < msg_table_n; i++)
		for (k = 0; k < msg_table[i]->n_fields; k++) {
			row = msg_table[i];
			if (!sample_can_be_over(&row->fields[k]))
				continue;
			sample_make(&s, row, LEAST);
			sample_field(&s, &row->fields[k], OVER);
			assert_refused(row, k, &s.m);
			sample_clear(&s);
		}
}

/* What no field of a type may hold, one value each; all within most bounds. */
static const struct {
	enum field_type type;
	const char *text;
	size_t n;
} misshapen[] = {
	{ FT_text, "a\0b", 3 },
	{ FT_text, "a\nb", 3 },
	{ FT_text, "\x7f", 1 },
	{ FT_text, "\xc2\x85", 2 },
	{ FT_text, "\xff", 1 },
	{ FT_text, "\xc0\x80", 2 },
	{ FT_b64u, "", 0 },
	{ FT_b64u, "a+b", 3 },
	{ FT_b64u, "a=", 2 },
	{ FT_b64u, "a\0", 2 },
	{ FT_hex, "", 0 },
	{ FT_hex, "AB", 2 },
	{ FT_hex, "0x", 2 },
	{ FT_name, "", 0 },
	{ FT_name, "A.b", 3 },
	{ FT_name, "a", 1 },
	{ FT_name, "a.b.", 4 },
	{ FT_name, "../etc", 6 },
	{ FT_name, "1.2.3.4", 7 },
	{ FT_name, "a.b\0", 4 },
	{ FT_record, "a.b", 3 },
	{ FT_record, "_acme-challenge.", 16 },
	{ FT_record, "_acme-challenge.*.a.b", 21 },
	{ FT_record, "x._acme-challenge.a.b", 21 },
	{ FT_url, "", 0 },
	{ FT_url, "http://a/", 9 },
	{ FT_url, "https://a/#b", 12 },
	{ FT_url, "https://u@a/", 12 },
	{ FT_url, "https://a/\n", 11 },
	{ FT_names, "*", 1 },
	{ FT_names, "", 0 },
	{ FT_texts, "a\rb", 3 },
};

static void
codec_text_of_wrong_shape_is_refused(void **state)
{
	const struct field_row *f;
	struct sample s;
	struct str bad;
	size_t i, k, j;

	(void)state;
	for (i = 0; i < msg_table_n; i++)
		for (k = 0; k < msg_table[i]->n_fields; k++)
			for (j = 0; j < sizeof(misshapen) / sizeof(*misshapen);
			     j++) {
				f = &msg_table[i]->fields[k];
				if (misshapen[j].type != f->type)
					continue;
				bad = (struct str){ misshapen[j].text,
					misshapen[j].n };
				sample_make(&s, msg_table[i], LEAST);
				if (f->type == FT_names || f->type == FT_texts)
					*(struct strs *)((char *)&s.m +
							 f->offset) =
					    (struct strs){ &bad, 1 };
				else
					*(struct str *)((char *)&s.m +
							f->offset) = bad;
				assert_refused(msg_table[i], k, &s.m);
				sample_clear(&s);
			}
}

static void
codec_list_bounds_hold_for_elements(void **state)
{
	const struct field_row *f;
	struct field_row one;
	struct sample s;
	struct str bad;
	size_t i, k;

	(void)state;
	for (i = 0; i < msg_table_n; i++)
		for (k = 0; k < msg_table[i]->n_fields; k++) {
			f = &msg_table[i]->fields[k];
			if (f->type != FT_names && f->type != FT_texts)
				continue;
			sample_make(&s, msg_table[i], LEAST);
			one = (struct field_row){ "",
				f->type == FT_names ? FT_name : FT_text,
				f->type == FT_names ? NAME_MAX_BYTES
						    : PROTO_TEXTS_BYTES,
				0 };
			bad = sample_text(&s, &one, OVER);
			*(struct strs *)((char *)&s.m + f->offset) =
			    (struct strs){ &bad, 1 };
			assert_refused(msg_table[i], k, &s.m);
			if (f->type == FT_names) {
				*(struct strs *)((char *)&s.m + f->offset) =
				    (struct strs){ &bad, 0 };
				assert_refused(msg_table[i], k, &s.m);
			}
			sample_clear(&s);
		}
}

/* ---- other types ---- */

static int
pack_negative(msgpack_packer *pk)
{
	return msgpack_pack_int(pk, -1);
}

static int
pack_number(msgpack_packer *pk)
{
	return msgpack_pack_uint32(pk, 1);
}

static int
pack_huge(msgpack_packer *pk)
{
	return msgpack_pack_uint64(pk, UINT64_MAX);
}

static int
pack_real(msgpack_packer *pk)
{
	return msgpack_pack_double(pk, 1.0);
}

static int
pack_map(msgpack_packer *pk)
{
	return msgpack_pack_map(pk, 0);
}

static int
pack_ext(msgpack_packer *pk)
{
	return msgpack_pack_ext_with_body(pk, "abcd", 4, 1);
}

static int
pack_bin(msgpack_packer *pk)
{
	return msgpack_pack_bin_with_body(pk, "a.b", 3);
}

static int
pack_str(msgpack_packer *pk)
{
	return msgpack_pack_str_with_body(pk, "a.b", 3);
}

static int
pack_list(msgpack_packer *pk)
{
	return msgpack_pack_array(pk, 1) | pack_str(pk);
}

static int
pack_list_of_numbers(msgpack_packer *pk)
{
	return msgpack_pack_array(pk, 1) | pack_number(pk);
}

static int
pack_deep_list(msgpack_packer *pk)
{
	return msgpack_pack_array(pk, 1) | pack_list(pk);
}

#define BIT(type) (1u << FT_##type)
#define TEXTUAL                                                                \
	(BIT(text) | BIT(b64u) | BIT(hex) | BIT(name) | BIT(record) | BIT(url))

static const struct {
	raw_value *pack;
	uint32_t fine; /* field types for which it is no wrong type */
} values[] = {
	{ msgpack_pack_nil, 0 },
	{ msgpack_pack_true, BIT(flag) },
	{ pack_negative, 0 },
	{ pack_number, BIT(u32) | BIT(u64) },
	{ pack_huge, BIT(u64) },
	{ pack_real, 0 },
	{ pack_map, 0 },
	{ pack_ext, 0 },
	{ pack_bin, BIT(bytes) },
	{ pack_str, TEXTUAL },
	{ pack_list, BIT(names) | BIT(texts) },
	{ pack_list_of_numbers, 0 },
	{ pack_deep_list, 0 },
};

static void
codec_field_of_wrong_type_is_refused(void **state)
{
	const struct msg_def *row;
	struct raw how = RAW_AS_IS;
	struct sample s;
	size_t i, j;

	(void)state;
	for (i = 0; i < msg_table_n; i++) {
		row = msg_table[i];
		sample_make(&s, row, LEAST);
		for (how.at = 0; how.at < row->n_fields; how.at++)
			for (j = 0; j < sizeof(values) / sizeof(*values); j++) {
				how.value = values[j].pack;
				if (values[j].fine >> row->fields[how.at].type &
				    1)
					continue;
				if (raw_is_accepted(&s.m, how))
					fail_msg("%s.%s takes value %zu",
					    row->name, row->fields[how.at].name,
					    j);
			}
		sample_clear(&s);
	}
}

static void
check_missing_and_extra(const struct msg_def *row, struct sample *s)
{
	struct raw how = RAW_AS_IS;
	size_t j;

	for (how.skip = 0; how.skip < row->n_fields; how.skip++)
		assert_false(raw_is_accepted(&s->m, how));
	how = RAW_AS_IS;
	how.is_extra = true;
	for (j = 0; j < sizeof(values) / sizeof(*values); j++) {
		how.value = values[j].pack;
		assert_false(raw_is_accepted(&s->m, how));
	}
	assert_true(raw_is_accepted(&s->m, RAW_AS_IS));
}

static void
codec_missing_or_extra_field_is_refused(void **state)
{
	(void)state;
	for_each_sample(check_missing_and_extra);
}

static void
codec_unset_text_is_not_sent(void **state)
{
	struct msg m = { .type = MSG_show };

	(void)state;
	assert_false(is_encoded(&m));
	m.type = 0;
	assert_false(is_encoded(&m));
	m.type = 9;
	assert_false(is_encoded(&m));
}

static void
codec_full_buffer_stays_as_it_was(void **state)
{
	struct msg m = { .type = MSG_watch, .watch = { .job = 70000 } };
	struct buf *b = buf_new(8);
	struct err *e;

	(void)state;
	err_free(buf_add(b, "abc", 3));
	e = msg_encode(&m, b);
	assert_non_null(e);
	assert_string_equal(buf_data(b), "abc");
	err_free(e);
	buf_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codec_round_trip_keeps_every_message),
		cmocka_unit_test(codec_frame_is_plain_msgpack),
		cmocka_unit_test(codec_field_over_bound_is_refused),
		cmocka_unit_test(codec_text_of_wrong_shape_is_refused),
		cmocka_unit_test(codec_list_bounds_hold_for_elements),
		cmocka_unit_test(codec_field_of_wrong_type_is_refused),
		cmocka_unit_test(codec_missing_or_extra_field_is_refused),
		cmocka_unit_test(codec_unset_text_is_not_sent),
		cmocka_unit_test(codec_full_buffer_stays_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
