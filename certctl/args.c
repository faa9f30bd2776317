/*
 * args.c - names and numbers of the command line.
 *
 * Runs in:  certctl (the caller).
 * Input:    the caller's typing, in UTF-8 or in the encoding of the locale.
 * Promise:  what comes out is fit for an order: certd refuses the rest too.
 */
#include <ctype.h>
#include <idn2.h>
#include <stdlib.h>
#include <string.h>

#include "certctl.h"
#include "names.h"

/* Longer than any name that shrinks on its way to A-labels. */
#define TYPED_MAX_BYTES 4096

static bool
is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s > 0x7f)
			return false;
	return true;
}

/* Whether it needs libidn2: the plain rest need not pass through Unicode's
 * tables, which refuse names that exist ("r3---sn-x.example.com"). */
static bool
is_international(const char *s)
{
	return !is_ascii(s) || strstr(s, "xn--") != NULL;
}

/* Non-transitional: "straße" is not "strasse". What is no UTF-8 must be in the
 * encoding of the locale. */
static struct err *
to_a_labels(const char *name, char **out)
{
	const int flags = IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL;
	char *found = NULL;
	int rc = idn2_to_ascii_8z(name, &found, flags);

	if (rc == IDN2_ENCODING_ERROR)
		rc = idn2_to_ascii_lz(name, &found, flags);
	if (rc != IDN2_OK)
		return err_new(
		    "not an international domain name: %s", idn2_strerror(rc));
	*out = strdup(found);
	idn2_free(found);
	return *out == NULL ? err_sys("name") : NULL;
}

static void
lower(char *s)
{
	for (; *s != '\0'; s++)
		*s = (char)tolower((unsigned char)*s);
}

/* typed is a copy, and changed. The wildcard's star is no letter of IDNA. */
static struct err *
normalise(char *typed, char **out)
{
	bool wildcard = strncmp(typed, "*.", 2) == 0;
	char *name = NULL;
	const char *why;
	struct err *e = NULL;
	size_t n;

	if (is_ascii(typed))
		lower(typed);
	if (wildcard)
		typed += 2;
	if (is_international(typed))
		e = to_a_labels(typed, &name);
	else
		name = strdup(typed);
	if (name == NULL)
		return e != NULL ? e : err_sys("name");
	n = strlen(name);
	if (n > 1 && name[n - 1] == '.')
		name[--n] = '\0';
	*out = malloc(n + 3);
	if (*out != NULL)
		(void)snprintf(*out, n + 3, "%s%s", wildcard ? "*." : "", name);
	free(name);
	if (*out == NULL)
		return err_sys("name");
	if ((why = name_problem(str_of(*out))) == NULL)
		return NULL;
	free(*out);
	*out = NULL;
	return err_new("%s", why);
}

static struct err *
add(struct names *names, char *name)
{
	char **v;
	size_t i;

	for (i = 0; i < names->n; i++) {
		if (strcmp(names->v[i], name) == 0) {
			free(name);
			return NULL;
		}
	}
	if (names->n == NAMES_MAX) {
		free(name);
		return err_advise(err_new("more than %d names", NAMES_MAX),
		    "spread them over several certificates");
	}
	if ((v = realloc(names->v, (names->n + 1) * sizeof(*v))) == NULL) {
		free(name);
		return err_sys("names");
	}
	v[names->n++] = name;
	names->v = v;
	return NULL;
}

/* One name, n bytes, with blanks around it. */
static struct err *
add_typed(struct names *names, const char *p, size_t n)
{
	char *typed, *name = NULL;
	struct err *e;

	while (n > 0 && (*p == ' ' || *p == '\t'))
		p++, n--;
	while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'))
		n--;
	if (n > TYPED_MAX_BYTES)
		return err_new("\"%.40s...\": a name has at most %d bytes", p,
		    NAME_MAX_BYTES);
	if ((typed = strndup(p, n)) == NULL)
		return err_sys("names");
	e = normalise(typed, &name);
	free(typed);
	if (name == NULL)
		return err_wrap(e, "\"%.*s\"", (int)n, p);
	return add(names, name);
}

struct err *
names_add(struct names *names, const char *list)
{
	struct err *e;
	size_t n;

	for (;;) {
		n = strcspn(list, ",");
		if ((e = add_typed(names, list, n)) != NULL)
			return e;
		if (list[n] == '\0')
			return NULL;
		list += n + 1;
	}
}

void
names_clear(struct names *names)
{
	while (names->n > 0)
		free(names->v[--names->n]);
	free(names->v);
	names->v = NULL;
}

struct err *
job_parse(const char *text, uint32_t *job)
{
	uint64_t number;

	if (!text_number(text, 1, UINT32_MAX, &number))
		return err_advise(
		    err_new("\"%s\" is not the number of a job", text),
		    "certctl status lists the jobs");
	*job = (uint32_t)number;
	return NULL;
}
