/*
 * touch.c - whether somebody may do something to what is there already: with a
 * [policy], a certificate belongs to those who may have one for its names, and the
 * account to those who may have any.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    who asks, as the kernel says; the name of a lineage.
 * Promise:  whoever is bound by the policy removes, replaces, revokes or stops
 *           nothing of others.
 */
#include <errno.h>
#include <stdlib.h>

#include "monitor.h"

/* A request, until it is known whose certificate it is about. */
struct touch {
	struct client *client;
	char *lineage;
	uint32_t number;
	touch_go *go;
};

struct err *
client_may_touch(const struct client *c, const struct entry *x)
{
	struct err *e = NULL;
	struct str name;
	size_t i;

	if (!client_is_bound(c))
		return NULL;
	if (x->n_names == 0)
		return err_mark(err_advise(err_new("%s cannot be read, so that "
		    "nobody can say whether the policy gives it to you",
		    x->lineage), "ask root to do it"), EACCES);
	for (i = 0; e == NULL && i < x->n_names; i++) {
		name = str_of(x->names[i]);
		e = client_may(c, (struct strs) { &name, 1 }, 0, NULL);
	}
	return err_wrap(e, "%s is not yours to change", x->lineage);
}

struct err *
client_may_stop(const struct client *c, const struct job *j)
{
	struct err *e;

	if (j->n_names == 0)
		return client_may_account(c, j->server);
	e = client_may(c, (struct strs) { j->name_strs, j->n_names }, 0, NULL);
	return err_wrap(e, "job %u is not yours to change", j->id);
}

/* "*" is covered by no pattern but the one that gives every name. */
struct err *
client_may_account(const struct client *c, const char *server)
{
	struct str any = str_of("*");
	struct err *e = client_may(c, (struct strs) { &any, 1 }, 0, server);

	if (err_errno(e) != EACCES)
		return e;
	err_free(e);
	return err_mark(err_advise(err_new("the account is everybody's: with a "
	    "policy it is changed by root, and by those to whom a rule gives "
	    "every name (names = *)"), "ask root to do it"), EACCES);
}

static void
finish(struct touch *t)
{
	struct client *c = t->client;

	free(t->lineage);
	free(t);
	client_release(c);
}

static void
on_catalog(void *arg, struct catalog *catalog, struct err *e)
{
	struct touch *t = arg;

	if (e == NULL && catalog->n == 0)
		e = err_advise(err_new("there is no certificate named %s",
		    t->lineage), "certctl list shows what there is");
	if (e == NULL)
		e = client_may_touch(t->client, &catalog->entries[0]);
	catalog_free(catalog);
	if (e != NULL)
		client_refuse(t->client, request_status(e), e);
	else
		t->go(t->client, str_of(t->lineage), t->number);
	finish(t);
}

void
request_touch(struct client *c, struct str lineage, uint32_t number,
    touch_go *go)
{
	struct touch *t;

	if (!client_is_bound(c)) {
		go(c, lineage, number);
		return;
	}
	if ((t = calloc(1, sizeof(*t))) == NULL ||
	    (t->lineage = str_dup(lineage)) == NULL) {
		free(t);
		client_refuse(c, 1, err_sys("policy"));
		return;
	}
	client_hold(c);
	t->client = c;
	t->number = number;
	t->go = go;
	catalog_read(client_monitor(c), t->lineage, on_catalog, t);
}
