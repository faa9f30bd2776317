/*
 * restore.c - an administrator goes back to an archived version.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    a name and a number from certctl.
 * Promise:  only a version that servers can use is shown, and renewal leaves it
 *           alone until what it replaced would have been renewed.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "monitor.h"

#define TIDY_SECS    5
#define MARGIN_PARTS 10 /* of its life: then it is renewed, held or not */

struct restoration {
	struct client *client;
	unsigned version;
	struct catalog *catalog; /* of one entry */
	time_t not_before, not_after; /* of version */
	time_t until;
};

/* ---- what live/NAME was before ---- */

static void
on_tidy(evutil_socket_t fd, short what, void *arg)
{
	struct monitor *m = arg;
	size_t i;

	(void)fd;
	(void)what;
	for (i = 0; i < m->untidy.n; i++)
		store_tidy(m->store, m->untidy.v[i]);
	store_names_clear(&m->untidy);
}

void
live_tidy_later(struct monitor *m, const char *name)
{
	struct timeval pause = { .tv_sec = TIDY_SECS };

	if (m->tidy == NULL)
		m->tidy = event_new(m->base, -1, 0, on_tidy, m);
	if (m->tidy == NULL || event_add(m->tidy, &pause) == -1)
		store_tidy(m->store, name);
	else
		log_err(LOG_LEVEL_WARN, store_names_add(&m->untidy, name));
}

void
live_tidy_now(struct monitor *m)
{
	if (m->tidy == NULL)
		return;
	on_tidy(-1, 0, m);
	event_free(m->tidy);
	m->tidy = NULL;
}

/* ---- going back ---- */

static struct entry *
entry_of(const struct restoration *r)
{
	return &r->catalog->entries[0];
}

/* The end of it; e is taken. */
static void
finish(struct restoration *r, struct err *e)
{
	struct client *c = r->client;

	if (e != NULL)
		client_refuse(c, 1, e);
	else
		client_end(c);
	catalog_free(r->catalog);
	free(r);
	client_release(c);
}

static void
tell(struct restoration *r)
{
	const struct entry *x = entry_of(r);
	struct client *c = r->client;
	char text[400], when[TEXT_TIME_SIZE];

	(void)snprintf(text, sizeof(text), "version %u of %s", r->version,
	    x->lineage);
	client_fact(c, "restored", text);
	client_fact(c, "expires", text_time(when, r->not_after));
	if (r->until != 0)
		client_fact(c, "renewal_after", text_time(when, r->until));
	(void)snprintf(text, sizeof(text), r->until != 0 &&
	    r->until <= time(NULL) ?
	    "it is due already: the next renewal replaces it" :
	    "servers show what they have read until they are reloaded: "
	    "certctl deploy %s", x->lineage);
	client_fact(c, "note", text);
}

static void
on_locked(void *arg, struct err *e)
{
	struct restoration *r = arg;
	struct monitor *m = client_monitor(r->client);
	const char *name = entry_of(r)->lineage;
	struct lineage *l = NULL;
	struct job *j;

	if (e == NULL && (j = job_of_lineage(m, name)) != NULL)
		e = err_advise(err_new("job %u works on %s", j->id, name),
		    "wait for it: certctl watch %u", j->id);
	/* As it is now: certbot may have written since it was looked at. */
	if (e == NULL && (e = lineage_load(m->store, name, &l)) == NULL) {
		audit_client(r->client, name, "restore", "begun", "version %u",
		    r->version);
		e = audit_ready(m);
	}
	if (e == NULL && (e = store_restore(m->store, l, r->version,
	    r->version == l->newest ? 0 : r->until)) == NULL) {
		audit_client(r->client, name, "restore", "done",
		    "version %u", r->version);
		live_tidy_later(m, name);
		tell(r);
	}
	lineage_free(l);
	finish(r, e);
}

/* Until when it may stay: until what it replaces would become due, but not until
 * its own end. */
