/* registration_priv.h - what registration.c and rollover.c share. */
#ifndef REGISTRATION_PRIV_H
#define REGISTRATION_PRIV_H

#include "monitor.h"

/* An account, from the first job that needs it until certd leaves. Its key is
 * in the signer while jobs use it. */
struct registration {
	TAILQ_ENTRY(registration) link;
	struct monitor *m;
	char *server, *wanted, *id, *url, *thumbprint;
	uint32_t key;		/* the signer's number; 0: not loaded */
	uint32_t next_key;	/* the one that is to follow it; 0: none */
	char *next_id;		/* the account's id with that */
	bool is_unsure;		/* which of the two the CA knows */
	size_t users;
	bool loading, saving;
	struct account_stage *stage; /* of a new one, until it is committed */
	int regr_fd, meta_fd, next_fd;
	struct job *registrar;	/* the job whose worker makes the account */
	struct job *maker;	/* the one that has made it, until it is saved */
};

/* ---- registration_load.c ---- */
/* Loads the account, or makes a key for one, as the kind of the job needs;
 * r->key stays 0 where there is none and the job does without. Ends with
 * registration_loaded(). */
struct err	*registration_load(struct registration *r,
		    const struct job *j);
/* Whether a job of this kind is there to make the first account. */
bool		 registration_is_first(enum job_kind kind);
/* The key is in the signer, or cannot be had (e, taken): jobs go on. */
void		 registration_loaded(struct registration *r, struct err *e);
/* Answers the worker's question (request id) for the account. */
void		 registration_answer(struct job *j, uint32_t id);

/* ---- rollover.c ---- */
/* Loads the key that an interrupted change has left (r->next_fd); ends with
 * registration_loaded(). */
struct err	*rollover_load(struct registration *r);
/* The account's directory gets the name that goes with its key, where an
 * interrupted change has left it with another. */
struct err	*rollover_rename(struct registration *r, struct str id);
/* The next key leaves the signer, and stays on disk. */
void		 rollover_forget(struct registration *r);

#endif
