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
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "channel.h"
#include "child.h"
#include "config.h"
#include "dns.h"
#include "log.h"
#include "publisher.h"
#include "root_peer.h"

#define QUEUE_MAX (4 * 1024 * 1024) /* 500 of the longest answers */

struct process {
	struct child child;
	struct publisher publisher;
	struct config *config;
	struct dns *dns;
	struct https *https;
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

static const struct channel_ops ops = { on_message, NULL, on_closed, NULL };

/* All that needs files, or calls that the jail does not allow. */
static struct err *
prepare(struct process *p)
{
	struct publisher *pub = &p->publisher;
	struct err *e;

	if ((e = child_begin(&p->child)) != NULL ||
	    (e = root_peer_check(MONITOR_FD)) != NULL)
		return e;
	if (getuid() == 0 || geteuid() == 0)
		return err_advise(err_new("certd-dns must not run as root"),
		    "let certd start it, as its dns-user");
	wipe_init();
	json_object_seed(0); /* or it reads /dev/urandom later */
	if ((e = config_load(p->child.config_file, false, &p->config)) != NULL ||
	    (e = https_read_ca(p->config->dns_ca, &p->ca_pem, &p->ca_bytes)) !=
		NULL ||
	    (e = child_make_loop(&p->child)) != NULL)
		return e;
	pub->base = p->child.base;
	if ((e = dns_new(pub->base, p->config->resolver, &p->dns)) != NULL ||
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

	if ((e = prepare(p)) != NULL ||
	    (e = sandbox_enter(&publisher_jail, NULL,
		 p->child.jail_kill || p->config->jail_kill)) != NULL ||
	    (e = channel_new(pub->base, MONITOR_FD, ROLE_PUBLISHER,
		 ROLE_MONITOR, "certd", QUEUE_MAX, &ops, p, &pub->monitor)) !=
		NULL)
		return e;
	return child_run_loop(&p->child);
}

static void
process_clear(struct process *p)
{
	channel_free(p->publisher.monitor);
	cloudflare_free(p->publisher.cloudflare);
	publisher_forget(&p->publisher);
	https_free(p->https);
	dns_free(p->dns);
	child_clear(&p->child);
	free(p->ca_pem);
	config_free(p->config);
}

int
main(int argc, char **argv)
{
	struct process p = {
		.child = { .name = "certd-dns", .takes_config = true },
	};
	struct err *e;
	int status = child_options(&p.child, argc, argv);

	if (status != -1)
		return status;
	if ((e = run(&p)) != NULL) {
		log_err(LOG_LEVEL_ERROR, e);
		p.publisher.status = 1;
	}
	process_clear(&p);
	return p.publisher.status;
}
