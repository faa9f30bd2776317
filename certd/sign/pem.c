/*
 * pem.c - certificate keys as PEM.
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    private key files of the store, by certbot or by hand; may be
 *           damaged, encrypted, of another kind.
 * Promise:  the text and what it decodes to stay in locked or wiped memory.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "sign.h"

static const struct {
	const char *label;
	const char *structure; /* as OpenSSL's decoders call it */
	const char *type;      /* NULL: the structure tells */
} forms[] = {
	{ PEM_STRING_PKCS8INF, "PrivateKeyInfo", NULL },
	{ PEM_STRING_RSA, "type-specific", "RSA" },         /* PKCS#1 */
	{ PEM_STRING_ECPRIVATEKEY, "type-specific", "EC" }, /* SEC1 */
};
#define N_FORMS (sizeof(forms) / sizeof(forms[0]))

/* One PEM block; its bytes are in locked memory. */
struct block {
	char *label, *header;
	unsigned char *der;
	long n;
};

static void
block_clear(struct block *b)
{
	/* The flag makes OpenSSL keep all three in locked memory. */
	OPENSSL_secure_free(b->label);
	OPENSSL_secure_free(b->header);
	OPENSSL_secure_clear_free(b->der, (size_t)b->n);
	memset(b, 0, sizeof(*b));
}

static struct err *
decode(const struct block *b, size_t form, EVP_PKEY **out)
{
	OSSL_DECODER_CTX *ctx;
	const unsigned char *p = b->der;
	size_t n = (size_t)b->n;
	struct err *e = NULL;

	if (b->header[0] != '\0')
		return err_new("the private key is encrypted");
	ctx = OSSL_DECODER_CTX_new_for_pkey(out, "DER", forms[form].structure,
	    forms[form].type, OSSL_KEYMGMT_SELECT_KEYPAIR, NULL, NULL);
	if (ctx == NULL || OSSL_DECODER_from_data(ctx, &p, &n) != 1)
		e = crypto_err("the private key cannot be decoded");
	OSSL_DECODER_CTX_free(ctx);
	return e;
}

/* *done: b was a key, or what a key cannot be. */
static struct err *
try_block(const struct block *b, bool *done, EVP_PKEY **out)
{
	*done = true;
	for (size_t i = 0; i < N_FORMS; i++)
		if (strcmp(b->label, forms[i].label) == 0)
			return decode(b, i, out);
	if (strcmp(b->label, PEM_STRING_PKCS8) == 0)
		return err_new("the private key is encrypted");
	*done = false; /* "EC PARAMETERS" stands before many EC keys */
	return NULL;
}

struct err *
pem_read_pkey(BIO *in, EVP_PKEY **out)
{
	struct block b = { 0 };
	struct err *e = NULL;
	bool done = false;

	*out = NULL;
	while (e == NULL && !done) {
		if (PEM_read_bio_ex(in, &b.label, &b.header, &b.der, &b.n,
			PEM_FLAG_SECURE | PEM_FLAG_EAY_COMPATIBLE) != 1)
			return crypto_err("no private key in the file");
		e = try_block(&b, &done, out);
		block_clear(&b);
	}
	if (e != NULL) {
		EVP_PKEY_free(*out);
		*out = NULL;
	}
	return e;
}

struct err *
pem_read_key(BIO *in, struct key **out)
{
	EVP_PKEY *pkey;
	struct err *e = pem_read_pkey(in, &pkey);

	return e != NULL ? e : key_new(pkey, false, out);
}

struct err *
pem_write_key(const struct key *k, BIO *out)
{
	if (PEM_write_bio_PKCS8PrivateKey(
		out, k->pkey, NULL, NULL, 0, NULL, NULL) != 1)
		return crypto_err("encode the key");
	return NULL;
}
