/*
 * jwk.c - account keys as JSON Web Keys (RFC 7517, RFC 7518 section 6).
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    private_key.json of an account, by certbot or by hand; may be
 *           damaged or made to harm.
 * Promise:  no number reaches OpenSSL before its length was checked, and no
 *           error text repeats a part of the file.
 */
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include "sign.h"

#define NUMBER_MAX (4096 / 8) /* bytes */

/* Members of an RSA key, private ones last; all of them must be there. */
static const struct {
	const char *member, *param;
} rsa_members[] = {
	{ "n", OSSL_PKEY_PARAM_RSA_N },
	{ "e", OSSL_PKEY_PARAM_RSA_E },
	{ "d", OSSL_PKEY_PARAM_RSA_D },
	{ "p", OSSL_PKEY_PARAM_RSA_FACTOR1 },
	{ "q", OSSL_PKEY_PARAM_RSA_FACTOR2 },
	{ "dp", OSSL_PKEY_PARAM_RSA_EXPONENT1 },
	{ "dq", OSSL_PKEY_PARAM_RSA_EXPONENT2 },
	{ "qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1 },
};
#define N_RSA (sizeof(rsa_members) / sizeof(rsa_members[0]))

/* ---- reading ---- */

/* The bytes of a number. width 0: any length from 1 to NUMBER_MAX. */
static struct err *
member_bytes(const json_t *jwk, const char *name, size_t width,
    unsigned char out[NUMBER_MAX], size_t *n)
{
	const json_t *v = json_object_get(jwk, name);

	*n = 0;
	if (!json_is_string(v))
		return err_new("member \"%s\" is missing or no text", name);
	if (!b64u_decode(json_string_value(v), json_string_length(v), out,
		NUMBER_MAX, n) ||
	    *n == 0)
		return err_new("member \"%s\" is no number of 1 to %d bytes "
			       "in base64url",
		    name, NUMBER_MAX);
	if (width != 0 && *n != width)
		return err_new("member \"%s\" has %zu bytes instead of %zu",
		    name, *n, width);
	return NULL;
}

/* The same as a number in locked memory. */
static struct err *
member_number(const json_t *jwk, const char *name, size_t width, BIGNUM **out)
{
	unsigned char *bytes = OPENSSL_secure_malloc(NUMBER_MAX);
	struct err *e;
	size_t n;

	if (bytes == NULL || (*out = BN_secure_new()) == NULL)
		e = crypto_err("locked memory");
	else if ((e = member_bytes(jwk, name, width, bytes, &n)) == NULL &&
		 BN_bin2bn(bytes, (int)n, *out) == NULL)
		e = crypto_err("number");
	OPENSSL_secure_clear_free(bytes, NUMBER_MAX);
	return e;
}

/* A key of these parameters, which never become anything else. */
static struct err *
key_from_params(const char *type, OSSL_PARAM_BLD *bld, EVP_PKEY **out)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	struct err *e = NULL;

	if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, out, EVP_PKEY_KEYPAIR, params) != 1)
		e = crypto_err("the numbers make no key");
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params); /* wipes what is secret */
	return e;
}

/* OpenSSL keeps the numbers of an RSA key in locked memory when it has decoded
 * them from DER, but not when they came as parameters. */
static struct err *
move_to_locked_memory(EVP_PKEY **pkey)
{
	BIO *der = secret_new();
	EVP_PKEY *moved = NULL;

	if (der != NULL &&
	    i2d_PKCS8PrivateKey_bio(der, *pkey, NULL, NULL, 0, NULL, NULL) == 1)
		moved = d2i_PrivateKey_bio(der, NULL);
	BIO_free(der);
	EVP_PKEY_free(*pkey);
	*pkey = moved;
	return moved == NULL ? crypto_err("move the key") : NULL;
}

