/*
 * due.c - when a certificate becomes due for renewal.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    a certificate's dates, and renew_before_expiry as an administrator
 *           wrote it.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "ini.h"
#include "log.h"
#include "monitor.h"

#define DAY_SECS     86400
#define SHORT_DAYS   10	   /* certbot 4.0: half of such a lifetime */
#define INTERVAL_MAX 40000 /* of any unit: a century in days */

static const struct unit {
	const char *word;
	time_t secs;
} units[] = { { "second", 1 }, { "minute", 60 }, { "hour", 3600 },
	{ "day", DAY_SECS }, { "week", 7 * DAY_SECS },
	{ "month", 30 * DAY_SECS }, { "year", 365 * DAY_SECS } };

/* The unit that the n bytes at word name, perhaps in the plural. */
static const struct unit *
find_unit(const char *word, size_t n)
{
	size_t i;

	if (n > 1 && word[n - 1] == 's')
		n--;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strlen(units[i].word) == n &&
		    strncasecmp(units[i].word, word, n) == 0)
			return &units[i];
	return NULL;
}

bool
interval_parse(const char *text, time_t *secs)
{
	const struct unit *unit;
	unsigned long n;
	char *end;
	size_t w;

	*secs = 0;
	do {
		text += strspn(text, " ,");
		if (!isdigit((unsigned char)*text) ||
		    (n = strtoul(text, &end, 10)) > INTERVAL_MAX)
			return false;
		text = end + strspn(end, " ");
		if (*text == '\0' && *secs == 0) { /* certbot: days */
			*secs = (time_t)n * DAY_SECS;
			return true;
		}
		for (w = 0; isalpha((unsigned char)text[w]); w++)
			;
		if ((unit = find_unit(text, w)) == NULL)
			return false;
		*secs += (time_t)n * unit->secs;
		text += w;
		text += strspn(text, " ,");
	} while (*text != '\0');
	return true;
}

time_t
entry_usually_due(const struct entry *x)
{
	time_t life = x->not_after - x->not_before, before;
	const char *text = x->files == NULL || x->files->conf == NULL ? NULL :
	    ini_get(x->files->conf, "", "renew_before_expiry");

	if (x->revoked_at != 0) /* whoever uses it is turned away */
		return x->revoked_at;
	if (text != NULL && interval_parse(text, &before))
		return x->not_after - before;
	if (text != NULL)
		log_warn("renewal/%s.conf: renew_before_expiry = %s is no "
		    "interval such as \"30 days\"; a third of the lifetime is "
		    "used", x->lineage, text);
	return x->not_after -
	    (life < SHORT_DAYS * DAY_SECS ? life / 2 : life / 3);
}

/* A version that an administrator went back to stays for as long as he was told
 * that it would. */
time_t
entry_renew_after(const struct entry *x)
{
	time_t due = entry_usually_due(x), until;

	if (x->revoked_at == 0 && x->files != NULL &&
	    lineage_held(x->files, &until) && until > due)
		return until;
	return due;
}

bool
is_compromised(const struct entry *x)
{
	return x->revoked_at != 0 && x->reason == REASON_COMPROMISE;
}
