/*
 * https_host.c - finds the addresses of hosts for curl: hosts(5) as it stood
 * at the start, then our resolver; remembered for a minute.
 *
 * Runs in:  acmew, certd-dns (no files after the start, no exec).
 * Input:    /etc/hosts; DNS answers (hostile, bounded by dns_answer.c).
 * Promise:  no NSS module is loaded; many who ask for one host share a
 *           question; a dead IPv6 path to the resolver delays nobody.
 */
#include <ctype.h>
#include <errno.h>
#include <event2/event.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "https_host.h"
#include "queue.h"

#define HOSTS_MAX_BYTES (1024 * 1024)
#define KEEP_SECS       60
#define ENTRIES_MAX     64
#define ADDRESSES_SIZE  640 /* a dozen of the longest addresses */
#define OTHER_MSECS     200 /* for the other family, RFC 8305 section 3 */

struct host_wait {
	TAILQ_ENTRY(host_wait) entry;
	struct host_entry *host;
	host_done *done;
	void *arg;
	bool due; /* was there when the answer came */
};

struct host_entry {
	TAILQ_ENTRY(host_entry) entry;
	struct host_book *book;
	char *name;
	char addresses[ADDRESSES_SIZE]; /* "": none known (yet) */
	char problem[384];
	bool temporary; /* problem */
	bool asking;    /* until on_step() is through: keep the entry */
	time_t until;   /* monotonic; 0: nothing is known, ask */
	struct dns_query *query[2]; /* A, AAAA */
	struct event *step;
	TAILQ_HEAD(wait_list, host_wait) waits;
};

struct host_book {
	struct event_base *base;
	struct dns *dns;
	struct buf *hosts; /* the file */
	size_t n_entries;
	TAILQ_HEAD(entry_list, host_entry) entries; /* oldest first */
};

static time_t
now_secs(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + 1; /* never 0 */
}

struct err *
host_book_new(struct event_base *base, struct dns *d, const char *hosts_file,
    struct host_book **out)
{
	struct host_book *b = calloc(1, sizeof(*b));
	struct err *e = NULL;
	int fd = -1;

	*out = NULL;
	if (b == NULL || (b->hosts = buf_new(HOSTS_MAX_BYTES)) == NULL) {
		e = err_sys("host names");
		goto out;
	}
	b->base = base;
	b->dns = d;
	TAILQ_INIT(&b->entries);
	if ((fd = open(hosts_file, O_RDONLY | O_CLOEXEC)) == -1) {
		if (errno != ENOENT && errno != EACCES)
			e = err_sys("%s", hosts_file);
		goto out;
	}
	e = err_wrap(buf_add_file(b->hosts, fd), "%s", hosts_file);
out:
	if (fd != -1)
		(void)close(fd);
	if (e == NULL)
		*out = b;
	else if (b != NULL)
		host_book_free(b);
	return e;
}

static void
add_address(char *out, size_t size, const char *address)
{
	size_t n = strlen(out);

	if (n + strlen(address) + 2 > size)
		return;
	if (n > 0)
		out[n++] = ',';
	(void)strcpy(out + n, address);
}

void
host_line_find(const char *line, const char *host, char *out, size_t size)
{
	char copy[1024], *rest = copy, *word, *address = NULL;
	unsigned char raw[16];
	size_t n = strcspn(line, "#\n");

	if (n >= sizeof(copy))
		return;
	memcpy(copy, line, n);
	copy[n] = '\0';
	while ((word = strsep(&rest, " \t\r")) != NULL) {
		if (*word == '\0')
			continue;
		if (address != NULL && strcasecmp(word, host) == 0) {
			add_address(out, size, address);
			return;
		}
		if (address == NULL)
			address = word;
		if (inet_pton(AF_INET, address, raw) != 1 &&
		    inet_pton(AF_INET6, address, raw) != 1)
			return;
	}
}

