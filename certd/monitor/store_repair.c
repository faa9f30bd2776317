/*
 * store_repair.c - live/NAME and renewal/NAME.conf are made again from what the
 * archive holds.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    what a full disk, cp -rL, an editor or a half-done certbot left.
 * Promise:  nothing is lost: what is in the way gets another name. Broken off
 *           anywhere, it can be done again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "ini.h"
#include "store_priv.h"

#define CONF_MAX_BYTES (1024 * 1024)
#define ASIDE_MAX      99 /* NAME.conf.broken, NAME.conf.broken-1 ... */
#define KEY_MODE_MASK  074

/* A repair under way. */
struct work {
	struct store *s;
	const struct lineage *l;
	const struct repair *r;
	struct store_names *steps;
	unsigned version; /* that live/ is to show */
};

/* Gives what is in the way a name that nothing has. */
static struct err *
move_aside(int dir, const char *name, const char *suffix)
{
	char new[COMPONENT_SIZE];
	struct err *e;
	unsigned i;

	for (i = 0; i <= ASIDE_MAX; i++) {
		e = i == 0 ? component(new, "%s%s", name, suffix)
			   : component(new, "%s%s-%u", name, suffix, i);
		if (e != NULL)
			return e;
		if (renameat2(dir, name, dir, new, RENAME_NOREPLACE) == 0 ||
		    errno == ENOENT)
			return NULL;
		if (errno != EEXIST)
			return err_sys("move %s aside", name);
	}
	return err_new("%s: too many files of earlier repairs", new);
}

/* ---- the archive ---- */

/* The mode of a key that is imported: as it was, as far as certbot would. */
static struct err *
owner_of(int fd, enum pem_kind kind, struct fs_owner *out)
{
	struct stat st;

	*out = (struct fs_owner){ 0644, (gid_t)-1 };
	if (kind != PEM_PRIVKEY)
		return NULL;
	if (fstat(fd, &st) == -1)
		return err_sys("the key");
	out->mode = 0600 | (st.st_mode & KEY_MODE_MASK);
	out->gid = st.st_gid;
	return NULL;
}

static struct err *
import_file(const struct work *w, int archive, enum pem_kind kind)
{
	char name[COMPONENT_SIZE];
	struct fs_owner owner;
	struct err *e;
	int fd;

	if ((e = component(
		 name, "%s%u.pem", pem_kind_words[kind], w->version)) != NULL ||
	    (e = lineage_open_version(w->s, w->l, kind, VERSION_LIVE, &fd)) !=
		NULL)
		return e;
	if ((e = owner_of(fd, kind, &owner)) == NULL)
		e = fs_copy(archive, name, owner, &fd, 1);
	close(fd);
	return e;
}

/* The files that lie in live/NAME become a version; the key comes last. */
static struct err *
import(const struct work *w)
{
	static const enum pem_kind order[] = { PEM_CERT, PEM_CHAIN,
		PEM_FULLCHAIN, PEM_PRIVKEY };
	const struct fs_owner owner = { 0755, (gid_t)-1 };
	struct err *e;
	int archive;
	size_t i;

	if ((e = fs_names_say(w->steps,
		 "copy the files in live/%s into archive/%s, as "
		 "version %u",
		 w->l->name, w->l->archive, w->version)) != NULL ||
	    w->r->plan_only)
		return e;
	if ((e = fs_make_dir(
		 w->s->archive, w->l->archive, owner, &archive, NULL)) != NULL)
		return e;
	for (i = 0; e == NULL && i < PEM_N; i++)
		e = import_file(w, archive, order[i]);
	if (e == NULL)
		e = fs_sync(archive, w->l->archive);
	close(archive);
	return err_wrap(e, "archive/%s", w->l->archive);
}

/* ---- live/NAME ---- */

