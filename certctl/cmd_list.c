/*
 * cmd_list.c - certctl list and certctl show: the certificates of the store.
 *
 * Runs in:  certctl (the caller).
 * Input:    rows and facts of certd.
 */
#include <string.h>
#include <time.h>

#include "certctl.h"

static const char rule[] =
    "- - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - "
    "- -";

struct list {
	struct session *s;
	time_t now;
	size_t shown;
	bool is_filtered;
	json_t *certificates;
	struct facts broken; /* names and reasons, told at the end */
};

static bool
has_name(struct strs names, const char *name)
{
	size_t i;

	for (i = 0; i < names.n; i++)
		if (str_is(names.v[i], name))
			return true;
	return false;
}

/* --cert-name is that name, -d are names that it must all have. */
static bool
is_wanted(const struct invocation *inv, const struct msg *m)
{
	const char *name = inv->values[OPTION_cert_name];
	size_t i;

	if (name != NULL && !str_is(m->row.lineage, name))
		return false;
	for (i = 0; i < inv->names.n; i++)
		if (!has_name(m->row.names, inv->names.v[i]))
			return false;
	return true;
}

static struct err *
on_row(void *arg, const struct msg *m)
{
	struct list *l = arg;
	FILE *out = l->s->out;

	if (!is_wanted(l->s->inv, m))
		return NULL;
	if (l->s->json) {
		if (json_array_append_new(
			l->certificates, json_certificate(m, l->now)) == -1)
			return err_new("JSON: out of memory");
		return NULL;
	}
	if (m->row.status == CERT_BROKEN)
		return facts_add(&l->broken, m->row.lineage, m->row.last_error);
	if (l->shown++ == 0)
		fprintf(out, "%s\nFound the following %scerts:\n", rule,
		    l->is_filtered ? "matching " : "");
	print_certificate(out, m, l->now);
	return NULL;
}

static void
finish(struct list *l)
{
	FILE *out = l->s->out;

	if (l->shown == 0)
		fprintf(out, "%s\n", rule);
	if (l->shown == 0 && l->broken.n == 0)
		fputs("No certificates found.\n", out);
	if (l->broken.n > 0)
		fputs("\nThe following renewal configurations were invalid:\n",
		    out);
	facts_print(&l->broken, out, 2);
	fprintf(out, "%s\n", rule);
}

struct err *
cmd_list(struct session *s)
{
	static const struct answer answers[] = { { MSG_row, on_row } };
	struct list l = { .s = s,
		.now = time(NULL),
		.is_filtered = invocation_has(s->inv, OPTION_cert_name) ||
			       s->inv->names.n > 0 };
	const struct conversation c = { answers, 1, &l, NULL };
	struct msg m = { .type = MSG_list };
	struct err *e;

	if ((l.certificates = json_array()) == NULL)
		return err_new("JSON: out of memory");
	if ((e = session_ask(s, &m, &c)) == NULL && s->json)
		e = json_print(
		    s->out, json_pack("{sO}", "certificates", l.certificates));
	else if (e == NULL)
		finish(&l);
	json_decref(l.certificates);
	facts_clear(&l.broken);
	return e;
}

/* ---- show ---- */

struct show {
	struct session *s;
	struct facts facts; /* of certd, besides the row */
	json_t *certificate;
	time_t now;
};

static struct err *
on_shown_row(void *arg, const struct msg *m)
{
	struct show *w = arg;

	if (!w->s->json)
		return certificate_facts(&w->facts, m, w->now);
	json_decref(w->certificate);
	w->certificate = json_certificate(m, w->now);
	return NULL;
}

static struct err *
on_fact(void *arg, const struct msg *m)
{
	struct show *w = arg;

	return facts_add(&w->facts, m->fact.key, m->fact.value);
}

/* One object; the keys of the row are the ones of `list`. */
static json_t *
shown_json(struct show *w)
{
	json_t *facts = facts_json(&w->facts);

	if (w->certificate == NULL || facts == NULL ||
	    json_object_update_missing(w->certificate, facts) == -1) {
		json_decref(facts);
		return NULL;
	}
	json_decref(facts);
	return json_incref(w->certificate);
}

struct err *
cmd_show(struct session *s)
{
	static const struct answer answers[] = { { MSG_row, on_shown_row },
		{ MSG_fact, on_fact } };
	struct show w = { .s = s, .now = time(NULL) };
	const struct conversation c = { answers, 2, &w, NULL };
	struct msg m = { .type = MSG_show };
	struct err *e;

	m.show.lineage = str_of(s->inv->argument);
	if ((e = session_ask(s, &m, &c)) == NULL && s->json)
		e = json_print(s->out, shown_json(&w));
	else if (e == NULL)
		facts_print(&w.facts, s->out, 0);
	json_decref(w.certificate);
	facts_clear(&w.facts);
	return e;
}
