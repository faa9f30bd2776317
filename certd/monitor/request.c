/*
 * request.c - an administrator's wish becomes a job, or is answered with why it
 * does not.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    options and names from certctl: well-formed by the message table,
 *           otherwise whatever was typed.
 * Promise:  everything that can be known to fail is refused here, before the
 *           CA hears anything; a lineage is never invented or replaced unasked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "monitor.h"
#include "names.h"

/* A request to issue, while the catalogue is read. */
struct issue {
	struct client *client;
	struct job *job;	/* as far as it is known */
	const char *cert_name;	/* given, or NULL; of the request */
	bool force, key_given;
};

void
request_clear(struct request *r)
{
	size_t i;

	for (i = 0; i < OPTIONS_MAX; i++) {
		free(r->options[i]);
		r->options[i] = NULL;
	}
	r->refusal = NULL;
}

const char *
request_option(const struct request *r, enum request_option o)
{
	return r->options[o];
}

/* ---- what was asked, into the job ---- */

static struct err *
choose_key(const struct request *r, struct job *j, bool *key_given)
{
	const char *type = request_option(r, OPTION_key_type),
	    *curve = request_option(r, OPTION_elliptic_curve),
	    *size = request_option(r, OPTION_rsa_key_size);

	j->key_kind = j->m->cfg->key_kind;
	*key_given = type != NULL || curve != NULL || size != NULL;
	if (!*key_given)
		return NULL;
	if (type == NULL)
		type = size != NULL ? "rsa" : "ecdsa";
	if (!key_kind_of(type, curve, size, &j->key_kind))
		return err_advise(err_new("no key of type %s%s%s%s%s is made "
		    "here", type, curve == NULL ? "" : ", curve ",
		    curve == NULL ? "" : curve, size == NULL ? "" : ", size ",
		    size == NULL ? "" : size),
		    "--key-type is ecdsa (--elliptic-curve secp256r1 or "
		    "secp384r1) or rsa (--rsa-key-size 2048, 3072 or 4096)");
	return NULL;
}

/* --dry-run goes to the staging environment, where there is one that we know. */
static const char *
dry_server(const struct job *j, const char *server)
{
	return j->dry_run && strcmp(server, ACME_SERVER_DEFAULT) == 0 ?
	    ACME_SERVER_STAGING : server;
}

struct err *
request_server(const struct request *r, struct job *j, const char *usual)
{
	const char *server = request_option(r, OPTION_server);

	if (server != NULL && request_option(r, OPTION_staging) != NULL)
		return err_new("--server and --staging exclude each other");
	if (request_option(r, OPTION_staging) != NULL)
		server = ACME_SERVER_STAGING;
	j->dry_run = request_option(r, OPTION_dry_run) != NULL;
	j->server = strdup(server != NULL ? server : dry_server(j, usual));
	if (j->server == NULL)
		return err_sys("server");
	if (!url_parse(str_of(j->server), &j->origin))
		return err_advise(err_new("%s is no https URL", j->server),
		    "give the URL of the CA's directory, such as %s",
		    ACME_SERVER_DEFAULT);
	return NULL;
}

static char *
copy_option(const struct request *r, enum request_option o)
{
	const char *value = request_option(r, o);

	return value == NULL ? NULL : strdup(value);
}

struct err *
request_fill(const struct request *r, struct job *j, struct client *c)
{
	const struct config *cfg = j->m->cfg;
	const char *email = request_option(r, OPTION_email);

	j->who = strdup(client_name(c));
	j->agree_tos = cfg->agree_tos ||
	    request_option(r, OPTION_agree_tos) != NULL;
	j->pre_hook = copy_option(r, OPTION_pre_hook);
	j->post_hook = copy_option(r, OPTION_post_hook);
	j->deploy_hook = copy_option(r, OPTION_deploy_hook);
	if (j->who == NULL)
		return err_sys("request");
	return account_contacts(j, email != NULL ? email : cfg->email);
}

/* The record of the longest names would have no room in DNS. */
static struct err *
check_names(const struct job *j)
{
	size_t i;

	for (i = 0; i < j->n_names; i++)
		if (name_base(j->name_strs[i]).n + strlen(CHALLENGE_LABEL) >
		    NAME_MAX_BYTES)
			return err_new("%s: too long: its challenge record "
			    "would have more than %d bytes", j->names[i],
			    NAME_MAX_BYTES);
	return NULL;
}

static struct err *
fill_in(const struct request *r, struct issue *i)
{
	struct job *j = i->job;
	const char *chain = request_option(r, OPTION_preferred_chain);
	struct err *e;

	i->cert_name = request_option(r, OPTION_cert_name);
	i->force = request_option(r, OPTION_force_renewal) != NULL ||
	    request_option(r, OPTION_dry_run) != NULL;
	if ((e = check_names(j)) != NULL ||
	    (e = choose_key(r, j, &i->key_given)) != NULL ||
	    (e = request_server(r, j, j->m->cfg->server)) != NULL ||
	    (e = request_fill(r, j, i->client)) != NULL)
		return e;
	j->preferred_chain = strdup(chain != NULL ? chain :
	    j->m->cfg->preferred_chain);
	return j->preferred_chain == NULL ? err_sys("request") : NULL;
}

/* ---- which lineage ---- */

/* Whether the certificate has exactly the job's names. Sets are small, and
 * without duplicates: the message table and certctl saw to that. */
