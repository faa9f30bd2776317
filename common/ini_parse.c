/*
 * ini_parse.c - reads certbot's dialect of INI (ConfigObj).
 *
 * Runs in:  certd, certd-dns, acmew, certctl.
 * Input:    files of root and of certbot, any bytes.
 * Promise:  a document is read whole or refused with file and line; every byte
 *           of it belongs to exactly one entry, in order.
 */
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "ini_doc.h"

#define BOM              "\xef\xbb\xbf"
#define MARKER_MAX_BYTES 4096 /* looking for its end is quadratic */

struct reader {
	const char *file;
	struct ini *ini;
	struct str rest;     /* not yet read */
	unsigned line;       /* number of the last one read */
	size_t section;      /* that lines belong to now */
	struct ini_entry *e; /* being read */
};

struct marker {
	unsigned depth;
	struct str name;
};

static struct err *
problem(const struct reader *r, const char *what)
{
	return err_new("%s:%u: %s", r->file, r->line, what);
}

static bool
next_line(struct reader *r, struct ini_line *l)
{
	if (!ini_line_take(&r->rest, l))
		return false;
	r->line++;
	return true;
}

/* A new entry at the end, with l as its first line. */
static struct err *
add_entry(struct reader *r, enum ini_kind kind, const struct ini_line *l)
{
	if (kind != INI_OTHER && ++r->ini->n_keys > INI_KEYS_MAX)
		return problem(r, "too many keys and sections");
	r->e = ini_entry_insert(r->ini, r->ini->n_entries);
	if (r->e == NULL)
		return err_sys("%s", r->file);
	r->e->kind = kind;
	r->e->raw = l->raw;
	r->e->section = r->section;
	r->e->line = r->line;
	return NULL;
}

/* Comments and empty lines. */
static struct err *
add_other(struct reader *r, const struct ini_line *l)
{
	if (r->e == NULL || r->e->kind != INI_OTHER)
		return add_entry(r, INI_OTHER, l);
	r->e->raw.n += l->raw.n;
	return NULL;
}

/* How many brackets close a section's line at p; 0 when it does not end. */
static unsigned
closes_at(const char *p, const char *end)
{
	unsigned n = 0;

	for (p = ini_skip_space(p, end); p < end && *p == ']';
	     p = ini_skip_space(p + 1, end))
		n++;
	return ini_is_over(p, end) ? n : 0;
}

/* The name that begins at p, up to its closing brackets; their number. */
static unsigned
match_name(const char *p, const char *end, struct str *name)
{
	const char *q;
	unsigned n;

	if (p == end)
		return 0;
	for (q = p + 1; q < end; q++) {
		if (ini_is_quote(*p) &&
		    (q[-1] != *p || ini_skip_space(p + 1, end) >= q - 1))
			continue;
		if ((n = closes_at(q, end)) == 0)
			continue;
		*name = (struct str){ p, (size_t)(q - p) };
		if (ini_is_quote(*p))
			*name = (struct str){ p + 1, name->n - 2 };
		return n;
	}
	return 0;
}

/* "[name]", "[[name]]", ... *bad is set where the brackets do not pair. */
static bool
match_marker(struct str line, struct marker *m, bool *bad)
{
	const char *end = line.p + line.n;
	const char *p = ini_skip_space(line.p, end);
	unsigned closed;

	m->depth = 0;
	for (; p < end && *p == '['; p = ini_skip_space(p + 1, end))
		m->depth++;
	if (m->depth == 0 || line.n > MARKER_MAX_BYTES ||
	    (closed = match_name(p, end, &m->name)) == 0)
		return false;
	*bad = closed != m->depth;
	return true;
}

static bool
is_taken(const struct ini *ini, size_t section, struct str name)
{
	return ini_section_child(ini, section, name) != INI_NONE ||
	       ini_key_find(ini, section, name) != INI_NONE;
}

static struct err *
add_section(struct reader *r, const struct ini_line *l, const struct marker *m)
{
	const struct ini_section *s = r->ini->sections;
	size_t parent = r->section;
	struct err *e;

	if (m->depth > INI_DEPTH_MAX)
		return problem(r, "sections nested too deep");
	if (m->depth > s[parent].depth + 1)
		return problem(r, "a section in a section that is missing");
	while (s[parent].depth >= m->depth)
		parent = s[parent].parent;
	if (is_taken(r->ini, parent, m->name))
		return problem(r, "a name that was there before");
	if ((e = ini_section_add(r->ini, parent, m->name, &r->section)) != NULL)
		return err_wrap(e, "%s:%u", r->file, r->line);
	return add_entry(r, INI_SECTION, l);
}

