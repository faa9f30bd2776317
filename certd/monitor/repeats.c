/*
 * repeats.c - the loop breaker: the same certificate again and again is a fault
 * somewhere, and must not use up what the CA allows.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    how often which names were issued within a day.
 * Promise:  whatever asks, and however, no more are ordered for one set of names
 *           within a day than max-per-day says, unless an administrator says
 *           --allow-repeat. A dry run counts for nothing.
 */
#include <stdlib.h>

#include "monitor.h"

#define DAY_SECS 86400

struct err *
repeat_note(const struct job *j)
{
	char *key;
	time_t now = time(NULL);
	struct err *e;

	if (j->dry_run)
		return NULL;
	if ((key = names_key(j->names, j->n_names)) == NULL)
		return err_sys("names");
	e = ledger_issued_add(j->m->ledger, j->server, key, now,
	    now - DAY_SECS);
	free(key);
	return e;
}

struct err *
repeat_forbids(const struct job *j)
{
	uint32_t n = 0, most = j->m->cfg->max_per_day;
	char last_text[TEXT_TIME_SIZE], *key;
	time_t last = 0;
	struct err *e;

	if (most == 0 || j->dry_run || j->allow_repeat)
		return NULL;
	if ((key = names_key(j->names, j->n_names)) == NULL)
		return err_sys("names");
	e = ledger_issued_count(j->m->ledger, j->server, key,
	    time(NULL) - DAY_SECS, &n, &last);
	free(key);
	if (e != NULL || n < most)
		return e;
	return err_advise(err_new("%s has issued a certificate for exactly "
	    "these names %u times within a day, the last time at %s: no more, "
	    "before its limits are used up", j->server, n,
	    text_time(last_text, last)), "find out what asks for it again and "
	    "again (certctl watch, the log); --allow-repeat issues one more, "
	    "max-per-day in the section [acme] of certd.conf is the limit");
}
