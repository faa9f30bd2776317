/*
 * dns.c - questions to chosen name servers.
 *
 * Runs in:  acmew, certd-dns (no files, no exec).
 * Input:    DNS answers (see dns_answer.c); assume that they are hostile.
 * Promise:  every question ends, after DNS_TRY_MSECS * TRIES_RESOLVER at the
 *           latest once it was sent; nothing touches NSS or a file.
 */
#include <ares.h>
#include <event2/event.h>
#include <arpa/nameser.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "dns_answer.h"
#include "dns_pool.h"
#include "queue.h"

#define TRIES_RESOLVER 3
#define TRIES_SERVER   2 /* the caller asks again anyway */
#define RESOLVERS_MAX  8
#define BUSY_USECS     30000 /* until the pool is asked for room again */

struct dns_query {
	TAILQ_ENTRY(dns_query) entry; /* in dns.queries */
	struct dns *dns;
	char name[DNS_NAME_SIZE];
	enum dns_type type;
	struct dns_server server; /* the one that is asked now */
	bool direct;              /* dns_ask_server() */
	bool no_edns;             /* the server does not know EDNS */
	bool tcp;                 /* UDP got nothing out of it: */
	enum dns_outcome udp_outcome;
	unsigned tries;
	struct event *step; /* everything happens in its callback */
	struct dns_flight *flight;
	bool landed; /* reply is filled */
	struct dns_reply reply;
	dns_done *done;
	void *arg;
};

struct dns {
	struct event_base *base;
	struct dns_pool *pool;
	struct dns_server resolvers[RESOLVERS_MAX];
	size_t n_resolvers;
	size_t preferred; /* the resolver that answered last */
	TAILQ_HEAD(query_list, dns_query) queries;
};

struct err *
dns_new(struct event_base *base, const char *resolver, struct dns **out)
{
	struct dns *d = calloc(1, sizeof(*d));
	struct err *e = NULL;

	*out = NULL;
	if (d == NULL)
		return err_sys("DNS");
	d->base = base;
	TAILQ_INIT(&d->queries);
	if ((e = dns_servers_read(resolver, d->resolvers, RESOLVERS_MAX,
		 &d->n_resolvers)) == NULL &&
	    (d->pool = dns_pool_new(base)) == NULL)
		e = err_sys("DNS");
	if (e != NULL)
		dns_free(d);
	else
		*out = d;
	return e;
}

/* Frees a query that is no longer listed. */
static void
query_release(struct dns_query *q)
{
	dns_flight_abandon(q->flight);
	if (q->landed)
		dns_reply_clear(&q->reply);
	if (q->step != NULL)
		event_free(q->step);
	free(q);
}

void
dns_cancel(struct dns_query *q)
{
	if (q == NULL)
		return;
	TAILQ_REMOVE(&q->dns->queries, q, entry);
	query_release(q);
}

void
dns_free(struct dns *d)
{
	struct dns_query *q, *next;

	if (d == NULL)
		return;
	TAILQ_FOREACH_SAFE(q, &d->queries, entry, next)
		dns_cancel(q);
	dns_pool_free(d->pool);
	free(d);
}

static void
fill_failure(struct dns_query *q, enum dns_outcome outcome)
{
	const char *server = q->server.text;

	if (outcome == DNS_TIMEOUT)
		dns_reply_fail(&q->reply, outcome,
		    "%s does not answer within %d s", server,
		    DNS_TRY_MSECS / 1000);
	else if (outcome == DNS_UNREACHABLE)
		dns_reply_fail(
		    &q->reply, outcome, "%s cannot be reached", server);
	else
		dns_reply_fail(&q->reply, outcome,
		    "%s cannot be asked for \"%s\"", server, q->name);
}

static void
on_landed(
    void *arg, enum dns_outcome outcome, const unsigned char *data, size_t n)
{
	struct dns_query *q = arg;

	/* Nobody at home there either: silent stays silent. */
	if (q->tcp && outcome == DNS_UNREACHABLE)
		outcome = q->udp_outcome;
	q->flight = NULL;
	q->landed = true;
	if (data != NULL)
		dns_reply_read(
		    &q->reply, q->name, q->type, q->server.text, data, n);
	else
		fill_failure(q, outcome == DNS_OK ? DNS_SERVER : outcome);
	event_active(q->step, EV_TIMEOUT, 0);
}

/* c-ares cannot read /dev/urandom inside a jail and would then number its
 * questions with rand(): the number is ours. */
