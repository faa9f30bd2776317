/* chain_scene.h - a chain as a CA sends it, for tests that spoil it. */
#ifndef CHAIN_SCENE_H
#define CHAIN_SCENE_H

#include <stdlib.h>

#include <openssl/evp.h>

#include "certs.h"

static struct key *job_key; /* the job's */
static EVP_PKEY *other, *ca, *ca2, *rsa, *weak;
static struct str names[2];
static struct issuers known; /* in all tests: it changes nothing */

/* What a CA sends, before a test spoils it: leaf, intermediate, root. */
struct scene {
	struct cert_spec leaf, inter, root;
	struct cert_spec *leaf_by, *inter_by; /* who signs */
	bool with_inter, with_root;
	const struct key *key;
	struct strs names;
	struct buf *pem; /* where set, instead of all that */
};

static inline void
scene_init(struct scene *s)
{
	*s = (struct scene){ .leaf = leaf_spec(job_key->pkey),
		.inter = ca_spec("Intermediate", ca),
		.root = ca_spec("Root", ca2),
		.with_inter = true,
		.with_root = true,
		.key = job_key,
		.names = { names, 2 } };
	s->leaf_by = &s->inter;
	s->inter_by = &s->root;
}

static inline void
scene_build(struct scene *s)
{
	if (s->pem != NULL)
		return;
	s->pem = buf_new(1 << 20);
	append_cert(s->pem, make_cert(&s->leaf, s->leaf_by));
	if (s->with_inter)
		append_cert(s->pem, make_cert(&s->inter, s->inter_by));
	if (s->with_root)
		append_cert(s->pem, make_cert(&s->root, NULL));
}

static inline struct err *
check(struct scene *s, struct chain_facts *f)
{
	struct chain_question q = { s->key, s->names,
		{ buf_data(s->pem), buf_len(s->pem) }, TEST_NOW, &known };

	return chain_check(&q, f);
}

/* A way for a chain to be wrong, and what is said of it. */
struct bad_chain {
	const char *title;
	void (*spoil)(struct scene *);
	const char *why;
};

static inline void
check_bad(const struct bad_chain *bad, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct chain_facts f;
		struct scene s;

		print_message("%s\n", bad[i].title);
		scene_init(&s);
		bad[i].spoil(&s);
		scene_build(&s);
		assert_fails(check(&s, &f), bad[i].why);
		assert_null(f.cert);
		chain_facts_clear(&f);
		buf_free(s.pem);
	}
}

/* A line of CAs, each signed by the next, n certificates in all. */
static inline void
long_chain(struct scene *s, int n)
{
	char text[2][16];
	struct cert_spec spec[2] = { ca_spec(NULL, ca), ca_spec(NULL, ca) };

	s->pem = buf_new(1 << 20);
	spec[0].cn = "CA 1";
	append_cert(s->pem, make_cert(&s->leaf, &spec[0]));
	for (int i = 1; i < n; i++) {
		snprintf(text[0], sizeof(text[0]), "CA %d", i);
		snprintf(text[1], sizeof(text[1]), "CA %d", i + 1);
		spec[0].cn = text[0];
		spec[1].cn = text[1];
		append_cert(s->pem, make_cert(&spec[0], &spec[1]));
	}
}

/* The last one has issued the leaf too, so that a path needs no more. */
static inline void
detour(struct scene *s, const struct cert_spec *first_by)
{
	s->pem = buf_new(1 << 20);
	append_cert(s->pem, make_cert(&s->leaf, &s->inter));
	append_cert(s->pem, make_cert(&s->inter, first_by));
	append_cert(s->pem, make_cert(&s->root, &s->inter));
	append_cert(s->pem, make_cert(&s->inter, NULL));
}

static inline size_t
count(const struct buf *b, const char *what)
{
	const char *p = buf_data(b);
	size_t n = 0;

	while ((p = strstr(p, what)) != NULL) {
		n++;
		p++;
	}
	return n;
}

static inline int
setup(void **state)
{
	(void)state;
	job_key = test_key(KEY_EC_P256, false);
	other = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	ca = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
	ca2 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	rsa = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	weak = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	names[0] = str_of("example.com");
	names[1] = str_of("*.example.com");
	return 0;
}

static inline int
teardown(void **state)
{
	(void)state;
	issuers_clear(&known);
	key_free(job_key);
	EVP_PKEY_free(other);
	EVP_PKEY_free(ca);
	EVP_PKEY_free(ca2);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(weak);
	return 0;
}

#endif
