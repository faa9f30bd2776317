/*
 * registration.c - accounts at CAs: found on disk, or made and registered.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    the account's URL from acmew. Assume acmew is hostile: the URL is on
 *           the origin of the job's directory, more cannot be known of it.
 * Promise:  one account a server, however many jobs start at once; the key is
 *           on disk before the CA hears of it.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "registration_priv.h"

const char *
registration_url(const struct registration *r)
{
	return r == NULL || r->url == NULL ? "" : r->url;
}

const char *
registration_id(const struct registration *r)
{
	return r == NULL || r->id == NULL ? "" : r->id;
}

const char *
registration_thumbprint(const struct registration *r)
{
	return r == NULL || r->thumbprint == NULL ? "" : r->thumbprint;
}

uint32_t
registration_key(const struct registration *r)
{
	return r == NULL ? 0 : r->key;
}

uint32_t
registration_next_key(const struct registration *r)
{
	return r == NULL ? 0 : r->next_key;
}

/* Nobody needs the key now: the signer forgets it. */
static void
unload(struct registration *r)
{
	struct msg m = { .type = MSG_key_drop };

	if (r->users > 0 || r->loading || r->saving || r->key == 0)
		return;
	m.key_drop.key = r->key;
	r->key = 0;
	account_stage_free(r->stage); /* the key is found on disk again */
	r->stage = NULL;
	log_err(LOG_LEVEL_ERROR, peer_tell(r->m->signer, &m));
	rollover_forget(r);
}

static struct registration *
find_or_add(struct monitor *m, const char *server, const char *wanted)
{
	struct registration *r;

	TAILQ_FOREACH(r, &m->registrations, link)
		if (strcmp(r->server, server) == 0 &&
		    (strcmp(r->wanted, wanted) == 0 || (r->id != NULL &&
		    strcmp(r->id, wanted) == 0)))
			return r;
	if ((r = calloc(1, sizeof(*r))) == NULL)
		return NULL;
	r->m = m;
	r->regr_fd = r->meta_fd = r->next_fd = -1;
	r->server = strdup(server);
	r->wanted = strdup(wanted);
	if (r->server == NULL || r->wanted == NULL) {
		free(r->server);
		free(r->wanted);
		free(r);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&m->registrations, r, link);
	return r;
}

/* The account that is asked for, or that the renewal file names; neither is one
 * at another server, where a dry run goes. */
static const char *
wanted_of(const struct job *j)
{
	if (j->conf_server != NULL && strcmp(j->server, j->conf_server) != 0)
		return "";
	if (j->account_wanted != NULL)
		return j->account_wanted;
	return j->files != NULL && strcmp(j->files->server, j->server) == 0 ?
	    j->files->account : "";
}

struct err *
registration_start(struct job *j)
{
	const char *wanted = wanted_of(j);
	struct registration *r;
	struct err *e;

	if (j->is_own_key) {
		job_step_done(j, NULL);
		return NULL;
	}
	if ((e = account_in_change(j)) != NULL)
		return e;
	if ((r = find_or_add(j->m, j->server, wanted)) == NULL)
		return err_sys("account");
	if (r->key == 0 && (e = registration_load(r, j)) != NULL)
		return e;
	if (registration_is_first(j->kind) && r->url != NULL)
		return err_new("there is an account at %s already", r->server);
	if (r->key == 0) { /* it does without */
		job_step_done(j, NULL);
		return NULL;
	}
	j->account = r;
	j->uses_account = true;
	r->users++;
	j->waits_for_key = r->loading;
	if (!r->loading)
		job_step_done(j, NULL);
	return NULL;
}

/* ---- the CA's side ---- */

void
registration_answer(struct job *j, uint32_t id)
{
	struct registration *r = j->account;
	struct msg m = { .id = id };

	j->asks_account = 0;
	if (r->is_unsure) {
		m.type = MSG_account_unsure;
		m.account_unsure.job = j->id;
	} else if (r->url == NULL) {
		r->registrar = j;
		m.type = MSG_account_none;
		m.account_none.job = j->id;
		m.account_none.is_bound = j->binding_fd != -1;
	} else {
		m.type = MSG_account_is;
		m.account_is.job = j->id;
		m.account_is.url = str_of(r->url);
	}
	worker_send(j, &m);
}

void
registration_ask(struct job *j, uint32_t id)
{
	struct registration *r = j->account;
	struct err *e;

	if (r == NULL && (e = revoke_with_own_key(j, id)) != NULL)
		worker_refuse(j, id, e);
	else if (r == NULL)
		return;
	else if (r->url == NULL && r->registrar != NULL && r->registrar != j)
		j->asks_account = id; /* its turn comes */
	else
		registration_answer(j, id);
}

/* The account is there, or its registrar has given up: the others go on. */
static void
next_turn(struct registration *r)
{
	struct job *j, *next;

	r->registrar = NULL;
	for (j = TAILQ_FIRST(&r->m->jobs); j != NULL; j = next) {
		next = TAILQ_NEXT(j, link);
		if (j->account == r && j->asks_account != 0 && !j->ending)
			registration_ask(j, j->asks_account);
	}
}

