/*
 * dns_pool.c - c-ares channels on libevent, one for every server asked.
 *
 * Runs in:  acmew, certd-dns (no files, no exec).
 * Input:    UDP and TCP from name servers; c-ares holds id, question, address
 *           and port of an answer against what was asked.
 * Promise:  at most DNS_POOL_CHANNELS servers are asked at a time, each at
 *           most DNS_POOL_FLIGHTS questions; a socket is closed as soon as
 *           its server owes no answer.
 */
#include <ares.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "dns_pool.h"
#include "queue.h"

struct pool_socket {
	LIST_ENTRY(pool_socket) entry;
	ares_socket_t fd;
	struct event *event;
};

struct pool_channel {
	TAILQ_ENTRY(pool_channel) entry;
	struct dns_pool *pool;
	struct dns_server server;
	bool tcp;
	ares_channel ares;
	struct event *timer;
	LIST_HEAD(socket_list, pool_socket) sockets;
	size_t flights;
};

struct dns_pool {
	struct event_base *base;
	size_t n_channels;
	TAILQ_HEAD(channel_list, pool_channel) channels; /* oldest use first */
};

struct dns_flight {
	struct pool_channel *channel;
	dns_landed *landed; /* NULL: abandoned */
	void *arg;
};

struct dns_pool *
dns_pool_new(struct event_base *base)
{
	struct dns_pool *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->base = base;
	TAILQ_INIT(&p->channels);
	return p;
}

/* c-ares wants to be called again after so long. */
static void
set_timer(struct pool_channel *c)
{
	struct timeval tv, *next = ares_timeout(c->ares, NULL, &tv);

	if (next == NULL)
		(void)event_del(c->timer);
	else
		(void)event_add(c->timer, next);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct pool_channel *c = arg;

	(void)fd;
	(void)what;
	ares_process_fd(c->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	set_timer(c);
}

static void
on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct pool_channel *c = arg;

	ares_process_fd(c->ares, (what & EV_READ) ? fd : ARES_SOCKET_BAD,
	    (what & EV_WRITE) ? fd : ARES_SOCKET_BAD);
	set_timer(c);
}

static struct pool_socket *
find_socket(struct pool_channel *c, ares_socket_t fd)
{
	struct pool_socket *s;

	LIST_FOREACH(s, &c->sockets, entry)
		if (s->fd == fd)
			return s;
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->fd = fd;
	LIST_INSERT_HEAD(&c->sockets, s, entry);
	return s;
}

static void
drop_socket(struct pool_socket *s)
{
	LIST_REMOVE(s, entry);
	if (s->event != NULL)
		event_free(s->event);
	free(s);
}

/* c-ares tells what it waits for on a socket; neither: it is closing it.
 * Without memory the question times out. */
static void
on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct pool_channel *c = arg;
	struct pool_socket *s = find_socket(c, fd);
	short what =
	    (short)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));

	if (s == NULL)
		return;
	if (s->event != NULL)
		event_free(s->event);
	s->event = what == 0 ? NULL
			     : event_new(c->pool->base, fd,
				   (short)(what | EV_PERSIST), on_socket, c);
	if (s->event == NULL)
		drop_socket(s);
	else
		(void)event_add(s->event, NULL);
}

static void
channel_free(struct pool_channel *c)
{
	struct pool_socket *s, *next;

	if (c->ares != NULL)
		ares_destroy(c->ares); /* the flights land here */
	LIST_FOREACH_SAFE(s, &c->sockets, entry, next)
		drop_socket(s);
	if (c->timer != NULL)
		event_free(c->timer);
	free(c);
}

/* Every option that c-ares would otherwise read from a file is given: inside
 * the jail there are none. (It still tries /dev/urandom for the numbers of
 * questions; ours come from the caller, so a refusal does no harm.) */
static bool
open_ares(struct pool_channel *c)
{
	static char lookups[] = "b";
	struct in_addr nobody = { 0 };
	struct ares_options options = { 0 };

	/* NOCHECKRESP: SERVFAIL and the like are answers, too */
	options.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOSEARCH |
			ARES_FLAG_NOALIASES | ARES_FLAG_EDNS |
			(c->tcp ? ARES_FLAG_USEVC : 0);
	options.ednspsz = DNS_EDNS_BYTES;
	options.timeout = DNS_TRY_MSECS;
	options.tries = 1;
	options.ndots = 1;
	options.lookups = lookups;
	options.servers = &nobody;
	options.nservers = 1;
	options.sock_state_cb = on_socket_state;
	options.sock_state_cb_data = c;
	return ares_init_options(&c->ares, &options,
		   ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS |
		       ARES_OPT_TRIES | ARES_OPT_NDOTS | ARES_OPT_LOOKUPS |
		       ARES_OPT_SERVERS | ARES_OPT_DOMAINS | ARES_OPT_SORTLIST |
		       ARES_OPT_SOCK_STATE_CB) == ARES_SUCCESS;
}

