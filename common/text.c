/*
 * text.c - borrowed strings, and the few shapes of text that we accept.
 *
 * Runs in:  every program.
 * Input:    anything, from anybody.
 * Promise:  never reads behind the n bytes given; what text_escape() makes can
 *           be shown on a terminal.
 */
#define _GNU_SOURCE /* gmtime_r */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

/* text_time() has four digits for the year. */
#define YEAR_1000 (-30610224000LL)
#define YEAR_9999 253402300799LL

struct str
str_of(const char *s)
{
	return (struct str){ s, strlen(s) };
}

bool
str_eq(struct str a, struct str b)
{
	return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

bool
str_is(struct str a, const char *b)
{
	return str_eq(a, str_of(b));
}

bool
str_take_line(struct str *rest, struct str *line)
{
	const char *newline = memchr(rest->p, '\n', rest->n);

	*line = *rest;
	if (newline != NULL)
		line->n = (size_t)(newline + 1 - rest->p);
	rest->p += line->n;
	rest->n -= line->n;
	return line->n > 0;
}

char *
str_dup(struct str s)
{
	char *copy = malloc(s.n + 1);

	if (copy == NULL)
		return NULL;
	if (s.n > 0) /* p may be NULL */
		memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	return copy;
}

/* The bytes of the UTF-8 character that p begins with, 0 when it begins with
 * none (RFC 3629: shortest form, no surrogates, at most U+10FFFF). */
static size_t
utf8_char(const char *p, size_t n, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *u = (const unsigned char *)p;
	size_t need;

	if (u[0] < 0x80)
		need = 1;
	else if (u[0] >= 0xc2 && u[0] < 0xe0)
		need = 2;
	else if (u[0] >= 0xe0 && u[0] < 0xf0)
		need = 3;
	else if (u[0] >= 0xf0 && u[0] < 0xf5)
		need = 4;
	else
		return 0;
	if (need > n)
		return 0;
	*code = need == 1 ? u[0] : u[0] & (0x7fU >> need);
	for (size_t i = 1; i < need; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (u[i] & 0x3f);
	}
	if (*code < least[need] || *code > 0x10ffff ||
	    (*code >= 0xd800 && *code < 0xe000))
		return 0;
	return need;
}

static bool
is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

/* Marks that reorder or break the line in which they stand, so that a text
 * could be shown as another one (Unicode UAX #9; U+2028, U+2029). */
static bool
is_misleading(uint32_t code)
{
	return code == 0x061c || code == 0x200e || code == 0x200f ||
	       (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069);
}

/* One character or byte of text as it may be shown, in piece; returns how many
 * bytes of text that was. */
static size_t
escape_one(const char *text, size_t n, char piece[sizeof("\\xHH") * 4])
{
	uint32_t code = 0;
	size_t used = utf8_char(text, n, &code), i;

	if (used != 0 && !is_control(code) && !is_misleading(code)) {
		memcpy(piece, text, used);
		piece[used] = '\0';
		return used;
	}
	if (*text == '\n' || *text == '\t') {
		(void)strcpy(piece, *text == '\n' ? "\\n" : "\\t");
		return 1;
	}
	if (used == 0)
		used = 1;
	for (i = 0; i < used; i++)
		(void)sprintf(
		    piece + 4 * i, "\\x%02X", (unsigned)(text[i] & 0xff));
	return used;
}

/* How many printable ASCII characters a text begins with: most are nothing else.
 */
static size_t
ascii(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] >= 0x20 && p[i] < 0x7f)
		i++;
	return i;
}

size_t
text_escape(char *out, size_t size, const char *text, size_t n)
{
	char piece[sizeof("\\xHH") * 4];
	size_t len, used, written = 0;

	if (size == 0)
		return 0;
	while (n > 0) {
		len = size - 1 - written;
		used = ascii(text, n < len ? n : len);
		memcpy(out + written, text, used);
		written += used;
		text += used;
		if ((n -= used) == 0)
			break;
		used = escape_one(text, n, piece);
		len = strlen(piece);
		/* A NUL of the text is an escape; piece is never empty. */
		if (len >= size - written)
			break;
		memcpy(out + written, piece, len);
		written += len;
		text += used;
		n -= used;
	}
	out[written] = '\0';
	return written;
}

bool
text_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

bool
text_is_utf8(const char *p, size_t n)
{
	uint32_t code;
	size_t used;

	for (; n > 0; p += used, n -= used)
		if ((used = ascii(p, n)) == 0 &&
		    (used = utf8_char(p, n, &code)) == 0)
			return false;
	return true;
}

bool
text_is_plain(const char *p, size_t n)
{
	uint32_t code = 0;
	size_t used;

	for (; n > 0; p += used, n -= used)
		if ((used = ascii(p, n)) == 0 &&
		    ((used = utf8_char(p, n, &code)) == 0 || is_control(code)))
			return false;
	return true;
}

/* One or more bytes, each of them in set. */
static bool
all_of(const char *p, size_t n, const char *set)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] == '\0' || strchr(set, p[i]) == NULL)
			return false;
	return n > 0;
}

bool
text_is_base64url(const char *p, size_t n)
{
	return all_of(p, n,
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789-_");
}

bool
text_is_hex(const char *p, size_t n)
{
	return all_of(p, n, "0123456789abcdef");
}

const char *
text_time(char out[TEXT_TIME_SIZE], time_t t)
{
	struct tm tm;

	if (t < YEAR_1000)
		t = YEAR_1000;
	if (t > YEAR_9999)
		t = YEAR_9999;
	(void)gmtime_r(&t, &tm);
	(void)strftime(out, TEXT_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return out;
}

bool
text_number(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t n = 0, digit;

	if (!all_of(s, strlen(s), "0123456789"))
		return false;
	for (; *s != '\0'; s++) {
		digit = (uint64_t)(*s - '0');
		if (n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	if (n < min || n > max)
		return false;
	*out = n;
	return true;
}
