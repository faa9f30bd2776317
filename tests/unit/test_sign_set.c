/* test_sign_set.c - does a key belong to the certificates beside it? */
/* objects: common/buf common/err common/log common/text certd/sign/cert certd/sign/algorithms certd/sign/crypto certd/sign/inspect certd/sign/jose certd/sign/jwk certd/sign/key certd/sign/pem certd/sign/file certd/sign/set */
/* libs: jansson libcrypto */
#include "certs.h"

static struct key *key, *other;
static EVP_PKEY *ca, *stranger;

/* A leaf for key, signed by by, and the certificate of ca behind it. */
static struct buf *
chain(EVP_PKEY *by)
{
	struct cert_spec leaf = leaf_spec(key->pkey);
	struct cert_spec issuer = ca_spec("R11", by), top = ca_spec("R11", ca);
	struct buf *b = buf_new(1 << 20);

	append_cert(b, make_cert(&leaf, &issuer));
	append_cert(b, make_cert(&top, &top));
	return b;
}

static struct err *
check(const struct key *k, struct str pem)
{
	struct inspection i;
	struct err *e = set_inspect(k->pkey, pem, &i);

	if (e == NULL)
		assert_string_equal(i.key_id, key->id);
	inspection_clear(&i);
	return e;
}

static struct str
all_of(const struct buf *b)
{
	return (struct str){ buf_data(b), buf_len(b) };
}

static void
set_that_belongs_together_is_told(void **state)
{
	struct buf *b = chain(ca);

	(void)state;
	assert_ok(check(key, all_of(b)));
	buf_free(b);
}

static void
set_with_text_between_is_taken(void **state)
{
	struct buf *b = buf_new(1 << 20), *whole = chain(ca);
	const char *second = strstr(buf_data(whole) + 1, "-----BEGIN");

	(void)state;
	assert_non_null(second);
	assert_ok(buf_addf(b, "subject=CN = example.com\n%.*s\n\nissuer\n%s\n",
	    (int)(second - buf_data(whole)), buf_data(whole), second));
	assert_ok(check(key, all_of(b)));
	buf_free(b);
	buf_free(whole);
}

static void
set_of_another_key_is_refused(void **state)
{
	struct buf *b = chain(ca);

	(void)state;
	assert_fails(
	    check(other, all_of(b)), "private key is not the certificate's");
	buf_free(b);
}

static void
set_of_another_issuer_is_refused(void **state)
{
	struct buf *b = chain(stranger);

	(void)state;
	assert_fails(check(key, all_of(b)), "not signed by the one behind it");
	buf_free(b);
}

/* Wherever the text ends, it is not taken for whole; the last line's end may be
 * missing. */
static void
set_cut_anywhere_is_refused(void **state)
{
	struct buf *b = chain(ca);
	const size_t n = buf_len(b);
	size_t cut;
	struct err *e;

	(void)state;
	for (cut = 0; cut + 1 < n; cut++) {
		e = check(key, (struct str){ buf_data(b), cut });
		if (e == NULL)
			fail_msg("%zu of %zu bytes are enough", cut, n);
		err_free(e);
	}
	assert_ok(check(key, (struct str){ buf_data(b), n - 1 }));
	assert_fails(check(key, (struct str){ buf_data(b), n - 40 }),
	    "its end is missing");
	buf_free(b);
}

static void
set_without_issuer_is_refused(void **state)
{
	struct buf *b = chain(ca);
	const char *second = strstr(buf_data(b) + 1, "-----BEGIN");

	(void)state;
	assert_fails(check(key, (struct str){ buf_data(b),
				    (size_t)(second - buf_data(b)) }),
	    "issuer's certificate is missing");
	assert_fails(check(key, str_of("")), "no certificate");
	buf_free(b);
}

static void
set_of_too_many_is_refused(void **state)
{
	struct cert_spec top = ca_spec("R11", ca);
	struct buf *b = chain(ca);
	int i;

	(void)state;
	for (i = 0; i < CHAIN_CERTS_MAX; i++)
		append_cert(b, make_cert(&top, &top));
	assert_fails(check(key, all_of(b)), "more than 10 certificates");
	buf_free(b);
}

static int
set_up(void **state)
{
	(void)state;
	assert_ok(key_make(KEY_EC_P256, false, NULL, &key));
	assert_ok(key_make(KEY_EC_P256, false, NULL, &other));
	ca = EVP_EC_gen("P-256");
	stranger = EVP_EC_gen("P-256");
	return ca == NULL || stranger == NULL;
}

static int
tear_down(void **state)
{
	(void)state;
	key_free(key);
	key_free(other);
	EVP_PKEY_free(ca);
	EVP_PKEY_free(stranger);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_that_belongs_together_is_told),
		cmocka_unit_test(set_with_text_between_is_taken),
		cmocka_unit_test(set_of_another_key_is_refused),
		cmocka_unit_test(set_of_another_issuer_is_refused),
		cmocka_unit_test(set_cut_anywhere_is_refused),
		cmocka_unit_test(set_without_issuer_is_refused),
		cmocka_unit_test(set_of_too_many_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
