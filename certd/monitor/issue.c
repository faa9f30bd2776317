/*
 * issue.c - an administrator's wish for a certificate becomes a job, or is
 * answered with why it does not.
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
	const struct request *request;
	struct job *job; /* as far as it is known */
	const struct entry *replaced; /* what is there; NULL: nothing */
	struct wanted wish;
};

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
fill_in(struct issue *i)
{
	struct job *j = i->job;
	struct err *e;

	if ((e = check_names(j)) != NULL ||
	    (e = request_check(i->request, j->m->cfg)) != NULL ||
	    (e = request_server(i->request, j, j->m->cfg->server)) != NULL ||
	    (e = request_fill(i->request, j, i->client)) != NULL)
		return e;
	request_wish(i->request, &i->wish);
	i->wish.names = (struct strs) { j->name_strs, j->n_names };
	i->wish.server = j->server;
	return NULL;
}

/* ---- what becomes of it ---- */

static void
tell_question(struct issue *i, enum question_kind about, const char *lineage,
    const struct err *why)
{
	struct msg m = { .type = MSG_question };

	audit_client(i->client, lineage, "request", "refused",
	    "asked back: %s", err_text(why));
	m.question.about = about;
	m.question.lineage = str_of(lineage);
	m.question.text = str_of(err_text(why));
	m.question.advice = str_of(err_advice(why));
	client_send(i->client, &m);
	client_end(i->client);
}

static void
tell_kept(struct issue *i, const struct entry *x)
{
	struct msg m = { .type = MSG_kept };
	char reason[192], when[TEXT_TIME_SIZE];

	(void)snprintf(reason, sizeof(reason), "not due for renewal before %s; "
	    "--force-renewal renews it now", text_time(when,
	    entry_renew_after(x)));
	m.kept.state = KEPT_FINE;
	m.kept.lineage = str_of(x->lineage);
	m.kept.reason = str_of(reason);
	client_send(i->client, &m);
	client_end(i->client);
}

/* The lineage of the job: that of the entry, whose files move into the job, or a
 * new one. */
static struct err *
name_job(struct issue *i, struct decision *v)
{
	struct job *j = i->job;
	struct entry *x = v->entry;
	struct err *e = NULL;
	char *name;

	if (x != NULL)
		name = strdup(x->lineage);
	else
		name = str_dup(v->name);
	if (name != NULL && x == NULL && v->numbered) {
		free(name);
		e = store_new_name(j->m->store, i->wish.cert_name != NULL ?
		    i->wish.cert_name : j->names[0], true, &name);
	}
	if (e != NULL || name == NULL)
		return e != NULL ? e : err_sys("request");
	free(j->lineage);
	j->lineage = name;
	if (x == NULL)
		return NULL;
	j->files = x->files;
	x->files = NULL;
	return NULL;
}

/* The names of the certificate, where none were given. */
static struct err *
name_names(struct issue *i, const struct entry *x)
{
	struct str names[NAMES_MAX];
	size_t n;

	if (i->job->n_names > 0)
		return NULL;
	for (n = 0; n < x->n_names && n < NAMES_MAX; n++)
		names[n] = str_of(x->names[n]);
	i->wish.names.n = 0;
	return job_set_names(i->job, (struct strs) { names, n }) ?
	    check_names(i->job) : err_sys("request");
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

/* A new account needs a person's consent: asked for before anything begins. */
static bool
lacks_consent(struct issue *i)
{
	struct job *j = i->job;
	struct account *a = NULL;
	struct err *e;
	bool lacks;

	if (j->agree_tos)
		return false;
	e = account_find(j->m->store, j->server, j->account_wanted != NULL ?
	    j->account_wanted : "", &a);
	lacks = e == NULL && a == NULL;
	account_free(a);
	err_free(e); /* the job meets it too, and tells */
	if (!lacks)
		return false;
	e = err_advise(err_new("there is no account at %s yet, and a new one "
	    "needs your consent to the CA's terms of service", j->server),
	    "read them at the CA (Let's Encrypt: https://letsencrypt.org/"
	    "repository/), then give --agree-tos, or set agree-tos = true in "
	    "the section [acme] of certd.conf");
	tell_question(i, QUESTION_TERMS, j->lineage, e);
	err_free(e);
	return true;
}

static struct err *
start(struct issue *i)
{
	struct job *j = i->job;
	struct batch *b;
	struct err *e;

	if (i->replaced != NULL && is_compromised(i->replaced))
		j->new_key = true;
	if ((e = request_complete(i->request, j)) != NULL ||
	    (e = request_permitted(i->client, j, i->replaced)) != NULL ||
	    (request_option(i->request, OPTION_force_renewal) == NULL &&
	    !j->dry_run && (e = failure_forbids(j)) != NULL) ||
	    (e = j->files == NULL ? store_may_create(j->m->store, j->lineage) :
	    store_may_renew(j->m->store, j->files)) != NULL ||
	    (e = batch_new(i->client, j->no_folder_hooks, &b)) != NULL)
		return e;
	if ((e = batch_add(b, j)) == NULL)
		i->job = NULL;
	else
		client_error(i->client, 1, e);
	batch_go(b);
	return NULL;
}

static struct err *
carry_out(struct issue *i, struct decision *v)
{
	struct err *e;

	i->replaced = v->entry;
	if (v->choice == CHOICE_ASK) {
		tell_question(i, v->about, v->entry->lineage, v->why);
		return NULL;
	}
	if (v->choice == CHOICE_KEEP) {
		tell_kept(i, v->entry);
		return NULL;
	}
	if ((v->entry != NULL && (e = name_names(i, v->entry)) != NULL) ||
	    (e = name_job(i, v)) != NULL)
		return e;
	return is_joined(i) || lacks_consent(i) ? NULL : start(i);
}

static void
on_catalog(void *arg, struct catalog *catalog, struct err *e)
{
	struct issue *i = arg;
	struct client *c = i->client;
	struct decision v = { .why = NULL };

	if (e == NULL)
		e = choose_certificate(&i->wish, catalog, time(NULL), &v);
	if (e == NULL)
		e = carry_out(i, &v);
	if (e != NULL)
		client_refuse(c, request_status(e), e);
	err_free(v.why);
	catalog_free(catalog);
	job_discard(i->job);
	free(i);
	client_release(c);
}

static void
on_hooks(void *arg, struct err *e)
{
	struct issue *i = arg;
	struct client *c = i->client;

	if (e == NULL) {
		catalog_read_related(client_monitor(c),
		    i->wish.cert_name != NULL ? str_of(i->wish.cert_name) :
		    name_base(i->wish.names.v[0]), i->wish.names, on_catalog,
		    i);
		return;
	}
	job_discard(i->job);
	free(i);
	client_refuse(c, 1, e);
	client_release(c);
}

void
request_issue(struct client *c, struct request *r, struct strs names)
{
	struct issue *i = calloc(1, sizeof(*i));
	struct err *e;

	if (i == NULL ||
	    (i->job = job_new(client_monitor(c), KIND_issue, "",
	    names)) == NULL) {
		free(i);
		client_refuse(c, 1, err_sys("request"));
		return;
	}
	i->client = c;
	i->request = r;
	if ((e = fill_in(i)) != NULL) {
		job_discard(i->job);
		free(i);
		client_refuse(c, 2, e);
		return;
	}
	client_hold(c);
	hooks_check(c, r, on_hooks, i);
}
