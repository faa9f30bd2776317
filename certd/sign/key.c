/*
 * key.c - one key: which kinds there are, whether it is sound, its names.
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    keys that pem.c and jwk.c have read.
 * Promise:  a struct key is of a known kind, and its halves belong together.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "sign.h"

/* RSA of other sizes comes from accounts and lineages made elsewhere. */
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 4096

static const struct key_alg algs[] = {
	{ KEY_EC_P256, "EC", 256, "prime256v1", "P-256", 32, "ES256", "SHA256",
	    true },
	{ KEY_EC_P384, "EC", 384, "secp384r1", "P-384", 48, "ES384", "SHA384",
	    true },
	{ KEY_EC_P521, "EC", 521, "secp521r1", "P-521", 66, "ES512", "SHA512",
	    false },
	{ KEY_RSA_2048, "RSA", 2048, NULL, NULL, 0, "RS256", "SHA256", true },
	{ KEY_RSA_3072, "RSA", 3072, NULL, NULL, 0, "RS256", "SHA256", true },
	{ KEY_RSA_4096, "RSA", 4096, NULL, NULL, 0, "RS256", "SHA256", true },
};
static const struct key_alg odd_rsa = { 0, "RSA", 0, NULL, NULL, 0, "RS256",
	"SHA256", false };
#define N_ALGS (sizeof(algs) / sizeof(algs[0]))

static const struct key_alg *
alg_of_kind(enum key_kind kind)
{
	for (size_t i = 0; i < N_ALGS; i++)
		if (algs[i].kind == kind)
			return &algs[i];
	return NULL;
}

const struct key_alg *
key_alg_crv(const char *crv)
{
	for (size_t i = 0; i < N_ALGS; i++)
		if (algs[i].crv != NULL && strcmp(algs[i].crv, crv) == 0)
			return &algs[i];
	return NULL;
}

static const struct key_alg *
alg_of_rsa(int bits)
{
	for (size_t i = 0; i < N_ALGS; i++)
		if (algs[i].group == NULL && (int)algs[i].bits == bits)
			return &algs[i];
	return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX ? &odd_rsa : NULL;
}

const struct key_alg *
key_alg_of(const EVP_PKEY *pkey)
{
	char group[32];

	if (EVP_PKEY_is_a(pkey, "RSA"))
		return alg_of_rsa(EVP_PKEY_get_bits(pkey));
	if (!EVP_PKEY_is_a(pkey, "EC") ||
	    EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) != 1)
		return NULL;
	for (size_t i = 0; i < N_ALGS; i++)
		if (algs[i].group != NULL && strcmp(algs[i].group, group) == 0)
			return &algs[i];
	return NULL;
}

/* Numbers in range, point on the curve, primes prime, and the public half is
 * that of the private one: else a signature could give the key away. */
static struct err *
check_numbers(EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	struct err *e = NULL;

	if (ctx == NULL || EVP_PKEY_check(ctx) != 1)
		e = crypto_err("the numbers of the key do not fit together");
	EVP_PKEY_CTX_free(ctx);
	return e;
}

/* hex of the MD5 of the PEM text of a SubjectPublicKeyInfo, which certbot made
 * the id of an account. */
static struct err *
spki_id(const unsigned char *der, int n, char id[KEY_ID_SIZE])
{
	BIO *bio = BIO_new(BIO_s_mem());
	unsigned char md[EVP_MAX_MD_SIZE];
	struct err *e = NULL;
	size_t n_md;
	char *pem;
	long len;

	if (bio == NULL ||
	    PEM_write_bio(bio, PEM_STRING_PUBLIC, "", der, n) <= 0 ||
	    (len = BIO_get_mem_data(bio, &pem)) <= 0 ||
	    EVP_Q_digest(NULL, "MD5", NULL, pem, (size_t)len, md, &n_md) != 1)
		e = crypto_err("id of the key");
	else
		for (size_t i = 0; i < n_md; i++)
			snprintf(id + 2 * i, 3, "%02x", md[i]);
	BIO_free(bio);
	return e;
}

struct err *
key_id(const EVP_PKEY *pkey, char id[KEY_ID_SIZE])
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(pkey, &der);
	struct err *e =
	    n <= 0 ? crypto_err("id of the key") : spki_id(der, n, id);

	OPENSSL_free(der);
	return e;
}

struct err *
cert_key_id(const X509 *cert, char id[KEY_ID_SIZE])
{
	unsigned char *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	struct err *e =
	    n <= 0 ? crypto_err("id of the key") : spki_id(der, n, id);

	OPENSSL_free(der);
	return e;
}

struct err *
key_new(EVP_PKEY *pkey, bool is_account, struct key **out)
{
	struct key *k = calloc(1, sizeof(*k));
	struct err *e;

	if (k == NULL) {
		EVP_PKEY_free(pkey);
		return err_sys("key");
	}
	k->pkey = pkey;
	k->is_account = is_account;
	if ((k->alg = key_alg_of(pkey)) == NULL)
		e = err_advise(err_new("a kind of key that is not supported"),
		    "supported are RSA of %d to %d bits and the curves P-256, "
		    "P-384 and P-521",
		    RSA_BITS_MIN, RSA_BITS_MAX);
	else if ((e = check_numbers(pkey)) == NULL &&
		 (e = key_id(pkey, k->id)) == NULL)
		e = jwk_thumbprint(pkey, k->alg, k->thumbprint);
	if (e != NULL) {
		key_free(k);
		return e;
	}
	*out = k;
	return NULL;
}

struct err *
key_make(enum key_kind kind, bool is_account, struct key **out)
{
	const struct key_alg *alg = alg_of_kind(kind);
	EVP_PKEY *pkey;

	if (alg == NULL || !alg->for_certs)
		return err_new("no key is made of kind %d", (int)kind);
	if (alg->group != NULL)
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", alg->group);
	else
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)alg->bits);
	if (pkey == NULL)
		return crypto_err("make a key");
	return key_new(pkey, is_account, out);
}

void
key_free(struct key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->pkey);
	free(k);
}
