/*
 * catalog.c - what is in the store: every lineage with what its certificate
 * says.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    the administrator's files; what the signer found in certificates.
 * Promise:  a broken lineage is an entry that says so, and stops no other; the
 *           ledger's word about a certificate counts only for that very file.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "monitor.h"
#include "queue.h"

#define SLICE	    64 /* lineages between two looks at other events */
#define FLYING_MAX  64 /* entries that wait for the signer */

/* A catalogue being made. */
struct reading {
	TAILQ_ENTRY(reading) link;
	struct monitor *m;
	struct catalog *catalog;
	size_t next;   /* entry to read */
	size_t flying; /* questions without an answer */
	struct event *more;
	catalog_done *done; /* NULL: nobody waits any more */
	void *arg;
};

/* One question to the signer. */
struct inspection {
	struct reading *reading;
	struct entry *entry;
};

void
catalog_free(struct catalog *c)
{
	size_t i, k;

	if (c == NULL)
		return;
	for (i = 0; i < c->n; i++) {
		struct entry *x = &c->entries[i];

		for (k = 0; k < x->n_names; k++)
			free(x->names[k]);
		free(x->names);
		free(x->names_text);
		free(x->lineage);
		free(x->problem);
		free(x->serial);
		free(x->issuer);
		free(x->key_id);
		free(x->sha256);
		lineage_free(x->files);
	}
	free(c->entries);
	free(c);
}

char *
entry_names_text(const struct entry *x)
{
	size_t i, n = 1;
	char *text, *p;

	for (i = 0; i < x->n_names; i++)
		n += strlen(x->names[i]) + 1;
	if ((text = calloc(1, n)) == NULL)
		return NULL;
	for (p = text, i = 0; i < x->n_names; i++)
		p += sprintf(p, "%s%s", i == 0 ? "" : " ", x->names[i]);
	return text;
}

/* "a b c" as the entry's names. */
static struct err *
split_names(struct entry *x, const char *text)
{
	size_t n = 1;
	const char *p;
	char *copy, *name, *rest;

	for (p = text; *p != '\0'; p++)
		n += *p == ' ';
	x->names = calloc(n, sizeof(*x->names));
	copy = rest = strdup(text);
	if (x->names == NULL || copy == NULL) {
		free(copy);
		return err_sys("names");
	}
	while ((name = strsep(&rest, " ")) != NULL)
		if (*name != '\0' &&
		    (x->names[x->n_names] = strdup(name)) != NULL)
			x->n_names++;
	free(copy);
	return NULL;
}

/* What the ledger knows about this very file. */
static struct err *
on_index(void *arg, const struct ledger_index *row)
{
	struct entry *x = arg;

	x->names_text = strdup(row->names);
	x->serial = strdup(row->serial);
	x->issuer = strdup(row->issuer);
	x->key_id = strdup(row->key_id);
	x->sha256 = strdup(row->sha256);
	x->key_kind = row->key_kind;
	x->not_before = row->not_before;
	x->not_after = row->not_after;
	return split_names(x, row->names);
}

static struct err *
learn(struct entry *x, const struct msg_cert_info *c)
{
	char *names = known_names(c->names), *serial = str_dup(c->serial),
	    *issuer = str_dup(c->issuer), *key_id = str_dup(c->key_id),
	    *sha256 = str_dup(c->sha256);
	struct ledger_index row = { .names = names, .serial = serial,
		.issuer = issuer, .key_id = key_id, .sha256 = sha256,
		.key_kind = c->key_kind, .not_before = (time_t)c->not_before,
		.not_after = (time_t)c->not_after };
	struct err *e = NULL;

	if (names == NULL || serial == NULL || issuer == NULL ||
	    key_id == NULL || sha256 == NULL)
		e = err_sys("certificate");
	if (e == NULL)
		e = on_index(x, &row);
	x->is_new = e == NULL;
	free(names);
	free(serial);
	free(issuer);
	free(key_id);
	free(sha256);
	return e;
}

static struct err *
on_revocation(void *arg, const struct ledger_revocation *r)
{
	struct entry *x = arg;

	x->revoked_at = r->time;
	x->reason = r->reason;
	return NULL;
}

/* Whether we have had it revoked. */
static struct err *
look_revocation(struct monitor *m, struct entry *x)
{
	return x->serial == NULL ? NULL : ledger_revocation_get(m->ledger,
	    x->serial, on_revocation, x);
}

static void
mark_broken(struct entry *x, struct err *e)
{
	if (x->problem == NULL)
		x->problem = strdup(err_text(e));
	err_free(e);
}

/* What the signer has found is kept, for the next time: one write for all. */
static struct err *
keep(struct monitor *m, const struct catalog *c)
{
	struct err *e = NULL;
	size_t i, n = 0;

	for (i = 0; i < c->n; i++)
		n += c->entries[i].is_new;
	if (n == 0 || (e = ledger_begin_lazy(m->ledger)) != NULL)
		return e;
	for (i = 0; e == NULL && i < c->n; i++) {
		const struct entry *x = &c->entries[i];

		if (x->is_new)
			e = ledger_index_put(m->ledger, &(struct ledger_index) {
			    x->lineage, x->files->identity, x->names_text,
			    x->serial, x->issuer, x->key_id, x->sha256,
			    x->key_kind, x->not_before, x->not_after });
	}
	return ledger_end(m->ledger, e);
}

/* Without those that turned out not to exist. */
static void
compact(struct catalog *c)
{
	size_t i, n = 0;

	for (i = 0; i < c->n; i++)
		if (c->entries[i].is_gone)
			free(c->entries[i].lineage);
		else
			c->entries[n++] = c->entries[i];
	c->n = n;
}