static void
hold(struct restoration *r, time_t not_before, time_t not_after)
{
	struct entry as_new = *entry_of(r), as_old = as_new;
	time_t last = r->not_after -
	    (r->not_after - r->not_before) / MARGIN_PARTS;

	as_new.not_before = not_before;
	as_new.not_after = not_after;
	as_old.not_before = r->not_before;
	as_old.not_after = r->not_after;
	r->until = entry_usually_due(&as_new);
	if (r->until > last)
		r->until = last;
	if (r->until < entry_usually_due(&as_old))
		r->until = entry_usually_due(&as_old);
	lock_wait(r->client, on_locked, r);
}

/* The newest version, which it replaces for now. */
static void
on_newest(void *arg, const struct msg_cert_info *info, struct err *e)
{
	struct restoration *r = arg;

	if (info != NULL)
		hold(r, (time_t)info->not_before, (time_t)info->not_after);
	else
		hold(r, r->not_before, r->not_after);
	err_free(e); /* it is why one goes back */
}

static struct err *
on_revocation(void *arg, const struct ledger_revocation *row)
{
	(void)row;
	*(bool *)arg = true;
	return NULL;
}

/* Whether it was revoked, by us. */
static struct err *
check_revoked(struct monitor *m, struct str serial)
{
	char *text = str_dup(serial);
	bool is_revoked = false;
	struct err *e;

	if (text == NULL)
		return err_sys("restore");
	e = ledger_revocation_get(m->ledger, text, on_revocation, &is_revoked);
	free(text);
	return e == NULL && is_revoked ? err_new("it was revoked") : e;
}

static void
on_version(void *arg, const struct msg_cert_info *info, struct err *e)
{
	struct restoration *r = arg;
	struct entry *x = entry_of(r);
	char when[TEXT_TIME_SIZE];

	if (e == NULL)
		e = err_wrap(check_revoked(client_monitor(r->client),
		    info->serial), "version %u of %s", r->version, x->lineage);
	if (e != NULL) {
		finish(r, err_advise(e, "certctl show %s lists the versions",
		    x->lineage));
		return;
	}
	r->not_before = (time_t)info->not_before;
	r->not_after = (time_t)info->not_after;
	if (r->not_after <= time(NULL))
		finish(r, err_advise(err_new("version %u of %s has expired on "
		    "%s", r->version, x->lineage,
		    text_time(when, r->not_after)), "choose a newer one: "
		    "certctl show %s lists them", x->lineage));
	else
		lineage_look(client_monitor(r->client), x->files,
		    x->files->newest, on_newest, r);
}

static struct err *
check(const struct restoration *r)
{
	const struct entry *x = entry_of(r);
	unsigned versions[VERSIONS_MAX];
	struct err *e;
	size_t i, n;

	if (x->files == NULL || x->files->problem != NULL)
		return err_advise(err_new("%s is broken: %s", x->lineage,
		    x->problem), "certctl repair %s", x->lineage);
	if ((e = lineage_versions(client_monitor(r->client)->store, x->files,
	    versions, &n)) != NULL)
		return e;
	for (i = 0; i < n; i++)
		if (versions[i] == r->version)
			return NULL;
	return err_advise(err_new("%s has no version %u", x->lineage,
	    r->version), "certctl show %s lists the versions", x->lineage);
}

static void
on_catalog(void *arg, struct catalog *catalog, struct err *e)
{
	struct restoration *r = arg;

	r->catalog = catalog;
	if (e == NULL && catalog->n == 0)
		e = err_advise(err_new("there is no certificate of this name"),
		    "certctl list shows what there is");
	if (e == NULL)
		e = check(r);
	if (e != NULL)
		finish(r, e);
	else
		lineage_look(client_monitor(r->client), entry_of(r)->files,
		    r->version, on_version, r);
}

void
request_restore(struct client *c, struct str lineage, unsigned version)
{
	struct restoration *r = calloc(1, sizeof(*r));
	char *name = str_dup(lineage);

	if (r == NULL || name == NULL) {
		client_refuse(c, 1, err_sys("restore"));
		free(r);
	} else {
		r->client = c;
		r->version = version;
		client_hold(c);
		catalog_read(client_monitor(c), name, on_catalog, r);
	}
	free(name);
}
