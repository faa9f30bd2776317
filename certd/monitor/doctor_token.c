/*
 * doctor_token.c - a check of `certctl doctor`: certd-dns tries the credentials
 * in use, and tells what they may do.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    paths that root has written; the publisher's answers, which come
 *           from what the DNS provider sent.
 * Promise:  the files are opened and handed over, never read here; what
 *           certd-dns has in use stays as it is; nobody waits for longer than
 *           TOKEN_WAIT_SECS.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "credentials.h"
#include "doctor.h"

#define TOKENS_MAX	8
#define TOKEN_WAIT_SECS 15
#define SOON		(14 * 86400) /* a good time to make another */

static void
say(struct doctor_ask *a, enum verdict result, const char *todo,
    const char *found)
{
	doctor_say_as(a->d, "token", result, a->path, todo, "%s", found);
}

/* The doctor waits no more. */
static void
settle(struct doctor_ask *a, struct strs zones)
{
	struct doctor *d = a->d;

	LIST_REMOVE(a, link);
	event_free(a->late);
	a->late = NULL;
	a->d = NULL;
	if (d->catalog->n == 0) /* see doctor_check_network() */
		doctor_look_at(d, zones);
	doctor_release(d);
}

static void
join(char *out, size_t size, struct strs texts)
{
	size_t i, n = 0;

	*out = '\0';
	for (i = 0; i < texts.n && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%.*s",
		    i == 0 ? "" : ", ", (int)texts.v[i].n, texts.v[i].p);
}

static void
say_rights(struct doctor_ask *a, const struct msg_dns_zone_list *list)
{
	char words[DOCTOR_TEXT_BYTES / 2], text[DOCTOR_TEXT_BYTES];

	join(words, sizeof(words), list->lacking);
	(void)snprintf(text, sizeof(text), "it lacks %s", words);
	if (list->lacking.n > 0)
		say(a, VERDICT_BAD, "give it Zone:Zone:Read and "
		    "Zone:DNS:Edit", text);
	join(words, sizeof(words), list->extra);
	(void)snprintf(text, sizeof(text), "it may do more than it must: %s",
	    words);
	if (list->extra.n > 0)
		say(a, VERDICT_WARN, "Zone:Zone:Read and Zone:DNS:Edit are "
		    "enough", text);
	if (list->global)
		say(a, VERDICT_WARN, "better make an API token, then certctl "
		    "setup --token-file FILE", "it is the global key of the "
		    "account, which may do everything");
}

static void
say_end(struct doctor_ask *a, time_t expires)
{
	char when[TEXT_TIME_SIZE], text[128];

	if (expires == 0 || expires - time(NULL) > SOON)
		return;
	(void)snprintf(text, sizeof(text), "it expires at %s",
	    text_time(when, expires));
	say(a, VERDICT_WARN, "make a new one in time, then certctl setup "
	    "--token-file FILE", text);
}

static void
say_all(struct doctor_ask *a, const struct msg_dns_zone_list *list)
{
	char zones[DOCTOR_TEXT_BYTES / 2], text[DOCTOR_TEXT_BYTES];

	join(zones, sizeof(zones), list->zones);
	(void)snprintf(text, sizeof(text), "it works, and sees %u zone%s%s%s",
	    list->count, list->count == 1 ? "" : "s",
	    list->count == 0 ? "" : ": ", zones);
	if (list->count == 0)
		say(a, VERDICT_BAD, "give it Zone:Zone:Read and Zone:DNS:Edit "
		    "for the zones that need certificates", "it sees no zone");
	else
		say(a, VERDICT_OK, "", text);
	say_rights(a, list);
	say_end(a, (time_t)list->expires);
}

static void
on_zones(void *arg, const struct msg *answer, struct err *e)
{
	struct strs zones = { NULL, 0 };
	struct doctor_ask *a = arg;

	if (a->d != NULL && e != NULL) {
		say(a, VERDICT_BAD, err_advice(e), err_text(e));
	} else if (a->d != NULL) {
		zones = answer->dns_zone_list.zones;
		say_all(a, &answer->dns_zone_list);
	}
	if (a->d != NULL)
		settle(a, zones);
	err_free(e);
	free(a);
}

/* The answer may still come; it is passed over then. */
static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct doctor_ask *a = arg;

	(void)fd;
	(void)what;
	say(a, VERDICT_BAD, "is the API of the DNS provider (api-url) reachable "
	    "from here? journalctl -u 'certd-dns@*' tells more",
	    "no answer of the DNS provider within 15 s");
	settle(a, (struct strs) { NULL, 0 });
}

static struct err *
ask(struct doctor *d, struct doctor_ask *a)
{
	struct timeval wait = { .tv_sec = TOKEN_WAIT_SECS };
	struct msg m = { .type = MSG_dns_zones };
	struct err *e;
	int fd;

	if ((e = credentials_open(a->path, &fd)) != NULL)
		return e;
	a->late = event_new(doctor_monitor(d)->base, -1, 0, on_late, a);
	if (a->late == NULL || event_add(a->late, &wait) == -1)
		e = err_sys("token");
	else
		e = peer_ask_owned(doctor_monitor(d)->publisher, &m, fd,
		    MSG_dns_zone_list, on_zones, a);
	close(fd);
	return e;
}

static void
try(struct doctor *d, const char *path)
{
	struct doctor_ask *a = calloc(1, sizeof(*a) + strlen(path) + 1);
	struct err *e;

	if (a == NULL)
		return;
	(void)strcpy(a->path, path);
	a->d = d;
	if ((e = ask(d, a)) == NULL) {
		LIST_INSERT_HEAD(&d->asks, a, link);
		doctor_hold(d);
		return;
	}
	say(a, VERDICT_BAD, err_advice(e), err_text(e));
	err_free(e);
	if (a->late != NULL)
		event_free(a->late);
	free(a);
}

void
doctor_asks_end(struct doctor *d)
{
	struct doctor_ask *a;

	while ((a = LIST_FIRST(&d->asks)) != NULL) {
		LIST_REMOVE(a, link);
		event_free(a->late);
		a->late = NULL; /* the rest goes with the question */
		a->d = NULL;
	}
}

/* What is set for all counts for all; else each certificate's own. */
void
doctor_check_token(struct doctor *d)
{
	const char *all = doctor_monitor(d)->cfg->credentials, *paths[TOKENS_MAX];
	const struct catalog *c = d->catalog;
	size_t i, k, n = 0;

	if (*all != '\0')
		paths[n++] = all;
	for (i = 0; *all == '\0' && i < c->n && n < TOKENS_MAX; i++) {
		const char *own = c->entries[i].files == NULL ? "" :
		    c->entries[i].files->credentials;

		for (k = 0; k < n && strcmp(paths[k], own) != 0; k++)
			;
		if (k == n && *own != '\0')
			paths[n++] = own;
	}
	for (i = 0; i < n; i++)
		try(d, paths[i]);
}
