/*
 * csr.c - certificate signing requests (RFC 2986, RFC 8555 section 7.4).
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    the names of a job, as the administrator gave them.
 * Promise:  a CSR says nothing but these names: no subject, no common name
 *           (CAs are leaving it), no other extension.
 */
#include <openssl/evp.h>
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
add_names(X509_REQ *req, struct strs names)
{
	GENERAL_NAMES *gens = GENERAL_NAMES_new();
	X509_EXTENSIONS *exts = NULL;
	bool ok = gens != NULL;

	for (size_t i = 0; ok && i < names.n; i++)
		ok = add_name(gens, names.v[i]);
	ok = ok &&
	     X509V3_add1_i2d(&exts, NID_subject_alt_name, gens, 0,
		 X509V3_ADD_DEFAULT) == 1 &&
	     X509_REQ_add_extensions(req, exts) == 1;
	sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
	GENERAL_NAMES_free(gens);
	return ok;
}

struct err *
csr_make(const struct key *k, struct strs names, struct buf *out)
{
	/* The digest that fits the curve; SHA-256 for RSA of every size. */
	const EVP_MD *md = EVP_get_digestbyname(k->alg->digest);
	X509_REQ *req = X509_REQ_new();
	unsigned char *der = NULL;
	struct err *e;
	int n = -1;

	if (req == NULL || X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 ||
	    X509_REQ_set_pubkey(req, k->pkey) != 1 || !add_names(req, names) ||
	    X509_REQ_sign(req, k->pkey, md) <= 0 ||
	    (n = i2d_X509_REQ(req, &der)) < 0)
		e = crypto_err("signing request");
	else
		e = buf_add(out, der, (size_t)n);
	OPENSSL_free(der);
	X509_REQ_free(req);
	return e;
}
