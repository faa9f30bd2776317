/*
 * watched.c - one record name: its servers are found, and each of their
 * addresses is asked until all agree.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    answers of name servers. Assume that they are hostile.
 * Promise:  aliases are followed ten times at most and never in a circle; a
 *           slow address holds up no other.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "propagation.h"

static const char *
asked_name(const struct watched *d)
{
	return d->names[d->n_names - 1];
}

/* Adds a copy of text to a list that has room for one more element. */
static struct err *
add_text(char ***list, size_t *n, const char *text)
{
	char **longer = reallocarray(*list, *n + 1, sizeof(**list));

	if (longer == NULL)
		return err_sys("record");
	*list = longer;
	if ((longer[*n] = strdup(text)) == NULL)
		return err_sys("record");
	(*n)++;
	return NULL;
}

struct err *
watched_add(struct watched *d, const struct watch_record *r)
{
	struct err *e = NULL;

	if (d->record == NULL) {
		d->record = strdup(r->record);
		d->names[0] = strdup(r->record);
		if (d->record == NULL || d->names[0] == NULL)
			return err_sys("record");
		d->n_names = 1;
	}
	e = add_text(&d->values, &d->n_values, r->value);
	for (size_t i = 0; i < r->n_servers && e == NULL; i++)
		e = add_text(&d->extra, &d->n_extra, r->servers[i]);
	return e;
}

static void
free_spots(struct watched *d)
{
	watched_stop(d);
	for (size_t i = 0; i < d->n_spots; i++)
		if (d->spots[i].timer != NULL)
			event_free(d->spots[i].timer);
	free(d->spots);
	free(d->places);
	d->spots = NULL;
	d->places = NULL;
	d->n_spots = 0;
	server_list_free(d->list);
	d->list = NULL;
}

void
watched_stop(struct watched *d)
{
	finding_cancel(d->finding);
	d->finding = NULL;
	if (d->retry != NULL)
		event_del(d->retry);
	for (size_t i = 0; i < d->n_spots; i++) {
		dns_cancel(d->spots[i].query);
		d->spots[i].query = NULL;
		if (d->spots[i].timer != NULL)
			event_del(d->spots[i].timer);
	}
}

void
watched_clear(struct watched *d)
{
	free_spots(d);
	if (d->retry != NULL)
		event_free(d->retry);
	err_free(d->trouble);
	for (size_t i = 0; i < d->n_names; i++)
		free(d->names[i]);
	for (size_t i = 0; i < d->n_values; i++)
		free(d->values[i]);
	for (size_t i = 0; i < d->n_extra; i++)
		free(d->extra[i]);
	free(d->values);
	free(d->extra);
	free(d->record);
}

/* ---- the search for servers ---- */

static void on_found(void *arg, struct server_list *list, struct err *e);

static struct err *
search(struct watched *d)
{
	const char *name = asked_name(d), *dot = strchr(name, '.');

	/* The resolver is not asked for the record's own name, or it would
	 * remember for long that there is none. */
	if (!d->is_own_zone && dot != NULL)
		name = dot + 1;
	return finding_start(d->watch->worker->lookups, name, d->extra,
	    d->n_extra, on_found, d, &d->finding);
}

static void
search_later(struct watched *d, unsigned msecs)
{
	struct timeval tv = { msecs / 1000, (msecs % 1000) * 1000 };

	event_add(d->retry, &tv);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct watched *d = arg;
	struct err *e;

	(void)fd;
	(void)what;
	free_spots(d);
	if ((e = search(d)) != NULL)
		watch_fail(d->watch, e);
}

struct err *
watched_start(struct watched *d)
{
	d->retry = evtimer_new(d->watch->worker->base, on_retry, d);
	return d->retry == NULL ? err_new("out of memory") : search(d);
}

/* ---- aliases ---- */

/* The servers say that the name is an alias: its target is watched instead.
 * From a timer, because a spot of the old name is calling. */
static void
follow(struct watched *d, const char *target)
{
	struct err *e = NULL;

	for (size_t i = 0; i < d->n_names && e == NULL; i++)
		if (strcmp(d->names[i], target) == 0)
			e = err_new("%s is an alias (CNAME) that leads in a "
				    "circle, by way of %s",
			    d->record, target);
	if (e == NULL && d->n_names == ALIASES_MAX)
		e = err_new("%s is an alias (CNAME) of an alias, over %d deep",
		    d->record, ALIASES_MAX);
	if (e == NULL && (d->names[d->n_names] = strdup(target)) == NULL)
		e = err_sys("alias");
	if (e != NULL) {
		watch_fail(d->watch,
		    err_advise(e, "correct the CNAME records in the zone"));
		return;
	}
	d->n_names++;
	d->is_own_zone = false;
	watched_stop(d);
	search_later(d, 0);
}

/* No server of the zone above has authority, but some know of one that has:
 * the name is a zone of its own. */
static bool
is_delegated_away(const struct watched *d)
{
	bool away = false;

	for (size_t i = 0; i < d->n_spots; i++) {
		if (d->places[i].showing == SHOWS_UNKNOWN ||
		    d->places[i].showing == SHOWS_ALL ||
		    d->places[i].showing == SHOWS_LACK)
			return false;
		away = away || d->spots[i].is_referral;
	}
	return away && !d->is_own_zone;
}

