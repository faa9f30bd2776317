/* account_priv.h - what account.c and account_new.c share. */
#ifndef ACCOUNT_PRIV_H
#define ACCOUNT_PRIV_H

#include "account.h"
#include "fs.h"

#define KEY_FILE  "private_key.json"
#define REGR_FILE "regr.json"
#define META_FILE "meta.json"
/* certbot passes over what begins with a dot. */
#define NEXT_FILE   ".private_key.json.next"
#define BEFORE_FILE ".private_key.json.before"

/* A level of accounts/: a directory, or certbot's link to the tree of an older
 * server. Whoever could change where it leads could change it all, so that one
 * which others can write is an error. On error *fd is -1. */
struct err	*account_open_level(int at, const char *name, bool make,
		    int *fd);
/* accounts/HOST/PATH. err_errno() is ENOENT where it is missing and make is
 * not set. On error *fd is -1. */
struct err	*account_open_server(struct store *s, const char *server,
		    bool make, int *fd);

#endif
