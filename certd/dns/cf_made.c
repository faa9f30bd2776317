/*
 * cf_made.c - the records that this process made.
 *
 * Runs in:  certd-dns (_certd-dns; HTTPS to the provider; no files, no exec).
 * Promise:  what is in the list is a challenge record and may be deleted by its
 *           number alone; what is not is looked at first, so that a damaged
 *           ledger cannot make us delete anything else.
 */
#include <stdlib.h>
#include <string.h>

#include "cf_priv.h"

#define MADE_MAX 4096 /* the oldest are looked at again */

struct cf_made {
	TAILQ_ENTRY(cf_made) entry;
	char zone[CF_ID_SIZE], number[CF_ID_SIZE];
};

static struct cf_made *
find(const struct cloudflare *cf, const char *zone, const char *number)
{
	struct cf_made *m;

	TAILQ_FOREACH(m, &cf->made, entry)
		if (strcmp(m->number, number) == 0 &&
		    strcmp(m->zone, zone) == 0)
			return m;
	return NULL;
}

static void
drop(struct cloudflare *cf, struct cf_made *m)
{
	TAILQ_REMOVE(&cf->made, m, entry);
	cf->n_made--;
	free(m);
}

void
cf_made_add(struct cloudflare *cf, const char *zone, const char *number)
{
	struct cf_made *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return;
	(void)strcpy(m->zone, zone);
	(void)strcpy(m->number, number);
	TAILQ_INSERT_TAIL(&cf->made, m, entry);
	if (++cf->n_made > MADE_MAX)
		drop(cf, TAILQ_FIRST(&cf->made));
}

bool
cf_made_has(const struct cloudflare *cf, const char *zone, const char *number)
{
	return find(cf, zone, number) != NULL;
}

void
cf_made_drop(struct cloudflare *cf, const char *zone, const char *number)
{
	struct cf_made *m = find(cf, zone, number);

	if (m != NULL)
		drop(cf, m);
}

void
cf_made_free(struct cloudflare *cf)
{
	struct cf_made *m, *next;

	TAILQ_FOREACH_SAFE(m, &cf->made, entry, next)
		drop(cf, m);
}