/* ---- the spots ---- */

static unsigned
first_pause(const struct watched *d)
{
	unsigned scaled = (unsigned)(2 * d->n_spots * d->watch->n_names);

	if (scaled > WATCH_MAX_MSECS)
		return WATCH_MAX_MSECS;
	return scaled > WATCH_FIRST_MSECS ? scaled : WATCH_FIRST_MSECS;
}

static void
ask_later(struct spot *s, enum showing showing)
{
	struct timeval tv;

	if (showing == SHOWS_ALL && s->of->places[s->which].streak == 1)
		s->msecs = first_pause(s->of);
	tv.tv_sec = s->msecs / 1000;
	tv.tv_usec = (s->msecs % 1000) * 1000;
	event_add(s->timer, &tv);
	s->msecs += s->msecs / 2;
	if (s->msecs > WATCH_MAX_MSECS)
		s->msecs = WATCH_MAX_MSECS;
}

static void
note(struct spot *s, const struct dns_answer *a)
{
	struct silence *silence = &s->of->watch->worker->silence;
	struct place *p = &s->of->places[s->which];

	p->showing = showing_of(a, s->of->values, s->of->n_values, &s->missing);
	p->streak = p->showing == SHOWS_ALL ? p->streak + 1 : 0;
	/* A router may take seconds to say that there is no way. */
	if (p->showing == SHOWS_SILENT || p->showing == SHOWS_UNREACHABLE)
		silence_note(silence, s->at->text);
	else
		silence_break(silence, s->at->text);
	s->is_referral = p->showing == SHOWS_MUTE && a->outcome != DNS_SERVER;
	text_escape(
	    s->problem, sizeof(s->problem), a->problem, strlen(a->problem));
	if (s->is_referral)
		snprintf(s->problem, sizeof(s->problem),
		    "it answers without authority");
}

static void
on_txt(void *arg, const struct dns_answer *a)
{
	struct spot *s = arg;
	struct watched *d = s->of;

	s->query = NULL;
	if ((a->outcome == DNS_OK || a->outcome == DNS_NONE) &&
	    a->authoritative && a->cname[0] != '\0') {
		follow(d, a->cname);
		return;
	}
	note(s, a);
	if (is_delegated_away(d)) {
		d->is_own_zone = true;
		watched_stop(d);
		search_later(d, 0);
		return;
	}
	d->is_good = places_agree(d->places, d->n_spots, d->list->n_servers,
	    watch_is_patient(d->watch));
	if (d->is_good)
		watched_stop(d);
	else
		ask_later(s, d->places[s->which].showing);
	watch_changed(d->watch);
}

static void
ask_spot(evutil_socket_t fd, short what, void *arg)
{
	struct spot *s = arg;
	struct watched *d = s->of;

	(void)fd;
	(void)what;
	s->query = dns_ask_server(
	    d->watch->worker->dns, s->at, asked_name(d), DNS_TXT, on_txt, s);
	if (s->query == NULL)
		watch_fail(d->watch, err_new("out of memory"));
}

static size_t
count_spots(const struct server_list *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n_servers; i++)
		n += list->servers[i].n_addresses;
	return n;
}

static struct err *
add_spot(struct watched *d, size_t server, const struct dns_server *at)
{
	struct spot *s = &d->spots[d->n_spots];
	struct place *p = &d->places[d->n_spots];

	s->of = d;
	s->which = d->n_spots++;
	s->at = at;
	p->server = server;
	p->family = at->address.ss_family;
	/* It is asked all the same, but holds nobody up. */
	if (silence_is_kept(&d->watch->worker->silence, at->text))
		p->showing = SHOWS_SILENT;
	s->timer = evtimer_new(d->watch->worker->base, ask_spot, s);
	if (s->timer == NULL)
		return err_new("out of memory");
	event_active(s->timer, EV_TIMEOUT, 0);
	return NULL;
}

static struct err *
make_spots(struct watched *d)
{
	size_t n = count_spots(d->list);
	struct err *e = NULL;

	d->spots = calloc(n + 1, sizeof(*d->spots));
	d->places = calloc(n + 1, sizeof(*d->places));
	if (d->spots == NULL || d->places == NULL)
		return err_sys("name servers");
	for (size_t i = 0; i < d->list->n_servers; i++)
		for (size_t j = 0;
		     j < d->list->servers[i].n_addresses && e == NULL; j++)
			e = add_spot(d, i, &d->list->servers[i].addresses[j]);
	for (size_t i = 0; i < d->n_spots; i++)
		d->spots[i].msecs = first_pause(d);
	return e;
}

static void
on_found(void *arg, struct server_list *list, struct err *e)
{
	struct watched *d = arg;

	d->finding = NULL;
	err_free(d->trouble);
	d->trouble = NULL;
	if (e == NULL && count_spots(list) == 0)
		e = err_new("no name server of %s has an address", list->zone);
	if (e != NULL) {
		server_list_free(list);
		d->trouble = e;
		search_later(d, WATCH_RETRY_MSECS);
		return;
	}
	d->list = list;
	if ((e = make_spots(d)) != NULL)
		watch_fail(d->watch, e);
}
