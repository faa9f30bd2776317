/* test_sign_inspect.c - what is said about a certificate of the store. */
/* objects: common/buf common/err common/log common/text certd/sign/cert certd/sign/algorithms certd/sign/crypto certd/sign/inspect certd/sign/jose certd/sign/jwk certd/sign/key certd/sign/pem certd/sign/file */
/* libs: jansson libcrypto */
#include "certs.h"

#include <openssl/evp.h>

static struct key *key;
static EVP_PKEY *ca;

static struct buf *
pem_of(const struct cert_spec *spec, const char *issuer)
{
	struct cert_spec by = ca_spec(issuer, ca);
	struct buf *b = buf_new(1 << 20);

	append_cert(b, make_cert(spec, &by));
	return b;
}

static struct err *
inspect(const struct buf *b, struct inspection *i)
{
	return cert_inspect((struct str){ buf_data(b), buf_len(b) }, i);
}

static void
assert_names(const struct inspection *i, const char *all)
{
	char text[4096] = "";

	for (size_t k = 0; k < i->names.n; k++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
		    "%s%.*s", k == 0 ? "" : " ", (int)i->names.v[k].n,
		    i->names.v[k].p);
	assert_string_equal(text, all);
}

static void
inspect_usual_certificate_tells_all(void **state)
{
	struct cert_spec spec = leaf_spec(key->pkey);
	struct inspection i;
	struct buf *b;

	(void)state;
	spec.serial = "04FA00";
	b = pem_of(&spec, "R11");
	assert_ok(inspect(b, &i));
	assert_names(&i, "example.com *.example.com");
	assert_string_equal(i.serial, "4fa00");
	assert_string_equal(i.issuer, "CN=R11");
	assert_string_equal(i.key_id, key->id);
	assert_int_equal(i.key_kind, KEY_EC_P256);
	assert_int_equal(i.times.not_before, TEST_NOW - DAY);
	assert_int_equal(i.times.not_after, TEST_NOW + 89 * DAY);
	assert_int_equal(strlen(i.sha256), 64);
	inspection_clear(&i);
	buf_free(b);
}

/* SHA-256 of the DER, as openssl x509 -fingerprint prints it. */
static void
inspect_fingerprint_is_that_of_openssl(void **state)
{
	struct cert_spec spec = leaf_spec(key->pkey);
	struct buf *b = pem_of(&spec, "R11");
	BIO *bio = BIO_new_mem_buf(buf_data(b), (int)buf_len(b));
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	unsigned char *der = NULL, md[EVP_MAX_MD_SIZE];
	int n = i2d_X509(cert, &der);
	struct inspection i;
	char hex[3];
	size_t len;

	(void)state;
	assert_ok(inspect(b, &i));
	assert_int_equal(
	    EVP_Q_digest(NULL, "SHA256", NULL, der, (size_t)n, md, &len), 1);
	for (size_t k = 0; k < len; k++) {
		snprintf(hex, sizeof(hex), "%02x", md[k]);
		assert_memory_equal(hex, i.sha256 + 2 * k, 2);
	}
	OPENSSL_free(der);
	X509_free(cert);
	BIO_free(bio);
	inspection_clear(&i);
	buf_free(b);
}

/* As certbot: the common name first, nothing twice. */
static void
inspect_common_name_comes_first(void **state)
{
	struct cert_spec spec = leaf_spec(key->pkey);
	struct inspection i;
	struct buf *b;

	(void)state;
	spec.cn = "www.example.com";
	spec.san = "DNS:example.com,DNS:www.example.com,IP:192.0.2.1";
	b = pem_of(&spec, "R11");
	assert_ok(inspect(b, &i));
	assert_names(&i, "www.example.com example.com");
	assert_true(i.names.has_others == false);
	inspection_clear(&i);
	buf_free(b);

	spec.san = NULL;
	b = pem_of(&spec, "R11");
	assert_ok(inspect(b, &i));
	assert_names(&i, "www.example.com");
	inspection_clear(&i);
	buf_free(b);
}

static void
inspect_expired_and_ancient_work(void **state)
{
	struct cert_spec spec = leaf_spec(key->pkey);
	struct inspection i;
	struct buf *b;

	(void)state;
	spec.from = -60L * 365 * DAY - 10; /* before 1970 */
	spec.to = -10 * DAY;
	b = pem_of(&spec, "R11");
	assert_ok(inspect(b, &i));
	assert_int_equal(i.times.not_before, 0);
	assert_int_equal(i.times.not_after, TEST_NOW - 10 * DAY);
	inspection_clear(&i);
	buf_free(b);
}

