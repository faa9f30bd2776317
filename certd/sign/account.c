/*
 * account.c - regr.json and meta.json, certbot's files beside an account key.
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    regr.json of an account, by certbot of any age or by hand.
 * Promise:  of an old file only the account's URL is used.
 */
#include <jansson.h>

#include "sign.h"
#include "url.h"

/* Old files hold terms, keys and URLs of ACME v1 as well; "body" has been
 * anything. Nothing but "uri" counts. */
struct err *
regr_read(const char *text, size_t n, char **url)
{
	json_error_t where;
	json_t *regr = json_loadb(text, n, JSON_REJECT_DUPLICATES, &where);
	const json_t *uri = json_object_get(regr, "uri");
	struct str s = { "", 0 };
	struct err *e = NULL;
	struct url parts;

	if (json_is_string(uri))
		s = (struct str){ json_string_value(uri),
			json_string_length(uri) };
	if (regr == NULL)
		e = err_new(
		    "not JSON, line %d column %d", where.line, where.column);
	else if (!url_parse(s, &parts))
		e = err_new("\"uri\" is missing or no https URL");
	else if ((*url = str_dup(s)) == NULL)
		e = err_sys("URL of the account");
	json_decref(regr);
	return e;
}

/* certbot wants "body", though it is empty (its own are). */
json_t *
regr_json(struct str url)
{
	return json_pack("{s:{}, s:s%}", "body", "uri", url.p, url.n);
}

/* register_to_eff is left out: it means "never asked", as null does. */
json_t *
meta_json(time_t created, struct str host)
{
	char text[TEXT_TIME_SIZE];

	return json_pack("{s:s, s:s%}", "creation_dt", text_time(text, created),
	    "creation_host", host.p, host.n);
}
