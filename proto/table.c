/*
 * table.c - messages.def as data: one row a message, and who may say it when.
 *
 * Runs in:  every program.
 * Promise:  nothing about a message is decided anywhere but in its row. A
 *           number used twice or a row that fits no frame does not compile.
 */
#include <string.h>

#include "codec.h"
#include "names.h"

/* ---- the most bytes that a frame of each message has ---- */
#define HEAD           5 /* type byte and 32 bits of length, at most */
#define MOST_u32(b)    5
#define MOST_u64(b)    9
#define MOST_flag(b)   1
#define MOST_text(b)   (HEAD + (b))
#define MOST_b64u(b)   (HEAD + (b))
#define MOST_hex(b)    (HEAD + (b))
#define MOST_name(b)   (HEAD + (b))
#define MOST_record(b) (HEAD + (b))
#define MOST_url(b)    (HEAD + (b))
#define MOST_bytes(b)  (HEAD + (b))
#define MOST_names(b)  (HEAD + (b) * (HEAD + NAME_MAX_BYTES))
#define MOST_texts(b)  (HEAD + (b) * (HEAD + PROTO_TEXTS_BYTES))

enum most_bytes { /* the list's head, the type, the request number, fields */
#define BEGIN(name, number, from, to, phases, fd) most_##name = HEAD + 2 + 5
#define FIELD(of, field, type, bound)             +MOST_##type(bound)
#define END(name)                                 ,
#include "messages.def"
#undef BEGIN
#undef FIELD
#undef END
};

#define BEGIN(name, number, from, to, phases, fd)                              \
	_Static_assert(most_##name <= PROTO_FRAME_MAX,                         \
	    #name " could be longer than a frame may be");                     \
	_Static_assert((number) > 0 && (number) <= MSG_MAX_TYPE,               \
	    #name " has a number that is none of a message");
#define FIELD(of, field, type, bound)
#define END(name)
#include "messages.def"
#undef BEGIN
#undef FIELD
#undef END

/* ---- the rows ---- */
#define HAS_FD   true
#define HAS_NOFD false

/* The first row of each list is none, because C has no empty arrays. */
#define BEGIN(name, number, from, to, phases, fd)                              \
	static const struct field_row fields_##name[] = {                      \
		{ NULL, FT_u32, 0, 0 },
#define FIELD(of, field, type, bound)                                          \
	{ #field, FT_##type, bound, offsetof(struct msg, of.field) },
#define END(name)                                                              \
	}                                                                      \
	;
#include "messages.def"
#undef BEGIN
#undef FIELD
#undef END

#define BEGIN(name, number, from, to, phases, fd)                              \
	static const struct msg_def row_##name = { MSG_##name, #name,          \
		ROLE_##from, ROLE_##to, phases, HAS_##fd, fields_##name + 1,   \
		sizeof(fields_##name) / sizeof(fields_##name[0]) - 1,          \
		most_##name };
#define FIELD(of, field, type, bound)
#define END(name)
#include "messages.def"
#undef BEGIN
#undef FIELD
#undef END

const struct msg_def *const msg_table[] = {
#define BEGIN(name, number, from, to, phases, fd) &row_##name,
#define FIELD(of, field, type, bound)
#define END(name)
#include "messages.def"
#undef BEGIN
#undef FIELD
#undef END
};
const size_t msg_table_n = sizeof(msg_table) / sizeof(msg_table[0]);

/* -Woverride-init refuses a number that two messages share. */
static const struct msg_def *const by_number[MSG_MAX_TYPE + 1] = {
#define BEGIN(name, number, from, to, phases, fd) [number] = &row_##name,
#define FIELD(of, field, type, bound)
#define END(name)
#include "messages.def"
#undef BEGIN
#undef FIELD
#undef END
};

const struct msg_def *
msg_row(uint32_t type)
{
	return type <= MSG_MAX_TYPE ? by_number[type] : NULL;
}

bool
msg_is_of_job(const struct msg_def *row)
{
	return (row->phases & PH_JOBS) != 0;
}

const char *
msg_problem(const struct msg_def *row, uint32_t from, uint32_t to,
    uint32_t phase, bool with_fd)
{
	if ((row->from & from) == 0)
		return "not a message of this sender";
	if ((row->to & to) == 0)
		return "not a message for this receiver";
	if ((row->phases & phase) == 0)
		return "not allowed in this phase";
	if (row->has_fd && !with_fd)
		return "its descriptor is missing";
	if (!row->has_fd && with_fd)
		return "a descriptor came with it that has no place there";
	return NULL;
}
