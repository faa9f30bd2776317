/*
 * lookup.c - the resolver, with a memory of a minute.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    answers of the resolver. Assume that they are hostile.
 * Promise:  the same question is under way once, however many jobs ask it; the
 *           memory is bounded.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "acmew.h"

#define AGE_MSECS   60000
#define ENTRIES_MAX 2048
#define BUCKETS     256 /* a power of two */
#define VALUES_MAX  64

LIST_HEAD(lookup_list, lookup);

/* A question, with its answer once that is there. */
struct entry {
	LIST_ENTRY(entry) of_bucket;
	TAILQ_ENTRY(entry) of_age;
	struct lookups *of;
	char *name;
	enum dns_type type;
	struct dns_query *query; /* NULL: answered */
	uint64_t got_msecs;
	struct dns_answer answer;
	char *soa;                  /* that of answer */
	char **values;              /* those of answer; NULL at the end */
	struct lookup_list waiting; /* with one of them it is not dropped */
};

struct lookup {
	LIST_ENTRY(lookup) of_list;
	struct entry *entry;
	struct event *soon; /* where the answer was known already */
	dns_done *done;
	void *arg;
};

struct lookups {
	struct worker *worker;
	LIST_HEAD(entry_list, entry) buckets[BUCKETS];
	TAILQ_HEAD(entry_queue, entry) ages; /* the oldest first */
	size_t n;
};

static size_t
bucket_of(const char *name, enum dns_type type)
{
	uint32_t hash = 2166136261u ^ (uint32_t)type; /* FNV-1a */

	while (*name != '\0')
		hash = (hash ^ (unsigned char)*name++) * 16777619u;
	return hash & (BUCKETS - 1);
}

/* ---- entries ---- */

static void
drop_entry(struct entry *t)
{
	struct lookup *l, *next;

	for (l = LIST_FIRST(&t->waiting); l != NULL; l = next) {
		next = LIST_NEXT(l, of_list);
		lookup_cancel(l);
	}
	dns_cancel(t->query);
	LIST_REMOVE(t, of_bucket);
	TAILQ_REMOVE(&t->of->ages, t, of_age);
	t->of->n--;
	for (size_t i = 0; t->values != NULL && t->values[i] != NULL; i++)
		free(t->values[i]);
	free(t->values);
	free(t->soa);
	free(t->name);
	free(t);
}

static bool
is_old(const struct entry *t)
{
	return t->query == NULL && clock_msecs() - t->got_msecs > AGE_MSECS;
}

static void
drop_old(struct lookups *ls)
{
	struct entry *t, *next;

	for (t = TAILQ_FIRST(&ls->ages); t != NULL; t = next) {
		next = TAILQ_NEXT(t, of_age);
		if (!is_old(t) && ls->n < ENTRIES_MAX)
			break;
		if (t->query == NULL && LIST_EMPTY(&t->waiting))
			drop_entry(t);
	}
}

static struct entry *
find_entry(struct lookups *ls, const char *name, enum dns_type type)
{
	struct entry *t;

	LIST_FOREACH(t, &ls->buckets[bucket_of(name, type)], of_bucket)
		if (t->type == type && strcmp(t->name, name) == 0 && !is_old(t))
			return t;
	return NULL;
}

static struct entry *
add_entry(struct lookups *ls, const char *name, enum dns_type type)
{
	struct entry *t = calloc(1, sizeof(*t));

	if (t == NULL || (t->name = strdup(name)) == NULL) {
		free(t);
		return NULL;
	}
	t->of = ls;
	t->type = type;
	LIST_INIT(&t->waiting);
	LIST_INSERT_HEAD(&ls->buckets[bucket_of(name, type)], t, of_bucket);
	TAILQ_INSERT_TAIL(&ls->ages, t, of_age);
	ls->n++;
	return t;
}

/* ---- answers ---- */

/* Only good answers to lasting questions are kept: what is missing now may be
 * there in a moment. That a server has no IPv6 address is lasting, too, and
 * which zone a name is in: a job asks for it before its record is there and
 * after, and the resolver would remember no shorter. */
