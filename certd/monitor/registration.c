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
#include "monitor.h"

/* An account, from the first job that needs it until certd leaves. Its key is
 * in the signer while jobs use it. */
struct registration {
	TAILQ_ENTRY(registration) link;
	struct monitor *m;
	char *server, *wanted, *id, *url;
	uint32_t key;		/* the signer's number; 0: not loaded */
	size_t users;
	bool loading, saving;
	struct account_stage *stage; /* of a new one, until it is committed */
	int regr_fd, meta_fd;
	struct job *registrar;	/* the job whose worker makes the account */
};

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

uint32_t
registration_key(const struct registration *r)
{
	return r->key;
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
}

/* The key is there, or cannot be had: the jobs that wait for it go on. */
static void
loaded(struct registration *r, struct err *e)
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
	loaded(r, err_wrap(e, "regr.json of account %s", r->id));
}

static void
on_key(void *arg, const struct msg *answer, struct err *e)
{
	struct registration *r = arg;
	struct msg m = { .type = MSG_regr_load };

	if (e == NULL && r->id == NULL &&
	    (r->id = str_dup(answer->key_ready.id)) == NULL)
		e = err_sys("account");
	if (e == NULL && r->stage != NULL) {
		e = account_stage_sync(r->stage);
		log_audit("account %s at %s: key made", r->id, r->server);
		loaded(r, e);
		return;
	}
	if (e == NULL)
		e = peer_ask(r->m->signer, &m, r->regr_fd, MSG_regr, on_regr,
		    r);
	if (r->regr_fd != -1)
		close(r->regr_fd);
	r->regr_fd = -1;
	if (e != NULL)
		loaded(r, err_wrap(e, "account key"));
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
		a->regr_fd = -1;
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

static struct err *
load(struct registration *r, bool agree_tos)
{
	struct account *a = NULL;
	struct err *e;

	r->key = ++r->m->last_key;
	free(r->url); /* the files say what counts */
	free(r->id);
	r->url = r->id = NULL;
	if ((e = account_find(r->m->store, r->server, r->wanted, &a)) != NULL)
		goto out;
	e = a != NULL ? load_found(r, a) : load_staged(r, agree_tos);
out:
	account_free(a);
	if (e != NULL)
		r->key = 0;
	else
		r->loading = true;
	return err_wrap(e, "account at %s", r->server);
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
	r->regr_fd = r->meta_fd = -1;
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

struct err *
registration_start(struct job *j)
{
	const char *wanted = j->files != NULL && *j->files->account != '\0' &&
	    strcmp(j->files->server, j->server) == 0 ? j->files->account : "";
	struct registration *r = find_or_add(j->m, j->server, wanted);
	struct err *e;

	if (r == NULL)
		return err_sys("account");
	if (r->key == 0 && (e = load(r, j->agree_tos)) != NULL)
		return e;
	j->account = r;
	j->uses_account = true;
	r->users++;
	j->waits_for_key = r->loading;
	if (!r->loading)
		job_step_done(j, NULL);
	return NULL;
}

/* ---- the CA's side ---- */

static void
answer_ask(struct job *j, uint32_t id)
{
	struct registration *r = j->account;
	struct msg m = { .id = id };

	j->asks_account = 0;
	if (r->url == NULL) {
		r->registrar = j;
		m.type = MSG_account_none;
		m.account_none.job = j->id;
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

	if (r->url == NULL && r->registrar != NULL && r->registrar != j)
		j->asks_account = id; /* its turn comes */
	else
		answer_ask(j, id);
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

static void
on_meta_saved(void *arg, const struct msg *answer, struct err *e)
{
	struct registration *r = arg;

	(void)answer;
	if (e == NULL)
		e = account_commit(r->stage, r->id);
	if (e == NULL)
		log_audit("account %s registered: %s", r->id, r->url);
	/* Without its files the account works until certd leaves, and is
	 * found again by its staged key. */
	log_err(LOG_LEVEL_ERROR, err_wrap(e, "keep account %s", r->url));
	account_stage_free(r->stage);
	r->stage = NULL;
	r->saving = false;
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
	if (r->regr_fd != -1)
		close(r->regr_fd);
	r->regr_fd = -1;
	next_turn(r);
	return e;
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
		free(r->server);
		free(r->wanted);
		free(r->id);
		free(r->url);
		free(r);
	}
}
