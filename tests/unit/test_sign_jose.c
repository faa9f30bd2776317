/* test_sign_jose.c - base64url, JWS and payloads against RFC 4648, 7515, 7518,
 * 7638, 8555. */
/* objects: common/buf common/err common/log common/text certd/sign/algorithms certd/sign/crypto certd/sign/jose certd/sign/jwk certd/sign/key certd/sign/payload certd/sign/pem certd/sign/file */
/* libs: jansson libcrypto */
#include "sign_test.h"

#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#define URL   "https://ca.example/acme/new-order"
#define KID   "https://ca.example/acme/acct/1"
#define NONCE "nonce_-1"

static const struct jws_place by_kid = { { KID, sizeof(KID) - 1 },
	{ URL, sizeof(URL) - 1 }, { NONCE, sizeof(NONCE) - 1 } };
static const struct jws_place by_jwk = { { "", 0 }, { URL, sizeof(URL) - 1 },
	{ NONCE, sizeof(NONCE) - 1 } };

/* ---- base64url ---- */

static const struct {
	const char *plain;
	size_t n;
	const char *text;
} vectors[] = {
	{ "", 0, "" }, /* RFC 4648 section 10, without padding */
	{ "f", 1, "Zg" },
	{ "fo", 2, "Zm8" },
	{ "foo", 3, "Zm9v" },
	{ "foob", 4, "Zm9vYg" },
	{ "fooba", 5, "Zm9vYmE" },
	{ "foobar", 6, "Zm9vYmFy" },
	{ "\x03\xec\xff\xe0\xc1", 5, "A-z_4ME" }, /* RFC 7515 appendix C */
	{ "\xff\xff\xff", 3, "____" },
	{ "\0\0\0\0", 4, "AAAAAA" },
};

static void
b64u_vectors_both_ways(void **state)
{
	unsigned char out[16];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct buf *b = buf_new(64);

		assert_ok(b64u_add(b, vectors[i].plain, vectors[i].n));
		assert_string_equal(buf_data(b), vectors[i].text);
		assert_true(b64u_decode(vectors[i].text,
		    strlen(vectors[i].text), out, sizeof(out), &n));
		assert_int_equal(n, vectors[i].n);
		assert_memory_equal(out, vectors[i].plain, n);
		buf_free(b);
	}
}

static void
b64u_decode_foreign_text_is_refused(void **state)
{
	static const char *const bad[] = { "Z", "Zm9vY", "Zg==", "Zm8=", "Zm9+",
		"Zm9/", "Z g", "Zg\n", "Zh", "Zm9", "\xc3\xa4" };
	unsigned char out[16];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(
		    b64u_decode(bad[i], strlen(bad[i]), out, sizeof(out), &n));
	assert_false(b64u_decode("Zg\0A", 4, out, sizeof(out), &n));
	assert_true(b64u_decode("Zm9v", 4, out, 3, &n));
	assert_false(b64u_decode("Zm9v", 4, out, 2, &n));
}

/* ---- verifying, written apart from signing ---- */

static void
der_of_raw(unsigned char *sig, size_t *n)
{
	ECDSA_SIG *rs = ECDSA_SIG_new();
	int half = (int)*n / 2;
	unsigned char *p = sig;

	assert_int_equal(ECDSA_SIG_set0(rs, BN_bin2bn(sig, half, NULL),
			     BN_bin2bn(sig + half, half, NULL)),
	    1);
	*n = (size_t)i2d_ECDSA_SIG(rs, &p);
	ECDSA_SIG_free(rs);
}

static bool
is_signed(const struct key *k, const char *input, const char *signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char sig[1024];
	size_t n;
	int ok;

	assert_true(b64u_decode(
	    signature, strlen(signature), sig, sizeof(sig) / 2, &n));
	if (k->alg->group != NULL) {
		assert_int_equal(n, 2 * k->alg->width);
		der_of_raw(sig, &n);
	}
	assert_int_equal(EVP_DigestVerifyInit_ex(ctx, NULL, k->alg->digest,
			     NULL, NULL, k->pkey, NULL),
	    1);
	ok = EVP_DigestVerify(
	    ctx, sig, n, (const unsigned char *)input, strlen(input));
	EVP_MD_CTX_free(ctx);
	return ok == 1;
}

static const char *
member(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	assert_non_null(s);
	return s;
}

