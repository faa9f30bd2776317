/*
 * issuers.c - the last certificates of CAs that were in chains: what a CA issues
 * in an hour has one or two issuers, and to decode a certificate and to prepare
 * its key takes longer than to verify with it.
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    certificates of a hostile CA or worker, as DER.
 * Promise:  what is given is the very bytes that were asked for, decoded. Nothing
 *           is concluded from that a certificate was here before.
 */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/x509.h>

#include "sign.h"

static void
forget(struct issuer *i)
{
	OPENSSL_free(i->der);
	X509_free(i->cert);
	memset(i, 0, sizeof(*i));
}

X509 *
issuers_find(const struct issuers *t, const unsigned char *der, long n)
{
	for (size_t i = 0; i < ISSUERS_MAX; i++)
		if (t->v[i].n == n && t->v[i].cert != NULL &&
		    memcmp(t->v[i].der, der, (size_t)n) == 0 &&
		    X509_up_ref(t->v[i].cert) == 1)
			return t->v[i].cert;
	return NULL;
}

void
issuers_remember(
    struct issuers *t, const unsigned char *der, long n, X509 *cert)
{
	struct issuer *i = &t->v[t->next];
	unsigned char *copy = OPENSSL_memdup(der, (size_t)n);

	if (copy == NULL || X509_up_ref(cert) != 1) {
		OPENSSL_free(copy);
		return;
	}
	forget(i);
	*i = (struct issuer){ copy, n, cert };
	t->next = (t->next + 1) % ISSUERS_MAX;
}

void
issuers_clear(struct issuers *t)
{
	for (size_t i = 0; i < ISSUERS_MAX; i++)
		forget(&t->v[i]);
}
