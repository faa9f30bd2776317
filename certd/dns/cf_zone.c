/*
 * cf_zone.c - finds the zone that holds a name, from the name upwards.
 *
 * Runs in:  certd-dns (_certd-dns; HTTPS to the provider; no files, no exec).
 * Input:    lists of zones (read by cf_reply.c).
 * Promise:  the longest zone that the token sees wins; many who look for the
 *           same name share one request; many names in one zone need two
 *           more, also when all come at once: for the zone itself, and for the
 *           zones below it. That there is no zone for a name is
 *           forgotten at once: who adds it, or mends the token, need not wait.
 *           Nothing is looked up in DNS, where a resolver could lie about zone
 *           cuts.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cf_priv.h"
#include "log.h"

#define ENTRIES_MAX  1024
#define ZONE_SECS    (4 * 60 * 60)
#define NO_ZONE_SECS (5 * 60) /* below a zone: one may be added right now */
#define PENDING_SECS (5 * 60)
#define FAMILY_MAX   50 /* zones below a zone: one page */

/* What is known of the zones below a zone. */
enum family {
	FAMILY_UNKNOWN,
	FAMILY_ASKING,
	FAMILY_KNOWN, /* each has an entry */
	FAMILY_NONE,  /* it cannot be known: every name is asked for */
};

/* What is known of a name: a zone, or none. */
struct cf_entry {
	TAILQ_ENTRY(cf_entry) entry;
	struct cloudflare *cf;
	bool asking; /* nothing is known yet */
	bool found;
	time_t until;
	enum family family; /* where found */
	time_t family_until;
	char name[CF_NAME_SIZE];
	struct cf_zone zone;
};

/* Somebody on the way from a name to its zone. */
struct cf_walk {
	TAILQ_ENTRY(cf_walk) entry;
	struct cloudflare *cf;
	char base[CF_NAME_SIZE];
	const char *at; /* in base; the candidate that is looked up */
	cf_zone_done *done;
	void *arg;
};

static void
entry_free(struct cf_entry *en)
{
	TAILQ_REMOVE(&en->cf->entries, en, entry);
	en->cf->n_entries--;
	free(en);
}

static void
walk_free(struct cf_walk *w)
{
	TAILQ_REMOVE(&w->cf->walks, w, entry);
	free(w);
}

void
cf_zones_free(struct cloudflare *cf)
{
	struct cf_walk *w, *next_walk;
	struct cf_entry *en, *next;

	TAILQ_FOREACH_SAFE(w, &cf->walks, entry, next_walk)
		walk_free(w);
	TAILQ_FOREACH_SAFE(en, &cf->entries, entry, next)
		entry_free(en);
}

/* Forgets what is known of names; id NULL: of all of them. What is being asked
 * right now stays. */
static void
forget(struct cloudflare *cf, const char *id)
{
	struct cf_entry *en, *next;

	TAILQ_FOREACH_SAFE(en, &cf->entries, entry, next) {
		if (!en->asking && en->family != FAMILY_ASKING &&
		    (id == NULL || !en->found || strcmp(en->zone.id, id) == 0))
			entry_free(en);
	}
}

void
cf_zone_forget(struct cloudflare *cf, const char *id)
{
	forget(cf, id);
}

void
cf_zone_forget_all(struct cloudflare *cf)
{
	forget(cf, NULL);
}

static struct cf_entry *
entry_of(struct cloudflare *cf, const char *name)
{
	struct cf_entry *en;

	TAILQ_FOREACH(en, &cf->entries, entry)
		if (strcmp(en->name, name) == 0)
			return en;
	return NULL;
}

/* The name above; NULL: a top-level domain, which is nobody's zone. */
static const char *
name_above(const char *name)
{
	const char *dot = strchr(name, '.');

	return dot == NULL || strchr(dot + 1, '.') == NULL ? NULL : dot + 1;
}

static bool
name_is_below(const char *name, const char *zone)
{
	size_t n = strlen(name), z = strlen(zone);

	return n > z && name[n - z - 1] == '.' &&
	    strcmp(name + n - z, zone) == 0;
}

/* Frees the oldest one that nobody waits for, but not this. */
static void
forget_one(struct cloudflare *cf, const struct cf_entry *but)
{
	struct cf_entry *en;

	TAILQ_FOREACH(en, &cf->entries, entry) {
		if (en != but && !en->asking &&
		    en->family != FAMILY_ASKING) {
			entry_free(en);
			return;
		}
	}
}

static struct cf_entry *
entry_new(struct cloudflare *cf, const char *name)
{
	struct cf_entry *en = calloc(1, sizeof(*en));

	if (en == NULL)
		return NULL;
	TAILQ_INSERT_TAIL(&cf->entries, en, entry);
	en->cf = cf;
	(void)strcpy(en->name, name);
	if (++cf->n_entries > ENTRIES_MAX)
		forget_one(cf, en);
	return en;
}

