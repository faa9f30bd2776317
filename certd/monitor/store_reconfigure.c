/*
 * store_reconfigure.c - another renewal/NAME.conf for a certificate that stays
 * as it is.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    options that an administrator has given.
 * Promise:  the file is the old one or the new one, whole, at every instant;
 *           comments and what we do not know in it survive.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "buf.h"
#include "store_priv.h"

#define CONF_MAX_BYTES (1024 * 1024)

/* Writes text beside the file and puts it in its place, with its mode. */
static struct err *
replace_conf(struct store *s, const char *name, const struct buf *text)
{
	char final[COMPONENT_SIZE], new[COMPONENT_SIZE];
	struct fs_owner owner = { 0644, (gid_t)-1 };
	struct stat st;
	struct err *e;

	if ((e = component(final, "%s.conf", name)) != NULL ||
	    (e = component(new, "%s.conf.new", name)) != NULL)
		return e;
	if (fstatat(s->renewal, final, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return err_sys("%s", final);
	owner.mode = st.st_mode & 07777;
	owner.gid = st.st_gid;
	if ((e = fs_write(s->renewal, new, owner, buf_data(text),
		 buf_len(text))) == NULL &&
	    renameat(s->renewal, new, s->renewal, final) == -1)
		e = err_sys("%s", final);
	if (e != NULL) {
		err_free(fs_unlink(s->renewal, new));
		return e;
	}
	return fs_sync(s->renewal, "renewal");
}

struct err *
store_reconfigure(
    struct store *s, const char *name, const struct renewal *renewal)
{
	struct buf *text = buf_new(CONF_MAX_BYTES);
	struct lineage *l = NULL;
	struct err *e;

	if (text == NULL)
		return err_sys("renewal file");
	if (s->lock == -1)
		e = err_new("the store is not locked");
	else if ((e = lineage_load(s, name, &l)) == NULL && l->conf == NULL)
		e = err_new("%s", l->problem);
	if (e == NULL && (e = conf_render(s, name, l->archive, l->conf, renewal,
			      text)) == NULL)
		e = replace_conf(s, name, text);
	lineage_free(l);
	buf_free(text);
	return err_wrap(e, "renewal/%s.conf", name);
}
