/*
 * samples.h - messages made from the table: the least and the most that each
 * may hold. For the tests of proto/ and the seeds of its fuzzer.
 */
#ifndef SAMPLES_H
#define SAMPLES_H

#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "proto.h"

enum sample_size { LEAST, MOST, OVER }; /* OVER: one more than may be */

/* Memory of one message; all of it is freed at once. */
struct sample {
	struct msg m;
	void *blocks[256];
	size_t n_blocks;
};

static inline void *
sample_alloc(struct sample *s, size_t n)
{
	if (s->n_blocks == sizeof(s->blocks) / sizeof(s->blocks[0]))
		abort();
	s->blocks[s->n_blocks] = malloc(n + 1);
	return s->blocks[s->n_blocks++];
}

static inline void
sample_clear(struct sample *s)
{
	while (s->n_blocks > 0)
		free(s->blocks[--s->n_blocks]);
}

/* prefix, and c up to n bytes in all. */
static inline struct str
sample_run(struct sample *s, const char *prefix, char c, size_t n)
{
	size_t head = strlen(prefix);
	char *p = sample_alloc(s, n > head ? n : head);

	memcpy(p, prefix, head);
	if (n > head)
		memset(p + head, c, n - head);
	return (struct str){ p, n > head ? n : head };
}

/* A DNS name of n bytes behind prefix; labels are as long as they may be. */
static inline struct str
sample_name(struct sample *s, const char *prefix, size_t n)
{
	struct str name = sample_run(s, prefix, 'a', n);
	char *p = (char *)s->blocks[s->n_blocks - 1];
	size_t i;

	for (i = strlen(prefix) + LABEL_MAX_BYTES; i + 1 < name.n;
	     i += LABEL_MAX_BYTES + 1)
		p[i] = '.';
	return name;
}

static inline struct str
sample_text(struct sample *s, const struct field_row *f, enum sample_size size)
{
	static const char prefix[] = CHALLENGE_LABEL;
	size_t n = (size_t)f->bound + (size == OVER);
	/* Names end where DNS ends, if the row allows more. */
	size_t dns = (n < NAME_MAX_BYTES ? n : NAME_MAX_BYTES + (size == OVER));

	switch (f->type) {
	case FT_b64u:
		return sample_run(s, "", '-', size == LEAST ? 1 : n);
	case FT_hex:
		return sample_run(s, "", 'f', size == LEAST ? 1 : n);
	case FT_name:
		return size == LEAST ? str_of("a.b") : sample_name(s, "", dns);
	case FT_record:
		return size == LEAST ? str_of("_acme-challenge.a.b")
				     : sample_name(s, prefix, dns);
	case FT_url:
		return sample_run(s, "https://a/", 'x', size == LEAST ? 0 : n);
	case FT_bytes:
		return sample_run(s, "", '\xff', size == LEAST ? 0 : n);
	default:
		return sample_run(s, "", 'x', size == LEAST ? 0 : n);
	}
}

static inline struct strs
sample_list(struct sample *s, const struct field_row *f, enum sample_size size)
{
	struct field_row one = { f->name, FT_name, NAME_MAX_BYTES, 0 };
	size_t i, n = (size_t)f->bound + (size == OVER);
	struct str *v, value;

	if (f->type == FT_texts)
		one = (struct field_row){ f->name, FT_text, PROTO_TEXTS_BYTES,
			0 };
	if (size == LEAST)
		n = f->type == FT_names ? 1 : 0;
	v = sample_alloc(s, n * sizeof(*v));
	value = sample_text(s, &one, size == LEAST ? LEAST : MOST);
	for (i = 0; i < n; i++)
		v[i] = value;
	return (struct strs){ v, n };
}

/* Sets one field of s->m. */
static inline void
sample_field(struct sample *s, const struct field_row *f, enum sample_size size)
{
	void *at = (char *)&s->m + f->offset;

	if (f->type == FT_u32)
		*(uint32_t *)at =
		    size == LEAST ? 0 : (uint32_t)(f->bound + (size == OVER));
	else if (f->type == FT_u64)
		*(uint64_t *)at = size == LEAST ? 0 : f->bound + (size == OVER);
	else if (f->type == FT_flag)
		*(bool *)at = size != LEAST;
	else if (f->type == FT_names || f->type == FT_texts)
		*(struct strs *)at = sample_list(s, f, size);
	else
		*(struct str *)at = sample_text(s, f, size);
}

/* Whether a value of one more than the bound exists in C. */
static inline bool
sample_can_be_over(const struct field_row *f)
{
	return f->type != FT_flag &&
	       !(f->type == FT_u32 && f->bound == UINT32_MAX) &&
	       !(f->type == FT_u64 && f->bound == UINT64_MAX);
}

/* The message of a row; sample_clear() frees what it borrows. */
static inline void
sample_make(struct sample *s, const struct msg_def *row, enum sample_size size)
{
	size_t i;

	memset(s, 0, sizeof(*s));
	s->m.type = row->type;
	s->m.id = size == LEAST ? 0 : UINT32_MAX;
	for (i = 0; i < row->n_fields; i++)
		sample_field(s, &row->fields[i], size);
}

#endif
