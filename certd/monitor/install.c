/*
 * install.c - from the CA's chain to live/.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    bytes from acmew, which go to the signer unread; what goes into the
 *           store is the signer's re-encoding.
 * Promise:  either live/ shows the new certificate with its key, or nothing has
 *           changed.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "monitor.h"

/* certbot holds its lock for as long as it runs. */
#define LOCK_TRIES	300
#define LOCK_PAUSE_SECS 1
#define OFFERS_MAX	16

/* A checked chain that goes into the store as soon as the lock is free. */
struct install {
	struct job *job;
	uint32_t id; /* the worker's request */
	char *cert, *chain;
	time_t not_after;
	struct event *timer;
	unsigned tries;
	bool is_offer;
};

void
install_cancel(struct job *j)
{
	struct install *in = j->install;

	if (in == NULL)
		return;
	j->install = NULL;
	if (in->timer != NULL)
		event_free(in->timer);
	free(in->cert);
	free(in->chain);
	free(in);
}

/* The server for the next time: not the one of a dry run. */
static const char *
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

/* The certificate is good, and in a dry run that is all: it is let go. */
static void
finish_dry(struct install *in)
{
	struct job *j = in->job;
	struct msg m = { .type = MSG_stored, .id = in->id };

	audit_job(j, j->reconfigures ? "reconfigure" : "dry-run", "done",
	    "dry run is good, %s", j->reconfigures ?
	    "renewal file changed" : "nothing stored");
	if (j->reconfigures) /* the next renewal need not wait */
		log_err(LOG_LEVEL_WARN, failure_forget(j, server_of(j)));
	m.stored.job = j->id;
	worker_send(j, &m);
	j->phase = JP_STORED;
	store_unstage(j->m->store, j->id);
	job_stored(j); /* in is gone */
}

/* Tells the followers where the certificate is. */
static void
tell_paths(struct job *j, time_t not_after)
{
	char path[4400], when[TEXT_TIME_SIZE];

	(void)snprintf(path, sizeof(path), "%s/live/%s/fullchain.pem",
	    store_path(j->m->store), j->lineage);
	control_fact(j, "certificate", path);
	(void)snprintf(path, sizeof(path), "%s/live/%s/privkey.pem",
	    store_path(j->m->store), j->lineage);
	control_fact(j, "private_key", path);
	control_fact(j, "expires", text_time(when, not_after));
}

/* The lock is ours. */
static void
store(struct install *in)
{
	struct job *j = in->job;
	struct renewal renewal = renewal_of(j);
	struct store_install what = { .job = j->id, .lineage = j->lineage,
		.is_new = j->files == NULL, .cert = in->cert,
		.cert_bytes = strlen(in->cert), .chain = in->chain,
		.chain_bytes = strlen(in->chain), .renewal = &renewal };
	struct msg m = { .type = MSG_stored, .id = in->id };
	unsigned version;
	struct err *e;

	audit_job(j, j->reconfigures ? "reconfigure" : "store", "begun",
	    "valid until %s", text_time((char[TEXT_TIME_SIZE]) { 0 },
	    in->not_after));
	related_before(j->m);
	if ((e = audit_ready(j->m)) != NULL)
		;
	else if (j->reconfigures)
		e = store_reconfigure(j->m->store, j->lineage, &renewal);
	else
		e = store_install(j->m->store, &what, &version);
	related_after(j->m, j->lineage);
	store_unlock(j->m->store);
	if (e != NULL) {
		worker_refuse(j, in->id, err_wrap(e, "store"));
		return;
	}
	if (j->reconfigures) {
		finish_dry(in);
		return;
	}
	audit_job(j, "store", "done", "version %u, valid until %s", version,
	    text_time((char[TEXT_TIME_SIZE]) { 0 }, in->not_after));
	m.stored.job = j->id;
	worker_send(j, &m);
	j->phase = JP_STORED;
	tell_paths(j, in->not_after);
	job_stored(j); /* in is gone */
}

static void
try_store(evutil_socket_t fd, short what, void *arg)
{
	struct install *in = arg;
	struct timeval pause = { .tv_sec = LOCK_PAUSE_SECS };
	struct err *e = store_lock(in->job->m->store);

	(void)fd;
	(void)what;
	if (e == NULL) {
		store(in);
	} else if (err_errno(e) == EAGAIN && in->tries++ < LOCK_TRIES) {
		if (in->tries == 1)
			job_progress(in->job, STAGE_store, err_text(e));
		err_free(e);
		(void)event_add(in->timer, &pause);
	} else {
		worker_refuse(in->job, in->id, err_wrap(e, "store"));
	}
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
		in->timer = event_new(j->m->base, -1, 0, try_store, in);
		if (in->cert == NULL || in->chain == NULL || in->timer == NULL)
			e = err_new("certificate: out of memory");
	}
	if (e != NULL)
		worker_refuse(j, in->id, err_wrap(e, "the certificate that "
		    "the CA sent is refused"));
	else if (j->dry_run && !j->reconfigures)
		finish_dry(in);
	else
		try_store(-1, 0, in);
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
