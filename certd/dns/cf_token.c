/*
 * cf_token.c - what a token sees and may do: a list of zones, by a client of its
 * own, so that the token in use stays as it is.
 *
 * Runs in:  certd-dns (_certd-dns; HTTPS to the provider; no files, no exec).
 * Input:    lists of zones with the permissions of whoever asks, and what the
 *           API says of the token itself.
 * Promise:  at most PAGES_MAX requests and one; what is not understood is left out.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cf_priv.h"

#define PAGES_MAX 20 /* of 50 zones */

/* What we need, in Cloudflare's words. */
static const char *const needed[] = { "#zone:read", "#dns_records:edit" };
#define NEEDED_N (sizeof(needed) / sizeof(needed[0]))

struct cf_token {
	LIST_ENTRY(cf_token) link;
	struct cloudflare *cf;
	struct cf_sight sight;
	unsigned page;
	bool has[NEEDED_N], told;
	cf_sight_done *done;
	void *arg;
};

static void ask(struct cf_token *t);

static void
drop(struct cf_token *t)
{
	LIST_REMOVE(t, link);
	cloudflare_free(t->cf);
	free(t);
}

void
cf_looks_free(struct cloudflare *cf)
{
	struct cf_token *t, *next;

	for (t = LIST_FIRST(&cf->looks); t != NULL; t = next) {
		next = LIST_NEXT(t, link);
		drop(t);
	}
}

static void
end(struct cf_token *t, struct err *e)
{
	size_t i;

	if (e == NULL && t->told)
		for (i = 0; i < NEEDED_N; i++)
			if (!t->has[i])
				t->sight.lacking[t->sight.n_lacking++] =
				    needed[i];
	t->done(t->arg, e == NULL ? &t->sight : NULL, e);
	drop(t);
}

/* Of "#dns_records:read" the edit is more, and reading records is harmless. */
static bool
is_harmless(const char *permission)
{
	size_t n = strlen(permission);

	return n > 5 && strcmp(permission + n - 5, ":read") == 0;
}

static void
see_permission(struct cf_token *t, const char *permission)
{
	struct cf_sight *s = &t->sight;
	size_t i;

	t->told = true;
	for (i = 0; i < NEEDED_N; i++)
		if (strcmp(permission, needed[i]) == 0) {
			t->has[i] = true;
			return;
		}
	for (i = 0; i < s->n_extra; i++)
		if (strcmp(s->extra[i], permission) == 0)
			return;
	if (!is_harmless(permission) && s->n_extra < CF_EXTRA_MAX &&
	    permission[strspn(permission, "#:_-abcdefghijklmnopqrstuvwxyz"
	    "0123456789")] == '\0' && strlen(permission) < CF_WORD_SIZE)
		(void)strcpy(s->extra[s->n_extra++], permission);
}

static void
see_zone(struct cf_token *t, const json_t *zone)
{
	const char *name = json_string_value(json_object_get(zone, "name"));
	const json_t *list = json_object_get(zone, "permissions"), *word;
	struct cf_sight *s = &t->sight;
	size_t i;

	if (name != NULL && s->n_zones < CF_SIGHT_ZONES_MAX &&
	    strlen(name) < CF_NAME_SIZE &&
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-._")] ==
	    '\0')
		(void)strcpy(s->zones[s->n_zones++], name);
	s->count++;
	json_array_foreach(list, i, word)
		if (json_is_string(word))
			see_permission(t, json_string_value(word));
}

static void
on_life(void *arg, const struct cf_reply *reply, struct err *e)
{
	struct cf_token *t = arg;
	struct cf_life life;

	if (e == NULL && cf_life_read(reply, &life))
		t->sight.expires = life.expires;
	err_free(e); /* it works, so much is known */
	end(t, NULL);
}

/* When will it end? */
static void
ask_life(struct cf_token *t)
{
	struct err *e;

	if (!cf_life_may_ask(&t->cf->credentials)) {
		end(t, NULL);
		return;
	}
	if ((e = cf_call_start(t->cf, "GET", CF_LIFE_PATH, NULL, 0, on_life,
		 t)) != NULL)
		end(t, e);
}

static void
on_page(void *arg, const struct cf_reply *reply, struct err *e)
{
	struct cf_token *t = arg;
	const json_t *zone;
	size_t i;

	if (e != NULL) {
		end(t, e);
		return;
	}
	if (!reply->ok) {
		end(t, cf_reply_error(reply));
		return;
	}
	json_array_foreach(reply->result, i, zone) {
		see_zone(t, zone);
	}
	if (t->page < reply->n_pages && t->page < PAGES_MAX)
		ask(t);
	else
		ask_life(t);
}

static void
ask(struct cf_token *t)
{
	char path[64];
	struct err *e;

	(void)snprintf(path, sizeof(path), "/zones?per_page=50&page=%u",
	    ++t->page);
	if ((e = cf_call_start(t->cf, "GET", path, NULL, 0, on_page, t)) !=
	    NULL)
		end(t, e);
}

struct err *
cloudflare_look(struct cloudflare *as, struct credentials *c,
    cf_sight_done *done, void *arg)
{
	struct cf_token *t = calloc(1, sizeof(*t));
	struct err *e;

	if (t == NULL)
		return err_sys("token");
	if ((e = cloudflare_new(as->base, as->https, as->api, &t->cf)) !=
	    NULL) {
		free(t);
		return e;
	}
	LIST_INSERT_HEAD(&as->looks, t, link);
	t->sight.global = c->n_headers > 1;
	t->done = done;
	t->arg = arg;
	cloudflare_identify(t->cf, c, false);
	ask(t);
	return NULL;
}
