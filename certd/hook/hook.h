/*
 * hook.h - everything that certd-hook can do.
 *
 * Three kinds of processes. The front (front.c, output.c) speaks with the
 * monitor and reads what hooks print; it is locked in. The launcher
 * (launcher.c) was forked before the first foreign byte came and is not locked
 * in, because hooks inherit what it is; it takes fixed-size requests of the
 * front. For each hook it forks a watcher (watcher.c), which starts it, keeps
 * its time and reports its end; it outlives everybody else, so that a deploy is
 * never torn in the middle because certd was restarted.
 */
#ifndef HOOK_H
#define HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "sandbox.h"
#include "text.h"

/* The bounds of message hook_run. */
#define COMMAND_MAX_BYTES 4096
#define LINEAGE_MAX_BYTES 4096
#define RENEWED_MAX_BYTES 32768 /* 100 names of 253 bytes */
#define FAILED_MAX_BYTES  16384
#define TIMEOUT_MAX_SECS  86400

/* From the front to the launcher; texts end with a NUL. */
struct hook_request {
	uint32_t id;
	uint32_t timeout_secs;
	uint32_t check; /* 1: do not run it, say whether it could be run */
	char command[COMMAND_MAX_BYTES + 1];
	char lineage[LINEAGE_MAX_BYTES + 1];
	char renewed[RENEWED_MAX_BYTES + 1];
	char failed[FAILED_MAX_BYTES + 1];
};

enum hook_event {
	HOOK_STARTED = 1, /* the end to read its output from comes along */
	HOOK_ENDED = 2
};

/* From launcher and watchers to the front. */
struct hook_report {
	uint32_t event; /* enum hook_event */
	uint32_t id;
	uint32_t status;    /* exit status, 128 + n where signal n ended it */
	uint32_t timed_out; /* 0 or 1 */
	int32_t error;	    /* errno where it could not be started, else 0 */
};

/* ---- launcher.c ---- */
/* Forks the launcher, which gets one end of a socket pair; *fd is the other. To
 * be called before anything is read, and with nothing open that a hook's parent
 * should not have: the launcher closes all but descriptors 0 to 2. */
struct err	*launcher_start(int *fd);
/* Sends a report, with a descriptor (-1: none). Nobody may be there to read
 * it: that is no error. */
void		 report_send(int fd, const struct hook_report *r, int passed);

/* ---- watcher.c ---- */
/* In a process of its own, forked by the launcher: runs the hook to its end.
 * front is the socket for reports, sigchld a signalfd. */
void		 watch_hook(const struct hook_request *q, int front,
		    int sigchld);

/* ---- command.c ---- */
/* The search path of hooks. */
#define HOOK_PATH \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
/* The shell's exit statuses for what it cannot run and cannot find. */
#define HOOK_REFUSED   126
#define HOOK_NOT_FOUND 127
/* 0 where the program that command begins with may be run as root: it and the
 * folders that it lies in are root's alone. Otherwise an exit status, and why.
 * One that is not there is a problem only where must_be_there is set. */
int		 command_problem(const char *command, bool must_be_there,
		    char *why, size_t size);

/* ---- output.c: what a hook prints, as lines for a text field ---- */
#define OUTPUT_MAX_BYTES (64 * 1024) /* that are forwarded of one hook */
#define LINE_MAX_BYTES	 1024	     /* of message hook_output */

struct output {
	void (*emit)(void *arg, struct str line);
	void *arg;
	char line[LINE_MAX_BYTES];
	size_t n;	   /* bytes in line */
	size_t taken;	   /* of OUTPUT_MAX_BYTES */
	uint64_t dropped;  /* what came behind them; its end is in tail */
	char tail[LINE_MAX_BYTES];
	size_t tail_n;
};
void		 output_add(struct output *o, const char *p, size_t n);
/* The rest of the last line; where not all was forwarded, how much was not, and
 * its last line: a hook says at the end what went wrong. */
void		 output_end(struct output *o);

/* ---- front.c ---- */
struct event_base;
struct front;
/* Speaks with the monitor on monitor_fd and the launcher on launcher_fd (both
 * taken). The loop is left when either is gone. */
struct err	*front_new(struct event_base *base, int monitor_fd,
		    int launcher_fd, struct front **out);
/* What the process leaves with. */
int		 front_status(const struct front *f);
void		 front_free(struct front *f);

extern const struct sandbox hook_jail;

#endif
