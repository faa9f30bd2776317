/*
 * fields.c - holds a value against its row: the bound and the shape of text.
 *
 * Runs in:  every program, on both ways through the codec.
 * Input:    values that a hostile peer may have chosen.
 * Promise:  what passes has exactly the shape that messages.def promises to
 *           the handler of the message.
 */
#include "codec.h"
#include "names.h"
#include "text.h"
#include "url.h"

static bool
is_text(struct str s)
{
	return text_is_plain(s.p, s.n);
}

static bool
is_b64u(struct str s)
{
	return text_is_base64url(s.p, s.n);
}

static bool
is_hex(struct str s)
{
	return text_is_hex(s.p, s.n);
}

static bool
is_name(struct str s)
{
	return name_problem(s) == NULL;
}

static bool
is_url(struct str s)
{
	struct url parts;

	return url_parse(s, &parts);
}

static bool
is_anything(struct str s)
{
	(void)s;
	return true;
}

/* One text, or each text of a list. */
static const struct shape {
	bool (*is)(struct str s);
	const char *what;  /* "is " and this */
	size_t list_bytes; /* of an element; 0: no list */
	size_t list_least; /* elements */
} shapes[] = {
	[FT_text] = { is_text, "no plain text", 0, 0 },
	[FT_b64u] = { is_b64u, "no base64url", 0, 0 },
	[FT_hex] = { is_hex, "no hex number", 0, 0 },
	[FT_name] = { is_name, "no DNS name", 0, 0 },
	[FT_record] = { name_is_challenge, "no challenge record", 0, 0 },
	[FT_url] = { is_url, "no strict https URL", 0, 0 },
	[FT_bytes] = { is_anything, "", 0, 0 },
	[FT_names] = { is_name, "no list of DNS names", NAME_MAX_BYTES, 1 },
	[FT_texts] = { is_text, "no list of plain texts", PROTO_TEXTS_BYTES,
	    0 },
};

static const char *
text_problem(const struct shape *shape, struct str s, uint64_t bound)
{
	if (s.p == NULL)
		return "not set";
	if (s.n > bound)
		return "too long";
	return shape->is(s) ? NULL : shape->what;
}

static const char *
list_problem(const struct shape *shape, struct strs list, uint64_t bound)
{
	const char *why = NULL;
	size_t i;

	if (list.n < shape->list_least)
		return "an empty list";
	if (list.n > bound)
		return "too long a list";
	for (i = 0; i < list.n && why == NULL; i++)
		why = text_problem(shape, list.v[i], shape->list_bytes);
	return why;
}

const char *
field_problem(const struct field_row *f, const void *value)
{
	const struct shape *shape = &shapes[f->type];

	if (f->type == FT_flag)
		return NULL;
	if (f->type == FT_u32)
		return *(const uint32_t *)value > f->bound ? "too large" : NULL;
	if (f->type == FT_u64)
		return *(const uint64_t *)value > f->bound ? "too large" : NULL;
	if (shape->list_bytes != 0)
		return list_problem(
		    shape, *(const struct strs *)value, f->bound);
	return text_problem(shape, *(const struct str *)value, f->bound);
}