/* The same key makes the account anew: whatever the worker says, no key and no
 * account is lost by that. */
static struct err *
register_again(struct job *j)
{
	struct registration *r = j->account;
	struct err *e;

	if (!j->agree_tos)
		return err_advise(err_new("the CA does not know the account %s "
		    "any more, and making it anew needs your consent to the "
		    "CA's terms of service", r->url), "set agree-tos = true in "
		    "the section [acme] of certd.conf, or give --agree-tos");
	if (r->stage == NULL && (e = account_stage_again(r->m->store,
	    r->server, r->id, &r->stage)) != NULL)
		return e;
	audit_job(j, "account", "done", "the CA does not know account %s any "
	    "more: made anew with the same key", r->url);
	free(r->url);
	r->url = NULL;
	return NULL;
}

struct err *
registration_gone(struct job *j, uint32_t id)
{
	struct registration *r = j->account;
	struct err *e;

	if (j->kind == KIND_revoke && r != NULL)
		return revoke_with_own_key(j, id);
	if (j->kind != KIND_issue || j->told_gone || r->saving)
		return err_advise(err_new("the CA does not know the account %s",
		    registration_url(r)), "certctl account deactivate forgets "
		    "it here, certctl account register makes another");
	j->told_gone = true;
	j->phase = JP_START;
	if (r->url != NULL && (e = register_again(j)) != NULL)
		return e;
	registration_ask(j, id);
	return NULL;
}

static void
on_meta_saved(void *arg, const struct msg *answer, struct err *e)
{
	struct registration *r = arg;

	(void)answer;
	if (e == NULL)
		e = account_commit(r->stage, r->id);
	if (e == NULL)
		audit_certd(r->m, "", "account", "done", "%s registered: %s",
		    r->id, r->url);
	/* Without its files the account works until certd leaves, and is
	 * found again by its staged key. */
	log_err(LOG_LEVEL_ERROR, err_wrap(e, "keep account %s", r->url));
	account_stage_free(r->stage);
	r->stage = NULL;
	r->saving = false;
	if (r->maker != NULL) {
		job_release(r->maker);
		r->maker = NULL;
	}
	unload(r);
}

static void
on_regr_saved(void *arg, const struct msg *answer, struct err *e)
{
	struct registration *r = arg;
	char host[256] = "localhost";
	struct msg m = { .type = MSG_meta_save };

	(void)answer;
	(void)gethostname(host, sizeof(host) - 1);
	m.meta_save.created = (uint64_t)time(NULL);
	m.meta_save.host = str_of(host);
	if (e == NULL)
		e = peer_ask(r->m->signer, &m, r->meta_fd, MSG_saved,
		    on_meta_saved, r);
	close(r->meta_fd);
	r->meta_fd = -1;
	if (e != NULL)
		on_meta_saved(r, NULL, e);
}

struct err *
registration_made(struct job *j, struct str url)
{
	struct registration *r = j->account;
	struct msg m = { .type = MSG_regr_save };
	struct err *e;

	if (r->registrar != j || r->stage == NULL)
		return err_new("account made, but this job was not to make "
		    "one");
	if ((r->url = str_dup(url)) == NULL)
		return err_sys("account URL");
	m.regr_save.url = str_of(r->url);
	e = account_stage_files(r->stage, &r->regr_fd, &r->meta_fd);
	if (e == NULL)
		e = peer_ask(r->m->signer, &m, r->regr_fd, MSG_saved,
		    on_regr_saved, r);
	r->saving = e == NULL;
	if (e == NULL) { /* it ends when the files are there */
		job_hold(j);
		r->maker = j;
	}
	if (r->regr_fd != -1)
		close(r->regr_fd);
	r->regr_fd = -1;
	next_turn(r);
	return e;
}

void
registration_pause(struct job *j)
{
	j->asks_account = 0;
	if (j->account != NULL && j->account->registrar == j)
		next_turn(j->account);
}

void
registration_drop(struct job *j)
{
	struct registration *r = j->account;

	if (r == NULL || !j->uses_account)
		return;
	j->uses_account = false;
	if (r->registrar == j)
		next_turn(r);
	r->users--;
	unload(r);
}

void
registrations_free(struct monitor *m)
{
	struct registration *r;

	while ((r = TAILQ_FIRST(&m->registrations)) != NULL) {
		TAILQ_REMOVE(&m->registrations, r, link);
		account_stage_free(r->stage);
		if (r->regr_fd != -1)
			close(r->regr_fd);
		if (r->meta_fd != -1)
			close(r->meta_fd);
		if (r->next_fd != -1)
			close(r->next_fd);
		free(r->next_id);
		free(r->thumbprint);
		free(r->server);
		free(r->wanted);
		free(r->id);
		free(r->url);
		free(r);
	}
}
