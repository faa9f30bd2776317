/*
 * registration_load.c - an account comes from the disk into the signer, or a new
 * one is begun.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    accounts that certbot or we have written; the signer's word about
 *           what is in them.
 * Promise:  a key of a new account is on disk before the CA hears of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "registration_priv.h"

/* The key is there, or cannot be had: the jobs that wait for it go on. */
void
registration_loaded(struct registration *r, struct err *e)
{
	struct job *j, *next;

	r->loading = false;
	for (j = TAILQ_FIRST(&r->m->jobs); j != NULL; j = next) {
		next = TAILQ_NEXT(j, link);
		if (j->account != r || !j->waits_for_key)
			continue;
		j->waits_for_key = false;
		job_step_done(j, e == NULL ? NULL :
		    err_wrap(err_new("%s", err_text(e)), "account at %s",
		    r->server));
	}
	if (e != NULL) {
		r->key = 0; /* the signer has none under this number */
		account_stage_free(r->stage);
		r->stage = NULL;
	}
	err_free(e);
}

/* ---- the key and the URL of an account come into the signer ---- */

static void
on_regr(void *arg, const struct msg *answer, struct err *e)
{
	struct registration *r = arg;

	if (e == NULL) {
		free(r->url);
		r->url = str_dup(answer->regr.url);
		if (r->url == NULL)
			e = err_sys("account URL");
	}
	if (e == NULL && r->next_fd != -1)
		e = rollover_load(r);
	else
		registration_loaded(r, err_wrap(e, "regr.json of account %s",
		    r->id));
	if (e != NULL && r->next_fd != -1)
		registration_loaded(r, e);
}

static void
on_key(void *arg, const struct msg *answer, struct err *e)
{
	struct registration *r = arg;
	struct msg m = { .type = MSG_regr_load };

	if (e == NULL && r->id == NULL &&
	    (r->id = str_dup(answer->key_ready.id)) == NULL)
		e = err_sys("account");
	if (e == NULL) {
		free(r->thumbprint);
		r->thumbprint = str_dup(answer->key_ready.thumbprint);
	}
	if (e == NULL && r->stage == NULL)
		e = rollover_rename(r, answer->key_ready.id);
	if (e == NULL && r->stage != NULL) {
		e = account_stage_sync(r->stage);
		audit_certd(r->m, "", "account", "done", "%s at %s: key made",
		    r->id, r->server);
		registration_loaded(r, e);
		return;
	}
	if (e == NULL)
		e = peer_ask(r->m->signer, &m, r->regr_fd, MSG_regr, on_regr,
		    r);
	if (r->regr_fd != -1)
		close(r->regr_fd);
	r->regr_fd = -1;
	if (e != NULL)
		registration_loaded(r, err_wrap(e, "account key"));
}

/* An account that is on disk. */
static struct err *
load_found(struct registration *r, struct account *a)
{
	struct msg m = { .type = MSG_account_load };
	struct err *e;

	m.account_load.key = r->key;
	if ((r->id = strdup(a->id)) == NULL)
		return err_sys("account");
	e = peer_ask(r->m->signer, &m, a->key_fd, MSG_key_ready, on_key, r);
	if (e == NULL) {
		r->regr_fd = a->regr_fd;
		r->next_fd = a->next_fd;
		a->regr_fd = a->next_fd = -1;
	}
	return e;
}

/* None yet: a new key, or the one that an interrupted registration left. */
static struct err *
load_staged(struct registration *r, bool agree_tos)
{
	struct msg m = { .type = MSG_account_make };
	bool is_new;
	struct err *e;
	int fd;

	if (!agree_tos)
		return err_advise(err_new("there is no account yet, and a new "
		    "one needs your consent to the CA's terms of service"),
		    "read them at the CA, then set agree-tos = true in the "
		    "section [acme] of certd.conf, or give --agree-tos");
	if ((e = account_stage(r->m->store, r->server, r->wanted, &r->stage, &fd,
	    &is_new)) != NULL)
		return e;
	if (is_new) {
		m.account_make.key = r->key;
	} else {
		m.type = MSG_account_load;
		m.account_load.key = r->key;
	}
	e = peer_ask(r->m->signer, &m, fd, MSG_key_ready, on_key, r);
	close(fd);
	return e;
}

/* What a kind of job does where there is no account, and where there is one. */
static const struct need {
	bool makes;  /* it makes one */
	bool spares; /* it can do without */
	bool is_first; /* there must be none */
} needs[KIND_N] = {
	[KIND_issue] = { .makes = true },
	[KIND_revoke] = { .spares = true },
	[KIND_register] = { .makes = true, .is_first = true },
};

/* There is none. */
static struct err *
load_none(struct registration *r, const struct job *j)
{
	if (needs[j->kind].makes)
		return load_staged(r, j->agree_tos);
	return err_advise(err_new("could not find an existing account for "
	    "server %s", r->server), "certctl account register makes one");
}

static struct err *
check_first(const struct registration *r, const struct account *a,
    const struct job *j)
{
	if (!needs[j->kind].is_first)
		return NULL;
	return err_advise(err_new("there is an existing account at %s, %s",
	    r->server, a->id), "certctl account show tells more; certctl "
	    "account deactivate ends it for good");
}

struct err *
registration_load(struct registration *r, const struct job *j)
{
	struct account *a = NULL;
	struct err *e;

	r->key = ++r->m->last_key;
	free(r->url); /* the files say what counts */
	free(r->id);
	r->url = r->id = NULL;
	e = account_find(r->m->store, r->server, r->wanted, &a);
	if (err_errno(e) == ENOENT && j->account_wanted == NULL) {
		/* A renewal file may name one that was given up since. */
		log_err(LOG_LEVEL_WARN, e);
		e = account_find(r->m->store, r->server, "", &a);
	}
	if (e != NULL)
		goto out;
	if (a == NULL && needs[j->kind].spares)
		r->key = 0;
	else if (a == NULL)
		e = load_none(r, j);
	else if ((e = check_first(r, a, j)) == NULL)
		e = load_found(r, a);
out:
	account_free(a);
	if (e != NULL)
		r->key = 0;
	r->loading = r->key != 0;
	return err_wrap(e, "account at %s", r->server);
}

bool
registration_is_first(enum job_kind kind)
{
	return needs[kind].is_first;
}