static void
look_into_file(struct host_entry *h)
{
	const char *p = buf_data(h->book->hosts);

	while (*p != '\0') {
		host_line_find(p, h->name, h->addresses, sizeof(h->addresses));
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
}

static void
entry_free(struct host_entry *h)
{
	struct host_wait *w, *next;

	TAILQ_REMOVE(&h->book->entries, h, entry);
	h->book->n_entries--;
	TAILQ_FOREACH_SAFE(w, &h->waits, entry, next)
		host_cancel(w);
	dns_cancel(h->query[0]);
	dns_cancel(h->query[1]);
	if (h->step != NULL)
		event_free(h->step);
	free(h->name);
	free(h);
}

void
host_book_free(struct host_book *b)
{
	struct host_entry *h, *next;

	if (b == NULL)
		return;
	TAILQ_FOREACH_SAFE(h, &b->entries, entry, next)
		entry_free(h);
	buf_free(b->hosts);
	free(b);
}

static void
on_dns(struct host_entry *h, const struct dns_answer *a)
{
	static const struct timeval soon = { .tv_usec = OTHER_MSECS * 1000 };
	bool other = h->query[0] != NULL || h->query[1] != NULL;

	for (size_t i = 0; i < a->n_values; i++)
		add_address(h->addresses, sizeof(h->addresses), a->values[i]);
	if (*a->problem != '\0')
		(void)strncpy(h->problem, a->problem, sizeof(h->problem) - 1);
	h->temporary |= a->outcome > DNS_NONE;
	if (!other)
		event_active(h->step, EV_TIMEOUT, 0);
	else if (*h->addresses != '\0')
		(void)event_add(h->step, &soon);
}

static void
on_a(void *arg, const struct dns_answer *a)
{
	struct host_entry *h = arg;

	h->query[0] = NULL;
	on_dns(h, a);
}

static void
on_aaaa(void *arg, const struct dns_answer *a)
{
	struct host_entry *h = arg;

	h->query[1] = NULL;
	on_dns(h, a);
}

/* Looks the host up for those who wait, unless its addresses are fresh. */
static void
look_up(struct host_entry *h)
{
	h->asking = true;
	if (h->until <= now_secs()) {
		*h->addresses = *h->problem = '\0';
		h->temporary = false;
		look_into_file(h);
	}
	if (*h->addresses == '\0') {
		h->query[0] = dns_ask(h->book->dns, h->name, DNS_A, on_a, h);
		h->query[1] =
		    dns_ask(h->book->dns, h->name, DNS_AAAA, on_aaaa, h);
	}
	if (h->query[0] == NULL && h->query[1] == NULL)
		event_active(h->step, EV_TIMEOUT, 0);
}

static struct err *
problem_of(const struct host_entry *h)
{
	struct err *e;

	if (*h->addresses != '\0')
		return NULL;
	e = err_new("the name %s cannot be resolved: %s", h->name,
	    *h->problem != '\0' ? h->problem : "it has no address");
	if (!h->temporary)
		return e;
	return err_mark(
	    err_advise(e, "see that this machine has a network, and that "
			  "/etc/resolv.conf, or resolver in section [dns] of "
			  "certd.conf, names a resolver that answers"),
	    EAGAIN);
}

/* Answers everybody who waited when the answer came; a callback may well ask
 * for the same host again. */
static void
answer(struct host_entry *h)
{
	const char *addresses = *h->addresses == '\0' ? NULL : h->addresses;
	struct host_wait *w, copy;

	TAILQ_FOREACH(w, &h->waits, entry)
		w->due = true;
	/* host_cancel() unlinks w: the analyzer loses track of the head */
	while ((w = TAILQ_FIRST(&h->waits)) != NULL && w->due) { // NOLINT
		copy = *w;
		host_cancel(w);
		copy.done(copy.arg, addresses, problem_of(h));
	}
}

static void
on_step(evutil_socket_t fd, short what, void *arg)
{
	struct host_entry *h = arg;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < 2; i++) {
		dns_cancel(h->query[i]);
		h->query[i] = NULL;
	}
	if (*h->addresses == '\0')
		h->until = 0;
	else if (h->until <= now_secs())
		h->until = now_secs() + KEEP_SECS;
	answer(h);
	h->asking = false;
	if (!TAILQ_EMPTY(&h->waits))
		look_up(h);
}

/* Makes room by forgetting the oldest host that nobody waits for. */
static void
forget_one(struct host_book *b)
{
	struct host_entry *h;

	TAILQ_FOREACH(h, &b->entries, entry) {
		if (TAILQ_EMPTY(&h->waits) && !h->asking) {
			entry_free(h);
			return;
		}
	}
}

static struct host_entry *
entry_for(struct host_book *b, const char *name)
{
	struct host_entry *h;

	TAILQ_FOREACH(h, &b->entries, entry)
		if (strcmp(h->name, name) == 0)
			return h;
	if (b->n_entries >= ENTRIES_MAX)
		forget_one(b);
	if ((h = calloc(1, sizeof(*h))) == NULL)
		return NULL;
	h->book = b;
	TAILQ_INIT(&h->waits);
	TAILQ_INSERT_TAIL(&b->entries, h, entry);
	b->n_entries++;
	h->name = strdup(name);
	h->step = evtimer_new(b->base, on_step, h);
	if (h->name == NULL || h->step == NULL) {
		entry_free(h);
		return NULL;
	}
	return h;
}

struct host_wait *
host_find(struct host_book *b, const char *host, host_done *done, void *arg)
{
	struct host_entry *h = entry_for(b, host);
	struct host_wait *w = h == NULL ? NULL : calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->host = h;
	w->done = done;
	w->arg = arg;
	TAILQ_INSERT_TAIL(&h->waits, w, entry);
	if (!h->asking)
		look_up(h);
	return w;
}

void
host_cancel(struct host_wait *w)
{
	if (w == NULL)
		return;
	TAILQ_REMOVE(&w->host->waits, w, entry);
	free(w);
}
