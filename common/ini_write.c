/*
 * ini_write.c - changes a document and writes it, so that ConfigObj reads the
 * same from it.
 *
 * Runs in:  certd, certctl.
 * Input:    values that may come from the command line.
 * Promise:  a line that was not changed comes out byte for byte; on error the
 *           document holds what it held, perhaps with an empty section more.
 */
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "ini_doc.h"

#define BOM "\xef\xbb\xbf"

/* Another key or section; more than the reader takes would be lost. */
static struct err *
count_name(struct ini *ini)
{
	if (ini->n_keys == INI_KEYS_MAX)
		return err_new("too many keys and sections");
	ini->n_keys++;
	return NULL;
}

static const char *
line_end(const struct ini *ini)
{
	return ini->crlf ? "\r\n" : "\n";
}

/* Gives an entry the text that is in b. */
static struct err *
set_raw(struct ini_entry *e, const struct buf *b)
{
	struct str text = { buf_data(b), buf_len(b) };
	char *own = str_dup(text);

	if (own == NULL)
		return err_sys("text");
	ini_value_free(e->own);
	e->own = own;
	e->raw = (struct str){ own, text.n };
	return NULL;
}

static bool
is_inside(const struct ini *ini, size_t section, size_t outer)
{
	while (section != outer && section != INI_ROOT)
		section = ini->sections[section].parent;
	return section == outer;
}

/* Where a new section in parent goes: behind all that parent holds. Comments
 * above the section that follows stay with that one; those at the end of the
 * document stay where they are. */
static size_t
place_of_section(const struct ini *ini, size_t parent)
{
	const struct ini_entry *e;
	size_t i, last = 0;

	for (i = 0; i < ini->n_entries; i++) {
		e = ini->entries[i];
		if (e->kind == INI_OTHER)
			continue;
		if (is_inside(ini, e->section, parent))
			last = i + 1;
		else if (last != 0)
			return last;
	}
	return ini->n_entries;
}

/* Where a new key goes: behind the last one of its section. *model is the
 * entry whose indentation it takes, or NULL. */
static size_t
place_of_key(
    const struct ini *ini, size_t section, const struct ini_entry **model)
{
	const struct ini_entry *e;
	size_t i, place = INI_NONE;

	*model = NULL;
	for (i = 0; i < ini->n_entries; i++) {
		e = ini->entries[i];
		if (e->kind == INI_OTHER || e->section != section)
			continue;
		*model = e;
		place = i + 1;
	}
	if (place != INI_NONE)
		return place;
	/* No key before the first section yet. */
	for (i = 0; i < ini->n_entries; i++)
		if (ini->entries[i]->kind == INI_SECTION)
			return i;
	return ini->n_entries;
}

/* The blanks at the front of the line of an entry. */
static struct str
indent_of(const struct ini_entry *e)
{
	struct str s = str_of("");

	if (e == NULL)
		return s;
	s.p = e->raw.p;
	while (s.n < e->raw.n && (s.p[s.n] == ' ' || s.p[s.n] == '\t'))
		s.n++;
	return s;
}

/* Puts the line of a section that has just been added in its place. */
static struct err *
insert_marker(struct ini *ini, size_t parent, size_t section)
{
	static const char open[] = "[[[[[[[[[[[[[[[[";
	static const char close[] = "]]]]]]]]]]]]]]]]";
	const struct ini_section *s = ini->sections + section;
	struct buf *b = buf_new(INI_MAX_BYTES);
	int depth = (int)s->depth;
	size_t at = place_of_section(ini, parent);
	struct ini_entry *entry;
	struct err *e;

	if (b == NULL)
		return err_sys("section");
	if ((e = buf_addf(b, "%.*s", depth, open)) != NULL ||
	    (e = ini_quote_short(b, s->name)) != NULL ||
	    (e = buf_addf(b, "%.*s%s", depth, close, line_end(ini))) != NULL)
		goto out;
	if ((entry = ini_entry_insert(ini, at)) == NULL) {
		e = err_sys("section");
		goto out;
	}
	entry->kind = INI_SECTION;
	entry->section = section;
	if ((e = set_raw(entry, b)) != NULL)
		ini_entry_remove(ini, at);
out:
	buf_free(b);
	return e;
}

/* Makes a section that is not there. */
static struct err *
make_section(struct ini *ini, size_t parent, struct str name, size_t *out)
{
	char *text = str_dup(name);
	struct err *e;

	if (text == NULL)
		return err_sys("section");
	if ((e = ini_check_name(text)) == NULL &&
	    ini->sections[parent].depth == INI_DEPTH_MAX)
		e = err_new("[%s]: sections nested too deep", text);
	else if (e == NULL && ini_key_find(ini, parent, name) != INI_NONE)
		e = err_new("[%s]: there is a key of this name", text);
	else if (e == NULL)
		e = count_name(ini);
	if (e == NULL &&
	    (e = ini_section_add(ini, parent, name, out)) == NULL &&
	    (e = insert_marker(ini, parent, *out)) != NULL)
		ini_section_drop(ini);
	free(text);
	return e;
}

