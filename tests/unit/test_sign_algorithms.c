/* test_sign_algorithms.c - which of OpenSSL's algorithms certd-sign has. */
/* objects: common/buf common/err common/log common/text certd/sign/cert certd/sign/chain certd/sign/issuers certd/sign/algorithms certd/sign/crypto certd/sign/inspect certd/sign/jose certd/sign/jwk certd/sign/key certd/sign/pem certd/sign/file */
/* libs: jansson libcrypto */
#include "certs.h"

#include <openssl/decoder.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

static OSSL_LIB_CTX *whole; /* where everything is there */
static struct key *key;
static EVP_PKEY *ca;

/* ---- what is there ---- */

static void
keys_of_ours_are_made(void **state)
{
	static const char *const types[] = { "RSA", "EC", "ED25519" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		EVP_KEYMGMT *m = EVP_KEYMGMT_fetch(NULL, types[i], NULL);

		assert_non_null(m);
		EVP_KEYMGMT_free(m);
	}
}

static void
keys_of_others_are_unknown(void **state)
{
	static const char *const types[] = { "DSA", "DH", "DHX", "X25519",
		"ED448", "SM2", "RSA-PSS", "HKDF" };

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		EVP_KEYMGMT *m = EVP_KEYMGMT_fetch(whole, types[i], NULL);

		assert_non_null(m); /* else the next line means nothing */
		EVP_KEYMGMT_free(m);
		assert_null(EVP_KEYMGMT_fetch(NULL, types[i], NULL));
	}
}

static void
count(OSSL_DECODER *decoder, void *arg)
{
	unsigned *n = arg;

	assert_true(OSSL_DECODER_is_a(decoder, "RSA") ||
		    OSSL_DECODER_is_a(decoder, "EC") ||
		    OSSL_DECODER_is_a(decoder, "ED25519"));
	(*n)++;
}

static void
decoders_are_few(void **state)
{
	unsigned n = 0;

	(void)state;
	OSSL_DECODER_do_all_provided(NULL, count, &n);
	assert_in_range(n, 6, 12);
}

/* ---- what a certificate of another kind is taken for ---- */

static EVP_PKEY *
foreign_key(const char *type)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(whole, NULL, type);

	assert_non_null(pkey);
	return pkey;
}

static struct buf *
chain_of(EVP_PKEY *leaf, EVP_PKEY *issuer)
{
	struct cert_spec spec = leaf_spec(leaf), by = ca_spec("R11", issuer),
			 root = ca_spec("X1", ca);
	struct buf *b = buf_new(1 << 20);

	spec.digest = EVP_PKEY_is_a(issuer, "EC") ? "SHA256" : NULL;
	append_cert(b, make_cert(&spec, &by));
	append_cert(b, make_cert(&by, &root));
	return b;
}

static void
inspect_a_foreign_key_has_no_kind(void **state)
{
	EVP_PKEY *odd = foreign_key("ED448");
	struct buf *b = chain_of(odd, ca);
	struct inspection i;

	(void)state;
	assert_ok(cert_inspect((struct str){ buf_data(b), buf_len(b) }, &i));
	assert_int_equal(i.key_kind, 0);
	assert_int_equal(strlen(i.key_id), 32);
	inspection_clear(&i);
	buf_free(b);
	EVP_PKEY_free(odd);
}

static struct err *
check(const struct buf *b)
{
	struct str names[] = { str_of("example.com"), str_of("*.example.com") };
	struct chain_question q = { key, { names, 2 },
		{ buf_data(b), buf_len(b) }, TEST_NOW, NULL };
	struct chain_facts f;
	struct err *e = chain_check(&q, &f);

	chain_facts_clear(&f);
	return e;
}

static void
check_a_foreign_key_is_refused(void **state)
{
	EVP_PKEY *odd = foreign_key("ED448");
	struct buf *good = chain_of(key->pkey, ca), *leaf = chain_of(odd, ca),
		   *issuer = chain_of(key->pkey, odd);

	(void)state;
	assert_ok(check(good));
	assert_fails(check(leaf), "its public key");
	assert_fails(check(issuer), "is not signed with SHA-256");
	buf_free(good);
	buf_free(leaf);
	buf_free(issuer);
	EVP_PKEY_free(odd);
}

/* ---- names of keys ---- */

/* However the file has it: certbot's id is that of the point in full. */
static void
read_compressed_point_has_the_same_names(void **state)
{
	BIO *bio = BIO_new(BIO_s_mem());
	struct key *again;

	(void)state;
	assert_int_equal(EVP_PKEY_set_utf8_string_param(
			     key->pkey, "point-format", "compressed"),
	    1);
	assert_ok(pem_write_key(key, bio));
	assert_ok(pem_read_key(bio, &again));
	assert_string_equal(again->id, key->id);
	assert_string_equal(again->thumbprint, key->thumbprint);
	assert_int_equal(EVP_PKEY_set_utf8_string_param(
			     key->pkey, "point-format", "uncompressed"),
	    1);
	key_free(again);
	BIO_free(bio);
}

/* The short way to the public half is that of OpenSSL, byte for byte. */
static void
public_half_is_that_of_openssl(void **state)
{
	static const enum key_kind kinds[] = { KEY_EC_P256, KEY_EC_P384,
		KEY_RSA_2048 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct key *k = test_key(kinds[i], false);
		X509_PUBKEY *ours = X509_PUBKEY_new(), *theirs = NULL;
		unsigned char *a = NULL, *b = NULL;
		int n;

		assert_ok(key_set_public(k->pkey, k->alg, ours));
		assert_int_equal(X509_PUBKEY_set(&theirs, k->pkey), 1);
		n = i2d_X509_PUBKEY(ours, &a);
		assert_true(n > 0);
		assert_int_equal(i2d_X509_PUBKEY(theirs, &b), n);
		assert_memory_equal(a, b, (size_t)n);
		OPENSSL_free(a);
		OPENSSL_free(b);
		X509_PUBKEY_free(ours);
		X509_PUBKEY_free(theirs);
		key_free(k);
	}
}

static int
setup(void **state)
{
	(void)state;
	whole = OSSL_LIB_CTX_new();
	key = test_key(KEY_EC_P256, false);
	ca = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	key_free(key);
	EVP_PKEY_free(ca);
	OSSL_LIB_CTX_free(whole);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_of_ours_are_made),
		cmocka_unit_test(keys_of_others_are_unknown),
		cmocka_unit_test(decoders_are_few),
		cmocka_unit_test(inspect_a_foreign_key_has_no_kind),
		cmocka_unit_test(check_a_foreign_key_is_refused),
		cmocka_unit_test(read_compressed_point_has_the_same_names),
		cmocka_unit_test(public_half_is_that_of_openssl),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
