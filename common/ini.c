/*
 * ini.c - a document of certbot's dialect of INI, in memory.
 *
 * Runs in:  certd, certd-dns, acmew, certctl.
 * Promise:  what was read is wiped before its memory is given back: a
 *           credentials file is such a document.
 */
#define _GNU_SOURCE /* explicit_bzero */
#include <stdlib.h>
#include <string.h>

#include "ini_doc.h"

struct ini *
ini_new(void)
{
	struct ini *ini = calloc(1, sizeof(*ini));

	if (ini == NULL ||
	    (ini->sections = calloc(1, sizeof(*ini->sections))) == NULL)
		goto fail;
	ini->n_sections = 1;
	if ((ini->sections->name = strdup("")) == NULL ||
	    (ini->sections->path = strdup("")) == NULL)
		goto fail;
	return ini;
fail:
	ini_free(ini);
	return NULL;
}

void
ini_value_free(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
}

void
ini_values_free(char **values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ini_value_free(values[i]);
	free(values);
}

static void
entry_free(struct ini_entry *e)
{
	ini_value_free(e->own);
	free(e->key);
	ini_values_free(e->values, e->n_values);
	free(e);
}

void
ini_free(struct ini *ini)
{
	size_t i;

	if (ini == NULL)
		return;
	for (i = 0; i < ini->n_entries; i++)
		entry_free(ini->entries[i]);
	free(ini->entries);
	for (i = 0; i < ini->n_sections; i++) {
		free(ini->sections[i].name);
		free(ini->sections[i].path);
	}
	free(ini->sections);
	if (ini->text != NULL)
		explicit_bzero(ini->text, ini->text_n);
	free(ini->text);
	free(ini);
}

struct ini_entry *
ini_entry_insert(struct ini *ini, size_t at)
{
	struct ini_entry *e, **more;
	size_t room = ini->room == 0 ? 16 : ini->room * 2;

	if (ini->n_entries == ini->room) {
		more = reallocarray(ini->entries, room, sizeof(*more));
		if (more == NULL)
			return NULL;
		ini->entries = more;
		ini->room = room;
	}
	if ((e = calloc(1, sizeof(*e))) == NULL)
		return NULL;
	memmove(ini->entries + at + 1, ini->entries + at,
	    (ini->n_entries - at) * sizeof(*ini->entries));
	ini->entries[at] = e;
	ini->n_entries++;
	return e;
}

void
ini_entry_remove(struct ini *ini, size_t at)
{
	entry_free(ini->entries[at]);
	ini->n_entries--;
	memmove(ini->entries + at, ini->entries + at + 1,
	    (ini->n_entries - at) * sizeof(*ini->entries));
}

struct err *
ini_entry_add_value(struct ini_entry *e, struct str value)
{
	size_t n = e->n_values;
	char **more;

	/* Room is always a power of two: full when n is one. */
	if ((n & (n - 1)) == 0) {
		more =
		    reallocarray(e->values, n == 0 ? 1 : 2 * n, sizeof(*more));
		if (more == NULL)
			return err_sys("value");
		e->values = more;
	}
	if ((e->values[n] = str_dup(value)) == NULL)
		return err_sys("value");
	e->n_values++;
	return NULL;
}

struct err *
ini_section_add(struct ini *ini, size_t parent, struct str name, size_t *out)
{
	struct ini_section *s;
	const char *path;
	size_t same;

	s = reallocarray(ini->sections, ini->n_sections + 1, sizeof(*s));
	if (s == NULL)
		return err_sys("section");
	ini->sections = s;
	path = s[parent].path;
	s += ini->n_sections;
	*s = (struct ini_section){ .parent = parent,
		.depth = ini->sections[parent].depth + 1 };
	s->name = str_dup(name);
	s->path = malloc(strlen(path) + 1 + name.n + 1);
	if (s->name == NULL || s->path == NULL) {
		free(s->name);
		free(s->path);
		return err_sys("section");
	}
	*s->path = '\0';
	if (parent != INI_ROOT) {
		(void)strcpy(s->path, path);
		(void)strcat(s->path, "/");
	}
	(void)strcat(s->path, s->name);
	/* [a/b], and [[b]] in [a]: nobody could say which one is meant. */
	same = ini_section_find(ini, s->path);
	*out = ini->n_sections++;
	if (same == INI_NONE)
		return NULL;
	ini_section_drop(ini);
	return err_new("another section has this name, with that of the one "
		       "that it is in before it and a slash between");
}

void
ini_section_drop(struct ini *ini)
{
	ini->n_sections--;
	free(ini->sections[ini->n_sections].name);
	free(ini->sections[ini->n_sections].path);
}

size_t
ini_section_find(const struct ini *ini, const char *path)
{
	for (size_t i = 0; i < ini->n_sections; i++)
		if (strcmp(ini->sections[i].path, path) == 0)
			return i;
	return INI_NONE;
}

size_t
ini_section_child(const struct ini *ini, size_t parent, struct str name)
{
	for (size_t i = 1; i < ini->n_sections; i++)
		if (ini->sections[i].parent == parent &&
		    str_is(name, ini->sections[i].name))
			return i;
	return INI_NONE;
}

size_t
ini_key_find(const struct ini *ini, size_t section, struct str key)
{
	const struct ini_entry *e;

	for (size_t i = 0; i < ini->n_entries; i++) {
		e = ini->entries[i];
		if (e->kind == INI_KEY && e->section == section &&
		    str_is(key, e->key))
			return i;
	}
	return INI_NONE;
}

/* The entry of a key, NULL where there is none. */
static const struct ini_entry *
find(const struct ini *ini, const char *section, const char *key)
{
	size_t at = ini_section_find(ini, section);

	if (at != INI_NONE)
		at = ini_key_find(ini, at, str_of(key));
	return at == INI_NONE ? NULL : ini->entries[at];
}

const char *
ini_get(const struct ini *ini, const char *section, const char *key)
{
	const struct ini_entry *e = find(ini, section, key);

	if (e == NULL)
		return NULL;
	return e->n_values == 0 ? "" : e->values[0];
}

unsigned
ini_line(const struct ini *ini, const char *section, const char *key)
{
	const struct ini_entry *e = find(ini, section, key);

	return e == NULL ? 0 : e->line;
}

size_t
ini_list(const struct ini *ini, const char *section, const char *key,
    const char *const **out)
{
	const struct ini_entry *e = find(ini, section, key);

	*out = e == NULL ? NULL : (const char *const *)e->values;
	return e == NULL ? 0 : e->n_values;
}

void
ini_each(const struct ini *ini,
    bool (*fn)(void *arg, const char *section, const char *key, unsigned line),
    void *arg)
{
	const struct ini_entry *e;

	for (size_t i = 0; i < ini->n_entries; i++) {
		e = ini->entries[i];
		if (e->kind == INI_KEY &&
		    !fn(arg, ini->sections[e->section].path, e->key, e->line))
			return;
	}
}

bool
ini_has_section(const struct ini *ini, const char *path)
{
	return ini_section_find(ini, path) != INI_NONE;
}

void
ini_each_section(const struct ini *ini,
    bool (*fn)(void *arg, const char *path, unsigned line), void *arg)
{
	const struct ini_entry *e;

	for (size_t i = 0; i < ini->n_entries; i++) {
		e = ini->entries[i];
		if (e->kind == INI_SECTION &&
		    !fn(arg, ini->sections[e->section].path, e->line))
			return;
	}
}
