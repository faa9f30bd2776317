/*
 * inspect.c - says what is in a certificate of the store.
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    cert.pem or fullchain.pem of a lineage; root's, but made by a CA,
 *           and perhaps damaged.
 * Promise:  what it says can be shown on a terminal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "sign.h"

/* Text, in pieces of RFC 2253: "CN=R11,O=Let's Encrypt,C=US". */
static struct err *
issuer_text(const X509 *cert, char *out, size_t size)
{
	unsigned long flags =
	    XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
	BIO *bio = BIO_new(BIO_s_mem());
	struct err *e = NULL;
	char *text = NULL;
	long n;

	if (bio == NULL ||
	    X509_NAME_print_ex(bio, X509_get_issuer_name(cert), 0, flags) < 0 ||
	    (n = BIO_get_mem_data(bio, &text)) < 0)
		e = crypto_err("issuer");
	else
		text_escape(out, size, n == 0 ? "" : text, (size_t)n);
	BIO_free(bio);
	return e;
}

static struct err *
fingerprint(const X509 *cert, char *out)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n;

	if (X509_digest(cert, EVP_sha256(), md, &n) != 1)
		return crypto_err("fingerprint");
	for (unsigned i = 0; i < n; i++)
		snprintf(out + (size_t)2 * i, 3, "%02x", md[i]);
	return NULL;
}

/* Of other kinds than those of algorithms.c OpenSSL makes no key here. */
static bool
is_foreign(const X509 *cert)
{
	static const int known[] = { NID_rsaEncryption,
		NID_X9_62_id_ecPublicKey, NID_ED25519 };
	ASN1_OBJECT *kind = NULL;
	int nid;

	(void)X509_PUBKEY_get0_param(
	    &kind, NULL, NULL, NULL, X509_get_X509_PUBKEY(cert));
	nid = OBJ_obj2nid(kind);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (nid == known[i])
			return false;
	return true;
}

static struct err *
key_facts(const X509 *cert, struct inspection *i)
{
	EVP_PKEY *pkey = X509_get0_pubkey(cert);
	const struct key_alg *alg;

	if (pkey == NULL && !is_foreign(cert))
		return crypto_err("public key");
	ERR_clear_error();
	alg = pkey == NULL ? NULL : key_alg_of(pkey);
	i->key_kind = alg == NULL ? 0 : alg->kind;
	return key_id(X509_get_X509_PUBKEY(cert), i->key_id);
}

static bool
is_listed(const struct cert_names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (str_is(names->v[i], name))
			return true;
	return false;
}

/* certbot lists the common name first; the SANs follow in their order. */
static struct err *
add_name(struct cert_names *all, struct str name)
{
	if (all->n == CERT_NAMES_MAX)
		return err_new("more than %d names", CERT_NAMES_MAX);
	if (!text_is_plain(name.p, name.n))
		return err_new("a name that cannot be shown");
	all->v[all->n++] = name;
	return NULL;
}

static struct err *
name_facts(const X509 *cert, struct inspection *i)
{
	struct cert_names sans;
	struct err *e;

	if ((e = cert_sans(cert, &sans, &i->gens)) != NULL ||
	    (e = cert_common_names(cert, i->common, &i->n_common)) != NULL)
		return e;
	if (i->n_common > 0 &&
	    (e = add_name(&i->names, str_of(i->common[0]))) != NULL)
		return e;
	for (size_t k = 0; e == NULL && k < sans.n; k++)
		if (i->n_common == 0 || !str_is(sans.v[k], i->common[0]))
			e = add_name(&i->names, sans.v[k]);
	for (size_t k = 1; e == NULL && k < i->n_common; k++)
		if (!is_listed(&i->names, i->common[k]))
			e = add_name(&i->names, str_of(i->common[k]));
	return e;
}

static struct err *
read_first(struct str pem, X509 **out)
{
	BIO *bio;

	if (pem.n > CERT_FILE_MAX)
		return err_new("more than %d bytes", CERT_FILE_MAX);
	if ((bio = BIO_new_mem_buf(pem.p, (int)pem.n)) == NULL)
		return crypto_err("PEM");
	*out = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	return *out == NULL ? crypto_err("no certificate in the file") : NULL;
}

struct err *
cert_inspect(struct str pem, struct inspection *out)
{
	struct err *e;

	memset(out, 0, sizeof(*out));
	if ((e = read_first(pem, &out->cert)) != NULL)
		return err_wrap(e, "certificate");
	return cert_facts(out);
}

struct err *
cert_facts(struct inspection *out)
{
	struct err *e;

	if ((e = name_facts(out->cert, out)) != NULL ||
	    (e = cert_times(out->cert, &out->times)) != NULL ||
	    (e = cert_serial(out->cert, out->serial)) != NULL ||
	    (e = issuer_text(out->cert, out->issuer, sizeof(out->issuer))) !=
		NULL ||
	    (e = fingerprint(out->cert, out->sha256)) != NULL ||
	    (e = key_facts(out->cert, out)) != NULL)
		return err_wrap(e, "certificate");
	return NULL;
}

void
inspection_clear(struct inspection *i)
{
	for (size_t k = 0; k < i->n_common; k++)
		free(i->common[k]);
	GENERAL_NAMES_free(i->gens);
	X509_free(i->cert);
	memset(i, 0, sizeof(*i));
}
