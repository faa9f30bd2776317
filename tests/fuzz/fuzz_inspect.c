/* fuzz_inspect.c - any certificate of the store. */
/* objects: common/buf common/err common/log common/text certd/sign/cert certd/sign/algorithms certd/sign/crypto certd/sign/inspect certd/sign/jose certd/sign/jwk certd/sign/key certd/sign/pem certd/sign/file certd/sign/set */
/* covers: certd/sign/inspect.c certd/sign/cert.c */
/* libs: jansson libcrypto */
#include <stdlib.h>
#include <string.h>

#include "as_pem.h"
#include "sign_start.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* All of it must fit into the message and onto a terminal. */
static void
check(const struct inspection *i)
{
	for (size_t k = 0; k < i->names.n; k++)
		if (!text_is_plain(i->names.v[k].p, i->names.v[k].n))
			abort();
	if (i->names.n > CERT_NAMES_MAX || i->key_kind > KEY_KIND_MAX ||
	    !text_is_plain(i->issuer, strlen(i->issuer)) ||
	    strlen(i->issuer) > 512 ||
	    !text_is_hex(i->serial, strlen(i->serial)) ||
	    strlen(i->serial) > 64 || strlen(i->sha256) != 64 ||
	    strlen(i->key_id) != 32)
		abort();
}

/* The same text beside a key: whatever passes is for that key. */
static void
check_set(struct str pem)
{
	static struct key *key;
	struct inspection i;
	struct err *e;

	if (key == NULL && key_make(KEY_EC_P256, false, NULL, &key) != NULL)
		abort();
	if ((e = set_inspect(key->pkey, pem, &i)) == NULL) {
		check(&i);
		if (strcmp(i.key_id, key->id) != 0)
			abort();
	}
	err_free(e);
	inspection_clear(&i);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buf *pem = as_pem(data, n);
	struct inspection i;
	struct err *e =
	    cert_inspect((struct str){ buf_data(pem), buf_len(pem) }, &i);

	if (e == NULL)
		check(&i);
	err_free(e);
	inspection_clear(&i);
	check_set((struct str){ buf_data(pem), buf_len(pem) });
	buf_free(pem);
	return 0;
}
