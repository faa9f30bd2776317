/* test_sign_chain.c - chains that a CA, or somebody who poses as one, sends. */
/* objects: common/buf common/err common/log common/text certd/sign/cert certd/sign/chain certd/sign/issuers certd/sign/algorithms certd/sign/crypto certd/sign/csr certd/sign/jose certd/sign/jwk certd/sign/key certd/sign/pem certd/sign/file certd/sign/inspect */
/* libs: jansson libcrypto */
#define _GNU_SOURCE /* memmem */
#include "chain_scene.h"

/* ---- the ways to be wrong ---- */

static void
wrong_key(struct scene *s)
{
	s->leaf.key = other;
}

static void
missing_name(struct scene *s)
{
	s->leaf.san = "DNS:example.com";
}

static void
extra_name(struct scene *s)
{
	s->leaf.san = "DNS:example.com,DNS:*.example.com,DNS:www.example.com";
}

static void
other_name(struct scene *s)
{
	s->leaf.san = "DNS:example.com,DNS:*.example.org";
}

static void
no_names(struct scene *s)
{
	s->leaf.san = NULL;
	s->leaf.cn = "example.com";
}

static void
longer_name(struct scene *s)
{
	s->leaf.san = "DNS:example.com,DNS:*.example.comx";
}

static void
address_too(struct scene *s)
{
	s->leaf.san = "DNS:example.com,DNS:*.example.com,IP:192.0.2.1";
}

static void
mail_too(struct scene *s)
{
	s->leaf.san = "DNS:example.com,DNS:*.example.com,email:a@example.com";
}

static void
foreign_common_name(struct scene *s)
{
	s->leaf.cn = "example.net";
}

static void
leaf_is_ca(struct scene *s)
{
	s->leaf.basic = "critical,CA:TRUE";
}

static void
leaf_may_sign(struct scene *s)
{
	s->leaf.basic = NULL;
	s->leaf.usage = "keyCertSign";
}

static void
leaf_expired(struct scene *s)
{
	s->leaf.from = -90 * DAY;
	s->leaf.to = -1;
}

static void
leaf_expires_now(struct scene *s)
{
	s->leaf.to = 0;
}

static void
leaf_not_yet(struct scene *s)
{
	s->leaf.from = CHAIN_SKEW_SECS + 1;
}

static void
inter_expired(struct scene *s)
{
	s->inter.to = -1;
}

static void
root_not_yet(struct scene *s)
{
	s->root.from = DAY;
}

static void
leaf_sha1(struct scene *s)
{
	s->leaf.digest = "SHA1";
}

static void
inter_md5(struct scene *s)
{
	s->inter.digest = "MD5";
	s->root.key = rsa; /* there is no ECDSA with MD5 */
}

static void
top_inter_sha1(struct scene *s)
{
	s->inter.digest = "SHA1";
	s->with_root = false;
}

/* The name of the issuer is right, its key is not. */
static struct cert_spec forger;

static void
leaf_forged(struct scene *s)
{
	forger = ca_spec("Intermediate", other);
	s->leaf_by = &forger;
}

static void
inter_forged(struct scene *s)
{
	forger = ca_spec("Root", other);
	s->inter_by = &forger;
}

static void
inter_missing(struct scene *s)
{
	s->with_inter = false;
}

static void
self_signed_before_others(struct scene *s)
{
	s->leaf_by = NULL;
}

static void
inter_is_no_ca(struct scene *s)
{
	s->inter.basic = "CA:FALSE";
}

static void
inter_has_no_constraints(struct scene *s)
{
	s->inter.basic = NULL;
}

static void
inter_may_not_sign(struct scene *s)
{
	s->inter.usage = "critical,digitalSignature";
}

static void
path_too_long(struct scene *s)
{
	s->root.basic = "critical,CA:TRUE,pathlen:0";
}

static void
names_not_permitted(struct scene *s)
{
	s->inter.limit = "critical,permitted;DNS:example.net";
}

static void
inter_key_is_weak(struct scene *s)
{
	s->inter.key = weak;
}

static void
wrong_order(struct scene *s)
{
	s->pem = buf_new(1 << 20);
	append_cert(s->pem, make_cert(&s->leaf, &s->inter));
	append_cert(s->pem, make_cert(&s->root, NULL));
	append_cert(s->pem, make_cert(&s->inter, &s->root));
}

static void
leaf_last(struct scene *s)
{
	s->pem = buf_new(1 << 20);
	append_cert(s->pem, make_cert(&s->inter, &s->root));
	append_cert(s->pem, make_cert(&s->leaf, &s->inter));
}

static void
stranger_at_the_end(struct scene *s)
{
	struct cert_spec stranger = ca_spec("Stranger", other);

	scene_build(s);
	append_cert(s->pem, make_cert(&stranger, NULL));
}

