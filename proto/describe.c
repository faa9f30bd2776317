/*
 * describe.c - a message as one line of a log.
 *
 * Runs in:  every program.
 * Input:    decoded messages; their texts may be a stranger's.
 * Promise:  whatever a text holds, the line stays one line, and no text can
 *           pretend to be another field: texts stand in quotes and have none.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "codec.h"

/* The part of the caller's memory that is still free; a NUL always fits. */
struct line {
	char *p;
	size_t size;
};

static void ERR_PRINTF(2, 3) put(struct line *l, const char *fmt, ...)
{
	va_list ap;
	size_t n;
	int rc;

	va_start(ap, fmt);
	rc = vsnprintf(l->p, l->size, fmt, ap);
	va_end(ap);
	n = rc < 0 ? 0 : (size_t)rc;
	if (n >= l->size)
		n = l->size - 1;
	l->p += n;
	l->size -= n;
}

static void
put_text(struct line *l, struct str s)
{
	size_t i, n = text_escape(l->p, l->size, s.p, s.n);

	for (i = 0; i < n; i++)
		if (l->p[i] == '"')
			l->p[i] = '\'';
	l->p += n;
	l->size -= n;
}

static void
put_list(struct line *l, struct strs list)
{
	size_t i;

	for (i = 0; i < list.n; i++) {
		put(l, "%s", i == 0 ? "" : ",");
		put_text(l, list.v[i]);
	}
}

static void
put_value(struct line *l, enum field_type type, const void *value)
{
	const char *quote = type == FT_text || type == FT_texts ? "\"" : "";

	if (type == FT_u32)
		put(l, "%" PRIu32, *(const uint32_t *)value);
	else if (type == FT_u64)
		put(l, "%" PRIu64, *(const uint64_t *)value);
	else if (type == FT_flag)
		put(l, "%s", *(const bool *)value ? "yes" : "no");
	else if (type == FT_bytes)
		put(l, "(%zu bytes)", ((const struct str *)value)->n);
	else {
		put(l, "%s", quote);
		if (type == FT_names || type == FT_texts)
			put_list(l, *(const struct strs *)value);
		else
			put_text(l, *(const struct str *)value);
		put(l, "%s", quote);
	}
}

void
msg_describe(const struct msg *m, char *out, size_t size)
{
	const struct msg_def *row = msg_row(m->type);
	struct line l = { out, size };
	size_t i;

	if (size == 0)
		return;
	*out = '\0';
	if (row == NULL) {
		put(&l, "message %u", (unsigned)m->type);
		return;
	}
	put(&l, "%s", row->name);
	for (i = 0; i < row->n_fields; i++) {
		put(&l, " %s=", row->fields[i].name);
		put_value(
		    &l, row->fields[i].type, field_of(m, &row->fields[i]));
	}
}
