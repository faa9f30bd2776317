/*
 * https.h - HTTPS requests for many callers at once (libcurl's multi interface
 * on libevent): verified certificates, HTTP/2, one connection a host, bounded
 * bodies, no redirects, no proxies, no environment.
 */
#ifndef HTTPS_H
#define HTTPS_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

struct event_base;
struct dns;
struct https;
struct https_call;

/* A header, name in lower case. */
struct https_header {
	const char *name, *value;
};

struct https_request {
	const char *method;   /* "GET", "HEAD", "POST", "DELETE" ... */
	const char *url;      /* https only */
	const char *addresses; /* "IP,IP" of its host; NULL: to be looked up */
	const char *body;     /* NULL: none */
	size_t body_bytes;
	const struct https_header *headers; /* sent besides the usual ones */
	size_t n_headers;
	size_t max_bytes;     /* of the answer's body; more is an error */
	unsigned timeout_secs; /* for all of it; 0: 45 */
};

/* An answer with any status. All of it is hostile. */
struct https_response {
	long status;
	const char *body;	/* NUL-terminated besides */
	size_t body_bytes;
	const struct https_header *headers; /* names in lower case, at most 64,
					     * 64 KiB in all */
	size_t n_headers;
	const char *url;	/* that was asked */
};

/* e is NULL and r set when an answer came, whatever its status; otherwise e
 * (owned by the callee) names URL and cause, and r is NULL. err_errno(e) is
 * EAGAIN where the same request may simply be sent again later (nothing was
 * sent), ECONNRESET where the server may have seen it, 0 otherwise. */
typedef void https_done(void *arg, const struct https_response *r,
    struct err *e);

/* ca_pem: PEM bundle (copied) to trust instead of the system's (which is read
 * here and now into memory). agent is the User-Agent, before libcurl's. d
 * resolves host names, but for those in /etc/hosts as it stands now. */
struct err	*https_new(struct event_base *base, struct dns *d,
		    const char *ca_pem, size_t ca_bytes, const char *agent,
		    struct https **out);
void		 https_free(struct https *h);
/* Reads a PEM bundle: file, or the system's where file is "". The caller frees
 * *pem. To be called before locking in. */
struct err	*https_read_ca(const char *file, char **pem, size_t *n);
/* Everything in the request is copied (the copy of headers and body is wiped
 * after use). The callback comes once, never before this returns. On error no
 * callback comes. */
struct err	*https_start(struct https *h, const struct https_request *req,
		    https_done *done, void *arg, struct https_call **out);
/* Closes the connections, which are kept for the next request, and forgets what
 * TLS knows of them. Nothing happens where a request is under way. */
void		 https_rest(struct https *h);
/* No callback will come. NULL is fine. */
void		 https_cancel(struct https_call *call);

/* The value of a header (lower-case name), NULL when absent; with several, the
 * last. */
const char	*https_header(const struct https_response *r, const char *name);
/* Retry-After in either form (RFC 9110 section 10.2.3) as seconds from now, at
 * least 0, at most max_secs; -1 when there is none or it cannot be read. A date
 * is read by the clock of the server that wrote it, where it tells its time. */
long		 https_retry_after(const struct https_response *r,
		    long max_secs);
/* By how many seconds this machine's clock is ahead of the server's (negative:
 * behind); 0 where the server does not tell its time. */
long		 https_clock_ahead(const struct https_response *r);

#endif
