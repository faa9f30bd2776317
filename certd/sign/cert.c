/*
 * cert.c - reads single facts out of a certificate.
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    certificates of a CA or of the store. Assume they are hostile.
 * Promise:  a text that is handed out has a length and no hidden NUL, a
 *           number fits, and what cannot be understood is an error.
 */
#define _GNU_SOURCE /* timegm */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "sign.h"

static struct err *
collect(const GENERAL_NAMES *gens, struct cert_names *names)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(gens); i++) {
		const GENERAL_NAME *gen = sk_GENERAL_NAME_value(gens, i);
		const ASN1_IA5STRING *text = gen->d.dNSName;

		if (gen->type != GEN_DNS) {
			names->has_others = true;
			continue;
		}
		if (names->n == CERT_NAMES_MAX)
			return err_new("more than %d names", CERT_NAMES_MAX);
		names->v[names->n++] =
		    (struct str){ (const char *)ASN1_STRING_get0_data(text),
			    (size_t)ASN1_STRING_length(text) };
	}
	return NULL;
}

struct err *
cert_sans(const X509 *cert, struct cert_names *names, GENERAL_NAMES **gens)
{
	int found; /* -1: no such extension; -2: several */

	memset(names, 0, sizeof(*names));
	*gens = X509_get_ext_d2i(cert, NID_subject_alt_name, &found, NULL);
	if (*gens == NULL)
		return found == -1 ? NULL
				   : crypto_err("subject alternative names");
	return collect(*gens, names);
}

static struct err *
common_name(const X509_NAME_ENTRY *entry, char **out)
{
	unsigned char *utf8 = NULL;
	int n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
	struct err *e = NULL;

	if (n < 0)
		return crypto_err("common name");
	if (strlen((const char *)utf8) != (size_t)n)
		e = err_new("a common name holds a NUL");
	else if ((*out = strdup((const char *)utf8)) == NULL)
		e = err_sys("common name");
	OPENSSL_free(utf8);
	return e;
}

struct err *
cert_common_names(const X509 *cert, char *v[CERT_CN_MAX], size_t *n)
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	int at = -1;

	*n = 0;
	while ((at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >=
	       0) {
		struct err *e;

		if (*n == CERT_CN_MAX)
			return err_new(
			    "more than %d common names", CERT_CN_MAX);
		if ((e = common_name(
			 X509_NAME_get_entry(subject, at), &v[*n])) != NULL)
			return e;
		(*n)++;
	}
	return NULL;
}

struct err *
cert_issuer_name(const X509 *cert, char out[CERT_ISSUER_SIZE])
{
	const X509_NAME *issuer = X509_get_issuer_name(cert);
	int at = X509_NAME_get_index_by_NID(issuer, NID_commonName, -1);
	char *text = NULL;
	struct err *e;

	*out = '\0';
	if (at < 0)
		return NULL;
	e = common_name(X509_NAME_get_entry(issuer, at), &text);
	if (text == NULL)
		return e;
	(void)text_escape(out, CERT_ISSUER_SIZE, text, strlen(text));
	free(text);
	return NULL;
}

/* As certbot shows it: no zeros in front, lower case. */
struct err *
cert_serial(const X509 *cert, char out[CERT_SERIAL_SIZE])
{
	BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	char *hex = NULL;
	struct err *e = NULL;
	size_t zeros, n;

	if (bn != NULL && (BN_is_negative(bn) || BN_num_bits(bn) > 256)) {
		e = err_new("the serial number is negative or too long");
		goto out;
	}
	if (bn == NULL || (hex = BN_bn2hex(bn)) == NULL) {
		e = crypto_err("serial number");
		goto out;
	}
	zeros = strspn(hex, "0");
	n = strlen(hex) - zeros;
	for (size_t i = 0; i < n; i++)
		out[i] = (char)tolower((unsigned char)hex[zeros + i]);
	out[n] = '\0';
	if (n == 0)
		memcpy(out, "0", 2);
out:
	OPENSSL_free(hex);
	BN_free(bn);
	return e;
}

static struct err *
seconds(const ASN1_TIME *t, uint64_t *out)
{
	time_t any = 0;
	struct tm tm;

	/* X509_cmp_time() alone knows the strict forms of RFC 5280 4.1.2.5. */
	if (X509_cmp_time(t, &any) == 0 || ASN1_TIME_to_tm(t, &tm) != 1)
		return crypto_err("a date that RFC 5280 does not allow");
	any = timegm(&tm);
	*out = any < 0 ? 0 : (uint64_t)any;
	return NULL;
}

struct err *
cert_times(const X509 *cert, struct cert_times *out)
{
	struct err *e = seconds(X509_get0_notBefore(cert), &out->not_before);

	return e != NULL ? e
			 : seconds(X509_get0_notAfter(cert), &out->not_after);
}

struct err *
cert_add_pem(const X509 *cert, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	struct err *e;
	char *pem;
	long n;

	if (bio == NULL || PEM_write_bio_X509(bio, cert) != 1 ||
	    (n = BIO_get_mem_data(bio, &pem)) <= 0)
		e = crypto_err("encode the certificate");
	else
		e = buf_add(out, pem, (size_t)n);
	BIO_free(bio);
	return e;
}

struct err *
cert_add_der(const X509 *cert, struct buf *out)
{
	unsigned char *der = NULL;
	int n = i2d_X509(cert, &der);
	struct err *e;

	if (n <= 0)
		return crypto_err("certificate");
	e = buf_add(out, der, (size_t)n);
	OPENSSL_free(der);
	return e;
}
