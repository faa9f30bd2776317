/*
 * loadgen_jose.c - keys, signatures and CSRs of the load generator.
 */
#define _GNU_SOURCE /* vasprintf */
#include <err.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loadgen.h"

static EVP_PKEY *account;

char *
text(const char *fmt, ...)
{
	char *out;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&out, fmt, ap) == -1)
		err(1, "text");
	va_end(ap);
	return out;
}

static char *
base64url(const void *p, size_t n)
{
	char *out = malloc(n / 3 * 4 + 5), *c;

	if (out == NULL)
		err(1, "base64url");
	EVP_EncodeBlock((unsigned char *)out, p, (int)n);
	for (c = out; *c != '\0'; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c == '=' ? '\0' : *c;
	return out;
}

static EVP_PKEY *
make_key(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	if (key == NULL)
		errx(1, "no key");
	return key;
}

/* r and s of 32 bytes each, from DER (RFC 7518 section 3.4). */
static char *
sign(const char *what)
{
	unsigned char der[80], raw[64];
	const unsigned char *p = der;
	size_t n = sizeof(der);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ECDSA_SIG *sig;

	if (EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, account) != 1 ||
	    EVP_DigestSign(ctx, der, &n, (const unsigned char *)what,
		strlen(what)) != 1 ||
	    (sig = d2i_ECDSA_SIG(NULL, &p, (long)n)) == NULL)
		errx(1, "cannot sign");
	BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32);
	BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32);
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
	return base64url(raw, sizeof(raw));
}

static char *
jwk(void)
{
	unsigned char point[65];
	size_t n;
	char *x, *y, *out;

	if (EVP_PKEY_get_octet_string_param(account, OSSL_PKEY_PARAM_PUB_KEY, point,
		sizeof(point), &n) != 1 || n != sizeof(point))
		errx(1, "no public key");
	x = base64url(point + 1, 32);
	y = base64url(point + 33, 32);
	out = text("{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\","
		   "\"y\":\"%s\"}", x, y);
	free(x);
	free(y);
	return out;
}

char *
jws(const char *url, const char *payload, const char *nonce, const char *kid)
{
	char *who = kid == NULL ? jwk() : text("\"%s\"", kid);
	char *head = text("{\"alg\":\"ES256\",\"%s\":%s,\"nonce\":\"%s\","
			  "\"url\":\"%s\"}", kid == NULL ? "jwk" : "kid", who,
	    nonce, url);
	char *head64 = base64url(head, strlen(head)),
	     *body64 = base64url(payload, strlen(payload)),
	     *input = text("%s.%s", head64, body64), *sig = sign(input),
	     *out = text("{\"protected\":\"%s\",\"payload\":\"%s\","
			 "\"signature\":\"%s\"}", head64, body64, sig);

	free(who);
	free(head);
	free(head64);
	free(body64);
	free(input);
	free(sig);
	return out;
}

static char *
digest(const char *what)
{
	unsigned char hash[32];

	if (EVP_Digest(what, strlen(what), hash, NULL, EVP_sha256(), NULL) != 1)
		errx(1, "no digest");
	return base64url(hash, sizeof(hash));
}

/* RFC 8555 section 8.4. The key above is written as RFC 7638 wants it. */
char *
answer_to(const char *token)
{
	char *key = jwk(), *thumb = digest(key),
	     *input = text("%s.%s", token, thumb), *out = digest(input);

	free(key);
	free(thumb);
	free(input);
	return out;
}

char *
make_csr(const char *name)
{
	X509_REQ *req = X509_REQ_new();
	STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
	EVP_PKEY *key = make_key();
	unsigned char *der = NULL;
	char *san = text("DNS:%s,DNS:*.%s", name, name), *out;
	int n;

	sk_X509_EXTENSION_push(list,
	    X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san));
	X509_REQ_add_extensions(req, list);
	X509_REQ_set_pubkey(req, key);
	if (X509_REQ_sign(req, key, EVP_sha256()) == 0 ||
	    (n = i2d_X509_REQ(req, &der)) <= 0)
		errx(1, "no CSR");
	out = base64url(der, (size_t)n);
	OPENSSL_free(der);
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
	X509_REQ_free(req);
	EVP_PKEY_free(key);
	free(san);
	return out;
}

void
make_account(void)
{
	account = make_key();
}
