/*
 * ledger.h - what certd must remember between runs, in an SQLite database:
 * jobs, challenge records in DNS, failures, and what is in the certificates.
 *
 * The store is the truth about certificates; a ledger that is lost or broken is
 * made anew. Every call outside of a transaction has its effect when it returns,
 * whatever becomes of us, or, where writes are collected, when they are committed;
 * what a power cut may undo stands in ledger.def.
 * Texts of rows given to a callback live during the callback. A text may be
 * NULL when writing (stored as ""), never when reading. Lists of names are one
 * text, separated by single spaces.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "err.h"
#include "identity.h"

struct ledger;

/* Opens dir/ledger.db (0600), making dir (0700) and database where missing. A
 * database that is damaged, or of a newer certd, is moved aside with a line in
 * the log. An error where another process has it open. Opens every file that
 * the ledger needs while it is open; *out is NULL on error. */
struct err	*ledger_open(const char *dir, struct ledger **out);
/* Writes everything back into one file, and notes beside it which one that is:
 * the next start need not look through all of it. NULL is fine. */
void		 ledger_close(struct ledger *l);

/* Groups the writes that follow into one, all or nothing, on disk at its end. No
 * nesting. */
struct err	*ledger_begin(struct ledger *l);
/* The same, of writes that are all lazy. */
struct err	*ledger_begin_lazy(struct ledger *l);
/* Ends the group: commits where e is NULL; otherwise undoes all of it and gives
 * e back. */
struct err	*ledger_end(struct ledger *l, struct err *e);

/* For who waits for the disk himself, after ledger_commit(): what must get there.
 * Whether something SOON has not; who sees to it says so. */
int		 ledger_file(const struct ledger *l);
bool		 ledger_is_owed(const struct ledger *l);
void		 ledger_owe(struct ledger *l, bool is_owed);

/* From now on writes that may wait are collected, to be one transaction. */
struct ledger_ops {
	/* Some are: ledger_commit() is to be called before the loop waits. */
	void (*soon)(void *arg);
	/* Something is about to be committed: what must be written before. */
	void (*before)(void *arg);
	/* All that was collected is undone: why is told by some call, too. */
	void (*undone)(void *arg, const struct err *why);
};
/* ops NULL: no longer. Commits what was collected before. */
struct err	*ledger_collect(struct ledger *l, const struct ledger_ops *ops,
		    void *arg);
/* Commits what is collected; on error it is undone. */
struct err	*ledger_commit(struct ledger *l);

/* ---- jobs: from the administrator's request to its end ---- */
struct ledger_job {
	uint32_t id;	       /* never used again, as long as the file lives */
	const char *kind;      /* "issue" ... */
	const char *lineage;
	const char *names;
	const char *options;   /* the caller's text */
	const char *account;   /* id, "" while unknown */
	const char *server;
	uint32_t phase;	       /* the caller's number */
	const char *order_url; /* "" while there is none */
	time_t created;
	uint32_t state;	       /* the caller's number */
	const char *problem;   /* the last one, or "" */
	time_t retry_at;       /* 0: none */
};
/* Adds j; j->id is set. */
struct err	*ledger_job_add(struct ledger *l, struct ledger_job *j);
/* Writes all fields of the job j->id; an error where there is none. */
struct err	*ledger_job_update(struct ledger *l,
		    const struct ledger_job *j);
/* Its records stay: they may stand in DNS. None with this id is fine. */
struct err	*ledger_job_remove(struct ledger *l, uint32_t id);
/* Calls fn for every job by id. An error of fn stops and is returned. fn may
 * add and change rows and remove its own, but not ask for the same list. */
struct err	*ledger_job_each(struct ledger *l,
		    struct err *(*fn)(void *arg, const struct ledger_job *j),
		    void *arg);

/* ---- records: what we put into DNS, or were about to ---- */
struct ledger_record {
	int64_t id;
	uint32_t job;
	const char *name;   /* "_acme-challenge.example.com" */
	const char *value;
	const char *zone;   /* the provider's, "" until completed */
	const char *number; /* likewise */
	time_t created;
};
/* To be called before the provider is asked, who has to wait for the disk
 * (disk_wait()); r->id is set. */
struct err	*ledger_record_add(struct ledger *l, struct ledger_record *r);
/* The same record of the same job goes to the provider once more: its row is
 * found, r->id is set, and where it stood before is no longer believed. */
struct err	*ledger_record_again(struct ledger *l, struct ledger_record *r,
		    bool *found);
/* The provider has it under these numbers. An error where id is unknown. */
struct err	*ledger_record_complete(struct ledger *l, int64_t id,
		    const char *zone, const char *number);
/* The provider no longer has it. None with this id is fine. */
struct err	*ledger_record_remove(struct ledger *l, int64_t id);
/* The records of job, or all where job is 0, by id; fn as above. */
struct err	*ledger_record_each(struct ledger *l, uint32_t job,
		    struct err *(*fn)(void *arg,
		    const struct ledger_record *r), void *arg);