static void
walk_end(struct cf_walk *w, const struct cf_zone *z, struct err *e)
{
	cf_zone_done *done = w->done;
	void *arg = w->arg;

	walk_free(w);
	done(arg, z, e);
}

static struct err *
no_zone(const struct cf_walk *w)
{
	return err_advise(err_new("Cloudflare shows no zone that holds %s: "
				  "neither a zone of that name nor one above "
				  "it",
			      w->base),
	    "is the domain in this Cloudflare account, and does the token have "
	    "Zone:DNS:Edit (and Zone:Zone:Read) for it?");
}

static void on_zones(void *arg, const struct cf_reply *reply, struct err *e);
static void on_family(void *arg, const struct cf_reply *reply, struct err *e);

static void
ask(struct cf_walk *w, struct cf_entry *en)
{
	char path[CF_NAME_SIZE + 64];
	struct err *e;

	(void)snprintf(
	    path, sizeof(path), "/zones?name=%s&per_page=50", en->name);
	en->asking = true;
	if ((e = cf_call_start(w->cf, "GET", path, NULL, 0, on_zones, en)) !=
	    NULL) {
		entry_free(en);
		walk_end(w, NULL, e);
	}
}

/* Whether somebody asks for another name that is just below this one. */
static bool
is_asked_below(struct cloudflare *cf, const char *name)
{
	const struct cf_entry *en;
	const char *above;

	TAILQ_FOREACH(en, &cf->entries, entry)
		if (en->asking && (above = name_above(en->name)) != NULL &&
		    strcmp(above, name) == 0)
			return true;
	return false;
}

/* Many names side by side are likely to be in one zone: the first one is asked
 * for; the others wait for what is known of the name above all of them. */
static bool
is_left_to_above(struct cf_walk *w)
{
	const char *above = name_above(w->at);
	struct cf_entry *en;

	if (above == NULL)
		return false;
	if ((en = entry_of(w->cf, above)) != NULL)
		return en->asking;
	if (!is_asked_below(w->cf, above) ||
	    (en = entry_new(w->cf, above)) == NULL)
		return false;
	ask(w, en);
	return true;
}

/* The nearest zone that is known to hold name, which is no zone itself as far as
 * is known. */
static struct cf_entry *
zone_above(struct cloudflare *cf, const char *name)
{
	struct cf_entry *en;
	const char *dot;

	for (dot = strchr(name, '.'); dot != NULL; dot = strchr(dot + 1, '.'))
		if ((en = entry_of(cf, dot + 1)) != NULL && !en->asking &&
		    en->found && (en->until > cf_now_secs() ||
		    en->family == FAMILY_ASKING))
			return en;
	return NULL;
}

/* Whether the zones below up are known, or cannot be: else they are asked for,
 * and w goes on when the answer is there. */
static bool
know_family(struct cf_walk *w, struct cf_entry *up)
{
	char path[CF_NAME_SIZE + 64];
	struct err *e;

	if (up->family != FAMILY_ASKING && up->family != FAMILY_UNKNOWN &&
	    up->family_until <= cf_now_secs())
		up->family = FAMILY_UNKNOWN;
	if (up->family == FAMILY_UNKNOWN) {
		(void)snprintf(path, sizeof(path),
		    "/zones?name=ends_with:.%s&per_page=%d", up->name,
		    FAMILY_MAX);
		e = cf_call_start(w->cf, "GET", path, NULL, 0, on_family, up);
		up->family = e == NULL ? FAMILY_ASKING : FAMILY_NONE;
		up->family_until = cf_now_secs() + NO_ZONE_SECS;
		err_free(e);
	}
	return up->family != FAMILY_ASKING;
}

/* Goes up as far as is known; then asks, or waits for who asks already. */
static void
walk_on(struct cf_walk *w)
{
	struct cf_entry *en, *up;
	const char *above;

	for (;;) {
		if ((en = entry_of(w->cf, w->at)) != NULL && en->asking)
			return;
		if (en != NULL && en->until <= cf_now_secs() &&
		    en->family != FAMILY_ASKING) {
			entry_free(en);
			en = NULL;
		}
		if (en == NULL && (up = zone_above(w->cf, w->at)) != NULL) {
			if (!know_family(w, up))
				return;
			if (up->family == FAMILY_KNOWN) {
				struct cf_zone zone = up->zone;

				walk_end(w, &zone, NULL);
				return;
			}
		}
		if (en == NULL && is_left_to_above(w))
			return;
		if (en == NULL) {
			if ((en = entry_new(w->cf, w->at)) == NULL)
				walk_end(w, NULL, err_sys("zone"));
			else
				ask(w, en);
			return;
		}
		if (en->found) {
			struct cf_zone zone = en->zone; /* en may be freed */

			walk_end(w, &zone, NULL);
			return;
		}
		if ((above = name_above(w->at)) == NULL) {
			walk_end(w, NULL, no_zone(w));
			return;
		}
		w->at = above;
	}
}

