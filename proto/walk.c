/*
 * walk.c - looks a frame over before msgpack-c sees it.
 *
 * Runs in:  every program.
 * Input:    the bytes of a peer. Assume that the peer is hostile.
 * Promise:  reads inside of the frame only and reserves nothing. What passes
 *           cannot make msgpack-c reserve more than some multiple of the bytes
 *           that really came, because every count and every length is held
 *           against them (msgpack-c believes the header: five bytes make it
 *           reserve 512 MiB). Every message has exactly one encoding.
 */
#include <stdbool.h>

#include "codec.h"

enum kind { NUMBER, FLAG, BYTES, LIST };

/* The first bytes that our encoder writes; there are no others. */
static const struct lead {
	unsigned char first, last; /* of the range of bytes */
	enum kind kind;
	unsigned char size; /* bytes of number, length or count behind it; 0:
			     * it is in the byte itself */
	uint64_t least;     /* below it a shorter form would have done */
} leads[] = {
	{ 0x00, 0x7f, NUMBER, 0, 0 },
	{ 0x90, 0x9f, LIST, 0, 0 },
	{ 0xa0, 0xbf, BYTES, 0, 0 }, /* str */
	{ 0xc2, 0xc3, FLAG, 0, 0 },
	{ 0xc4, 0xc4, BYTES, 1, 0 }, /* bin */
	{ 0xc5, 0xc5, BYTES, 2, 1 << 8 },
	{ 0xc6, 0xc6, BYTES, 4, 1 << 16 },
	{ 0xcc, 0xcc, NUMBER, 1, 1 << 7 },
	{ 0xcd, 0xcd, NUMBER, 2, 1 << 8 },
	{ 0xce, 0xce, NUMBER, 4, 1 << 16 },
	{ 0xcf, 0xcf, NUMBER, 8, 1ULL << 32 },
	{ 0xd9, 0xd9, BYTES, 1, 32 }, /* str */
	{ 0xda, 0xda, BYTES, 2, 1 << 8 },
	{ 0xdc, 0xdc, LIST, 2, 16 },
};

/* What is left of the frame. */
struct rest {
	const unsigned char *p;
	size_t n;
};

static const struct lead *
find_lead(unsigned char c)
{
	size_t i;

	for (i = 0; i < sizeof(leads) / sizeof(leads[0]); i++)
		if (c >= leads[i].first && c <= leads[i].last)
			return &leads[i];
	return NULL;
}

/* Takes the head of one element off r: its kind, and the number, length or
 * count in it. */
static const char *
take_head(struct rest *r, enum kind *kind, uint64_t *value)
{
	const struct lead *l;
	unsigned i;

	if (r->n == 0)
		return "it is cut short";
	if ((l = find_lead(*r->p)) == NULL)
		return "it holds a type that no message has";
	if (r->n - 1 < l->size)
		return "it is cut short";
	*kind = l->kind;
	*value = l->size == 0 ? *r->p - (unsigned)l->first : 0;
	for (i = 1; i <= l->size; i++)
		*value = *value << 8 | r->p[i];
	r->p += 1 + l->size;
	r->n -= 1 + l->size;
	return *value < l->least ? "a number is not in its shortest form"
				 : NULL;
}

/* Takes one element off r. A list's elements stay; *count is how many. */
static const char *
take(struct rest *r, enum kind *kind, uint64_t *value, size_t *count)
{
	const char *why;

	*count = 0;
	if ((why = take_head(r, kind, value)) != NULL)
		return why;
	if (*kind != BYTES && *kind != LIST)
		return NULL;
	if (*value > r->n)
		return "it announces more than there is";
	if (*kind == LIST) {
		*count = (size_t)*value;
		return *count > WALK_LIST_MAX ? "a list is too long" : NULL;
	}
	r->p += *value;
	r->n -= (size_t)*value;
	return NULL;
}

/* The elements of the frame's list, and those of lists in it: `inner` of the
 * list that is open are still to come. Deeper lists do not exist. */
static const char *
walk_fields(struct rest *r, size_t outer)
{
	size_t inner = 0, count;
	const char *why;
	enum kind kind;
	uint64_t value;

	while (outer > 0 || inner > 0) {
		if ((why = take(r, &kind, &value, &count)) != NULL)
			return why;
		if (inner > 0 && kind == LIST)
			return "lists are nested too deep";
		if (inner > 0)
			inner--;
		else
			outer--;
		inner += count;
	}
	return r->n != 0 ? "bytes are left over behind it" : NULL;
}

const char *
frame_walk(const char *frame, size_t n, struct walked *out)
{
	struct rest r = { (const unsigned char *)frame, n };
	const char *why;
	enum kind kind;
	uint64_t value;
	size_t none;

	if ((why = take(&r, &kind, &value, &out->count)) != NULL)
		return why;
	if (kind != LIST || out->count < 2)
		return "it is no list of type, number and fields";
	if ((why = take(&r, &kind, &out->type, &none)) != NULL)
		return why;
	if (kind != NUMBER)
		return "it does not begin with the number of a message";
	return walk_fields(&r, out->count - 1);
}
