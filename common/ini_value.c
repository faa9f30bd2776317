/*
 * ini_value.c - reads what stands behind "key =": a value, a list, or a text in
 * three quotes over several lines.
 *
 * Runs in:  certd, certd-dns, acmew, certctl.
 * Input:    files of root and of certbot; UTF-8, no NUL.
 * Promise:  never reads behind the text given; what it cannot read it refuses.
 */
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "ini_doc.h"

bool
ini_is_quote(char c)
{
	return c == '"' || c == '\'';
}

const char *
ini_skip_space(const char *p, const char *end)
{
	while (p < end && text_is_space(*p))
		p++;
	return p;
}

bool
ini_is_over(const char *p, const char *end)
{
	p = ini_skip_space(p, end);
	return p == end || *p == '#';
}

bool
ini_line_take(struct str *rest, struct ini_line *l)
{
	if (!str_take_line(rest, &l->raw))
		return false;
	l->text = l->raw;
	while (l->text.n > 0 && (l->text.p[l->text.n - 1] == '\n' ||
				    l->text.p[l->text.n - 1] == '\r'))
		l->text.n--;
	return true;
}

/* The end of the quoted element that begins at p; NULL and *problem where there
 * is none. "it"s" is legal: only a quote with a comma, a comment or nothing
 * behind it is the last. Where a comment holds such a quote again, ConfigObj
 * takes the comment for a part of the element: nobody meant that. */
static const char *
quoted_end(const char *p, const char *end, const char **problem)
{
	const char *q, *behind, *last = NULL;

	*problem = "a closing quote is missing";
	for (q = p + 1; q < end; q++) {
		if (*q != *p)
			continue;
		behind = ini_skip_space(q + 1, end);
		if (behind < end && *behind == ',') {
			*problem = "the comment holds a quote and a comma "
				   "that ConfigObj takes for the value's";
			return last == NULL ? q + 1 : NULL;
		}
		if (last == NULL && ini_is_over(behind, end))
			last = q + 1;
	}
	return last;
}

static const char *
unquoted_end(const char *p, const char *end)
{
	while (p < end && *p != ',' && *p != '#')
		p++;
	while (text_is_space(p[-1]))
		p--;
	return p;
}

static struct err *
add_element(struct ini_entry *e, const char *p, const char *q)
{
	struct str value = { p, (size_t)(q - p) };

	if (ini_is_quote(*p))
		value = (struct str){ p + 1, value.n - 2 };
	return ini_entry_add_value(e, value);
}

/* An element and its comma, if any, at *p; *stop is where they end. */
static struct err *
read_element(
    struct ini_entry *entry, const char **p, const char *end, const char **stop)
{
	const char *q, *problem = "";
	struct err *e;

	if (**p == ',')
		return err_new("an element of the list is missing");
	q = ini_is_quote(**p) ? quoted_end(*p, end, &problem)
			      : unquoted_end(*p, end);
	if (q == NULL)
		return err_new("%s", problem);
	if ((e = add_element(entry, *p, q)) != NULL)
		return e;
	*stop = q;
	*p = ini_skip_space(q, end);
	if (*p < end && **p == ',') {
		entry->is_list = true;
		*stop = *p + 1;
		*p = ini_skip_space(*stop, end);
	}
	return NULL;
}

/* A value or a list from p to the end of the line. *stop is where it ended and
 * blanks and a comment begin. */
static struct err *
read_plain(
    struct ini_entry *entry, const char *p, const char *end, const char **stop)
{
	struct err *e = NULL;

	*stop = p;
	if (p < end && *p == ',' && ini_is_over(p + 1, end)) {
		entry->is_list = true;
		*stop = p + 1;
		return NULL;
	}
	while (e == NULL && !ini_is_over(p, end))
		e = read_element(entry, &p, end, stop);
	if (e == NULL && entry->n_values == 0)
		e = ini_entry_add_value(entry, str_of(""));
	return e;
}

/* Where the three quotes that end a value stand in a line; NULL where there
 * are none, or (*bad) none with nothing behind them. */
static const char *
find_triple(const char *p, const char *end, char quote, bool *bad)
{
	*bad = false;
	for (; end - p >= 3; p++) {
		if (p[0] != quote || p[1] != quote || p[2] != quote)
			continue;
		if (ini_is_over(p + 3, end))
			return p;
		*bad = true;
	}
	return NULL;
}

/* A value in three quotes, appended to out; l is its first line, from behind
 * the opening quotes, rest what follows. *stop is behind the closing ones. */
static struct err *
read_triple(char quote, struct ini_line *l, struct str *rest, struct buf *out,
    const char **stop)
{
	const char *close;
	struct err *e;
	bool bad;

	for (;;) {
		close =
		    find_triple(l->text.p, l->text.p + l->text.n, quote, &bad);
		if (close != NULL)
			break;
		if (bad)
			return err_new("text behind closing quotes");
		if ((e = buf_add(out, l->text.p, l->text.n)) != NULL ||
		    (e = buf_add(out, "\n", 1)) != NULL)
			return e;
		if (!ini_line_take(rest, l))
			return err_new("the three closing quotes are missing");
	}
	*stop = close + 3;
	return buf_add(out, l->text.p, (size_t)(close - l->text.p));
}

static bool
is_triple(struct str s)
{
	return s.n >= 3 && ini_is_quote(*s.p) && s.p[1] == *s.p &&
	       s.p[2] == *s.p;
}

struct err *
ini_value_read(struct ini_entry *entry, struct str text, size_t *used)
{
	struct str rest = text;
	struct ini_line l = { text, text };
	const char *stop = text.p;
	struct buf *value = NULL;
	struct err *e;

	(void)ini_line_take(&rest, &l);
	if (!is_triple(l.text)) {
		e = read_plain(entry, l.text.p, l.text.p + l.text.n, &stop);
	} else if ((value = buf_new(INI_MAX_BYTES)) == NULL) {
		e = err_sys("value");
	} else {
		l.text.p += 3;
		l.text.n -= 3;
		e = read_triple(*text.p, &l, &rest, value, &stop);
		if (e == NULL)
			e = ini_entry_add_value(entry,
			    (struct str){ buf_data(value), buf_len(value) });
	}
	entry->value_n = (size_t)(stop - text.p);
	*used = text.n - rest.n;
	buf_free(value);
	return e;
}
