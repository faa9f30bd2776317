/*
 * cmd_renew.c - certctl renew: everything that is due, or one certificate; and
 * certctl reconfigure: how it is renewed from now on.
 *
 * Runs in:  certctl (the caller).
 */
#include <string.h>

#include "certctl.h"

struct err *
cmd_renew(struct session *s)
{
	const struct aim aim = { .good = "renewed",
		.bad = "failed",
		.summary = true,
		.detailed = invocation_has(s->inv, OPT_detailed) };
	struct msg m = { .type = MSG_renew };

	return follow(s, &m, &aim);
}

struct err *
cmd_reconfigure(struct session *s)
{
	static const struct aim aim = { .good = "reconfigured",
		.bad = "not changed" };
	const char *name = s->inv->values[OPTION_cert_name];
	struct msg m = { .type = MSG_reconfigure };

	if (name == NULL)
		name = s->inv->argument;
	if (name == NULL ||
	    (s->inv->argument != NULL && strcmp(name, s->inv->argument) != 0))
		return session_fail(s, EXIT_USAGE,
		    err_advise(err_new("reconfigure needs the name of one "
				       "certificate"),
			"certctl reconfigure NAME --OPTION ...; certctl list "
			"shows what there is"));
	m.reconfigure.lineage = str_of(name);
	return follow(s, &m, &aim);
}
