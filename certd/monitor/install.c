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

/* So long one waits for others where there is a crowd. */
#define CROWD_MSECS	25

/* A checked chain that goes into the store as soon as the lock is free, with all
 * others that are ready then. */
struct install {
	TAILQ_ENTRY(install) link; /* while it waits for that */
	struct job *job;
	uint32_t id; /* the worker's request */
	char *cert, *chain;
	time_t not_after;
	struct event *timer;
	unsigned tries;
	bool is_offer, is_waiting;
	/* What became of it. */
	bool is_over;
	struct err *error;
	unsigned version;
};

static void
leave_queue(struct install *in)
{
	if (in->is_waiting)
		TAILQ_REMOVE(&in->job->m->installs, in, link);
	in->is_waiting = false;
}

void
install_cancel(struct job *j)
{
	struct install *in = j->install;

	if (in == NULL)
		return;
	j->install = NULL;
	leave_queue(in);
	err_free(in->error);
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

/* ---- those that are ready, together ---- */

/* The worker and the followers are told. */
static void
finish(struct install *in)
{
	struct job *j = in->job;
	struct msg m = { .type = MSG_stored, .id = in->id };
	struct err *e = in->error;

	in->error = NULL;
	leave_queue(in);
	if (e != NULL) {
		worker_refuse(j, in->id, err_wrap(e, "store"));
		return;
	}
	if (j->reconfigures) {
		finish_dry(in);
		return;
	}
	audit_job(j, "store", "done", "version %u, valid until %s",
	    in->version, text_time((char[TEXT_TIME_SIZE]) { 0 },
	    in->not_after));
	m.stored.job = j->id;
	worker_send(j, &m);
	j->phase = JP_STORED;
	tell_paths(j, in->not_after);
	job_stored(j); /* in is gone */
}

/* Those that are over; finishing one may cancel others. */
static void
finish_all(struct monitor *m)
{
	struct install *in, *next;

	for (in = TAILQ_FIRST(&m->installs); in != NULL; in = next) {
		next = TAILQ_NEXT(in, link);
		if (!in->is_over)
			continue;
		finish(in);
		next = TAILQ_FIRST(&m->installs);
	}
}

/* The lock is ours, the audit has its line. */
static void
reconfigure(struct install *in)
{
	struct job *j = in->job;
	struct renewal renewal = renewal_of(j);

	in->error = store_reconfigure(j->m->store, j->lineage, &renewal);
	in->is_over = true;
}

static void
store_group(struct monitor *m, struct install *const *list, size_t n)
{
	struct store_install what[COMMITS_MAX];
	struct renewal renewals[COMMITS_MAX];
	size_t i;

	for (i = 0; i < n; i++) {
		const struct install *in = list[i];
		const struct job *j = in->job;

		renewals[i] = renewal_of(j);
		what[i] = (struct store_install) { .job = j->id,
			.lineage = j->lineage, .is_new = j->files == NULL,
			.cert = in->cert, .cert_bytes = strlen(in->cert),
			.chain = in->chain, .chain_bytes = strlen(in->chain),
			.renewal = &renewals[i] };
	}
	store_install_all(m->store, what, n);
	for (i = 0; i < n; i++) {
		list[i]->error = what[i].error;
		list[i]->version = what[i].version;
		list[i]->is_over = true;
	}
}

static void
say_begun(const struct install *in)
{
	audit_job(in->job, in->job->reconfigures ? "reconfigure" : "store",
	    "begun", "valid until %s", text_time(
	    (char[TEXT_TIME_SIZE]) { 0 }, in->not_after));
}

/* The lock is ours. The first few that wait; one that changes a renewal file
 * goes alone. The result says how many. */
static size_t
store_some(struct monitor *m)
{
	struct install *in, *list[COMMITS_MAX];
	size_t i, n = 0;
	struct err *e;

	TAILQ_FOREACH(in, &m->installs, link) {
		if (n == COMMITS_MAX || (n > 0 && in->job->reconfigures))
			break;
		say_begun(in);
		list[n++] = in;
		if (in->job->reconfigures)
			break;
	}
	disk_settle_audit(m);
	if ((e = audit_ready(m)) != NULL) {
		for (i = 0; i < n; i++) {
			list[i]->error = err_copy(e);
			list[i]->is_over = true;
		}
		err_free(e);
	} else if (n > 0 && list[0]->job->reconfigures) {
		reconfigure(list[0]);
	} else {
		store_group(m, list, n);
	}
	return n;
}

/* The lock is ours. Where more wait than go together, the next ones do so after
 * what else has happened meanwhile. */
static void
store_all(struct monitor *m)
{
	struct install *in;

	related_before(m);
	m->is_crowded = store_some(m) > 1;
	TAILQ_FOREACH(in, &m->installs, link)
		if (in->is_over)
			related_after(m, in->job->lineage);
	store_unlock(m->store);
	finish_all(m);
	if ((in = TAILQ_FIRST(&m->installs)) != NULL)
		event_active(in->timer, EV_TIMEOUT, 0);
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
		store_all(in->job->m);
	} else if (err_errno(e) == EAGAIN && in->tries++ < LOCK_TRIES) {
		if (in->tries == 1)
			job_progress(in->job, STAGE_store, err_text(e));
		err_free(e);
		(void)event_add(in->timer, &pause);
	} else {
		worker_refuse(in->job, in->id, err_wrap(e, "store"));
	}
}

/* Into the store, soon. */
static void
wait_for_store(struct install *in)
{
	struct monitor *m = in->job->m;
	struct timeval pause = { 0, m->is_crowded ? CROWD_MSECS * 1000 : 0 };

	TAILQ_INSERT_TAIL(&m->installs, in, link);
	in->is_waiting = true;
	(void)event_add(in->timer, &pause);
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
		wait_for_store(in);
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
