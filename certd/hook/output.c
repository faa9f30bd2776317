/*
 * output.c - what a hook prints, as lines for a text field.
 *
 * Runs in:  certd-hook, front (root; locked in).
 * Input:    bytes of a hook: anything.
 * Promise:  lines are text without control characters, of bounded length and
 *           number; what is left out is counted.
 */
#define _GNU_SOURCE /* memrchr */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hook.h"

/* What a newline counts, so that short lines do not become a flood of
 * messages. */
#define LINE_COST 16

/* How much of s to take so that at most max bytes are taken and no character
 * of UTF-8 is cut. */
static size_t
whole_chars(struct str s, size_t max)
{
	size_t n = max;

	if (s.n <= max)
		return s.n;
	while (n > 0 && max - n < 4 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return n == 0 || ((unsigned char)s.p[n] & 0xc0) == 0x80 ? max : n;
}

/* Escapes make a line longer, so one line may become several. */
static void
emit_escaped(struct output *o, const char *p, size_t n)
{
	char escaped[4 * LINE_MAX_BYTES + 1];
	struct str rest = { escaped, 0 };
	size_t part;

	rest.n = text_escape(escaped, sizeof(escaped), p, n);
	while (rest.n > 0) {
		part = whole_chars(rest, LINE_MAX_BYTES);
		o->emit(o->arg, (struct str){ rest.p, part });
		rest.p += part;
		rest.n -= part;
	}
}

/* Emits n bytes of the line; the others are the next one's. */
static void
flush(struct output *o, size_t n)
{
	emit_escaped(o, o->line, n);
	memmove(o->line, o->line + n, o->n - n);
	o->n -= n;
}

/* Adds bytes without a newline; there is room for them. */
static void
add_part(struct output *o, const char *p, size_t n)
{
	memcpy(o->line + o->n, p, n);
	o->n += n;
	o->taken += n;
	if (o->n == sizeof(o->line)) /* keep what may be half a character */
		flush(o, whole_chars((struct str){ o->line, o->n },
			     sizeof(o->line) - 3));
}

/* Bytes that are not forwarded: the last ones are kept. */
static void
drop(struct output *o, const char *p, size_t n)
{
	size_t room = sizeof(o->tail) - o->tail_n, part = n;

	o->dropped += n;
	if (part > sizeof(o->tail)) {
		p += part - sizeof(o->tail);
		part = sizeof(o->tail);
	}
	if (part > room) {
		memmove(o->tail, o->tail + (part - room),
		    o->tail_n - (part - room));
		o->tail_n -= part - room;
	}
	memcpy(o->tail + o->tail_n, p, part);
	o->tail_n += part;
}

/* The last line of what was not forwarded, without an empty one behind it. */
static struct str
last_line(const struct output *o)
{
	struct str line = { o->tail, o->tail_n };
	const char *newline;

	while (line.n > 0 && line.p[line.n - 1] == '\n')
		line.n--;
	if ((newline = memrchr(line.p, '\n', line.n)) != NULL) {
		line.n -= (size_t)(newline + 1 - line.p);
		line.p = newline + 1;
	}
	return line;
}

void
output_add(struct output *o, const char *p, size_t n)
{
	const char *newline;
	size_t part;

	while (n > 0 && o->taken < OUTPUT_MAX_BYTES) {
		part = sizeof(o->line) - o->n;
		if (part > n)
			part = n;
		if (part > OUTPUT_MAX_BYTES - o->taken)
			part = OUTPUT_MAX_BYTES - o->taken;
		if ((newline = memchr(p, '\n', part)) != NULL)
			part = (size_t)(newline - p);
		add_part(o, p, part);
		if (newline != NULL) {
			flush(o, o->n);
			o->taken += LINE_COST;
			part++;
		}
		p += part;
		n -= part;
	}
	if (n > 0)
		drop(o, p, n);
}

void
output_end(struct output *o)
{
	struct str line;
	char text[64];
	int n;

	flush(o, o->n);
	if (o->dropped == 0)
		return;
	n = snprintf(
	    text, sizeof(text), "(and %" PRIu64 " more bytes)", o->dropped);
	o->emit(o->arg, (struct str){ text, (size_t)n });
	line = last_line(o);
	emit_escaped(o, line.p, line.n);
	o->dropped = 0;
}
