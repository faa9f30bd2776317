/*
 * servers.c - who is authoritative for a name: zone cut, name servers,
 * addresses, all by way of the resolver.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    answers of the resolver. Assume that they are hostile.
 * Promise:  a bounded number of questions, a bounded list, one callback.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "names.h"
#include "text.h"
#include "watch.h"

struct finding;

/* The addresses of one family of one name server. */
struct address_ask {
	struct finding *finding;
	struct name_server *server;
	struct lookup *lookup;
};

struct finding {
	struct lookups *lookups;
	char *from;         /* the name whose SOA is asked for now */
	char *const *extra; /* borrowed */
	size_t n_extra;
	struct server_list *list;
	struct lookup *lookup; /* SOA, then NS */
	struct address_ask asks[2 * SERVER_NAMES_MAX];
	size_t n_open;
	finding_done *done;
	void *arg;
};

void
server_list_free(struct server_list *list)
{
	if (list == NULL)
		return;
	for (size_t i = 0; i < list->n_servers; i++)
		free(list->servers[i].name);
	free(list->zone);
	free(list);
}

size_t
server_list_addresses(const struct server_list *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n_servers; i++)
		n += list->servers[i].n_addresses;
	return n;
}

static void
add_names(const struct server_list *list, size_t from, size_t to, struct buf *b)
{
	for (size_t i = from; i < to; i++)
		err_free(buf_addf(
		    b, "%s%s", i > from ? ", " : "", list->servers[i].name));
}

void
server_list_text(const struct server_list *list, char *out, size_t size)
{
	struct buf *b = buf_new(size - 1);

	*out = '\0';
	if (b == NULL)
		return;
	err_free(buf_addf(b, "the zone %s is delegated to ", list->zone));
	add_names(list, 0, list->n_delegated, b);
	err_free(buf_addf(b, ", and not to "));
	add_names(list, list->n_delegated, list->n_servers, b);
	err_free(buf_addf(b, " as the DNS provider says"));
	text_escape(out, size, buf_data(b), buf_len(b));
	buf_free(b);
}

void
finding_cancel(struct finding *f)
{
	if (f == NULL)
		return;
	lookup_cancel(f->lookup);
	for (size_t i = 0; i < 2 * SERVER_NAMES_MAX; i++)
		lookup_cancel(f->asks[i].lookup);
	server_list_free(f->list);
	free(f->from);
	free(f);
}

/* Exactly one of f->list and e (taken) goes to the callee. */
static void
finish(struct finding *f, struct err *e)
{
	struct server_list *list = e == NULL ? f->list : NULL;
	finding_done *done = f->done;
	void *arg = f->arg;

	if (list != NULL)
		f->list = NULL;
	finding_cancel(f);
	done(arg, list, e);
}

/* ---- addresses ---- */

static void
on_addresses(void *arg, const struct dns_answer *a)
{
	struct address_ask *ask = arg;
	struct finding *f = ask->finding;
	struct name_server *s = ask->server;

	ask->lookup = NULL;
	for (size_t i = 0; i < a->n_values && a->outcome == DNS_OK &&
			   s->n_addresses < SERVER_ADDRESSES_MAX;
	     i++)
		if (dns_server_parse(
			a->values[i], &s->addresses[s->n_addresses]))
			s->n_addresses++;
	if (--f->n_open == 0)
		finish(f, NULL);
}

static struct err *
ask_addresses(struct finding *f)
{
	static const enum dns_type types[2] = { DNS_A, DNS_AAAA };

	for (size_t i = 0; i < 2 * f->list->n_servers; i++) {
		struct address_ask *ask = &f->asks[i];

		ask->finding = f;
		ask->server = &f->list->servers[i / 2];
		ask->lookup = lookup_ask(f->lookups, ask->server->name,
		    types[i % 2], on_addresses, ask);
		if (ask->lookup == NULL)
			return err_new("out of memory");
		f->n_open++;
	}
	return NULL;
}

/* ---- name servers ---- */

static bool
has_server(const struct server_list *list, const char *name)
{
	for (size_t i = 0; i < list->n_servers; i++)
		if (strcmp(list->servers[i].name, name) == 0)
			return true;
	return false;
}

/* What does not fit, or is no name, is left out. */
static void
add_server(struct server_list *list, const char *name)
{
	char *copy;

	if (list->n_servers == SERVER_NAMES_MAX || *name == '\0' ||
	    strlen(name) > NAME_MAX_BYTES || has_server(list, name))
		return;
	if ((copy = strdup(name)) == NULL)
		return;
	list->servers[list->n_servers++].name = copy;
}

