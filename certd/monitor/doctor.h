/*
 * doctor.h - `certctl doctor`: a table of checks, each of which says what it
 * has found. For the files that hold checks; nobody else includes it.
 */
#ifndef DOCTOR_H
#define DOCTOR_H

#include "monitor.h"

/* A question to certd-dns about credentials; doctor_token.c. */
struct doctor_ask {
	LIST_ENTRY(doctor_ask) link; /* while the doctor waits */
	struct doctor *d;	     /* NULL: it does no more */
	struct event *late;
	char path[];
};

struct doctor {
	TAILQ_ENTRY(doctor) of_monitor;
	struct client *client;
	struct catalog *catalog;
	size_t at;   /* the check that is under way */
	size_t said; /* by it */
	bool is_running, goes_on;
	bool is_offline; /* nothing that needs the network */
	size_t holds;	 /* what it waits for */
	LIST_HEAD(doctor_ask_list, doctor_ask) asks;
};

/* One row a check, in doctor.c. run() says what it finds and ends with
 * doctor_done(), at once or later. It changes nothing. */
struct doctor_check {
	const char *name; /* one word, or words with dashes */
	void (*run)(struct doctor *d);
};

#define DOCTOR_TEXT_BYTES 2048 /* what acmew's messages hold, and more */

/* What was found, about subject ("" where it is about the whole). todo is a
 * command or a sentence, or "". Texts are cut to what a message takes. */
void		 doctor_say(struct doctor *d, enum verdict result,
		    const char *subject, const char *todo, const char *found,
		    ...) ERR_PRINTF(5, 6);
/* The same as a finding of that check. */
void		 doctor_say_as(struct doctor *d, const char *check,
		    enum verdict result, const char *subject, const char *todo,
		    const char *found, ...) ERR_PRINTF(6, 7);
/* The same with an error (freed), and its advice as what to do. */
void		 doctor_say_err(struct doctor *d, enum verdict result,
		    const char *subject, struct err *e);
/* This check is over. */
void		 doctor_done(struct doctor *d);
/* The checks that take time are begun together and call no doctor_done(): each
 * thing that is waited for, with a deadline, holds the doctor, and releases it
 * once. */
void		 doctor_hold(struct doctor *d);
void		 doctor_release(struct doctor *d);

struct monitor	*doctor_monitor(const struct doctor *d);
/* The store, read when the doctor began. A check may not keep it. */
const struct catalog *doctor_catalog(const struct doctor *d);

/* ---- doctor_tree.c: what certbot, people and backups left ---- */
void		 doctor_check_store(struct doctor *d);
void		 doctor_check_certificates(struct doctor *d);
void		 doctor_check_remains(struct doctor *d);

/* ---- doctor_accounts.c ---- */
void		 doctor_check_accounts(struct doctor *d);

/* ---- doctor_token.c ---- */
void		 doctor_check_token(struct doctor *d);
/* Nobody waits for the answers any more: certd leaves. */
void		 doctor_asks_end(struct doctor *d);

/* ---- doctor_net.c: what acmew sees ---- */
void		 doctor_check_network(struct doctor *d);
/* At the names of the certificates and at these. */
void		 doctor_look_at(struct doctor *d, struct strs zones);

#endif
