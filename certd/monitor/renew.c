/*
 * renew.c - everything that is due, renewed as it was issued.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    the store; options from certctl.
 * Promise:  a broken or failing lineage stops no other, and one that failed a
 *           short while ago is left alone until its time has come.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "monitor.h"
#include "names.h"

#define DAY_SECS 86400
#define PRESSING_DAYS 10

/* A request to renew, while the catalogue is read. */
struct renew {
	struct client *client;
	struct request *request;
	struct batch *batch;
	const char *cert_name; /* NULL: all */
	bool force, dry_run, no_folder, brief;
	bool is_found; /* any certificate */
};

static void
keep(struct renew *r, const char *lineage, enum kept_state state,
    const char *reason)
{
	struct msg m = { .type = MSG_kept };

	if (r->brief && state != KEPT_PRESSING)
		return;
	m.kept.state = state;
	m.kept.lineage = str_of(lineage);
	m.kept.reason = str_of(reason);
	client_send(r->client, &m);
}

/* It is not due. */
static void
keep_until(void *arg, const char *lineage, time_t renew_after)
{
	const struct renew *r = arg;
	char reason[128], when[TEXT_TIME_SIZE];

	if (r->brief)
		return; /* a hundred thousand texts that nobody wants */
	if (renew_after == INT64_MAX)
		(void)snprintf(reason, sizeof(reason), "autorenew is switched "
		    "off in its renewal file");
	else
		(void)snprintf(reason, sizeof(reason), "not due for renewal "
		    "before %s", text_time(when, renew_after));
	keep(arg, lineage, KEPT_FINE, reason);
}

/* A lineage that cannot even be tried. */
static void
fail(struct renew *r, const char *lineage, struct err *e)
{
	struct msg m = { .type = MSG_result };
	char name[201], text[8192], advice[2048];

	log_error("renew %s: %s", lineage, err_text(e));
	/* Names of files may hold anything; messages do not. */
	(void)text_escape(name, sizeof(name), lineage, strlen(lineage));
	(void)text_escape(text, sizeof(text), err_text(e),
	    strlen(err_text(e)));
	(void)text_escape(advice, sizeof(advice), err_advice(e),
	    strlen(err_advice(e)));
	m.result.lineage = str_of(name);
	m.result.ok = false;
	m.result.denied = request_status(e) == 3;
	m.result.text = str_of(text);
	m.result.advice = str_of(advice);
	client_send(r->client, &m);
	err_free(e);
}

/* So near its end that somebody must hear of it, however often it has failed:
 * ten days, or a quarter of a short life. */
static bool
is_pressing(const struct entry *x)
{
	time_t life = x->not_after - x->not_before, near = life / 4;

	if (near > PRESSING_DAYS * DAY_SECS)
		near = PRESSING_DAYS * DAY_SECS;
	return x->not_after != 0 && time(NULL) > x->not_after - near;
}

static void
keep_waiting(struct renew *r, const struct entry *x, const struct failure *f)
{
	char end[TEXT_TIME_SIZE], last[TEXT_TIME_SIZE], next[TEXT_TIME_SIZE],
	    reason[512] = "";
	bool pressing = is_pressing(x);
	int n = 0;

	if (pressing)
		n = snprintf(reason, sizeof(reason), "its certificate ends %s; ",
		    text_time(end, x->not_after));
	(void)snprintf(reason + n, sizeof(reason) - (size_t)n, "failed %u times "
	    "in a row, last %s (%.200s); tried again after %s, at once with "
	    "--force-renewal", f->count, text_time(last, f->last), f->text,
	    text_time(next, f->retry_at));
	keep(r, x->lineage, pressing ? KEPT_PRESSING : KEPT_WAITING, reason);
}

/* Has it failed so recently that trying again would only make it worse? Then
 * the client is told. */
static bool
is_backed_off(struct renew *r, const struct entry *x)
{
	struct failure f;
	bool wait;

	log_err(LOG_LEVEL_WARN, failure_look(client_monitor(r->client),
	    x->files->server, x->names, x->n_names, &f));
	wait = f.count > 0 && f.retry_at > time(NULL);
	if (wait)
		keep_waiting(r, x, &f);
	free(f.text);
	return wait;
}