static struct err *
read_rsa(const json_t *jwk, EVP_PKEY **out)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	BIGNUM *v[N_RSA] = { NULL };
	struct err *e = NULL;

	if (bld == NULL)
		e = crypto_err("RSA key");
	if (e == NULL && json_object_get(jwk, "oth") != NULL)
		e = err_new("more than two primes are not supported");
	for (size_t i = 0; e == NULL && i < N_RSA; i++) {
		e = member_number(jwk, rsa_members[i].member, 0, &v[i]);
		if (e == NULL && OSSL_PARAM_BLD_push_BN(
				     bld, rsa_members[i].param, v[i]) != 1)
			e = crypto_err("RSA key");
	}
	if (e == NULL && (e = key_from_params("RSA", bld, out)) == NULL)
		e = move_to_locked_memory(out);
	for (size_t i = 0; i < N_RSA; i++)
		BN_clear_free(v[i]);
	OSSL_PARAM_BLD_free(bld);
	return e;
}

/* SEC1 section 2.3.3: 04, x, y. */
static struct err *
read_point(const json_t *jwk, const struct key_alg *alg, unsigned char *point)
{
	unsigned char bytes[NUMBER_MAX];
	struct err *e;
	size_t n;

	point[0] = 4;
	if ((e = member_bytes(jwk, "x", alg->width, bytes, &n)) != NULL)
		return e;
	memcpy(point + 1, bytes, n);
	if ((e = member_bytes(jwk, "y", alg->width, bytes, &n)) != NULL)
		return e;
	memcpy(point + 1 + n, bytes, n);
	return NULL;
}

static struct err *
push_ec(OSSL_PARAM_BLD *bld, const struct key_alg *alg,
    const unsigned char *point, const BIGNUM *d)
{
	if (OSSL_PARAM_BLD_push_utf8_string(
		bld, OSSL_PKEY_PARAM_GROUP_NAME, alg->group, 0) != 1 ||
	    OSSL_PARAM_BLD_push_octet_string(
		bld, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * alg->width) != 1 ||
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, d) != 1)
		return crypto_err("EC key");
	return NULL;
}

static struct err *
read_ec(const json_t *jwk, EVP_PKEY **out)
{
	const char *crv = json_string_value(json_object_get(jwk, "crv"));
	const struct key_alg *alg = crv == NULL ? NULL : key_alg_crv(crv);
	unsigned char point[EC_POINT_MAX];
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	BIGNUM *d = NULL;
	struct err *e;

	if (bld == NULL)
		return crypto_err("EC key");
	if (alg == NULL)
		e = err_new("\"crv\" is none of P-256, P-384 and P-521");
	else if ((e = read_point(jwk, alg, point)) == NULL &&
		 (e = member_number(jwk, "d", alg->width, &d)) == NULL &&
		 (e = push_ec(bld, alg, point, d)) == NULL)
		e = key_from_params("EC", bld, out);
	BN_clear_free(d);
	OSSL_PARAM_BLD_free(bld);
	return e;
}

struct err *
jwk_read(const char *text, size_t n, struct key **out)
{
	json_error_t where;
	json_t *jwk = json_loadb(text, n, JSON_REJECT_DUPLICATES, &where);
	const char *kty = json_string_value(json_object_get(jwk, "kty"));
	EVP_PKEY *pkey = NULL;
	struct err *e;

	if (jwk == NULL) /* jansson's own text would quote the file */
		return err_new("not JSON, or a member twice, line %d column %d",
		    where.line, where.column);
	if (kty != NULL && strcmp(kty, "RSA") == 0)
		e = read_rsa(jwk, &pkey);
	else if (kty != NULL && strcmp(kty, "EC") == 0)
		e = read_ec(jwk, &pkey);
	else
		e = err_new("\"kty\" is neither EC nor RSA");
	json_decref(jwk);
	if (e != NULL) {
		EVP_PKEY_free(pkey);
		return e;
	}
	return key_new(pkey, true, out);
}

/* ---- writing ---- */

/* Bytes as base64url text, or NULL. */
static json_t *
json_of_bytes(const unsigned char *p, size_t n)
{
	struct buf *text = buf_new(2 * NUMBER_MAX);
	struct err *e;
	json_t *json = NULL;

	if (text == NULL)
		return NULL;
	if ((e = b64u_add(text, p, n)) == NULL)
		json = json_stringn(buf_data(text), buf_len(text));
	err_free(e);
	buf_free(text);
	return json;
}

