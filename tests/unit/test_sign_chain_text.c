/* test_sign_chain_text.c - the text in which a chain comes: what is a PEM file of
 * certificates, and what only looks like one. */
/* objects: common/buf common/err common/log common/text certd/sign/cert certd/sign/chain certd/sign/issuers certd/sign/algorithms certd/sign/crypto certd/sign/csr certd/sign/jose certd/sign/jwk certd/sign/key certd/sign/pem certd/sign/file certd/sign/inspect */
/* libs: jansson libcrypto */
#include "chain_scene.h"

static void
set_text(struct scene *s, const char *text)
{
	s->pem = buf_new(1 << 20);
	assert_ok(buf_add(s->pem, text, strlen(text)));
}

static void
empty(struct scene *s)
{
	set_text(s, "");
}

static void
html(struct scene *s)
{
	set_text(s, "<html><body>503</body></html>\n");
}

static void
only_begin(struct scene *s)
{
	set_text(s, "-----BEGIN CERTIFICATE-----\n");
}

static void
garbage_der(struct scene *s)
{
	set_text(s, "-----BEGIN CERTIFICATE-----\nMIIBAAAA\n"
		    "-----END CERTIFICATE-----\n");
}

static void
no_der(struct scene *s)
{
	set_text(s, "-----BEGIN CERTIFICATE-----\n"
		    "-----END CERTIFICATE-----\n");
}

static void
key_inside(struct scene *s)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p;
	long n;

	scene_build(s);
	assert_ok(pem_write_key(job_key, bio));
	n = BIO_get_mem_data(bio, &p);
	assert_ok(buf_add(s->pem, p, (size_t)n));
	BIO_free(bio);
}

static void
text_between(struct scene *s)
{
	s->pem = buf_new(1 << 20);
	append_cert(s->pem, make_cert(&s->leaf, &s->inter));
	assert_ok(buf_addf(s->pem, "subject=CN = Intermediate\n"));
	append_cert(s->pem, make_cert(&s->inter, &s->root));
}

static void
text_behind(struct scene *s)
{
	scene_build(s);
	assert_ok(buf_addf(s->pem, "the end"));
}

static void
nul_behind(struct scene *s)
{
	scene_build(s);
	assert_ok(buf_add(s->pem, "\0", 1));
}

static void
header_inside(struct scene *s)
{
	set_text(s, "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\n"
		    "MIIB\n-----END CERTIFICATE-----\n");
}

static void
trusted_label(struct scene *s)
{
	set_text(s, "-----BEGIN TRUSTED CERTIFICATE-----\nMIIB\n"
		    "-----END TRUSTED CERTIFICATE-----\n");
}

static void
too_large(struct scene *s)
{
	scene_build(s);
	while (buf_len(s->pem) <= CHAIN_BYTES_MAX)
		assert_ok(buf_addf(s->pem, "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"));
}

static void
cut_short(struct scene *s)
{
	struct buf *whole;

	scene_build(s);
	whole = s->pem;
	s->pem = buf_new(1 << 20);
	assert_ok(buf_add(s->pem, buf_data(whole), buf_len(whole) - 40));
	buf_free(whole);
}

/* One PEM block whose DER has something behind the certificate. */
static void
bytes_behind_der(struct scene *s)
{
	X509 *cert = make_cert(&s->leaf, &s->inter);
	unsigned char *der = NULL;
	int n = i2d_X509(cert, &der);
	BIO *bio = BIO_new(BIO_s_mem());
	char *p;
	long len;

	der = realloc(der, (size_t)n + 1);
	der[n] = 0;
	assert_true(PEM_write_bio(bio, "CERTIFICATE", "", der, n + 1) > 0);
	s->pem = buf_new(1 << 20);
	len = BIO_get_mem_data(bio, &p);
	assert_ok(buf_add(s->pem, p, (size_t)len));
	BIO_free(bio);
	free(der);
	X509_free(cert);
}

static void
eleven(struct scene *s)
{
	long_chain(s, 11);
}

static void
hundred(struct scene *s)
{
	long_chain(s, 100);
}

static const struct bad_chain bad[] = {
	{ "11 certificates", eleven, "11 certificates instead of 1 to 10" },
	{ "100 certificates", hundred, "100 certificates" },
	{ "empty", empty, "0 certificates" },
	{ "HTML", html, "something else" },
	{ "only BEGIN", only_begin, "the end is missing" },
	{ "garbage DER", garbage_der, "certificate 1: not a certificate" },
	{ "no DER", no_der, "certificate 1" },
	{ "private key inside", key_inside, "something else" },
	{ "text between", text_between, "something else" },
	{ "text behind", text_behind, "something else" },
	{ "NUL behind", nul_behind, "something else" },
	{ "header inside", header_inside, "something else" },
	{ "trusted certificate", trusted_label, "something else" },
	{ "too large", too_large, "more than 65536 bytes" },
	{ "cut short", cut_short, "the end is missing" },
	{ "bytes behind DER", bytes_behind_der, "bytes behind" },
};

