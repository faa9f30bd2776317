/*
 * sight.c - what a look at the name servers of a zone says. Pure.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    answers of name servers, one after the other. Assume that they are
 *           hostile.
 * Promise:  an address of a family that this machine has no way to is nobody's
 *           fault.
 */
#include <stdio.h>
#include <string.h>

#include "probe.h"

void
zone_sight_note(struct zone_sight *s, size_t server, const struct dns_answer *a)
{
	bool good = a->outcome == DNS_OK && a->authoritative;

	s->n_answers++;
	s->n_good += good;
	s->is_good[server] |= good;
	if (!good)
		(void)snprintf(s->problem, sizeof(s->problem), "%s",
		    a->outcome == DNS_OK ? "it is not authoritative"
					 : a->problem);
}

/* The names of those that do not answer. */
static size_t
join_silent(const struct zone_sight *s, const struct server_list *list,
    char *out, size_t size)
{
	size_t at = 0, n = 0;

	*out = '\0';
	for (size_t i = 0; i < list->n_servers; i++) {
		if (s->is_good[i] || list->servers[i].n_addresses == 0)
			continue;
		n++;
		if (at < size)
			at += (size_t)snprintf(out + at, size - at, "%s%s",
			    n == 1 ? "" : ", ", list->servers[i].name);
	}
	return n;
}

void
zone_word(const struct zone_sight *s, const struct server_list *list,
    bool has_doh, struct zone_word *out)
{
	char names[PROBE_TEXT_BYTES / 2];
	size_t silent = join_silent(s, list, names, sizeof(names));

	out->todo = "";
	if (s->n_good == 0) {
		out->result = has_doh ? VERDICT_WARN : VERDICT_BAD;
		out->todo = has_doh
				? "open port 53 (UDP and TCP) to the outside; "
				  "until then resolvers are asked over HTTPS "
				  "(doh-servers)"
				: "open port 53 (UDP and TCP) to the outside, "
				  "or set doh-servers in the section [dns] of "
				  "certd.conf";
		(void)snprintf(out->found, sizeof(out->found),
		    "none of %zu name servers answers from here%s%s",
		    list->n_servers, *s->problem == '\0' ? "" : ": ",
		    s->problem);
	} else if (silent > 0) {
		out->result = VERDICT_WARN;
		out->todo = "certd waits for every name server: see that it "
			    "runs, or take it out of the zone's delegation";
		(void)snprintf(out->found, sizeof(out->found),
		    "%zu of %zu name servers %s not answer from here: %s "
		    "(%s)",
		    silent, list->n_servers, silent == 1 ? "does" : "do", names,
		    *s->problem == '\0' ? "no answer in time" : s->problem);
	} else {
		out->result = VERDICT_OK;
		(void)snprintf(out->found, sizeof(out->found),
		    "%zu name server%s answer%s (%zu of %zu addresses)",
		    list->n_servers, list->n_servers == 1 ? "" : "s",
		    list->n_servers == 1 ? "s" : "", s->n_good, s->n_asked);
	}
}
