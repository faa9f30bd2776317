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
	int next_fd; /* a key that is to follow it, perhaps known to the CA
		      * already; -1: none */
};

/* The account at server (a directory URL) named wanted; where wanted is "" the
 * only one (several are an error). certbot's links into the
 * tree of its old servers are followed. *out is NULL where there is none, or it
 * has lost its regr.json. Where wanted is named and not there, it is an
 * error. */
struct err	*account_find(struct store *s, const char *server,
		    const char *wanted, struct account **out);
/* Every account on disk: server is its path below accounts/ ("HOST[:PORT]/PATH"),
 * e (the callee's) why it cannot be used, or NULL. */
typedef void account_seen(void *arg, const char *server, const char *id,
    struct err *e);
void		 accounts_each(struct store *s, account_seen *fn, void *arg);
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
/* The same for an account that is there, but that the CA does not know any more:
 * newAccount with its key makes it anew, and account_commit() then replaces its
 * regr.json. */
struct err	*account_stage_again(struct store *s, const char *server,
		    const char *id, struct account_stage **out);
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
/* ---- another key for an account ---- */
/* Creates the file of the key that is to follow (0400, open for reading and
 * writing) in the account's directory; what may have been left there is reused:
 * *is_new is false then, and the file open for reading. On error *fd is -1. */
struct err	*account_next(struct store *s, const char *server,
		    const char *id, int *fd, bool *is_new);
/* Forces it to the disk: before the CA hears of it. */
struct err	*account_next_sync(struct store *s, const char *server,
		    const char *id);
/* The CA knows the next key: it becomes the account's, in one step. The one
 * from before stays beside it, because that the CA knows it no more is only
 * what a worker says. */
struct err	*account_next_commit(struct store *s, const char *server,
		    const char *id);
/* Gives the directory another name, in one step, with a link of the old name to
 * it until account_unlink(). Where the old name is such a link already, nothing
 * is done. */
struct err	*account_rename(struct store *s, const char *server,
		    const char *id, const char *new_id);
/* Removes the link that account_rename() made. */
struct err	*account_unlink(struct store *s, const char *server,
		    const char *id);
/* Removes the account's files: it has been deactivated. */
struct err	*account_remove(struct store *s, const char *server,
		    const char *id);

/* Forgets the stage; its files stay on disk for the next try. NULL is fine. */
void		 account_stage_free(struct account_stage *stage);
/* Removes the files of a new account too: the CA has refused it. Frees the
 * stage. */
void		 account_stage_drop(struct account_stage *stage);

#endif