static void
add_extra(struct finding *f)
{
	size_t delegated = f->list->n_servers, n = 0;

	for (size_t i = 0; i < f->n_extra; i++)
		n += has_server(f->list, f->extra[i]);
	f->list->is_elsewhere = delegated > 0 && f->n_extra > 0 && n == 0;
	f->list->n_delegated = delegated;
	for (size_t i = 0; i < f->n_extra; i++)
		add_server(f->list, f->extra[i]);
}

static void
on_servers(void *arg, const struct dns_answer *a)
{
	struct finding *f = arg;
	struct err *e;

	f->lookup = NULL;
	for (size_t i = 0; i < a->n_values && a->outcome == DNS_OK; i++)
		add_server(f->list, a->values[i]);
	add_extra(f);
	if (f->list->n_servers == 0) {
		finish(f, err_new("no name servers of %s: %s", f->list->zone,
			      a->outcome == DNS_OK ? "the resolver knows none"
						   : a->problem));
		return;
	}
	if ((e = ask_addresses(f)) != NULL)
		finish(f, e);
}

/* The resolver cannot, or will not, say which zone it is: those that the
 * provider names must do. */
static struct err *
take_extra(struct finding *f)
{
	if ((f->list->zone = strdup(f->from)) == NULL)
		return err_sys("zone");
	add_extra(f);
	return f->list->n_servers > 0
		   ? ask_addresses(f)
		   : err_new("no name server of %s is known", f->from);
}

/* ---- the zone ---- */

static struct err *ask_zone(struct finding *f);

static bool
is_at_or_above(const char *zone, const char *name)
{
	size_t n = strlen(name), z = strlen(zone);

	return z > 0 && z <= n && strcmp(name + n - z, zone) == 0 &&
	       (z == n || name[n - z - 1] == '.');
}

/* The zone that an answer to SOA tells of, or NULL. An alias tells nothing of
 * the zone that the name itself is in. */
static const char *
zone_of(const struct finding *f, const struct dns_answer *a)
{
	const char *zone = a->n_values > 0 ? a->values[0] : a->soa;

	if ((a->outcome != DNS_OK && a->outcome != DNS_NONE) ||
	    a->cname[0] != '\0' || !is_at_or_above(zone, f->from))
		return NULL;
	return zone;
}

static struct err *
take_zone(struct finding *f, const char *zone)
{
	if ((f->list->zone = strdup(zone)) == NULL)
		return err_sys("zone");
	f->lookup =
	    lookup_ask(f->lookups, f->list->zone, DNS_NS, on_servers, f);
	return f->lookup == NULL ? err_new("out of memory") : NULL;
}

/* The same question one label further up. */
static struct err *
go_up(struct finding *f, const struct dns_answer *a)
{
	const char *dot = strchr(f->from, '.');

	if (a->outcome != DNS_OK && a->outcome != DNS_NONE)
		return err_new("no zone of %s: %s", f->from, a->problem);
	if (dot == NULL)
		return err_new("no zone was found, up to %s", f->from);
	memmove(f->from, dot + 1, strlen(dot));
	return ask_zone(f);
}

static void
on_zone(void *arg, const struct dns_answer *a)
{
	struct finding *f = arg;
	const char *zone = zone_of(f, a);
	struct err *e;

	f->lookup = NULL;
	e = zone != NULL ? take_zone(f, zone) : go_up(f, a);
	if (e != NULL)
		finish(f, e);
}

static struct err *
ask_zone(struct finding *f)
{
	f->lookup = lookup_ask(f->lookups, f->from, DNS_SOA, on_zone, f);
	return f->lookup == NULL ? err_new("out of memory") : NULL;
}

struct err *
finding_start(struct lookups *l, const char *from, bool only_extra,
    char *const *extra, size_t n_extra, finding_done *done, void *arg,
    struct finding **out)
{
	struct finding *f = calloc(1, sizeof(*f));
	struct err *e = NULL;

	if (f == NULL)
		return err_sys("name servers");
	f->lookups = l;
	f->extra = extra;
	f->n_extra = n_extra;
	f->done = done;
	f->arg = arg;
	f->from = strdup(from);
	f->list = calloc(1, sizeof(*f->list));
	if (f->from == NULL || f->list == NULL)
		e = err_sys("name servers");
	else
		e = only_extra ? take_extra(f) : ask_zone(f);
	if (e != NULL)
		finding_cancel(f);
	else
		*out = f;
	return e;
}
