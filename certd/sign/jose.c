/*
 * jose.c - signs requests to a CA: flattened JWS (RFC 7515, RFC 8555 6.2).
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    URLs, nonces and tokens that come from the CA by way of the
 *           monitor, who has checked their shape; payloads from payload.c.
 * Promise:  what gets signed is a header and a payload that were built here.
 */
#include <string.h>

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "sign.h"

#define JSON_MAX      (64 * 1024)
#define SIGNATURE_MAX 1024 /* RSA 4096: 512; DER of ES512: 139 */

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct err *
b64u_add(struct buf *out, const void *p, size_t n)
{
	const unsigned char *in = p;
	struct err *e = NULL;
	char text[512]; /* whole fours, and what is left at the end */
	size_t at = 0;

	for (size_t i = 0; e == NULL && i < n; i += 3) {
		size_t rest = n - i;
		uint32_t bits = (uint32_t)in[i] << 16 |
				(uint32_t)(rest > 1 ? in[i + 1] : 0) << 8 |
				(uint32_t)(rest > 2 ? in[i + 2] : 0);

		for (size_t k = 0; k < (rest > 2 ? 4 : rest + 1); k++)
			text[at++] = alphabet[bits >> (18 - 6 * k) & 63];
		if (at == sizeof(text) || rest <= 3) {
			e = buf_add(out, text, at);
			at = 0;
		}
	}
	OPENSSL_cleanse(text, sizeof(text)); /* of a private key as well */
	return e;
}

bool
b64u_decode(
    const char *p, size_t n, unsigned char *out, size_t size, size_t *n_out)
{
	uint32_t bits = 0, n_bits = 0;
	size_t done = 0;

	if (n % 4 == 1)
		return false;
	for (size_t i = 0; i < n; i++) {
		const char *c = p[i] == '\0' ? NULL : strchr(alphabet, p[i]);

		if (c == NULL)
			return false;
		bits = bits << 6 | (uint32_t)(c - alphabet);
		if ((n_bits += 6) < 8)
			continue;
		if (done == size)
			return false;
		n_bits -= 8;
		out[done++] = (unsigned char)(bits >> n_bits);
		bits &= (1u << n_bits) - 1;
	}
	*n_out = done;
	return bits == 0;
}

struct err *
sha256_b64u(const void *p, size_t n, char out[DIGEST_B64U_SIZE])
{
	unsigned char md[EVP_MAX_MD_SIZE];
	struct buf *text = buf_new(DIGEST_B64U_SIZE);
	struct err *e;
	size_t len;

	if (text == NULL)
		return err_sys("digest");
	if (EVP_Q_digest(NULL, "SHA256", NULL, p, n, md, &len) != 1)
		e = crypto_err("digest");
	else if ((e = b64u_add(text, md, len)) == NULL)
		memcpy(out, buf_data(text), DIGEST_B64U_SIZE);
	buf_free(text);
	return e;
}

/* What OpenSSL makes of an ECDSA signature is DER; RFC 7518 section 3.4 wants
 * r and s, each filled up with zeros in front to the width of the curve. */
static struct err *
raw_ecdsa(const struct key_alg *alg, unsigned char *sig, size_t *n)
{
	const unsigned char *p = sig;
	ECDSA_SIG *rs = d2i_ECDSA_SIG(NULL, &p, (long)*n);
	int width = (int)alg->width;
	struct err *e = NULL;

	if (rs == NULL ||
	    BN_bn2binpad(ECDSA_SIG_get0_r(rs), sig, width) != width ||
	    BN_bn2binpad(ECDSA_SIG_get0_s(rs), sig + width, width) != width)
		e = crypto_err("signature");
	*n = 2 * alg->width;
	ECDSA_SIG_free(rs);
	return e;
}

