/*
 * cmd_restore.c - certctl restore: an archived version is shown again.
 *
 * Runs in:  certctl (the caller).
 * Input:    facts of certd.
 */
#include "certctl.h"

struct restoration {
	struct session *s;
	struct facts facts;
};

static struct err *
on_fact(void *arg, const struct msg *m)
{
	struct restoration *r = arg;

	if (!str_is(m->fact.key, "waiting"))
		return facts_add(&r->facts, m->fact.key, m->fact.value);
	print_waiting(r->s, m->fact.value);
	return NULL;
}

static struct err *
usage(struct session *s)
{
	return session_fail(s, EXIT_USAGE,
	    err_advise(err_new("restore needs a name and a version"),
		"certctl restore NAME VERSION; certctl show NAME lists the "
		"versions"));
}

struct err *
cmd_restore(struct session *s)
{
	static const struct answer answers[] = { { MSG_fact, on_fact } };
	struct restoration r = { .s = s };
	const struct conversation c = { answers, 1, &r, NULL };
	struct msg m = { .type = MSG_restore };
	uint64_t version;
	struct err *e;

	if (s->inv->second == NULL ||
	    !text_number(s->inv->second, 1, 999999999, &version))
		return usage(s);
	m.restore.lineage = str_of(s->inv->argument);
	m.restore.version = (uint32_t)version;
	if ((e = session_ask(s, &m, &c)) == NULL && s->json)
		e = json_print(s->out, facts_json(&r.facts));
	else if (e == NULL)
		facts_print(&r.facts, s->out, 0);
	facts_clear(&r.facts);
	return e;
}
