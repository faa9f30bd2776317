/*
 * https_call.c - one HTTPS transfer: what libcurl is told, what came back.
 *
 * Runs in:  acmew, certd-dns (no files, no exec).
 * Input:    the answer of any server. Assume it is hostile.
 * Promise:  the rules of https_handle.c hold; sizes are bounded while they come,
 *           slow drips end with the call's time; what was sent is wiped.
 */
#define _GNU_SOURCE /* asprintf, explicit_bzero */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "https_call.h"
#include "https_text.h"
#include "text.h"

/* Header names and values become lines: nothing may begin a new one. */
static bool
is_line(const char *text)
{
	for (; *text != '\0'; text++)
		if (iscntrl((unsigned char)*text) && *text != '\t')
			return false;
	return true;
}

static struct err *
add_line(struct curl_slist **list, const char *name, const char *value)
{
	struct curl_slist *longer;
	struct err *e = NULL;
	char *line = NULL;
	int n;

	if (!is_line(name) || !is_line(value))
		return err_new("header %s: control character", name);
	if ((n = asprintf(&line, "%s: %s", name, value)) == -1)
		return err_sys("headers");
	if ((longer = curl_slist_append(*list, line)) == NULL)
		e = err_sys("headers");
	else
		*list = longer;
	explicit_bzero(line, (size_t)n);
	free(line);
	return e;
}

/* "Name:" without a value keeps libcurl from adding that header. */
static struct err *
add_headers(struct https_call *call, const struct https_request *req)
{
	bool has_type = req->body == NULL;
	struct curl_slist *list;
	struct err *e = NULL;

	for (size_t i = 0; e == NULL && i < req->n_headers; i++) {
		has_type |=
		    strcasecmp(req->headers[i].name, "content-type") == 0;
		e = add_line(&call->headers, req->headers[i].name,
		    req->headers[i].value);
	}
	if (e != NULL)
		return e;
	if ((list = curl_slist_append(call->headers, "Expect:")) == NULL)
		return err_sys("headers");
	call->headers = list;
	if (has_type)
		return NULL;
	if ((list = curl_slist_append(call->headers, "Content-Type:")) == NULL)
		return err_sys("headers");
	call->headers = list;
	return NULL;
}

/* CURLOPT_WRITEFUNCTION. CURLOPT_MAXFILESIZE would stop only bodies that
 * announce their length. */
static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	struct https_call *call = arg;
	struct err *e = buf_add(call->answer, data, size * n);

	if (e == NULL)
		return size * n;
	err_free(e);
	call->excess = "the answer is too large";
	return 0;
}

/* CURLOPT_HEADERFUNCTION: only counts. A status line begins a new answer
 * (after 1xx), whose headers alone are kept. */
static size_t
on_header(char *data, size_t size, size_t n, void *arg)
{
	struct https_call *call = arg;

	n *= size;
	if (n >= 5 && memcmp(data, "HTTP/", 5) == 0)
		call->n_lines = 0;
	else if (n > 2) /* the empty line at the end */
		call->n_lines++;
	call->line_bytes += n;
	if (call->n_lines > HTTPS_HEADERS_MAX ||
	    call->line_bytes > HTTPS_HEADER_MAX_BYTES) {
		call->excess = "the answer has too many headers";
		return 0;
	}
	return n;
}

/* CURLOPT_PREREQFUNCTION. Where a connection that was used before breaks,
 * libcurl would send the request again, a POST too: the caller must decide. */
static int
on_send(void *arg, char *to, char *from, int to_port, int from_port)
{
	struct https_call *call = arg;

	(void)to;
	(void)from;
	(void)to_port;
	(void)from_port;
	return ++call->n_sent > 1 && call->is_post ? CURL_PREREQFUNC_ABORT
						   : CURL_PREREQFUNC_OK;
}

#define SET(option, value)                                                     \
	(rc = rc != CURLE_OK ? rc : curl_easy_setopt(call->easy, option, value))

static CURLcode
set_callbacks(struct https_call *call)
{
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_ERRORBUFFER, call->detail);
	SET(CURLOPT_PRIVATE, call);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, call);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, call);
	SET(CURLOPT_PREREQFUNCTION, on_send);
	SET(CURLOPT_PREREQDATA, call);
	return rc;
}

/* The handle may have had another method before. */
static CURLcode
set_request(struct https_call *call, const char *method)
{
	bool is_head = strcmp(method, "HEAD") == 0;
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_URL, call->url);
	SET(CURLOPT_HTTPHEADER, call->headers);
	SET(CURLOPT_HTTPGET, 1L);
	call->is_post = strcmp(method, "POST") == 0;
	if (call->body != NULL || call->is_post) {
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_bytes);
		SET(CURLOPT_POSTFIELDS, call->body == NULL ? "" : call->body);
	}
	if (is_head)
		SET(CURLOPT_NOBODY, 1L);
	SET(CURLOPT_CUSTOMREQUEST, is_head ? NULL : method);
	return rc;
}

/* Takes the URL apart; libcurl's reading of it cannot differ from ours. */
static struct err *
set_target(struct https_call *call, const char *text)
{
	struct url url;

	if (!url_parse(str_of(text), &url))
		return err_new("no https URL that can be asked: %s", text);
	if (*url.host.p == '[')
		url.host = (struct str){ url.host.p + 1, url.host.n - 2 };
	call->port = url.port;
	call->url = strdup(text);
	call->host = str_dup(url.host);
	return call->url == NULL || call->host == NULL ? err_sys("HTTPS")
						       : NULL;
}

