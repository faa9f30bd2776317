/* test_sign_keys.c - certificate keys as PEM, and keys by number. */
/* objects: common/buf common/err common/log common/text certd/sign/algorithms certd/sign/crypto certd/sign/jose certd/sign/jwk certd/sign/key certd/sign/keys certd/sign/pem certd/sign/file */
/* libs: jansson libcrypto */
#define _GNU_SOURCE /* asprintf */
#include "sign_test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

static char *
pem_of(const struct key *k)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p, *copy;
	long n;

	assert_ok(pem_write_key(k, bio));
	n = BIO_get_mem_data(bio, &p);
	copy = strndup(p, (size_t)n);
	BIO_free(bio);
	return copy;
}

static struct err *
read_text(const char *text, struct key **out)
{
	BIO *bio = BIO_new_mem_buf(text, (int)strlen(text));
	struct err *e;

	*out = NULL;
	if ((e = pem_read_key(bio, out)) == NULL)
		e = key_check(*out);
	BIO_free(bio);
	return e;
}

static void
make_every_kind_can_be_read_again(void **state)
{
	static const enum key_kind kinds[] = { KEY_EC_P256, KEY_EC_P384,
		KEY_RSA_2048, KEY_RSA_3072 };

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct key *k = test_key(kinds[i], false), *again;
		char *text = pem_of(k);

		assert_int_equal(k->alg->kind, kinds[i]);
		assert_int_equal(
		    strncmp(text, "-----BEGIN PRIVATE KEY-----\n", 28), 0);
		assert_ok(read_text(text, &again));
		assert_int_equal(EVP_PKEY_eq(k->pkey, again->pkey), 1);
		assert_string_equal(k->id, again->id);
		assert_false(again->is_account);
		key_free(again);
		key_free(k);
		free(text);
	}
}

static void
make_unknown_kinds_are_refused(void **state)
{
	struct key *k;

	(void)state;
	assert_fails(key_make(0, false, NULL, &k), "kind 0");
	assert_fails(key_make(KEY_EC_P521, false, NULL, &k), "kind 6");
	assert_fails(key_make(7, false, NULL, &k), "kind 7");
}

/* The forms of very old certbots and of openssl(1). */
static void
read_pkcs1_and_sec1_work(void **state)
{
	static const enum key_kind kinds[] = { KEY_RSA_2048, KEY_EC_P256 };
	static const char *const labels[] = { "RSA PRIVATE KEY",
		"EC PRIVATE KEY" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct key *k = test_key(kinds[i], false), *again;
		BIO *bio = BIO_new(BIO_s_mem());
		char *text;

		assert_int_equal(PEM_write_bio_PrivateKey_traditional(
				     bio, k->pkey, NULL, NULL, 0, NULL, NULL),
		    1);
		BIO_get_mem_data(bio, &text);
		assert_int_equal(strncmp(text + strlen("-----BEGIN "),
				     labels[i], strlen(labels[i])),
		    0);
		assert_ok(pem_read_key(bio, &again));
		assert_int_equal(EVP_PKEY_eq(k->pkey, again->pkey), 1);
		BIO_free(bio);
		key_free(again);
		key_free(k);
	}
}

/* `openssl ecparam -genkey` writes the curve in front of the key. */
static void
read_key_behind_parameters_works(void **state)
{
	struct key *k = test_key(KEY_EC_P384, false), *again;
	char *pem = pem_of(k), *both = NULL;

	(void)state;
	assert_true(asprintf(&both,
			"-----BEGIN EC PARAMETERS-----\n"
			"BgUrgQQAIg==\n-----END EC PARAMETERS-----\n%s",
			pem) > 0);
	assert_ok(read_text(both, &again));
	assert_string_equal(again->id, k->id);
	free(both);
	free(pem);
	key_free(again);
	key_free(k);
}