static bool
point_at(struct pool_channel *c)
{
	struct ares_addr_port_node node = { 0 };
	const struct sockaddr_storage *ss = &c->server.address;

	node.family = ss->ss_family;
	if (ss->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)ss;

		node.addr.addr4 = in->sin_addr;
		node.udp_port = ntohs(in->sin_port);
	} else {
		const struct sockaddr_in6 *in6 = (const void *)ss;

		memcpy(
		    &node.addr.addr6, &in6->sin6_addr, sizeof(node.addr.addr6));
		node.udp_port = ntohs(in6->sin6_port);
	}
	node.tcp_port = node.udp_port;
	return ares_set_servers_ports(c->ares, &node) == ARES_SUCCESS;
}

static struct pool_channel *
channel_new(struct dns_pool *p, const struct dns_server *server, bool tcp)
{
	struct pool_channel *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	LIST_INIT(&c->sockets);
	c->pool = p;
	c->server = *server;
	c->tcp = tcp;
	c->timer = evtimer_new(p->base, on_timer, c);
	if (c->timer == NULL || !open_ares(c) || !point_at(c)) {
		channel_free(c);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&p->channels, c, entry);
	p->n_channels++;
	return c;
}

static void
channel_drop(struct pool_channel *c)
{
	TAILQ_REMOVE(&c->pool->channels, c, entry);
	c->pool->n_channels--;
	channel_free(c);
}

/* The channel of a server, perhaps in the place of the one that has been idle
 * for longest. *full is set when it has to wait. */
static struct pool_channel *
channel_for(
    struct dns_pool *p, const struct dns_server *server, bool tcp, bool *full)
{
	struct pool_channel *c, *idle = NULL;

	TAILQ_FOREACH(c, &p->channels, entry) {
		if (c->tcp == tcp &&
		    strcmp(c->server.text, server->text) == 0) {
			TAILQ_REMOVE(&p->channels, c, entry);
			TAILQ_INSERT_TAIL(&p->channels, c, entry);
			*full = c->flights >= DNS_POOL_FLIGHTS;
			return c;
		}
		if (idle == NULL && c->flights == 0)
			idle = c;
	}
	*full = p->n_channels >= DNS_POOL_CHANNELS && idle == NULL;
	if (*full)
		return NULL;
	if (p->n_channels >= DNS_POOL_CHANNELS)
		channel_drop(idle);
	return channel_new(p, server, tcp);
}

static enum dns_outcome
outcome_of(int status)
{
	if (status == ARES_SUCCESS)
		return DNS_OK;
	if (status == ARES_ECONNREFUSED)
		return DNS_UNREACHABLE;
	return status == ARES_ETIMEOUT ? DNS_TIMEOUT : DNS_SERVER;
}

static void
on_answer(void *arg, int status, int timeouts, unsigned char *data, int n)
{
	struct dns_flight *f = arg;
	struct pool_channel *c = f->channel;

	(void)timeouts;
	if (f->landed != NULL)
		f->landed(f->arg, outcome_of(status),
		    status == ARES_SUCCESS && n > 0 ? data : NULL,
		    n > 0 ? (size_t)n : 0);
	free(f);
	c->flights--;
}

bool
dns_pool_send(struct dns_pool *p, const struct dns_server *server, bool tcp,
    const unsigned char *message, size_t n, dns_landed *landed, void *arg,
    struct dns_flight **out)
{
	bool full = false;
	struct pool_channel *c = channel_for(p, server, tcp, &full);
	struct dns_flight *f = NULL;

	*out = NULL;
	if (full)
		return false;
	if (c == NULL || (f = calloc(1, sizeof(*f))) == NULL) {
		landed(arg, DNS_SERVER, NULL, 0);
		return true;
	}
	f->channel = c;
	f->landed = landed;
	f->arg = arg;
	*out = f;
	c->flights++;
	ares_send(c->ares, message, (int)n, on_answer, f);
	set_timer(c);
	return true;
}

void
dns_flight_abandon(struct dns_flight *f)
{
	if (f != NULL)
		f->landed = NULL;
}

void
dns_pool_free(struct dns_pool *p)
{
	struct pool_channel *c, *next;

	if (p == NULL)
		return;
	TAILQ_FOREACH_SAFE(c, &p->channels, entry, next)
		channel_drop(c);
	free(p);
}
