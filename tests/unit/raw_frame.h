/*
 * raw_frame.h - frames as somebody would write them who does not keep to the
 * table. For the tests of the codec; no length before them.
 */
#ifndef RAW_FRAME_H
#define RAW_FRAME_H

#include <msgpack.h>

#include "proto.h"

/* Packs one value of another type in place of a field. */
typedef int raw_value(msgpack_packer *pk);

struct raw {
	size_t skip; /* this field is left out; SIZE_MAX: none */
	size_t at;   /* this field is replaced by value */
	raw_value *value;
	bool is_extra; /* value comes behind all fields */
};
#define RAW_AS_IS                                                              \
	(struct raw)                                                           \
	{                                                                      \
		.skip = SIZE_MAX, .at = SIZE_MAX                               \
	}

static inline void
raw_text(msgpack_packer *pk, enum field_type type, const struct str *s)
{
	if (type == FT_bytes)
		msgpack_pack_bin_with_body(pk, s->p, s->n);
	else
		msgpack_pack_str_with_body(pk, s->p, s->n);
}

static inline void
raw_field(msgpack_packer *pk, const struct field_row *f, const void *v)
{
	const struct strs *list = v;
	size_t i;

	if (f->type == FT_u32)
		msgpack_pack_uint32(pk, *(const uint32_t *)v);
	else if (f->type == FT_u64)
		msgpack_pack_uint64(pk, *(const uint64_t *)v);
	else if (f->type == FT_flag && *(const bool *)v)
		msgpack_pack_true(pk);
	else if (f->type == FT_flag)
		msgpack_pack_false(pk);
	else if (f->type == FT_names || f->type == FT_texts) {
		msgpack_pack_array(pk, list->n);
		for (i = 0; i < list->n; i++)
			raw_text(pk, FT_text, &list->v[i]);
	} else
		raw_text(pk, f->type, v);
}

/* The frame of m, whatever its values are, with what how says done to it. The
 * caller calls msgpack_sbuffer_destroy(). */
static inline void
raw_frame(const struct msg *m, struct raw how, msgpack_sbuffer *out)
{
	const struct msg_def *row = msg_row(m->type);
	msgpack_packer pk;
	size_t i;

	msgpack_sbuffer_init(out);
	msgpack_packer_init(&pk, out, msgpack_sbuffer_write);
	msgpack_pack_array(
	    &pk, row->n_fields + 2 - (how.skip != SIZE_MAX) + how.is_extra);
	msgpack_pack_uint32(&pk, m->type);
	msgpack_pack_uint32(&pk, m->id);
	for (i = 0; i < row->n_fields; i++) {
		if (i == how.skip)
			continue;
		if (i == how.at)
			how.value(&pk);
		else
			raw_field(&pk, &row->fields[i],
			    (const char *)m + row->fields[i].offset);
	}
	if (how.is_extra)
		how.value(&pk);
}

#endif