static void
send_query(struct dns_query *q)
{
	static const struct timeval busy = { .tv_usec = BUSY_USECS };
	unsigned char *message = NULL;
	unsigned short id;
	int n = 0;

	q->tries++;
	if (*q->name == '\0' || getrandom(&id, sizeof(id), 0) != sizeof(id) ||
	    ares_create_query(q->name, ns_c_in, (int)q->type, id, !q->direct,
		&message, &n,
		q->no_edns ? 0 : DNS_EDNS_BYTES) != ARES_SUCCESS) {
		on_landed(q, DNS_SERVER, NULL, 0);
		return;
	}
	if (!dns_pool_send(q->dns->pool, &q->server, q->tcp, message, (size_t)n,
		on_landed, q, &q->flight)) {
		q->tries--;
		(void)event_add(q->step, &busy);
	}
	ares_free_string(message);
}

static void
choose_resolver(struct dns_query *q)
{
	struct dns *d = q->dns;

	q->server = d->resolvers[(d->preferred + q->tries) % d->n_resolvers];
}

/* How often a question is asked in all, after it ended like this. A server
 * that says no is not asked again, the next resolver is; "unreachable" is also
 * a TCP connection that the server closed under its other questions. */
static size_t
tries_for(const struct dns_query *q)
{
	size_t resolvers = q->dns->n_resolvers;

	if (q->direct)
		return q->reply.answer.outcome == DNS_SERVER ? 1 : TRIES_SERVER;
	if (q->reply.answer.outcome == DNS_TIMEOUT ||
	    resolvers > TRIES_RESOLVER)
		return TRIES_RESOLVER;
	return resolvers;
}

static bool
try_again(struct dns_query *q)
{
	if (q->reply.answer.outcome <= DNS_NONE)
		return false;
	if (q->reply.rcode == ns_r_formerr && !q->no_edns) {
		q->no_edns = true; /* RFC 6891 section 6.2.2 */
		q->tries--;
		return true;
	}
	if (q->tries >= tries_for(q))
		return false;
	/* UDP may be filtered on the way, or there: the last try is TCP. */
	q->tcp = q->reply.answer.outcome >= DNS_TIMEOUT &&
		 q->tries + 1 == tries_for(q);
	q->udp_outcome = q->reply.answer.outcome;
	if (!q->direct)
		choose_resolver(q);
	return true;
}

/* Where this resolver answered, the next question begins with it. */
static void
prefer(struct dns_query *q)
{
	struct dns *d = q->dns;

	if (q->direct || q->reply.answer.outcome > DNS_NONE)
		return;
	for (size_t i = 0; i < d->n_resolvers; i++)
		if (strcmp(d->resolvers[i].text, q->server.text) == 0)
			d->preferred = i;
}

static void
on_step(evutil_socket_t fd, short what, void *arg)
{
	struct dns_query *q = arg;

	(void)fd;
	(void)what;
	if (q->landed && !try_again(q)) {
		prefer(q);
		TAILQ_REMOVE(&q->dns->queries, q, entry);
		q->done(q->arg, &q->reply.answer);
		query_release(q);
		return;
	}
	if (q->landed)
		dns_reply_clear(&q->reply);
	q->landed = false;
	send_query(q);
}

static struct dns_query *
query_new(struct dns *d, const char *name, enum dns_type type, dns_done *done,
    void *arg)
{
	struct dns_query *q = calloc(1, sizeof(*q));
	size_t n = strlen(name);

	if (q == NULL)
		return NULL;
	TAILQ_INSERT_TAIL(&d->queries, q, entry);
	q->dns = d;
	q->type = type;
	q->done = done;
	q->arg = arg;
	if (n < sizeof(q->name)) /* else it stays empty: no name */
		memcpy(q->name, name, n + 1);
	if ((q->step = evtimer_new(d->base, on_step, q)) == NULL) {
		dns_cancel(q);
		return NULL;
	}
	event_active(q->step, EV_TIMEOUT, 0);
	return q;
}

struct dns_query *
dns_ask(struct dns *d, const char *name, enum dns_type type, dns_done *done,
    void *arg)
{
	struct dns_query *q = query_new(d, name, type, done, arg);

	if (q != NULL)
		choose_resolver(q);
	return q;
}

struct dns_query *
dns_ask_server(struct dns *d, const struct dns_server *server, const char *name,
    enum dns_type type, dns_done *done, void *arg)
{
	struct dns_query *q = query_new(d, name, type, done, arg);

	if (q != NULL) {
		q->server = *server;
		q->direct = true;
	}
	return q;
}
