/*
 * owed.c - deploy hooks that have still to succeed: what is told about them,
 * and `certctl deploy`.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    the ledger's rows; the name of a certificate from certctl.
 * Promise:  a hook that failed is seen by whoever looks at certd, until it has
 *           succeeded or is configured no more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "monitor.h"

#define TEXT_BYTES 1800 /* of a field of 2048 */

/* ---- the hooks of one certificate ---- */

static struct err *
take(void *arg, const struct ledger_owed *row)
{
	struct owed_list *o = arg;
	char **v;

	if (strcmp(row->command, OWED_ALL) == 0) {
		o->all = true;
		return NULL;
	}
	if ((v = reallocarray(o->v, o->n + 1, sizeof(*v))) == NULL)
		return err_sys("deploy hooks");
	o->v = v;
	if ((v[o->n] = strdup(row->command)) == NULL)
		return err_sys("deploy hooks");
	o->n++;
	return NULL;
}

struct err *
owed_read(struct monitor *m, const char *lineage, struct owed_list *out)
{
	*out = (struct owed_list) { .lineage = lineage };
	return ledger_owed_each(m->ledger, lineage, take, out);
}

bool
owed_has(void *arg, const char *command)
{
	const struct owed_list *o = arg;
	size_t i;

	for (i = 0; i < o->n; i++)
		if (strcmp(o->v[i], command) == 0)
			return true;
	return false;
}

struct err *
owed_forget(struct monitor *m, const struct owed_list *o,
    const struct hooks *h)
{
	struct err *e = NULL;
	size_t i;

	for (i = 0; i < o->n && e == NULL; i++) {
		if (hooks_has(h, o->v[i]))
			continue;
		log_info("%s: deploy hook %s is configured no more: not run "
		    "again", o->lineage, o->v[i]);
		e = ledger_owed_remove(m->ledger, o->lineage, o->v[i]);
	}
	return e;
}

void
owed_clear(struct owed_list *o)
{
	while (o->n > 0)
		free(o->v[--o->n]);
	free(o->v);
	o->v = NULL;
}

bool
owed_any(struct monitor *m, const char *lineage)
{
	struct owed_list o;
	bool any;

	log_err(LOG_LEVEL_ERROR, owed_read(m, lineage, &o));
	any = o.all || o.n > 0;
	owed_clear(&o);
	return any;
}

/* ---- before a renewal ---- */

static struct err *
sweep(void *arg, const struct ledger_owed *row)
{
	struct monitor *m = arg;

	return lineage_exists(m->store, row->lineage) ?
	    ledger_seen_remove(m->ledger, row->lineage) :
	    ledger_owed_remove(m->ledger, row->lineage, row->command);
}

void
owed_sweep(struct monitor *m)
{
	log_err(LOG_LEVEL_ERROR, ledger_owed_each(m->ledger, "", sweep, m));
}

/* ---- told ---- */

/* One of them as a sentence. */
static void
describe(const struct ledger_owed *row, char out[TEXT_BYTES])
{
	char when[TEXT_TIME_SIZE], cut[1200], text[TEXT_BYTES];

	(void)text_escape(cut, sizeof(cut), row->text, strlen(row->text));
	if (row->count == 0)
		(void)snprintf(text, sizeof(text), "deploy hook%s %.1000s: "
		    "certd ended before it had run",
		    strcmp(row->command, OWED_ALL) == 0 ? "s" : "",
		    row->command);
	else
		(void)snprintf(text, sizeof(text), "%s (failed %u time%s, "
		    "last %s)", cut, row->count, row->count == 1 ? "" : "s",
		    text_time(when, row->last));
	(void)text_escape(out, TEXT_BYTES, text, strlen(text));
}

static struct err *
keep_first(void *arg, const struct ledger_owed *row)
{
	char **out = arg, text[TEXT_BYTES];

	if (*out != NULL)
		return NULL;
	describe(row, text);
	return (*out = strdup(text)) == NULL ? err_sys("deploy hooks") : NULL;
}

