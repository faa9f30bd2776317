/*
 * complaint.c - what is said where the records were not seen in time.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    what spots.c has heard of servers. Assume that they are hostile.
 * Promise:  an error of bounded length that names each server and what it lacks,
 *           or says that nobody can be asked; and what to do next.
 */
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "propagation.h"

#define COMPLAINTS_MAX    8
#define TEXT_MAX_BYTES    3072
#define PORT_53_MAX_BYTES 1024

bool
watch_is_unheard(const struct watch *w)
{
	for (size_t i = 0; i < w->n_names; i++)
		if (w->names[i].is_good || w->names[i].was_heard ||
		    w->names[i].was_refused)
			return false;
	return true;
}

/* What is wrong at one address; false when nothing is. */
static bool
complain(struct buf *b, const struct watched *d, size_t which)
{
	const struct spot *s = &d->spots[which];
	const struct place *p = &d->places[which];
	const char *name = watched_name(d);

	if (p->showing == SHOWS_ALL && p->streak >= STREAK_ENOUGH)
		return false;
	if (s->doh != NULL)
		err_free(buf_addf(b, "; %s ", s->doh->url));
	else
		err_free(buf_addf(b, "; %s (%s) ",
		    d->list->servers[p->server].name, s->at->text));
	if (s->is_astray)
		err_free(buf_addf(b, "says of %s: %s", name, s->problem));
	else if (p->showing == SHOWS_LACK)
		err_free(buf_addf(
		    b, "lacks %s \"%s\"", name, d->values[s->missing]));
	else if (p->showing == SHOWS_ALL)
		err_free(buf_addf(b, "shows %s only now and then", name));
	else
		err_free(buf_addf(b, "does not tell of %s: %s", name,
		    s->problem[0] == '\0' ? "no answer yet" : s->problem));
	return true;
}

/* What is wrong at one record name; *room is how many addresses may still be
 * named. How many were not. */
static size_t
complain_of(struct buf *b, const struct watched *d, size_t *room)
{
	size_t kept_back = 0;

	if (d->port_53 != NULL)
		err_free(buf_add(b, buf_data(d->port_53), buf_len(d->port_53)));
	else if (d->trouble != NULL)
		err_free(buf_addf(b, "; %s", err_text(d->trouble)));
	else if (d->n_spots == 0)
		err_free(buf_addf(b,
		    "; the name servers of %s were not found in time",
		    watched_name(d)));
	for (size_t i = 0; i < d->n_spots; i++) {
		if (*room == 0)
			kept_back++;
		else if (complain(b, d, i))
			(*room)--;
	}
	return kept_back;
}

void
complaint_keep(struct watched *d)
{
	size_t room = COMPLAINTS_MAX / 2;

	if (d->port_53 == NULL &&
	    (d->port_53 = buf_new(PORT_53_MAX_BYTES)) == NULL)
		return;
	buf_clear(d->port_53);
	(void)complain_of(d->port_53, d, &room);
}

static void
complain_all(struct buf *b, const struct watch *w)
{
	size_t room = COMPLAINTS_MAX, kept_back = 0;

	for (size_t i = 0; i < w->n_names; i++)
		if (!w->names[i].is_good)
			kept_back += complain_of(b, &w->names[i], &room);
	if (kept_back > 0)
		err_free(buf_addf(b, "; and up to %zu more", kept_back));
}

/* The first zone that is delegated to others than the provider says, or NULL. */
static const struct server_list *
find_elsewhere(const struct watch *w)
{
	for (size_t j = 0; j < w->n_names; j++) {
		const struct server_list *list = w->names[j].list;

		if (list != NULL && list->is_elsewhere)
			return list;
	}
	return NULL;
}

static bool
has_any_answer(const struct watch *w)
{
	for (size_t i = 0; i < w->n_names; i++)
		for (size_t j = 0; j < w->names[i].n_spots; j++) {
			enum showing s = w->names[i].places[j].showing;

			if (s == SHOWS_ALL || s == SHOWS_LACK ||
			    s == SHOWS_MUTE)
				return true;
		}
	return false;
}

static struct err *
advise(const struct watch *w, struct err *e)
{
	const struct server_list *list = find_elsewhere(w);
	char text[512];

	if (list != NULL) {
		server_list_text(list, text, sizeof(text));
		return err_advise(e,
		    "%s: delegate it there, or use the provider that serves it",
		    text);
	}
	if (watch_is_unheard(w) && w->worker->doh_servers.n > 0)
		return err_advise(e,
		    "nobody can be asked from here: let this machine send to "
		    "port 53, over UDP and TCP, or to port 443 of doh-servers; "
		    "or say with dns-cloudflare-propagation-seconds how long "
		    "to wait without a look");
	if (!has_any_answer(w))
		return err_advise(e,
		    "no name server answered at all: see that this machine may "
		    "send to port 53, over UDP and TCP, and that resolver is "
		    "right");
	return err_advise(e,
	    "look at these servers; where they are only slow, raise "
	    "propagation-timeout");
}

struct err *
complaint_err(const struct watch *w)
{
	struct buf *b = buf_new(TEXT_MAX_BYTES);
	struct err *e;

	if (b == NULL)
		return err_sys("name servers");
	complain_all(b, w);
	e = err_new("after %u s not all name servers show all records%s",
	    w->terms.timeout_secs, buf_data(b));
	buf_free(b);
	return advise(w, e);
}
