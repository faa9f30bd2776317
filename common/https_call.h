/*
 * https_call.h - one transfer: what libcurl is told and what came back. Only
 * https*.c include it.
 */
#ifndef HTTPS_CALL_H
#define HTTPS_CALL_H

#include <curl/curl.h>

#include "buf.h"
#include "https.h"
#include "https_handle.h"
#include "https_host.h"
#include "queue.h"
#include "url.h"

#define HTTPS_HEADERS_MAX      64
#define HTTPS_HEADER_MAX_BYTES (64 * 1024)

struct https_call {
	TAILQ_ENTRY(https_call) entry;
	struct https *https;
	https_done *done;
	void *arg;
	struct https_handles *handles; /* where easy is from */
	CURL *easy;
	bool in_loop;
	bool went_well;
	struct host_wait *wait; /* for the addresses of the host */
	char *url, *host;	/* an IPv6 host without [] */
	uint16_t port;
	uint64_t deadline_msecs; /* monotonic */
	/* what is sent */
	struct curl_slist *headers, *resolve;
	char *body;
	size_t body_bytes;
	bool is_post;
	unsigned n_sent; /* how often libcurl began to send it */
	/* what comes */
	struct buf *answer;
	size_t max_bytes;
	size_t n_lines, line_bytes; /* of the headers */
	const char *excess;	    /* why we broke it off */
	char detail[CURL_ERROR_SIZE];
};

/* A call with its libcurl handle, not yet under way. The handles must outlive
 * it. Everything in req is copied. */
struct err	*https_call_new(const struct https_request *req,
		    struct https_handles *handles, struct https_call **out);
/* Wipes what was sent. NULL is fine. */
void		 https_call_free(struct https_call *call);
/* What is still to be said once the addresses are known ("a,b"; NULL where
 * host is one). */
struct err	*https_call_aim(struct https_call *call, const char *addresses,
		    uint64_t now_msecs);
/* Hands the end of a transfer to done. */
void		 https_call_report(struct https_call *call, CURLcode result);

#endif
