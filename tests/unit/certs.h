/* certs.h - certificates for tests, good ones and others. */
#ifndef CERTS_H
#define CERTS_H

#include <openssl/bn.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "sign_test.h"

#define TEST_NOW 1800000000 /* 2027-01-15T08:00:00Z */
#define DAY      86400

struct cert_spec {
	const char *cn;    /* of the subject, NULL: empty subject */
	const char *san;   /* as in openssl.cnf, or NULL */
	const char *basic; /* basic constraints, or NULL */
	const char *usage; /* key usage, or NULL */
	const char *limit; /* name constraints, or NULL */
	const char *digest;
	long from, to; /* seconds from TEST_NOW */
	EVP_PKEY *key;
	const char *serial; /* hex, NULL: 1234 */
};

static inline struct cert_spec
leaf_spec(EVP_PKEY *key)
{
	return (struct cert_spec){ .san = "DNS:example.com,DNS:*.example.com",
		.basic = "critical,CA:FALSE",
		.usage = "digitalSignature",
		.digest = "SHA256",
		.from = -DAY,
		.to = 89 * DAY,
		.key = key };
}

static inline struct cert_spec
ca_spec(const char *cn, EVP_PKEY *key)
{
	return (struct cert_spec){ .cn = cn,
		.basic = "critical,CA:TRUE",
		.usage = "critical,keyCertSign,cRLSign",
		.digest = "SHA256",
		.from = -900 * DAY,
		.to = 900 * DAY,
		.key = key };
}

static inline void
add_ext(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext;

	if (value == NULL)
		return;
	ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	assert_non_null(ext);
	assert_int_equal(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

static inline void
set_serial(X509 *cert, const char *hex)
{
	BIGNUM *bn = NULL;

	assert_true(BN_hex2bn(&bn, hex == NULL ? "1234" : hex) > 0);
	assert_non_null(BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert)));
	BN_free(bn);
}

/* issuer NULL: self-signed. */
static inline X509 *
make_cert(const struct cert_spec *s, const struct cert_spec *issuer)
{
	const struct cert_spec *by = issuer == NULL ? s : issuer;
	X509 *cert = X509_new();

	X509_set_version(cert, X509_VERSION_3);
	set_serial(cert, s->serial);
	if (s->cn != NULL)
		X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN",
		    MBSTRING_UTF8, (const unsigned char *)s->cn, -1, -1, 0);
	if (by->cn != NULL)
		X509_NAME_add_entry_by_txt(X509_get_issuer_name(cert), "CN",
		    MBSTRING_UTF8, (const unsigned char *)by->cn, -1, -1, 0);
	ASN1_TIME_set(X509_getm_notBefore(cert), TEST_NOW + s->from);
	ASN1_TIME_set(X509_getm_notAfter(cert), TEST_NOW + s->to);
	X509_set_pubkey(cert, s->key);
	add_ext(cert, NID_subject_alt_name, s->san);
	add_ext(cert, NID_basic_constraints, s->basic);
	add_ext(cert, NID_key_usage, s->usage);
	add_ext(cert, NID_name_constraints, s->limit);
	assert_true(
	    X509_sign(cert, by->key, EVP_get_digestbyname(s->digest)) > 0);
	return cert;
}

/* Appends the PEM of cert (freed). */
static inline void
append_cert(struct buf *b, X509 *cert)
{
	assert_ok(cert_add_pem(cert, b));
	X509_free(cert);
}

#endif
