/*
 * loadgen.c - how fast a CA can be asked: plays the requests of an issuance
 * (apex and wildcard) with nothing else to do. Keys and CSRs are made before the
 * clock starts, no record is published, nothing is checked or stored.
 *
 *	loadgen DIRECTORY CA-FILE ZONE COUNT IN-FLIGHT [ADDRESS]
 *
 * Without an ADDRESS the CA must take every challenge as answered. With one it is
 * served there, on port 53, what it looks for.
 *
 * Says "ready" when all is made, begins when it is told to (a line), and prints
 * one line of JSON: certificates, requests, seconds, and seconds of CPU.
 */
#include <curl/curl.h>
#include <err.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "loadgen.h"

#define NONCES_MAX 4096
#define POLL_MSECS 10

enum step { ORDER, AUTHZ, ANSWER, VALIDATED, FINALIZE, ISSUED, DOWNLOAD };

struct order {
	char *csr; /* base64url */
	char *name, *url, *finalize, *certificate;
	char *challenge[NAMES];
	char *txt[NAMES]; /* what DNS shows */
	int open; /* requests under way */
};

/* One request; it starts again where the CA is still at work. */
struct request {
	struct order *order;
	enum step step;
	int index;
	char *url, *payload;
	CURL *curl;
	struct curl_slist *headers;
	char *body, *sent;
	size_t n;
	char nonce[256], location[1024];
	double not_before;
	struct request *next; /* of those that wait */
};

static CURLM *multi;
static char *kid, *new_order;
static char *nonces[NONCES_MAX], *new_nonce;
static size_t n_nonces, n_requests, n_started, n_done, count;
static struct order *orders;
static struct request *waiting;
static const char *ca_file, *zone;
static int dns = -1;

static double
seconds_of(clockid_t which)
{
	struct timespec ts;

	(void)clock_gettime(which, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double
now(void)
{
	return seconds_of(CLOCK_MONOTONIC);
}

/* ---- HTTP ---- */

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct request *r = arg;

	if ((r->body = realloc(r->body, r->n + size * n + 1)) == NULL)
		err(1, "body");
	memcpy(r->body + r->n, p, size * n);
	r->n += size * n;
	r->body[r->n] = '\0';
	return size * n;
}

static size_t
on_header(char *p, size_t size, size_t n, void *arg)
{
	struct request *r = arg;
	char line[2048];

	(void)snprintf(line, sizeof(line), "%.*s", (int)(size * n), p);
	line[strcspn(line, "\r\n")] = '\0';
	if (strncasecmp(line, "replay-nonce: ", 14) == 0)
		(void)snprintf(r->nonce, sizeof(r->nonce), "%.250s", line + 14);
	else if (strncasecmp(line, "location: ", 10) == 0)
		(void)snprintf(r->location, sizeof(r->location), "%.1000s",
		    line + 10);
	return size * n;
}

static CURL *
handle(struct request *r, const char *url)
{
	CURL *c = curl_easy_init();

	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_CAINFO, ca_file);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, r);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, r);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(c, CURLOPT_PIPEWAIT, 1L);
	curl_easy_setopt(c, CURLOPT_PRIVATE, r);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, 60L);
	return c;
}

/* At once, for what comes before the clock starts. */
static long
fetch(struct request *r, const char *url, bool head)
{
	CURL *c = handle(r, url);
	long status = 0;
	CURLcode code;

	curl_easy_setopt(c, CURLOPT_NOBODY, head ? 1L : 0L);
	if ((code = curl_easy_perform(c)) != CURLE_OK)
		errx(1, "%s: %s", url, curl_easy_strerror(code));
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(c);
	n_requests++;
	return status;
}

static void
send_request(struct request *r)
{
	struct request first = { 0 };
	const char *nonce = first.nonce;

	if (n_nonces > 0)
		nonce = nonces[--n_nonces];
	else
		fetch(&first, new_nonce, true);
	r->curl = handle(r, r->url);
	r->sent = jws(r->url, r->payload, nonce, kid);
	r->headers = curl_slist_append(NULL,
	    "Content-Type: application/jose+json");
	curl_easy_setopt(r->curl, CURLOPT_HTTPHEADER, r->headers);
	curl_easy_setopt(r->curl, CURLOPT_POSTFIELDS, r->sent);
	curl_multi_add_handle(multi, r->curl);
	if (nonce != first.nonce)
		free(nonces[n_nonces]);
	n_requests++;
}