/* The chain gets this leaf (freed). */
static void
set_leaf(struct scene *s, X509 *leaf)
{
	s->pem = buf_new(1 << 20);
	append_cert(s->pem, leaf);
	append_cert(s->pem, make_cert(&s->inter, &s->root));
}

/* A NUL in a name once made clients read "example.com" only. */
static void
nul_in_name(struct scene *s)
{
	X509 *cert = make_cert(&s->leaf, &s->inter);
	unsigned char *der = NULL;
	int n = i2d_X509(cert, &der);
	unsigned char *at = memmem(der, (size_t)n, "*.example.com", 13);
	const unsigned char *p = der;
	X509 *changed;

	assert_non_null(at);
	at[9] = '\0';
	changed = d2i_X509(NULL, &p, n);
	X509_sign(changed, ca, EVP_sha256());
	set_leaf(s, changed);
	OPENSSL_free(der);
	X509_free(cert);
}

static void
changed_after_signing(struct scene *s)
{
	X509 *cert = make_cert(&s->leaf, &s->inter);
	unsigned char *der = NULL;
	int n = i2d_X509(cert, &der);
	const unsigned char *p = der;
	unsigned char *at = memmem(der, (size_t)n, "\x02\x02\x12\x34", 4);

	assert_non_null(at);
	at[3] ^= 1;
	set_leaf(s, d2i_X509(NULL, &p, n));
	OPENSSL_free(der);
	X509_free(cert);
}

static void
two_san_extensions(struct scene *s)
{
	X509 *cert = make_cert(&s->leaf, &s->inter);

	add_ext(cert, NID_subject_alt_name, "DNS:evil.example");
	X509_sign(cert, ca, EVP_sha256());
	set_leaf(s, cert);
}

static void
unknown_critical_extension(struct scene *s)
{
	X509 *cert = make_cert(&s->leaf, &s->inter);
	X509_EXTENSION *ext;
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.11129.2.4.3", 1);

	ASN1_OCTET_STRING_set(value, (const unsigned char *)"\x05\0", 2);
	ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 1, value);
	X509_add_ext(cert, ext, -1);
	X509_sign(cert, ca, EVP_sha256());
	set_leaf(s, cert);
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(oid);
}

static void
negative_serial(struct scene *s)
{
	s->leaf.serial = "-12";
}

static void
hundred_and_one_names(struct scene *s)
{
	static char san[4096];
	size_t at = 0;

	for (int i = 0; i < 101; i++)
		at += (size_t)snprintf(san + at, sizeof(san) - at,
		    "%sDNS:n%d.example.com", i == 0 ? "" : ",", i);
	s->leaf.san = san;
}

static void
forged_detour(struct scene *s)
{
	forger = ca_spec("Root", other);
	detour(s, &forger);
}

static const struct bad_chain bad[] = {
	{ "wrong key", wrong_key, "another key" },
	{ "missing name", missing_name, "missing" },
	{ "extra name", extra_name, "not asked for" },
	{ "other name", other_name, "not asked for" },
	{ "no names", no_names, "missing" },
	{ "longer name", longer_name, "not asked for" },
	{ "address too", address_too, "more than DNS" },
	{ "mail address too", mail_too, "more than DNS" },
	{ "foreign common name", foreign_common_name, "common name" },
	{ "101 names", hundred_and_one_names, "more than 100 names" },
	{ "NUL in a name", nul_in_name, "not asked for" },
	{ "two SAN extensions", two_san_extensions, "alternative names" },
	{ "leaf is a CA", leaf_is_ca, "it is a CA" },
	{ "leaf may sign", leaf_may_sign, "it is a CA" },
	{ "leaf expired", leaf_expired, "certificate 1: it has expired" },
	{ "leaf expires now", leaf_expires_now, "it has expired" },
	{ "leaf not yet valid", leaf_not_yet,
	    "certificate 1: it is not valid" },
	{ "intermediate expired", inter_expired, "certificate 2: it has exp" },
	{ "root not yet valid", root_not_yet,
	    "certificate 3: it is not valid" },
	{ "leaf SHA-1", leaf_sha1, "certificate 1: it is not signed with" },
	{ "intermediate MD5", inter_md5, "certificate 2: it is not signed" },
	{ "last one SHA-1", top_inter_sha1, "certificate 2: it is not signed" },
	{ "leaf forged", leaf_forged, "certificate 1: it was not signed" },
	{ "intermediate forged", inter_forged, "certificate 2: it was not si" },
	{ "what no path needs forged", forged_detour,
	    "certificate 2: it was not si" },
	{ "changed after signing", changed_after_signing, "not signed by" },
	{ "intermediate missing", inter_missing, "not issued by" },
	{ "self-signed, then others", self_signed_before_others, "not issued" },
	{ "intermediate is no CA", inter_is_no_ca, "" },
	{ "no basic constraints", inter_has_no_constraints, "no CA" },
	{ "intermediate may not sign", inter_may_not_sign, "" },
	{ "path too long", path_too_long, "path length" },
	{ "names not permitted", names_not_permitted, "permitted" },
	{ "weak intermediate", inter_key_is_weak, "too weak" },
	{ "unknown critical extension", unknown_critical_extension,
	    "critical extension" },
	{ "negative serial", negative_serial, "serial" },
	{ "wrong order", wrong_order, "not issued by" },
	{ "leaf last", leaf_last, "another key" },
	{ "stranger at the end", stranger_at_the_end, "certificate 3: it was" },
};

