/*
 * cf_life.c - what Cloudflare says of a token itself: whether it has expired, was
 * disabled, or when it will end. Pure.
 *
 * Runs in:  certd-dns (_certd-dns; HTTPS to the provider; no files, no exec).
 * Input:    an answer to /user/tokens/verify. Assume that it is hostile.
 */
#define _GNU_SOURCE /* strptime, timegm */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cf_reply.h"
#include "text.h"

#define ACCOUNT_TOKEN "Bearer cfat_"

static time_t
time_of(const json_t *value)
{
	const char *text = json_string_value(value);
	struct tm tm = { 0 };

	/* Fractions of a second may follow. */
	if (text == NULL || strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) == NULL)
		return 0;
	return timegm(&tm) > 0 ? timegm(&tm) : 0;
}

bool
cf_life_read(const struct cf_reply *r, struct cf_life *out)
{
	const char *status =
	    json_string_value(json_object_get(r->result, "status"));
	char when[TEXT_TIME_SIZE];

	memset(out, 0, sizeof(*out));
	if (!r->ok || status == NULL)
		return false;
	out->expires = time_of(json_object_get(r->result, "expires_on"));
	if (strcmp(status, "expired") == 0 && out->expires != 0)
		(void)snprintf(out->words, sizeof(out->words),
		    "the token has expired, at %s",
		    text_time(when, out->expires));
	else if (strcmp(status, "expired") == 0)
		(void)snprintf(
		    out->words, sizeof(out->words), "the token has expired");
	else if (strcmp(status, "disabled") == 0)
		(void)snprintf(
		    out->words, sizeof(out->words), "the token was disabled");
	out->is_over = *out->words != '\0';
	return true;
}

bool
cf_life_may_ask(const struct credentials *c)
{
	/* Tokens of accounts are known elsewhere, by the account's number. */
	return c->n_headers == 1 && strncmp(c->headers[0].value, ACCOUNT_TOKEN,
					strlen(ACCOUNT_TOKEN)) != 0;
}
