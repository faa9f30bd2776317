/* sign_test.h - what the tests of certd/sign share: assertions, test keys. */
#ifndef SIGN_TEST_H
#define SIGN_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/bio.h>

#include "sign.h"

/* RFC 7515 appendix A.3. */
#define RFC7515_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define RFC7515_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define RFC7515_D "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"
#define RFC7515_KEY                                                            \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC7515_X                 \
	"\",\"y\":\"" RFC7515_Y "\",\"d\":\"" RFC7515_D "\"}"

/* RFC 7517 appendix A.2; its thumbprint is in RFC 7638 section 3.1. */
#define RFC7638_N                                                              \
	"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT8"       \
	"6zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W"       \
	"-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY36"       \
	"8QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08q"       \
	"NLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0L"       \
	"s1jF44-csFCur-kEgU8awapJzKnqDKgw"
#define RFC7638_D                                                              \
	"X4cTteJY_gn4FYPsXB8rdXix5vwsg1FLN5E3EaG6RJoVH-HLLKD9M7dx5oo7GU"       \
	"RknchnrRweUkC7hT5fJLM0WbFAKNLWY2vv7B6NqXSzUvxT0_YSfqijwp3RTzlB"       \
	"aCxWp4doFk5N2o8Gy_nHNKroADIkJ46pRUohsXywbReAdYaMwFs9tv8d_cPVY3"       \
	"i07a3t8MN6TNwm0dSawm9v47UiCl3Sk5ZiG7xojPLu4sbg1U2jx4IBTNBznbJS"       \
	"zFHK66jT8bgkuqsk0GjskDJk19Z4qwjwbsnn4j2WBii3RL-Us2lGVkY8fkFzme"       \
	"1z0HbIkfz0Y6mqnOYtqc0X4jfcKoAC8Q"
#define RFC7638_P                                                              \
	"83i-7IvMGXoMXCskv73TKr8637FiO7Z27zv8oj6pbWUQyLPQBQxtPVnwD20R-6"       \
	"0eTDmD2ujnMt5PoqMrm8RfmNhVWDtjjMmCMjOpSXicFHj7XOuVIYQyqVWlWEh6"       \
	"dN36GVZYk93N8Bc9vY41xy8B9RzzOGVQzXvNEvn7O0nVbfs"
#define RFC7638_Q                                                              \
	"3dfOR9cuYq-0S-mkFLzgItgMEfFzB2q3hWehMuG0oCuqnb3vobLyumqjVZQO1d"       \
	"IrdwgTnCdpYzBcOfW5r370AFXjiWft_NGEiovonizhKpo9VVS78TzFgxkIdrec"       \
	"RezsZ-1kYd_s1qDbxtkDEgfAITAG9LUnADun4vIcb6yelxk"
#define RFC7638_DP                                                             \
	"G4sPXkc6Ya9y8oJW9_ILj4xuppu0lzi_H7VTkS8xj5SdX3coE0oimYwxIi2emT"       \
	"Aue0UOa5dpgFGyBJ4c8tQ2VF402XRugKDTP8akYhFo5tAA77Qe_NmtuYZc3C3m"       \
	"3I24G2GvR5sSDxUyAN2zq8Lfn9EUms6rY3Ob8YeiKkTiBj0"
#define RFC7638_DQ                                                             \
	"s9lAH9fggBsoFR8Oac2R_E2gw282rT2kGOAhvIllETE1efrA6huUUvMfBcMpn8"       \
	"lqeW6vzznYY5SSQF7pMdC_agI3nG8Ibp1BUb0JUiraRNqUfLhcQb_d9GF4Dh7e"       \
	"74WbRsobRonujTYN1xCaP6TO61jvWrX-L18txXw494Q_cgk"
#define RFC7638_QI                                                             \
	"GyM_p6JrXySiz1toFgKbWV-JdI3jQ4ypu9rbMWx3rQJBfmt0FoYzgUIZEVFEcO"       \
	"qwemRN81zoDAaa-Bk0KWNGDjJHZDdDmFhW3AN7lI-puxk_mHZGJ11rxyR8O55X"       \
	"LSe3SPmRfKwZI6yU24ZxvQKFYItdldUKGzO6Ia6zTKhAVRU"

#define assert_ok(e)          assert_ok_(e, __FILE__, __LINE__)
#define assert_fails(e, part) assert_fails_(e, part, __FILE__, __LINE__)

static inline void
assert_ok_(struct err *e, const char *file, int line)
{
	if (e != NULL)
		print_error("%s\n", err_text(e));
	_assert_true(e == NULL, "no error", file, line);
}

/* OpenSSL as certd-sign has it, before any test uses it. */
__attribute__((constructor)) static void
begin_as_signer(void)
{
	if (crypto_init() != NULL)
		abort();
}

/* e (freed) is an error whose text holds part. */
static inline void
assert_fails_(struct err *e, const char *part, const char *file, int line)
{
	bool found = strstr(err_text(e), part) != NULL;

	if (e == NULL || !found)
		print_error("not \"%s\" but: %s\n", part, err_text(e));
	_assert_true(e != NULL && found, part, file, line);
	err_free(e);
}

static inline struct key *
test_key_of_jwk(const char *text)
{
	struct key *k = NULL;

	assert_ok(jwk_read(text, strlen(text), &k));
	assert_ok(key_check(k));
	return k;
}

static inline struct key *
test_key(enum key_kind kind, bool is_account)
{
	struct key *k = NULL;

	assert_ok(key_make(kind, is_account, NULL, &k));
	return k;
}

/* RFC 7638's key as certbot would write it. */
static inline struct key *
test_rsa_key(void)
{
	return test_key_of_jwk(
	    "{\"n\":\"" RFC7638_N "\",\"e\":\"AQAB\","
	    "\"d\":\"" RFC7638_D "\",\"p\":\"" RFC7638_P "\","
	    "\"q\":\"" RFC7638_Q "\",\"dp\":\"" RFC7638_DP "\","
	    "\"dq\":\"" RFC7638_DQ "\",\"qi\":\"" RFC7638_QI "\","
	    "\"kty\":\"RSA\"}");
}

#endif
