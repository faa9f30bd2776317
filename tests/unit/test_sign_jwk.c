/* test_sign_jwk.c - account keys as JSON: certbot's, damaged and hostile ones. */
/* objects: common/buf common/err common/log common/text certd/sign/algorithms certd/sign/crypto certd/sign/jose certd/sign/jwk certd/sign/key certd/sign/pem certd/sign/file */
/* libs: jansson libcrypto */
#include "sign_test.h"

#include <stdlib.h>

#include <openssl/evp.h>

/* An EC key with one member replaced (text NULL: left out). */
static char *
ec_with(const char *member, const char *text)
{
	json_t *jwk = json_loads(RFC7515_KEY, 0, NULL);
	char *out;

	if (text == NULL)
		json_object_del(jwk, member);
	else
		json_object_set_new(
		    jwk, member, json_loads(text, JSON_DECODE_ANY, NULL));
	out = json_dumps(jwk, 0);
	json_decref(jwk);
	return out;
}

static json_t *
rsa_json(void)
{
	json_t *jwk = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}",
	    "n", RFC7638_N, "e", "AQAB", "d", RFC7638_D, "p", RFC7638_P, "q",
	    RFC7638_Q, "dp", RFC7638_DP, "dq", RFC7638_DQ, "qi", RFC7638_QI,
	    "kty", "RSA");

	assert_non_null(jwk);
	return jwk;
}

static void
assert_refused(const char *text, const char *why)
{
	struct key *k = NULL;
	struct err *e = jwk_read(text, strlen(text), &k);

	if (e == NULL)
		e = key_check(k);
	assert_fails(e, why);
	assert_true(k == NULL || !k->is_sound);
	key_free(k);
}

static void
read_ec_key_is_known(void **state)
{
	struct key *k = test_key_of_jwk(RFC7515_KEY);

	(void)state;
	assert_int_equal(k->alg->kind, KEY_EC_P256);
	assert_true(k->is_account);
	/* Computed as certbot does, with Python's cryptography. */
	assert_string_equal(k->id, "b69acad1073b2bf71a4fb9294dc47990");
	key_free(k);
}

static void
read_rsa_key_is_known(void **state)
{
	struct key *k = test_rsa_key();

	(void)state;
	assert_int_equal(k->alg->kind, KEY_RSA_2048);
	assert_string_equal(k->id, "2674c2e26af3eb7de09813275bf2d854");
	key_free(k);
}

static void
read_unknown_members_are_ignored(void **state)
{
	char *text = ec_with("key_ops", "[\"sign\"]");
	struct key *k = test_key_of_jwk(text);

	(void)state;
	free(text);
	key_free(k);
}

#define A32 "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""
#define F32 "\"__________________________________________8\""

static const struct {
	const char *member, *text, *why;
} ec_cases[] = {
	{ "kty", NULL, "\"kty\"" },
	{ "kty", "7", "\"kty\"" },
	{ "kty", "\"oct\"", "\"kty\"" },
	{ "kty", "\"RSA\"", "\"n\"" },
	{ "crv", NULL, "\"crv\"" },
	{ "crv", "\"P-192\"", "\"crv\"" },
	{ "crv", "\"p-256\"", "\"crv\"" },
	{ "crv", "\"P-384\"", "32 bytes instead of 48" },
	{ "crv", "[\"P-256\"]", "\"crv\"" },
	{ "x", NULL, "\"x\" is missing" },
	{ "x", "null", "\"x\" is missing" },
	{ "x", "12", "\"x\" is missing" },
	{ "x", "\"\"", "\"x\" is no number" },
	{ "x", "\"AAAA\"", "3 bytes instead of 32" },
	{ "x", A32, "" },                 /* not on the curve */
	{ "x", "\"" RFC7515_Y "\"", "" }, /* likewise */
	{ "x", F32, "" },                 /* over the prime */
	{ "y", "\"" RFC7515_X "=\"", "\"y\" is no number" },
	{ "y", "{}", "\"y\" is missing" },
	{ "d", NULL, "\"d\" is missing" },
	{ "d", "\"" RFC7515_X "\"", "" }, /* another key's */
	{ "d", A32, "" },                 /* zero */
	{ "d", F32, "" },                 /* over the order */
	{ "d", "\"AQ\"", "1 bytes instead of 32" },
};

static void
read_bad_ec_keys_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ec_cases) / sizeof(ec_cases[0]); i++) {
		char *text = ec_with(ec_cases[i].member, ec_cases[i].text);

		print_message("%s: %s\n", ec_cases[i].member,
		    ec_cases[i].text == NULL ? "-" : ec_cases[i].text);
		assert_refused(text, ec_cases[i].why);
		free(text);
	}
}

static const char *const rsa_private[] = { "d", "p", "q", "dp", "dq", "qi" };

static void
read_rsa_keys_without_a_number_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rsa_private) / sizeof(char *); i++) {
		json_t *jwk = rsa_json();
		char *text;

		json_object_del(jwk, rsa_private[i]);
		text = json_dumps(jwk, 0);
		assert_refused(text, "is missing");
		free(text);
		json_decref(jwk);
	}
}

