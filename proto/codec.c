/*
 * codec.c - messages to frames and back.
 *
 * Runs in:  every program.
 * Input:    the bytes of a peer. Assume that the peer is hostile.
 * Promise:  a decoded message obeys its row, every field of it; an encoded one
 *           too, so that a bug of ours stays on our side of the wire.
 */
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "codec.h"

#define LENGTH_BYTES 4
#define ZONE_BYTES   512 /* of what msgpack-c makes, at first: most is less */

/* ---- one value ---- */

static int
pack_u32(msgpack_packer *pk, const void *v)
{
	return msgpack_pack_uint32(pk, *(const uint32_t *)v);
}

static int
pack_u64(msgpack_packer *pk, const void *v)
{
	return msgpack_pack_uint64(pk, *(const uint64_t *)v);
}

static int
pack_flag(msgpack_packer *pk, const void *v)
{
	return *(const bool *)v ? msgpack_pack_true(pk)
				: msgpack_pack_false(pk);
}

static int
pack_text(msgpack_packer *pk, const void *v)
{
	const struct str *s = v;

	return msgpack_pack_str(pk, s->n) == 0 &&
		       (s->n == 0 || msgpack_pack_str_body(pk, s->p, s->n) == 0)
		   ? 0
		   : -1;
}

static int
pack_bytes(msgpack_packer *pk, const void *v)
{
	const struct str *s = v;

	return msgpack_pack_bin(pk, s->n) == 0 &&
		       (s->n == 0 || msgpack_pack_bin_body(pk, s->p, s->n) == 0)
		   ? 0
		   : -1;
}

static int
pack_list(msgpack_packer *pk, const void *v)
{
	const struct strs *list = v;
	int rc = msgpack_pack_array(pk, list->n);
	size_t i;

	for (i = 0; i < list->n && rc == 0; i++)
		rc = pack_text(pk, &list->v[i]);
	return rc;
}

/* The bytes functions return the most that a value takes on the wire. */
static size_t
bytes_number(const void *v)
{
	(void)v;
	return 1 + sizeof(uint64_t);
}

static size_t
bytes_text(const void *v)
{
	return 1 + sizeof(uint32_t) + ((const struct str *)v)->n;
}

static size_t
bytes_list(const void *v)
{
	const struct strs *list = v;
	size_t i, n = 1 + sizeof(uint32_t);

	for (i = 0; i < list->n; i++)
		n += bytes_text(&list->v[i]);
	return n;
}

/* The take functions return false where o is of another type. Lists put their
 * texts at *spare, which has room for them, and move it on. */
static bool
take_u32(const msgpack_object *o, void *v, struct str **spare)
{
	(void)spare;
	if (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER ||
	    o->via.u64 > UINT32_MAX)
		return false;
	*(uint32_t *)v = (uint32_t)o->via.u64;
	return true;
}

static bool
take_u64(const msgpack_object *o, void *v, struct str **spare)
{
	(void)spare;
	*(uint64_t *)v = o->via.u64;
	return o->type == MSGPACK_OBJECT_POSITIVE_INTEGER;
}

static bool
take_flag(const msgpack_object *o, void *v, struct str **spare)
{
	(void)spare;
	*(bool *)v = o->type == MSGPACK_OBJECT_BOOLEAN && o->via.boolean;
	return o->type == MSGPACK_OBJECT_BOOLEAN;
}

/* msgpack-c leaves the pointer of an empty string unset. */
static struct str
borrowed(const char *p, size_t n)
{
	return (struct str){ n == 0 ? "" : p, n };
}

static bool
take_text(const msgpack_object *o, void *v, struct str **spare)
{
	(void)spare;
	if (o->type != MSGPACK_OBJECT_STR)
		return false;
	*(struct str *)v = borrowed(o->via.str.ptr, o->via.str.size);
	return true;
}

static bool
take_bytes(const msgpack_object *o, void *v, struct str **spare)
{
	(void)spare;
	if (o->type != MSGPACK_OBJECT_BIN)
		return false;
	*(struct str *)v = borrowed(o->via.bin.ptr, o->via.bin.size);
	return true;
}

static bool
take_list(const msgpack_object *o, void *v, struct str **spare)
{
	struct strs *list = v;
	size_t i;

	if (o->type != MSGPACK_OBJECT_ARRAY)
		return false;
	*list = (struct strs){ *spare, o->via.array.size };
	for (i = 0; i < list->n; i++)
		if (!take_text(&o->via.array.ptr[i], (*spare)++, NULL))
			return false;
	return true;
}

static const struct coder {
	int (*pack)(msgpack_packer *pk, const void *v);
	size_t (*bytes)(const void *v);
	bool (*take)(const msgpack_object *o, void *v, struct str **spare);
} coders[] = {
	[FT_u32] = { pack_u32, bytes_number, take_u32 },
	[FT_u64] = { pack_u64, bytes_number, take_u64 },
	[FT_flag] = { pack_flag, bytes_number, take_flag },
	[FT_text] = { pack_text, bytes_text, take_text },
	[FT_b64u] = { pack_text, bytes_text, take_text },
	[FT_hex] = { pack_text, bytes_text, take_text },
	[FT_name] = { pack_text, bytes_text, take_text },
	[FT_record] = { pack_text, bytes_text, take_text },
	[FT_url] = { pack_text, bytes_text, take_text },
	[FT_bytes] = { pack_bytes, bytes_text, take_bytes },
	[FT_names] = { pack_list, bytes_list, take_list },
	[FT_texts] = { pack_list, bytes_list, take_list },
};

/* ---- a message ---- */