static json_t *
json_of_b64u(const char *text)
{
	static unsigned char plain[65536];
	json_t *json;
	size_t n;

	assert_true(b64u_decode(text, strlen(text), plain, sizeof(plain), &n));
	json = json_loadb((const char *)plain, n, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	return json;
}

/* Signs and returns the JWS, whose signature was verified. */
static json_t *
sign(const struct key *k, const struct jws_place *at, const json_t *payload)
{
	struct buf *body = buf_new(49152);
	struct buf *input = buf_new(49152);
	json_t *jws;

	assert_ok(jws_sign(k, at, payload, body));
	jws = json_loadb(
	    buf_data(body), buf_len(body), JSON_REJECT_DUPLICATES, NULL);
	assert_int_equal(json_object_size(jws), 3);
	assert_ok(buf_addf(
	    input, "%s.%s", member(jws, "protected"), member(jws, "payload")));
	assert_true(is_signed(k, buf_data(input), member(jws, "signature")));
	buf_free(input);
	buf_free(body);
	return jws;
}

/* Without this, a mistake in is_signed() could hide one in jws_sign(). */
static void
verify_rfc7515_example_passes(void **state)
{
	struct key *k = test_key_of_jwk(RFC7515_KEY);
	static const char input[] =
	    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODA"
	    "sDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

	(void)state;
	assert_true(is_signed(k, input,
	    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4Ga"
	    "wxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"));
	assert_false(is_signed(k, input + 1,
	    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-"
	    "F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"));
	key_free(k);
}

/* ---- JWS ---- */

static void
check_header(const json_t *jws, const char *alg, const char *who)
{
	json_t *h = json_of_b64u(member(jws, "protected"));

	assert_int_equal(json_object_size(h), 4);
	assert_string_equal(member(h, "alg"), alg);
	assert_string_equal(member(h, "url"), URL);
	assert_string_equal(member(h, "nonce"), NONCE);
	assert_non_null(json_object_get(h, who));
	json_decref(h);
}

static void
check_key(struct key *k, const char *alg)
{
	json_t *payload = payload_answer();
	json_t *jws = sign(k, &by_kid, payload);

	check_header(jws, alg, "kid");
	assert_string_equal(member(jws, "payload"), "e30");
	json_decref(jws);
	jws = sign(k, &by_jwk, payload);
	check_header(jws, alg, "jwk");
	json_decref(jws);
	json_decref(payload);
	key_free(k);
}

static struct key *
p521_key(void)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521");
	struct key *k = NULL;

	assert_ok(key_new(pkey, true, &k));
	return k;
}

static void
jws_every_kind_of_key_verifies(void **state)
{
	(void)state;
	check_key(test_key(KEY_EC_P256, true), "ES256");
	check_key(test_key(KEY_EC_P384, true), "ES384");
	check_key(p521_key(), "ES512");
	check_key(test_rsa_key(), "RS256");
	check_key(test_key(KEY_RSA_3072, true), "RS256");
}

/* One signature in 128 has a short r or s: that 2000 have none happens once in
 * six million runs. */
static void
jws_short_numbers_are_padded(void **state)
{
	struct key *k = test_key(KEY_EC_P256, true);
	size_t short_ones = 0;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		json_t *jws = sign(k, &by_kid, NULL);
		unsigned char sig[64];
		const char *s = member(jws, "signature");
		size_t n;

		assert_true(b64u_decode(s, strlen(s), sig, sizeof(sig), &n));
		assert_int_equal(n, 64);
		short_ones += sig[0] == 0 || sig[32] == 0;
		json_decref(jws);
	}
	assert_true(short_ones > 0);
	key_free(k);
}

static void
jws_get_has_empty_payload(void **state)
{
	struct key *k = test_key(KEY_EC_P256, true);
	json_t *jws = sign(k, &by_kid, NULL);

	(void)state;
	assert_string_equal(member(jws, "payload"), "");
	json_decref(jws);
	key_free(k);
}

static void
jws_jwk_is_the_public_half(void **state)
{
	struct key *k = test_key_of_jwk(RFC7515_KEY);
	json_t *jws = sign(k, &by_jwk, NULL);
	json_t *h = json_of_b64u(member(jws, "protected"));
	json_t *jwk = json_object_get(h, "jwk");

	(void)state;
	assert_int_equal(json_object_size(jwk), 4);
	assert_string_equal(member(jwk, "kty"), "EC");
	assert_string_equal(member(jwk, "crv"), "P-256");
	assert_string_equal(member(jwk, "x"), RFC7515_X);
	assert_string_equal(member(jwk, "y"), RFC7515_Y);
	json_decref(h);
	json_decref(jws);
	key_free(k);
}

