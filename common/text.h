/* text.h - borrowed strings, and the few shapes of text that we accept. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Bytes that belong to somebody else (usually a message); may hold no NUL at
 * the end. n == 0 is the empty string, p is never NULL. */
struct str {
	const char *p;
	size_t n;
};

/* A list of borrowed strings. */
struct strs {
	const struct str *v;
	size_t n;
};

/* A str for a C string. */
struct str	 str_of(const char *s);
bool		 str_eq(struct str a, struct str b);
/* As str_eq() with a C string. */
bool		 str_is(struct str a, const char *b);
/* Takes the next line, its end included, from the front of rest; false when
 * nothing is left. */
bool		 str_take_line(struct str *rest, struct str *line);
/* A heap copy with a NUL behind it; NULL when out of memory. */
char		*str_dup(struct str s);

/* Copies n bytes of text into out (size bytes, always NUL-terminated, cut
 * between characters where it is too small). Control characters, DEL, C1
 * controls, bidirectional overrides and bytes that are no UTF-8 become
 * \n, \t, \\xHH. Returns the bytes written without the NUL. */
size_t		 text_escape(char *out, size_t size, const char *text, size_t n);
/* Blank, tab, line feed, vertical tab, form feed or carriage return. */
bool		 text_is_space(char c);
/* Valid UTF-8, control characters and all (RFC 3629). */
bool		 text_is_utf8(const char *p, size_t n);
/* Valid UTF-8 without control characters (C0, DEL, C1). */
bool		 text_is_plain(const char *p, size_t n);
/* One or more of A-Z a-z 0-9 - _ (base64url, RFC 4648 section 5). */
bool		 text_is_base64url(const char *p, size_t n);
/* One or more of 0-9 a-f. */
bool		 text_is_hex(const char *p, size_t n);
/* Seconds since the epoch as RFC 3339 in UTC ("2026-11-24T02:53:37Z"). */
#define TEXT_TIME_SIZE sizeof("2026-11-24T02:53:37Z")
const char	*text_time(char out[TEXT_TIME_SIZE], time_t t);
/* 2025-01-01: a clock that says less has not been set. */
#define CLOCK_BORN 1735689600
/* A whole decimal number from min to max; false for anything else. */
bool		 text_number(const char *s, uint64_t min, uint64_t max,
		    uint64_t *out);

#endif
