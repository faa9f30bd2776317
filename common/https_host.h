/*
 * https_host.h - the addresses of hosts, for curl. Only https*.c and tests
 * include it.
 */
#ifndef HTTPS_HOST_H
#define HTTPS_HOST_H

#include "dns.h"
#include "err.h"

struct host_book;
struct host_wait;

/* addresses: "192.0.2.1,2001:db8::1", or NULL and why there are none (owned by
 * the callee). Comes once, never before host_find() has returned. */
typedef void host_done(void *arg, const char *addresses, struct err *e);

/* Reads hosts_file ("/etc/hosts") here and now; it need not exist. */
struct err	*host_book_new(struct event_base *base, struct dns *d,
		    const char *hosts_file, struct host_book **out);
void		 host_book_free(struct host_book *b);
/* host in lower case, no address. NULL when out of memory. */
struct host_wait *host_find(struct host_book *b, const char *host,
		    host_done *done, void *arg);
/* No callback will come. NULL is fine. */
void		 host_cancel(struct host_wait *w);

/* Appends the addresses that a line of hosts(5) gives to host to out
 * ("a,b,c"), where they fit. */
void		 host_line_find(const char *line, const char *host, char *out,
		    size_t size);

#endif
