/*
 * token.c - an administrator asks what a token sees, before it is used.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    an open file of root's, which is passed on unread; the publisher's
 *           answer, which comes from what the DNS provider sent.
 * Promise:  only root may ask; the token that certd uses stays as it is.
 */
#include <stdio.h>
#include <unistd.h>

#include "log.h"
#include "monitor.h"

static void
facts(struct client *c, const char *key, struct strs texts)
{
	char text[PROTO_TEXTS_BYTES + 1];
	size_t i;

	for (i = 0; i < texts.n; i++) {
		(void)snprintf(text, sizeof(text), "%.*s",
		    (int)texts.v[i].n, texts.v[i].p);
		client_fact(c, key, text);
	}
}

static void
on_zones(void *arg, const struct msg *answer, struct err *e)
{
	const struct msg_dns_zone_list *list;
	struct client *c = arg;
	char count[24], when[TEXT_TIME_SIZE];

	if (e != NULL) {
		client_refuse(c, 1, e);
	} else {
		list = &answer->dns_zone_list;
		facts(c, "zone", list->zones);
		(void)snprintf(count, sizeof(count), "%u", list->count);
		client_fact(c, "zones", count);
		facts(c, "lacking", list->lacking);
		facts(c, "extra", list->extra);
		if (list->global)
			client_fact(c, "global", "true");
		if (list->expires > 0)
			client_fact(c, "expires", text_time(when,
			    (time_t)list->expires));
		client_end(c);
	}
	client_release(c);
}

void
request_token_check(struct client *c, int fd)
{
	struct monitor *m = client_monitor(c);
	struct msg ask = { .type = MSG_dns_zones };
	struct err *e = NULL;

	if (fd == -1) { /* root's: policy_file() */
		client_refuse(c, 1, err_new("no token came with the request"));
		return;
	}
	log_audit("%s: tries a token", client_name(c));
	client_hold(c);
	if ((e = peer_ask(m->publisher, &ask, fd, MSG_dns_zone_list, on_zones,
	    c)) != NULL) {
		client_refuse(c, 1, e);
		client_release(c);
	}
}
