/*
 * chain.c - is what the worker brings the certificate that was asked for?
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    PEM text from the CA by way of the worker. Assume it is hostile.
 * Promise:  a chain that passes is for the job's key and exactly its names,
 *           each certificate is signed by the next, all are valid now; what
 *           is handed out was encoded here. There is no root to trust: that
 *           the CA is the right one was checked by TLS.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "sign.h"

#define BEGIN_LINE     "-----BEGIN CERTIFICATE-----"
#define END_LINE       "-----END CERTIFICATE-----"
#define SECURITY_LEVEL 2 /* SSL_CTX_set_security_level(3): 112 bits */

struct chain {
	const struct chain_question *q;
	STACK_OF(X509) * certs; /* the leaf first */
};

/* ---- text to certificates ---- */

static struct str
next_line(struct str *rest)
{
	const char *end = memchr(rest->p, '\n', rest->n);
	struct str line = { rest->p, rest->n };

	if (end != NULL)
		line.n = (size_t)(end - line.p);
	rest->p += line.n + (end != NULL);
	rest->n -= line.n + (end != NULL);
	while (line.n > 0 && strchr("\r\t ", line.p[line.n - 1]) != NULL &&
	       line.p[line.n - 1] != '\0')
		line.n--;
	return line;
}

static bool
is_base64(struct str line)
{
	for (const char *c = line.p; c < line.p + line.n; c++)
		if ((*c < 'A' || *c > 'Z') && (*c < 'a' || *c > 'z') &&
		    (*c < '0' || *c > '9') && *c != '+' && *c != '/' &&
		    *c != '=')
			return false;
	return true;
}

/*
 * RFC 8555 section 9.1: only certificates, no text around them; a client must
 * refuse everything else, a private key above all. OpenSSL would skip it, so
 * lines are looked at first. Blank lines between blocks are harmless.
 */
static struct err *
count_blocks(struct str rest, size_t *blocks)
{
	bool inside = false;

	*blocks = 0;
	while (rest.n > 0) {
		struct str line = next_line(&rest);

		if (!inside && str_is(line, BEGIN_LINE)) {
			inside = true;
			(*blocks)++;
		} else if (inside && str_is(line, END_LINE)) {
			inside = false;
		} else if (inside ? !is_base64(line) : line.n > 0) {
			return err_new("something else than certificates");
		}
	}
	if (inside)
		return err_new("the end is missing");
	if (*blocks == 0 || *blocks > CHAIN_CERTS_MAX)
		return err_new("%zu certificates instead of 1 to %d", *blocks,
		    CHAIN_CERTS_MAX);
	return NULL;
}

static struct err *
decode(const unsigned char *der, long n, X509 **out)
{
	const unsigned char *p = der;

	if ((*out = d2i_X509(NULL, &p, n)) == NULL)
		return crypto_err("not a certificate");
	return p == der + n ? NULL : err_new("bytes behind a certificate");
}

/* known is NULL for the leaf. */
static struct err *
read_cert(BIO *bio, struct issuers *known, STACK_OF(X509) * certs)
{
	char *label = NULL, *header = NULL;
	unsigned char *der = NULL;
	struct err *e = NULL;
	X509 *cert = NULL;
	long n = 0;

	if (PEM_read_bio(bio, &label, &header, &der, &n) != 1)
		return crypto_err("PEM");
	if (known != NULL)
		cert = issuers_find(known, der, n);
	if (cert == NULL && (e = decode(der, n, &cert)) == NULL &&
	    known != NULL)
		issuers_remember(known, der, n, cert);
	if (e == NULL && sk_X509_push(certs, cert) <= 0)
		e = crypto_err("list of certificates");
	if (e != NULL)
		X509_free(cert);
	OPENSSL_free(label);
	OPENSSL_free(header);
	OPENSSL_free(der);
	return e;
}

static struct err *
read_certs(struct str pem, struct issuers *known, STACK_OF(X509) * certs)
{
	struct err *e;
	size_t blocks;
	BIO *bio;

	if (pem.n > CHAIN_BYTES_MAX)
		return err_new("more than %d bytes", CHAIN_BYTES_MAX);
	if ((e = count_blocks(pem, &blocks)) != NULL)
		return e;
	if ((bio = BIO_new_mem_buf(pem.p, (int)pem.n)) == NULL)
		return crypto_err("PEM");
	for (size_t i = 0; e == NULL && i < blocks; i++)
		e = err_wrap(read_cert(bio, i == 0 ? NULL : known, certs),
		    "certificate %zu", i + 1);
	BIO_free(bio);
	return e;
}

/* ---- the leaf ---- */

static X509 *
leaf_of(const struct chain *c)
{
	return sk_X509_value(c->certs, 0);
}

