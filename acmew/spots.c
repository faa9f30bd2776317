/*
 * spots.c - the addresses that are asked for one record name, again and again
 * until all agree: name servers, or resolvers over HTTPS.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    answers of name servers. Assume that they are hostile.
 * Promise:  a slow address holds up no other; what an answer means for the
 *           record is decided in showing.c.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "propagation.h"

void
spots_stop(struct watched *d)
{
	for (size_t i = 0; i < d->n_spots; i++) {
		struct spot *s = &d->spots[i];

		dns_cancel(s->query);
		doh_cancel(s->doh_query);
		s->query = NULL;
		s->doh_query = NULL;
		if (s->timer != NULL)
			event_del(s->timer);
	}
}

void
spots_free(struct watched *d)
{
	spots_stop(d);
	for (size_t i = 0; i < d->n_spots; i++)
		if (d->spots[i].timer != NULL)
			event_free(d->spots[i].timer);
	free(d->spots);
	free(d->places);
	d->spots = NULL;
	d->places = NULL;
	d->n_spots = 0;
}

/* ---- pauses ---- */

static unsigned
first_pause(const struct watched *d, unsigned least_msecs)
{
	unsigned scaled = (unsigned)(2 * d->n_spots * d->watch->n_names);

	if (scaled > WATCH_MAX_MSECS)
		return WATCH_MAX_MSECS;
	return scaled > least_msecs ? scaled : least_msecs;
}

/* A resolver keeps what it has said: no hurry. */
static unsigned
next_pause(struct spot *s, const struct place *p)
{
	const struct watch *w = s->of->watch;
	unsigned msecs;

	if (s->doh != NULL)
		return p->showing == SHOWS_ALL ? WATCH_MAX_MSECS
					       : WATCH_DOH_MSECS;
	if (p->showing == SHOWS_ALL && p->streak == 1)
		s->msecs = first_pause(s->of, WATCH_AGAIN_MSECS);
	msecs = delay_pause(&w->worker->delay, watch_msecs(w), s->msecs,
	    first_pause(s->of, WATCH_LEAST_MSECS));
	if (msecs < s->msecs)
		return msecs;
	/* What is late by an eighth of what it took hurts nobody. */
	s->msecs += s->msecs / 8;
	if (s->msecs > WATCH_MAX_MSECS)
		s->msecs = WATCH_MAX_MSECS;
	return msecs;
}

static void
ask_later(struct spot *s)
{
	unsigned msecs = next_pause(s, &s->of->places[s->which]);
	struct timeval tv = { msecs / 1000, (msecs % 1000) * 1000 };

	event_add(s->timer, &tv);
}

/* ---- what an answer means ---- */

/* The name is on its way to the record, but not there yet. */
static bool
is_on_the_way(const struct watched *d)
{
	return strcmp(watched_name(d), d->record) != 0;
}

static bool
is_authoritative(const struct dns_answer *a)
{
	return (a->outcome == DNS_OK || a->outcome == DNS_NONE) &&
	       a->authoritative;
}

/* An alias is good where one is configured, and only there: other paths lead
 * away from where we publish. A wildcard CNAME shows as long as a server lags,
 * so that astray is no reason to give up at once. */
static enum showing
judge(struct spot *s, const struct dns_answer *a)
{
	struct watched *d = s->of;

	s->alias[0] = '\0';
	s->is_astray = false;
	if (s->doh == NULL && is_authoritative(a)) {
		snprintf(s->alias, sizeof(s->alias), "%s", a->cname);
		if (is_on_the_way(d) && s->alias[0] != '\0')
			return SHOWS_ALL;
		s->is_astray = is_on_the_way(d) || s->alias[0] != '\0';
		if (s->is_astray)
			return SHOWS_LACK;
	}
	return showing_of(a, d->values, d->n_values, &s->missing);
}

static void
note_problem(struct spot *s, const struct dns_answer *a)
{
	const struct watched *d = s->of;

	text_escape(
	    s->problem, sizeof(s->problem), a->problem, strlen(a->problem));
	if (s->is_referral)
		snprintf(s->problem, sizeof(s->problem),
		    "it answers without authority");
	else if (s->is_astray && s->alias[0] != '\0')
		snprintf(s->problem, sizeof(s->problem),
		    "it is an alias (CNAME) of %.200s", s->alias);
	else if (s->is_astray)
		snprintf(s->problem, sizeof(s->problem),
		    "it is no alias (CNAME) of %.200s", d->record);
}

/* The last of these is what the next job may expect. */
static void
note_time(struct spot *s, const struct place *p)
{
	struct watch *w = s->of->watch;

	if (p->showing == SHOWS_LACK)
		w->lacked_msecs = watch_msecs(w);
	else if (p->showing == SHOWS_ALL && p->streak == 1)
		w->showed_msecs = watch_msecs(w);
}

static void
note(struct spot *s, const struct dns_answer *a)
{
	struct silence *silence = &s->of->watch->worker->silence;
	struct place *p = &s->of->places[s->which];

	p->showing = judge(s, a);
	p->streak = p->showing == SHOWS_ALL ? p->streak + 1 : 0;
	if (p->showing == SHOWS_ALL || p->showing == SHOWS_LACK)
		s->of->was_heard = true;
	s->is_referral = s->doh == NULL && p->showing == SHOWS_MUTE &&
			 a->outcome != DNS_SERVER;
	if (p->showing == SHOWS_MUTE && !s->is_referral)
		s->of->was_refused = true;
	note_problem(s, a);
	if (s->doh != NULL)
		return;
	note_time(s, p);
	/* A router may take seconds to say that there is no way. */
	if (p->showing == SHOWS_SILENT || p->showing == SHOWS_UNREACHABLE)
		silence_note(silence, s->at->text);
	else
		silence_break(silence, s->at->text);
}

