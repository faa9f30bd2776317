/* fuzz_jwk.c - any private_key.json and regr.json. */
/* objects: common/buf common/err common/log common/text common/url certd/sign/account certd/sign/algorithms certd/sign/crypto certd/sign/jose certd/sign/jwk certd/sign/key certd/sign/pem certd/sign/file */
/* covers: certd/sign/jwk.c certd/sign/account.c */
/* libs: jansson libcrypto */
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>

#include "sign_start.h"
#include "url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What was read and is written again is the same key. */
static void
check_round(const struct key *k)
{
	BIO *bio = secret_new();
	struct key *again = NULL;
	char *p;
	long n;

	if (jwk_write(k, bio) != NULL)
		abort();
	n = BIO_get_mem_data(bio, &p);
	if (jwk_read(p, (size_t)n, &again) != NULL ||
	    key_check(again) != NULL || strcmp(k->id, again->id) != 0 ||
	    strcmp(k->thumbprint, again->thumbprint) != 0)
		abort();
	key_free(again);
	BIO_free(bio);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *text = (const char *)data;
	struct key *k = NULL;
	struct err *e;
	struct url parts;
	char *url = NULL;

	if (n > SECRET_FILE_MAX)
		return 0;
	if ((e = jwk_read(text, n, &k)) == NULL && (e = key_check(k)) == NULL &&
	    k->alg->group != NULL)
		check_round(k);
	err_free(e);
	key_free(k);
	if ((e = regr_read(text, n, &url)) == NULL &&
	    !url_parse(str_of(url), &parts))
		abort();
	err_free(e);
	free(url);
	return 0;
}