static void
check_bad_chains_are_refused(void **state)
{
	(void)state;
	check_bad(bad, sizeof(bad) / sizeof(bad[0]));
}

/* ---- the ways to be right ---- */

static void
as_it_is(struct scene *s)
{
	(void)s;
}

static void
without_root(struct scene *s)
{
	s->with_root = false;
}

static void
leaf_alone(struct scene *s)
{
	s->with_inter = s->with_root = false;
}

static void
common_name_of_job(struct scene *s)
{
	s->leaf.cn = "example.com";
}

static void
other_order_and_case(struct scene *s)
{
	s->leaf.san = "DNS:*.Example.COM,DNS:example.com";
}

static void
clock_slightly_behind(struct scene *s)
{
	s->leaf.from = CHAIN_SKEW_SECS;
}

static void
root_sha1(struct scene *s)
{
	s->root.digest = "SHA1";
}

static void
sha384_and_rsa(struct scene *s)
{
	s->leaf.digest = "SHA384";
	s->inter.key = rsa;
	s->inter.digest = "SHA512";
}

static void
ten(struct scene *s)
{
	long_chain(s, 10);
}

static void
path_just_long_enough(struct scene *s)
{
	s->root.basic = "critical,CA:TRUE,pathlen:1";
	s->inter.basic = "critical,CA:TRUE,pathlen:0";
}

static void
true_detour(struct scene *s)
{
	detour(s, &s->root);
}

static const struct {
	const char *title;
	void (*prepare)(struct scene *);
} good[] = {
	{ "as it is", as_it_is },
	{ "without root", without_root },
	{ "leaf alone", leaf_alone },
	{ "common name of the job", common_name_of_job },
	{ "other order and case", other_order_and_case },
	{ "clock slightly behind", clock_slightly_behind },
	{ "SHA-1 in a root", root_sha1 },
	{ "SHA-384, RSA", sha384_and_rsa },
	{ "ten certificates", ten },
	{ "path just long enough", path_just_long_enough },
	{ "more than the path", true_detour },
};

/* What is told of it is what a look at the stored file would tell. */
static void
assert_same_facts(const struct chain_facts *f)
{
	struct inspection i;

	assert_ok(cert_inspect(
	    (struct str){ buf_data(f->cert), buf_len(f->cert) }, &i));
	assert_int_equal(f->leaf.names.n, i.names.n);
	for (size_t k = 0; k < i.names.n; k++)
		assert_true(f->leaf.names.v[k].n == i.names.v[k].n &&
			    memcmp(f->leaf.names.v[k].p, i.names.v[k].p,
				i.names.v[k].n) == 0);
	assert_string_equal(f->leaf.serial, i.serial);
	assert_string_equal(f->leaf.issuer, i.issuer);
	assert_string_equal(f->leaf.sha256, i.sha256);
	assert_string_equal(f->leaf.key_id, i.key_id);
	assert_int_equal(f->leaf.key_kind, i.key_kind);
	assert_int_equal(f->leaf.times.not_before, i.times.not_before);
	inspection_clear(&i);
}

static void
check_good_chains_pass(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct chain_facts f;
		struct scene s;

		print_message("%s\n", good[i].title);
		scene_init(&s);
		good[i].prepare(&s);
		scene_build(&s);
		assert_ok(check(&s, &f));
		assert_string_equal(f.leaf.serial, "1234");
		assert_int_equal(f.leaf.times.not_after, TEST_NOW + 89 * DAY);
		assert_same_facts(&f);
		assert_int_equal(count(f.cert, "BEGIN"), 1);
		assert_int_equal(
		    count(f.chain, "BEGIN") + 1, count(s.pem, "BEGIN"));
		assert_int_equal(count(f.chain, "\r"), 0);
		chain_facts_clear(&f);
		buf_free(s.pem);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_good_chains_pass),
		cmocka_unit_test(check_bad_chains_are_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
