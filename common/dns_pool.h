/*
 * dns_pool.h - c-ares channels, one for every server that is asked. Only the
 * dns_*.c files include it.
 */
#ifndef DNS_POOL_H
#define DNS_POOL_H

#include "dns.h"

#define DNS_POOL_CHANNELS 64
#define DNS_POOL_FLIGHTS  64 /* a server; more overflow its socket's buffer */
#define DNS_TRY_MSECS	  3000
#define DNS_EDNS_BYTES	  1232 /* DNS flag day 2020: fits every path */

struct dns_pool;
struct dns_flight; /* a question on its way */

/* A flight is over, perhaps before dns_pool_send() has returned; data is NULL
 * where no answer came. No pool function may be called from here. */
typedef void dns_landed(void *arg, enum dns_outcome outcome,
    const unsigned char *data, size_t n);

/* NULL when out of memory. */
struct dns_pool	*dns_pool_new(struct event_base *base);
/* Every flight still lands. */
void		 dns_pool_free(struct dns_pool *p);
/* Sends a DNS message once; DNS_TRY_MSECS for an answer, TCP from the start or
 * where it comes truncated. *out is set before anything else happens. False when all channels
 * or this server's are busy: nothing was sent, try again soon. */
bool		 dns_pool_send(struct dns_pool *p,
		    const struct dns_server *server, bool tcp,
		    const unsigned char *message, size_t n, dns_landed *landed,
		    void *arg, struct dns_flight **out);
/* landed will not be called. NULL is fine. */
void		 dns_flight_abandon(struct dns_flight *f);

/* The servers of "IP[:port],..." or, where text is "", of /etc/resolv.conf;
 * at most max, at least one. */
struct err	*dns_servers_read(const char *text, struct dns_server *out,
		    size_t max, size_t *n);

#endif
