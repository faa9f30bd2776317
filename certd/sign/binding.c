/*
 * binding.c - an account that belongs to a customer of the CA: external account
 * binding (RFC 8555 section 7.3.4).
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    the CA's HMAC key in a file that root has handed over, as text in
 *           base64url.
 * Promise:  the HMAC key lives in locked memory for one request; what it signs
 *           is the public key of the account and nothing else.
 */
#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "sign.h"

#define HMAC_KEY_MAX 1024
#define HMAC_KEY_MIN 16
#define JSON_MAX     (16 * 1024)

static const struct {
	uint32_t bits;
	const char *alg, *digest;
} algs[] = {
	{ 256, "HS256", "SHA256" },
	{ 384, "HS384", "SHA384" },
	{ 512, "HS512", "SHA512" },
};

/* The text of the file without what is around it, decoded. */
static struct err *
decode_key(BIO *text, unsigned char *key, size_t *n)
{
	char *p = NULL;
	long len = BIO_get_mem_data(text, &p);
	size_t left = len < 0 ? 0 : (size_t)len;

	while (left > 0 && text_is_space(*p))
		p++, left--;
	while (left > 0 && (text_is_space(p[left - 1]) || p[left - 1] == '='))
		left--;
	if (!b64u_decode(p, left, key, HMAC_KEY_MAX, n) || *n < HMAC_KEY_MIN)
		return err_advise(err_new("the HMAC key is not %d to %d bytes "
					  "in base64url",
				      HMAC_KEY_MIN, HMAC_KEY_MAX),
		    "the file holds the key as the CA shows it, and nothing "
		    "else");
	return NULL;
}

static struct err *
add_json(struct buf *out, json_t *json)
{
	struct buf *text = buf_new(JSON_MAX);
	struct err *e;

	if (text == NULL || json == NULL) {
		buf_free(text);
		return err_new("no memory for the binding");
	}
	if ((e = json_add(text, json, JSON_COMPACT)) == NULL)
		e = b64u_add(out, buf_data(text), buf_len(text));
	buf_free(text);
	return e;
}

/* The JWS as an object; input is "protected.payload". */
static json_t *
bound(const struct buf *input, const struct buf *mac)
{
	const char *text = buf_data(input);
	size_t dot = strcspn(text, ".");

	return json_pack("{s:s%, s:s, s:s}", "protected", text, dot, "payload",
	    text + dot + 1, "signature", buf_data(mac));
}

static struct err *
authenticate(const char *digest, const unsigned char *key, size_t n,
    const struct buf *input, struct buf *mac)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	size_t len;

	if (EVP_Q_mac(NULL, "HMAC", NULL, digest, NULL, key, n,
		(const unsigned char *)buf_data(input), buf_len(input), md,
		sizeof(md), &len) == NULL)
		return crypto_err("HMAC");
	return b64u_add(mac, md, len);
}

static struct err *
make(const struct key *k, const struct binding *b, const unsigned char *key,
    size_t n, json_t **out)
{
	struct buf *input = buf_new(JSON_MAX), *mac = buf_new(JSON_MAX);
	json_t *head = NULL, *jwk = jwk_public(k->pkey, k->alg);
	struct err *e = NULL;
	size_t i = 0;

	while (i < 3 && algs[i].bits != b->bits)
		i++;
	if (i == 3)
		e = err_new("no HMAC with %u bits", b->bits);
	else if (input == NULL || mac == NULL)
		e = err_sys("binding");
	else
		head = json_pack("{s:s, s:s%, s:s%}", "alg", algs[i].alg, "kid",
		    b->kid.p, b->kid.n, "url", b->url.p, b->url.n);
	if (e == NULL && (e = add_json(input, head)) == NULL &&
	    (e = buf_add(input, ".", 1)) == NULL &&
	    (e = add_json(input, jwk)) == NULL &&
	    (e = authenticate(algs[i].digest, key, n, input, mac)) == NULL &&
	    (*out = bound(input, mac)) == NULL)
		e = err_new("no memory for the binding");
	json_decref(head);
	json_decref(jwk);
	buf_free(input);
	buf_free(mac);
	return e;
}

struct err *
binding_make(const struct key *k, const struct binding *b, int fd, json_t **out)
{
	unsigned char *key = OPENSSL_secure_zalloc(HMAC_KEY_MAX);
	BIO *text = NULL;
	struct err *e;
	size_t n = 0;

	*out = NULL;
	if (key == NULL)
		return crypto_err("locked memory");
	if ((e = file_read_secret(fd, &text)) == NULL &&
	    (e = decode_key(text, key, &n)) == NULL)
		e = make(k, b, key, n, out);
	BIO_free(text);
	OPENSSL_secure_clear_free(key, HMAC_KEY_MAX);
	return err_wrap(e, "external account binding");
}