static bool
same_names(const struct entry *x, const struct job *j)
{
	size_t i, k;

	if (x->n_names != j->n_names)
		return false;
	for (i = 0; i < x->n_names; i++) {
		for (k = 0; k < j->n_names; k++)
			if (strcmp(x->names[i], j->names[k]) == 0)
				break;
		if (k == j->n_names)
			return false;
	}
	return true;
}

static struct entry *
by_name(const struct catalog *c, const char *lineage)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (strcmp(c->entries[i].lineage, lineage) == 0)
			return &c->entries[i];
	return NULL;
}

static struct entry *
by_names(const struct catalog *c, const struct job *j)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (same_names(&c->entries[i], j))
			return &c->entries[i];
	return NULL;
}

/* The entry that the job renews, NULL for a new lineage; j->lineage is set. */
static struct err *
choose_lineage(struct issue *i, const struct catalog *c, struct entry **out)
{
	struct job *j = i->job;
	struct entry *x;
	const char *why;

	if (i->cert_name != NULL &&
	    (why = lineage_name_problem(str_of(i->cert_name))) != NULL)
		return err_new("--cert-name %s: %s", i->cert_name, why);
	if (i->cert_name != NULL)
		x = by_name(c, i->cert_name);
	else if ((x = by_names(c, j)) == NULL &&
	    (x = by_name(c, j->lineage)) != NULL && x->problem == NULL)
		return err_advise(err_new("there is a certificate %s already, "
		    "with other names", x->lineage), "--cert-name %s gives it "
		    "the new names, another --cert-name makes one beside it",
		    x->lineage);
	if (x != NULL || i->cert_name != NULL) {
		free(j->lineage);
		j->lineage = strdup(x != NULL ? x->lineage : i->cert_name);
		if (j->lineage == NULL)
			return err_sys("request");
	}
	*out = x;
	return x == NULL || x->problem == NULL || x->is_damaged ? NULL :
	    err_advise(err_new("certificate %s is broken: %s", x->lineage,
	    x->problem), "certctl repair %s", x->lineage);
}

/* Is there nothing to do? Then the client is told, and true. */
static bool
is_kept(struct issue *i, const struct entry *x)
{
	struct msg m = { .type = MSG_kept };
	char reason[128], when[TEXT_TIME_SIZE];

	if (x == NULL || i->force || x->is_damaged || !same_names(x, i->job) ||
	    time(NULL) >= entry_renew_after(x))
		return false;
	(void)snprintf(reason, sizeof(reason), "not due for renewal before %s",
	    text_time(when, entry_renew_after(x)));
	m.kept.lineage = str_of(x->lineage);
	m.kept.reason = str_of(reason);
	client_send(i->client, &m);
	client_end(i->client);
	return true;
}

/* The same job is running already: follow that one. */
static bool
is_joined(struct issue *i)
{
	struct job *j = i->job, *other = job_of_lineage(j->m, j->lineage);
	size_t k;

	if (other == NULL)
		return false;
	for (k = 0; k < j->n_names && k < other->n_names; k++)
		if (strcmp(j->names[k], other->names[k]) != 0)
			break;
	if (other->kind == KIND_issue && k == j->n_names &&
	    k == other->n_names)
		client_follow(i->client, other);
	else
		client_refuse(i->client, 1, err_advise(err_new("job %u works "
		    "on %s, %s", other->id, j->lineage,
		    other->kind == KIND_issue ? "for other names" :
		    "and does something else"),
		    "wait for it: certctl watch %u", other->id));
	return true;
}

static struct err *
start(struct issue *i, struct entry *x)
{
	struct job *j = i->job;
	struct batch *b;
	struct err *e;

	if (x == NULL) {
		e = store_may_create(j->m->store, j->lineage);
	} else {
		j->files = x->files;
		x->files = NULL;
		if (!i->key_given && j->files->key_kind != 0)
			j->key_kind = j->files->key_kind;
		e = store_may_renew(j->m->store, j->files);
	}
	if (e != NULL || (e = batch_new(i->client, &b)) != NULL)
		return e;
	if ((e = batch_add(b, j)) == NULL)
		i->job = NULL;
	else
		client_error(i->client, 1, e);
	batch_go(b);
	return NULL;
}

static void
on_catalog(void *arg, struct catalog *catalog, struct err *e)
{
	struct issue *i = arg;
	struct client *c = i->client;
	struct entry *x = NULL;

	if (e == NULL)
		e = choose_lineage(i, catalog, &x);
	if (e == NULL && !is_kept(i, x) && !is_joined(i))
		e = start(i, x);
	if (e != NULL)
		client_refuse(c, 1, e);
	catalog_free(catalog);
	job_discard(i->job);
	free(i);
	client_release(c);
}

void
request_issue(struct client *c, struct request *r, struct strs names)
{
	struct issue *i = calloc(1, sizeof(*i));
	struct str base = name_base(names.v[0]);
	char lineage[NAME_MAX_BYTES + 1];
	struct err *e;

	(void)snprintf(lineage, sizeof(lineage), "%.*s", (int)base.n, base.p);
	if (i == NULL || (i->job = job_new(client_monitor(c), KIND_issue,
	    lineage,
	    names)) == NULL) {
		free(i);
		client_refuse(c, 1, err_sys("request"));
		return;
	}
	i->client = c;
	if ((e = fill_in(r, i)) != NULL) {
		job_discard(i->job);
		free(i);
		client_refuse(c, 2, e);
		return;
	}
	client_hold(c);
	catalog_read(client_monitor(c), NULL, on_catalog, i);
}
