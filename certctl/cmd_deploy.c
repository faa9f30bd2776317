/*
 * cmd_deploy.c - certctl deploy: the deploy hooks of a certificate, now.
 *
 * Runs in:  certctl (the caller).
 */
#include "certctl.h"

struct deploy {
	struct session *s;
	json_t *failures;
	uint32_t run, failed;
};

static struct err *
on_hook_failed(void *arg, const struct msg *m)
{
	struct deploy *d = arg;

	return hook_failure(d->s, m, d->failures);
}

static struct err *
on_deployed(void *arg, const struct msg *m)
{
	struct deploy *d = arg;

	d->run = m->deployed.run;
	d->failed = m->deployed.failed;
	if (d->failed > 0)
		d->s->status = EXIT_FAILED;
	hook_deployed(d->s, m);
	return NULL;
}

/* Hooks take their time: as long as certd lives, there is no hurry. */
static void
on_tick(void *arg)
{
	(void)arg;
}

struct err *
cmd_deploy(struct session *s)
{
	static const struct answer answers[] = {
		{ MSG_hook_failed, on_hook_failed },
		{ MSG_deployed, on_deployed },
	};
	struct deploy d = { .s = s, .failures = json_array() };
	const struct conversation c = { answers, 2, &d, on_tick };
	struct msg m = { .type = MSG_deploy };
	struct err *e;

	if (d.failures == NULL)
		return err_new("JSON: out of memory");
	m.deploy.lineage = str_of(s->inv->argument);
	e = session_ask(s, &m, &c);
	if (e == NULL && s->json)
		e = json_print(
		    s->out, json_pack("{ss si si sO}", "name", s->inv->argument,
				"run", (int)d.run, "failed", (int)d.failed,
				"hook_failures", d.failures));
	json_decref(d.failures);
	return e;
}