/* For those that begin at once, over one connection. */
static void
fetch_nonces(size_t n)
{
	struct request r = { 0 };
	CURL *c = handle(&r, new_nonce);
	CURLcode code;

	curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	while (n_nonces < n && n_nonces < NONCES_MAX) {
		if ((code = curl_easy_perform(c)) != CURLE_OK)
			errx(1, "%s: %s", new_nonce, curl_easy_strerror(code));
		nonces[n_nonces++] = strdup(r.nonce);
	}
	curl_easy_cleanup(c);
}

/* ---- one issuance ---- */

static void
ask(struct order *o, enum step step, int index, const char *url,
    const char *payload)
{
	struct request *r = calloc(1, sizeof(*r));

	if (r == NULL)
		err(1, "request");
	r->order = o;
	r->step = step;
	r->index = index;
	r->url = strdup(url);
	r->payload = strdup(payload);
	o->open++;
	send_request(r);
}

static void
start(void)
{
	struct order *o = &orders[n_started++];
	char *payload = text("{\"identifiers\":[{\"type\":\"dns\",\"value\":"
			     "\"%s\"},{\"type\":\"dns\",\"value\":\"*.%s\"}]}",
	    o->name, o->name);

	ask(o, ORDER, 0, new_order, payload);
	free(payload);
}

static void
keep(char **to, const json_t *from, const char *key)
{
	const char *value = json_string_value(json_object_get(from, key));

	free(*to);
	*to = value == NULL ? NULL : strdup(value);
}

static void
take_authz(struct order *o, int index, const json_t *body)
{
	const json_t *c, *found = NULL;
	size_t i;

	json_array_foreach(json_object_get(body, "challenges"), i, c)
		if (strcmp(json_string_value(json_object_get(c, "type")),
			"dns-01") == 0)
			found = c;
	if (found == NULL)
		errx(1, "%s: no dns-01", o->name);
	keep(&o->challenge[index], found, "url");
	free(o->txt[index]);
	o->txt[index] = answer_to(
	    json_string_value(json_object_get(found, "token")));
}

static void
finish(void)
{
	n_done++;
	if (n_started < count)
		start();
}

/* What follows an answer. Returns true where the same is asked again. */
static bool
go_on(struct request *r, const json_t *body)
{
	struct order *o = r->order;
	const char *status = json_string_value(json_object_get(body, "status"));
	bool last = o->open == 1; /* of those that were asked together */
	char *payload;
	int i;

	switch (r->step) {
	case ORDER:
		o->url = strdup(r->location);
		keep(&o->finalize, body, "finalize");
		for (i = 0; i < NAMES; i++)
			ask(o, AUTHZ, i, json_string_value(json_array_get(
			    json_object_get(body, "authorizations"),
			    (size_t)i)), "");
		return false;
	case AUTHZ:
		take_authz(o, r->index, body);
		for (i = 0; last && i < NAMES; i++)
			ask(o, ANSWER, i, o->challenge[i], "{}");
		return false;
	case ANSWER:
		if (last)
			ask(o, VALIDATED, 0, o->url, "");
		return false;
	case VALIDATED:
		if (strcmp(status, "pending") == 0)
			return true;
		payload = text("{\"csr\":\"%s\"}", o->csr);
		ask(o, FINALIZE, 0, o->finalize, payload);
		free(payload);
		return false;
	case FINALIZE:
	case ISSUED:
		if (strcmp(status, "valid") != 0 && r->step == ISSUED)
			return true;
		keep(&o->certificate, body, "certificate");
		if (o->certificate == NULL)
			ask(o, ISSUED, 0, o->url, "");
		else
			ask(o, DOWNLOAD, 0, o->certificate, "");
		return false;
	case DOWNLOAD:
		finish();
		return false;
	}
	return false;
}

static void
clear(struct request *r)
{
	curl_multi_remove_handle(multi, r->curl);
	curl_easy_cleanup(r->curl);
	curl_slist_free_all(r->headers);
	free(r->sent);
	free(r->body);
	r->body = r->sent = NULL;
	r->n = 0;
}

