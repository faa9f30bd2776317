/* test_config_value.c - kinds of keys, and lengths of time. */
/* objects: $(CONFIG) common/buf common/err common/log common/names common/text common/url */
/* libs: */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config.h"

#define ARRAY_N(a) (sizeof(a) / sizeof(*(a)))

static const struct {
	const char *type, *curve, *size;
	bool good;
	enum key_kind kind;
	const char *name;
} kinds[] = {
	{ "ecdsa", "secp256r1", "2048", true, KEY_EC_P256, "ECDSA" },
	{ "ecdsa", "secp384r1", NULL, true, KEY_EC_P384, "ECDSA" },
	{ "ecdsa", NULL, NULL, true, KEY_EC_P256, "ECDSA" },
	{ "ecdsa", "", "", true, KEY_EC_P256, "ECDSA" },
	{ "rsa", NULL, NULL, true, KEY_RSA_2048, "RSA" },
	{ "rsa", "secp256r1", "2048", true, KEY_RSA_2048, "RSA" },
	{ "rsa", NULL, "3072", true, KEY_RSA_3072, "RSA" },
	{ "rsa", NULL, "4096", true, KEY_RSA_4096, "RSA" },
	{ "rsa", NULL, "1024", false, 0, NULL },
	{ "rsa", NULL, "02048", false, 0, NULL },
	{ "ecdsa", "secp521r1", NULL, false, 0, NULL },
	{ "ecdsa", "P-256", NULL, false, 0, NULL },
	{ "RSA", NULL, NULL, false, 0, NULL },
	{ "ed25519", NULL, NULL, false, 0, NULL },
	{ "", NULL, NULL, false, 0, NULL },
};

static void
key_kind_of_takes_what_certbot_writes(void **state)
{
	enum key_kind kind;

	(void)state;
	for (size_t i = 0; i < ARRAY_N(kinds); i++) {
		assert_int_equal(key_kind_of(kinds[i].type, kinds[i].curve,
				     kinds[i].size, &kind),
		    kinds[i].good);
		if (!kinds[i].good)
			continue;
		assert_int_equal(kind, kinds[i].kind);
		assert_string_equal(key_kind_name(kind), kinds[i].name);
	}
	assert_string_equal(key_kind_name(KEY_EC_P521), "ECDSA");
}

static const struct {
	const char *text;
	bool good;
	uint32_t secs;
} durations[] = {
	{ "90", true, 90 },
	{ "90s", true, 90 },
	{ "10m", true, 600 },
	{ "2h", true, 7200 },
	{ "1d", true, 86400 },
	{ "0", true, 0 },
	{ "4294967295", true, 4294967295 },
	{ "49710d", true, 4294944000 },
	{ "4294967296", false, 0 },
	{ "49711d", false, 0 },
	{ "99999999999999999999", false, 0 },
	{ "", false, 0 },
	{ "s", false, 0 },
	{ "10 m", false, 0 },
	{ " 10", false, 0 },
	{ "-1", false, 0 },
	{ "1.5h", false, 0 },
	{ "10M", false, 0 },
	{ "1h30m", false, 0 },
	{ "1w", false, 0 },
};

static void
duration_parse_takes_one_number_and_unit(void **state)
{
	uint32_t secs;

	(void)state;
	for (size_t i = 0; i < ARRAY_N(durations); i++) {
		secs = 42;
		assert_int_equal(duration_parse(durations[i].text, &secs),
		    durations[i].good);
		assert_int_equal(
		    secs, durations[i].good ? durations[i].secs : 42);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_kind_of_takes_what_certbot_writes),
		cmocka_unit_test(duration_parse_takes_one_number_and_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