struct err *
owed_text(struct monitor *m, const char *lineage, char **out)
{
	*out = NULL;
	return ledger_owed_each(m->ledger, lineage, keep_first, out);
}

static struct err *
tell(void *arg, const struct ledger_owed *row)
{
	char text[TEXT_BYTES], whole[TEXT_BYTES + 1024];

	describe(row, text);
	(void)snprintf(whole, sizeof(whole), "%s: %s; it runs again at the "
	    "next certctl renew, or now with certctl deploy %s", row->lineage,
	    text, row->lineage);
	client_fact(arg, "deploy_failed", whole);
	return NULL;
}

struct err *
owed_tell(struct client *c, const char *lineage)
{
	return ledger_owed_each(client_monitor(c)->ledger, lineage, tell, c);
}

/* ---- certctl deploy ---- */

struct request_deploy {
	struct client *client;
	char *lineage;
};

static void
free_request(void *arg)
{
	struct request_deploy *r = arg;
	struct client *c = r->client;

	free(r->lineage);
	free(r);
	client_release(c);
}

static void
on_deployed(void *arg, const struct err *e, size_t run, size_t failed)
{
	struct request_deploy *r = arg;
	struct msg m = { .type = MSG_deployed };

	if (e != NULL) {
		client_hook_failed(r->client, r->lineage, e, true);
		return;
	}
	m.deployed.lineage = str_of(r->lineage);
	m.deployed.run = (uint32_t)run;
	m.deployed.failed = (uint32_t)failed;
	client_send(r->client, &m);
	client_end(r->client);
	free_request(r);
}

/* Why it cannot be now. */
static struct err *
check(struct request_deploy *r, const struct catalog *catalog)
{
	struct monitor *m = client_monitor(r->client);
	const struct job *j = job_of_lineage(m, r->lineage);

	if (catalog->n == 0)
		return err_advise(err_new("there is no certificate named %s",
		    r->lineage), "certctl list shows what there is");
	if (catalog->entries[0].problem != NULL)
		return err_advise(err_new("certificate %s is broken: %s",
		    r->lineage, catalog->entries[0].problem),
		    "certctl show %s tells more", r->lineage);
	if (j != NULL)
		return err_advise(err_new("job %u works on %s, and runs its "
		    "deploy hooks at the end", j->id, r->lineage),
		    "wait for it: certctl watch %u", j->id);
	if (deploy_is_running(m, r->lineage))
		return err_new("the deploy hooks of %s are running already",
		    r->lineage);
	return NULL;
}

static void
on_catalog(void *arg, struct catalog *catalog, struct err *e)
{
	struct request_deploy *r = arg;
	struct client *c = r->client;
	const struct request *options = client_request(c);
	struct deploy d = { .lineage = r->lineage, .drop = free_request };
	char *names = NULL;

	if (e == NULL)
		e = check(r, catalog);
	if (e == NULL &&
	    (names = entry_names_text(&catalog->entries[0])) == NULL)
		e = err_sys("deploy");
	if (e == NULL) {
		d.names = names;
		d.kept = catalog->entries[0].files->deploy_hook;
		d.no_folder = request_option(options,
		    OPTION_no_directory_hooks) != NULL;
		audit_client(c, r->lineage, "deploy", "asked", "all of its "
		    "deploy hooks");
		e = deploy_start(client_monitor(c), &d, on_deployed, r);
	}
	free(names);
	catalog_free(catalog);
	if (e != NULL) {
		client_refuse(c, 1, e);
		free_request(r);
	}
}

void
request_deploy(struct client *c, struct str lineage)
{
	struct request_deploy *r = calloc(1, sizeof(*r));

	if (r == NULL || (r->lineage = str_dup(lineage)) == NULL) {
		free(r);
		client_refuse(c, 1, err_sys("deploy"));
		return;
	}
	r->client = c;
	client_hold(c);
	catalog_read(client_monitor(c), r->lineage, on_catalog, r);
}
