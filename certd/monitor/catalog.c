/*
 * catalog.c - what is in the store: every lineage with what its certificate
 * says.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    the administrator's files; what the signer found in certificates.
 * Promise:  a broken lineage is an entry that says so, and stops no other; the
 *           ledger's word about a certificate counts only for that very file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "monitor.h"

/* A catalogue being made. The last question answered hands it over. */
struct reading {
	struct monitor *m;
	struct catalog *catalog;
	size_t pending;
	catalog_done *done;
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

	x->serial = strdup(row->serial);
	x->issuer = strdup(row->issuer);
	x->key_id = strdup(row->key_id);
	x->sha256 = strdup(row->sha256);
	x->key_kind = row->key_kind;
	x->not_before = row->not_before;
	x->not_after = row->not_after;
	return split_names(x, row->names);
}

/* The signer's answer as one text, separated by spaces. A SAN with a space in
 * it is no DNS name, and such a certificate none of ours. */
static char *
join(struct strs names)
{
	size_t i, n = 1;
	char *text, *p;

	for (i = 0; i < names.n; i++)
		n += names.v[i].n + 1;
	if ((text = p = calloc(1, n)) == NULL)
		return NULL;
	for (i = 0; i < names.n; i++)
		p += sprintf(p, "%s%.*s", i == 0 ? "" : " ",
		    (int)names.v[i].n, names.v[i].p);
	return text;
}

static struct err *
learn(struct monitor *m, struct entry *x, const struct msg_cert_info *c)
{
	char *names = join(c->names), *serial = str_dup(c->serial),
	    *issuer = str_dup(c->issuer), *key_id = str_dup(c->key_id),
	    *sha256 = str_dup(c->sha256);
	struct ledger_index row = { .lineage = x->lineage,
		.file = x->files->identity, .names = names, .serial = serial,
		.issuer = issuer, .key_id = key_id, .sha256 = sha256,
		.key_kind = c->key_kind, .not_before = (time_t)c->not_before,
		.not_after = (time_t)c->not_after };
	struct err *e = NULL;

	if (names == NULL || serial == NULL || issuer == NULL ||
	    key_id == NULL || sha256 == NULL)
		e = err_sys("certificate");
	if (e == NULL)
		e = ledger_index_put(m->ledger, &row);
	if (e == NULL)
		e = on_index(x, &row);
	free(names);
	free(serial);
	free(issuer);
	free(key_id);
	free(sha256);
	return e;
}

static void
mark_broken(struct entry *x, struct err *e)
{
	if (x->problem == NULL)
		x->problem = strdup(err_text(e));
	err_free(e);
}

static void
finish_one(struct reading *r)
{
	if (--r->pending > 0)
		return;
	r->done(r->arg, r->catalog, NULL);
	free(r);
}

static void
on_inspected(void *arg, const struct msg *answer, struct err *e)
{
	struct inspection *i = arg;

	if (e == NULL)
		e = learn(i->reading->m, i->entry, &answer->cert_info);
	if (e != NULL)
		mark_broken(i->entry, err_wrap(e, "%s",
		    i->entry->files->paths[PEM_CERT]));
	finish_one(i->reading);
	free(i);
}

static struct err *
inspect(struct reading *r, struct entry *x)
{
	struct msg m = { .type = MSG_cert_inspect };
	struct inspection *i;
	struct err *e;
	int fd;

	if ((e = lineage_open_cert(r->m->store, x->files, &fd)) != NULL)
		return e;
	if ((i = calloc(1, sizeof(*i))) == NULL) {
		close(fd);
		return err_sys("certificate");
	}
	i->reading = r;
	i->entry = x;
	e = peer_ask(r->m->signer, &m, fd, MSG_cert_info, on_inspected, i);
	close(fd);
	if (e == NULL)
		r->pending++;
	else
		free(i);
	return e;
}

/* Fills one entry, at once or through the signer. */
static void
read_entry(struct reading *r, struct entry *x)
{
	bool found = false;
	struct err *e;

	if ((e = lineage_load(r->m->store, x->lineage, &x->files)) != NULL) {
		mark_broken(x, e);
		return;
	}
	if (x->files->problem != NULL) {
		x->problem = strdup(x->files->problem);
		return;
	}
	e = ledger_index_get(r->m->ledger, x->lineage, &x->files->identity,
	    &found, on_index, x);
	if (e == NULL && !found)
		e = inspect(r, x);
	if (e != NULL)
		mark_broken(x, e);
}

/* The lineages to read: all of the store, or one. */
static struct err *
make_entries(struct monitor *m, const char *only, struct catalog *c)
{
	struct store_names names = { 0 };
	struct err *e;
	size_t i;

	if ((e = store_lineages(m->store, &names)) != NULL)
		return e;
	c->entries = calloc(names.n + 1, sizeof(*c->entries));
	for (i = 0; c->entries != NULL && i < names.n; i++)
		if (only == NULL || strcmp(only, names.v[i]) == 0)
			if ((c->entries[c->n].lineage =
			    strdup(names.v[i])) != NULL)
				c->n++;
	store_names_clear(&names);
	return c->entries == NULL ? err_sys("catalogue") : NULL;
}

void
catalog_read(struct monitor *m, const char *only, catalog_done *done,
    void *arg)
{
	struct reading *r = calloc(1, sizeof(*r));
	struct err *e;
	size_t i;

	if (r == NULL) {
		done(arg, NULL, err_sys("read the store"));
		return;
	}
	if ((r->catalog = calloc(1, sizeof(*r->catalog))) == NULL)
		e = err_sys("catalogue");
	else
		e = make_entries(m, only, r->catalog);
	if (e != NULL) {
		catalog_free(r->catalog);
		free(r);
		done(arg, NULL, err_wrap(e, "read the store"));
		return;
	}
	r->m = m;
	r->done = done;
	r->arg = arg;
	r->pending = 1; /* our own hand, until all are asked for */
	for (i = 0; i < r->catalog->n; i++)
		read_entry(r, &r->catalog->entries[i]);
	finish_one(r);
}

enum cert_status
entry_status(const struct entry *x, time_t now)
{
	if (x->problem != NULL)
		return CERT_BROKEN;
	return x->not_after <= now ? CERT_EXPIRED : CERT_VALID;
}
