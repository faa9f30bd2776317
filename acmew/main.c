/*
 * main.c - acmew: speaks ACME with the CA and DNS with name servers.
 *
 * Runs in:  acmew (_acmew; network, no keys, no exec, no files).
 * Input:    certd.conf, a CA bundle, resolv.conf; then worker.sock.
 * Promise:  it is locked in before it reads the first foreign byte; it never
 *           runs as root.
 */
#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "acmew.h"
#include "log.h"
#include "log_loop.h"

#define USAGE                                                                  \
	"usage: acmew [--config FILE] [--socket PATH] [--version]\n"
#define CONNECT_TRIES       100 /* certd may still be starting: 10 s */
#define CONNECT_PAUSE_NSECS 100000000L

struct process {
	const char *config_file, *socket_path;
	struct config *config;
	struct worker worker;
	struct event *sigterm, *sigint;
	char *ca_pem;
	size_t ca_bytes;
	int certd; /* connected, or -1 */
};

static int
try_connect(const struct sockaddr_un *to)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int why;

	if (fd != -1 &&
	    connect(fd, (const struct sockaddr *)to, sizeof(*to)) == -1) {
		why = errno;
		close(fd);
		errno = why;
		return -1;
	}
	return fd;
}

static struct err *
connect_certd(struct process *p)
{
	static const struct timespec pause = { 0, CONNECT_PAUSE_NSECS };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *given = p->socket_path;
	int n;

	n = snprintf(to.sun_path, sizeof(to.sun_path), "%s%s",
	    given != NULL ? given : p->config->runtime_dir,
	    given != NULL ? "" : "/worker.sock");
	if (n < 0 || (size_t)n >= sizeof(to.sun_path))
		return err_new("the path of worker.sock is too long");
	for (int i = 0; i < CONNECT_TRIES; i++) {
		if ((p->certd = try_connect(&to)) != -1)
			return NULL;
		if (errno != ENOENT)
			break; /* refused: certd was here, and has left */
		nanosleep(&pause, NULL);
	}
	return err_advise(err_sys("connect to certd at %s", to.sun_path),
	    "see that certd runs and that this user is its worker-user");
}

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct process *p = arg;

	(void)sig;
	(void)what;
	event_base_loopbreak(p->worker.base);
}

/* Not before worker.sock is connected: until then a signal ends us at once. */
static struct err *
wait_for_signals(struct process *p)
{
	struct event_base *base = p->worker.base;

	p->sigterm = evsignal_new(base, SIGTERM, on_signal, p);
	p->sigint = evsignal_new(base, SIGINT, on_signal, p);
	if (p->sigterm == NULL || p->sigint == NULL ||
	    event_add(p->sigterm, NULL) == -1 ||
	    event_add(p->sigint, NULL) == -1)
		return err_new("cannot wait for signals");
	return NULL;
}

/* Without roots to trust there is nobody to ask: that is no reason to stop. */
static struct err *
prepare_doh(struct process *p)
{
	struct worker *w = &p->worker;
	struct err *e;
	char *pem;
	size_t n;

	if ((e = doh_servers_read(p->config, &w->doh_servers)) != NULL ||
	    w->doh_servers.n == 0)
		return e;
	doh_trust_read(p->config, &pem, &n);
	if (pem == NULL)
		doh_servers_clear(&w->doh_servers);
	else
		e = https_new(w->base, w->dns, pem, n,
		    "acmew/" VERSION " (certd)", &w->doh);
	free(pem);
	return e;
}

/* All that needs files, or sockets that the jail does not allow. */
static struct err *
prepare(struct process *p)
{
	struct worker *w = &p->worker;
	struct err *e;

	json_object_seed(0); /* otherwise done later, from /dev/urandom */
	if ((e = config_load(p->config_file, false, &p->config)) != NULL)
		return e;
	if ((w->base = event_base_new()) == NULL)
		return err_new("cannot make an event loop");
	if ((e = https_read_ca(p->config->acme_ca, &p->ca_pem, &p->ca_bytes)) !=
		NULL ||
	    (e = dns_new(w->base, p->config->resolver, &w->dns)) != NULL ||
	    (e = https_new(w->base, w->dns, p->ca_pem, p->ca_bytes,
		 "acmew/" VERSION " (certd)", &w->https)) != NULL ||
	    (e = lookups_new(w, &w->lookups)) != NULL ||
	    (e = prepare_doh(p)) != NULL)
		return e;
	w->config = p->config;
	w->capacity = p->config->max_orders;
	e = connect_certd(p);
	return e != NULL ? e : wait_for_signals(p);
}

static struct err *
run(struct process *p)
{
	struct err *e;
	int fd;

	if (geteuid() == 0 || getuid() == 0)
		return err_advise(err_new("acmew must not run as root"),
		    "let certd (--spawn) or the service manager start it as "
		    "the worker-user");
	if ((e = prepare(p)) != NULL || (e = sandbox_enter(&worker_jail, NULL,
					     p->config->jail_kill)) != NULL)
		return e;
	fd = p->certd;
	p->certd = -1;
	if ((e = worker_start(&p->worker, fd)) != NULL)
		return e;
	if (log_loop_run(p->worker.base) == -1)
		return err_new("the event loop failed");
	return p->worker.failed ? err_new("certd was lost") : NULL;
}

static void
clear(struct process *p)
{
	worker_stop(&p->worker);
	lookups_free(p->worker.lookups);
	https_free(p->worker.https);
	https_free(p->worker.doh);
	doh_servers_clear(&p->worker.doh_servers);
	dns_free(p->worker.dns);
	if (p->sigterm != NULL)
		event_free(p->sigterm);
	if (p->sigint != NULL)
		event_free(p->sigint);
	if (p->worker.base != NULL)
		event_base_free(p->worker.base);
	if (p->certd != -1)
		close(p->certd);
	free(p->ca_pem);
	config_free(p->config);
	libevent_global_shutdown();
}

/* False when it should leave at once, with *status. */
static bool
read_options(struct process *p, int argc, char **argv, int *status)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "socket", required_argument, NULL, 's' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'c')
			p->config_file = optarg;
		else if (c == 's')
			p->socket_path = optarg;
		else {
			*status = c == 'V' ? 0 : 2;
			if (c == 'V')
				puts("acmew " VERSION);
			else
				fputs(USAGE, stderr);
			return false;
		}
	}
	if (optind == argc)
		return true;
	fputs(USAGE, stderr);
	*status = 2;
	return false;
}

int
main(int argc, char **argv)
{
	struct process p = { .certd = -1 };
	struct err *e;
	int status = 0;

	log_open("acmew");
	if (!read_options(&p, argc, argv, &status))
		return status;
	LIST_INIT(&p.worker.cas);
	LIST_INIT(&p.worker.jobs);
	signal(SIGPIPE, SIG_IGN);
	if ((e = run(&p)) != NULL) {
		log_err(LOG_LEVEL_ERROR, e);
		status = 1;
	}
	clear(&p);
	return status;
}
