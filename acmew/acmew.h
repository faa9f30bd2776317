/*
 * acmew.h - the worker: all that acmew can do. It talks to the CA and to name
 * servers, holds no secret, and asks certd for every signature. Its jobs are in
 * order.h, the CA in ca.h, the name servers in watch.h.
 */
#ifndef ACMEW_H
#define ACMEW_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "channel.h"
#include "config.h"
#include "dns.h"
#include "err.h"
#include "https.h"
#include "sandbox.h"
#include "watch.h"

struct event_base;

extern const struct sandbox worker_jail;

struct worker {
	const struct config *config;
	struct event_base *base;
	struct dns *dns;
	struct https *https;
	struct https *doh; /* with other trust: the public resolvers' */
	struct doh_servers doh_servers;
	struct lookups *lookups;
	struct silence silence;
	struct delay delay;
	struct channel *channel; /* to certd; NULL when it is over */
	LIST_HEAD(ca_list, ca) cas;
	LIST_HEAD(job_list, job) jobs;
	uint32_t n_jobs, capacity;
	bool failed;		 /* certd was lost otherwise than by the end
				  * of the stream */
};

/* Says hello and ready on fd (taken). The loop of w->base ends with the
 * stream. */
struct err	*worker_start(struct worker *w, int fd);
/* Lets go of all jobs and of the channel. */
void		 worker_stop(struct worker *w);
/* Milliseconds of a clock that never goes back. */
uint64_t	 clock_msecs(void);

#endif
