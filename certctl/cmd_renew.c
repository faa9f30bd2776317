/*
 * cmd_renew.c - certctl renew: everything that is due, or one certificate.
 *
 * Runs in:  certctl (the caller).
 */
#include "certctl.h"

struct err *
cmd_renew(struct session *s)
{
	static const struct aim aim = { .good = "renewed",
		.bad = "failed",
		.summary = true };
	struct msg m = { .type = MSG_renew };

	return follow(s, &m, &aim);
}