static struct err *
sign_bytes(const struct key *k, const struct buf *text,
    unsigned char sig[SIGNATURE_MAX], size_t *n)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n_md;

	*n = SIGNATURE_MAX;
	if (EVP_Digest(buf_data(text), buf_len(text), md, &n_md, k->md, NULL) !=
		1 ||
	    EVP_PKEY_sign(k->signs, sig, n, md, n_md) != 1)
		return crypto_err("sign");
	return k->alg->group == NULL ? NULL : raw_ecdsa(k->alg, sig, n);
}

/* json as base64url, behind what is in out; NULL is the empty text. */
static struct err *
add_json_b64u(struct buf *out, const json_t *json)
{
	struct buf *text = buf_new(JSON_MAX);
	struct err *e;

	if (text == NULL)
		return err_sys("JSON");
	if (json == NULL || (e = json_add(text, json, JSON_COMPACT)) == NULL)
		e = b64u_add(out, buf_data(text), buf_len(text));
	buf_free(text);
	return e;
}

/* RFC 8555 section 6.2: alg, nonce, url, and exactly one of jwk and kid. */
static json_t *
protected_header(const struct key *k, const struct jws_place *at)
{
	json_t *who;
	const char *member = at->kid.n == 0 ? "jwk" : "kid";

	who = at->kid.n == 0 ? jwk_public(k->pkey, k->alg)
			     : json_stringn(at->kid.p, at->kid.n);
	if (who == NULL)
		return NULL;
	if (at->nonce.n == 0)
		return json_pack("{s:s, s:o, s:s%}", "alg", k->alg->jws, member,
		    who, "url", at->url.p, at->url.n);
	return json_pack("{s:s, s:o, s:s%, s:s%}", "alg", k->alg->jws, member,
	    who, "nonce", at->nonce.p, at->nonce.n, "url", at->url.p,
	    at->url.n);
}

/* "protected.payload", the bytes that are signed. */
static struct err *
signing_input(const struct key *k, const struct jws_place *at,
    const json_t *payload, struct buf *out)
{
	json_t *h = protected_header(k, at);
	struct err *e;

	if (h == NULL)
		return err_new("no memory for the header");
	if ((e = add_json_b64u(out, h)) == NULL &&
	    (e = buf_add(out, ".", 1)) == NULL)
		e = add_json_b64u(out, payload);
	json_decref(h);
	return e;
}

/* base64url needs no escapes, so the JSON around it can be written as is. */
static struct err *
flatten(const struct buf *input, const unsigned char *sig, size_t n,
    struct buf *out)
{
	const char *text = buf_data(input);
	size_t dot = strcspn(text, ".");
	struct err *e;

	e = buf_addf(out,
	    "{\"protected\":\"%.*s\",\"payload\":\"%s\",\"signature\":\"",
	    (int)dot, text, text + dot + 1);
	if (e == NULL && (e = b64u_add(out, sig, n)) == NULL)
		e = buf_add(out, "\"}", 2);
	return e;
}

struct err *
jws_sign(const struct key *k, const struct jws_place *at, const json_t *payload,
    struct buf *out)
{
	struct buf *input = buf_new(2 * JSON_MAX);
	unsigned char sig[SIGNATURE_MAX];
	struct err *e;
	size_t n;

	if (input == NULL)
		return err_sys("JWS");
	if ((e = signing_input(k, at, payload, input)) == NULL &&
	    (e = sign_bytes(k, input, sig, &n)) == NULL)
		e = flatten(input, sig, n, out);
	buf_free(input);
	return e;
}

struct err *
key_authorization(
    const struct key *k, struct str token, char out[DIGEST_B64U_SIZE])
{
	struct buf *text = buf_new(1024);
	struct err *e;

	if (text == NULL)
		return err_sys("key authorization");
	if ((e = buf_add(text, token.p, token.n)) == NULL &&
	    (e = buf_addf(text, ".%s", k->thumbprint)) == NULL)
		e = sha256_b64u(buf_data(text), buf_len(text), out);
	buf_free(text);
	return e;
}
