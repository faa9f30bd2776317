/*
 * reconfigure.c - how a certificate is renewed from now on, without a new one.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    options from certctl; a lineage that exists.
 * Promise:  unless told otherwise the options are tried out first, in a dry run:
 *           when that fails the renewal file stays as it is, byte for byte.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "monitor.h"
#include "names.h"

struct reconfigure {
	struct client *client;
	const struct request *request;
	char *lineage;
	struct job *job; /* to be tried out, or only to carry the options */
};

static void
free_reconfigure(struct reconfigure *r)
{
	job_discard(r->job);
	free(r->lineage);
	free(r);
}

/* Is there anything that the renewal file could be told? */
static bool
is_change(const struct request *r)
{
	static const enum request_option changes[] = { OPTION_key_type,
		OPTION_elliptic_curve, OPTION_rsa_key_size, OPTION_reuse_key,
		OPTION_no_reuse_key, OPTION_preferred_chain, OPTION_server,
		OPTION_staging, OPTION_account, OPTION_propagation,
		OPTION_pre_hook, OPTION_post_hook, OPTION_deploy_hook,
		OPTION_autorenew, OPTION_no_autorenew, OPTION_renew_before,
		OPTION_credentials };
	size_t i;

	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		if (request_has(r, changes[i]))
			return true;
	return false;
}

/* An account that is not there would fail at every renewal. */
static struct err *
check_account(const struct job *j)
{
	struct account *a = NULL;
	struct err *e;

	if (j->account_wanted == NULL)
		return NULL;
	e = account_find(j->m->store, j->conf_server, j->account_wanted, &a);
	account_free(a);
	return e;
}

/* The job with the names and files of x, and the options. */
static struct err *
fill_job(struct reconfigure *r, struct entry *x)
{
	struct monitor *m = client_monitor(r->client);
	struct wanted w = { .force = true };
	struct str names[NAMES_MAX];
	struct job *j;
	struct err *e;
	size_t i;

	for (i = 0; i < x->n_names && i < NAMES_MAX; i++)
		names[i] = str_of(x->names[i]);
	r->job = j = job_new(m, KIND_issue, x->lineage,
	    (struct strs) { names, i });
	if (j == NULL)
		return err_sys("reconfigure");
	j->reconfigures = !request_has(r->request, OPTION_dry_run);
	request_wish(r->request, &w);
	if ((e = request_server(r->request, j, *x->files->server != '\0' ?
	    x->files->server : m->cfg->server)) != NULL)
		return e;
	w.server = j->conf_server;
	w.dry_run = false;
	if ((e = choose_key_conflict(&w, x)) != NULL ||
	    (e = choose_trial_conflict(&w, x, time(NULL))) != NULL)
		return e;
	j->files = x->files;
	x->files = NULL;
	if ((e = request_fill(r->request, j, r->client)) != NULL ||
	    (e = request_complete(r->request, j)) != NULL ||
	    (e = request_permitted(r->client, j, x)) != NULL ||
	    (e = check_account(j)) != NULL)
		return e;
	return store_may_renew(m->store, j->files);
}

/* Tried out as any other job; storing.c writes the file when it went well. */
static struct err *
try_out(struct reconfigure *r)
{
	struct batch *b;
	struct err *e;

	if ((e = batch_new(r->client, r->job->no_folder_hooks, &b)) != NULL)
		return e;
	if ((e = batch_add(b, r->job)) == NULL)
		r->job = NULL;
	else
		client_error(r->client, 1, e);
	batch_go(b);
	return NULL;
}

static void
on_locked(void *arg, struct err *e)
{
	struct reconfigure *r = arg;
	struct client *c = r->client;
	struct renewal renewal = renewal_of(r->job);
	struct msg m = { .type = MSG_result };

	if (e == NULL) {
		audit_client(c, r->lineage, "reconfigure", "begun", "untried");
		e = audit_ready(client_monitor(c));
	}
	if (e == NULL)
		e = store_reconfigure(client_monitor(c)->store, r->lineage,
		    &renewal);
	if (e == NULL) {
		audit_client(c, r->lineage, "reconfigure", "done",
		    "untried");
		m.result.lineage = str_of(r->lineage);
		m.result.ok = true;
		m.result.text = m.result.advice = str_of("");
		client_send(c, &m);
		client_end(c);
	} else {
		client_refuse(c, 1, e);
	}
	free_reconfigure(r);
	client_release(c);
}

static struct err *
check_entry(const struct reconfigure *r, const struct catalog *catalog)
{
	const struct entry *x = catalog->entries;
	struct job *other;

	if (catalog->n == 0)
		return err_advise(err_new("there is no certificate named %s",
		    r->lineage), "certctl list shows what there is");
	if (x->problem != NULL && !x->is_damaged)
		return err_advise(err_new("certificate %s is broken: %s",
		    x->lineage, x->problem), "certctl repair %s", x->lineage);
	other = job_of_lineage(client_monitor(r->client), r->lineage);
	if (other != NULL)
		return err_advise(err_new("job %u works on %s", other->id,
		    r->lineage), "wait for it: certctl watch %u", other->id);
	return NULL;
}

static void
on_catalog(void *arg, struct catalog *catalog, struct err *e)
{
	struct reconfigure *r = arg;
	struct client *c = r->client;
	bool is_tried = !request_has(r->request, OPTION_no_dry_run);

	if (e == NULL)
		e = check_entry(r, catalog);
	if (e == NULL)
		e = fill_job(r, &catalog->entries[0]);
	catalog_free(catalog);
	if (e == NULL && !is_tried) {
		lock_wait(c, on_locked, r);
		return;
	}
	if (e == NULL)
		e = try_out(r);
	if (e != NULL)
		client_refuse(c, request_status(e), e);
	free_reconfigure(r);
	client_release(c);
}

static void
on_hooks(void *arg, struct err *e)
{
	struct reconfigure *r = arg;
	struct client *c = r->client;

	if (e == NULL) {
		catalog_read(client_monitor(c), r->lineage, on_catalog, r);
		return;
	}
	free_reconfigure(r);
	client_refuse(c, 1, e);
	client_release(c);
}

void
request_reconfigure(struct client *c, struct request *request,
    struct str lineage)
{
	struct reconfigure *r;
	struct err *e = request_check(request, client_monitor(c)->cfg);

	if (e == NULL && !is_change(request))
		e = err_advise(err_new("nothing to change was given"),
		    "certctl help reconfigure lists the options");
	if (e != NULL) {
		client_refuse(c, 2, e);
		return;
	}
	if ((r = calloc(1, sizeof(*r))) == NULL ||
	    (r->lineage = str_dup(lineage)) == NULL) {
		free(r);
		client_refuse(c, 1, err_sys("reconfigure"));
		return;
	}
	r->client = c;
	r->request = request;
	client_hold(c);
	hooks_check(c, request, on_hooks, r);
}
