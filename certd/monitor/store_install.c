/*
 * store_install.c - a new version of a certificate: decided, then carried out.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    a chain that the signer has checked and encoded, a key that only
 *           the signer has read, and a tree that others write too.
 * Promise:  live/NAME is one matching set at every instant; a failure leaves
 *           what was there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "ini.h"
#include "log.h"
#include "store_priv.h"

#define CONF_MAX_BYTES (1024 * 1024)
#define KEY_MODE_MASK  074 /* what certbot takes over from the old key */

/* What is to be built. */
struct plan {
	struct lineage *l; /* NULL: it is the first version */
	struct contents contents;
	mode_t conf_mode;
};

/* What the journal is to say about a lineage that exists, and is whole. Mode and
 * group of the new key are those of the old one, as with certbot. */
static struct err *
plan_next(struct store *s, struct commit *c, struct plan *p)
{
	const struct lineage *l = p->l;
	struct journal *j = c->journal;
	struct err *e;

	if ((e = store_may_renew(s, l)) != NULL ||
	    (e = component(j->archive, "%s", l->archive)) != NULL)
		return e;
	j->version = l->highest + 1;
	p->contents.key_owner.mode = 0600 | (l->key_mode & KEY_MODE_MASK);
	p->contents.key_owner.gid = l->key_gid;
	p->conf_mode = l->conf_mode;
	c->shown = l->current;
	c->has_old = l->lowest < versions_oldest(j->version);
	return NULL;
}

/* The same about one that does not. */
static struct err *
plan_first(struct store *s, struct commit *c, struct plan *p)
{
	struct journal *j = c->journal;
	struct err *e;

	if ((e = store_may_create(s, j->lineage)) != NULL ||
	    (e = component(j->archive, "%s", j->lineage)) != NULL)
		return e;
	j->is_new = true;
	j->version = 1;
	p->contents.key_owner.mode = s->gid == (gid_t)-1 ? 0600 : 0640;
	p->contents.key_owner.gid = s->gid;
	p->conf_mode = 0644;
	return NULL;
}

/* Whether renewal/NAME.conf says this already, as at most renewals. */
static struct err *
compare_conf(struct store *s, const char *name, const struct buf *text,
    bool *is_same)
{
	struct buf *old = buf_new(CONF_MAX_BYTES);
	char conf[COMPONENT_SIZE];
	struct err *e;
	int fd = -1;

	if (old == NULL)
		return err_sys("renewal file");
	if ((e = component(conf, "%s.conf", name)) == NULL &&
	    (e = fs_open_file(s->renewal, conf, &fd)) == NULL)
		e = buf_add_file(old, fd);
	*is_same = e == NULL && buf_len(old) == buf_len(text) &&
		   memcmp(buf_data(old), buf_data(text), buf_len(text)) == 0;
	if (fd != -1)
		close(fd);
	buf_free(old);
	return e;
}

/* renewal/NAME.conf.new: the file as it shall be, where it is not so. */
static struct err *
build_conf(struct store *s, const struct store_install *in, struct commit *c,
    const struct plan *p)
{
	const struct fs_owner owner = { p->conf_mode, (gid_t)-1 };
	const struct journal *j = c->journal;
	struct buf *text = buf_new(CONF_MAX_BYTES);
	char name[COMPONENT_SIZE];
	bool is_same = false;
	struct err *e;

	if (text == NULL)
		return err_sys("renewal file");
	if ((e = component(name, "%s.conf.new", j->lineage)) == NULL)
		e = conf_render(s, j->lineage, j->archive,
		    p->l == NULL ? NULL : p->l->conf, in->renewal, text);
	if (e == NULL && p->l != NULL)
		e = compare_conf(s, j->lineage, text, &is_same);
	if (e == NULL && is_same)
		e = fs_unlink(s->renewal, name);
	else if (e == NULL &&
		 (e = fs_write_later(s->renewal, name, owner, buf_data(text),
		      buf_len(text), &c->later)) == NULL)
		e = fs_sync_later(s->renewal, "renewal", &c->later);
	c->has_conf = !is_same;
	buf_free(text);
	return err_wrap(e, "renewal/%s.conf", j->lineage);
}

/* All that the journal speaks of, beside its place, and the journal without its
 * name. */
static struct err *
build(struct store *s, const struct store_install *in, struct commit *c,
    const struct plan *p)
{
	struct journal *j = c->journal;
	struct err *e;

	c->is_built = true;
	archive_announce(j, &p->contents);
	if ((e = archive_build(s, j, &p->contents, &c->later)) != NULL ||
	    (e = build_conf(s, in, c, p)) != NULL ||
	    (e = live_build(
		 s, j->lineage, j->archive, j->version, &c->later)) != NULL)
		return e;
	return journal_write(s, j, &c->later);
}