static bool
is_worth_keeping(const struct entry *t, const struct dns_answer *a)
{
	if (a->cname[0] != '\0' || a->n_values > VALUES_MAX)
		return false;
	if (t->type == DNS_SOA && a->soa[0] != '\0')
		return a->outcome == DNS_OK || a->outcome == DNS_NONE;
	if (a->outcome != DNS_OK)
		return false;
	return t->type == DNS_A || t->type == DNS_AAAA ||
	       ((t->type == DNS_NS || t->type == DNS_SOA) && a->n_values > 0);
}

static bool
keep(struct entry *t, const struct dns_answer *a)
{
	t->values = calloc(a->n_values + 1, sizeof(*t->values));
	if (t->values == NULL)
		return false;
	for (size_t i = 0; i < a->n_values; i++)
		if ((t->values[i] = strdup(a->values[i])) == NULL)
			return false;
	if ((t->soa = strdup(a->soa)) == NULL)
		return false;
	t->answer = (struct dns_answer){ .outcome = a->outcome,
		.values = (const char *const *)t->values,
		.n_values = a->n_values,
		.soa = t->soa,
		.cname = "",
		.problem = "" };
	t->got_msecs = clock_msecs();
	return true;
}

/* Those who are told may ask and cancel, even end whole jobs: so the entry is
 * settled, and they are on a list of their own, before the first hears. */
static void
on_answer(void *arg, const struct dns_answer *a)
{
	struct entry *t = arg;
	struct lookup_list told = LIST_HEAD_INITIALIZER(told);
	struct lookup *l;

	t->query = NULL;
	while ((l = LIST_FIRST(&t->waiting)) != NULL) {
		LIST_REMOVE(l, of_list);
		LIST_INSERT_HEAD(&told, l, of_list);
	}
	if (!is_worth_keeping(t, a) || !keep(t, a))
		drop_entry(t);
	while ((l = LIST_FIRST(&told)) != NULL) {
		dns_done *done = l->done;
		void *whose = l->arg;

		lookup_cancel(l);
		done(whose, a);
	}
}

/* The lookup stays with the entry, and the entry with it, until it is told. */
static void
on_soon(evutil_socket_t fd, short what, void *arg)
{
	struct lookup *l = arg;

	(void)fd;
	(void)what;
	l->done(l->arg, &l->entry->answer);
	lookup_cancel(l);
}

static struct lookup *
join(struct entry *t, dns_done *done, void *arg)
{
	struct event_base *base = t->of->worker->base;
	struct lookup *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->entry = t;
	l->done = done;
	l->arg = arg;
	LIST_INSERT_HEAD(&t->waiting, l, of_list);
	if (t->query != NULL)
		return l;
	if ((l->soon = evtimer_new(base, on_soon, l)) == NULL) {
		lookup_cancel(l);
		return NULL;
	}
	event_active(l->soon, EV_TIMEOUT, 0);
	return l;
}

struct lookup *
lookup_ask(struct lookups *ls, const char *name, enum dns_type type,
    dns_done *done, void *arg)
{
	struct entry *t;

	drop_old(ls);
	if ((t = find_entry(ls, name, type)) != NULL)
		return join(t, done, arg);
	if ((t = add_entry(ls, name, type)) == NULL)
		return NULL;
	t->query = dns_ask(ls->worker->dns, name, type, on_answer, t);
	if (t->query == NULL) {
		drop_entry(t);
		return NULL;
	}
	return join(t, done, arg);
}

void
lookup_cancel(struct lookup *l)
{
	if (l == NULL)
		return;
	LIST_REMOVE(l, of_list);
	if (l->soon != NULL)
		event_free(l->soon);
	free(l);
}

struct err *
lookups_new(struct worker *w, struct lookups **out)
{
	struct lookups *ls = calloc(1, sizeof(*ls));

	if (ls == NULL)
		return err_sys("resolver");
	ls->worker = w;
	TAILQ_INIT(&ls->ages);
	*out = ls;
	return NULL;
}

void
lookups_free(struct lookups *ls)
{
	struct entry *t, *next;

	if (ls == NULL)
		return;
	for (t = TAILQ_FIRST(&ls->ages); t != NULL; t = next) {
		next = TAILQ_NEXT(t, of_age);
		drop_entry(t);
	}
	free(ls);
}
