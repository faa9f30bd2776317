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

static const struct fs_owner secret = { 0600, (gid_t)-1 };

/* What the journal is to say about a lineage that exists, and is whole. Mode and
 * group of the new key are those of the old one, as with certbot. */
static struct err *
decide_next(struct store *s, const struct lineage *l, struct journal *j)
{
	struct err *e;

	if ((e = store_may_renew(s, l)) != NULL ||
	    (e = component(j->archive, "%s", l->archive)) != NULL)
		return e;
	j->version = l->highest + 1;
	j->key.mode = 0600 | (l->key_mode & KEY_MODE_MASK);
	j->key.gid = l->key_gid;
	j->conf_mode = l->conf_mode;
	return NULL;
}

/* The same about one that does not. */
static struct err *
decide_first(struct store *s, const char *name, struct journal *j)
{
	struct err *e;

	if ((e = store_may_create(s, name)) != NULL ||
	    (e = component(j->archive, "%s", name)) != NULL)
		return e;
	j->is_new = true;
	j->version = 1;
	j->key.mode = s->gid == (gid_t)-1 ? 0600 : 0640;
	j->key.gid = s->gid;
	j->conf_mode = 0644;
	return NULL;
}

/* renewal/NAME.conf as it shall be. conf is what there is, or NULL. */
static struct err *
stage_conf(struct store *s, const struct store_install *in,
    const struct journal *j, struct ini *conf, struct fs_later *later)
{
	struct buf *text = buf_new(CONF_MAX_BYTES);
	struct err *e;

	if (text == NULL)
		return err_sys("renewal file");
	if ((e = conf_render(
		 s, j->lineage, j->archive, conf, in->renewal, text)) == NULL)
		e = fs_write_later(j->stage, JOURNAL_CONF, secret,
		    buf_data(text), buf_len(text), later);
	buf_free(text);
	return err_wrap(e, "renewal/%s.conf", j->lineage);
}

/* Everything that the installation needs, and the journal without its name. */
static struct err *
decide(struct store *s, const struct store_install *in, struct journal *j,
    struct fs_later *later)
{
	struct lineage *l = NULL;
	struct err *e;

	if (in->is_new)
		e = decide_first(s, in->lineage, j);
	else if ((e = lineage_load(s, in->lineage, &l)) == NULL)
		e = decide_next(s, l, j);
	if (e == NULL &&
	    (e = fs_write_later(j->stage, "cert.pem", secret, in->cert,
		 in->cert_bytes, later)) == NULL &&
	    (e = fs_write_later(j->stage, "chain.pem", secret, in->chain,
		 in->chain_bytes, later)) == NULL &&
	    (e = stage_conf(s, in, j, l == NULL ? NULL : l->conf, later)) ==
		NULL)
		e = journal_write(j, later);
	lineage_free(l);
	return e;
}

/* Undoes what an earlier try at the same job left half-done. */
static struct err *
undo_earlier(struct store *s, uint32_t job)
{
	struct journal j;
	struct err *e = journal_read(s, job, JOURNAL_FILE, &j);

	if (err_errno(e) == ENOENT) {
		err_free(e);
		return NULL;
	}
	if (e == NULL)
		e = commit_undo(s, &j);
	journal_close(&j);
	return e;
}

static struct err *
prepare(struct store *s, const struct store_install *in, struct journal *j,
    struct fs_later *later)
{
	struct err *e;
	int key;

	if (s->lock == -1)
		return err_new("the store is not locked");
	if (in->cert_bytes == 0 || in->chain_bytes == 0)
		return err_new("a certificate or its chain is missing");
	if ((e = component(j->lineage, "%s", in->lineage)) != NULL ||
	    (e = store_stage_reopen(s, in->job, &key)) != NULL)
		return e;
	close(key);
	if ((e = store_stage_sync(s, in->job, later)) != NULL ||
	    (e = undo_earlier(s, in->job)) != NULL ||
	    (e = stage_open(s, in->job, &j->stage)) != NULL)
		return e;
	return decide(s, in, j, later);
}

/* What is half-done of those that have failed is undone. */
static void
end(struct store *s, struct store_install *in, struct journal *j,
    struct commit *c)
{
	struct err *undo;

	if (c->error != NULL && c->is_decided &&
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
		r->journals[i].stage = -1;
		r->commits[i].journal = &r->journals[i];
		r->commits[i].error = prepare(s, &list[i], &r->journals[i],
		    &r->commits[i].later);
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
		end(r->s, &list[i], &r->journals[i], &r->commits[i]);
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
