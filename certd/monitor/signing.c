/*
 * signing.c - what a verb means for a job: the question to the signer.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    wishes of acmew. Assume acmew is hostile.
 * Promise:  everything in a question but the URL and the nonce is the job's own;
 *           policy.c has let the verb, the URL and the moment through.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "monitor.h"

/* A wish that waits for the signer. */
struct asked {
	struct job *job;
	uint32_t id;
	uint32_t verb;
};

/* What a question is made of, besides what the job knows. */
struct place {
	uint32_t account;
	struct str kid, url, nonce;
	struct strs names, contacts;
};

/* ---- the questions ---- */

static void
new_account(const struct job *j, const struct place *p, struct msg *m)
{
	if (j->binding_fd != -1) {
		m->type = MSG_jws_new_account_bound;
		m->jws_new_account_bound = (struct msg_jws_new_account_bound) {
			.account = p->account, .url = p->url,
			.nonce = p->nonce, .contacts = p->contacts,
			.agree_tos = j->agree_tos,
			.binding = str_of(j->binding),
			.bits = j->binding_bits };
		return;
	}
	m->type = MSG_jws_new_account;
	m->jws_new_account = (struct msg_jws_new_account) {
		.account = p->account, .url = p->url, .nonce = p->nonce,
		.contacts = p->contacts, .agree_tos = j->agree_tos };
}

static void
new_order(const struct job *j, const struct place *p, struct msg *m)
{
	(void)j;
	m->type = MSG_jws_new_order;
	m->jws_new_order = (struct msg_jws_new_order) {
		.account = p->account, .kid = p->kid, .url = p->url,
		.nonce = p->nonce, .names = p->names };
}

static void
get(const struct job *j, const struct place *p, struct msg *m)
{
	(void)j;
	m->type = MSG_jws_get;
	m->jws_get = (struct msg_jws_get) { .account = p->account,
		.kid = p->kid, .url = p->url, .nonce = p->nonce };
}

static void
answer(const struct job *j, const struct place *p, struct msg *m)
{
	(void)j;
	m->type = MSG_jws_answer;
	m->jws_answer = (struct msg_jws_answer) { .account = p->account,
		.kid = p->kid, .url = p->url, .nonce = p->nonce };
}

static void
finalize(const struct job *j, const struct place *p, struct msg *m)
{
	m->type = MSG_jws_finalize;
	m->jws_finalize = (struct msg_jws_finalize) { .account = p->account,
		.kid = p->kid, .url = p->url, .nonce = p->nonce,
		.key = j->key, .names = p->names,
		.must_staple = j->must_staple };
}

static void
close_authorization(const struct job *j, const struct place *p, struct msg *m)
{
	(void)j;
	m->type = MSG_jws_close;
	m->jws_close = (struct msg_jws_close) { .account = p->account,
		.kid = p->kid, .url = p->url, .nonce = p->nonce };
}

/* With the account's key; where there is none, with the certificate's own. */
static void
revoke_certificate(const struct job *j, const struct place *p, struct msg *m)
{
	if (p->kid.n > 0) {
		m->type = MSG_jws_revoke;
		m->jws_revoke = (struct msg_jws_revoke) {
			.account = p->account, .kid = p->kid, .url = p->url,
			.nonce = p->nonce, .reason = j->reason };
	} else {
		m->type = MSG_jws_revoke_own;
		m->jws_revoke_own = (struct msg_jws_revoke_own) {
			.key = j->key, .url = p->url, .nonce = p->nonce,
			.reason = j->reason };
	}
}

static void
contact(const struct job *j, const struct place *p, struct msg *m)
{
	(void)j;
	m->type = MSG_jws_contact;
	m->jws_contact = (struct msg_jws_contact) { .account = p->account,
		.kid = p->kid, .nonce = p->nonce, .contacts = p->contacts };
}

static void
deactivate(const struct job *j, const struct place *p, struct msg *m)
{
	(void)j;
	m->type = MSG_jws_deactivate;
	m->jws_deactivate = (struct msg_jws_deactivate) {
		.account = p->account, .kid = p->kid, .nonce = p->nonce };
}

static void
roll_over(const struct job *j, const struct place *p, struct msg *m)
{
	m->type = MSG_jws_roll_over;
	m->jws_roll_over = (struct msg_jws_roll_over) {
		.account = p->account, .kid = p->kid, .url = p->url,
		.nonce = p->nonce,
		.next = registration_next_key(j->account) };
}

