/*
 * cli_ini.c - reads certbot's cli.ini as ConfigArgParse does.
 *
 * Runs in:  certd, certd-dns, acmew, certctl.
 * Input:    a file of root, any bytes.
 * Promise:  what certbot takes for a value is what we take for it.
 */
#include <stdlib.h>
#include <string.h>

#include "cli_ini.h"
#include "text.h"

static struct str
skip_space(struct str s)
{
	while (s.n > 0 && text_is_space(*s.p)) {
		s.p++;
		s.n--;
	}
	return s;
}

static struct str
trim(struct str s)
{
	s = skip_space(s);
	while (s.n > 0 && text_is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* Comments, sections and the rulers of YAML: all of them mean nothing. */
static bool
is_void(struct str line)
{
	return line.n == 0 || *line.p == '#' || *line.p == ';' ||
	       *line.p == '[' || (line.n >= 3 && memcmp(line.p, "---", 3) == 0);
}

/* Whether s is nothing, or a blank and a comment. */
static bool
is_over(struct str s)
{
	struct str behind = skip_space(s);

	return behind.n == 0 ||
	       (behind.n < s.n && (*behind.p == '#' || *behind.p == ';'));
}

static struct str
after(struct str s, size_t n)
{
	return (struct str){ s.p + n, s.n - n };
}

/* The value at the front of s: in quotes, or up to a blank and a comment. */
static struct str
value_of(struct str s)
{
	size_t n;

	if (s.n == 0)
		return s;
	if (*s.p == '"' || *s.p == '\'')
		for (n = 1; n < s.n; n++)
			if (s.p[n] == *s.p && is_over(after(s, n + 1)))
				return (struct str){ s.p + 1, n - 1 };
	n = 1;
	while (!is_over(after(s, n)))
		n++;
	return (struct str){ s.p, n };
}

/* Takes a line apart; false when it is none. */
static bool
split(struct str line, struct str *key, struct str *value)
{
	struct str rest;

	*key = (struct str){ line.p, 0 };
	while (key->n < line.n && !text_is_space(line.p[key->n]) &&
	       strchr(":=;#", line.p[key->n]) == NULL)
		key->n++;
	line = after(line, key->n);
	rest = skip_space(line);
	if (key->n == 0)
		return false;
	if (rest.n == 0)
		*value = str_of("true");
	else if (*rest.p == '=' || *rest.p == ':')
		*value = value_of(skip_space(after(rest, 1)));
	else if (rest.n < line.n)
		*value = value_of(rest);
	else
		return false;
	if (key->n > 2 && memcmp(key->p, "--", 2) == 0)
		*key = after(*key, 2);
	return true;
}

static struct err *
give(struct str key, struct str value, unsigned line, cli_ini_fn *fn, void *arg)
{
	char *k = str_dup(key), *v = str_dup(value);
	struct err *e;

	e = k == NULL || v == NULL ? err_sys("line %u", line)
				   : fn(arg, k, v, line);
	free(k);
	free(v);
	return e;
}

struct err *
cli_ini_each(
    const char *file, const char *text, size_t n, cli_ini_fn *fn, void *arg)
{
	struct str rest = { text, n }, line, key, value;
	struct err *e = NULL;

	for (unsigned number = 1; e == NULL && str_take_line(&rest, &line);
	     number++) {
		line = trim(line);
		if (!text_is_utf8(line.p, line.n) ||
		    memchr(line.p, '\0', line.n) != NULL)
			return err_new(
			    "%s:%u: bytes that are no text", file, number);
		if (is_void(line))
			continue;
		if (!split(line, &key, &value))
			return err_new(
			    "%s:%u: no \"key = value\"", file, number);
		e = give(key, value, number, fn, arg);
	}
	return e;
}
