/*
 * cf_reply.c - reads what Cloudflare's API answers.
 *
 * Runs in:  certd-dns (_certd-dns; HTTPS to the provider; no files, no exec).
 * Input:    bodies of the provider, of a page in front of it, or of whoever
 *           stands in between. Assume that they are hostile.
 * Promise:  sizes and counts are bounded (jansson itself refuses what is
 *           nested over 2,048 deep); numbers that come out are hex digits,
 *           names are host names: both go into URLs and messages.
 */
#include <stdlib.h>
#include <string.h>

#include "cf_reply.h"
#include "text.h"

void
cf_show(char *out, size_t size, const char *text)
{
	(void)text_escape(out, size, text, strlen(text));
}

/* The text of a member; "" where it is missing or no text. */
static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text == NULL ? "" : text;
}

static bool
copy(char *out, size_t size, const char *text)
{
	size_t n = strlen(text);

	if (n >= size)
		return false;
	memcpy(out, text, n + 1);
	return true;
}

/* The number of a zone or a record. */
static bool
copy_number(char out[CF_ID_SIZE], const json_t *object)
{
	const char *text = text_of(object, "id");

	return text_is_hex(text, strlen(text)) && copy(out, CF_ID_SIZE, text);
}

/* ---- the envelope ---- */

/* Codes are numbers; some gateways write them as text. */
static long
code_of(const json_t *problem)
{
	const json_t *code = json_object_get(problem, "code");

	if (json_is_integer(code))
		return (long)json_integer_value(code);
	return json_is_string(code) ? strtol(json_string_value(code), NULL, 10)
				    : 0;
}

static void
add_problems(struct cf_reply *r, const json_t *list, bool chained)
{
	const json_t *problem;
	size_t i;

	json_array_foreach(list, i, problem)
	{
		struct cf_problem *p = &r->problems[r->n_problems];

		if (r->n_problems == CF_PROBLEMS_MAX)
			return;
		if (!json_is_object(problem))
			continue;
		p->code = code_of(problem);
		cf_show(p->message, sizeof(p->message),
		    text_of(problem, "message"));
		r->n_problems++;
		if (!chained)
			add_problems(
			    r, json_object_get(problem, "error_chain"), true);
	}
}

static unsigned
count_of(const json_t *info, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(info, key));

	return n < 1 ? 1 : n > 10000 ? 10000 : (unsigned)n;
}

/* The first bytes of what is no JSON: often they say who answered. */
static struct err *
no_json(long status, const char *body, size_t n, const char *why)
{
	const char *what = body + strspn(body, " \t\r\n");
	char shown[96], reason[256], start[64] = "";

	if (n == 0)
		return err_new("HTTP status %ld without a body", status);
	if (strncasecmp(what, "<!doctype", 9) == 0 ||
	    strncasecmp(what, "<html", 5) == 0)
		return err_new("HTTP status %ld with a page of HTML", status);
	(void)strncpy(start, what, sizeof(start) - 1);
	cf_show(shown, sizeof(shown), start);
	cf_show(reason, sizeof(reason), why); /* jansson quotes the body */
	return err_new("HTTP status %ld, but the body is not what the API "
		       "answers (%s): %s",
	    status, reason, shown);
}

struct err *
cf_reply_read(long status, const char *body, size_t n, struct cf_reply *out)
{
	const json_t *success, *info;
	json_error_t why;

	memset(out, 0, sizeof(*out));
	out->status = status;
	if (n > CF_BODY_MAX_BYTES)
		return err_new(
		    "HTTP status %ld with a body of %zu bytes", status, n);
	if ((out->root = json_loadb(body, n, 0, &why)) == NULL)
		return no_json(status, body, n, why.text);
	success = json_object_get(out->root, "success");
	if (!json_is_boolean(success))
		return no_json(status, body, n, "\"success\" is missing");
	add_problems(out, json_object_get(out->root, "errors"), false);
	out->ok = json_is_true(success) && status >= 200 && status < 300;
	out->result = json_object_get(out->root, "result");
	info = json_object_get(out->root, "result_info");
	out->page = count_of(info, "page");
	out->n_pages = count_of(info, "total_pages");
	return NULL;
}

void
cf_reply_clear(struct cf_reply *r)
{
	json_decref(r->root);
	memset(r, 0, sizeof(*r));
}

struct err *
cf_reply_wrap(const struct cf_reply *r, struct err *e)
{
	return r->asked == NULL ? e : err_wrap(e, "%s", r->asked);
}

bool
cf_reply_has(const struct cf_reply *r, long code)
{
	for (size_t i = 0; i < r->n_problems; i++)
		if (r->problems[i].code == code)
			return true;
	return false;
}

/* ---- zones ---- */

static void
copy_servers(struct cf_zone *z, const json_t *list)
{
	const json_t *server;
	size_t i;

	json_array_foreach(list, i, server)
	{
		const char *name = json_string_value(server);

		if (z->n_servers == CF_SERVERS_MAX)
			return;
		if (name != NULL && *name != '\0' &&
		    name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
				      "0123456789-._")] == '\0' &&
		    copy(z->servers[z->n_servers], CF_NAME_SIZE, name))
			z->n_servers++;
	}
}

