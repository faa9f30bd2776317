/*
 * propagation.h - shared by propagation.c (a job's records), watched.c (one record
 * name), spots.c (the addresses that are asked for it) and complaint.c (what is
 * said when they do not show it); nobody else includes it.
 */
#ifndef PROPAGATION_H
#define PROPAGATION_H

#include "acmew.h"

#define ALIASES_MAX	  10
#define WATCH_FIRST_MSECS 250
#define WATCH_AGAIN_MSECS 20 /* once it has shown all; another of those that
			      * share its address may not */
#define WATCH_LEAST_MSECS 50 /* about when it is expected to show them */
#define WATCH_MAX_MSECS	  2000
#define WATCH_RETRY_MSECS 2000 /* of the search for name servers */
#define WATCH_DOH_MSECS	  5000
/* Resolvers over HTTPS have answered by then, if they ever do. */
#define WATCH_DOH_CHANCE_SECS 15
/* For servers that do not answer; never more than half of the time-out. */
#define WATCH_PATIENCE_SECS 60

struct watched;

/* One address of one name server, asked again and again. */
struct spot {
	struct watched *of;
	size_t which; /* of places and spots */
	const struct dns_server *at;	/* of a name server, or NULL: */
	const struct doh_server *doh;	/* a resolver over HTTPS */
	struct dns_query *query;
	struct doh_query *doh_query;
	struct event *timer; /* until it is asked again */
	unsigned msecs;      /* the pause before that */
	size_t missing;      /* the first value that it lacks */
	bool is_referral;    /* its last answer was without authority */
	bool is_astray;      /* it leads elsewhere than to the record */
	char alias[256];     /* its last answer was an alias of this, or "" */
	char problem[256];   /* why there was no answer, or "" */
};

/* One record name, with all values that it is to have. */
struct watched {
	struct watch *watch;
	char *record;             /* as published */
	char *names[ALIASES_MAX]; /* what the CA asks for, and where aliases
				   * lead; the last is asked for */
	size_t n_names;
	char **values;
	size_t n_values;
	char **extra; /* name servers, says the provider */
	size_t n_extra;
	bool is_own_zone; /* the name itself is delegated */
	bool was_heard;   /* a name server has answered with authority */
	bool was_refused; /* somebody has answered that it cannot or will not */
	bool told_elsewhere;
	struct event *fallback; /* then over HTTPS, unless it was heard */
	struct finding *finding;
	struct event *retry;
	struct err *trouble; /* why no name servers were found */
	struct buf *port_53; /* what became of them, once others are asked */
	struct server_list *list;
	struct place *places;
	struct spot *spots;
	size_t n_spots, n_servers; /* they belong to */
	bool is_good;
};

struct watch {
	struct worker *worker;
	struct watch_terms terms;
	const struct watch_ops *ops;
	void *arg;
	struct watched *names;
	size_t n_names;
	struct event *deadline, *settled;
	struct event *unheard; /* until then somebody must have answered */
	uint64_t started_msecs, told_msecs;
	unsigned lacked_msecs, showed_msecs; /* of struct delay */
	size_t told_good, told_all;
};

/* ---- watched.c ---- */

/* Adds the value and the name servers of a record of this name. */
struct err	*watched_add(struct watched *d, const struct watch_record *r);
/* Begins to look; what happens is told by watch_changed(), watch_fail(). */
struct err	*watched_start(struct watched *d);
void		 watched_stop(struct watched *d);
/* Likewise, and nothing begins anew. */
void		 watched_end(struct watched *d);
void		 watched_clear(struct watched *d);
/* The name that is asked for now. */
const char	*watched_name(const struct watched *d);
/* The search for name servers begins anew. */
void		 watched_search_later(struct watched *d, unsigned msecs);
/* The name is an alias of target, which is watched from now on. May end the
 * watch, and with it d. */
void		 watched_follow(struct watched *d, const char *target);

/* ---- spots.c ---- */

/* All addresses of d->list, or all resolvers over HTTPS. There are no spots
 * before. */
struct err	*spots_make(struct watched *d);
struct err	*spots_make_doh(struct watched *d);
void		 spots_stop(struct watched *d);
void		 spots_free(struct watched *d);

/* ---- complaint.c ---- */

/* Whether nobody can be asked: no name server has answered at port 53, and no
 * resolver over HTTPS. */
bool		 watch_is_unheard(const struct watch *w);
/* Keeps what became of the name servers of d, before others take their place. */
void		 complaint_keep(struct watched *d);
/* What is wrong at the deadline, and what to do next. */
struct err	*complaint_err(const struct watch *w);

/* ---- propagation.c ---- */

/* A place of d has answered. May end the watch, and with it d. */
void		 watch_changed(struct watch *w);
/* The watch cannot go on. Ends it, and with it d. */
void		 watch_fail(struct watch *w, struct err *e);
/* For how long it has been watching. */
unsigned	 watch_msecs(const struct watch *w);
/* Whether servers that do not answer are still waited for. */
bool		 watch_is_patient(const struct watch *w);

#endif
