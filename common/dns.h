/*
 * dns.h - questions to chosen name servers (c-ares on libevent). Nothing here
 * touches NSS, so nothing is loaded once the process is locked in.
 */
#ifndef DNS_H
#define DNS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "err.h"

struct event_base;
struct dns;
struct dns_query;

/* An address and port. */
struct dns_server {
	struct sockaddr_storage address;
	char text[64]; /* "192.0.2.1", "2001:db8::1"; ":port" where not 53 */
};

enum dns_type { DNS_A = 1, DNS_NS = 2, DNS_CNAME = 5, DNS_SOA = 6, DNS_TXT = 16,
	DNS_AAAA = 28 };

enum dns_outcome {
	DNS_OK,		 /* an answer, perhaps of no records */
	DNS_NONE,	 /* NXDOMAIN */
	DNS_SERVER,	 /* SERVFAIL, REFUSED, NOTIMP, FORMERR or garbage */
	DNS_TIMEOUT,	 /* no answer in time */
	DNS_UNREACHABLE, /* no route, or the connection was refused */
};

/* What a server said; all of it is hostile. Texts live during the callback. */
struct dns_answer {
	enum dns_outcome outcome;
	bool authoritative;	   /* the AA bit */
	const char *const *values; /* TXT: character-strings joined; NS, CNAME:
				    * lower-case name without last dot; SOA:
				    * the owner name of the SOA; A, AAAA: text */
	size_t n_values;
	const char *soa;	   /* owner of the SOA in the authority
				    * section ("." the root), or "" */
	const char *cname;	   /* last target where the answer began with
				    * CNAMEs, or "" */
	const char *problem;	   /* for a person; "" with DNS_OK */
};

typedef void dns_done(void *arg, const struct dns_answer *answer);

/* resolver: "IP[:port],..." or "" for /etc/resolv.conf (read here and now). */
struct err	*dns_new(struct event_base *base, const char *resolver,
		    struct dns **out);
void		 dns_free(struct dns *d);

/* Asks the resolver (recursion desired). The callback comes once, never before
 * the function has returned, unless the query is cancelled first. At most 3 s a
 * try, 3 tries, the last over TCP. NULL when out of memory. */
struct dns_query *dns_ask(struct dns *d, const char *name, enum dns_type type,
		    dns_done *done, void *arg);
/* Asks one server directly (no recursion, EDNS 1232, TCP when truncated); at
 * most 3 s a try, 2 tries, the second over TCP. */
struct dns_query *dns_ask_server(struct dns *d, const struct dns_server *server,
		    const char *name, enum dns_type type, dns_done *done,
		    void *arg);
/* No callback will come. NULL is fine. */
void		 dns_cancel(struct dns_query *q);

/* "IP" or "IP:port" or "[IP6]:port"; false when it is none. */
bool		 dns_server_parse(const char *text, struct dns_server *out);

#endif