static void
read_encrypted_keys_are_refused(void **state)
{
	struct key *k = test_key(KEY_EC_P256, false), *again;
	BIO *pkcs8 = BIO_new(BIO_s_mem()), *sec1 = BIO_new(BIO_s_mem());

	(void)state;
	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(pkcs8, k->pkey,
			     EVP_aes_128_cbc(), "secret", 6, NULL, NULL),
	    1);
	assert_fails(pem_read_key(pkcs8, &again), "encrypted");
	assert_int_equal(PEM_write_bio_PrivateKey_traditional(sec1, k->pkey,
			     EVP_aes_128_cbc(), (const unsigned char *)"secret",
			     6, NULL, NULL),
	    1);
	assert_fails(pem_read_key(sec1, &again), "encrypted");
	BIO_free(pkcs8);
	BIO_free(sec1);
	key_free(k);
}

static void
read_other_files_are_refused(void **state)
{
	static const char *const texts[] = { "", "hello\n",
		"-----BEGIN PRIVATE KEY-----\n",
		"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
		"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE "
		"KEY-----\n",
		"-----BEGIN RSA PRIVATE KEY-----\nMAA=\n"
		"-----END RSA PRIVATE KEY-----\n",
		"-----BEGIN CERTIFICATE-----\nAAAA\n"
		"-----END CERTIFICATE-----\n" };
	struct key *k;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(char *); i++)
		assert_fails(read_text(texts[i], &k), "");
}

static char *
pem_of_new(EVP_PKEY *pkey)
{
	struct key k = { .pkey = pkey };
	char *text;

	assert_non_null(pkey);
	text = pem_of(&k);
	EVP_PKEY_free(pkey);
	return text;
}

static void
read_foreign_kinds_are_refused(void **state)
{
	char *texts[] = {
		pem_of_new(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")),
		pem_of_new(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1")),
		pem_of_new(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-224")),
		pem_of_new(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024)),
	};
	struct key *k;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(char *); i++) {
		assert_fails(read_text(texts[i], &k), "not supported");
		free(texts[i]);
	}
}

static void
read_odd_rsa_size_has_no_kind(void **state)
{
	char *text =
	    pem_of_new(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2304));
	struct key *k;

	(void)state;
	assert_ok(read_text(text, &k));
	assert_int_equal(k->alg->kind, 0);
	free(text);
	key_free(k);
}

/* ---- files ---- */

static void
read_secret_odd_files_are_refused(void **state)
{
	char path[] = "/tmp/sign_keys.XXXXXX", zeros[4096] = { 0 };
	int file = mkstemp(path), ends[2];
	BIO *bio = NULL;

	(void)state;
	unlink(path);
	assert_int_equal(pipe(ends), 0);
	assert_fails(file_read_secret(ends[0], &bio), "not a regular file");
	assert_fails(file_read_secret(-1, &bio), "Bad file descriptor");
	for (int i = 0; i < 9; i++)
		assert_int_equal(write(file, zeros, sizeof(zeros)), 4096);
	assert_fails(file_read_secret(file, &bio), "more than 32768 bytes");
	assert_null(bio);
	close(ends[0]);
	close(ends[1]);
	close(file);
}

static void
write_then_read_secret_gives_the_same(void **state)
{
	char path[] = "/tmp/sign_keys.XXXXXX", *p;
	int file = mkstemp(path);
	BIO *bio = NULL;

	(void)state;
	unlink(path);
	assert_ok(file_write(file, "secret", 6));
	assert_int_equal(lseek(file, 0, SEEK_SET), 0);
	assert_ok(file_read_secret(file, &bio));
	assert_int_equal(BIO_get_mem_data(bio, &p), 6);
	assert_memory_equal(p, "secret", 6);
	BIO_free(bio);
	close(file);
}

static void
write_full_disk_is_an_error(void **state)
{
	int full = open("/dev/full", O_WRONLY);

	(void)state;
	assert_fails(file_write(full, "x", 1), "No space left");
	close(full);
}

/* ---- the table ---- */

static void
keys_number_means_one_key_until_dropped(void **state)
{
	struct keys *t = keys_new();
	const struct key *found;
	struct key *first = test_key(KEY_EC_P256, false);

	(void)state;
	assert_fails(keys_get(t, 7, false, &found), "no key 7");
	assert_ok(keys_vacant(t, 7));
	assert_ok(keys_add(t, 7, first));
	assert_fails(keys_vacant(t, 7), "exists already");
	assert_fails(
	    keys_add(t, 7, test_key(KEY_EC_P256, false)), "exists already");
	assert_ok(keys_get(t, 7, false, &found));
	assert_ptr_equal(found, first);
	keys_drop(t, 7);
	keys_drop(t, 7);
	keys_drop(t, 8);
	assert_fails(keys_get(t, 7, false, &found), "no key 7");
	assert_ok(keys_add(t, 7, test_key(KEY_EC_P256, false)));
	keys_free(t);
}

