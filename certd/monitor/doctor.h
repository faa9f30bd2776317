/*
 * doctor.h - `certctl doctor`: a table of checks, each of which says what it
 * has found. For the files that hold checks; nobody else includes it.
 */
#ifndef DOCTOR_H
#define DOCTOR_H

#include "monitor.h"

struct doctor;

/* One row a check, in doctor.c. run() says what it finds and ends with
 * doctor_done(), at once or later. It changes nothing. A check that asks peers
 * or workers must have a deadline. */
struct doctor_check {
	const char *name; /* one word, or words with dashes */
	void (*run)(struct doctor *d);
};

/* What was found, about subject ("" where it is about the whole). todo is a
 * command or a sentence, or "". Texts are cut to what a message takes. */
void		 doctor_say(struct doctor *d, enum verdict result,
		    const char *subject, const char *todo, const char *found,
		    ...) ERR_PRINTF(5, 6);
/* The same with an error (freed), and its advice as what to do. */
void		 doctor_say_err(struct doctor *d, enum verdict result,
		    const char *subject, struct err *e);
/* This check is over. */
void		 doctor_done(struct doctor *d);

struct monitor	*doctor_monitor(const struct doctor *d);
/* The store, read when the doctor began. A check may not keep it. */
const struct catalog *doctor_catalog(const struct doctor *d);

/* ---- doctor_tree.c: what certbot, people and backups left ---- */
void		 doctor_check_store(struct doctor *d);
void		 doctor_check_certificates(struct doctor *d);
void		 doctor_check_remains(struct doctor *d);

/* ---- doctor_accounts.c ---- */
void		 doctor_check_accounts(struct doctor *d);

#endif
