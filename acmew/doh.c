/*
 * doh.c - a question to a resolver over HTTPS (RFC 8484), where port 53 leads
 * nowhere.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    answers of public resolvers. Assume that they are hostile.
 * Promise:  the resolver is reached without another resolver's help; every
 *           question ends with one callback.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acmew.h"
#include "dns_answer.h"

#define MESSAGE_TYPE     "application/dns-message"
#define ANSWER_MAX_BYTES 65535
#define QUESTION_SECS    10

struct doh_query {
	char name[DNS_NAME_SIZE];
	enum dns_type type;
	const struct doh_server *server;
	struct https_call *call;
	dns_done *done;
	void *arg;
};

void
doh_cancel(struct doh_query *q)
{
	if (q == NULL)
		return;
	https_cancel(q->call);
	free(q);
}

static void
finish(struct doh_query *q, struct dns_reply *reply)
{
	q->call = NULL;
	q->done(q->arg, &reply->answer);
	dns_reply_clear(reply);
	free(q);
}

static bool
is_message(const struct https_response *r)
{
	const char *type = https_header(r, "content-type");

	return r->status == 200 && type != NULL &&
	       strncmp(type, MESSAGE_TYPE, strlen(MESSAGE_TYPE)) == 0;
}

static void
on_answer(void *arg, const struct https_response *r, struct err *e)
{
	struct doh_query *q = arg;
	struct dns_reply reply;

	if (e != NULL)
		dns_reply_fail(&reply, DNS_TIMEOUT, "%s", err_text(e));
	else if (!is_message(r)) /* a proxy's page: nobody has answered */
		dns_reply_fail(&reply, DNS_TIMEOUT,
		    "%s: status %ld and no DNS message", r->url, r->status);
	else
		dns_reply_read(&reply, q->name, q->type, q->server->url,
		    (const unsigned char *)r->body, r->body_bytes);
	err_free(e);
	finish(q, &reply);
}

struct doh_query *
doh_ask(struct worker *w, const struct doh_server *server, const char *name,
    enum dns_type type, dns_done *done, void *arg)
{
	static const struct https_header headers[] = {
		{ "content-type", MESSAGE_TYPE },
		{ "accept", MESSAGE_TYPE },
	};
	unsigned char question[DNS_QUESTION_SIZE];
	struct https_request r = { .method = "POST",
		.url = server->url,
		.addresses = server->addresses,
		.body = (const char *)question,
		.headers = headers,
		.n_headers = 2,
		.max_bytes = ANSWER_MAX_BYTES,
		.timeout_secs = QUESTION_SECS };
	struct doh_query *q = calloc(1, sizeof(*q));
	struct err *e;

	if (q == NULL || strlen(name) >= sizeof(q->name) ||
	    !dns_question_make(name, type, question, &r.body_bytes)) {
		free(q);
		return NULL;
	}
	strcpy(q->name, name);
	q->type = type;
	q->server = server;
	q->done = done;
	q->arg = arg;
	if ((e = https_start(w->doh, &r, on_answer, q, &q->call)) != NULL) {
		err_free(e);
		free(q);
		return NULL;
	}
	return q;
}

/* ---- which there are ---- */

/* "IP@IP" as libcurl likes lists. */
static char *
address_list(struct str text)
{
	char *list = str_dup(text);

	for (char *p = list; p != NULL && *p != '\0'; p++)
		if (*p == '@')
			*p = ',';
	return list;
}

struct err *
doh_servers_read(const struct config *c, struct doh_servers *out)
{
	struct str urls[DOH_SERVERS_MAX], addresses[DOH_SERVERS_MAX];
	size_t n = config_doh_servers(c, urls, addresses, DOH_SERVERS_MAX);

	for (; out->n < n; out->n++) {
		struct doh_server *s = &out->list[out->n];

		s->url = str_dup(urls[out->n]);
		s->addresses = address_list(addresses[out->n]);
		if (s->url == NULL || s->addresses == NULL)
			return err_sys("doh-servers");
	}
	return NULL;
}

void
doh_servers_clear(struct doh_servers *d)
{
	for (size_t i = 0; i < DOH_SERVERS_MAX; i++) {
		free(d->list[i].url);
		free(d->list[i].addresses);
	}
	memset(d, 0, sizeof(*d));
}

/* The roots of the system, and those of a private CA besides: that one stands
 * for its own servers only. *pem is NULL where neither is to be had. */
void
doh_trust_read(const struct config *c, char **pem, size_t *n)
{
	char *system = NULL, *own = NULL;
	size_t system_n = 0, own_n = 0;

	*pem = NULL;
	*n = 0;
	err_free(https_read_ca("", &system, &system_n));
	if (*c->acme_ca != '\0')
		err_free(https_read_ca(c->acme_ca, &own, &own_n));
	if (system_n + own_n > 0 &&
	    (*pem = malloc(system_n + own_n + 2)) != NULL) {
		if (system_n > 0)
			memcpy(*pem, system, system_n);
		(*pem)[system_n] = '\n';
		if (own_n > 0)
			memcpy(*pem + system_n + 1, own, own_n);
		*n = system_n + own_n + 1;
		(*pem)[*n] = '\0';
	}
	free(system);
	free(own);
}