/* Terminals obey escape sequences wherever they come from. */
static void
inspect_hostile_issuer_is_escaped(void **state)
{
	struct cert_spec spec = leaf_spec(key->pkey);
	struct inspection i;
	struct buf *b = pem_of(&spec, "\x1b]0;owned\x07\xe2\x80\xaeR\xc3\xb6t");

	(void)state;
	assert_ok(inspect(b, &i));
	assert_true(text_is_plain(i.issuer, strlen(i.issuer)));
	assert_null(strstr(i.issuer, "\xe2\x80\xae"));
	assert_non_null(strstr(i.issuer, "R\xc3\xb6t"));
	inspection_clear(&i);
	buf_free(b);
}

static void
inspect_hostile_names_are_refused(void **state)
{
	static const char *const cns[] = { "a\x1b[31m", "a\nb", "a\xc2\x85" };

	(void)state;
	for (size_t k = 0; k < sizeof(cns) / sizeof(cns[0]); k++) {
		struct cert_spec spec = leaf_spec(key->pkey);
		struct inspection i;
		struct buf *b;

		spec.cn = cns[k];
		b = pem_of(&spec, "R11");
		assert_fails(inspect(b, &i), "cannot be shown");
		inspection_clear(&i);
		buf_free(b);
	}
}

static void
inspect_long_issuer_is_cut(void **state)
{
	struct cert_spec spec = leaf_spec(key->pkey), by = ca_spec("x", ca);
	struct buf *b = buf_new(1 << 20);
	X509 *cert = make_cert(&spec, &by);
	struct inspection i;

	(void)state;
	for (int k = 0; k < 20; k++)
		assert_int_equal(
		    X509_NAME_add_entry_by_txt(X509_get_issuer_name(cert), "OU",
			MBSTRING_ASC,
			(const unsigned char
				*)"a name of forty bytes, quite long, "
				  "indeed.",
			-1, -1, 0),
		    1);
	X509_sign(cert, ca, EVP_sha256());
	append_cert(b, cert);
	assert_ok(inspect(b, &i));
	assert_true(strlen(i.issuer) > 480 && strlen(i.issuer) <= 512);
	inspection_clear(&i);
	buf_free(b);
}

static void
inspect_other_keys_have_no_kind(void **state)
{
	EVP_PKEY *odd = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	struct cert_spec spec = leaf_spec(odd);
	struct inspection i;
	struct buf *b = pem_of(&spec, "R11");

	(void)state;
	assert_ok(inspect(b, &i));
	assert_int_equal(i.key_kind, 0);
	assert_int_equal(strlen(i.key_id), 32);
	inspection_clear(&i);
	buf_free(b);
	EVP_PKEY_free(odd);
}

/* fullchain.pem, and files into which somebody wrote a comment. */
static void
inspect_first_of_several_counts(void **state)
{
	struct cert_spec spec = leaf_spec(key->pkey);
	struct cert_spec by = ca_spec("R11", ca);
	struct buf *b = buf_new(1 << 20);
	struct inspection i;

	(void)state;
	assert_ok(buf_addf(b, "# the mail server's\n"));
	append_cert(b, make_cert(&spec, &by));
	append_cert(b, make_cert(&by, NULL));
	assert_ok(inspect(b, &i));
	assert_names(&i, "example.com *.example.com");
	inspection_clear(&i);
	buf_free(b);
}

static void
inspect_no_certificate_is_an_error(void **state)
{
	static const char *const texts[] = { "", "hello\n",
		"-----BEGIN CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\nMIIB\n"
		"-----END CERTIFICATE-----\n" };

	(void)state;
	for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++) {
		struct inspection i;

		assert_fails(cert_inspect(str_of(texts[k]), &i),
		    "no certificate in the file");
		inspection_clear(&i);
	}
}

static int
setup(void **state)
{
	(void)state;
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
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inspect_usual_certificate_tells_all),
		cmocka_unit_test(inspect_fingerprint_is_that_of_openssl),
		cmocka_unit_test(inspect_common_name_comes_first),
		cmocka_unit_test(inspect_expired_and_ancient_work),
		cmocka_unit_test(inspect_hostile_issuer_is_escaped),
		cmocka_unit_test(inspect_hostile_names_are_refused),
		cmocka_unit_test(inspect_long_issuer_is_cut),
		cmocka_unit_test(inspect_other_keys_have_no_kind),
		cmocka_unit_test(inspect_first_of_several_counts),
		cmocka_unit_test(inspect_no_certificate_is_an_error),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
