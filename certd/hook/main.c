/*
 * main.c - certd-hook: runs hooks for the monitor.
 *
 * Runs in:  certd-hook (root; no network, no secrets; the only one that
 *           executes programs).
 * Input:    descriptor 3, a socket to the monitor: of the pair that it made, or
 *           a connection that the service manager has accepted.
 * Promise:  the launcher is forked before the first foreign byte is read, and
 *           the process that reads is locked in before that byte.
 */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "hook.h"
#include "log.h"
#include "root_peer.h"

struct process {
	struct event_base *base;
	struct event *sigterm;
	struct front *front;
};

static void
on_sigterm(evutil_socket_t sig, short what, void *arg)
{
	struct process *p = arg;

	(void)sig;
	(void)what;
	event_base_loopbreak(p->base);
}

/* All that needs more than the jail allows. */
static struct err *
prepare(struct process *p, int *launcher)
{
	struct err *e;

	if (fcntl(MONITOR_FD, F_GETFD) == -1)
		return err_new("descriptor 3 is not open: certd starts me");
	if ((e = root_peer_check(MONITOR_FD)) != NULL)
		return e;
	if ((e = launcher_start(launcher)) != NULL)
		return e;
	if ((p->base = event_base_new()) == NULL ||
	    (p->sigterm = evsignal_new(p->base, SIGTERM, on_sigterm, p)) ==
		NULL ||
	    event_add(p->sigterm, NULL) == -1)
		return err_new("event loop");
	/* A terminal's Ctrl-C comes to all; the monitor answers it. */
	(void)signal(SIGINT, SIG_IGN);
	return NULL;
}

static struct err *
run(struct process *p, bool kill)
{
	struct err *e;
	int launcher = -1;

	if ((e = prepare(p, &launcher)) != NULL ||
	    (e = sandbox_enter(&hook_jail, NULL, kill)) != NULL ||
	    (e = front_new(p->base, MONITOR_FD, launcher, &p->front)) != NULL)
		return e;
	return event_base_dispatch(p->base) == -1 ? err_new("event loop")
						  : NULL;
}

static void
process_clear(struct process *p)
{
	front_free(p->front);
	if (p->sigterm != NULL)
		event_free(p->sigterm);
	if (p->base != NULL)
		event_base_free(p->base);
	libevent_global_shutdown();
}

/* Returns -1 to go on, else the exit status. */
static int
options(int argc, char **argv, bool *kill)
{
	static const struct option table[] = {
		{ "jail-kill", no_argument, NULL, 'k' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == 'V') {
			puts("certd-hook " VERSION);
			return 0;
		}
		if (c != 'k')
			return 2;
		*kill = true;
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "usage: certd-hook [--jail-kill] [--version]\n");
	return 2;
}

int
main(int argc, char **argv)
{
	struct process p = { NULL, NULL, NULL };
	bool kill = false;
	struct err *e;
	int status = options(argc, argv, &kill);

	if (status != -1)
		return status;
	log_open("certd-hook");
	(void)clearenv();
	e = run(&p, kill);
	status = e != NULL ? 1 : front_status(p.front);
	log_err(LOG_LEVEL_ERROR, e);
	process_clear(&p);
	return status;
}