static void
free_reading(struct reading *r)
{
	TAILQ_REMOVE(&r->m->readings, r, link);
	event_free(r->more);
	free(r);
}

static void
finish(struct reading *r)
{
	compact(r->catalog);
	log_err(LOG_LEVEL_WARN, keep(r->m, r->catalog));
	r->done(r->arg, r->catalog, NULL);
	free_reading(r);
}

void
catalog_abandon(struct monitor *m)
{
	struct reading *r, *next;

	TAILQ_FOREACH_SAFE(r, &m->readings, link, next) {
		r->done(r->arg, NULL, err_new("certd is leaving"));
		r->done = NULL;
		if (r->flying > 0)
			continue; /* the signer's answers still come here */
		catalog_free(r->catalog);
		free_reading(r);
	}
	catalog_parts_abandon(m);
}

/* By the loop, which looks at everybody else before: event_active() would have us
 * go on first. */
static void
soon(const struct reading *r)
{
	static const struct timeval at_once = { 0, 0 };

	if (event_add(r->more, &at_once) == -1)
		event_active(r->more, EV_TIMEOUT, 0);
}

static void
on_looked(void *arg, const struct msg_cert_info *info, struct err *e)
{
	struct inspection *i = arg;
	struct reading *r = i->reading;
	struct entry *x = i->entry;
	struct err *failure = info == NULL ? NULL : learn(x, info);

	x->is_damaged = info != NULL && failure == NULL && e != NULL;
	if (failure == NULL)
		failure = look_revocation(r->m, x);
	if (e != NULL) {
		x->is_new = false; /* damaged: looked at again next time */
		mark_broken(x, e);
	}
	if (failure != NULL)
		mark_broken(x, err_wrap(failure, "%s",
		    x->files->paths[PEM_CERT]));
	free(i);
	r->flying--;
	if (r->done != NULL) {
		soon(r);
	} else if (r->flying == 0) {
		catalog_free(r->catalog);
		free_reading(r);
	}
}

static struct err *
inspect(struct reading *r, struct entry *x)
{
	struct inspection *i = calloc(1, sizeof(*i));

	if (i == NULL)
		return err_sys("certificate");
	i->reading = r;
	i->entry = x;
	r->flying++;
	lineage_look(r->m, x->files, x->files->current, on_looked, i);
	return NULL;
}

/* Fills one entry, at once or through the signer. */
static void
read_entry(struct reading *r, struct entry *x)
{
	bool found = false;
	struct err *e;

	if ((e = lineage_load(r->m->store, x->lineage, &x->files)) != NULL) {
		x->is_gone = err_errno(e) == ENOENT;
		if (x->is_gone)
			err_free(e);
		else
			mark_broken(x, e);
		return;
	}
	if (x->files->problem != NULL) {
		x->problem = strdup(x->files->problem);
		return;
	}
	e = ledger_index_get(r->m->ledger, x->lineage, &x->files->identity,
	    &found, on_index, x);
	if (e == NULL && found)
		e = look_revocation(r->m, x);
	else if (e == NULL)
		e = inspect(r, x);
	if (e != NULL)
		mark_broken(x, e);
}

/* Reads on, a slice at a time: jobs go on beside a large store. */
static void
on_more(evutil_socket_t fd, short what, void *arg)
{
	struct reading *r = arg;
	size_t n;

	(void)fd;
	(void)what;
	for (n = 0; n < SLICE && r->flying < FLYING_MAX &&
	    r->next < r->catalog->n; n++)
		read_entry(r, &r->catalog->entries[r->next++]);
	if (r->next == r->catalog->n && r->flying == 0)
		finish(r);
	else if (r->flying < FLYING_MAX && r->next < r->catalog->n)
		soon(r);
}

/* An entry for each name, of which nothing else is known yet. */
static struct catalog *
blank_catalog(const struct store_names *names)
{
	struct catalog *c = calloc(1, sizeof(*c));
	size_t i;

	if (c == NULL || (c->entries = calloc(names->n + 1,
	    sizeof(*c->entries))) == NULL)
		goto fail;
	for (i = 0; i < names->n; i++, c->n++)
		if ((c->entries[i].lineage = strdup(names->v[i])) == NULL)
			goto fail;
	return c;
fail:
	catalog_free(c);
	return NULL;
}

void
catalog_read_names(struct monitor *m, const struct store_names *names,
    catalog_done *done, void *arg)
{
	struct reading *r = calloc(1, sizeof(*r));

	if (r == NULL || (r->catalog = blank_catalog(names)) == NULL ||
	    (r->more = event_new(m->base, -1, 0, on_more, r)) == NULL) {
		if (r != NULL)
			catalog_free(r->catalog);
		free(r);
		done(arg, NULL, err_new("read the store: out of memory"));
		return;
	}
	r->m = m;
	r->done = done;
	r->arg = arg;
	TAILQ_INSERT_TAIL(&m->readings, r, link);
	soon(r);
}

void
catalog_read(struct monitor *m, const char *only, catalog_done *done,
    void *arg)
{
	char *one = (char *)(uintptr_t)only;
	struct store_names names = { &one, 1 };
	struct err *e = NULL;

	if (only == NULL)
		e = store_lineages(m->store, &names);
	if (e != NULL)
		done(arg, NULL, err_wrap(e, "read the store"));
	else
		catalog_read_names(m, &names, done, arg);
	if (only == NULL)
		store_names_clear(&names);
}

enum cert_status
entry_status(const struct entry *x, time_t now)
{
	if (x->problem != NULL)
		return CERT_BROKEN;
	if (x->revoked_at != 0)
		return CERT_REVOKED;
	return x->not_after <= now ? CERT_EXPIRED : CERT_VALID;
}