static bool
is_dir(int parent, const char *name)
{
	struct stat st;

	return fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

static struct err *
rebuild_live(const struct work *w)
{
	const char *name = w->l->name;
	struct store *s = w->s;
	struct err *e;

	if (fs_exists(s->live, name) && !is_dir(s->live, name)) {
		if ((e = fs_names_say(w->steps,
			 "rename live/%s, which is no directory, to "
			 "%s.replaced",
			 name, name)) != NULL)
			return e;
		if (!w->r->plan_only &&
		    (e = move_aside(s->live, name, ".replaced")) != NULL)
			return e;
	}
	if ((e = fs_names_say(w->steps, "make live/%s show version %u", name,
		 w->version)) != NULL ||
	    w->r->plan_only)
		return e;
	return live_show(s, name, w->l->archive, w->version);
}

/* ---- renewal/NAME.conf ---- */

/* Writes one that says all that renewal needs. */
static struct err *
write_conf(const struct work *w, struct ini *conf)
{
	const struct fs_owner owner = { 0644, (gid_t)-1 };
	struct buf *text = buf_new(CONF_MAX_BYTES);
	char name[COMPONENT_SIZE], new[COMPONENT_SIZE];
	struct err *e;

	if (text == NULL)
		return err_sys("renewal file");
	if ((e = conf_complete(w->s, w->l->name, w->l->archive, conf,
		 w->r->renewal)) == NULL &&
	    (e = ini_write(conf, text)) == NULL &&
	    (e = component(name, "%s.conf", w->l->name)) == NULL &&
	    (e = component(new, "%s.conf.new", w->l->name)) == NULL &&
	    (e = fs_write(w->s->renewal, new, owner, buf_data(text),
		 buf_len(text))) == NULL) {
		if (renameat(w->s->renewal, new, w->s->renewal, name) == -1)
			e = err_sys("%s", name);
		else
			e = fs_sync(w->s->renewal, "renewal");
	}
	buf_free(text);
	return e;
}

/* There is none, or none that can be read. */
static struct err *
new_conf(const struct work *w)
{
	const struct renewal *r = w->r->renewal;
	char name[COMPONENT_SIZE];
	struct ini *conf;
	struct err *e;

	if ((e = component(name, "%s.conf", w->l->name)) != NULL)
		return e;
	if (fs_exists(w->s->renewal, name)) {
		if ((e = fs_names_say(w->steps,
			 "rename renewal/%s to %s.broken; options that are "
			 "only in it, hooks above all, are for you to take "
			 "over",
			 name, name)) != NULL)
			return e;
		if (!w->r->plan_only &&
		    (e = move_aside(w->s->renewal, name, ".broken")) != NULL)
			return e;
	}
	if ((e = fs_names_say(w->steps, "write renewal/%s: %s at %s%s%s", name,
		 r->authenticator, r->server,
		 *r->account == '\0' ? "" : " with account ", r->account)) !=
		NULL ||
	    w->r->plan_only)
		return e;
	if ((conf = ini_new()) == NULL)
		return err_sys("renewal file");
	e = write_conf(w, conf);
	ini_free(conf);
	return e;
}

static struct err *
rebuild_conf(const struct work *w)
{
	struct err *e;

	if (w->l->conf == NULL)
		return new_conf(w);
	if ((e = fs_names_say(w->steps,
		 "write into renewal/%s.conf what it lacks, and its "
		 "paths; the rest stays",
		 w->l->name)) != NULL ||
	    w->r->plan_only)
		return e;
	if ((e = conf_complete(w->s, w->l->name, w->l->archive, w->l->conf,
		 w->r->renewal)) != NULL)
		return e;
	return conf_replace(w->s, w->l);
}

static struct err *
repair(struct work *w)
{
	struct err *e = NULL;
	bool imports = w->r->version == VERSION_LIVE;

	if (!w->r->plan_only && w->s->lock == -1)
		return err_new("the store is not locked");
	if ((e = stage_check_idle(w->s, w->l->name)) != NULL)
		return e;
	w->version = imports ? w->l->highest + 1 : w->r->version;
	if (imports)
		e = import(w);
	if (e == NULL && ((w->l->broken & BROKEN_LIVE) != 0 || imports ||
			     w->version != w->l->current))
		e = rebuild_live(w);
	if (e == NULL && (w->l->broken & BROKEN_CONF) != 0)
		e = rebuild_conf(w);
	return e;
}

struct err *
store_repair(struct store *s, const struct lineage *l, const struct repair *r,
    struct store_names *steps)
{
	struct work w = { s, l, r, steps, 0 };

	*steps = (struct store_names){ 0 };
	return err_wrap(repair(&w), "repair %s", l->name);
}
