/*
 * account.h - certbot's tree of ACME accounts: accounts/HOST[:PORT]/PATH/ID/.
 * Descriptors only: what is in the files is the signer's business.
 */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include <stdbool.h>

#include "err.h"

struct store;
struct account_stage;

/* An account that the CA knows. */
struct account {
	char *id;    /* the directory's name */
	int key_fd;  /* private_key.json, for account_load */
	int regr_fd; /* regr.json, for regr_load */
};

/* The account at server (a directory URL) named wanted; where wanted is "" the
 * only one, or of several the one made last (logged). certbot's links into the
 * tree of its old servers are followed. *out is NULL where there is none, or it
 * has lost its regr.json. Where wanted is named and not there, it is an
 * error. */
struct err	*account_find(struct store *s, const char *server,
		    const char *wanted, struct account **out);
/* Closes the descriptors. NULL is fine. */
void		 account_free(struct account *a);

/* A key for a new account at server, or that of an account (wanted, or any for
 * "") that has a key and no regr.json, or an empty one. *fd (the caller's) is
 * its file: where *is_new it is empty, 0400 and open for reading and writing
 * (account_make); otherwise it holds the key of a registration that a crash
 * interrupted and is open for reading (account_load): newAccount with that key
 * finds the account or makes it. There is one stage a server: a second call
 * before the first one was committed or dropped meets the same key. On error
 * *fd is -1. */
struct err	*account_stage(struct store *s, const char *server,
		    const char *wanted, struct account_stage **out, int *fd,
		    bool *is_new);
/* Forces the key to the disk: before the CA hears of it. */
struct err	*account_stage_sync(struct account_stage *stage);
/* Creates what account_commit() makes regr.json and meta.json (0644), empty, for
 * the signer to write: regr_save, meta_save. On error both are -1. */
struct err	*account_stage_files(struct account_stage *stage, int *regr_fd,
		    int *meta_fd);
/* The account is registered: forces all three files to the disk and gives the
 * directory its name, the id of key_ready. From then on account_find() finds
 * it. */
struct err	*account_commit(struct account_stage *stage, const char *id);
/* Forgets the stage; its files stay on disk for the next try. NULL is fine. */
void		 account_stage_free(struct account_stage *stage);
/* Removes the files of a new account too: the CA has refused it. Frees the
 * stage. */
void		 account_stage_drop(struct account_stage *stage);

#endif