static void
on_done(struct request *r, CURLcode code)
{
	long status = 0;
	json_t *body;
	bool again;

	curl_easy_getinfo(r->curl, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK || status / 100 != 2)
		errx(1, "%s: %s, HTTP status %ld: %s", r->url,
		    curl_easy_strerror(code), status,
		    r->body == NULL ? "" : r->body);
	if (*r->nonce != '\0' && n_nonces < NONCES_MAX)
		nonces[n_nonces++] = strdup(r->nonce);
	body = json_loads(r->body == NULL ? "{}" : r->body, 0, NULL);
	again = go_on(r, body);
	json_decref(body);
	clear(r);
	if (again) {
		r->not_before = now() + POLL_MSECS / 1e3;
		r->next = waiting;
		waiting = r;
		return;
	}
	r->order->open--;
	free(r->url);
	free(r->payload);
	free(r);
}

static void
send_waiting(void)
{
	struct request **at = &waiting, *r;

	while ((r = *at) != NULL) {
		if (r->not_before > now()) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		send_request(r);
	}
}

/* What DNS shows at _acme-challenge.NAME of an order. */
static size_t
values_of(size_t i, const char *values[NAMES])
{
	size_t n = 0;
	int k;

	for (k = 0; i < count && k < NAMES; k++)
		if (orders[i].txt[k] != NULL)
			values[n++] = orders[i].txt[k];
	return n;
}

static void
run(void)
{
	struct curl_waitfd question = { dns, CURL_WAIT_POLLIN, 0 };
	struct request *r;
	int left, running;
	CURLMsg *m;

	while (n_done < count) {
		send_waiting();
		if (dns != -1)
			dns_serve(dns, values_of);
		curl_multi_perform(multi, &running);
		while ((m = curl_multi_info_read(multi, &left)) != NULL) {
			CURLcode code = m->data.result;

			if (m->msg != CURLMSG_DONE)
				continue;
			curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE,
			    (char **)&r);
			on_done(r, code);
		}
		if (n_done < count) /* else it would wait for nothing */
			curl_multi_poll(multi, &question, dns == -1 ? 0 : 1,
			    waiting == NULL ? 1000 : 5, NULL);
	}
}

/* ---- before the clock starts ---- */

static void
register_account(const char *directory)
{
	struct request r = { 0 }, first = { 0 }, made = { 0 };
	json_t *body;
	char *url = NULL, *sent;
	CURL *c;

	fetch(&r, directory, false);
	body = json_loads(r.body, 0, NULL);
	keep(&new_nonce, body, "newNonce");
	keep(&new_order, body, "newOrder");
	keep(&url, body, "newAccount");
	json_decref(body);
	fetch(&first, new_nonce, true);
	sent = jws(url, "{\"termsOfServiceAgreed\":true}", first.nonce, NULL);
	c = handle(&made, url);
	made.headers = curl_slist_append(NULL,
	    "Content-Type: application/jose+json");
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, made.headers);
	curl_easy_setopt(c, CURLOPT_POSTFIELDS, sent);
	if (curl_easy_perform(c) != CURLE_OK || *made.location == '\0')
		errx(1, "no account: %s", made.body == NULL ? "" : made.body);
	kid = strdup(made.location);
	curl_easy_cleanup(c);
}

int
main(int argc, char *argv[])
{
	size_t i, flight;
	double begin, cpu;

	if (argc != 6 && argc != 7)
		errx(2, "usage: loadgen DIRECTORY CA-FILE ZONE COUNT IN-FLIGHT "
			"[ADDRESS]");
	ca_file = argv[2];
	zone = argv[3];
	count = strtoul(argv[4], NULL, 10);
	flight = strtoul(argv[5], NULL, 10);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	multi = curl_multi_init();
	curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, 1L);
	curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	if ((orders = calloc(count, sizeof(*orders))) == NULL)
		err(1, "orders");
	make_account();
	for (i = 0; i < count; i++) {
		orders[i].name = text("l%zu.%s", i, zone);
		orders[i].csr = make_csr(orders[i].name);
	}
	register_account(argv[1]);
	fetch_nonces(NAMES * flight); /* so many requests are under way */
	if (argc == 7)
		dns = dns_open(argv[6]);
	puts("ready");
	(void)fflush(stdout);
	(void)getchar();
	n_requests = 0;
	begin = now();
	cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
	for (i = 0; i < flight && i < count; i++)
		start();
	run();
	printf("{\"certificates\": %zu, \"requests\": %zu, "
	       "\"seconds\": %.3f, \"cpu\": %.3f}\n", n_done, n_requests,
	    now() - begin, seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu);
	return 0;
}
