/*
 * key.c - one key: which kinds there are, whether it is sound, its names.
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    keys that pem.c and jwk.c have read.
 * Promise:  a struct key is of a known kind; where is_sound is set, its halves
 *           belong together: it was made here, or was checked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "sign.h"

/* RSA of other sizes comes from accounts and lineages made elsewhere. */
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 4096

static const struct key_alg algs[] = {
	{ KEY_EC_P256, "EC", 256, "prime256v1", NID_X9_62_prime256v1, "P-256",
	    32, "ES256", "SHA256", true },
	{ KEY_EC_P384, "EC", 384, "secp384r1", NID_secp384r1, "P-384", 48,
	    "ES384", "SHA384", true },
	{ KEY_EC_P521, "EC", 521, "secp521r1", NID_secp521r1, "P-521", 66,
	    "ES512", "SHA512", false },
	{ KEY_RSA_2048, "RSA", 2048, NULL, 0, NULL, 0, "RS256", "SHA256",
	    true },
	{ KEY_RSA_3072, "RSA", 3072, NULL, 0, NULL, 0, "RS256", "SHA256",
	    true },
	{ KEY_RSA_4096, "RSA", 4096, NULL, 0, NULL, 0, "RS256", "SHA256",
	    true },
};
static const struct key_alg odd_rsa = { 0, "RSA", 0, NULL, 0, NULL, 0, "RS256",
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

struct err *
key_check(struct key *k)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
	struct err *e = NULL;

	k->is_sound = ctx != NULL && EVP_PKEY_check(ctx) == 1;
	if (!k->is_sound)
		e = crypto_err("the numbers of the key do not fit together");
	EVP_PKEY_CTX_free(ctx);
	return e;
}

struct err *
key_point(const EVP_PKEY *pkey, const struct key_alg *alg,
    unsigned char point[EC_POINT_MAX])
{
	size_t n = 0;

	if (EVP_PKEY_get_octet_string_param(pkey,
		OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, EC_POINT_MAX,
		&n) != 1 ||
	    n != 1 + 2 * alg->width || point[0] != 4)
		return crypto_err("public key");
	return NULL;
}

/* What stands in a SubjectPublicKeyInfo behind the kind of key; on the heap of
 * OpenSSL. */
static struct err *
public_bytes(const EVP_PKEY *pkey, const struct key_alg *alg,
    unsigned char **out, int *n)
{
	unsigned char point[EC_POINT_MAX];
	struct err *e;

	*out = NULL;
	if (alg->group == NULL) {
		*n = i2d_PublicKey(pkey, out);
		return *n > 0 ? NULL : crypto_err("public key");
	}
	if ((e = key_point(pkey, alg, point)) != NULL)
		return e;
	*n = (int)(1 + 2 * alg->width);
	*out = OPENSSL_memdup(point, (size_t)*n);
	return *out == NULL ? crypto_err("public key") : NULL;
}

/* X509_PUBKEY_set() would encode the key, and decode it again. */
struct err *
key_set_public(
    const EVP_PKEY *pkey, const struct key_alg *alg, X509_PUBKEY *out)
{
	bool is_ec = alg->group != NULL;
	ASN1_OBJECT *kind =
	    OBJ_nid2obj(is_ec ? NID_X9_62_id_ecPublicKey : NID_rsaEncryption);
	ASN1_OBJECT *curve = is_ec ? OBJ_nid2obj(alg->nid) : NULL;
	unsigned char *bytes;
	struct err *e;
	int n;

	if ((e = public_bytes(pkey, alg, &bytes, &n)) != NULL)
		return e;
	if (X509_PUBKEY_set0_param(out, kind,
		is_ec ? V_ASN1_OBJECT : V_ASN1_NULL, curve, bytes, n) == 1)
		return NULL;
	OPENSSL_free(bytes);
	return crypto_err("public key");
}

/* hex of the MD5 of the PEM text of a SubjectPublicKeyInfo, which certbot made
 * the id of an account. */