/* Is it to be renewed now? Otherwise the client is told why not. */
static bool
is_wanted(struct renew *r, const struct entry *x)
{
	if (r->force)
		return true;
	if (!x->files->autorenew) {
		keep_until(r, x->lineage, INT64_MAX);
		return false;
	}
	if (x->is_damaged) { /* a new version is the cure */
		log_warn("%s is damaged, and renewed therefore: %s",
		    x->lineage, x->problem);
		return !is_backed_off(r, x);
	}
	if (time(NULL) < entry_renew_after(x)) {
		keep_until(r, x->lineage, entry_renew_after(x));
		return false;
	}
	return !is_backed_off(r, x);
}

/* Why certd cannot renew it, although it is due. */
static struct err *
unrenewable(const struct entry *x)
{
	if (strcmp(x->files->authenticator, "dns-cloudflare") != 0)
		return err_advise(err_new("its authenticator is \"%s\"; only "
		    "dns-cloudflare is served", x->files->authenticator),
		    "issue it again: certctl issue --cert-name %s "
		    "--force-renewal -d ...", x->lineage);
	return NULL;
}

/* The job that renews x as its renewal file says; its files move into it. */
static struct err *
make_job(struct renew *r, struct entry *x, struct job **out)
{
	struct monitor *m = client_monitor(r->client);
	struct str names[NAMES_MAX];
	struct wanted wish = { .server = "" };
	struct job *j;
	struct err *e;
	size_t i;

	request_wish(r->request, &wish);
	wish.server = request_has(r->request, OPTION_staging) ?
	    ACME_SERVER_STAGING : request_option(r->request, OPTION_server);
	if (wish.server == NULL)
		wish.server = x->files->server;
	if ((e = choose_key_conflict(&wish, x)) != NULL ||
	    (e = choose_trial_conflict(&wish, x, time(NULL))) != NULL)
		return e;
	for (i = 0; i < x->n_names && i < NAMES_MAX; i++)
		names[i] = str_of(x->names[i]);
	j = job_new(m, KIND_issue, x->lineage, (struct strs) { names, i });
	if (j == NULL)
		return err_sys("renew");
	j->files = x->files;
	x->files = NULL;
	j->renews = true;
	e = request_server(r->request, j, *j->files->server != '\0' ?
	    j->files->server : m->cfg->server);
	if (e == NULL)
		e = request_fill(r->request, j, r->client);
	if (e == NULL && is_compromised(x))
		j->new_key = true; /* whatever reuse_key says */
	if (e == NULL)
		e = request_complete(r->request, j);
	if (e == NULL && (e = request_permitted(r->client, j, x)) != NULL)
		audit_client(r->client, x->lineage, "request", "refused",
		    "renew: %s", err_text(e));
	if (e == NULL)
		e = store_may_renew(m->store, j->files);
	if (e == NULL) {
		*out = j;
		return NULL;
	}
	job_discard(j);
	return e;
}

/* Its last deploy hooks failed, and it is not renewed now: they run again. */
static void
redeploy(struct renew *r, const struct entry *x)
{
	struct monitor *m = client_monitor(r->client);
	struct err *e;

	if (r->dry_run || x->files == NULL || x->problem != NULL ||
	    !owed_any(m, x->lineage) ||
	    job_of_lineage(m, x->lineage) != NULL ||
	    deploy_is_running(m, x->lineage))
		return;
	if ((e = batch_redeploy(r->batch, x, r->no_folder)) != NULL)
		fail(r, x->lineage, e);
}

static void
consider(struct renew *r, struct entry *x)
{
	struct job *j = NULL, *other;
	struct err *e;

	if (x->problem != NULL && !x->is_damaged) {
		fail(r, x->lineage, err_advise(err_new("broken: %s",
		    x->problem), "certctl repair %s", x->lineage));
		return;
	}
	other = job_of_lineage(client_monitor(r->client), x->lineage);
	if (other != NULL && other->kind != KIND_issue) {
		keep(r, x->lineage, KEPT_FINE,
		    "another job works on it; certctl status tells");
		return;
	}
	if (other != NULL) {
		client_follow(r->client, other); /* joined */
		return;
	}
	if (!is_wanted(r, x))
		return;
	if ((e = unrenewable(x)) != NULL || (e = make_job(r, x, &j)) != NULL ||
	    (e = batch_add(r->batch, j)) != NULL) {
		job_discard(j);
		fail(r, x->lineage, e);
	}
}

