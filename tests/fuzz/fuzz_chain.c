/* fuzz_chain.c - any chain of certificates. The seeds are one for this key. */
/* objects: common/buf common/err common/log common/text certd/sign/cert certd/sign/chain certd/sign/issuers certd/sign/algorithms certd/sign/crypto certd/sign/jose certd/sign/jwk certd/sign/key certd/sign/pem certd/sign/file certd/sign/inspect */
/* covers: certd/sign/chain certd/sign/issuers.c certd/sign/cert.c */
/* libs: jansson libcrypto */
#include <stdlib.h>
#include <string.h>

#include "as_pem.h"
#include "sign_start.h"

#define NOW 1800000000 /* 2027-01-15: the seeds are valid then */

/* RFC 7515 appendix A.3. */
static const char jwk[] =
    "{\"kty\":\"EC\",\"crv\":\"P-256\","
    "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\","
    "\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What passes must pass again in the form that we store, and stay the same. */
static void
check_again(const struct chain_question *q, const struct chain_facts *f)
{
	struct chain_question again = *q;
	struct buf *whole = buf_new(AS_PEM_MAX);
	struct chain_facts g;

	if (buf_add(whole, buf_data(f->cert), buf_len(f->cert)) != NULL ||
	    buf_add(whole, buf_data(f->chain), buf_len(f->chain)) != NULL)
		abort();
	again.pem = (struct str){ buf_data(whole), buf_len(whole) };
	if (buf_len(whole) <= CHAIN_BYTES_MAX) {
		if (chain_check(&again, &g) != NULL ||
		    strcmp(buf_data(f->cert), buf_data(g.cert)) != 0 ||
		    strcmp(buf_data(f->chain), buf_data(g.chain)) != 0)
			abort();
		chain_facts_clear(&g);
	}
	buf_free(whole);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct issuers known;
	static struct key *key;
	struct str names[] = { str_of("example.com"), str_of("*.example.com") };
	struct buf *pem = as_pem(data, n);
	struct chain_question q = { NULL, { names, 2 },
		{ buf_data(pem), buf_len(pem) }, NOW, &known };
	struct chain_facts f;
	struct err *e;

	if (key == NULL && jwk_read(jwk, strlen(jwk), &key) != NULL)
		abort();
	q.key = key;
	if ((e = chain_check(&q, &f)) == NULL)
		check_again(&q, &f);
	else if (f.cert != NULL || f.chain != NULL)
		abort();
	err_free(e);
	chain_facts_clear(&f);
	buf_free(pem);
	return 0;
}