static struct err *
check_fields(const struct msg *m, const struct msg_def *row)
{
	const struct field_row *f;
	const char *why;

	for (f = row->fields; f < row->fields + row->n_fields; f++)
		if ((why = field_problem(f, field_of(m, f))) != NULL)
			return err_new("%s: %s is %s", row->name, f->name, why);
	return NULL;
}

/* Memory that msgpack-c packs into. */
struct sink {
	char *p;
	size_t n, size;
};

static int
sink_write(void *data, const char *p, size_t n)
{
	struct sink *s = data;

	if (n > s->size - s->n)
		return -1;
	memcpy(s->p + s->n, p, n);
	s->n += n;
	return 0;
}

/* For the whole frame: the array's head, type, request number, fields. */
static size_t
room_for(const struct msg *m, const struct msg_def *row)
{
	const struct field_row *f;
	size_t n = LENGTH_BYTES + 3 * bytes_number(NULL);

	for (f = row->fields; f < row->fields + row->n_fields; f++)
		n += coders[f->type].bytes(field_of(m, f));
	return n < LENGTH_BYTES + row->max_bytes
		   ? n
		   : LENGTH_BYTES + row->max_bytes;
}

static int
pack_message(const struct msg *m, const struct msg_def *row, struct sink *s)
{
	const struct field_row *f;
	msgpack_packer pk;
	int rc;

	msgpack_packer_init(&pk, s, sink_write);
	rc = msgpack_pack_array(&pk, row->n_fields + 2) |
	     msgpack_pack_uint32(&pk, m->type) |
	     msgpack_pack_uint32(&pk, m->id);
	for (f = row->fields; f < row->fields + row->n_fields && rc == 0; f++)
		rc = coders[f->type].pack(&pk, field_of(m, f));
	return rc;
}

struct err *
msg_encode(const struct msg *m, struct buf *out)
{
	const struct msg_def *row = msg_row(m->type);
	struct sink s = { NULL, LENGTH_BYTES, 0 };
	struct err *e;
	size_t i, n;

	if (row == NULL)
		return err_new("there is no message %u", (unsigned)m->type);
	if ((e = check_fields(m, row)) != NULL)
		return e;
	s.size = room_for(m, row);
	if ((s.p = malloc(s.size)) == NULL)
		return err_sys("%s", row->name);
	if (pack_message(m, row, &s) != 0) {
		e = err_new("%s does not fit its own bounds", row->name);
		goto out;
	}
	n = s.n - LENGTH_BYTES;
	for (i = 0; i < LENGTH_BYTES; i++)
		s.p[i] = (char)(n >> (8 * (LENGTH_BYTES - 1 - i)) & 0xff);
	e = buf_add(out, s.p, s.n);
out:
	free(s.p);
	return e;
}

/* Room for the texts of all lists of a message. */
static struct err *
make_lists(struct msg *m, const msgpack_object_array *fields)
{
	size_t i, n = 0;

	for (i = 0; i < fields->size; i++)
		if (fields->ptr[i].type == MSGPACK_OBJECT_ARRAY)
			n += fields->ptr[i].via.array.size;
	if (n != 0 && (m->lists_ = calloc(n, sizeof(*m->lists_))) == NULL)
		return err_sys("lists of a message");
	return NULL;
}

/* fields begins with type and request number and has one element a field
 * behind them. */
static struct err *
take_fields(struct msg *m, const struct msg_def *row,
    const msgpack_object_array *fields)
{
	const struct field_row *f;
	struct str *spare;
	struct err *e;
	size_t i;

	if (!take_u32(&fields->ptr[1], &m->id, NULL))
		return err_new("%s: its request number is none", row->name);
	if ((e = make_lists(m, fields)) != NULL)
		return e;
	spare = m->lists_;
	for (i = 0; i < row->n_fields; i++) {
		f = &row->fields[i];
		if (!coders[f->type].take(
			&fields->ptr[i + 2], field_in(m, f), &spare))
			return err_new(
			    "%s: %s has the wrong type", row->name, f->name);
	}
	return check_fields(m, row);
}

static struct err *
unpack(const char *frame, size_t n, struct msg *m, const struct msg_def *row)
{
	msgpack_zone zone;
	msgpack_object o;
	struct err *e;
	size_t end = 0;

	if (!msgpack_zone_init(&zone, ZONE_BYTES))
		return err_sys("%s", row->name);
	if (msgpack_unpack(frame, n, &end, &zone, &o) !=
		MSGPACK_UNPACK_SUCCESS ||
	    end != n || o.type != MSGPACK_OBJECT_ARRAY ||
	    o.via.array.size != row->n_fields + 2)
		e = err_new(
		    "%s: msgpack-c does not accept the frame", row->name);
	else
		e = take_fields(m, row, &o.via.array);
	msgpack_zone_destroy(&zone);
	return e;
}

struct err *
msg_decode(const char *frame, size_t n, struct msg *m)
{
	const struct msg_def *row;
	struct walked w = { 0, 0 };
	struct err *e;
	const char *why;

	memset(m, 0, sizeof(*m));
	if ((why = frame_walk(frame, n, &w)) != NULL)
		return err_new("malformed frame: %s", why);
	if (w.type > MSG_MAX_TYPE || (row = msg_row((uint32_t)w.type)) == NULL)
		return err_new(
		    "there is no message %llu", (unsigned long long)w.type);
	if (n > row->max_bytes)
		return err_new("%s: longer than it can be", row->name);
	if (w.count != row->n_fields + 2)
		return err_new("%s: %zu fields instead of %zu", row->name,
		    w.count - 2, row->n_fields);
	m->type = row->type;
	if ((e = unpack(frame, n, m, row)) != NULL)
		msg_clear(m);
	return e;
}

void
msg_clear(struct msg *m)
{
	free(m->lists_);
	memset(m, 0, sizeof(*m));
}
