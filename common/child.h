/* child.h - what the processes that certd starts have in common. */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>

#include "err.h"

struct event;
struct event_base;

/* The socket to the monitor. */
#define MONITOR_FD 3

struct child {
	const char *name;	 /* of the program */
	bool takes_config;	 /* it has an option --config */
	const char *config_file; /* borrowed from argv; NULL without */
	bool jail_kill;
	struct event_base *base;
	struct event *sigterm;
};

/* Reads the options. Returns -1 to go on, else the exit status. */
int		 child_options(struct child *c, int argc, char **argv);
/* Opens the log, empties the environment, since nothing in it counts, and checks
 * that certd is there. */
struct err	*child_begin(const struct child *c);
/* Makes the loop, which SIGTERM ends; before the jail. */
struct err	*child_make_loop(struct child *c);
struct err	*child_run_loop(struct child *c);
/* Good after any failure. */
void		 child_clear(struct child *c);

#endif
