/*
 * cmd_delete.c - certctl delete: a certificate and its history go away.
 *
 * Runs in:  certctl (the caller).
 * Input:    facts of certd.
 * Promise:  on a terminal nothing goes without a yes.
 */
#define _GNU_SOURCE /* asprintf */
#include <stdlib.h>
#include <string.h>

#include "certctl.h"

struct deletion {
	struct session *s;
	bool is_known;
	char *about; /* the certificate in a few words */
	struct facts facts;
};

static struct err *
on_row(void *arg, const struct msg *m)
{
	struct deletion *d = arg;
	char validity[VALIDITY_BYTES] = "BROKEN";
	size_t i;
	FILE *f;
	size_t n;

	if (m->row.status != CERT_BROKEN)
		validity_text(validity, m, time(NULL));
	free(d->about);
	if ((f = open_memstream(&d->about, &n)) == NULL)
		return err_sys("delete");
	for (i = 0; i < m->row.names.n; i++)
		fprintf(
		    f, "%.*s ", (int)m->row.names.v[i].n, m->row.names.v[i].p);
	fprintf(f, "(%s)", validity);
	if (fclose(f) == EOF)
		return err_sys("delete");
	d->is_known = true;
	return NULL;
}

static struct err *
ignore_fact(void *arg, const struct msg *m)
{
	(void)arg;
	(void)m;
	return NULL;
}

/* A person is shown what would go, and asked. */
static struct err *
confirm(struct deletion *d, const char *name, bool *yes)
{
	static const struct answer answers[] = { { MSG_row, on_row },
		{ MSG_fact, ignore_fact } };
	const struct conversation c = { answers, 2, d, NULL };
	struct msg m = { .type = MSG_show };
	char *question;
	struct err *e;

	m.show.lineage = str_of(name);
	if ((e = session_ask(d->s, &m, &c)) != NULL) {
		if (d->s->status != EXIT_FAILED)
			return e;
		err_free(e); /* remains without a renewal file */
		d->s->status = EXIT_DONE;
	}
	session_again(d->s);
	if (asprintf(&question,
		"Delete certificate %s%s%s, its keys and all its "
		"versions? Servers that are set up to use its files will not "
		"start without them.",
		name, d->is_known ? ", " : "",
		d->is_known ? d->about : "") == -1)
		return err_sys("delete");
	e = ask_yes_no(d->s, question, false, yes);
	free(question);
	return e;
}

static struct err *
on_fact(void *arg, const struct msg *m)
{
	struct deletion *d = arg;

	if (str_is(m->fact.key, "waiting")) {
		print_waiting(d->s, m->fact.value);
		return NULL;
	}
	if (!d->s->json && str_is(m->fact.key, "left"))
		fputs("Left: ", d->s->out);
	else if (!d->s->json)
		fputs("Deleted: ", d->s->out);
	else
		return facts_add(&d->facts, m->fact.key, m->fact.value);
	print_text(d->s->out, m->fact.value);
	fputc('\n', d->s->out);
	return NULL;
}

static struct err *delete (struct deletion *d, const char *name)
{
	static const struct answer answers[] = { { MSG_fact, on_fact } };
	const struct conversation c = { answers, 1, d, NULL };
	struct msg m = { .type = MSG_delete };
	struct err *e;

	m.delete.lineage = str_of(name);
	if ((e = session_ask(d->s, &m, &c)) == NULL && d->s->json)
		e = json_print(d->s->out, facts_json(&d->facts));
	return e;
}

struct err *
cmd_delete(struct session *s)
{
	const char *name = s->inv->values[OPTION_cert_name];
	struct deletion d = { .s = s };
	struct err *e = NULL;
	bool yes = true;

	if (name == NULL)
		name = s->inv->argument;
	if (name == NULL ||
	    (s->inv->argument != NULL && strcmp(name, s->inv->argument) != 0))
		return session_fail(s, EXIT_USAGE,
		    err_advise(err_new("delete needs the name of one "
				       "certificate"),
			"certctl delete --cert-name NAME; certctl list shows "
			"what there is"));
	if (is_interactive(s))
		e = confirm(&d, name, &yes);
	if (e == NULL && yes)
		e = delete (&d, name);
	else if (e == NULL)
		e = err_new("nothing was deleted");
	free(d.about);
	facts_clear(&d.facts);
	return e;
}