/* The key of "key = value"; *value is where the value begins. */
static bool
match_key(struct str line, struct str *key, const char **value)
{
	const char *end = line.p + line.n;
	const char *p = ini_skip_space(line.p, end), *q, *equals;

	if (p == end || *p == '=')
		return false;
	for (q = p + 1; q < end; q++) {
		equals = q;
		if (ini_is_quote(*p) && *q == *p)
			equals = ini_skip_space(q + 1, end);
		else if (ini_is_quote(*p) || *q != '=')
			continue;
		if (equals == end || *equals != '=')
			continue;
		*value = ini_skip_space(equals + 1, end);
		if (ini_is_quote(*p))
			p++;
		else
			while (text_is_space(q[-1]))
				q--;
		*key = (struct str){ p, (size_t)(q - p) };
		return true;
	}
	return false;
}

/* Reads the value at p, with the lines that it goes on for. */
static struct err *
read_value(struct reader *r, const char *p)
{
	const char *end = r->rest.p + r->rest.n;
	struct ini_line l;
	struct err *e;
	size_t used;

	e = ini_value_read(r->e, (struct str){ p, (size_t)(end - p) }, &used);
	if (e != NULL)
		return err_wrap(e, "%s:%u", r->file, r->line);
	r->e->value_at = (size_t)(p - r->e->raw.p);
	while (r->rest.p < p + used && next_line(r, &l))
		r->e->raw.n += l.raw.n;
	return NULL;
}

static struct err *
add_key(struct reader *r, const struct ini_line *l)
{
	const char *value;
	struct str key;
	struct err *e;

	if (!match_key(l->text, &key, &value))
		return problem(r, "neither \"key = value\" nor \"[section]\"");
	if (is_taken(r->ini, r->section, key))
		return problem(r, "a name that was there before");
	if ((e = add_entry(r, INI_KEY, l)) != NULL)
		return e;
	if ((r->e->key = str_dup(key)) == NULL)
		return err_sys("%s", r->file);
	return read_value(r, value);
}

static struct err *
read_line(struct reader *r, const struct ini_line *l)
{
	struct marker m;
	bool bad;

	if (ini_is_over(l->text.p, l->text.p + l->text.n))
		return add_other(r, l);
	if (!match_marker(l->text, &m, &bad))
		return add_key(r, l);
	if (bad)
		return problem(r, "brackets that do not pair");
	return add_section(r, l, &m);
}

/* NUL ends texts in C, and certbot refuses what is no UTF-8: looked at before
 * anything else, for the whole document. */
static struct err *
check_bytes(struct reader r)
{
	struct ini_line l;

	while (next_line(&r, &l)) {
		if (memchr(l.raw.p, '\0', l.raw.n) != NULL)
			return problem(&r, "a NUL byte");
		if (!text_is_utf8(l.raw.p, l.raw.n))
			return problem(&r, "bytes that are no UTF-8");
	}
	return NULL;
}

/* Reads all lines of text into an empty document, which keeps a copy. */
static struct err *
read_document(const char *file, const char *text, size_t n, struct ini *ini)
{
	struct reader r = { .file = file, .ini = ini, .section = INI_ROOT };
	const char *newline;
	struct ini_line l;
	struct err *e;

	if (n > INI_MAX_BYTES)
		return err_new("%s: more than %d bytes", file, INI_MAX_BYTES);
	if ((ini->text = str_dup((struct str){ text, n })) == NULL)
		return err_sys("%s", file);
	ini->text_n = n;
	r.rest = (struct str){ ini->text, n };
	ini->bom = n >= 3 && memcmp(text, BOM, 3) == 0;
	if (ini->bom)
		r.rest = (struct str){ ini->text + 3, n - 3 };
	newline = memchr(r.rest.p, '\n', r.rest.n);
	ini->crlf =
	    newline != NULL && newline > r.rest.p && newline[-1] == '\r';
	if ((e = check_bytes(r)) != NULL)
		return e;
	while (e == NULL && next_line(&r, &l))
		e = read_line(&r, &l);
	return e != NULL ? e : ini_expand(file, ini);
}

struct err *
ini_parse(const char *file, const char *text, size_t n, struct ini **out)
{
	struct ini *ini = ini_new();
	struct err *e;

	*out = NULL;
	if (ini == NULL)
		return err_sys("%s", file);
	if ((e = read_document(file, text, n, ini)) != NULL) {
		ini_free(ini);
		return e;
	}
	*out = ini;
	return NULL;
}

struct err *
ini_read(const char *file, int fd, struct ini **out)
{
	struct buf *text = buf_new(INI_MAX_BYTES);
	struct err *e;

	*out = NULL;
	if (text == NULL)
		return err_sys("%s", file);
	if ((e = buf_add_file(text, fd)) != NULL)
		e = err_wrap(e, "%s", file);
	else
		e = ini_parse(file, buf_data(text), buf_len(text), out);
	buf_free(text);
	return e;
}
