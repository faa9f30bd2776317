/*
 * watch.h - the name servers, as acmew sees them: who is authoritative for a
 * record, what each of them shows, and the wait until all show all of it.
 */
#ifndef WATCH_H
#define WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "dns.h"
#include "err.h"

struct watch;
struct worker;

/* ---- lookup.c: the resolver, with a memory of a minute ---- */

struct lookup;
struct lookups;

struct err	*lookups_new(struct worker *w, struct lookups **out);
void		 lookups_free(struct lookups *l);
/* As dns_ask(). Equal questions are asked once at a time, and good answers to
 * NS, SOA, A and AAAA are kept for a minute; to SOA also which zone it is that
 * the name is in. */
struct lookup	*lookup_ask(struct lookups *l, const char *name,
		    enum dns_type type, dns_done *done, void *arg);
/* NULL is fine. */
void		 lookup_cancel(struct lookup *l);

/* ---- doh.c: resolvers over HTTPS ---- */

#define DOH_SERVERS_MAX 8

/* A resolver that is asked over HTTPS. */
struct doh_server {
	char *url, *addresses; /* "IP,IP" */
};

struct doh_servers {
	struct doh_server list[DOH_SERVERS_MAX];
	size_t n;
};

/* As dns_ask(); NULL also where name is none. */
struct doh_query *doh_ask(struct worker *w, const struct doh_server *server,
		    const char *name, enum dns_type type, dns_done *done,
		    void *arg);
/* NULL is fine. */
void		 doh_cancel(struct doh_query *q);
/* Those of the configuration; doh_servers_clear() in every case. */
struct err	*doh_servers_read(const struct config *c,
		    struct doh_servers *out);
void		 doh_servers_clear(struct doh_servers *d);
/* The roots to trust there, PEM for the caller to free; NULL without any. */
void		 doh_trust_read(const struct config *c, char **pem, size_t *n);

/* ---- silence.c: addresses that did not answer lately ---- */

#define SILENT_MAX 64

struct silence {
	struct silent {
		char address[64];
		uint64_t until_msecs; /* 0: free */
	} list[SILENT_MAX];
	size_t next;
};

void		 silence_note(struct silence *s, const char *address);
/* It has answered. */
void		 silence_break(struct silence *s, const char *address);
bool		 silence_is_kept(struct silence *s, const char *address);

/* ---- delay.c: how long it took the last time. Pure. ---- */

/* Milliseconds after the records were published: */
struct delay {
	unsigned lacked_msecs; /* the last answer that lacked one */
	unsigned showed_msecs; /* all showed all; 0: not known */
};

void		 delay_note(struct delay *d, unsigned lacked_msecs,
		    unsigned showed_msecs);
/* How long to wait before the next look, where it would otherwise be msecs: at
 * least least_msecs, if less. */
unsigned	 delay_pause(const struct delay *d, unsigned gone_msecs,
		    unsigned msecs, unsigned least_msecs);

/* ---- alias.c: names that are aliases where the CA looks ---- */

/* That name, where the CA looks, is an alias of target ("": of none), though
 * certd publishes at record. */
struct err	*alias_err(const char *name, const char *record,
		    const char *target);

/* ---- servers.c: who is authoritative for a name ---- */

#define SERVER_NAMES_MAX     32
#define SERVER_ADDRESSES_MAX 8

struct name_server {
	char *name;
	struct dns_server addresses[SERVER_ADDRESSES_MAX];
	size_t n_addresses;
};

struct server_list {
	char *zone;
	struct name_server servers[SERVER_NAMES_MAX];
	size_t n_servers, n_delegated; /* those of the delegation come first */
	bool is_elsewhere; /* none that the provider names is in the zone's
			    * delegation */
};

struct finding;
/* list is the callee's, server_list_free(); or NULL, and e says why. */
typedef void finding_done(void *arg, struct server_list *list, struct err *e);

/* Finds the zone that name is in (from, a name at or above it, is where the
 * search begins), its name servers and, besides those, the extra ones (or only
 * those), and all their addresses. done comes once, never before this
 * returns. */
struct err	*finding_start(struct lookups *l, const char *from,
		    bool only_extra, char *const *extra, size_t n_extra,
		    finding_done *done, void *arg, struct finding **out);
/* NULL is fine. */
void		 finding_cancel(struct finding *f);
void		 server_list_free(struct server_list *list);
/* How many addresses there are in all. */
size_t		 server_list_addresses(const struct server_list *list);
/* "the zone example.com is delegated to ns1.example.net, and not to ...". */
void		 server_list_text(const struct server_list *list, char *out,
		    size_t size);

/* ---- showing.c: do the servers show all values? Pure. ---- */

enum showing {
	SHOWS_UNKNOWN, /* not asked yet */
	SHOWS_ALL,
	SHOWS_LACK,        /* an authoritative answer without one of them */
	SHOWS_MUTE,        /* an answer that is none: SERVFAIL, REFUSED ... */
	SHOWS_SILENT,      /* no answer in time */
	SHOWS_UNREACHABLE, /* no way there */
};

struct place {         /* one address of a name server */
	size_t server; /* which name server; they are numbered from 0 */
	int family;
	enum showing showing;
	unsigned streak; /* how often in a row it showed all */
};

#define STREAK_ENOUGH 2

/* What an answer to TXT shows. *missing is the first value that it lacks. */
enum showing	 showing_of(const struct dns_answer *a, char *const *values,
		    size_t n, size_t *missing);
/* Whether all of n_servers agree, at all places that can be reached. While
 * patient every name server must have an address that answers; later those
 * that answer nothing at all are left out, but never one that lacks a value. */
bool		 places_agree(const struct place *p, size_t n,
		    size_t n_servers, bool patient);
/* Whether a place counts: no address of a family that cannot be reached. */
bool		 place_counts(const struct place *p, size_t n, size_t which);

/* ---- propagation.c: waiting for the name servers ---- */

struct watch_record {
	const char *name;   /* what the CA asks for */
	const char *record; /* where it was published: the same, or the target
			     * of its alias */
	const char *value;
	char *const *servers; /* names, says the provider */
	size_t n_servers;
};

struct watch_ops {
	/* Once: all servers show all records (NULL), or why not (taken). */
	void (*done)(void *arg, struct err *e);
	/* Something changed; a text for people. */
	void (*progress)(void *arg, const char *text);
};

struct watch_terms {
	uint32_t timeout_secs, settle_secs, least_secs;
};

/* Watches the name servers of all records (copied). Nothing is called before
 * this returns. */
struct err	*watch_start(struct worker *w, const struct watch_terms *t,
		    const struct watch_record *records, size_t n,
		    const struct watch_ops *ops, void *arg, struct watch **out);
/* NULL is fine. */
void		 watch_free(struct watch *watch);

#endif
