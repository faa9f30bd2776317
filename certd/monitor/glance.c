/*
 * glance.c - a look at a large store that reads hardly any of it.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    names, identities and times of files; what the ledger remembers of
 *           them.
 * Promise:  a lineage is passed over only while its renewal file and the
 *           certificate that live/ shows are the very files that were read
 *           before; what cannot be known this way is read. So it is with the
 *           key and the chain beside them, at each look in a store of usual
 *           size, in turns in a large one.
 */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "monitor.h"

/* A certificate decides whether something is due. The other three files cost
 * twice as much to look at as all the rest: in a store with more lineages than
 * this they have their turn, each lineage on one day of TURN_DAYS. */
#define WHOLE_STORE 1000
#define TURN_DAYS   28
#define DAY_SECS    86400

/* One look: names and rows, both in bytewise order, side by side. */
struct walk {
	struct monitor *m;
	time_t now, due_by;
	struct store_names names, lost, *unknown;
	size_t next; /* name */
	time_t *times; /* of each name, for the vigil; NULL: it needs none */
	bool is_linked;
	glance_known *known;
	void *arg;
};

static bool
is_turn(const struct walk *w, const char *name)
{
	uint32_t hash = 2166136261; /* FNV-1a */

	if (w->names.n <= WHOLE_STORE)
		return true;
	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619;
	return hash % TURN_DAYS == (uint64_t)(w->now / DAY_SECS) % TURN_DAYS;
}

/* Whether the row's files are those that were read. */
static bool
is_unchanged(struct walk *w, const struct ledger_seen *row)
{
	const bool whole = is_turn(w, row->lineage);
	struct glance g;
	bool is_there;

	if (w->times != NULL)
		vigil_watch(w->m->vigil, row->lineage);
	if (!eyes_have(w->m, w->next, &g, &is_there))
		is_there = lineage_glance(w->m->store, row->lineage, whole, &g);
	if (!is_there)
		return false;
	w->is_linked |= g.is_linked;
	return identity_eq(&g.files[SEEN_CONF], &row->files[SEEN_CONF]) &&
	    identity_eq(&g.files[SEEN_CERT], &row->files[SEEN_CERT]) &&
	    (!whole || identity_eq(&g.files[SEEN_SET], &row->files[SEEN_SET]));
}

/* A second process looks too, once. */
static void
share(const struct walk *w)
{
	size_t i;

	for (i = 0; i < w->names.n; i++)
		if (!eyes_add(w->m, w->names.v[i], is_turn(w, w->names.v[i])))
			break;
	if (i > 0)
		eyes_begin(w->m);
}

/* Names before the row's have none. */
static struct err *
pass(struct walk *w, const char *until)
{
	struct err *e = NULL;

	while (e == NULL && w->next < w->names.n && (until == NULL ||
	    strcmp(w->names.v[w->next], until) < 0))
		e = store_names_add(w->unknown, w->names.v[w->next++]);
	return e;
}

static struct err *
on_row(void *arg, const struct ledger_seen *row)
{
	struct walk *w = arg;
	struct err *e = pass(w, row->lineage);

	if (e != NULL)
		return e;
	if (w->next == w->names.n ||
	    strcmp(w->names.v[w->next], row->lineage) != 0)
		return store_names_add(&w->lost, row->lineage);
	if (row->renew_after <= w->due_by || !is_unchanged(w, row))
		return store_names_add(w->unknown, w->names.v[w->next++]);
	if (w->times != NULL)
		w->times[w->next] = row->renew_after;
	w->next++;
	if (w->known != NULL)
		w->known(w->arg, row->lineage, row->renew_after);
	return NULL;
}

/* The store has lost these: their names lead nowhere any more. */
static struct err *
forget_lost(struct monitor *m, const struct store_names *lost)
{
	struct err *e;
	size_t i;

	if (lost->n == 0 || (e = ledger_begin_lazy(m->ledger)) != NULL)
		return lost->n == 0 ? NULL : e;
	for (i = 0; e == NULL && i < lost->n; i++)
		e = ledger_index_remove(m->ledger, lost->v[i]);
	return ledger_end(m->ledger, e);
}

static struct err *
look(struct walk *w)
{
	const bool keeps = vigil_look_begins(w->m->vigil);
	struct err *e;
	size_t i;

	if ((e = store_lineages(w->m->store, &w->names)) != NULL)
		return e;
	store_names_sort(&w->names);
	if (keeps && (w->times = reallocarray(NULL, w->names.n + 1,
	    sizeof(*w->times))) != NULL)
		for (i = 0; i < w->names.n; i++)
			w->times[i] = VIGIL_UNKNOWN;
	share(w);
	e = ledger_seen_each(w->m->ledger, on_row, w);
	eyes_close(w->m);
	if (e != NULL || (e = pass(w, NULL)) != NULL ||
	    (e = forget_lost(w->m, &w->lost)) != NULL)
		return e;
	if (w->times != NULL)
		vigil_look_ends(w->m->vigil, &w->names, w->times,
		    w->is_linked);
	w->times = NULL;
	return NULL;
}

struct err *
glance_take(struct monitor *m, time_t due_by, glance_known *known, void *arg,
    struct store_names *unknown)
{
	struct walk w = { .m = m, .now = time(NULL), .due_by = due_by,
		.unknown = unknown, .known = known, .arg = arg };
	struct err *e;

	*unknown = (struct store_names){ 0 };
	if (!vigil_answers(m->vigil, due_by, known, arg, unknown, &e))
		e = look(&w);
	free(w.times);
	store_names_clear(&w.lost);
	store_names_clear(&w.names);
	if (e != NULL)
		store_names_clear(unknown);
	return err_wrap(e, "read the store");
}

/* A certificate that is well needs no second look before it is due. */
static struct err *
learn_one(struct monitor *m, const struct entry *x, time_t now)
{
	struct ledger_seen row = { .lineage = x->lineage };

	if (entry_status(x, now) != CERT_VALID)
		return ledger_seen_remove(m->ledger, x->lineage);
	row.files[SEEN_CONF] = x->files->conf_identity;
	row.files[SEEN_CERT] = x->files->cert_identity;
	row.files[SEEN_SET] = x->files->identity;
	row.renew_after = x->files->autorenew ? entry_renew_after(x) :
	    INT64_MAX;
	return ledger_seen_put(m->ledger, &row);
}

void
glance_learn(struct monitor *m, const struct catalog *c)
{
	time_t now = time(NULL);
	struct err *e;
	size_t i;

	if (c->n == 0)
		return;
	e = ledger_begin_lazy(m->ledger);
	for (i = 0; e == NULL && i < c->n; i++)
		e = learn_one(m, &c->entries[i], now);
	log_err(LOG_LEVEL_WARN, ledger_end(m->ledger, e));
}