/* Bytes that mean something in JSON stay bytes of the text. */
static void
jws_url_with_quotes_is_escaped(void **state)
{
	struct key *k = test_key(KEY_EC_P256, true);
	struct jws_place at = { str_of("https://x/\",\"jwk\":\""),
		str_of("https://x/\\\"}"), str_of(NONCE) };
	json_t *jws = sign(k, &at, NULL);
	json_t *h = json_of_b64u(member(jws, "protected"));

	(void)state;
	assert_int_equal(json_object_size(h), 4);
	assert_string_equal(member(h, "url"), "https://x/\\\"}");
	assert_null(json_object_get(h, "jwk"));
	json_decref(h);
	json_decref(jws);
	key_free(k);
}

static void
jws_room_is_limited(void **state)
{
	struct key *k = test_key(KEY_EC_P256, true);
	struct buf *small = buf_new(100);

	(void)state;
	assert_fails(jws_sign(k, &by_kid, NULL, small), "more than 100 bytes");
	buf_free(small);
	key_free(k);
}

/* ---- what else is made of a key ---- */

static void
thumbprint_rfc7638_matches(void **state)
{
	struct key *k = test_rsa_key();

	(void)state;
	assert_string_equal(
	    k->thumbprint, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
	key_free(k);
}

/* Computed with josepy and Python's hashlib. */
static void
key_authorization_is_digest_of_both(void **state)
{
	struct key *k = test_key_of_jwk(RFC7515_KEY);
	char value[DIGEST_B64U_SIZE];

	(void)state;
	assert_string_equal(
	    k->thumbprint, "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
	assert_ok(key_authorization(
	    k, str_of("evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"), value));
	assert_string_equal(
	    value, "ZaJgFtIV4WA0t2MzN7kbSk0sfRd2GZjaxRqaSTAK6lI");
	key_free(k);
}

/* ---- payloads ---- */

static void
assert_payload(json_t *p, const char *text)
{
	char *got = json_dumps(p, JSON_COMPACT);

	assert_string_equal(got, text);
	free(got);
	json_decref(p);
}

static void
payloads_are_those_of_rfc8555(void **state)
{
	struct str mail[] = { str_of("mailto:a@example.com"),
		str_of("mailto:\"b\"@example.com") };
	struct str names[] = { str_of("example.com"), str_of("*.example.com") };
	struct buf *csr = buf_new(16);

	(void)state;
	assert_payload(payload_new_account((struct strs){ NULL, 0 }, true),
	    "{\"termsOfServiceAgreed\":true}");
	assert_payload(
	    payload_new_account((struct strs){ NULL, 0 }, false), "{}");
	assert_payload(payload_new_account((struct strs){ mail, 2 }, true),
	    "{\"termsOfServiceAgreed\":true,\"contact\":["
	    "\"mailto:a@example.com\",\"mailto:\\\"b\\\"@example.com\"]}");
	assert_payload(payload_new_order((struct strs){ names, 2 }),
	    "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"example.com\"},"
	    "{\"type\":\"dns\",\"value\":\"*.example.com\"}]}");
	assert_payload(payload_answer(), "{}");
	assert_ok(buf_add(csr, "\x03\xec\xff\xe0\xc1", 5));
	assert_payload(payload_finalize(csr), "{\"csr\":\"A-z_4ME\"}");
	buf_free(csr);
}

static void
payload_text_without_utf8_is_refused(void **state)
{
	struct str bad[] = { str_of("\xff\xfe") };

	(void)state;
	assert_null(payload_new_order((struct strs){ bad, 1 }));
	assert_null(payload_new_account((struct strs){ bad, 1 }, true));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(b64u_vectors_both_ways),
		cmocka_unit_test(b64u_decode_foreign_text_is_refused),
		cmocka_unit_test(verify_rfc7515_example_passes),
		cmocka_unit_test(jws_every_kind_of_key_verifies),
		cmocka_unit_test(jws_short_numbers_are_padded),
		cmocka_unit_test(jws_get_has_empty_payload),
		cmocka_unit_test(jws_jwk_is_the_public_half),
		cmocka_unit_test(jws_url_with_quotes_is_escaped),
		cmocka_unit_test(jws_room_is_limited),
		cmocka_unit_test(thumbprint_rfc7638_matches),
		cmocka_unit_test(key_authorization_is_digest_of_both),
		cmocka_unit_test(payloads_are_those_of_rfc8555),
		cmocka_unit_test(payload_text_without_utf8_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