/* ---- index: what is in the certificate of a lineage ---- */
struct ledger_index {
	const char *lineage;
	struct identity file; /* when it was looked at */
	const char *names;
	const char *serial, *issuer, *key_id, *sha256;
	uint32_t key_kind;
	time_t not_before, not_after;
};
/* Calls fn with the row of lineage where it is about this very file. *found
 * says whether there was one: otherwise the certificate has to be inspected. */
struct err	*ledger_index_get(struct ledger *l, const char *lineage,
		    const struct identity *file, bool *found,
		    struct err *(*fn)(void *arg, const struct ledger_index *x),
		    void *arg);
/* Adds the row of x->lineage or replaces it. */
struct err	*ledger_index_put(struct ledger *l,
		    const struct ledger_index *x);
/* With it go its names and what was seen of the lineage. */
struct err	*ledger_index_remove(struct ledger *l, const char *lineage);

/* ---- owed: deploy hooks that have not ended well yet ---- */
/* In place of a command: all that the certificate has. */
#define OWED_ALL ""
struct ledger_owed {
	const char *lineage;
	const char *command;
	uint32_t count;	  /* how often it failed; 0: it has not run yet */
	time_t last;
	const char *text; /* what went wrong the last time */
};
/* Adds it, with count 0; one that is there stays as it is. */
struct err	*ledger_owed_add(struct ledger *l, const char *lineage,
		    const char *command);
/* It has failed, once more. */
struct err	*ledger_owed_failed(struct ledger *l, const char *lineage,
		    const char *command, time_t when, const char *text);
/* None is fine. */
struct err	*ledger_owed_remove(struct ledger *l, const char *lineage,
		    const char *command);
struct err	*ledger_owed_clear(struct ledger *l, const char *lineage);
/* Those of lineage, or all where it is "", as they were added; fn as above. */
struct err	*ledger_owed_each(struct ledger *l, const char *lineage,
		    struct err *(*fn)(void *arg,
		    const struct ledger_owed *o), void *arg);

/* ---- revocations: what was revoked, by us ---- */
struct ledger_revocation {
	const char *serial; /* lower-case hex, as in the index */
	uint32_t reason;    /* RFC 5280 section 5.3.1 */
	time_t time;
	time_t not_after;   /* of the certificate */
};
/* Adds it or replaces it; those of certificates that have expired before
 * r->time go. Lineages that have it will be read again. */
struct err	*ledger_revocation_put(struct ledger *l,
		    const struct ledger_revocation *r);
/* Calls fn with that of the certificate; without one it does not. */
struct err	*ledger_revocation_get(struct ledger *l, const char *serial,
		    struct err *(*fn)(void *arg,
		    const struct ledger_revocation *r), void *arg);

/* The lineages whose certificates have this name, current or not. fn must not
 * use the ledger. */
struct err	*ledger_names_find(struct ledger *l, const char *name,
		    struct err *(*fn)(void *arg, const char *lineage),
		    void *arg);

/* ---- seen: lineages that need not be read again ---- */
struct ledger_seen {
	const char *lineage;
	struct identity files[SEEN_FILES]; /* when it was read */
	time_t renew_after;
};
struct err	*ledger_seen_put(struct ledger *l, const struct ledger_seen *s);
/* None is fine. */
struct err	*ledger_seen_remove(struct ledger *l, const char *lineage);
/* Changes with every change to them. */
uint64_t	 ledger_seen_changes(const struct ledger *l);
/* All rows, in bytewise order of lineage. fn must not use the ledger. */
struct err	*ledger_seen_each(struct ledger *l,
		    struct err *(*fn)(void *arg, const struct ledger_seen *s),
		    void *arg);

/* ---- issued: what a CA has issued lately, per set of names ---- */
/* names: as for failures. What is older than oldest is forgotten. */
struct err	*ledger_issued_add(struct ledger *l, const char *account,
		    const char *names, time_t when, time_t oldest);
/* How many since then, and when the last one was. */
struct err	*ledger_issued_count(struct ledger *l, const char *account,
		    const char *names, time_t since, uint32_t *n, time_t *last);

/* ---- failures: per account and set of names ---- */
struct ledger_failure {
	const char *account; /* id, or the server's URL before there is one */
	const char *names;   /* sorted, or whatever canonical text is the key */
	uint32_t count;	     /* in a row */
	time_t last;
	time_t retry_at;     /* 0: none */
	const char *text;    /* what went wrong the last time */
};
/* Calls fn with the failure of names at account; without one it does not. */
struct err	*ledger_failure_get(struct ledger *l, const char *account,
		    const char *names,
		    struct err *(*fn)(void *arg,
		    const struct ledger_failure *f), void *arg);
/* Adds it or replaces it. */
struct err	*ledger_failure_put(struct ledger *l,
		    const struct ledger_failure *f);
/* It has worked. */
struct err	*ledger_failure_clear(struct ledger *l, const char *account,
		    const char *names);
/* All, by account and names; fn as above. */
struct err	*ledger_failure_each(struct ledger *l,
		    struct err *(*fn)(void *arg,
		    const struct ledger_failure *f), void *arg);

#endif
