/*
 * csr.c - certificate signing requests (RFC 2986, RFC 8555 section 7.4).
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    the names of a job, as the administrator gave them.
 * Promise:  a CSR says nothing but these names: no subject, no common name
 *           (CAs are leaving it), and no other extension but "must staple" where
 *           that was asked for.
 */
#include <openssl/evp.h>
#include <openssl/tls1.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "sign.h"

static bool
add_name(GENERAL_NAMES *gens, struct str name)
{
	GENERAL_NAME *gen = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();

	if (gen == NULL || text == NULL ||
	    ASN1_STRING_set(text, name.p, (int)name.n) != 1) {
		GENERAL_NAME_free(gen);
		ASN1_IA5STRING_free(text);
		return false;
	}
	GENERAL_NAME_set0_value(gen, GEN_DNS, text);
	if (sk_GENERAL_NAME_push(gens, gen) > 0)
		return true;
	GENERAL_NAME_free(gen);
	return false;
}

/* Not critical: CAs set that themselves where the subject stays empty. */
static bool
add_names(X509_EXTENSIONS **exts, struct strs names)
{
	GENERAL_NAMES *gens = GENERAL_NAMES_new();
	bool ok = gens != NULL;

	for (size_t i = 0; ok && i < names.n; i++)
		ok = add_name(gens, names.v[i]);
	ok = ok && X509V3_add1_i2d(exts, NID_subject_alt_name, gens, 0,
		       X509V3_ADD_DEFAULT) == 1;
	GENERAL_NAMES_free(gens);
	return ok;
}

/* RFC 7633: the TLS feature status_request. */
static bool
add_must_staple(X509_EXTENSIONS **exts)
{
	TLS_FEATURE *features = TLS_FEATURE_new();
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	bool ok = features != NULL && number != NULL &&
		  ASN1_INTEGER_set(number, TLSEXT_TYPE_status_request) == 1 &&
		  sk_ASN1_INTEGER_push(features, number) > 0;

	if (!ok)
		ASN1_INTEGER_free(number);
	ok = ok && X509V3_add1_i2d(exts, NID_tlsfeature, features, 0,
		       X509V3_ADD_DEFAULT) == 1;
	TLS_FEATURE_free(features);
	return ok;
}

static bool
add_extensions(X509_REQ *req, struct strs names, bool must_staple)
{
	X509_EXTENSIONS *exts = NULL;
	bool ok = add_names(&exts, names) &&
		  (!must_staple || add_must_staple(&exts)) &&
		  X509_REQ_add_extensions(req, exts) == 1;

	sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
	return ok;
}

static struct err *
fill(X509_REQ *req, const struct key *k, struct strs names, bool must_staple)
{
	if (X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 ||
	    !add_extensions(req, names, must_staple))
		return crypto_err("signing request");
	return key_set_public(k->pkey, k->alg, X509_REQ_get_X509_PUBKEY(req));
}

struct err *
csr_make(
    const struct key *k, struct strs names, bool must_staple, struct buf *out)
{
	/* The digest that fits the curve; SHA-256 for RSA of every size. */
	const EVP_MD *md = EVP_get_digestbyname(k->alg->digest);
	X509_REQ *req = X509_REQ_new();
	unsigned char *der = NULL;
	struct err *e;
	int n = -1;

	e = req == NULL ? err_new("no memory for the signing request")
			: fill(req, k, names, must_staple);
	if (e == NULL && (X509_REQ_sign(req, k->pkey, md) <= 0 ||
			     (n = i2d_X509_REQ(req, &der)) < 0))
		e = crypto_err("signing request");
	if (e == NULL)
		e = buf_add(out, der, (size_t)n);
	OPENSSL_free(der);
	X509_REQ_free(req);
	return e;
}
