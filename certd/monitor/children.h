/* children.h - the processes that certd starts before it locks itself in. */
#ifndef CHILDREN_H
#define CHILDREN_H

#include <stdbool.h>
#include <sys/types.h>

#include "config.h"
#include "err.h"

enum child_id { CHILD_SIGN, CHILD_DNS, CHILD_HOOK, CHILD_WORKER, CHILD_DISK,
	CHILD_N };

struct event_base;

struct child {
	pid_t pid; /* 0: not started, or gone */
	int fd;	   /* our end of its socket, -1: none */
	int log;   /* the pipe that is its standard error, -1: none */
	struct child_log *lines;
};

/* Forks and executes the programs of the process table, each as its own user,
 * with its own end of a socket as descriptor 3 and nothing else open. all:
 * hook runner and worker too (without a service manager). Those with an fd
 * already are left out. On error some may have been started; they end when
 * certd does. */
struct err	*children_start(const struct config *cfg,
		    const char *config_file, const char *worker_socket,
		    bool all, struct child children[CHILD_N]);
/* All absent: to be called first. */
void		 children_init(struct child children[CHILD_N]);
/* Connects to those of whom the service manager holds a socket in runtime_dir
 * (partners.c). required: a missing one is an error. */
struct err	*partners_connect(const char *runtime_dir, bool required,
		    struct child children[CHILD_N]);
/* Logs what the children write to standard error, from now on. */
struct err	*children_watch(struct event_base *base,
		    struct child children[CHILD_N]);
/* Logs their last words and stops watching. */
void		 children_unwatch(struct child children[CHILD_N]);
/* Takes note of the children that have ended; the name of one that has, or
 * NULL. Logs how it ended. */
const char	*children_reap(struct child children[CHILD_N]);
/* Waits up to secs for all to end. Their sockets must be closed by now. */
void		 children_wait(struct child children[CHILD_N], unsigned secs);

#endif