/* ---- what all of them mean ---- */

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

/* Whether all that count lead elsewhere than to the record. */
static bool
is_astray(const struct watched *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n_spots; i++) {
		if (!place_counts(d->places, d->n_spots, i))
			continue;
		if (!d->spots[i].is_astray)
			return false;
		n++;
	}
	return n > 0;
}

/* The alias that all who show one agree on, NULL where they do not. */
static const char *
common_alias(const struct watched *d)
{
	const char *alias = NULL;

	for (size_t i = 0; i < d->n_spots; i++) {
		const struct spot *s = &d->spots[i];

		if (d->places[i].showing != SHOWS_ALL)
			continue;
		if (alias != NULL && strcmp(alias, s->alias) != 0)
			return NULL;
		alias = s->alias;
	}
	return alias;
}

static void
digest_answer(struct spot *s, const struct dns_answer *a)
{
	struct watched *d = s->of;
	struct watch *w = d->watch;
	bool patient = watch_is_patient(w);
	const char *alias;
	bool agreed;

	note(s, a);
	if (is_delegated_away(d)) {
		d->is_own_zone = true;
		watched_stop(d);
		watched_search_later(d, 0);
		return;
	}
	if (!patient && is_astray(d)) {
		alias = s->alias[0] != '\0' || d->n_names == 1
			    ? s->alias
			    : watched_name(d);
		watch_fail(w, alias_err(d->names[0], d->record, alias));
		return;
	}
	agreed = places_agree(d->places, d->n_spots, d->n_servers, patient);
	alias = agreed && s->doh == NULL && is_on_the_way(d) ? common_alias(d)
							     : NULL;
	if (alias != NULL) {
		watched_follow(d, alias);
		return; /* d may be gone */
	}
	if (agreed && (s->doh != NULL || !is_on_the_way(d))) {
		d->is_good = true;
		watched_stop(d);
	} else {
		ask_later(s);
	}
	watch_changed(w);
}

static void
on_txt(void *arg, const struct dns_answer *a)
{
	struct spot *s = arg;

	s->query = NULL;
	digest_answer(s, a);
}

/* A resolver speaks for the name servers, never with their authority. */
static void
on_doh(void *arg, const struct dns_answer *a)
{
	struct dns_answer copy = *a;
	struct spot *s = arg;

	s->doh_query = NULL;
	copy.authoritative = true;
	digest_answer(s, &copy);
}

/* ---- the spots ---- */

static void
ask_spot(evutil_socket_t fd, short what, void *arg)
{
	struct spot *s = arg;
	struct watched *d = s->of;
	struct worker *w = d->watch->worker;

	(void)fd;
	(void)what;
	if (s->doh != NULL)
		s->doh_query =
		    doh_ask(w, s->doh, d->names[0], DNS_TXT, on_doh, s);
	else
		s->query = dns_ask_server(
		    w->dns, s->at, watched_name(d), DNS_TXT, on_txt, s);
	if (s->query == NULL && s->doh_query == NULL)
		watch_fail(d->watch, err_new("out of memory"));
}

/* Room for n more spots; none are there. */
static struct err *
make_room(struct watched *d, size_t n)
{
	d->spots = calloc(n + 1, sizeof(*d->spots));
	d->places = calloc(n + 1, sizeof(*d->places));
	return d->spots == NULL || d->places == NULL ? err_sys("name servers")
						     : NULL;
}

static struct err *
add_spot(struct watched *d, size_t server, const struct dns_server *at,
    const struct doh_server *doh)
{
	struct spot *s = &d->spots[d->n_spots];
	struct place *p = &d->places[d->n_spots];

	s->of = d;
	s->which = d->n_spots++;
	s->at = at;
	s->doh = doh;
	p->server = server;
	p->family = at == NULL ? AF_UNSPEC : at->address.ss_family;
	/* It is asked all the same, but holds nobody up. */
	if (at != NULL && silence_is_kept(&d->watch->worker->silence, at->text))
		p->showing = SHOWS_SILENT;
	s->timer = evtimer_new(d->watch->worker->base, ask_spot, s);
	if (s->timer == NULL)
		return err_new("out of memory");
	event_active(s->timer, EV_TIMEOUT, 0);
	return NULL;
}

struct err *
spots_make(struct watched *d)
{
	struct err *e = make_room(d, server_list_addresses(d->list));

	d->n_servers = d->list->n_servers;
	for (size_t i = 0; i < d->list->n_servers; i++)
		for (size_t j = 0;
		     j < d->list->servers[i].n_addresses && e == NULL; j++)
			e = add_spot(
			    d, i, &d->list->servers[i].addresses[j], NULL);
	for (size_t i = 0; i < d->n_spots; i++)
		d->spots[i].msecs = first_pause(d, WATCH_FIRST_MSECS);
	return e;
}

struct err *
spots_make_doh(struct watched *d)
{
	const struct doh_servers *all = &d->watch->worker->doh_servers;
	struct err *e = make_room(d, all->n);

	d->n_servers = all->n;
	for (size_t i = 0; i < all->n && e == NULL; i++)
		e = add_spot(d, i, NULL, &all->list[i]);
	return e;
}
