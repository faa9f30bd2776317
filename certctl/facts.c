/*
 * facts.c - keys and values to be shown.
 *
 * Runs in:  certctl (the caller).
 * Input:    what certd tells; some of it was told to it by a CA.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "certctl.h"

/* Longer keys push their value to the right. */
#define KEY_WIDTH_MAX 24

struct err *
facts_add(struct facts *f, struct str key, struct str value)
{
	struct fact *v = realloc(f->v, (f->n + 1) * sizeof(*v));

	if (v == NULL)
		return err_sys("facts");
	f->v = v;
	v[f->n].job = 0;
	v[f->n].key = str_dup(key);
	v[f->n].value = str_dup(value);
	f->n++;
	if (v[f->n - 1].key == NULL || v[f->n - 1].value == NULL)
		return err_sys("facts");
	return NULL;
}

struct err *
facts_add_told(struct facts *f, const struct msg *m)
{
	struct err *e = facts_add(f, m->fact.key, m->fact.value);

	if (e == NULL)
		f->v[f->n - 1].job = m->fact.job;
	return e;
}

struct err *
facts_take(struct facts *f, uint32_t job, struct facts *out)
{
	size_t i, left = 0;

	*out = (struct facts){ NULL, 0 };
	if (f->n == 0)
		return NULL;
	if ((out->v = calloc(f->n, sizeof(*out->v))) == NULL)
		return err_sys("facts");
	for (i = 0; i < f->n; i++) {
		if (f->v[i].job == job)
			out->v[out->n++] = f->v[i];
		else
			f->v[left++] = f->v[i];
	}
	f->n = left;
	return NULL;
}

const char *
facts_get(const struct facts *f, const char *key)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		if (strcmp(f->v[i].key, key) == 0)
			return f->v[i].value;
	return NULL;
}

void
facts_print(const struct facts *f, FILE *out, int indent)
{
	int width = 0, n;
	size_t i;

	for (i = 0; i < f->n; i++) {
		n = (int)strlen(f->v[i].key);
		if (n > width && n <= KEY_WIDTH_MAX)
			width = n;
	}
	for (i = 0; i < f->n; i++) {
		n = width - (int)strlen(f->v[i].key);
		fprintf(out, "%*s", indent, "");
		print_text(out, str_of(f->v[i].key));
		fprintf(out, ": %*s", n < 0 ? 0 : n, "");
		print_text(out, str_of(f->v[i].value));
		fputc('\n', out);
	}
}

/* "private key" becomes "private_key", so that jq and the like need no
 * quotes. */
static char *
json_key(const char *key)
{
	char *copy = strdup(key), *p;

	for (p = copy; p != NULL && *p != '\0'; p++)
		*p = isalnum((unsigned char)*p) || (*p & 0x80) != 0
			 ? (char)tolower((unsigned char)*p)
			 : '_';
	return copy;
}

/* A second value of a key makes a list of it. */
static int
put(json_t *o, const char *key, const char *value)
{
	json_t *old = json_object_get(o, key), *list;

	if (old == NULL)
		return json_object_set_new(o, key, json_string(value));
	if (json_is_array(old))
		return json_array_append_new(old, json_string(value));
	list = json_pack("[O, s]", old, value);
	return json_object_set_new(o, key, list);
}

json_t *
facts_json(const struct facts *f)
{
	json_t *o = json_object();
	char *key;
	size_t i;
	int rc = 0;

	for (i = 0; o != NULL && rc == 0 && i < f->n; i++) {
		key = json_key(f->v[i].key);
		rc = key == NULL ? -1 : put(o, key, f->v[i].value);
		free(key);
	}
	if (rc == 0)
		return o;
	json_decref(o);
	return NULL;
}

void
facts_clear(struct facts *f)
{
	while (f->n > 0) {
		f->n--;
		free(f->v[f->n].key);
		free(f->v[f->n].value);
	}
	free(f->v);
	f->v = NULL;
}
