/* test_sign_csr.c - what is in a signing request. */
/* objects: common/buf common/err common/log common/text certd/sign/algorithms certd/sign/crypto certd/sign/csr certd/sign/jose certd/sign/jwk certd/sign/key certd/sign/pem certd/sign/file */
/* libs: jansson libcrypto */
#include "sign_test.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>

static X509_REQ *
made(const struct key *k, struct strs names, bool must_staple)
{
	struct buf *der = buf_new(32 * 1024);
	const unsigned char *p;
	X509_REQ *req;

	assert_ok(csr_make(k, names, must_staple, der));
	p = (const unsigned char *)buf_data(der);
	req = d2i_X509_REQ(NULL, &p, (long)buf_len(der));
	assert_non_null(req);
	assert_ptr_equal(p, buf_data(der) + buf_len(der));
	buf_free(der);
	return req;
}

static void
check_content(X509_REQ *req, struct strs names)
{
	STACK_OF(X509_EXTENSION) *exts = X509_REQ_get_extensions(req);
	GENERAL_NAMES *gens;
	int critical;

	assert_int_equal(X509_REQ_get_version(req), X509_REQ_VERSION_1);
	assert_int_equal(
	    X509_NAME_entry_count(X509_REQ_get_subject_name(req)), 0);
	assert_int_equal(X509_REQ_get_attr_count(req), 1);
	assert_int_equal(sk_X509_EXTENSION_num(exts), 1);
	gens = X509V3_get_d2i(exts, NID_subject_alt_name, &critical, NULL);
	assert_int_equal(critical, 0);
	assert_int_equal(sk_GENERAL_NAME_num(gens), (int)names.n);
	for (int i = 0; i < (int)names.n; i++) {
		GENERAL_NAME *gen = sk_GENERAL_NAME_value(gens, i);

		assert_int_equal(gen->type, GEN_DNS);
		assert_int_equal(
		    ASN1_STRING_length(gen->d.dNSName), (int)names.v[i].n);
		assert_memory_equal(ASN1_STRING_get0_data(gen->d.dNSName),
		    names.v[i].p, names.v[i].n);
	}
	GENERAL_NAMES_free(gens);
	sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
}

static const struct {
	enum key_kind kind;
	int signature;
} kinds[] = {
	{ KEY_EC_P256, NID_ecdsa_with_SHA256 },
	{ KEY_EC_P384, NID_ecdsa_with_SHA384 },
	{ KEY_RSA_2048, NID_sha256WithRSAEncryption },
	{ KEY_RSA_3072, NID_sha256WithRSAEncryption },
};

static void
make_holds_names_and_nothing_else(void **state)
{
	struct str v[] = { str_of("example.com"), str_of("*.example.com"),
		str_of("xn--bcher-kva.example") };
	struct strs names = { v, 3 };

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct key *k = test_key(kinds[i].kind, false);
		X509_REQ *req = made(k, names, false);

		check_content(req, names);
		assert_int_equal(
		    X509_REQ_get_signature_nid(req), kinds[i].signature);
		assert_int_equal(X509_REQ_verify(req, k->pkey), 1);
		assert_int_equal(
		    EVP_PKEY_eq(X509_REQ_get0_pubkey(req), k->pkey), 1);
		X509_REQ_free(req);
		key_free(k);
	}
}

/* RFC 7633: a sequence with the number of status_request. */
static void
make_must_staple_is_a_second_extension(void **state)
{
	static const unsigned char wanted[] = { 0x30, 0x03, 0x02, 0x01, 0x05 };
	struct str v[] = { str_of("example.com") };
	struct key *k = test_key(KEY_EC_P256, false);
	X509_REQ *req = made(k, (struct strs){ v, 1 }, true);
	STACK_OF(X509_EXTENSION) *exts = X509_REQ_get_extensions(req);
	int at = X509v3_get_ext_by_NID(exts, NID_tlsfeature, -1);
	const ASN1_OCTET_STRING *value;

	(void)state;
	assert_int_equal(sk_X509_EXTENSION_num(exts), 2);
	assert_true(at >= 0);
	value = X509_EXTENSION_get_data(X509v3_get_ext(exts, at));
	assert_int_equal(ASN1_STRING_length(value), sizeof(wanted));
	assert_memory_equal(
	    ASN1_STRING_get0_data(value), wanted, sizeof(wanted));
	assert_true(X509v3_get_ext_by_NID(exts, NID_subject_alt_name, -1) >= 0);
	sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
	X509_REQ_free(req);
	key_free(k);
}

/* Text that means something in openssl.cnf is only a name here. */
static void
make_names_are_not_configuration(void **state)
{
	struct str v[] = { str_of("a.example,IP:192.0.2.1"), str_of("@section"),
		str_of("critical,CA:TRUE") };
	struct strs names = { v, 3 };
	struct key *k = test_key(KEY_EC_P256, false);
	X509_REQ *req = made(k, names, false);

	(void)state;
	check_content(req, names);
	X509_REQ_free(req);
	key_free(k);
}

static void
make_hundred_longest_names_fit(void **state)
{
	static char text[100][254];
	struct str v[100];
	struct key *k = test_key(KEY_RSA_4096, false);
	X509_REQ *req;

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		memset(text[i], 'a', 253);
		for (size_t dot = 63; dot < 253; dot += 64)
			text[i][dot] = '.';
		text[i][0] = (char)('a' + i % 26);
		text[i][1] = (char)('a' + i / 26);
		v[i] = (struct str){ text[i], 253 };
	}
	req = made(k, (struct strs){ v, 100 }, false);
	check_content(req, (struct strs){ v, 100 });
	X509_REQ_free(req);
	key_free(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(make_holds_names_and_nothing_else),
		cmocka_unit_test(make_must_staple_is_a_second_extension),
		cmocka_unit_test(make_names_are_not_configuration),
		cmocka_unit_test(make_hundred_longest_names_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
