/*
 * main.c - certd-dns: publishes and removes the DNS records of challenges.
 *
 * Runs in:  certd-dns (_certd-dns; HTTPS to the provider; no files, no exec).
 * Input:    certd.conf, a CA bundle, resolv.conf, hosts; then descriptor 3, a
 *           socket to the monitor: of the pair that it made, or a connection
 *           that the service manager has accepted.
 * Promise:  it is locked in before it reads the first foreign byte; it never
 *           runs as root.
 */
#include <event2/event.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "channel.h"
#include "config.h"
#include "dns.h"
#include "log.h"
#include "publisher.h"
#include "root_peer.h"

#define USAGE      "usage: certd-dns --config FILE [--jail-kill] [--version]\n"
#define MONITOR_FD 3
#define QUEUE_MAX  (4 * 1024 * 1024) /* 500 of the longest answers */

struct process {
	const char *config_file;
	bool jail_kill;
	struct publisher publisher;
	struct config *config;
	struct dns *dns;
	struct https *https;
	struct event *sigterm;
	char *ca_pem;
	size_t ca_bytes;
};

static struct err *
on_message(void *arg, const struct msg *m, int fd)
{
	struct process *p = arg;

	return publisher_request(&p->publisher, m, fd);
}

static void
on_closed(void *arg, const struct err *reason)
{
	struct process *p = arg;

	p->publisher.monitor = NULL;
	if (reason != NULL)
		p->publisher.status = 1;
	(void)event_base_loopbreak(p->publisher.base);
}

static void
on_sigterm(evutil_socket_t sig, short what, void *arg)
{
	struct process *p = arg;

	(void)sig;
	(void)what;
	(void)event_base_loopbreak(p->publisher.base);
}

static const struct channel_ops ops = { on_message, NULL, on_closed };

static struct err *
make_loop(struct process *p)
{
	struct event_base *base = event_base_new();

	if ((p->publisher.base = base) == NULL ||
	    (p->sigterm = evsignal_new(base, SIGTERM, on_sigterm, p)) == NULL ||
	    event_add(p->sigterm, NULL) == -1)
		return err_new("event loop");
	(void)signal(SIGPIPE, SIG_IGN);
	/* A terminal's Ctrl-C comes to all; the monitor answers it. */
	(void)signal(SIGINT, SIG_IGN);
	return NULL;
}

/* All that needs files, or calls that the jail does not allow. */
static struct err *
prepare(struct process *p)
{
	struct publisher *pub = &p->publisher;
	struct err *e;

	if (fcntl(MONITOR_FD, F_GETFD) == -1)
		return err_new("descriptor 3 is not open: certd starts me");
	if ((e = root_peer_check(MONITOR_FD)) != NULL)
		return e;
	wipe_init();
	json_object_seed(0); /* or it reads /dev/urandom later */
	if ((e = config_load(p->config_file, false, &p->config)) != NULL ||
	    (e = https_read_ca(p->config->dns_ca, &p->ca_pem, &p->ca_bytes)) !=
		NULL ||
	    (e = make_loop(p)) != NULL ||
	    (e = dns_new(pub->base, p->config->resolver, &p->dns)) != NULL ||
	    (e = https_new(pub->base, p->dns, p->ca_pem, p->ca_bytes,
		 "certd-dns/" VERSION " (certd)", &p->https)) != NULL)
		return e;
	return cloudflare_new(
	    pub->base, p->https, p->config->api_url, &pub->cloudflare);
}

static struct err *
run(struct process *p)
{
	struct publisher *pub = &p->publisher;
	struct err *e;

	if (getuid() == 0 || geteuid() == 0)
		return err_advise(err_new("certd-dns must not run as root"),
		    "let certd start it, as its dns-user");
	if ((e = prepare(p)) != NULL ||
	    (e = sandbox_enter(&publisher_jail, NULL,
		 p->jail_kill || p->config->jail_kill)) != NULL ||
	    (e = channel_new(pub->base, MONITOR_FD, ROLE_PUBLISHER,
		 ROLE_MONITOR, "certd", QUEUE_MAX, &ops, p, &pub->monitor)) !=
		NULL)
		return e;
	return event_base_dispatch(pub->base) == -1 ? err_new("event loop")
						    : NULL;
}

static void
process_clear(struct process *p)
{
	channel_free(p->publisher.monitor);
	cloudflare_free(p->publisher.cloudflare);
	https_free(p->https);
	dns_free(p->dns);
	if (p->sigterm != NULL)
		event_free(p->sigterm);
	if (p->publisher.base != NULL)
		event_base_free(p->publisher.base);
	free(p->ca_pem);
	config_free(p->config);
	libevent_global_shutdown();
}

/* Returns -1 to go on, else the exit status. */
static int
read_options(int argc, char **argv, struct process *p)
{
	static const struct option table[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "jail-kill", no_argument, NULL, 'k' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == 'V') {
			(void)puts("certd-dns " VERSION);
			return 0;
		}
		if (c == 'c')
			p->config_file = optarg;
		else if (c == 'k')
			p->jail_kill = true;
		else
			optind = argc + 1;
	}
	if (optind == argc)
		return -1;
	(void)fputs(USAGE, stderr);
	return 2;
}

int
main(int argc, char **argv)
{
	struct process p = { 0 };
	struct err *e;
	int status = read_options(argc, argv, &p);

	if (status != -1)
		return status;
	log_open("certd-dns");
	(void)clearenv(); /* nothing in it may stand for credentials */
	if ((e = run(&p)) != NULL) {
		log_err(LOG_LEVEL_ERROR, e);
		p.publisher.status = 1;
	}
	process_clear(&p);
	return p.publisher.status;
}