static struct err *
check_key(const struct chain *c)
{
	EVP_PKEY *pkey = X509_get0_pubkey(leaf_of(c));

	if (pkey == NULL)
		return crypto_err("its public key");
	if (EVP_PKEY_eq(pkey, c->q->key->pkey) != 1)
		return err_new("it is for another key");
	return NULL;
}

static bool
has(const struct str *v, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].n == name.n &&
		    strncasecmp(v[i].p, name.p, name.n) == 0)
			return true;
	return false;
}

/* One set is a part of the other. */
static bool
is_within(
    const struct str *v, size_t n, const struct str *whole, size_t n_whole)
{
	for (size_t i = 0; i < n; i++)
		if (!has(whole, n_whole, v[i]))
			return false;
	return true;
}

static struct err *
check_sans(const struct chain *c)
{
	struct strs want = c->q->names;
	struct cert_names got;
	GENERAL_NAMES *gens;
	struct err *e = cert_sans(leaf_of(c), &got, &gens);

	if (e == NULL && got.has_others)
		e = err_new("it names more than DNS names");
	else if (e == NULL && !is_within(got.v, got.n, want.v, want.n))
		e = err_new("it has a name that was not asked for");
	else if (e == NULL && !is_within(want.v, want.n, got.v, got.n))
		e = err_new("a name that was asked for is missing");
	GENERAL_NAMES_free(gens);
	return e;
}

static struct err *
check_common_name(const struct chain *c)
{
	char *v[CERT_CN_MAX];
	struct err *e;
	size_t n;

	e = cert_common_names(leaf_of(c), v, &n);
	for (size_t i = 0; i < n; i++) {
		if (e == NULL &&
		    !has(c->q->names.v, c->q->names.n, str_of(v[i])))
			e = err_new("its common name was not asked for");
		free(v[i]);
	}
	return e;
}

/* X509_check_ca() alone takes a CA whose key usage forbids signing for none. */
static struct err *
check_is_leaf(const struct chain *c)
{
	X509 *leaf = leaf_of(c);

	if (X509_check_ca(leaf) != 0 ||
	    (X509_get_extension_flags(leaf) & EXFLAG_CA) != 0)
		return err_new("it is a CA");
	return NULL;
}

/* ---- every certificate ---- */

static struct err *
check_dates(const X509 *cert, time_t now)
{
	char when[TEXT_TIME_SIZE], clock[TEXT_TIME_SIZE];
	struct cert_times t;
	struct err *e;

	if ((e = cert_times(cert, &t)) != NULL)
		return e;
	/* A clock of ours that is slightly behind the CA's must not cost the
	 * certificate: it would be ordered again and again. */
	if (t.not_before > (uint64_t)now + CHAIN_SKEW_SECS)
		return err_new("it is not valid yet, but from %s; this "
			       "machine's clock says %s",
		    text_time(when, (time_t)t.not_before),
		    text_time(clock, now));
	if (t.not_after <= (uint64_t)now)
		return err_new("it has expired at %s; this machine's clock "
			       "says %s",
		    text_time(when, (time_t)t.not_after),
		    text_time(clock, now));
	return NULL;
}

/* RFC 5280 says nothing about it, but MD5 and SHA-1 can be forged. */
static struct err *
check_digest(X509 *cert)
{
	static const int allowed[] = { NID_sha256, NID_sha384, NID_sha512 };
	int md = NID_undef;

	if (X509_get_signature_info(cert, &md, NULL, NULL, NULL) == 1)
		for (size_t i = 0; i < sizeof(allowed) / sizeof(int); i++)
			if (md == allowed[i])
				return NULL;
	return err_new("it is not signed with SHA-256, SHA-384 or SHA-512");
}

static struct err *
check_each(const struct chain *c)
{
	int n = sk_X509_num(c->certs);
	struct err *e = NULL;

	for (int i = 0; e == NULL && i < n; i++) {
		X509 *cert = sk_X509_value(c->certs, i);
		bool is_root = i > 0 && i == n - 1 &&
			       X509_NAME_cmp(X509_get_subject_name(cert),
				   X509_get_issuer_name(cert)) == 0;

		/* What a root says about itself convinces nobody anyway. */
		if ((e = check_dates(cert, c->q->now)) == NULL && !is_root)
			e = check_digest(cert);
		e = err_wrap(e, "certificate %d", i + 1);
	}
	return e;
}

/* ---- one certificate and its issuer ---- */

static bool
is_usual_key(const EVP_PKEY *pkey)
{
	return EVP_PKEY_is_a(pkey, "RSA") || key_alg_of(pkey) != NULL;
}

