/*
 * probe.h - what a look at the name servers of a zone says. Pure: no network, no
 * clock.
 */
#ifndef PROBE_H
#define PROBE_H

#include "dns.h"
#include "proto.h"
#include "watch.h"

#define PROBE_ADDRESSES_MAX 32 /* of one zone */
#define PROBE_TEXT_BYTES    1024

/* What was heard of the addresses of a zone's name servers. */
struct zone_sight {
	size_t n_asked, n_answers; /* addresses */
	size_t n_good;
	bool is_good[SERVER_NAMES_MAX]; /* one of the server's addresses is */
	char problem[256];              /* of the last that was not good */
};

void zone_sight_note(
    struct zone_sight *s, size_t server, const struct dns_answer *a);

struct zone_word {
	enum verdict result;
	char found[PROBE_TEXT_BYTES];
	const char *todo; /* "" or static */
};

/* What to tell a person. has_doh: where port 53 is closed, there are resolvers
 * over HTTPS. */
void zone_word(const struct zone_sight *s, const struct server_list *list,
    bool has_doh, struct zone_word *out);

#endif
