/*
 * ini_doc.h - the inside of ini*.c, for these files only: a document is its
 * lines, each as it was read, and what the keys among them mean.
 */
#ifndef INI_DOC_H
#define INI_DOC_H

#include "ini.h"
#include "text.h"

#define INI_MAX_BYTES (1024 * 1024)
#define INI_DEPTH_MAX 16
#define INI_KEYS_MAX  8192 /* and sections: looking for doubles is quadratic */
#define INI_NONE      ((size_t)-1)
#define INI_ROOT      ((size_t)0) /* section "": the keys before the first */

enum ini_kind {
	INI_OTHER,   /* comments and empty lines, one or more */
	INI_SECTION, /* the line that opens a section */
	INI_KEY,     /* a key and its value, perhaps of several lines */
};

struct ini_entry {
	enum ini_kind kind;
	struct str raw;	   /* as it stands in the file, line end and all */
	char *own;	   /* raw, where that is not part of ini->text */
	size_t section;	   /* that it is in; INI_SECTION: that it opens */
	unsigned line;	   /* 0: made by ini_set() */
	char *key;
	size_t value_at;   /* the part of raw that is the value, with quotes */
	size_t value_n;
	bool is_list;
	char **values;	   /* unquoted; one where it is no list */
	size_t n_values;
};

struct ini_section {
	char *name;
	char *path;	   /* "name" or "parent/name" */
	size_t parent;	   /* the root is its own */
	unsigned depth;	   /* the root has 0 */
};

struct ini {
	char *text;	   /* all that was read */
	size_t text_n;
	bool bom, crlf;
	struct ini_section *sections;
	size_t n_sections;
	struct ini_entry **entries;
	size_t n_entries, room;
	size_t n_keys;	   /* and sections */
};

/* A new empty entry that will be number at. NULL when out of memory. */
struct ini_entry *ini_entry_insert(struct ini *ini, size_t at);
void		 ini_entry_remove(struct ini *ini, size_t at);
/* Adds a copy of value to the values of e. */
struct err	*ini_entry_add_value(struct ini_entry *e, struct str value);
/* Wipes and frees a text; NULL is fine. */
void		 ini_value_free(char *text);
/* The same with n texts and their array. */
void		 ini_values_free(char **values, size_t n);

/* The number of a section that has none yet, or an error. Its line is the
 * caller's business. */
struct err	*ini_section_add(struct ini *ini, size_t parent,
		    struct str name, size_t *out);
/* Takes the last section away again. */
void		 ini_section_drop(struct ini *ini);
/* Numbers of sections and of entries, INI_NONE where there is none. */
size_t		 ini_section_find(const struct ini *ini, const char *path);
size_t		 ini_section_child(const struct ini *ini, size_t parent,
		    struct str name);
size_t		 ini_key_find(const struct ini *ini, size_t section,
		    struct str key);

/* A line: with its end, and without. */
struct ini_line {
	struct str raw, text;
};

/* The next line of rest; false when nothing is left. */
bool		 ini_line_take(struct str *rest, struct ini_line *l);
bool		 ini_is_quote(char c);
const char	*ini_skip_space(const char *p, const char *end);
/* Whether from p to end only a comment or nothing is left. */
bool		 ini_is_over(const char *p, const char *end);
/* Reads the value that text begins with (text goes on to the end of the
 * document) into e, all but value_at. *used is how many bytes it has, with
 * quotes and what follows on its last line. */
struct err	*ini_value_read(struct ini_entry *e, struct str text,
		    size_t *used);

/* NULL when a value can be written so that certbot reads the same. */
struct err	*ini_check_value(const char *value);
/* NULL when name can be a key or section; narrower than what the reader takes,
 * because ConfigObj itself could not write others back. */
struct err	*ini_check_name(const char *name);
/* Append text as a value; as a list; as a name or an element of a list. */
struct err	*ini_quote_value(struct buf *out, const char *value);
struct err	*ini_quote_list(struct buf *out, const char *const *values,
		    size_t n);
struct err	*ini_quote_short(struct buf *out, const char *text);

/* The first "%(name)s" of text, NULL where there is none. */
const char	*ini_reference(const char *text, struct str *name);
/* Replaces each %(name)s in all values by the value it names, as ConfigObj
 * does when it reads. */
struct err	*ini_expand(const char *file, struct ini *ini);

#endif
