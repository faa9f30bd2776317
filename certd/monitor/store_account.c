/*
 * store_account.c - renewal files that name an account by its id.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    files by certbot, by people, by ourselves.
 * Promise:  a file is replaced whole or not at all; nothing in it changes but
 *           the account.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "ini.h"
#include "log.h"
#include "store_priv.h"

#define CONF_MAX_BYTES (1024 * 1024)

/* renewal/NAME.conf as l->conf says now, with the mode and owner it has. */
static struct err *
replace_conf(struct store *s, const struct lineage *l)
{
	struct buf *text = buf_new(CONF_MAX_BYTES);
	char name[COMPONENT_SIZE], new[COMPONENT_SIZE];
	struct fs_owner owner = { 0644, (gid_t)-1 };
	struct stat st;
	struct err *e;

	if (text == NULL)
		return err_sys("renewal file");
	if ((e = component(name, "%s.conf", l->name)) != NULL ||
	    (e = component(new, "%s.conf.new", l->name)) != NULL ||
	    (e = ini_write(l->conf, text)) != NULL)
		goto out;
	if (fstatat(s->renewal, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		owner = (struct fs_owner) { st.st_mode & 07777, st.st_gid };
	if ((e = fs_write(s->renewal, new, owner, buf_data(text),
	    buf_len(text))) != NULL)
		goto out;
	if (renameat(s->renewal, new, s->renewal, name) == -1)
		e = err_sys("%s", name);
	else
		e = fs_sync(s->renewal, "renewal");
out:
	buf_free(text);
	return err_wrap(e, "renewal/%s.conf", l->name);
}

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
		e = replace_conf(s, l);
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
