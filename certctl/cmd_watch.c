/*
 * cmd_watch.c - certctl watch and certctl cancel: jobs that others began.
 *
 * Runs in:  certctl (the caller).
 */
#include "certctl.h"

struct err *
cmd_watch(struct session *s)
{
	const struct aim aim = { .good = "done",
		.bad = "failed",
		.all = s->inv->argument == NULL,
		.lines = true };
	struct msg m = { .type = MSG_watch };
	struct err *e;

	if (s->inv->argument != NULL &&
	    (e = job_parse(s->inv->argument, &m.watch.job)) != NULL)
		return session_fail(s, EXIT_USAGE, e);
	return follow(s, &m, &aim);
}

struct err *
cmd_cancel(struct session *s)
{
	const struct aim aim = { .good = "ended well before it could be "
					 "cancelled",
		.bad = "cancelled",
		.wants_end = true };
	struct msg m = { .type = MSG_cancel };
	struct err *e;

	if ((e = job_parse(s->inv->argument, &m.cancel.job)) != NULL)
		return session_fail(s, EXIT_USAGE, e);
	return follow(s, &m, &aim);
}