/* An account key never signs a CSR, a certificate's key never a request. */
static void
keys_of_the_other_purpose_are_refused(void **state)
{
	struct keys *t = keys_new();
	const struct key *found;

	(void)state;
	assert_ok(keys_add(t, 1, test_key(KEY_EC_P256, false)));
	assert_ok(keys_add(t, 2, test_key(KEY_EC_P256, true)));
	assert_fails(keys_get(t, 1, true, &found), "no account key");
	assert_fails(keys_get(t, 2, false, &found), "an account key");
	assert_ok(keys_get(t, 2, true, &found));
	keys_free(t);
}

static void
keys_that_were_not_checked_are_refused(void **state)
{
	struct keys *t = keys_new();
	struct key *made = test_key(KEY_EC_P256, false), *read;
	char *text = pem_of(made);
	BIO *bio = BIO_new_mem_buf(text, (int)strlen(text));

	(void)state;
	assert_ok(pem_read_key(bio, &read));
	assert_fails(keys_add(t, 1, read), "was not checked");
	assert_int_equal(keys_for_certs(t), 0);
	assert_ok(keys_add(t, 1, made));
	assert_ok(keys_add(t, 2, test_key(KEY_EC_P256, true)));
	assert_int_equal(keys_for_certs(t), 1);
	keys_drop(t, 2);
	assert_int_equal(keys_for_certs(t), 1);
	keys_drop(t, 1);
	assert_int_equal(keys_for_certs(t), 0);
	BIO_free(bio);
	free(text);
	keys_free(t);
}

static void
make_stops_when_it_is_told(void **state)
{
	atomic_bool stop = true;
	struct key *k = NULL;

	(void)state;
	assert_fails(key_make(KEY_RSA_4096, false, &stop, &k), "make a key");
	assert_null(k);
	stop = false;
	assert_ok(key_make(KEY_RSA_2048, false, &stop, &k));
	key_free(k);
}

static void
keys_table_is_bounded(void **state)
{
	struct keys *t = keys_new();
	struct key *k = test_key(KEY_EC_P256, false);

	(void)state;
	for (uint32_t i = 0; i < KEYS_MAX; i++) {
		struct key *copy = malloc(sizeof(*copy));

		*copy = *k;
		copy->signs = NULL;
		copy->md = NULL;
		assert_int_equal(EVP_PKEY_up_ref(k->pkey), 1);
		assert_ok(keys_add(t, i, copy));
	}
	assert_fails(keys_vacant(t, KEYS_MAX), "too many keys");
	assert_fails(keys_add(t, KEYS_MAX, k), "too many keys");
	keys_drop(t, 17);
	assert_ok(keys_add(t, KEYS_MAX, test_key(KEY_EC_P256, false)));
	keys_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(make_every_kind_can_be_read_again),
		cmocka_unit_test(make_unknown_kinds_are_refused),
		cmocka_unit_test(read_pkcs1_and_sec1_work),
		cmocka_unit_test(read_key_behind_parameters_works),
		cmocka_unit_test(read_encrypted_keys_are_refused),
		cmocka_unit_test(read_other_files_are_refused),
		cmocka_unit_test(read_foreign_kinds_are_refused),
		cmocka_unit_test(read_odd_rsa_size_has_no_kind),
		cmocka_unit_test(read_secret_odd_files_are_refused),
		cmocka_unit_test(write_then_read_secret_gives_the_same),
		cmocka_unit_test(write_full_disk_is_an_error),
		cmocka_unit_test(keys_number_means_one_key_until_dropped),
		cmocka_unit_test(keys_of_the_other_purpose_are_refused),
		cmocka_unit_test(keys_that_were_not_checked_are_refused),
		cmocka_unit_test(make_stops_when_it_is_told),
		cmocka_unit_test(keys_table_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
