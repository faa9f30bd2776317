/*
 * wishes.c - what acmew wants for a job, or has to say of it.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    decoded messages from acmew about a job that it was given. Assume
 *           acmew is hostile.
 * Promise:  what it wants is decided in policy.c and done by the signer and the
 *           publisher; a refusal ends the job.
 */
#include <stdlib.h>

#include "monitor.h"

static struct err *
on_sign(struct job *j, const struct msg *m)
{
	return signing_wish(j, m->id, &m->sign);
}

static struct err *
on_account_ask(struct job *j, const struct msg *m)
{
	registration_ask(j, m->id);
	return NULL;
}

static struct err *
on_account_made(struct job *j, const struct msg *m)
{
	struct grant grant = job_grant(j);
	const char *why = policy_url(&grant, m->account_made.url);
	struct err *e = why == NULL ?
	    registration_made(j, m->account_made.url) :
	    err_new("account URL: %s", why);

	if (e != NULL)
		worker_refuse(j, m->id, e);
	return NULL;
}

static struct err *
on_account_gone(struct job *j, const struct msg *m)
{
	struct err *e = registration_gone(j, m->id);

	if (e != NULL)
		worker_refuse(j, m->id, e);
	return NULL;
}

static struct err *
on_account_found(struct job *j, const struct msg *m)
{
	struct err *e = registration_found(j, m->id, m->account_found.url,
	    m->account_found.is_new);

	if (e != NULL)
		worker_refuse(j, m->id, e);
	return NULL;
}

static struct err *
on_account_seen(struct job *j, const struct msg *m)
{
	const struct msg_account_seen *seen = &m->account_seen;

	if (j->kind == KIND_show)
		account_tell(j, seen->status, seen->contacts);
	return NULL;
}

static struct err *
on_achieved(struct job *j, const struct msg *m)
{
	if (!policy_achieved(j->kind, &j->budget)) {
		worker_refuse(j, m->id, err_new("the worker claims to have "
		    "achieved what was never signed"));
		return NULL;
	}
	free(j->note);
	j->note = str_dup(m->achieved.text);
	j->phase = JP_STORED;
	audit_job(j, "worker", "done", "achieved%s%s",
	    m->achieved.text.n == 0 ? "" : ": ",
	    j->note == NULL ? "" : j->note);
	job_stored(j);
	return NULL;
}

static struct err *
on_ordered(struct job *j, const struct msg *m)
{
	struct grant grant = job_grant(j);
	const char *why = policy_url(&grant, m->ordered.url);
	struct err *e;

	if (why != NULL)
		e = err_new("order URL: %s", why);
	else
		e = job_ordered(j, m->ordered.url);
	if (e != NULL)
		worker_refuse(j, m->id, e);
	return NULL;
}

static struct err *
on_publish(struct job *j, const struct msg *m)
{
	const struct msg_publish *p = &m->publish;
	struct grant grant = job_grant(j);
	const char *why = policy_publish(&grant, &j->budget, p->name,
	    p->token);
	struct err *e;

	if (why != NULL)
		e = err_new("publish for %.*s: %s", (int)p->name.n, p->name.p,
		    why);
	else
		e = records_publish(j, m->id, p->name, p->token);
	if (e != NULL)
		worker_refuse(j, m->id, e);
	return NULL;
}

static struct err *
on_chain_offer(struct job *j, const struct msg *m)
{
	struct err *e = install_chain(j, m->id, m->chain_offer.pem, true);

	if (e != NULL)
		worker_refuse(j, m->id, e);
	return NULL;
}

static struct err *
on_chain(struct job *j, const struct msg *m)
{
	struct err *e = install_chain(j, m->id, m->chain.pem, false);

	if (e != NULL)
		worker_refuse(j, m->id, e);
	return NULL;
}

static const struct wish wishes[] = {
	{ MSG_sign, on_sign },
	{ MSG_publish, on_publish },
	{ MSG_account_ask, on_account_ask },
	{ MSG_account_made, on_account_made },
	{ MSG_account_gone, on_account_gone },
	{ MSG_account_found, on_account_found },
	{ MSG_account_seen, on_account_seen },
	{ MSG_achieved, on_achieved },
	{ MSG_ordered, on_ordered },
	{ MSG_chain_offer, on_chain_offer },
	{ MSG_chain, on_chain },
	{ MSG_probed, probe_said },
};

const struct wish *
wish_find(enum msg_type type)
{
	size_t i;

	for (i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++)
		if (wishes[i].type == type)
			return &wishes[i];
	return NULL;
}