static void
check_bad_texts_are_refused(void **state)
{
	(void)state;
	check_bad(bad, sizeof(bad) / sizeof(bad[0]));
}

/* What some servers make of line ends and the space between blocks. */
static void
crlf_and_blank_lines(struct scene *s)
{
	struct buf *plain;
	const char *p;

	scene_build(s);
	plain = s->pem;
	s->pem = buf_new(1 << 20);
	assert_ok(buf_addf(s->pem, "\r\n \t\n"));
	for (p = buf_data(plain); *p != '\0'; p++)
		assert_ok(buf_addf(s->pem, *p == '\n' ? "\r\n" : "%c", *p));
	assert_ok(buf_addf(s->pem, "\n\n"));
	buf_free(plain);
}

static void
check_crlf_and_blank_lines_pass(void **state)
{
	struct chain_facts f;
	struct scene s;

	(void)state;
	scene_init(&s);
	crlf_and_blank_lines(&s);
	assert_ok(check(&s, &f));
	assert_int_equal(count(f.cert, "\r"), 0);
	assert_int_equal(count(f.chain, "BEGIN"), 2);
	chain_facts_clear(&f);
	buf_free(s.pem);
}

/* certbot: fullchain.pem is cert.pem and chain.pem, byte for byte. */
static void
check_pieces_make_the_whole(void **state)
{
	struct chain_facts f;
	struct scene s;

	(void)state;
	scene_init(&s);
	scene_build(&s);
	assert_ok(check(&s, &f));
	assert_int_equal(buf_len(f.cert) + buf_len(f.chain), buf_len(s.pem));
	assert_memory_equal(buf_data(s.pem), buf_data(f.cert), buf_len(f.cert));
	assert_memory_equal(buf_data(s.pem) + buf_len(f.cert),
	    buf_data(f.chain), buf_len(f.chain));
	chain_facts_clear(&f);
	buf_free(s.pem);
}

/* Every single byte of a good chain, turned: none may pass as anything but
 * the same certificates, be its issuers known already. */
static void
check_turned_bytes_never_pass(void **state)
{
	struct scene s;
	struct chain_facts f, good;
	size_t n;
	char *text;

	(void)state;
	scene_init(&s);
	scene_build(&s);
	assert_ok(check(&s, &good));
	n = buf_len(good.cert) +
	    (size_t)(strstr(buf_data(good.chain), "-----END") -
		     buf_data(good.chain));
	text = malloc(buf_len(s.pem));
	for (size_t i = 0; i < n; i++) {
		struct chain_question q = { s.key, s.names,
			{ text, buf_len(s.pem) }, TEST_NOW, &known };
		struct err *e;

		memcpy(text, buf_data(s.pem), buf_len(s.pem));
		text[i] = text[i] == 'Q' ? 'R' : 'Q';
		/* base64 may have bits to spare at its end. */
		if ((e = chain_check(&q, &f)) == NULL) {
			assert_string_equal(
			    buf_data(f.cert), buf_data(good.cert));
			assert_string_equal(
			    buf_data(f.chain), buf_data(good.chain));
		}
		err_free(e);
		chain_facts_clear(&f);
	}
	free(text);
	chain_facts_clear(&good);
	buf_free(s.pem);
}

static void
check_again(struct scene *s)
{
	struct chain_facts f;

	assert_ok(check(s, &f));
	chain_facts_clear(&f);
}

static size_t
n_known(void)
{
	size_t n = 0;

	for (size_t i = 0; i < ISSUERS_MAX; i++)
		n += known.v[i].cert != NULL;
	return n;
}

static void
issuers_are_kept_once_and_few(void **state)
{
	struct scene s;
	X509 *first;

	(void)state;
	issuers_clear(&known);
	known.next = 0;
	scene_init(&s);
	scene_build(&s);
	check_again(&s);
	assert_int_equal(n_known(), 2); /* the leaf is none */
	first = known.v[0].cert;
	check_again(&s);
	assert_int_equal(n_known(), 2);
	assert_ptr_equal(known.v[0].cert, first);
	buf_free(s.pem);
	scene_init(&s);
	long_chain(&s, 10);
	check_again(&s);
	assert_int_equal(n_known(), ISSUERS_MAX);
	assert_ptr_not_equal(known.v[0].cert, first);
	buf_free(s.pem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_bad_texts_are_refused),
		cmocka_unit_test(check_crlf_and_blank_lines_pass),
		cmocka_unit_test(check_pieces_make_the_whole),
		cmocka_unit_test(check_turned_bytes_never_pass),
		cmocka_unit_test(issuers_are_kept_once_and_few),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
