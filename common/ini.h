/*
 * ini.h - certbot's dialect of INI (ConfigObj): read, change, write back with
 * everything unknown and every comment kept.
 */
#ifndef INI_H
#define INI_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

struct ini;

/* Parses n bytes of text; file is for messages only. On error *out is NULL and
 * the error names file and line. At most 1 MiB, 16 levels of sections, 8192
 * keys and sections. %(name)s in a value is replaced now, as certbot does; one
 * that names nothing is an error, as it is for certbot. */
struct err	*ini_parse(const char *file, const char *text, size_t n,
		    struct ini **out);
/* Reads and parses what fd holds (from its current offset). */
struct err	*ini_read(const char *file, int fd, struct ini **out);
/* An empty document. NULL when out of memory. */
struct ini	*ini_new(void);
/* Wipes what was read, too. NULL is fine. */
void		 ini_free(struct ini *ini);

/* The value of a key, unquoted; NULL when there is none. section is "" for the
 * keys before the first section, "a" or "a/b" for nested ones. A list gives
 * its first element, or "" when it is empty. Lives until ini changes. */
const char	*ini_get(const struct ini *ini, const char *section,
		    const char *key);
/* The line of a key, 0 when there is none. */
unsigned	 ini_line(const struct ini *ini, const char *section,
		    const char *key);
/* The elements of a list value ("a, b" or "a,"); a plain value is a list of
 * one. Returns how many; *out lives until ini changes. */
size_t		 ini_list(const struct ini *ini, const char *section,
		    const char *key, const char *const **out);
/* Sets or adds a key; the section is made where it is missing, comments stay.
 * The value is quoted as ConfigObj would. A value with a NUL is impossible, one
 * with newlines is written in triple quotes. Refused: what certbot would not
 * read back as it was (%(name)s, carriage returns, no UTF-8, both kinds of
 * triple quotes). On error no key has changed. */
struct err	*ini_set(struct ini *ini, const char *section, const char *key,
		    const char *value);
/* As ini_set() for a list; n may be 0 (",") or 1 ("a,"). */
struct err	*ini_set_list(struct ini *ini, const char *section,
		    const char *key, const char *const *values, size_t n);
/* Removes a key and the comment lines directly above it stay. */
void		 ini_remove(struct ini *ini, const char *section,
		    const char *key);
/* Calls fn for every key in order; fn returns false to stop. */
void		 ini_each(const struct ini *ini,
		    bool (*fn)(void *arg, const char *section, const char *key,
		    unsigned line), void *arg);

/* Whether there is a section of this path, with keys in it or not. */
bool		 ini_has_section(const struct ini *ini, const char *path);
/* Calls fn for every section in order; fn returns false to stop. */
void		 ini_each_section(const struct ini *ini,
		    bool (*fn)(void *arg, const char *path, unsigned line),
		    void *arg);

struct buf;
/* Appends the document as text. What was not changed comes out byte for byte. */
struct err	*ini_write(const struct ini *ini, struct buf *out);

#endif
