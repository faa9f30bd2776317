/*
 * main.c - certd-sign: holds the keys, signs, and judges certificates.
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    descriptor 3, a socket to the monitor that started it.
 * Promise:  it is locked in before it reads the first byte of anybody.
 */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "channel.h"
#include "log.h"
#include "sandbox.h"
#include "sign.h"

#define MONITOR_FD 3
#define QUEUE_MAX  (8 * 1024 * 1024) /* 50 of the longest chains */

struct process {
	struct signer signer;
	struct event_base *base;
	struct event *sigterm;
	int status;
};

static struct err *
on_message(void *arg, const struct msg *m, int fd)
{
	struct process *p = arg;

	return signer_request(&p->signer, m, fd);
}

static void
on_closed(void *arg, const struct err *reason)
{
	struct process *p = arg;

	p->signer.monitor = NULL;
	p->status = reason == NULL ? 0 : 1;
	event_base_loopbreak(p->base);
}

static void
on_sigterm(evutil_socket_t sig, short what, void *arg)
{
	struct process *p = arg;

	(void)sig;
	(void)what;
	event_base_loopbreak(p->base);
}

static const struct channel_ops ops = { on_message, NULL, on_closed };

/* All that needs more than the jail allows. */
static struct err *
prepare(struct process *p)
{
	struct err *e;

	if (fcntl(MONITOR_FD, F_GETFD) == -1)
		return err_new("descriptor 3 is not open: certd starts me");
	if ((e = crypto_init()) != NULL)
		return e;
	if ((p->signer.keys = keys_new()) == NULL)
		return err_sys("keys");
	if ((p->base = event_base_new()) == NULL ||
	    (p->sigterm = evsignal_new(p->base, SIGTERM, on_sigterm, p)) ==
		NULL ||
	    event_add(p->sigterm, NULL) == -1)
		return err_new("event loop");
	return NULL;
}

static struct err *
run(struct process *p, bool kill)
{
	struct err *e;

	if ((e = prepare(p)) != NULL ||
	    (e = sandbox_enter(&signer_jail, NULL, kill)) != NULL ||
	    (e = channel_new(p->base, MONITOR_FD, ROLE_SIGNER, ROLE_MONITOR,
		 "certd", QUEUE_MAX, &ops, p, &p->signer.monitor)) != NULL)
		return e;
	return event_base_dispatch(p->base) == -1 ? err_new("event loop")
						  : NULL;
}

static void
process_clear(struct process *p)
{
	channel_free(p->signer.monitor);
	keys_free(p->signer.keys);
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
			puts("certd-sign " VERSION);
			return 0;
		}
		if (c != 'k')
			return 2;
		*kill = true;
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "usage: certd-sign [--jail-kill] [--version]\n");
	return 2;
}

int
main(int argc, char **argv)
{
	struct process p = { 0 };
	struct err *e;
	bool kill = false;
	int status = options(argc, argv, &kill);

	if (status != -1)
		return status;
	log_open("certd-sign");
	clearenv();
	if ((e = run(&p, kill)) != NULL) {
		log_err(LOG_LEVEL_ERROR, e);
		p.status = 1;
	}
	process_clear(&p);
	return p.status;
}
