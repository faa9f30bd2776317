/*
 * propagation.h - shared by propagation.c (a job's records) and watched.c (one
 * record name); nobody else includes it.
 */
#ifndef PROPAGATION_H
#define PROPAGATION_H

#include "acmew.h"

#define ALIASES_MAX	  10
#define WATCH_FIRST_MSECS 250
#define WATCH_MAX_MSECS	  2000
#define WATCH_RETRY_MSECS 2000 /* of the search for name servers */
/* For servers that do not answer; never more than half of the time-out. */
#define WATCH_PATIENCE_SECS 60

struct watched;

/* One address of one name server, asked again and again. */
struct spot {
	struct watched *of;
	size_t which; /* of places and spots */
	const struct dns_server *at;
	struct dns_query *query;
	struct event *timer; /* until it is asked again */
	unsigned msecs;      /* the pause before that */
	size_t missing;      /* the first value that it lacks */
	bool is_referral;    /* its last answer was without authority */
	char problem[128];   /* why there was no answer, or "" */
};

/* One record name, with all values that it is to have. */
struct watched {
	struct watch *watch;
	char *record;             /* as published */
	char *names[ALIASES_MAX]; /* where it leads; the last is asked for */
	size_t n_names;
	char **values;
	size_t n_values;
	char **extra; /* name servers, says the provider */
	size_t n_extra;
	bool is_own_zone; /* the name itself is delegated */
	struct finding *finding;
	struct event *retry;
	struct err *trouble; /* why no name servers were found */
	struct server_list *list;
	struct place *places;
	struct spot *spots;
	size_t n_spots;
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
	uint64_t started_msecs, told_msecs;
	size_t told_good, told_all;
};

/* ---- watched.c ---- */

/* Adds the value and the name servers of a record of this name. */
struct err	*watched_add(struct watched *d, const struct watch_record *r);
/* Begins to look; what happens is told by watch_changed(), watch_fail(). */
struct err	*watched_start(struct watched *d);
void		 watched_stop(struct watched *d);
void		 watched_clear(struct watched *d);

/* ---- propagation.c ---- */

/* A place of d has answered. May end the watch, and with it d. */
void		 watch_changed(struct watch *w);
/* The watch cannot go on. Ends it, and with it d. */
void		 watch_fail(struct watch *w, struct err *e);
/* Whether servers that do not answer are still waited for. */
bool		 watch_is_patient(const struct watch *w);

#endif
