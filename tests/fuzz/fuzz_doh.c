/* fuzz_doh.c - any answer of a resolver over HTTPS: status, type and body. The
 * input's first line is the content type; before it stand two bytes, for the type
 * that was asked for and the status, and "-" as the line means no header. */
/* objects: acmew/doh common/dns_answer common/dns_message common/https_text common/config_dns common/config_value common/names common/url common/err common/text proto/options */
/* covers: acmew/doh.c common/dns_answer.c */
/* libs: libcares libcurl */
#include <stdlib.h>
#include <string.h>

#include "acmew.h"
#include "dns_answer.h"

#define NAME "_acme-challenge.example.com"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check(bool good)
{
	if (!good)
		abort();
}

/* ---- the network ---- */

static https_done *asked;
static void *asked_arg;

struct err *
https_start(struct https *h, const struct https_request *req, https_done *done,
    void *arg, struct https_call **out)
{
	(void)h;
	check(req->body_bytes > 12 && req->max_bytes <= 65535);
	check(strcmp(req->method, "POST") == 0 && req->addresses != NULL);
	asked = done;
	asked_arg = arg;
	*out = NULL;
	return NULL;
}

void
https_cancel(struct https_call *call)
{
	check(call == NULL);
}

struct err *
https_read_ca(const char *file, char **pem, size_t *n)
{
	*pem = NULL;
	*n = 0;
	return err_new("%s: not here", file);
}

/* ---- the answer ---- */

static unsigned n_answers;

static void
on_answer(void *arg, const struct dns_answer *a)
{
	check(arg == &n_answers);
	n_answers++;
	check((a->outcome == DNS_OK) == (*a->problem == '\0'));
	check(text_is_plain(a->problem, strlen(a->problem)));
	check(a->n_values == 0 || a->outcome <= DNS_NONE);
	for (size_t i = 0; i < a->n_values; i++)
		check(text_is_plain(a->values[i], strlen(a->values[i])));
}

static void
answer(const char *type, long status, const uint8_t *body, size_t n)
{
	struct https_header header = { "content-type", type };
	struct https_response r = { .status = status,
		.headers = &header,
		.n_headers = strcmp(type, "-") != 0,
		.url = "https://doh.example/dns-query",
		.body_bytes = n };
	char *copy = malloc(n + 1);

	check(copy != NULL);
	memcpy(copy, body, n);
	copy[n] = '\0';
	r.body = copy;
	asked(asked_arg, &r, NULL);
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const enum dns_type types[] = { DNS_A, DNS_NS, DNS_CNAME,
		DNS_SOA, DNS_TXT, DNS_AAAA };
	static const long statuses[] = { 200, 200, 200, 204, 302, 404, 500 };
	static struct worker w;
	struct doh_server server = { .url = (char[]){ "https://doh.example/" },
		.addresses = (char[]){ "192.0.2.1" } };
	const uint8_t *end;
	char *type;

	if (n < 3 || (end = memchr(data + 2, '\n', n - 2)) == NULL ||
	    (type = strndup(
		 (const char *)data + 2, (size_t)(end - data) - 2)) == NULL)
		return 0;
	n_answers = 0;
	if (doh_ask(&w, &server, NAME, types[data[0] % 6], on_answer,
		&n_answers) != NULL) {
		answer(type, statuses[data[1] % 7], end + 1,
		    n - (size_t)(end + 1 - data));
		check(n_answers == 1);
	}
	free(type);
	return 0;
}
