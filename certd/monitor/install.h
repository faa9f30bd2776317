/* install.h - what install.c and storing.c share; nobody else includes it. */
#ifndef INSTALL_H
#define INSTALL_H

#include "monitor.h"

/* A chain of the CA on its way into the store. */
struct install {
	TAILQ_ENTRY(install) link; /* while it waits for the store */
	struct job *job;
	uint32_t id; /* the worker's request */
	bool is_offer;
	/* Once it is checked. */
	char *cert, *chain;
	time_t not_after;
	struct known *known;
	struct event *timer;
	unsigned tries;
	bool is_waiting;
	/* It goes into the store, whatever becomes of its job. */
	bool is_storing, is_orphan;
};

/* ---- install.c ---- */
/* The server for the next time: not the one of a dry run. */
const char	*server_of(const struct job *j);

/* ---- storing.c ---- */
/* The certificate is good, and in a dry run that is all: it is let go. in is
 * gone. */
void		 install_finish_dry(struct install *in);
void		 install_free(struct install *in);
/* Into the store, as soon as the lock is free. */
struct err	*storing_wait(struct install *in);

#endif