struct err *
key_id(const X509_PUBKEY *public, char id[KEY_ID_SIZE])
{
	BIO *bio = BIO_new(BIO_s_mem());
	unsigned char md[EVP_MAX_MD_SIZE], *der = NULL;
	struct err *e = NULL;
	size_t n_md;
	char *pem;
	int n = i2d_X509_PUBKEY(public, &der);
	long len;

	if (bio == NULL || n <= 0 ||
	    PEM_write_bio(bio, PEM_STRING_PUBLIC, "", der, n) <= 0 ||
	    (len = BIO_get_mem_data(bio, &pem)) <= 0 ||
	    EVP_Q_digest(NULL, "MD5", NULL, pem, (size_t)len, md, &n_md) != 1)
		e = crypto_err("id of the key");
	else
		for (size_t i = 0; i < n_md; i++)
			snprintf(id + 2 * i, 3, "%02x", md[i]);
	OPENSSL_free(der);
	BIO_free(bio);
	return e;
}

/* The names of a key: what follows from its public half. */
static struct err *
name(struct key *k)
{
	X509_PUBKEY *public = X509_PUBKEY_new();
	struct err *e;

	if (public == NULL)
		e = crypto_err("id of the key");
	else if ((e = key_set_public(k->pkey, k->alg, public)) == NULL &&
		 (e = key_id(public, k->id)) == NULL)
		e = jwk_thumbprint(k->pkey, k->alg, k->thumbprint);
	X509_PUBKEY_free(public);
	return e;
}

/* For all JWS that it signs. */
static struct err *
prepare(struct key *k)
{
	k->md = EVP_MD_fetch(NULL, k->alg->digest, NULL);
	k->signs = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
	if (k->md == NULL || k->signs == NULL ||
	    EVP_PKEY_sign_init(k->signs) != 1 ||
	    EVP_PKEY_CTX_set_signature_md(k->signs, k->md) != 1)
		return crypto_err("prepare the key");
	return NULL;
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
	else if ((e = name(k)) == NULL)
		e = prepare(k);
	if (e != NULL) {
		key_free(k);
		return e;
	}
	*out = k;
	return NULL;
}

/* ---- new ones ---- */

bool
key_takes_long(enum key_kind kind)
{
	const struct key_alg *alg = alg_of_kind(kind);

	return alg == NULL || alg->group == NULL;
}

/* OpenSSL asks between two candidates for a prime. */
static int
goes_on(EVP_PKEY_CTX *ctx)
{
	const atomic_bool *stop = EVP_PKEY_CTX_get_app_data(ctx);

	return stop == NULL || !atomic_load(stop);
}

static EVP_PKEY *
make_rsa(unsigned bits, atomic_bool *stop)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *pkey = NULL;

	if (ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits) == 1) {
		EVP_PKEY_CTX_set_app_data(ctx, stop);
		EVP_PKEY_CTX_set_cb(ctx, goes_on);
		if (EVP_PKEY_generate(ctx, &pkey) != 1)
			pkey = NULL;
	}
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

struct err *
key_make(
    enum key_kind kind, bool is_account, atomic_bool *stop, struct key **out)
{
	const struct key_alg *alg = alg_of_kind(kind);
	EVP_PKEY *pkey;
	struct err *e;

	if (alg == NULL || !alg->for_certs)
		return err_new("no key is made of kind %d", (int)kind);
	pkey = alg->group != NULL
		   ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", alg->group)
		   : make_rsa(alg->bits, stop);
	if (pkey == NULL)
		return crypto_err("make a key");
	if ((e = key_new(pkey, is_account, out)) == NULL)
		(*out)->is_sound = true; /* OpenSSL has made it so */
	return e;
}

void
key_free(struct key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_CTX_free(k->signs);
	EVP_MD_free(k->md);
	EVP_PKEY_free(k->pkey);
	free(k);
}
