/*
 * cmd_issue.c - certctl issue: a certificate for the names given.
 *
 * Runs in:  certctl (the caller).
 */
#include <stdlib.h>

#include "certctl.h"

struct err *
cmd_issue(struct session *s)
{
	const struct names *names = &s->inv->names;
	const struct aim aim = { .good = "issued",
		.bad = "failed",
		.detach = invocation_has(s->inv, OPT_detach) };
	struct msg m = { .type = MSG_issue };
	struct str *v;
	struct err *e;
	size_t i;

	if (names->n == 0)
		return session_fail(s, EXIT_USAGE,
		    err_advise(err_new("issue "
				       "needs names"),
			"certctl issue -d NAME -d NAME ..."));
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
