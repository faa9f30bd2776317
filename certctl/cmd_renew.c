/*
 * cmd_renew.c - certctl renew: everything that is due, or one certificate; and
 * certctl reconfigure: how it is renewed from now on.
 *
 * Runs in:  certctl (the caller).
 */
#include <string.h>

#include "certctl.h"
#include "names.h"

/* One certificate, named by the argument or by --cert-name. An error where both
 * are given and differ. */
static struct err *
certificate_named(const struct session *s, const char **name)
{
	const char *option = s->inv->values[OPTION_cert_name],
		   *word = s->inv->argument, *why;

	*name = option != NULL ? option : word;
	if (option != NULL && word != NULL && strcmp(option, word) != 0)
		return err_new("%s needs the name of one certificate",
		    s->inv->command->word);
	why = *name == NULL ? NULL : lineage_name_problem(str_of(*name));
	return why == NULL ? NULL : err_new("%s: %s", *name, why);
}

struct err *
cmd_renew(struct session *s)
{
	bool dry = invocation_has(s->inv, OPTION_dry_run);
	const struct aim aim = { .good = dry ? "tried out" : "renewed",
		.bad = "failed",
		.summary = true,
		.detailed = invocation_has(s->inv, OPT_detailed) && !dry };
	struct msg m = { .type = MSG_renew };
	const char *name;
	struct err *e;

	if ((e = certificate_named(s, &name)) != NULL)
		return session_fail(s, EXIT_USAGE, e);
	s->answers[OPTION_cert_name] = name;
	return follow(s, &m, &aim);
}

struct err *
cmd_reconfigure(struct session *s)
{
	const struct aim aim = { .bad = "not changed",
		.good = invocation_has(s->inv, OPTION_dry_run)
			    ? "tried out"
			    : "reconfigured" };
	struct msg m = { .type = MSG_reconfigure };
	const char *name;
	struct err *e = certificate_named(s, &name);

	if (e == NULL && name == NULL)
		e = err_new("reconfigure needs the name of one certificate");
	if (e != NULL)
		return session_fail(s, EXIT_USAGE,
		    err_advise(e, "certctl reconfigure NAME --OPTION ...; "
				  "certctl list shows what there is"));
	m.reconfigure.lineage = str_of(name);
	return follow(s, &m, &aim);
}