/* A number of an RSA key, without zeros in front. */
static json_t *
json_of_param(const EVP_PKEY *pkey, const char *param)
{
	unsigned char bytes[NUMBER_MAX];
	BIGNUM *bn = NULL;
	json_t *json = NULL;

	if (EVP_PKEY_get_bn_param(pkey, param, &bn) == 1 &&
	    BN_num_bytes(bn) <= NUMBER_MAX)
		json = json_of_bytes(bytes, (size_t)BN_bn2bin(bn, bytes));
	BN_free(bn);
	return json;
}

/* The coordinates of a key on a curve; false, and none of them, on failure. */
static bool
json_of_point(
    const EVP_PKEY *pkey, const struct key_alg *alg, json_t **x, json_t **y)
{
	unsigned char point[EC_POINT_MAX];
	struct err *e = key_point(pkey, alg, point);

	*x = *y = NULL;
	if (e != NULL) {
		err_free(e);
		return false;
	}
	*x = json_of_bytes(point + 1, alg->width);
	*y = json_of_bytes(point + 1 + alg->width, alg->width);
	return true;
}

json_t *
jwk_public(const EVP_PKEY *pkey, const struct key_alg *alg)
{
	json_t *x, *y;

	if (alg->crv == NULL)
		return json_pack("{s:o, s:s, s:o}", "e",
		    json_of_param(pkey, OSSL_PKEY_PARAM_RSA_E), "kty",
		    alg->type, "n", json_of_param(pkey, OSSL_PKEY_PARAM_RSA_N));
	if (!json_of_point(pkey, alg, &x, &y))
		return NULL;
	return json_pack("{s:s, s:s, s:o, s:o}", "crv", alg->crv, "kty",
	    alg->type, "x", x, "y", y);
}

struct err *
jwk_thumbprint(
    const EVP_PKEY *pkey, const struct key_alg *alg, char out[DIGEST_B64U_SIZE])
{
	struct buf *text = buf_new(4 * NUMBER_MAX);
	json_t *jwk = jwk_public(pkey, alg);
	struct err *e;

	if (text == NULL)
		e = err_sys("thumbprint");
	else if ((e = json_add(text, jwk, JSON_COMPACT)) == NULL)
		e = sha256_b64u(buf_data(text), buf_len(text), out);
	json_decref(jwk);
	buf_free(text);
	return e;
}

/* The private number. EVP_PKEY_get_bn_param() would leave it on the stack. */
static json_t *
json_of_private(const struct key *k)
{
	size_t width = k->alg->width;
	unsigned char *bytes = OPENSSL_secure_zalloc(EC_WIDTH_MAX);
	OSSL_PARAM params[2] = { OSSL_PARAM_END, OSSL_PARAM_END };
	BIGNUM *d = BN_secure_new();
	json_t *json = NULL;

	params[0] =
	    OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, bytes, width);
	if (bytes != NULL && d != NULL &&
	    EVP_PKEY_get_params(k->pkey, params) == 1 &&
	    BN_native2bn(bytes, (int)width, d) != NULL &&
	    BN_bn2binpad(d, bytes, (int)width) == (int)width)
		json = json_of_bytes(bytes, width);
	BN_clear_free(d);
	OPENSSL_secure_clear_free(bytes, EC_WIDTH_MAX);
	return json;
}

struct err *
jwk_write(const struct key *k, BIO *out)
{
	struct buf *text = buf_new(4 * NUMBER_MAX);
	json_t *jwk = NULL, *x, *y;
	struct err *e;

	if (text == NULL)
		return err_sys("JWK");
	if (json_of_point(k->pkey, k->alg, &x, &y))
		jwk = json_pack("{s:o, s:o, s:o, s:s, s:s}", "d",
		    json_of_private(k), "x", x, "y", y, "crv", k->alg->crv,
		    "kty", k->alg->type);
	if ((e = json_add(text, jwk, 0)) == NULL &&
	    BIO_write(out, buf_data(text), (int)buf_len(text)) !=
		(int)buf_len(text))
		e = crypto_err("JWK");
	json_decref(jwk);
	buf_free(text);
	return e;
}
