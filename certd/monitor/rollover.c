/*
 * rollover.c - another key for an account.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    acmew's word which of two keys the CA knows. Assume acmew is
 *           hostile.
 * Promise:  both keys are on disk before the CA hears of the new one, and stay
 *           there whatever acmew says; a change that was interrupted at any
 *           point is taken up by the next job that needs the account.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "registration_priv.h"

void
rollover_forget(struct registration *r)
{
	struct msg m = { .type = MSG_key_drop };

	r->is_unsure = false;
	free(r->next_id);
	r->next_id = NULL;
	if (r->next_key == 0)
		return;
	m.key_drop.key = r->next_key;
	r->next_key = 0;
	log_err(LOG_LEVEL_ERROR, peer_tell(r->m->signer, &m));
}

/* ---- what an interrupted change has left ---- */

static void
on_left(void *arg, const struct msg *answer, struct err *e)
{
	struct registration *r = arg;

	if (e == NULL && (r->next_id = str_dup(answer->key_ready.id)) == NULL)
		e = err_sys("account");
	r->is_unsure = e == NULL;
	if (e != NULL) {
		/* The CA can only know a key that was on disk whole. */
		log_err(LOG_LEVEL_WARN, err_wrap(e, "the next key of account "
		    "%s is left alone", r->id));
		r->next_key = 0;
	} else {
		log_warn("account %s: a change of its key was interrupted; the "
		    "CA is asked which one it knows", r->id);
	}
	registration_loaded(r, NULL);
}

struct err *
rollover_load(struct registration *r)
{
	struct msg m = { .type = MSG_account_load };
	struct err *e;

	r->next_key = ++r->m->last_key;
	m.account_load.key = r->next_key;
	e = peer_ask(r->m->signer, &m, r->next_fd, MSG_key_ready, on_left, r);
	close(r->next_fd);
	r->next_fd = -1;
	if (e != NULL)
		r->next_key = 0;
	return e;
}

/* Renewal files that name the account by its id of before, then the link that
 * stands for it. What cannot be done now is done by the next job: until then
 * the link serves. */
static void
rename_everywhere(struct registration *r, const char *old, const char *new)
{
	struct err *e = store_lock(r->m->store);

	if (e == NULL) {
		e = store_account_renamed(r->m->store, r->server, old, new);
		store_unlock(r->m->store);
	}
	if (e == NULL)
		e = account_unlink(r->m->store, r->server, old);
	log_err(LOG_LEVEL_WARN, err_wrap(e, "account %s, formerly %s", new,
	    old));
}

struct err *
rollover_rename(struct registration *r, struct str id)
{
	char *new, *old = r->id;
	struct err *e;

	if (str_is(id, old))
		return NULL;
	if ((new = str_dup(id)) == NULL)
		return err_sys("account");
	if ((e = account_rename(r->m->store, r->server, old, new)) != NULL) {
		/* It works for us under any name; certbot passes over it. */
		log_err(LOG_LEVEL_WARN, e);
		free(new);
		return NULL;
	}
	audit_certd(r->m, "", "account", "done", "%s at %s is %s now: "
	    "its key has changed", old, r->server, new);
	r->id = new;
	rename_everywhere(r, old, new);
	free(old);
	return NULL;
}

/* ---- a change ---- */

static void
on_next(void *arg, const struct msg *answer, struct err *e)
{
	struct job *j = arg;
	struct registration *r = j->account;

	if (e == NULL && (r->next_id = str_dup(answer->key_ready.id)) == NULL)
		e = err_sys("account");
	if (e == NULL)
		e = account_next_sync(r->m->store, r->server, r->id);
	if (e == NULL)
		audit_certd(r->m, "", "account", "done", "%s at %s: next key "
		    "made", r->id, r->server);
	job_release(j);
	job_step_done(j, err_wrap(e, "make the next key"));
}

/* The next key, on disk before the CA hears of it. One that an interrupted
 * change has left is looked into first, and else used now. */
struct err *
rollover_prepare(struct job *j)
{
	struct registration *r = j->account;
	struct msg m = { .type = MSG_account_make };
	struct err *e;
	bool is_new;
	int fd;

	if (j->kind != KIND_rollover || r->next_key != 0) {
		job_step_done(j, NULL);
		return NULL;
	}
	if ((e = account_next(r->m->store, r->server, r->id, &fd, &is_new)) !=
	    NULL)
		return e;
	r->next_key = ++r->m->last_key;
	m.account_make.key = r->next_key;
	if (!is_new) {
		m.type = MSG_account_load;
		m.account_load.key = r->next_key;
	}
	job_hold(j);
	if ((e = peer_ask(r->m->signer, &m, fd, MSG_key_ready, on_next, j)) !=
	    NULL) {
		r->next_key = 0;
		job_release(j);
	}
	close(fd);
	return e;
}

/* The next key is the account's from now on. */
static struct err *
change(struct registration *r)
{
	struct msg drop = { .type = MSG_key_drop };
	struct err *e;

	if ((e = account_next_commit(r->m->store, r->server, r->id)) != NULL)
		return e;
	drop.key_drop.key = r->key;
	r->key = r->next_key;
	r->next_key = 0;
	log_err(LOG_LEVEL_ERROR, peer_tell(r->m->signer, &drop));
	audit_certd(r->m, "", "account", "done", "%s at %s: its key has "
	    "changed", r->id, r->server);
	e = rollover_rename(r, str_of(r->next_id));
	rollover_forget(r);
	return e;
}

struct err *
registration_found(struct job *j, uint32_t id, struct str url, bool is_new)
{
	struct registration *r = j->account;
	struct err *e;

	if (r == NULL || r->next_key == 0 || r->url == NULL)
		return err_new("no change of the account's key is under way");
	if (!str_is(url, r->url))
		return err_new("the CA knows the key as that of another "
		    "account, %.*s", (int)url.n, url.p);
	r->is_unsure = false;
	if (!is_new) {
		log_info("account %s: the CA knows the key from before",
		    r->id);
		registration_answer(j, id);
		return NULL;
	}
	if (j->budget.signed_n[VERB_ROLL_OVER] +
	    j->budget.signed_n[VERB_FIND_NEW] == 0)
		return err_new("the CA cannot have told which key it knows");
	if ((e = change(r)) != NULL)
		return e;
	if (j->kind != KIND_rollover) {
		registration_answer(j, id);
		return NULL;
	}
	j->phase = JP_STORED;
	control_fact(j, "account", r->id);
	job_stored(j);
	return NULL;
}
