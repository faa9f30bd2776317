/*
 * revoke.c - a certificate is revoked at its CA.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    what an administrator asks for; the worker's word that the CA has
 *           done it, which nobody here can check.
 * Promise:  what gets revoked is the certificate that was asked for and no
 *           other, whichever key signs that.
 */
#include <stdlib.h>

#include "log.h"
#include "monitor.h"

/* A worker's question that waits until the signer has the key. */
struct spare {
	struct job *job;
	uint32_t id;
};

static void
on_own_key(void *arg, const struct msg *answer, struct err *e)
{
	struct spare *s = arg;
	struct job *j = s->job;
	struct msg m = { .type = MSG_account_spare, .id = s->id };

	(void)answer;
	if (e != NULL) {
		j->key = 0;
		worker_refuse(j, s->id, err_wrap(e, "the key of the "
		    "certificate"));
	} else if (!j->ending) {
		audit_job(j, "revoke", "done", "without an account, signed "
		    "with the certificate's own key");
		m.account_spare.job = j->id;
		worker_send(j, &m);
	}
	free(s);
	job_release(j);
}

static struct err *
no_key(const struct job *j)
{
	return err_advise(err_new("there is no account at %s that could revoke "
	    "it, and the private key of the certificate is not at hand",
	    j->server), "give the key with --key-path, or the account's server "
	    "with --server");
}

/* ---- the end ---- */

struct err *
revoke_note(struct job *j)
{
	const struct ledger_revocation row = { j->serial, j->reason,
		time(NULL), j->not_after };
	char text[REVOCATION_SIZE];
	struct err *e = NULL;

	if (j->stored) {
		e = ledger_revocation_put(j->m->ledger, &row);
		if (j->files != NULL)
			control_fact(j, "lineage", j->lineage);
		control_fact(j, "serial", j->serial);
		control_fact(j, "revoked", revocation_text(text, row.time,
		    row.reason));
		if (j->key != 0)
			control_fact(j, "note", "signed with the certificate's "
			    "own key");
		if (j->note != NULL && *j->note != '\0')
			control_fact(j, "note", j->note);
		if (j->keep != NULL)
			control_fact(j, "kept", j->keep);
	}
	if (e == NULL)
		job_step_done(j, NULL);
	return e;
}

/* ---- without an account ---- */

struct err *
revoke_with_own_key(struct job *j, uint32_t id)
{
	struct msg m = { .type = MSG_key_load };
	struct spare *s;
	struct err *e;

	if (j->key_fd == -1)
		return no_key(j);
	if (j->key != 0)
		return err_new("the worker asks for the key a second time");
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return err_sys("key");
	*s = (struct spare) { j, id };
	registration_drop(j);
	j->account = NULL;
	j->key = ++j->m->last_key;
	m.key_load.key = j->key;
	job_hold(j);
	if ((e = peer_ask(j->m->signer, &m, j->key_fd, MSG_key_ready,
	    on_own_key, s)) == NULL)
		return NULL;
	j->key = 0;
	free(s);
	job_release(j);
	return e;
}
