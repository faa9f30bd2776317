/*
 * cmd_issue.c - certctl issue: a certificate for the names given.
 *
 * Runs in:  certctl (the caller).
 */
#include <stdlib.h>
#include <string.h>

#include "certctl.h"

/* "*.x" covers "www.x"; Let's Encrypt refuses an order that has both. */
static bool
is_covered(const struct names *names, const char *name)
{
	const char *parent = strchr(name, '.');
	size_t i;

	if (parent == NULL || name[0] == '*')
		return false;
	for (i = 0; i < names->n; i++)
		if (names->v[i][0] == '*' &&
		    strcmp(names->v[i] + 1, parent) == 0)
			return true;
	return false;
}

static void
warn_of_redundant_names(struct session *s, const struct names *names)
{
	size_t i;

	if (invocation_has(s->inv, OPT_quiet))
		return;
	for (i = 0; i < names->n; i++)
		if (is_covered(names, names->v[i]))
			fprintf(s->err,
			    "certctl: warning: %s is covered by *%s already; "
			    "Let's Encrypt refuses an order for both\n",
			    names->v[i], strchr(names->v[i], '.'));
}

struct err *
cmd_issue(struct session *s)
{
	const struct names *names = &s->inv->names;
	bool dry = invocation_has(s->inv, OPTION_dry_run);
	const struct aim aim = { .good = dry ? "tried out" : "issued",
		.bad = "failed",
		.detach = invocation_has(s->inv, OPT_detach),
		.detailed = invocation_has(s->inv, OPT_detailed) && !dry };
	struct msg m = { .type = MSG_issue };
	struct str *v;
	struct err *e;
	size_t i;

	if (names->n == 0 && !invocation_has(s->inv, OPTION_cert_name))
		return session_fail(s, EXIT_USAGE,
		    err_advise(err_new("issue needs names"),
			"certctl issue -d NAME -d NAME ..., or --cert-name "
			"NAME "
			"for one that exists"));
	if (names->n == 0) {
		m.type = MSG_issue_again;
		return follow(s, &m, &aim);
	}
	warn_of_redundant_names(s, names);
	if ((v = calloc(names->n, sizeof(*v))) == NULL)
		return err_sys("names");
	for (i = 0; i < names->n; i++)
		v[i] = str_of(names->v[i]);
	m.issue.names.v = v;
	m.issue.names.n = names->n;
	e = follow(s, &m, &aim);
	free(v);
	return e;
}
