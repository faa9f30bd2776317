/*
 * cf_advice.c - what the user can do about the complaints of Cloudflare.
 *
 * Runs in:  certd-dns (_certd-dns; HTTPS to the provider; no files, no exec).
 */
#include "cf_reply.h"

#define TOKENS "https://dash.cloudflare.com/profile/api-tokens"

/* Codes of the API documentation, lego, certbot and the field; where an answer
 * has several, the first row wins. */
static const struct row {
	long code;
	const char *advice;
} rows[] = {
	{ 6111, "the token has not the form of one: copy it again, all of it" },
	{ 6003, "the credentials have not the right form: copy them again, all "
		"of them; a Global API Key is no API token" },
	{ 9103, "Cloudflare does not know this e-mail address and Global API "
		"Key: check both, or better use an API token" },
	{ 9106, "Cloudflare saw no credentials: check the credentials file" },
	{ 9109, "the token is not valid here: mistyped, revoked, expired, or "
		"limited to other client addresses (IPv4 and IPv6 differ): "
		"see " TOKENS },
	{ 10000, "the token may not do this: it needs the permission "
		 "Zone:DNS:Edit for this zone, see " TOKENS },
	{ 1009, "does the token have the permission Zone:DNS:Edit for this "
		"zone? See " TOKENS },
	{ 7003, "the zone has gone or the token may not see it; check api-url "
		"in section [dns] of certd.conf, too" },
	{ 7000, "check api-url in section [dns] of certd.conf" },
	{ 1001, "the zone has gone, or the token may not see it" },
	{ 81053, "another record stands at this name: remove the A, AAAA or "
		 "CNAME record at _acme-challenge" },
	{ 81045, "the zone is full of records: remove old ones (left-over "
		 "_acme-challenge TXT records, for example)" },
	{ 1038, "Cloudflare refuses its API for zones of .tk, .ml, .ga, .cf "
		"and .gq: such a zone needs another DNS provider" },
	{ 1004, "Cloudflare does not take this record; please report it as a "
		"bug of certd" },
	{ 971, "certd waits; what else uses this account's API?" },
};

static const struct row *
row_for(const struct cf_reply *r)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (cf_reply_has(r, rows[i].code))
			return &rows[i];
	return NULL;
}

bool
cf_reply_is_of_token(const struct cf_reply *r)
{
	return !r->ok && (r->status == 401 || cf_reply_has(r, 9109) ||
			     cf_reply_has(r, 1000));
}

struct err *
cf_reply_error(const struct cf_reply *r)
{
	const struct row *row = row_for(r);
	struct err *e;

	if (r->n_problems == 0)
		e = cf_reply_wrap(
		    r, err_new("HTTP status %ld without a reason", r->status));
	else if (r->n_problems == 1)
		e = err_new("Cloudflare says: %ld %s (HTTP status %ld)",
		    r->problems[0].code, r->problems[0].message, r->status);
	else
		e = err_new("Cloudflare says: %ld %s: %ld %s (HTTP status %ld)",
		    r->problems[0].code, r->problems[0].message,
		    r->problems[1].code, r->problems[1].message, r->status);
	if (r->life != NULL)
		return err_advise(err_wrap(e, "%s", r->life),
		    "make a new token at " TOKENS
		    ", then: certctl setup --token-file FILE");
	if (row != NULL)
		return err_advise(e, "%s", row->advice);
	if (r->status == 401 || r->status == 403)
		return err_advise(e,
		    "does the token have the permission "
		    "Zone:DNS:Edit for this zone? See " TOKENS);
	return e;
}