static void
find_with(uint32_t key, const struct place *p, struct msg *m)
{
	m->type = MSG_jws_find_account;
	m->jws_find_account = (struct msg_jws_find_account) { .account = key,
		.url = p->url, .nonce = p->nonce };
}

static void
find_new(const struct job *j, const struct place *p, struct msg *m)
{
	find_with(registration_next_key(j->account), p, m);
}

static void
find_old(const struct job *j, const struct place *p, struct msg *m)
{
	(void)j;
	find_with(p->account, p, m);
}

static const struct question {
	void (*ask)(const struct job *j, const struct place *p, struct msg *m);
	bool is_quiet; /* too many to be told in the audit */
} questions[VERB_N] = {
	[VERB_NEW_ACCOUNT] = { new_account, false },
	[VERB_NEW_ORDER] = { new_order, false },
	[VERB_GET] = { get, true },
	[VERB_ANSWER] = { answer, false },
	[VERB_FINALIZE] = { finalize, false },
	[VERB_CLOSE] = { close_authorization, false },
	[VERB_REVOKE] = { revoke_certificate, false },
	[VERB_CONTACT] = { contact, false },
	[VERB_DEACTIVATE] = { deactivate, false },
	[VERB_ROLL_OVER] = { roll_over, false },
	[VERB_FIND_NEW] = { find_new, false },
	[VERB_FIND_OLD] = { find_old, false },
};

/* ---- a wish ---- */

static void
on_jws(void *arg, const struct msg *reply, struct err *e)
{
	struct asked *w = arg;
	struct job *j = w->job;
	struct msg m = { .type = MSG_signature, .id = w->id };

	if (e != NULL) {
		worker_refuse(j, w->id, err_wrap(e, "signature for %s",
		    verb_word(w->verb)));
	} else if (!j->ending || j->closing) {
		m.signature.job = j->id;
		m.signature.jws = reply->jws.body;
		worker_send(j, &m);
		/* An order is finalized once all is proven. */
		if (w->verb == VERB_FINALIZE)
			records_proven(j);
	}
	free(w);
	job_release(j);
}

static struct err *
ask(struct job *j, const struct msg_sign *s, struct asked *w)
{
	struct str contacts[CONTACTS_MAX];
	struct place p = { registration_key(j->account),
		str_of(registration_url(j->account)), s->url, s->nonce,
		{ j->name_strs, j->n_names }, { contacts, j->n_contacts } };
	struct msg m = { 0 };
	int fd = -1;
	size_t i;

	for (i = 0; i < j->n_contacts; i++)
		/* cppcheck-suppress unreadVariable ; p leads there */
		contacts[i] = str_of(j->contacts[i]);
	questions[s->verb].ask(j, &p, &m);
	if (msg_row(m.type)->has_fd) {
		bool is_binding = m.type == MSG_jws_new_account_bound;

		fd = is_binding ? j->binding_fd : j->cert_fd;
		/* read from its beginning each time */
		if (lseek(fd, 0, SEEK_SET) == -1)
			return err_sys("file of the %s", is_binding ?
			    "HMAC key" : "certificate");
	}
	return peer_ask_owned(j->m->signer, &m, fd, MSG_jws, on_jws, w);
}

struct err *
signing_wish(struct job *j, uint32_t id, const struct msg_sign *s)
{
	struct grant grant = job_grant(j);
	const char *why = policy_sign(&grant, &j->budget, s->verb, s->url);
	struct asked *w;
	struct err *e;

	if (why != NULL) {
		worker_refuse(j, id, err_new("signature for %s on %.*s: %s",
		    verb_word(s->verb), (int)s->url.n, s->url.p, why));
		return NULL;
	}
	if ((w = calloc(1, sizeof(*w))) == NULL)
		return err_sys("signature");
	*w = (struct asked) { j, id, s->verb };
	job_hold(j);
	if ((e = ask(j, s, w)) != NULL) {
		free(w);
		worker_refuse(j, id, e);
		job_release(j);
		return NULL;
	}
	if (!questions[s->verb].is_quiet)
		audit_job(j, "sign", "done", "%s on %.*s", verb_word(s->verb),
		    (int)s->url.n, s->url.p);
	j->phase = policy_phase_after(j->kind, j->phase, s->verb);
	return NULL;
}