/* Undoes what an earlier try at the same job left half-done. */
static struct err *
undo_earlier(struct store *s, uint32_t job)
{
	struct journal j;
	struct err *e = journal_read(s, job, STAGED_JOURNAL, &j);

	if (e == NULL)
		e = commit_undo(s, &j);
	journal_close(&j);
	return e;
}

/* The staged key, which goes to the disk with all the rest. */
static struct err *
open_key(struct store *s, uint32_t job, int *fd, struct fs_later *later)
{
	struct err *e;

	if ((e = store_stage_reopen(s, job, fd)) != NULL ||
	    (e = fs_later_take_file(later, *fd)) != NULL)
		return e;
	return fs_sync_later(s->stage, ".certd", later);
}

static struct err *
prepare(struct store *s, const struct store_install *in, struct commit *c)
{
	struct plan p = { .contents = { .cert = in->cert, .chain = in->chain,
				.cert_bytes = in->cert_bytes,
				.chain_bytes = in->chain_bytes } };
	struct journal *j = c->journal;
	struct err *e;

	if (s->lock == -1)
		return err_new("the store is not locked");
	if (in->cert_bytes == 0 || in->chain_bytes == 0)
		return err_new("a certificate or its chain is missing");
	if ((e = component(j->lineage, "%s", in->lineage)) != NULL ||
	    (stage_has(s, in->job, STAGED_JOURNAL) &&
		(e = undo_earlier(s, in->job)) != NULL) ||
	    (e = open_key(s, in->job, &p.contents.key, &c->later)) != NULL)
		return e;
	if (in->is_new)
		e = plan_first(s, c, &p);
	else if ((e = lineage_load(s, in->lineage, &p.l)) == NULL)
		e = plan_next(s, c, &p);
	if (e == NULL)
		e = build(s, in, c, &p);
	lineage_free(p.l);
	return e;
}

/* What is half-done of those that have failed is undone. */
static void
end(struct store *s, struct store_install *in, struct commit *c)
{
	struct journal *j = c->journal;
	struct err *undo;

	if (c->error != NULL && c->is_built &&
	    (undo = commit_undo(s, j)) != NULL)
		log_err(LOG_LEVEL_ERROR, err_wrap(undo, "undo"));
	in->version = c->error == NULL ? j->version : 0;
	in->error = err_wrap(c->error, "store certificate %s", in->lineage);
	journal_close(j);
}

struct store_run {
	struct store *s;
	size_t n, step;
	struct journal journals[COMMITS_MAX];
	struct commit commits[COMMITS_MAX];
};

struct err *
store_run_new(struct store *s, const struct store_install *list, size_t n,
    struct store_run **out)
{
	struct store_run *r = calloc(1, sizeof(*r));
	size_t i;

	*out = r;
	if (r == NULL)
		return err_sys("store certificates");
	r->s = s;
	r->n = n;
	for (i = 0; i < n; i++) {
		r->journals[i].job = list[i].job;
		r->journals[i].dir = -1;
		r->commits[i].journal = &r->journals[i];
		r->commits[i].error = prepare(s, &list[i], &r->commits[i]);
	}
	return NULL;
}

bool
store_run_step(struct store_run *r)
{
	return commit_step(r->s, r->commits, r->n, r->step++);
}

size_t
store_run_made(struct store_run *r, struct fs_later *lists[COMMITS_MAX])
{
	size_t i;

	for (i = 0; i < r->n; i++)
		lists[i] = &r->commits[i].later;
	return r->n;
}

void
store_run_forced(struct store_run *r, struct err *const *errors)
{
	commit_forced(r->s, r->commits, r->n, errors);
}

void
store_run_end(struct store_run *r, struct store_install *list)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		commit_end(&r->commits[i]);
		end(r->s, &list[i], &r->commits[i]);
	}
	free(r);
}

void
store_install_all(struct store *s, struct store_install *list, size_t n)
{
	struct fs_later *lists[COMMITS_MAX];
	struct err *errors[COMMITS_MAX], *e;
	struct store_run *r;
	size_t i;

	if ((e = store_run_new(s, list, n, &r)) != NULL) {
		for (i = 0; i < n; i++)
			list[i].error = err_copy(e);
		err_free(e);
		return;
	}
	while (store_run_step(r)) {
		fs_flush_all(lists, store_run_made(r, lists), errors);
		store_run_forced(r, errors);
	}
	store_run_end(r, list);
}

struct err *
store_install(
    struct store *s, const struct store_install *in, unsigned *version)
{
	struct store_install one = *in;

	store_install_all(s, &one, 1);
	*version = one.version;
	return one.error;
}
