/*
 * glance.c - a look at a large store that reads hardly any of it.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    names, identities and times of files; what the ledger remembers of
 *           them.
 * Promise:  a lineage is passed over only while its renewal file and the four
 *           that live/ shows are the very files that were read before; what
 *           cannot be known this way is read.
 */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "monitor.h"

/* What the ledger knows, by lineage in bytewise order. */
struct seen {
	char *lineage;
	struct identity files[SEEN_FILES];
	time_t renew_after;
	bool is_there; /* in the store too */
};
struct seen_list {
	struct seen *v;
	size_t n, room;
};

static struct err *
add_seen(void *arg, const struct ledger_seen *row)
{
	struct seen_list *list = arg;
	const size_t room = list->room == 0 ? 256 : list->room * 2;
	struct seen *v;

	if (list->n == list->room) {
		v = reallocarray(list->v, room, sizeof(*v));
		if (v == NULL)
			return err_sys("store");
		list->v = v;
		list->room = room;
	}
	v = &list->v[list->n];
	memset(v, 0, sizeof(*v));
	if ((v->lineage = strdup(row->lineage)) == NULL)
		return err_sys("store");
	memcpy(v->files, row->files, sizeof(v->files));
	v->renew_after = row->renew_after;
	list->n++;
	return NULL;
}

static void
free_seen(struct seen_list *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		free(list->v[i].lineage);
	free(list->v);
}

static int
by_lineage(const void *key, const void *member)
{
	return strcmp(key, ((const struct seen *)member)->lineage);
}

/* Whether name's files are those that were read. */
static bool
is_unchanged(struct monitor *m, const char *name, struct seen *s)
{
	struct identity files[SEEN_FILES];
	int i;

	if (!lineage_glance(m->store, name, files))
		return false;
	for (i = 0; i < SEEN_FILES; i++)
		if (!identity_eq(&files[i], &s->files[i]))
			return false;
	return true;
}

/* The store has lost these: their names lead nowhere any more. */
static struct err *
forget_lost(struct monitor *m, const struct seen_list *list)
{
	struct err *e = NULL;
	size_t i, n = 0;

	for (i = 0; i < list->n; i++)
		n += !list->v[i].is_there;
	if (n == 0 || (e = ledger_begin_lazy(m->ledger)) != NULL)
		return e;
	for (i = 0; e == NULL && i < list->n; i++)
		if (!list->v[i].is_there)
			e = ledger_index_remove(m->ledger,
			    list->v[i].lineage);
	return ledger_end(m->ledger, e);
}

struct err *
glance_take(struct monitor *m, time_t due_by, glance_known *known, void *arg,
    struct store_names *unknown)
{
	struct seen_list list = { NULL, 0, 0 };
	struct store_names names = { 0 };
	struct seen *s;
	struct err *e;
	size_t i;

	*unknown = (struct store_names){ 0 };
	if ((e = store_lineages(m->store, &names)) == NULL)
		e = ledger_seen_each(m->ledger, add_seen, &list);
	for (i = 0; e == NULL && i < names.n; i++) {
		s = list.n == 0 ? NULL : bsearch(names.v[i], list.v, list.n,
		    sizeof(*s), by_lineage);
		if (s != NULL)
			s->is_there = true;
		if (s == NULL || s->renew_after <= due_by ||
		    !is_unchanged(m, names.v[i], s))
			e = store_names_add(unknown, names.v[i]);
		else if (known != NULL)
			known(arg, names.v[i], s->renew_after);
	}
	if (e == NULL)
		e = forget_lost(m, &list);
	free_seen(&list);
	store_names_clear(&names);
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
	row.files[0] = x->files->conf_identity;
	row.files[1] = x->files->identity;
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