/* A wrong dp makes signatures that give the factors away. */
static void
read_rsa_keys_with_a_wrong_number_are_refused(void **state)
{
	static const char *const members[] = { "n", "e", "d", "p", "q", "dp",
		"dq", "qi" };

	(void)state;
	for (size_t i = 0; i < sizeof(members) / sizeof(char *); i++) {
		json_t *jwk = rsa_json();
		char *value =
		    strdup(json_string_value(json_object_get(jwk, members[i])));
		char *text;

		value[2] = value[2] == 'A' ? 'Q' : 'A';
		json_object_set_new(jwk, members[i], json_string(value));
		text = json_dumps(jwk, 0);
		print_message("%s\n", members[i]);
		assert_refused(text, "");
		free(text);
		free(value);
		json_decref(jwk);
	}
}

/* One number set to each of these; zeros, ones and far too many bytes. */
static void
read_rsa_keys_with_odd_numbers_are_refused(void **state)
{
	static const char *const members[] = { "n", "e", "d", "p", "q", "dp",
		"dq", "qi" };
	char *huge = calloc(1, 24001);
	const char *const values[] = { "AA", "AQ", "Ag", "", "===", huge };

	(void)state;
	memset(huge, 'B', 24000);
	for (size_t i = 0; i < sizeof(members) / sizeof(char *); i++)
		for (size_t v = 0; v < sizeof(values) / sizeof(char *); v++) {
			json_t *jwk = rsa_json();
			char *text;

			json_object_set_new(
			    jwk, members[i], json_string(values[v]));
			text = json_dumps(jwk, 0);
			assert_refused(text, "");
			free(text);
			json_decref(jwk);
		}
	free(huge);
}

static void
read_rsa_key_with_more_primes_is_refused(void **state)
{
	json_t *jwk = rsa_json();
	char *text;

	(void)state;
	json_object_set_new(jwk, "oth", json_pack("[{s:s}]", "r", "AQAB"));
	text = json_dumps(jwk, 0);
	assert_refused(text, "two primes");
	free(text);
	json_decref(jwk);
}

static void
read_other_json_is_refused(void **state)
{
	static const char *const texts[] = { "", "{", "[]", "null", "\"x\"",
		"{\"kty\":\"EC\"", "{}", "{} {}", "\xff\xfe", "{\"kty\":EC}",
		"{\"kty\":\"EC\",\"kty\":\"EC\"}", "{\"kty\":\"EC\\u0000\"}" };
	char *deep = calloc(1, 20001);

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(char *); i++)
		assert_refused(texts[i], "");
	memset(deep, '[', 20000);
	assert_refused(deep, "not JSON");
	free(deep);
}

/* Which of two is meant must never be a question. */
static void
read_members_twice_are_refused(void **state)
{
	(void)state;
	assert_refused("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC7515_X
		       "\",\"y\":\"" RFC7515_Y "\",\"d\":\"" RFC7515_X
		       "\",\"d\":\"" RFC7515_D "\"}",
	    "twice");
}

static void
errors_never_quote_the_key(void **state)
{
	static const char text[] = "{\"kty\":\"EC\",\"d\":\"" RFC7515_D "\" x";
	struct key *k = NULL;
	struct err *e = jwk_read(text, strlen(text), &k);

	(void)state;
	assert_non_null(e);
	assert_null(strstr(err_text(e), "jpsQ"));
	err_free(e);
}

static char *
written(const struct key *k)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p, *copy;
	long n;

	assert_ok(jwk_write(k, bio));
	n = BIO_get_mem_data(bio, &p);
	copy = strndup(p, (size_t)n);
	BIO_free(bio);
	return copy;
}

/* Members in the order and with the spaces of certbot's own files. */
static void
write_is_what_certbot_writes(void **state)
{
	struct key *k = test_key_of_jwk(RFC7515_KEY);
	char *text = written(k);

	(void)state;
	assert_string_equal(text,
	    "{\"d\": \"" RFC7515_D "\", \"x\": \"" RFC7515_X
	    "\", \"y\": \"" RFC7515_Y
	    "\", \"crv\": \"P-256\", \"kty\": \"EC\"}");
	free(text);
	key_free(k);
}

/* Numbers with zeros in front keep their width. */
static void
write_then_read_gives_the_same_key(void **state)
{
	(void)state;
	for (int i = 0; i < 600; i++) {
		struct key *k = test_key(KEY_EC_P256, true);
		char *text = written(k);
		struct key *again = test_key_of_jwk(text);

		assert_int_equal(EVP_PKEY_eq(k->pkey, again->pkey), 1);
		assert_string_equal(k->thumbprint, again->thumbprint);
		free(text);
		key_free(again);
		key_free(k);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_ec_key_is_known),
		cmocka_unit_test(read_rsa_key_is_known),
		cmocka_unit_test(read_unknown_members_are_ignored),
		cmocka_unit_test(read_bad_ec_keys_are_refused),
		cmocka_unit_test(read_rsa_keys_without_a_number_are_refused),
		cmocka_unit_test(read_rsa_keys_with_a_wrong_number_are_refused),
		cmocka_unit_test(read_rsa_keys_with_odd_numbers_are_refused),
		cmocka_unit_test(read_rsa_key_with_more_primes_is_refused),
		cmocka_unit_test(read_other_json_is_refused),
		cmocka_unit_test(read_members_twice_are_refused),
		cmocka_unit_test(errors_never_quote_the_key),
		cmocka_unit_test(write_is_what_certbot_writes),
		cmocka_unit_test(write_then_read_gives_the_same_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