/* Some of those that may be due. */
static void
on_part(void *arg, struct catalog *catalog)
{
	struct renew *r = arg;
	size_t i;

	glance_learn(client_monitor(r->client), catalog);
	r->is_found |= catalog->n > 0;
	for (i = 0; i < catalog->n; i++) {
		consider(r, &catalog->entries[i]);
		redeploy(r, &catalog->entries[i]);
	}
}

static void
on_end(void *arg, struct err *e)
{
	struct renew *r = arg;
	struct client *c = r->client;

	if (e == NULL && r->cert_name != NULL && !r->is_found)
		e = err_advise(err_new("there is no certificate named %s",
		    r->cert_name), "certctl list shows what there is");
	if (e != NULL && client_monitor(c)->leaving) {
		client_refuse(c, 1, e);
	} else {
		if (e != NULL)
			client_error(c, 1, e);
		batch_go(r->batch); /* what was found until then */
	}
	free(r);
	client_release(c);
}

/* It ends before the store was read. */
static void
give_up(struct renew *r, struct err *e)
{
	struct client *c = r->client;

	free(r);
	client_refuse(c, 1, e);
	client_release(c);
}

static const struct catalog_user user = { on_part, on_end, NULL };

/* Only what has changed, or may be due, or has hooks to run, is read. */
static struct err *
choose(struct renew *r, struct store_names *names)
{
	struct monitor *m = client_monitor(r->client);

	*names = (struct store_names) { 0 };
	if (r->cert_name != NULL)
		return store_names_add(names, r->cert_name);
	if (r->force)
		return store_lineages(m->store, names);
	owed_sweep(m);
	return glance_take(m, time(NULL), keep_until, r, names);
}

static void
on_hooks(void *arg, struct err *e)
{
	struct renew *r = arg;
	struct store_names names = { 0 };

	if (e == NULL && (e = choose(r, &names)) == NULL)
		e = batch_new(r->client, r->no_folder, &r->batch);
	if (e == NULL)
		catalog_read_parts(client_monitor(r->client), &names, &user, r);
	else
		give_up(r, e);
	store_names_clear(&names);
}

/* By a clock that was never set nothing becomes due, and no CA is believed. */
static struct err *
check_clock(void)
{
	time_t now = time(NULL);
	char text[TEXT_TIME_SIZE];

	if (now >= CLOCK_BORN)
		return NULL;
	return err_advise(err_new("this machine's clock says %s: what is due "
	    "cannot be known", text_time(text, now)), "set it: timedatectl "
	    "set-ntp true");
}

void
request_renew(struct client *c, struct request *request)
{
	struct renew *r;
	struct err *e;

	if ((e = request_check(request, client_monitor(c)->cfg)) != NULL) {
		client_refuse(c, 2, e);
		return;
	}
	if ((e = check_clock()) != NULL) {
		client_refuse(c, 1, e);
		return;
	}
	if ((r = calloc(1, sizeof(*r))) == NULL) {
		client_refuse(c, 1, err_sys("renew"));
		return;
	}
	r->client = c;
	r->request = request;
	r->cert_name = request_option(request, OPTION_cert_name);
	r->force = request_option(request, OPTION_force_renewal) != NULL ||
	    request_option(request, OPTION_dry_run) != NULL;
	r->dry_run = request_option(request, OPTION_dry_run) != NULL;
	r->no_folder = client_monitor(c)->cfg->no_directory_hooks ||
	    request_option(request, OPTION_no_directory_hooks) != NULL;
	r->brief = request_option(request, OPTION_brief) != NULL;
	client_hold(c);
	hooks_check(c, request, on_hooks, r);
}
