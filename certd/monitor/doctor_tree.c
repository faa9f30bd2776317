/*
 * doctor_tree.c - checks of `certctl doctor`: what certbot, people and backups
 * left in the store.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    the tree as it is.
 * Promise:  nothing is changed, and what is broken is said with its path.
 */
#include <stdio.h>
#include <string.h>

#include "doctor.h"
#include "text.h"

void
doctor_check_store(struct doctor *d)
{
	const struct catalog *c = doctor_catalog(d);
	size_t i, broken = 0;

	for (i = 0; i < c->n; i++)
		broken += c->entries[i].problem != NULL;
	doctor_say(d, VERDICT_OK, store_path(doctor_monitor(d)->store), "",
	    "%zu certificate%s, %zu of them broken", c->n, c->n == 1 ? "" : "s",
	    broken);
	doctor_done(d);
}

static void
say_certificate(struct doctor *d, const struct entry *x)
{
	char when[TEXT_TIME_SIZE], todo[512];

	if (x->problem == NULL) {
		doctor_say(d, VERDICT_OK, x->lineage, "", "valid until %s",
		    text_time(when, x->not_after));
		return;
	}
	(void)snprintf(todo, sizeof(todo), "certctl repair %s", x->lineage);
	doctor_say(d, VERDICT_BAD, x->lineage, todo, "%s", x->problem);
}

void
doctor_check_certificates(struct doctor *d)
{
	const struct catalog *c = doctor_catalog(d);
	size_t i;

	for (i = 0; i < c->n; i++)
		say_certificate(d, &c->entries[i]);
	doctor_done(d);
}
