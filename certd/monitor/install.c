/*
 * install.c - the chain that the CA sent: checked, and the preferred one chosen.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    bytes from acmew, which go to the signer unread; what goes into the
 *           store is the signer's re-encoding.
 * Promise:  what the signer has not found good, for the names and the key of the
 *           job, never gets there.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "install.h"
#include "log.h"

#define OFFERS_MAX 16

/* The server for the next time: not the one of a dry run. */
const char *
server_of(const struct job *j)
{
	return j->conf_server != NULL ? j->conf_server : j->server;
}

/* The account there, "" where it is not known. */
static const char *
account_of(const struct job *j)
{
	if (j->account != NULL && strcmp(j->server, server_of(j)) == 0)
		return registration_id(j->account);
	if (j->account_wanted != NULL)
		return j->account_wanted;
	return j->files != NULL && strcmp(j->files->server,
	    server_of(j)) == 0 ? j->files->account : "";
}

struct renewal
renewal_of(const struct job *j)
{
	const struct lineage *old = j->files;
	struct renewal r = {
		.server = server_of(j),
		.account = account_of(j),
		.authenticator = "dns-cloudflare",
		.credentials = publisher_credentials(j),
		.propagation_secs = j->propagation_secs,
		.reuse_key = j->reuse_key,
		.must_staple = j->must_staple,
		.key_kind = j->key_kind,
		.preferred_chain = j->preferred_chain,
		.pre_hook = j->pre_hook,
		.post_hook = j->post_hook,
		.deploy_hook = j->deploy_hook,
		.renew_before = j->renew_before,
		.autorenew = j->autorenew,
	};

	if (old != NULL) { /* what was not said anew stays as it was */
		if (r.pre_hook == NULL)
			r.pre_hook = old->pre_hook;
		if (r.post_hook == NULL)
			r.post_hook = old->post_hook;
		if (r.deploy_hook == NULL)
			r.deploy_hook = old->deploy_hook;
	}
	return r;
}

/* The worker shall look for another one. */
static void
want_another(struct install *in)
{
	struct job *j = in->job;
	struct msg m = { .type = MSG_chain_unlike, .id = in->id };

	install_cancel(j); /* in is gone */
	m.chain_unlike.job = j->id;
	worker_send(j, &m);
}

/* Whether it ends with the issuer that is preferred (certbot: the common name of
 * the topmost certificate's issuer, letter by letter). */
static bool
is_preferred(const struct job *j, const struct msg *answer)
{
	return *j->preferred_chain == '\0' ||
	    str_is(answer->chain_good.top_issuer, j->preferred_chain);
}

static void
warn_of_chain(struct job *j, struct str top_issuer)
{
	char text[1200];

	(void)snprintf(text, sizeof(text), "no chain of the CA ends with the "
	    "issuer \"%s\"; taken is the default one, which ends with "
	    "\"%.*s\"", j->preferred_chain, (int)top_issuer.n, top_issuer.p);
	journal_line(j, LOG_LEVEL_WARN, text);
	control_fact(j, "warning", text);
}

static void
on_checked(void *arg, const struct msg *answer, struct err *e)
{
	struct job *j = arg;
	struct install *in = j->install;

	job_release(j);
	if (in == NULL) { /* cancelled in between */
		err_free(e);
		return;
	}
	if (in->is_offer && (e != NULL || !is_preferred(j, answer))) {
		log_err(LOG_LEVEL_WARN, err_wrap(e, "job %u (%s): a chain of "
		    "the CA", j->id, j->lineage));
		want_another(in);
		return;
	}
	if (e == NULL && !is_preferred(j, answer))
		warn_of_chain(j, answer->chain_good.top_issuer);
	if (e == NULL)
		e = repeat_note(j); /* stored or not, the CA has counted it */
	if (e == NULL) {
		in->cert = str_dup(answer->chain_good.cert);
		in->chain = str_dup(answer->chain_good.chain);
		in->not_after = (time_t)answer->chain_good.not_after;
		in->known = known_new(&answer->chain_good);
		if (in->cert == NULL || in->chain == NULL)
			e = err_new("certificate: out of memory");
	}
	if (e != NULL)
		worker_refuse(j, in->id, err_wrap(e, "the certificate that "
		    "the CA sent is refused"));
	else if (j->dry_run && !j->reconfigures)
		install_finish_dry(in);
	else if ((e = storing_wait(in)) != NULL)
		worker_disappoint(j, in->id, e);
}

struct err *
install_chain(struct job *j, uint32_t id, struct str pem, bool is_offer)
{
	struct msg m = { .type = MSG_chain_check };
	struct err *e;

	if (j->install != NULL)
		return err_new("a second chain for the same job");
	if (is_offer && ++j->offers > OFFERS_MAX)
		return err_new("more than %d chains for one certificate",
		    OFFERS_MAX);
	if (!is_offer || j->offers == 1)
		job_progress(j, STAGE_store, "");
	if ((j->install = calloc(1, sizeof(*j->install))) == NULL)
		return err_sys("certificate");
	j->install->job = j;
	j->install->id = id;
	j->install->is_offer = is_offer;
	m.chain_check.key = j->key;
	m.chain_check.names = (struct strs) { j->name_strs, j->n_names };
	m.chain_check.pem = pem;
	job_hold(j);
	if ((e = peer_ask(j->m->signer, &m, -1, MSG_chain_good, on_checked,
	    j)) != NULL)
		job_release(j);
	return e;
}