static struct err *
check_link(X509 *cert, X509 *issuer)
{
	EVP_PKEY *pkey = X509_get0_pubkey(issuer);

	if (X509_check_issued(issuer, cert) != X509_V_OK)
		return err_new("it was not issued by the next one");
	if (X509_check_ca(issuer) != 1)
		return err_new("the next one is no CA");
	/* Home-made curves make arithmetic slow and forging easy. */
	if (pkey == NULL || !is_usual_key(pkey))
		return err_new("the next one's key is of an unusual kind");
	return NULL;
}

static struct err *
check_signature(X509 *cert, X509 *issuer)
{
	if (X509_verify(cert, X509_get0_pubkey(issuer)) != 1)
		return crypto_err("it was not signed by the next one");
	return NULL;
}

static struct err *
for_each_link(const struct chain *c, struct err *(*check)(X509 *, X509 *))
{
	struct err *e = NULL;

	for (int i = 0; e == NULL && i + 1 < sk_X509_num(c->certs); i++)
		e = err_wrap(check(sk_X509_value(c->certs, i),
				 sk_X509_value(c->certs, i + 1)),
		    "certificate %d", i + 1);
	return e;
}

static struct err *
check_links(const struct chain *c)
{
	return for_each_link(c, check_link);
}

/* Whether the path that OpenSSL has found, and verified, is the chain as it
 * stands. */
static bool
is_whole(X509_STORE_CTX *ctx, const struct chain *c)
{
	const STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(ctx);
	int n = sk_X509_num(c->certs);

	if (sk_X509_num(path) != n)
		return false;
	for (int i = 0; i < n; i++)
		if (X509_cmp(sk_X509_value(path, i),
			sk_X509_value(c->certs, i)) != 0)
			return false;
	return true;
}

/* All other rules of RFC 5280 (path lengths, name constraints, extensions that
 * nobody knows, weak keys) are OpenSSL's to check, with the last certificate
 * taken for trusted. Dates were checked before, with some patience. It verifies
 * the signatures as well: what it did not verify, or what it refuses, is looked
 * at one by one. */
static struct err *
check_path(const struct chain *c)
{
	X509 *top = sk_X509_value(c->certs, sk_X509_num(c->certs) - 1);
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;
	struct err *e = NULL;
	bool good;

	if (store == NULL || ctx == NULL ||
	    X509_STORE_add_cert(store, top) != 1 ||
	    X509_STORE_CTX_init(ctx, store, leaf_of(c), c->certs) != 1) {
		e = crypto_err("check of the path");
		goto out;
	}
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_flags(
	    param, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	good = X509_verify_cert(ctx) == 1;
	if (!good || !is_whole(ctx, c))
		e = for_each_link(c, check_signature);
	if (e == NULL && !good)
		e = err_new("%s", X509_verify_cert_error_string(
				      X509_STORE_CTX_get_error(ctx)));
out:
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return e;
}

static struct err *(*const checks[])(const struct chain *) = {
	check_key,
	check_sans,
	check_common_name,
	check_is_leaf,
	check_each,
	check_links,
	check_path,
};
#define N_CHECKS (sizeof(checks) / sizeof(checks[0]))

static struct err *
encode(const struct chain *c, struct chain_facts *f)
{
	struct err *e;

	f->cert = buf_new(CHAIN_BYTES_MAX);
	f->chain = buf_new(CHAIN_BYTES_MAX + CHAIN_BYTES_MAX / 2);
	if (f->cert == NULL || f->chain == NULL)
		return err_sys("certificates");
	e = cert_add_pem(leaf_of(c), f->cert);
	for (int i = 1; e == NULL && i < sk_X509_num(c->certs); i++)
		e = cert_add_pem(sk_X509_value(c->certs, i), f->chain);
	if (e == NULL && X509_up_ref(leaf_of(c)) != 1)
		e = crypto_err("certificate");
	if (e == NULL) {
		f->leaf.cert = leaf_of(c);
		e = cert_facts(&f->leaf);
	}
	if (e == NULL)
		e = cert_issuer_name(
		    sk_X509_value(c->certs, sk_X509_num(c->certs) - 1),
		    f->top_issuer);
	return e;
}

struct err *
chain_check(const struct chain_question *q, struct chain_facts *out)
{
	struct chain c = { q, sk_X509_new_null() };
	struct err *e;

	memset(out, 0, sizeof(*out));
	if (c.certs == NULL)
		return crypto_err("list of certificates");
	e = read_certs(q->pem, q->issuers, c.certs);
	for (size_t i = 0; e == NULL && i < N_CHECKS; i++)
		e = checks[i](&c);
	if (e == NULL)
		e = encode(&c, out);
	if (e != NULL)
		chain_facts_clear(out);
	sk_X509_pop_free(c.certs, X509_free);
	return err_wrap(e, "the certificate from the CA");
}

void
chain_facts_clear(struct chain_facts *f)
{
	buf_free(f->cert);
	buf_free(f->chain);
	f->cert = f->chain = NULL;
	inspection_clear(&f->leaf);
}
