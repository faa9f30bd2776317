/*
 * ini_expand.c - %(name)s in values: ConfigObj replaces it when it reads, so a
 * reader that does not would see other values than certbot.
 *
 * Runs in:  certd, certd-dns, acmew, certctl.
 * Input:    documents that root or certbot wrote.
 * Promise:  ends, whatever refers to what; what results is bounded.
 */
#include <string.h>

#include "buf.h"
#include "ini_doc.h"

#define DEPTH_MAX 10   /* MAX_INTERPOL_DEPTH of ConfigObj */
#define STEPS_MAX 1000 /* in a document: "a = %(b)s%(b)s" grows like a tree */

struct expansion {
	const struct ini *ini;
	size_t section; /* of the value that is being made */
	unsigned steps;
	unsigned depth;
};

const char *
ini_reference(const char *text, struct str *name)
{
	const char *p, *close;

	for (p = text; (p = strstr(p, "%(")) != NULL; p++) {
		if ((close = strchr(p, ')')) == NULL)
			return NULL;
		if (close[1] == 's') {
			name->p = p + 2;
			name->n = (size_t)(close - name->p);
			return p;
		}
	}
	return NULL;
}

/* The key that is meant: of the section, of its subsection DEFAULT, or of the
 * sections around it in the same way. */
static const struct ini_entry *
lookup(const struct expansion *x, struct str name)
{
	const struct ini *ini = x->ini;
	size_t at, section, shared;

	for (section = x->section;; section = ini->sections[section].parent) {
		at = ini_key_find(ini, section, name);
		if (at != INI_NONE)
			return ini->entries[at];
		shared = ini_section_child(ini, section, str_of("DEFAULT"));
		if (shared != INI_NONE &&
		    (at = ini_key_find(ini, shared, name)) != INI_NONE)
			return ini->entries[at];
		if (section == INI_ROOT)
			return NULL;
	}
}

/* Appends text to out, every reference replaced. */
static struct err *
expand(struct expansion *x, const char *text, struct buf *out)
{
	const struct ini_entry *meant;
	struct err *e = NULL;
	struct str name;
	const char *p;

	while (e == NULL && (p = ini_reference(text, &name)) != NULL) {
		meant = lookup(x, name);
		if (meant == NULL || meant->is_list)
			return err_new("%%(%.*s)s stands for the value of a "
				       "key, and there is none of this name",
			    (int)name.n, name.p);
		if (x->depth == DEPTH_MAX || ++x->steps > STEPS_MAX)
			return err_new("%%(%.*s)s refers to itself, or to too "
				       "much",
			    (int)name.n, name.p);
		x->depth++;
		if ((e = buf_add(out, text, (size_t)(p - text))) == NULL)
			e = expand(x, meant->values[0], out);
		x->depth--;
		text = name.p + name.n + strlen(")s");
	}
	return e != NULL ? e : buf_add(out, text, strlen(text));
}

static struct err *
expand_values(struct expansion *x, struct ini_entry *entry, struct buf *out)
{
	struct err *e = NULL;
	struct str name;
	char *value;

	x->section = entry->section;
	for (size_t i = 0; e == NULL && i < entry->n_values; i++) {
		if (ini_reference(entry->values[i], &name) == NULL)
			continue;
		buf_clear(out);
		if ((e = expand(x, entry->values[i], out)) != NULL)
			break;
		if ((value = strdup(buf_data(out))) == NULL)
			return err_sys("value");
		buf_clear(out);
		ini_value_free(entry->values[i]);
		entry->values[i] = value;
	}
	return e;
}

struct err *
ini_expand(const char *file, struct ini *ini)
{
	struct expansion x = { .ini = ini };
	struct buf *out = buf_new(INI_MAX_BYTES);
	struct ini_entry *entry = NULL;
	struct err *e = NULL;

	if (out == NULL)
		return err_sys("%s", file);
	for (size_t i = 0; e == NULL && i < ini->n_entries; i++) {
		entry = ini->entries[i];
		e = expand_values(&x, entry, out);
	}
	if (e != NULL)
		e = err_wrap(e, "%s:%u: %s", file, entry->line, entry->key);
	buf_free(out);
	return e;
}
