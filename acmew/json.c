/*
 * json.c - JSON from a CA, within limits.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    bodies of a CA. Assume that it is hostile.
 * Promise:  nothing deeper than 16 levels or longer than 256 KiB reaches the
 *           parser; every text handed out is bounded.
 */
#include <string.h>

#include "resources.h"
#include "url.h"

/* jansson recurses up to 2048 levels deep: depth is counted beforehand. */
static bool
is_too_deep(const char *text, size_t n)
{
	bool in_string = false;
	int depth = 0;

	for (size_t i = 0; i < n; i++) {
		if (text[i] == '"')
			in_string = !in_string;
		else if (in_string && text[i] == '\\')
			i++;
		else if (in_string)
			continue;
		else if (text[i] == '{' || text[i] == '[')
			depth++;
		else if (text[i] == '}' || text[i] == ']')
			depth--;
		if (depth > CA_JSON_MAX_DEPTH)
			return true;
	}
	return false;
}

struct err *
json_read(const char *text, size_t n, json_t **out)
{
	json_error_t why;
	json_t *root;

	*out = NULL;
	if (n > CA_JSON_MAX_BYTES)
		return err_new("JSON of %zu bytes, over the limit of %d", n,
		    CA_JSON_MAX_BYTES);
	if (is_too_deep(text, n))
		return err_new(
		    "JSON nested over %d levels deep", CA_JSON_MAX_DEPTH);
	root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
	if (root == NULL)
		return err_new("no JSON: line %d: %s", why.line, why.text);
	if (!json_is_object(root)) {
		json_decref(root);
		return err_new("JSON, but no object");
	}
	*out = root;
	return NULL;
}

/* A text of 1 to max bytes; key is for the message. */
static struct err *
check_text(const json_t *value, const char *key, size_t max, const char **out)
{
	size_t n;

	*out = "";
	if (value == NULL)
		return err_new("\"%s\" is missing", key);
	if (!json_is_string(value))
		return err_new("\"%s\" is no text", key);
	n = json_string_length(value);
	if (n == 0 || n > max)
		return err_new(
		    "\"%s\" has %zu bytes; 1 to %zu are allowed", key, n, max);
	*out = json_string_value(value);
	return NULL;
}

struct err *
json_text(const json_t *object, const char *key, size_t max, const char **out)
{
	return check_text(json_object_get(object, key), key, max, out);
}

struct err *
json_check_url(const json_t *value, const char *key, const char **out)
{
	struct err *e = check_text(value, key, URL_MAX_BYTES, out);
	char shown[128];
	struct url u;

	if (e != NULL)
		return e;
	if (!url_parse(str_of(*out), &u)) {
		text_escape(shown, sizeof(shown), *out, strlen(*out));
		*out = "";
		e = err_new("\"%s\" is no plain https URL: %s", key, shown);
	}
	return e;
}

struct err *
json_url(const json_t *object, const char *key, const char **out)
{
	return json_check_url(json_object_get(object, key), key, out);
}

const char *
json_label(const json_t *object, const char *key, char *out, size_t size)
{
	const json_t *value = json_object_get(object, key);

	out[0] = '\0';
	if (json_is_string(value))
		text_escape(out, size, json_string_value(value),
		    json_string_length(value));
	return out;
}
