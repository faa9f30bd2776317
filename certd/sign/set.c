/*
 * set.c - do a key and the certificates beside it belong together?
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    fullchain.pem and privkey.pem of one version in the store; root's,
 *           but a backup, a full disk or an editor may have been at them.
 * Promise:  more lenient than chain.c: what certbot took is taken, old dates,
 *           names and text between the certificates included; but what a server
 *           could not use is found.
 */
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "sign.h"

/* The next certificate, or NULL at the end of the text. */
static struct err *
next_cert(BIO *bio, X509 **out)
{
	*out = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (*out == NULL &&
	    ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return crypto_err("damaged, or its end is missing");
	ERR_clear_error();
	return NULL;
}

static struct err *
read_all(struct str pem, STACK_OF(X509) * certs)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	struct err *e = NULL;
	X509 *cert;

	if (bio == NULL)
		return crypto_err("PEM");
	while ((e = next_cert(bio, &cert)) == NULL && cert != NULL) {
		if (sk_X509_num(certs) < CHAIN_CERTS_MAX &&
		    sk_X509_push(certs, cert) > 0)
			continue;
		X509_free(cert);
		e = err_new("more than %d certificates", CHAIN_CERTS_MAX);
		break;
	}
	BIO_free(bio);
	return err_wrap(e, "certificate %d", sk_X509_num(certs) + 1);
}

static struct err *
check(const EVP_PKEY *pkey, STACK_OF(X509) * certs)
{
	X509 *leaf = sk_X509_value(certs, 0);
	EVP_PKEY *ours = X509_get0_pubkey(leaf), *issuers;

	if (ours == NULL)
		return crypto_err("the certificate's public key");
	if (EVP_PKEY_eq(ours, pkey) != 1) {
		ERR_clear_error();
		return err_new("the private key is not the certificate's");
	}
	if (sk_X509_num(certs) < 2)
		return err_new("the issuer's certificate is missing");
	issuers = X509_get0_pubkey(sk_X509_value(certs, 1));
	if (issuers == NULL || X509_verify(leaf, issuers) != 1) {
		ERR_clear_error();
		return err_new("the certificate was not signed by the one "
			       "behind it");
	}
	return NULL;
}

struct err *
set_inspect(const EVP_PKEY *pkey, struct str pem, struct inspection *out)
{
	STACK_OF(X509) *certs = sk_X509_new_null();
	struct err *e;

	memset(out, 0, sizeof(*out));
	if (certs == NULL)
		return crypto_err("list of certificates");
	if ((e = read_all(pem, certs)) == NULL && sk_X509_num(certs) == 0)
		e = err_new("no certificate");
	if (e == NULL && (e = check(pkey, certs)) == NULL) {
		out->cert = sk_X509_shift(certs);
		e = cert_facts(out);
	}
	sk_X509_pop_free(certs, X509_free);
	return e;
}
