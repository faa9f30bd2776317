/* fuzz_resources.c - any body as directory, order, authorization, challenge. */
/* objects: acmew/resources acmew/json acmew/problem common/buf common/err common/names common/text common/url */
/* covers: acmew/resources.c acmew/json.c */
/* libs: jansson */
#include <stdlib.h>
#include <string.h>

#include "resources.h"
#include "url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check_url(const char *text)
{
	struct url u;

	if (*text != '\0' && !url_parse(str_of(text), &u))
		abort();
}

/* What is accepted must be fit to be used. */
static void
check_order(const struct order *o)
{
	check_url(o->finalize);
	check_url(o->certificate);
	if (o->n_authorizations == 0 || o->n_authorizations > NAMES_MAX)
		abort();
	for (size_t i = 0; i < o->n_authorizations; i++)
		check_url(o->authorizations[i]);
	if (o->error != NULL)
		err_free(problem_err(o->error, NULL));
}

static void
check_proof(const struct proof *p)
{
	size_t n = strlen(p->token);

	check_url(p->challenge);
	if (p->name > 1 ||
	    (p->status == PROOF_PENDING &&
		(n < CA_TOKEN_MIN_BYTES || n > CA_TOKEN_MAX_BYTES ||
		    !text_is_base64url(p->token, n))))
		abort();
	if (p->error != NULL)
		err_free(problem_err(p->error, NULL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct str list[] = { { "example.com", 11 },
		{ "*.example.com", 13 } };
	const struct strs names = { list, 2 };
	const char *text = (const char *)data;
	enum proof_status status;
	struct directory d;
	struct proof p;
	struct order o;
	struct err *e;

	if ((e = directory_parse(text, n, &d)) == NULL) {
		check_url(d.new_nonce);
		check_url(d.terms);
		directory_clear(&d);
	}
	err_free(e);
	if ((e = order_parse(text, n, &names, &o)) == NULL) {
		check_order(&o);
		order_clear(&o);
	}
	err_free(e);
	if ((e = proof_parse(text, n, &names, &p)) == NULL) {
		check_proof(&p);
		proof_clear(&p);
	}
	err_free(e);
	err_free(challenge_parse(text, n, &status));
	return 0;
}
