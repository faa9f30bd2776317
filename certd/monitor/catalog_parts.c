/*
 * catalog_parts.c - a large part of the store, read a few at a time.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    names of lineages.
 * Promise:  however many they are, no more than PART of them are in memory,
 *           unless the callee keeps something of them.
 */
#include <stdlib.h>

#include "err.h"
#include "monitor.h"

#define PART 256

struct parts {
	struct monitor *m;
	struct store_names names; /* all */
	size_t next;
	catalog_part *part;
	catalog_end *end;
	void *arg;
};

static void read_part(struct parts *p);

static void
finish(struct parts *p, struct err *e)
{
	p->end(p->arg, e);
	store_names_clear(&p->names);
	free(p);
}

static void
on_catalog(void *arg, struct catalog *catalog, struct err *e)
{
	struct parts *p = arg;

	if (e != NULL) {
		finish(p, e);
		return;
	}
	p->part(p->arg, catalog);
	catalog_free(catalog);
	if (p->next < p->names.n)
		read_part(p);
	else
		finish(p, NULL);
}

static void
read_part(struct parts *p)
{
	const size_t left = p->names.n - p->next;
	const struct store_names part = { p->names.v + p->next,
		left < PART ? left : PART };

	p->next += part.n;
	catalog_read_names(p->m, &part, on_catalog, p);
}

void
catalog_read_parts(struct monitor *m, struct store_names *names,
    catalog_part *part, catalog_end *end, void *arg)
{
	struct parts *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		store_names_clear(names);
		end(arg, err_sys("read the store"));
		return;
	}
	*p = (struct parts) { m, *names, 0, part, end, arg };
	*names = (struct store_names) { 0 };
	read_part(p);
}