static bool
zone_is(const json_t *zone, const char *name)
{
	return strcmp(text_of(zone, "name"), name) == 0;
}

static bool
zone_is_active(const json_t *zone)
{
	return strcmp(text_of(zone, "status"), "active") == 0;
}

/* Where a name was moved between accounts it is listed twice: what is active
 * counts before what is not. */
static const json_t *
choose_zone(const json_t *list, const char *name, size_t *rivals)
{
	const json_t *zone, *best = NULL;
	size_t i;

	*rivals = 0;
	json_array_foreach(list, i, zone)
	{
		if (!zone_is(zone, name))
			continue;
		if (best == NULL ||
		    zone_is_active(zone) > zone_is_active(best)) {
			best = zone;
			*rivals = 0;
		} else if (zone_is_active(zone) == zone_is_active(best))
			++*rivals;
	}
	return best;
}

struct err *
cf_zone_read(const struct cf_reply *r, const char *name, struct cf_zone *out,
    bool *found)
{
	const json_t *zone;
	size_t rivals;

	memset(out, 0, sizeof(*out));
	*found = false;
	if (!json_is_array(r->result))
		return cf_reply_wrap(r, err_new("\"result\" is no list"));
	if ((zone = choose_zone(r->result, name, &rivals)) == NULL)
		return NULL;
	if (rivals > 0)
		return err_advise(err_new("there are %zu zones %s in the "
					  "accounts that the token sees",
				      rivals + 1, name),
		    "use a token of the one account that holds the domain");
	if (!copy_number(out->id, zone))
		return cf_reply_wrap(
		    r, err_new("the zone %s has no usable id", name));
	(void)copy(out->name, sizeof(out->name), name);
	cf_show(out->status, sizeof(out->status), text_of(zone, "status"));
	copy_servers(out, json_object_get(zone, "name_servers"));
	*found = true;
	return NULL;
}

bool
cf_zones_below(const struct cf_reply *r, const char *zone,
    char (*names)[CF_NAME_SIZE], size_t max, size_t *n)
{
	const json_t *one;
	size_t i, z = strlen(zone), k;

	*n = 0;
	if (!json_is_array(r->result))
		return false;
	json_array_foreach(r->result, i, one)
	{
		const char *name = text_of(one, "name");

		k = strlen(name);
		if (*n == max || k <= z || name[k - z - 1] != '.' ||
		    strcmp(name + k - z, zone) != 0 ||
		    !copy(names[*n], CF_NAME_SIZE, name))
			return false;
		++*n;
	}
	return true;
}

/* ---- records ---- */

static bool
record_is(const json_t *record, const char *name)
{
	return strcmp(text_of(record, "type"), "TXT") == 0 &&
	       strcasecmp(text_of(record, "name"), name) == 0;
}

struct err *
cf_record_read(
    const struct cf_reply *r, const char *name, char number[CF_ID_SIZE])
{
	if (!json_is_object(r->result))
		return cf_reply_wrap(r, err_new("\"result\" is no object"));
	if (!record_is(r->result, name)) {
		char shown[300];

		cf_show(shown, sizeof(shown), text_of(r->result, "name"));
		return cf_reply_wrap(r,
		    err_new("the record is not TXT %s but another one: \"%s\"",
			name, shown));
	}
	if (!copy_number(number, r->result))
		return cf_reply_wrap(r, err_new("the record has no usable id"));
	return NULL;
}

/* Content is stored as it was sent: some clients quote it, some do not. */
static bool
content_is(const json_t *record, const char *value)
{
	const char *content = text_of(record, "content");
	size_t n = strlen(content);

	if (n >= 2 && content[0] == '"' && content[n - 1] == '"') {
		content++;
		n -= 2;
	}
	return n == strlen(value) && memcmp(content, value, n) == 0;
}

static size_t
find_records(const json_t *list, const char *name, const char *value,
    char (*numbers)[CF_ID_SIZE], size_t max)
{
	const json_t *record;
	size_t i, n = 0;

	json_array_foreach(list, i, record)
	{
		if (n < max && record_is(record, name) &&
		    content_is(record, value) &&
		    copy_number(numbers[n], record))
			n++;
	}
	return n;
}

size_t
cf_records_find(const struct cf_reply *r, const char *name, const char *value,
    char (*numbers)[CF_ID_SIZE], size_t max)
{
	return find_records(r->result, name, value, numbers, max);
}

bool
cf_batch_find(const struct cf_reply *r, const char *name, const char *value,
    char number[CF_ID_SIZE])
{
	char numbers[1][CF_ID_SIZE];

	if (find_records(json_object_get(r->result, "posts"), name, value,
		numbers, 1) == 0)
		return false;
	memcpy(number, numbers[0], CF_ID_SIZE);
	return true;
}

bool
cf_batch_lost(const struct cf_reply *r, const char *number)
{
	const json_t *list = json_object_get(r->result, "deletes"), *record;
	size_t i;

	json_array_foreach(list, i, record)
		if (strcmp(text_of(record, "id"), number) == 0)
			return true;
	return false;
}