/* The number of the section "a/b"; it and those around it are made where they
 * are missing. */
static struct err *
need_section(struct ini *ini, const char *path, size_t *out)
{
	struct str name = { path, 0 };
	size_t section = ini_section_find(ini, path), child;
	struct err *e;

	*out = section;
	if (section != INI_NONE)
		return NULL;
	for (section = INI_ROOT;; section = child, name.p += name.n + 1) {
		name.n = strcspn(name.p, "/");
		child = ini_section_child(ini, section, name);
		if (child == INI_NONE &&
		    (e = make_section(ini, section, name, &child)) != NULL)
			return e;
		if (name.p[name.n] == '\0')
			break;
	}
	*out = child;
	return NULL;
}

/* The comment behind the value of an entry, without the blanks before it. */
static struct str
comment_of(const struct ini_entry *e)
{
	size_t at = e->value_at + e->value_n;
	struct str s = { e->raw.p + at, e->raw.n - at };

	while (s.n > 0 && *s.p != '#') {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && text_is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* Whether ConfigObj could take a comment for a part of a quoted value. */
static bool
is_dangerous(struct str comment, const struct buf *text)
{
	return strpbrk(buf_data(text), "\"'") != NULL &&
	       memchr(comment.p, ',', comment.n) != NULL &&
	       (memchr(comment.p, '"', comment.n) != NULL ||
		   memchr(comment.p, '\'', comment.n) != NULL);
}

/* What stands before the new value: all that stood before the old one, and a
 * comment that cannot stay behind the value. */
static struct err *
rewrite_front(const struct ini *ini, const struct ini_entry *entry,
    struct str lifted, struct buf *b)
{
	const char *raw = entry->raw.p;
	struct str indent = indent_of(entry);
	size_t n = entry->value_at;
	struct err *e;

	if (lifted.n > 0 && ((e = buf_add(b, indent.p, indent.n)) != NULL ||
				(e = buf_add(b, lifted.p, lifted.n)) != NULL ||
				(e = buf_addf(b, "%s", line_end(ini))) != NULL))
		return e;
	if ((e = buf_add(b, raw, n)) != NULL)
		return e;
	/* "key =" without a value has no blank behind the "=". */
	return n > 1 && raw[n - 1] == '=' && raw[n - 2] == ' '
		   ? buf_add(b, " ", 1)
		   : NULL;
}

/* A new line for a key that is there: all of the old one but the value. */
static struct err *
rewrite(const struct ini *ini, struct ini_entry *entry, const struct buf *text,
    struct buf *b)
{
	struct str comment = comment_of(entry), lifted = str_of("");
	size_t at, behind = entry->value_at + entry->value_n;
	struct err *e;

	if (is_dangerous(comment, text)) {
		lifted = comment;
		behind = (size_t)(comment.p + comment.n - entry->raw.p);
	}
	if ((e = rewrite_front(ini, entry, lifted, b)) != NULL)
		return e;
	at = buf_len(b);
	if ((e = buf_add(b, buf_data(text), buf_len(text))) != NULL ||
	    (e = buf_add(b, entry->raw.p + behind, entry->raw.n - behind)) !=
		NULL ||
	    (e = set_raw(entry, b)) != NULL)
		return e;
	entry->value_at = at;
	entry->value_n = buf_len(text);
	return NULL;
}

/* Takes the values that fresh holds into entry. */
static void
take_values(struct ini_entry *entry, struct ini_entry *fresh)
{
	ini_values_free(entry->values, entry->n_values);
	entry->values = fresh->values;
	entry->n_values = fresh->n_values;
	entry->is_list = fresh->is_list;
	fresh->values = NULL;
	fresh->n_values = 0;
}

/* A new line for a key that is not there. */
static struct err *
insert_key(struct ini *ini, size_t section, const char *key,
    const struct buf *text, struct ini_entry *fresh)
{
	const struct ini_entry *model;
	size_t at = place_of_key(ini, section, &model);
	struct str indent = indent_of(model);
	struct buf *b = buf_new(INI_MAX_BYTES);
	struct ini_entry *entry = NULL;
	struct err *e;

	if (b == NULL)
		return err_sys("key");
	if ((e = buf_add(b, indent.p, indent.n)) != NULL ||
	    (e = ini_quote_short(b, key)) != NULL ||
	    (e = buf_add(b, " = ", 3)) != NULL)
		goto out;
	if ((entry = ini_entry_insert(ini, at)) == NULL ||
	    (entry->key = strdup(key)) == NULL) {
		e = err_sys("key");
		goto out;
	}
	entry->kind = INI_KEY;
	entry->section = section;
	entry->value_at = buf_len(b);
	entry->value_n = buf_len(text);
	if ((e = buf_add(b, buf_data(text), buf_len(text))) == NULL &&
	    (e = buf_addf(b, "%s", line_end(ini))) == NULL &&
	    (e = set_raw(entry, b)) == NULL)
		take_values(entry, fresh);
out:
	if (e != NULL && entry != NULL)
		ini_entry_remove(ini, at);
	buf_free(b);
	return e;
}

static bool
same_values(const struct ini_entry *a, const struct ini_entry *b)
{
	if (a->is_list != b->is_list || a->n_values != b->n_values)
		return false;
	for (size_t i = 0; i < a->n_values; i++)
		if (strcmp(a->values[i], b->values[i]) != 0)
			return false;
	return true;
}

/* Checks values, quotes them into text and copies them into fresh. */
static struct err *
prepare(const char *const *values, size_t n, struct ini_entry *fresh,
    struct buf *text)
{
	struct err *e;

	for (size_t i = 0; i < n; i++)
		if ((e = ini_check_value(values[i])) != NULL ||
		    (e = ini_entry_add_value(fresh, str_of(values[i]))) != NULL)
			return e;
	return fresh->is_list ? ini_quote_list(text, values, n)
			      : ini_quote_value(text, *values);
}

/* A new value for a key that is there. */
static struct err *
replace_value(struct ini *ini, struct ini_entry *entry, struct ini_entry *fresh,
    const struct buf *text)
{
	struct buf *b;
	struct err *e;

	if (same_values(entry, fresh))
		return NULL;
	if ((b = buf_new(2 * INI_MAX_BYTES)) == NULL)
		return err_sys("key");
	if ((e = rewrite(ini, entry, text, b)) == NULL)
		take_values(entry, fresh);
	buf_free(b);
	return e;
}

static struct err *
change(struct ini *ini, const char *path, const char *key,
    struct ini_entry *fresh, const struct buf *text)
{
	size_t section, at;
	struct err *e;

	if ((e = need_section(ini, path, &section)) != NULL)
		return e;
	at = ini_key_find(ini, section, str_of(key));
	if (at != INI_NONE)
		return replace_value(ini, ini->entries[at], fresh, text);
	if (ini_section_child(ini, section, str_of(key)) != INI_NONE)
		return err_new("there is a section of this name");
	if ((e = count_name(ini)) != NULL)
		return e;
	return insert_key(ini, section, key, text, fresh);
}

static struct err *
set(struct ini *ini, const char *section, const char *key, bool is_list,
    const char *const *values, size_t n)
{
	struct ini_entry fresh = { .is_list = is_list };
	struct buf *text = buf_new(INI_MAX_BYTES);
	struct err *e;

	if (text == NULL)
		return err_sys("%s", key);
	if ((e = ini_check_name(key)) == NULL &&
	    (e = prepare(values, n, &fresh, text)) == NULL)
		e = change(ini, section, key, &fresh, text);
	ini_values_free(fresh.values, fresh.n_values);
	buf_free(text);
	return err_wrap(e, "%s", key);
}

struct err *
ini_set(
    struct ini *ini, const char *section, const char *key, const char *value)
{
	return set(ini, section, key, false, &value, 1);
}

struct err *
ini_set_list(struct ini *ini, const char *section, const char *key,
    const char *const *values, size_t n)
{
	return set(ini, section, key, true, values, n);
}

void
ini_remove(struct ini *ini, const char *section, const char *key)
{
	size_t at = ini_section_find(ini, section);

	if (at != INI_NONE)
		at = ini_key_find(ini, at, str_of(key));
	if (at == INI_NONE)
		return;
	ini_entry_remove(ini, at);
	ini->n_keys--;
}

struct err *
ini_write(const struct ini *ini, struct buf *out)
{
	const struct str *raw;
	struct err *e = NULL;

	if (ini->bom)
		e = buf_add(out, BOM, strlen(BOM));
	for (size_t i = 0; e == NULL && i < ini->n_entries; i++) {
		raw = &ini->entries[i]->raw;
		e = buf_add(out, raw->p, raw->n);
		/* Only the last line of a file may lack its end. */
		if (e == NULL && i + 1 < ini->n_entries &&
		    raw->p[raw->n - 1] != '\n')
			e = buf_addf(out, "%s", line_end(ini));
	}
	return e;
}