/* Whether w waits for what is known of name: as its own, or as the one above its
 * own, which nobody has asked for. */
static bool
waits_for(const struct cf_walk *w, const char *name)
{
	const char *above = name_above(w->at);

	return strcmp(w->at, name) == 0 || (above != NULL &&
	    strcmp(above, name) == 0 && entry_of(w->cf, w->at) == NULL);
}

static bool
is_below(const struct cf_walk *w, const char *zone)
{
	return name_is_below(w->at, zone);
}

/* Once nobody looks for a zone, what was found to be none is forgotten, but for
 * names below a zone. */
static void
forget_failures(struct cloudflare *cf)
{
	struct cf_entry *en, *next;

	if (!TAILQ_EMPTY(&cf->walks))
		return;
	TAILQ_FOREACH_SAFE(en, &cf->entries, entry, next)
		if (!en->asking && !en->found &&
		    zone_above(cf, en->name) == NULL)
			entry_free(en);
}

/* Everybody goes on who waits for this name (is: waits_for), or is below this
 * zone (is_below); or ends with a copy of why. */
static void
wake(struct cloudflare *cf,
    bool (*is)(const struct cf_walk *w, const char *name), const char *name,
    const struct err *why)
{
	struct cf_walk_list waiting = TAILQ_HEAD_INITIALIZER(waiting);
	struct cf_walk *w, *next;

	TAILQ_FOREACH_SAFE(w, &cf->walks, entry, next) {
		if (!is(w, name))
			continue;
		TAILQ_REMOVE(&cf->walks, w, entry);
		TAILQ_INSERT_TAIL(&waiting, w, entry);
	}
	while ((w = TAILQ_FIRST(&waiting)) != NULL) {
		TAILQ_REMOVE(&waiting, w, entry);
		TAILQ_INSERT_TAIL(&cf->walks, w, entry);
		if (why == NULL)
			walk_on(w);
		else
			walk_end(w, NULL, err_copy(why));
	}
	forget_failures(cf);
}

/* The zones below up get entries, so that the longest one wins. Where they are
 * too many, or the API does not say, every name is asked for as before. */
static void
on_family(void *arg, const struct cf_reply *reply, struct err *e)
{
	struct cf_entry *up = arg, *en;
	char names[FAMILY_MAX][CF_NAME_SIZE], zone[CF_NAME_SIZE];
	struct cloudflare *cf = up->cf;
	size_t i, n = 0;
	bool good = e == NULL && reply->ok && reply->n_pages <= 1 &&
	    cf_zones_below(reply, up->name, names, FAMILY_MAX, &n);

	err_free(e);
	up->family = good ? FAMILY_KNOWN : FAMILY_NONE;
	(void)strcpy(zone, up->name);
	for (i = 0; good && i < n; i++) {
		if (entry_of(cf, names[i]) != NULL ||
		    (en = entry_new(cf, names[i])) == NULL)
			continue;
		if ((e = cf_zone_read(reply, names[i], &en->zone,
		    &en->found)) != NULL || !en->found)
			entry_free(en);
		else
			en->until = cf_now_secs() + NO_ZONE_SECS;
		err_free(e);
	}
	wake(cf, is_below, zone, NULL);
}

static void
on_zones(void *arg, const struct cf_reply *reply, struct err *e)
{
	struct cf_entry *en = arg;
	struct cloudflare *cf = en->cf;
	char name[CF_NAME_SIZE];
	bool active;

	(void)strcpy(name, en->name);
	if (e == NULL && !reply->ok)
		e = cf_reply_error(reply);
	if (e == NULL)
		e = cf_zone_read(reply, name, &en->zone, &en->found);
	if (e != NULL) {
		e = err_wrap(e, "looking up the zone %s", name);
		entry_free(en);
		wake(cf, waits_for, name, e);
		err_free(e);
		return;
	}
	active = strcmp(en->zone.status, "active") == 0;
	if (en->found && !active)
		log_warn("the zone %s is \"%s\" at Cloudflare: its records are "
			 "not served until its name servers are those of "
			 "Cloudflare",
		    name, en->zone.status);
	en->asking = false;
	en->until = cf_now_secs() + (!en->found  ? NO_ZONE_SECS
					: active ? ZONE_SECS
						 : PENDING_SECS);
	wake(cf, waits_for, name, NULL);
}

void
cf_zone_find(
    struct cloudflare *cf, const char *base, cf_zone_done *done, void *arg)
{
	struct cf_walk *w = calloc(1, sizeof(*w));

	if (w == NULL || strlen(base) >= sizeof(w->base)) {
		free(w);
		done(arg, NULL,
		    err_new("no zone can be looked up for %s", base));
		return;
	}
	TAILQ_INSERT_TAIL(&cf->walks, w, entry);
	w->cf = cf;
	(void)strcpy(w->base, base);
	w->at = w->base;
	w->done = done;
	w->arg = arg;
	walk_on(w);
}
