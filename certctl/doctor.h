/*
 * doctor.h - `certctl doctor`: what certctl itself looks at, before it asks
 * certd. For the files that hold checks; nobody else includes it.
 */
#ifndef CERTCTL_DOCTOR_H
#define CERTCTL_DOCTOR_H

#include "certctl.h"

struct doctor;

/* One row a check, in cmd_doctor.c: of what certd cannot see (it may open its
 * own folders only). run() says what it finds and changes nothing. */
struct doctor_check {
	const char *name; /* one word, or words with dashes */
	struct err *(*run)(struct doctor *d);
};

/* What was found, about subject ("" where it is about the whole). todo is a
 * command or a sentence, or "". An error where it cannot be shown. */
struct err	*doctor_say(struct doctor *d, enum verdict result,
		    const char *subject, const char *todo, const char *found,
		    ...) ERR_PRINTF(5, 6);

/* Whether --socket names another certd than that of this machine's settings. */
bool		 doctor_is_elsewhere(const struct doctor *d);

/* ---- doctor_system.c: what certd needs of the machine ---- */
struct err	*doctor_check_clock(struct doctor *d);
struct err	*doctor_check_jails(struct doctor *d);
struct err	*doctor_check_users(struct doctor *d);
struct err	*doctor_check_sockets(struct doctor *d);
struct err	*doctor_check_token(struct doctor *d);
struct err	*doctor_check_space(struct doctor *d);

/* ---- doctor_cron.c: what else calls renew ---- */
struct err	*doctor_check_cron(struct doctor *d);

#endif
