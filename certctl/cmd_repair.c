/*
 * cmd_repair.c - certctl repair: a certificate that is broken is made whole,
 * after a word about what will be done.
 *
 * Runs in:  certctl (the caller).
 * Input:    facts of certd.
 * Promise:  nothing is changed without a yes, or -n.
 */
#include "certctl.h"

struct reparation {
	struct session *s;
	struct facts facts;
	size_t n_steps;
	bool is_whole;
};

/* What certd tells, in words. */
static const struct {
	const char *key, *label;
} labels[] = {
	{ "found", "Found" },
	{ "damaged", "Damaged" },
	{ "would", "To do" },
	{ "done", "Done" },
	{ "whole", "Nothing to repair" },
};

static void
print(const struct session *s, const struct msg *m)
{
	size_t i;

	for (i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		if (str_is(m->fact.key, labels[i].key))
			fprintf(s->out, "%s: ", labels[i].label);
	print_text(s->out, m->fact.value);
	fputc('\n', s->out);
}

static struct err *
on_fact(void *arg, const struct msg *m)
{
	struct reparation *r = arg;

	if (str_is(m->fact.key, "waiting")) {
		print_waiting(r->s, m->fact.value);
		return NULL;
	}
	r->is_whole = r->is_whole || str_is(m->fact.key, "whole");
	if (r->s->json)
		return facts_add(&r->facts, m->fact.key, m->fact.value);
	print(r->s, m);
	return NULL;
}

static struct err *
ask_certd(struct reparation *r, bool plan_only)
{
	static const struct answer answers[] = { { MSG_fact, on_fact } };
	const struct conversation c = { answers, 1, r, NULL };
	struct msg m = { .type = MSG_repair };

	m.repair.lineage = str_of(r->s->inv->argument);
	m.repair.plan_only = plan_only;
	return session_ask(r->s, &m, &c);
}

/* The plan is shown. Is it to be carried out? */
static struct err *
confirm(struct reparation *r, bool *yes)
{
	struct session *s = r->s;

	*yes = false;
	if (r->is_whole || invocation_has(s->inv, OPTION_dry_run))
		return NULL;
	*yes = invocation_has(s->inv, OPT_non_interactive);
	if (*yes)
		return NULL;
	if (!is_interactive(s))
		return err_advise(err_new("nothing was changed: there is no "
					  "terminal to ask at"),
		    "certctl repair -n %s does it", s->inv->argument);
	return ask_yes_no(s, "Do this?", true, yes);
}

struct err *
cmd_repair(struct session *s)
{
	struct reparation r = { .s = s };
	bool yes = false;
	struct err *e;

	if ((e = ask_certd(&r, true)) == NULL)
		e = confirm(&r, &yes);
	if (e == NULL && yes) {
		session_again(s);
		facts_clear(&r.facts);
		e = ask_certd(&r, false);
	}
	if (e == NULL && s->json)
		e = json_print(s->out, facts_json(&r.facts));
	facts_clear(&r.facts);
	return e;
}
