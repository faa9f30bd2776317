/*
 * related.c - which lineages have to do with a request, found without reading
 * the whole store each time.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    the times of renewal/ and live/; the ledger's names.
 * Promise:  whatever was added, replaced or renewed there by others, certbot
 *           included, is seen before the next order; the cost of a request does
 *           not grow with the store as long as nobody else changes it.
 */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "monitor.h"
#include "queue.h"

/* So many are rather found by looking at all. */
#define MANY 1000

struct related {
	struct identity dirs[STORE_DIRS]; /* when the names were right */
	bool is_valid;
	struct store_names touched;	  /* by ourselves, since then */
	/* One reads what is new, and the others wait: each would read, and have
	 * the signer look at, the same. */
	bool is_reading;
	TAILQ_HEAD(, search) waiting;
};

/* A request that waits for its lineages. */
struct search {
	TAILQ_ENTRY(search) link; /* while it waits */
	struct monitor *m;
	struct store_names found;
	char **names;
	size_t n_names;
	catalog_done *done;
	void *arg;
};

static void
free_search(struct search *s)
{
	size_t i;

	for (i = 0; i < s->n_names; i++)
		free(s->names[i]);
	free(s->names);
	store_names_clear(&s->found);
	free(s);
}

static void
fail(struct search *s, struct err *e)
{
	s->done(s->arg, NULL, err_wrap(e, "read the store"));
	free_search(s);
}

/* ---- the lineages that bear the names ---- */

static struct err *
add_once(void *arg, const char *lineage)
{
	struct store_names *list = arg;
	size_t i;

	for (i = list->n; i > 0; i--) /* the last ones are asked for again */
		if (strcmp(list->v[i - 1], lineage) == 0)
			return NULL;
	return store_names_add(list, lineage);
}

static int
bytewise(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
find(struct search *s)
{
	struct err *e = NULL;
	size_t i;

	for (i = 0; e == NULL && i < s->n_names; i++)
		e = ledger_names_find(s->m->ledger, s->names[i], add_once,
		    &s->found);
	if (e != NULL) {
		fail(s, e);
		return;
	}
	if (s->found.n > 1)
		qsort(s->found.v, s->found.n, sizeof(*s->found.v), bytewise);
	catalog_read_names(s->m, &s->found, s->done, s->arg);
	free_search(s);
}

/* ---- what is new in the store ---- */

static struct err *read_news(struct search *s);

/* The next of those that wait: what came after the last look began is new. */
static void
go_on(struct related *r)
{
	struct search *s;
	struct err *e;

	while (!r->is_reading && (s = TAILQ_FIRST(&r->waiting)) != NULL) {
		TAILQ_REMOVE(&r->waiting, s, link);
		e = s->m->leaving ? err_new("certd is leaving") : read_news(s);
		if (e != NULL)
			fail(s, e);
	}
}

static void
on_news(void *arg, struct catalog *catalog, struct err *e)
{
	struct search *s = arg;
	struct related *r = s->m->related;

	r->is_reading = false;
	if (e != NULL) {
		r->is_valid = false;
		fail(s, e);
	} else {
		glance_learn(s->m, catalog);
		catalog_free(catalog);
		find(s);
	}
	go_on(r);
}

static bool
is_current(struct monitor *m, const struct identity dirs[STORE_DIRS])
{
	const struct related *r = m->related;
	int i;

	for (i = 0; r->is_valid && i < STORE_DIRS; i++)
		if (!identity_eq(&dirs[i], &r->dirs[i]))
			return false;
	return r->is_valid;
}

static struct err *
read_news(struct search *s)
{
	struct related *r = s->m->related;
	struct identity dirs[STORE_DIRS];
	struct store_names news = { 0 };
	struct err *e = NULL;
	size_t i;

	/* before the look: what changes meanwhile is seen the next time */
	store_identify(s->m->store, dirs);
	if (r->touched.n > MANY)
		store_names_clear(&r->touched);
	if (!is_current(s->m, dirs))
		e = glance_take(s->m, INT64_MIN, NULL, NULL, &news);
	for (i = 0; e == NULL && i < r->touched.n; i++)
		e = add_once(&news, r->touched.v[i]);
	if (e == NULL) {
		store_names_clear(&r->touched);
		/* now, and not when it is read: we ourselves go on meanwhile */
		memcpy(r->dirs, dirs, sizeof(r->dirs));
		r->is_valid = r->is_reading = true;
		catalog_read_names(s->m, &news, on_news, s);
	}
	store_names_clear(&news);
	return e;
}

/* ---- requests ---- */

static struct search *
new_search(struct monitor *m, struct str lineage, struct strs names)
{
	struct search *s = calloc(1, sizeof(*s));
	struct err *e = NULL;
	char *name = NULL;

	if (m->related == NULL &&
	    (m->related = calloc(1, sizeof(*m->related))) != NULL)
		TAILQ_INIT(&m->related->waiting);
	if (s == NULL || m->related == NULL)
		goto fail;
	s->m = m;
	if ((s->names = calloc(names.n + 1, sizeof(*s->names))) == NULL)
		goto fail;
	for (; s->n_names < names.n; s->n_names++)
		if ((s->names[s->n_names] =
		    str_dup(names.v[s->n_names])) == NULL)
			goto fail;
	if ((name = str_dup(lineage)) == NULL ||
	    (e = store_names_add(&s->found, name)) != NULL)
		goto fail;
	free(name);
	return s;
fail:
	err_free(e);
	free(name);
	if (s != NULL)
		free_search(s);
	return NULL;
}

void
catalog_read_related(struct monitor *m, struct str lineage, struct strs names,
    catalog_done *done, void *arg)
{
	struct search *s = new_search(m, lineage, names);

	if (s == NULL) {
		done(arg, NULL, err_new("read the store: out of memory"));
		return;
	}
	s->done = done;
	s->arg = arg;
	TAILQ_INSERT_TAIL(&m->related->waiting, s, link);
	go_on(m->related);
}

/* ---- our own changes ---- */

void
related_before(struct monitor *m)
{
	struct identity dirs[STORE_DIRS];

	if (m->related == NULL)
		return;
	store_identify(m->store, dirs);
	m->related->is_valid = is_current(m, dirs);
}

void
related_touch(struct monitor *m, const char *lineage)
{
	struct related *r = m->related;
	struct err *e;

	if (r == NULL || !r->is_valid)
		return;
	if ((e = add_once(&r->touched, lineage)) != NULL ||
	    r->touched.n > MANY)
		r->is_valid = false;
	err_free(e);
}

void
related_after(struct monitor *m)
{
	if (m->related != NULL && m->related->is_valid)
		store_identify(m->store, m->related->dirs);
}

void
related_free(struct monitor *m)
{
	if (m->related != NULL)
		store_names_clear(&m->related->touched);
	free(m->related);
}
