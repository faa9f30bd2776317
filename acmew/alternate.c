/*
 * alternate.c - which of the CA's chains: the default one, or another that ends
 * with the issuer that is preferred.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    headers and certificates of a CA.
 * Promise:  few chains are looked at, each once; none is judged here: certd
 *           checks every one of them as if it were the only one.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "log.h"
#include "order.h"
#include "url.h"

#define REL "rel=\"alternate\""

/* Whether the parameters of a link (RFC 8288) make it one to another chain. */
static bool
is_alternate(const char *p, size_t n)
{
	size_t k = strlen(REL);

	for (size_t i = 0; i + k <= n; i++)
		if (strncasecmp(p + i, REL, k) == 0)
			return true;
	return n >= 13 && strncasecmp(p + n - 13, "rel=alternate", 13) == 0;
}

/* The end of a link in a list: the comma behind it, or the end of the text. A
 * comma in <> or "" is part of it. */
static const char *
end_of_link(const char *p)
{
	bool in_url = false, in_quotes = false;

	for (; *p != '\0'; p++) {
		if (*p == '"' && !in_url)
			in_quotes = !in_quotes;
		else if (*p == '<' && !in_quotes)
			in_url = true;
		else if (*p == '>' && !in_quotes)
			in_url = false;
		else if (*p == ',' && !in_url && !in_quotes)
			break;
	}
	return p;
}

static bool
is_listed(const struct alternates *a, struct str url)
{
	for (size_t i = 0; i < a->n; i++)
		if (str_is(url, a->urls[i]))
			return true;
	return false;
}

void
alternates_read(struct alternates *a, const char *directory, const char *header)
{
	const char *end, *close;
	struct str text;
	struct url own, url;

	if (!url_parse(str_of(directory), &own))
		return;

	for (; *header != '\0'; header = *end == ',' ? end + 1 : end) {
		while (*header == ' ')
			header++;
		end = end_of_link(header);
		close = memchr(header, '>', (size_t)(end - header));
		if (*header != '<' || close == NULL || a->n == ALTERNATES_MAX ||
		    !is_alternate(close, (size_t)(end - close)))
			continue;
		text = (struct str){ header + 1, (size_t)(close - header) - 1 };
		if (url_parse(text, &url) && url_same_origin(&url, &own) &&
		    !is_listed(a, text) &&
		    (a->urls[a->n] = str_dup(text)) != NULL)
			a->n++;
	}
}

void
alternates_clear(struct alternates *a)
{
	while (a->n > 0)
		free(a->urls[--a->n]);
	free(a->first);
	a->first = NULL;
	a->next = 0;
}

/* ---- the actions ---- */

struct err *
take_first_chain(struct job *job, const struct https_response *r)
{
	struct alternates *a = &job->alternates;

	alternates_clear(a);
	if (*job->preferred_chain == '\0')
		return NULL;
	for (size_t i = 0; i < r->n_headers; i++)
		if (strcmp(r->headers[i].name, "link") == 0)
			alternates_read(a, job->ca->url, r->headers[i].value);
	a->first_bytes = r->body_bytes;
	if ((a->first = malloc(r->body_bytes + 1)) == NULL)
		return err_sys("certificate");
	memcpy(a->first, r->body, r->body_bytes);
	return NULL;
}

static void
on_alternate(void *arg, struct answer *a)
{
	struct job *job = arg;
	struct err *e = a->e;

	if (e == NULL)
		e = chain_check_type(a->response);
	if (e != NULL) {
		log_info("job %u: another chain: %s", job->number, err_text(e));
		err_free(e);
		job_step(job, JE_UNLIKE);
		return;
	}
	job->chain = (struct str){ a->response->body, a->response->body_bytes };
	job_step(job, JE_CHAIN);
}

/* The one that was offered is not what is preferred: the next one; behind the
 * last the first, which is taken as it is. */
struct err *
next_chain(struct job *job)
{
	struct alternates *a = &job->alternates;

	if (a->next < a->n)
		return request_start(job, VERB_GET, a->urls[a->next++],
		    CHAIN_MAX_BYTES, on_alternate, job);
	a->is_over = true;
	job->chain = (struct str){ a->first, a->first_bytes };
	job->raised = JE_CHAIN;
	return NULL;
}

struct err *
hand_chain_over(struct job *job)
{
	struct msg m = { .type = MSG_chain };

	if (*job->preferred_chain != '\0' && !job->alternates.is_over) {
		m.type = MSG_chain_offer;
		m.chain_offer.pem = job->chain;
	} else {
		m.chain.pem = job->chain;
	}
	job->chain = (struct str){ "", 0 };
	return job_ask(job, &m, &job->asked);
}

struct err *
on_chain_unlike(struct job *job, const struct msg *m)
{
	if (m->id != job->asked || job->state != JS_STORE)
		return err_new("a certificate that was not handed over");
	job_step(job, JE_UNLIKE);
	return NULL;
}
