/*
 * store_account.c - renewal files that name an account by its id.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    files by certbot, by people, by ourselves.
 * Promise:  a file is replaced whole or not at all; nothing in it changes but
 *           the account.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "ini.h"
#include "log.h"
#include "store_priv.h"

static struct err *
rename_in(struct store *s, const char *name, const char *server,
    const char *id, const char *new_id)
{
	struct lineage *l;
	struct err *e;

	if ((e = lineage_load(s, name, &l)) != NULL)
		return e;
	if (l->conf != NULL && strcmp(l->account, id) == 0 &&
	    strcmp(l->server, server) == 0 &&
	    (e = ini_set(l->conf, "renewalparams", "account", new_id)) == NULL)
		e = conf_replace(s, l);
	lineage_free(l);
	return e;
}

struct err *
store_account_renamed(struct store *s, const char *server, const char *id,
    const char *new_id)
{
	struct store_names names;
	struct err *e, *first = NULL;
	size_t i;

	if ((e = store_lineages(s, &names)) != NULL)
		return e;
	for (i = 0; i < names.n; i++) {
		e = rename_in(s, names.v[i], server, id, new_id);
		if (e != NULL && first == NULL)
			first = e;
		else
			log_err(LOG_LEVEL_WARN, e);
	}
	store_names_clear(&names);
	return first;
}