static struct err *
copy_body(struct https_call *call, const struct https_request *req)
{
	if (req->body == NULL)
		return NULL;
	if ((call->body = malloc(req->body_bytes + 1)) == NULL)
		return err_sys("%s", req->url);
	memcpy(call->body, req->body, req->body_bytes);
	call->body[req->body_bytes] = '\0';
	call->body_bytes = req->body_bytes;
	return NULL;
}

struct err *
https_call_new(const struct https_request *req, struct https_handles *handles,
    struct https_call **out)
{
	struct https_call *call = calloc(1, sizeof(*call));
	struct err *e;

	*out = NULL;
	if (call == NULL)
		return err_sys("%s", req->url);
	if ((e = set_target(call, req->url)) != NULL ||
	    (e = add_headers(call, req)) != NULL ||
	    (e = copy_body(call, req)) != NULL)
		goto out;
	call->handles = handles;
	call->easy = https_handle_take(handles);
	call->answer = buf_new(req->max_bytes);
	if (call->easy == NULL || call->answer == NULL ||
	    set_callbacks(call) != CURLE_OK ||
	    set_request(call, req->method) != CURLE_OK)
		e = err_new("%s: libcurl cannot be set up", req->url);
out:
	if (e == NULL)
		*out = call;
	else
		https_call_free(call);
	return e;
}

/* libcurl's own resolver would start a thread and read files. With RESOLVE it
 * finds host and port in its cache, and never looks further. */
struct err *
https_call_aim(
    struct https_call *call, const char *addresses, uint64_t now_msecs)
{
	struct curl_slist *list = NULL;
	CURLcode rc = CURLE_OK;
	char *line = NULL;
	long left = 1;

	if (call->deadline_msecs > now_msecs)
		left = (long)(call->deadline_msecs - now_msecs);
	SET(CURLOPT_TIMEOUT_MS, left);
	if (addresses != NULL) {
		if (asprintf(&line, "%s:%u:%s", call->host,
			(unsigned)call->port, addresses) == -1)
			return err_sys("%s", call->url);
		list = curl_slist_append(NULL, line);
		free(line);
		if (list == NULL)
			return err_sys("%s", call->url);
		call->resolve = list;
		SET(CURLOPT_RESOLVE, list);
	}
	return rc == CURLE_OK
		   ? NULL
		   : err_new("%s: %s", call->url, curl_easy_strerror(rc));
}

/* Fills headers with what libcurl kept, names in lower case (a copy in
 * *names). */
static size_t
collect_headers(struct https_call *call,
    struct https_header headers[HTTPS_HEADERS_MAX], struct buf *names)
{
	size_t offsets[HTTPS_HEADERS_MAX], n = 0;
	struct curl_header *h = NULL;

	while (n < HTTPS_HEADERS_MAX && (h = curl_easy_nextheader(call->easy,
					     CURLH_HEADER, -1, h)) != NULL) {
		struct err *e;

		offsets[n] = buf_len(names);
		headers[n].value = h->value;
		e = buf_add(names, h->name, strlen(h->name) + 1);
		if (e == NULL)
			n++;
		err_free(e);
	}
	for (size_t i = 0; i < n; i++) {
		char *name = (char *)(uintptr_t)buf_data(names) + offsets[i];

		headers[i].name = name;
		for (; *name != '\0'; name++)
			*name = (char)tolower((unsigned char)*name);
	}
	return n;
}

static void
report_answer(struct https_call *call)
{
	struct https_header headers[HTTPS_HEADERS_MAX];
	struct buf *names = buf_new(HTTPS_HEADER_MAX_BYTES);
	struct https_response r = { .headers = headers, .url = call->url };

	if (names == NULL) {
		call->done(call->arg, NULL, err_sys("%s", call->url));
		return;
	}
	(void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &r.status);
	r.body = buf_data(call->answer);
	r.body_bytes = buf_len(call->answer);
	r.n_headers = collect_headers(call, headers, names);
	call->done(call->arg, &r, NULL);
	buf_free(names);
}

static struct err *
failure_of(struct https_call *call, CURLcode result)
{
	long sent = 0, number = 0;

	if (call->excess != NULL)
		return err_new("%s: %s", call->url, call->excess);
	if (result == CURLE_ABORTED_BY_CALLBACK)
		return err_mark(err_new("%s: the connection broke while the "
					"request was under way",
				    call->url),
		    ECONNRESET);
	(void)curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &sent);
	(void)curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &number);
	if (result == CURLE_COULDNT_CONNECT && number != 0)
		(void)snprintf(call->detail, sizeof(call->detail),
		    "cannot connect to %s port %u: %s", call->host,
		    (unsigned)call->port, strerror((int)number));
	return https_failure(
	    call->url, call->host, result, call->detail, sent > 0);
}

void
https_call_report(struct https_call *call, CURLcode result)
{
	call->went_well = result == CURLE_OK;
	if (call->went_well)
		report_answer(call);
	else
		call->done(call->arg, NULL, failure_of(call, result));
}

static void
wipe_list(struct curl_slist *list)
{
	for (struct curl_slist *l = list; l != NULL; l = l->next)
		explicit_bzero(l->data, strlen(l->data));
	curl_slist_free_all(list);
}

void
https_call_free(struct https_call *call)
{
	if (call == NULL)
		return;
	host_cancel(call->wait);
	https_handle_give(call->handles, call->easy, call->went_well);
	wipe_list(call->headers);
	curl_slist_free_all(call->resolve);
	if (call->body != NULL)
		explicit_bzero(call->body, call->body_bytes);
	free(call->body);
	buf_free(call->answer);
	free(call->url);
	free(call->host);
	free(call);
}
