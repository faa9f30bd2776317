/*
 * https.c - HTTPS requests for many callers at once.
 *
 * Runs in:  acmew, certd-dns (no files after https_new(), no exec).
 * Input:    requests of our own; answers of any server (see https_call.c).
 * Promise:  host names are resolved by our dns module alone; every call ends
 *           at its time-out at the latest.
 */
#define _GNU_SOURCE /* asprintf */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "https_call.h"
#include "https_loop.h"

#define HOSTS_FILE           "/etc/hosts"
#define TIMEOUT_SECS_DEFAULT 45 /* of which connecting may take 15 */
#define CALLS_MAX            1024

struct https {
	struct https_loop *loop;
	struct host_book *hosts;
	char *ca_pem;
	struct https_handles handles;
	size_t n_calls;
	TAILQ_HEAD(call_list, https_call) calls;
};

static uint64_t
now_msecs(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Takes the call out of the list and the loop; the caller frees it. */
static void
unlist(struct https_call *call)
{
	struct https *h = call->https;

	TAILQ_REMOVE(&h->calls, call, entry);
	h->n_calls--;
	if (call->in_loop)
		https_loop_remove(h->loop, call->easy);
	call->in_loop = false;
}

static void
fail(struct https_call *call, struct err *e)
{
	unlist(call);
	call->done(call->arg, NULL, e);
	https_call_free(call);
}

static void
on_result(void *private, CURLcode result)
{
	struct https_call *call = private;

	unlist(call);
	https_call_report(call, result);
	https_call_free(call);
}

static struct err *
launch(struct https_call *call, const char *addresses)
{
	struct err *e;

	if ((e = https_call_aim(call, addresses, now_msecs())) != NULL ||
	    (e = https_loop_add(call->https->loop, call->easy)) != NULL)
		return e;
	call->in_loop = true;
	return NULL;
}

static void
on_addresses(void *arg, const char *addresses, struct err *e)
{
	struct https_call *call = arg;

	call->wait = NULL;
	if (e == NULL)
		e = launch(call, addresses);
	if (e != NULL)
		fail(call, err_wrap(e, "%s", call->url));
}

static bool
is_address(const char *host)
{
	unsigned char raw[16];

	return inet_pton(AF_INET, host, raw) == 1 ||
	       inet_pton(AF_INET6, host, raw) == 1;
}

struct err *
https_start(struct https *h, const struct https_request *req, https_done *done,
    void *arg, struct https_call **out)
{
	unsigned secs = req->timeout_secs;
	struct https_call *call;
	struct err *e;

	*out = NULL;
	if (h->n_calls >= CALLS_MAX)
		return err_mark(
		    err_new("%s: too many requests at once", req->url), EAGAIN);
	if ((e = https_call_new(req, &h->handles, &call)) != NULL)
		return e;
	TAILQ_INSERT_TAIL(&h->calls, call, entry);
	h->n_calls++;
	call->https = h;
	call->done = done;
	call->arg = arg;
	call->deadline_msecs =
	    now_msecs() +
	    (secs == 0 ? TIMEOUT_SECS_DEFAULT : secs) * UINT64_C(1000);
	if (is_address(call->host) || req->addresses != NULL)
		e = launch(
		    call, is_address(call->host) ? NULL : req->addresses);
	else if ((call->wait = host_find(
		      h->hosts, call->host, on_addresses, call)) == NULL)
		e = err_sys("%s", req->url);
	if (e != NULL)
		https_cancel(call);
	else
		*out = call;
	return e;
}

void
https_cancel(struct https_call *call)
{
	if (call == NULL)
		return;
	unlist(call);
	https_call_free(call);
}

void
https_rest(struct https *h)
{
	if (h->n_calls > 0)
		return; /* they end in time */
	https_handles_clear(&h->handles);
	err_free(https_loop_rest(h->loop));
}

static struct err *
set_trust(struct https *h, const char *ca_pem, size_t ca_bytes)
{
	struct err *e = NULL;

	if (ca_pem == NULL)
		e = https_read_ca("", &h->ca_pem, &ca_bytes);
	else if ((h->ca_pem = strndup(ca_pem, ca_bytes)) == NULL)
		e = err_sys("HTTPS");
	h->handles.ca =
	    (struct curl_blob){ h->ca_pem, ca_bytes, CURL_BLOB_NOCOPY };
	return e;
}

/* libcurl and OpenSSL read their files in curl_global_init(). SSLKEYLOGFILE
 * would make them write the keys of every connection into one. */
static struct err *
open_curl(void)
{
	(void)unsetenv("SSLKEYLOGFILE");
	tzset(); /* or mktime() reads /etc/localtime later */
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK
		   ? NULL
		   : err_new("libcurl cannot be set up");
}

struct err *
https_new(struct event_base *base, struct dns *d, const char *ca_pem,
    size_t ca_bytes, const char *agent, struct https **out)
{
	struct https *h = calloc(1, sizeof(*h));
	struct err *e;

	*out = NULL;
	if (h == NULL)
		return err_sys("HTTPS");
	TAILQ_INIT(&h->calls);
	if (asprintf(&h->handles.agent, "%s libcurl/%s", agent,
		curl_version_info(CURLVERSION_NOW)->version) == -1) {
		h->handles.agent = NULL;
		e = err_sys("HTTPS");
	} else if ((e = open_curl()) == NULL &&
		   (e = set_trust(h, ca_pem, ca_bytes)) == NULL &&
		   (e = host_book_new(base, d, HOSTS_FILE, &h->hosts)) == NULL)
		e = https_loop_new(base, on_result, &h->loop);
	if (e != NULL)
		https_free(h);
	else
		*out = h;
	return e;
}

void
https_free(struct https *h)
{
	struct https_call *call, *next;

	if (h == NULL)
		return;
	TAILQ_FOREACH_SAFE(call, &h->calls, entry, next)
		https_cancel(call);
	https_handles_clear(&h->handles);
	https_loop_free(h->loop);
	host_book_free(h->hosts);
	free(h->ca_pem);
	free(h->handles.agent);
	free(h);
	curl_global_cleanup();
}
