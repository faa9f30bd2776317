/*
 * alias.c - a look at the challenge names before anything is published: is one
 * an alias (CNAME) that the administrator has not configured?
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    answers of name servers. Assume that they are hostile.
 * Promise:  what DNS says never decides where something is published, only that
 *           it is not; the look takes seconds at most, and without an answer
 *           the job goes on.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "order.h"

#define LOOK_MSECS 5000
#define ASKED_MAX  4

/* One name, at one address of its name servers. */
struct look {
	struct job *job;
	struct str base; /* the name behind the label, borrowed */
	char name[sizeof(CHALLENGE_LABEL) + NAME_MAX_BYTES];
	char target[256]; /* of the alias that was seen */
	struct finding *finding;
	struct server_list *list;
	const struct dns_server *at; /* who is asked */
	unsigned asked;              /* how many were */
	struct dns_query *query;
};

struct err *
alias_err(const char *name, const char *record, const char *target)
{
	bool configured = strcmp(name, record) != 0;
	struct err *e;

	if (*target == '\0')
		return err_advise(
		    err_new("%s is no alias (CNAME) of %s", name, record),
		    "add that CNAME record to the zone, or take the alias out "
		    "of the section [dns] of certd.conf");
	e = err_new("%s is an alias (CNAME) of %s%s%s%s", name, target,
	    configured ? ", not of " : "", configured ? record : "",
	    configured ? " as certd.conf says" : "");
	if (name_is_challenge(str_of(target)))
		return err_advise(e,
		    "if certd shall publish there, write into the section "
		    "[dns] of certd.conf: alias = %s -> %s",
		    name, target);
	return err_advise(e,
	    "certd writes _acme-challenge. names only: remove the CNAME, or "
	    "let it lead to such a name in a zone of the DNS provider, and "
	    "write into the section [dns] of certd.conf: alias = %s -> "
	    "_acme-challenge.NAME",
	    name);
}

void
looks_free(struct job *job)
{
	for (size_t i = 0; i < job->n_looks; i++) {
		finding_cancel(job->looks[i].finding);
		dns_cancel(job->looks[i].query);
		server_list_free(job->looks[i].list);
	}
	free(job->looks);
	job->looks = NULL;
	job->n_looks = 0;
	event_del(job->timer);
}

/* ---- one look ---- */

static void
finish(struct look *l)
{
	struct job *job = l->job;

	if (--job->n_open > 0)
		return;
	looks_free(job);
	job_step(job, JE_LOOKED);
}

/* The first address that is known to answer, or NULL. */
static const struct dns_server *
address_of(const struct look *l)
{
	struct silence *silence = &l->job->worker->silence;

	for (size_t i = 0; i < l->list->n_servers; i++)
		for (size_t j = 0; j < l->list->servers[i].n_addresses; j++)
			if (!silence_is_kept(
				silence, l->list->servers[i].addresses[j].text))
				return &l->list->servers[i].addresses[j];
	return NULL;
}

/* False where nobody can be asked. */
static bool
ask(struct look *l, const char *name, dns_done *done)
{
	l->at = address_of(l);
	if (l->at == NULL || l->asked++ == ASKED_MAX)
		return false;
	l->query =
	    dns_ask_server(l->job->worker->dns, l->at, name, DNS_TXT, done, l);
	return l->query != NULL;
}

static bool
is_alias(const struct dns_answer *a)
{
	return (a->outcome == DNS_OK || a->outcome == DNS_NONE) &&
	       a->authoritative && a->cname[0] != '\0';
}

/* A name that nobody has made leads there too: that is a wildcard, which ends
 * where our record stands. */
static void
on_neighbour(void *arg, const struct dns_answer *a)
{
	struct look *l = arg;
	struct job *job = l->job;
	struct err *e;

	l->query = NULL;
	if ((a->outcome != DNS_OK && a->outcome != DNS_NONE) ||
	    (is_alias(a) && strcmp(a->cname, l->target) == 0)) {
		finish(l);
		return;
	}
	e = alias_err(l->name, l->name, l->target);
	looks_free(job);
	job_fail(job, e);
}

static void
on_name(void *arg, const struct dns_answer *a)
{
	char neighbour[300];
	struct look *l = arg;

	l->query = NULL;
	if (a->outcome == DNS_TIMEOUT || a->outcome == DNS_UNREACHABLE) {
		silence_note(&l->job->worker->silence, l->at->text);
		if (ask(l, l->name, on_name))
			return;
	}
	if (is_alias(a)) {
		snprintf(l->target, sizeof(l->target), "%s", a->cname);
		snprintf(neighbour, sizeof(neighbour), "_certd-%08x.%.*s",
		    arc4random(), (int)l->base.n, l->base.p);
		if (ask(l, neighbour, on_neighbour))
			return;
	}
	finish(l);
}

static void
on_found(void *arg, struct server_list *list, struct err *e)
{
	struct look *l = arg;

	l->finding = NULL;
	l->list = list;
	if (e != NULL || !ask(l, l->name, on_name)) {
		err_free(e);
		finish(l);
	}
}

/* ---- all of a job ---- */

static bool
is_new(const struct job *job, struct str base)
{
	for (size_t i = 0; i < job->n_looks; i++)
		if (str_eq(job->looks[i].base, base))
			return false;
	return true;
}

static struct err *
begin(struct job *job, const struct authorization *a)
{
	struct look *l = &job->looks[job->n_looks];
	struct str to;
	char *from;
	struct err *e;

	l->job = job;
	l->base = name_base(*a->name);
	snprintf(l->name, sizeof(l->name), CHALLENGE_LABEL "%.*s",
	    (int)l->base.n, l->base.p);
	if (config_alias_of(job->worker->config, str_of(l->name), &to) ||
	    !is_new(job, l->base))
		return NULL;
	if ((from = str_dup(l->base)) == NULL)
		return err_sys("alias");
	e = finding_start(job->worker->lookups, from, false, NULL, 0, on_found,
	    l, &l->finding);
	free(from);
	if (e == NULL) {
		job->n_looks++;
		job->n_open++;
	}
	return e;
}

struct err *
look_for_aliases(struct job *job)
{
	struct err *e = NULL;

	job->n_open = 0;
	job->looks = calloc(job->n_authorizations + 1, sizeof(*job->looks));
	if (job->looks == NULL)
		return err_sys("alias");
	for (size_t i = 0; i < job->n_authorizations && e == NULL; i++)
		if (job->authorizations[i].status == PROOF_PENDING)
			e = begin(job, &job->authorizations[i]);
	if (e != NULL)
		return e;
	if (job->n_open == 0) {
		looks_free(job);
		job->raised = JE_LOOKED;
		return NULL;
	}
	return job_wake(job, LOOK_MSECS);
}
