/*
 * cmd_status.c - certctl status: how certd is, and what it is doing.
 *
 * Runs in:  certctl (the caller).
 * Input:    facts of certd.
 */
#include "certctl.h"

static struct err *
on_fact(void *arg, const struct msg *m)
{
	return facts_add(arg, m->fact.key, m->fact.value);
}

struct err *
cmd_status(struct session *s)
{
	static const struct answer answers[] = { { MSG_fact, on_fact } };
	struct facts facts = { NULL, 0 };
	const struct conversation c = { answers, 1, &facts, NULL };
	struct msg m = { .type = MSG_status };
	struct err *e = session_ask(s, &m, &c);

	if (e == NULL && s->json)
		e = json_print(s->out, facts_json(&facts));
	else if (e == NULL)
		facts_print(&facts, s->out, 0);
	facts_clear(&facts);
	return e;
}
