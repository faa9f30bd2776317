/*
 * child.c - what the processes that certd starts have in common: options, the
 * loop, and its end by SIGTERM.
 *
 * Runs in:  certd-sign, certd-dns, certd-hook.
 * Input:    the command line that certd or the service manager made.
 * Promise:  nothing of a peer is read here.
 */
#include "child.h"

#include <event2/event.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "log.h"
#include "log_loop.h"

int
child_options(struct child *c, int argc, char **argv)
{
	static const struct option table[] = {
		{ "jail-kill", no_argument, NULL, 'k' },
		{ "version", no_argument, NULL, 'V' },
		{ "config", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	bool is_wrong = false;
	int o;

	while ((o = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (o == 'V') {
			(void)printf("%s " VERSION "\n", c->name);
			return 0;
		}
		if (o == 'k')
			c->jail_kill = true;
		else if (o == 'c' && c->takes_config)
			c->config_file = optarg;
		else
			is_wrong = true;
	}
	if (!is_wrong && optind == argc)
		return -1;
	(void)fprintf(stderr, "usage: %s%s [--jail-kill] [--version]\n",
	    c->name, c->takes_config ? " --config FILE" : "");
	return 2;
}

struct err *
child_begin(const struct child *c)
{
	log_open(c->name);
	(void)clearenv();
	return fcntl(MONITOR_FD, F_GETFD) == -1
	    ? err_new("descriptor %d is not open: certd starts me", MONITOR_FD)
	    : NULL;
}

static void
on_sigterm(evutil_socket_t sig, short what, void *arg)
{
	struct child *c = arg;

	(void)sig;
	(void)what;
	(void)event_base_loopbreak(c->base);
}

struct err *
child_make_loop(struct child *c)
{
	if ((c->base = event_base_new()) == NULL ||
	    (c->sigterm = evsignal_new(c->base, SIGTERM, on_sigterm, c)) ==
		NULL ||
	    event_add(c->sigterm, NULL) == -1)
		return err_new("event loop");
	/* A terminal's Ctrl-C comes to all; the monitor answers it. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	return NULL;
}

struct err *
child_run_loop(struct child *c)
{
	return log_loop_run(c->base) == -1 ? err_new("event loop")
						  : NULL;
}

void
child_clear(struct child *c)
{
	if (c->sigterm != NULL)
		event_free(c->sigterm);
	if (c->base != NULL)
		event_base_free(c->base);
	libevent_global_shutdown();
}
