/* test_sign_slow.c - requests to certd-sign that take long, beside others. */
/* objects: common/buf common/err common/landlock common/log common/sandbox common/sandbox_base common/sandbox_net common/text common/url certd/sign/account certd/sign/algorithms certd/sign/aside certd/sign/binding certd/sign/cert certd/sign/chain certd/sign/issuers certd/sign/crypto certd/sign/csr certd/sign/file certd/sign/inspect certd/sign/jail certd/sign/jose certd/sign/jwk certd/sign/key certd/sign/key_requests certd/sign/keys certd/sign/operations certd/sign/payload certd/sign/pem certd/sign/requests certd/sign/set certd/sign/slow */
/* libs: jansson libcrypto libevent_core libseccomp */
#define _GNU_SOURCE /* memfd_create */
#include "sign_test.h"

#include <dirent.h>
#include <sys/mman.h>
#include <unistd.h>

#include <event2/event.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "channel.h"

#define ANSWERS_MAX 1024
#define WAITING     512 /* WAITING_MAX of slow.c */

static struct {
	uint32_t id;
	enum msg_type type;
	char text[200];
} answers[ANSWERS_MAX];
static size_t n_answers;

static struct event_base *base;
static struct signer signer;

/* The monitor's end. */
struct err *
channel_send(struct channel *c, const struct msg *m, int fd)
{
	struct str why = { "", 0 };

	(void)c;
	assert_int_equal(fd, -1);
	assert_true(n_answers < ANSWERS_MAX);
	if (m->type == MSG_sign_failed)
		why = m->sign_failed.text;
	answers[n_answers].id = m->id;
	answers[n_answers].type = m->type;
	snprintf(answers[n_answers].text, sizeof(answers[0].text), "%.*s",
	    (int)why.n, why.p);
	n_answers++;
	return NULL;
}

/* The place of the answer to a request, -1 where there is none. */
static int
place_of(uint32_t id)
{
	for (size_t i = 0; i < n_answers; i++)
		if (answers[i].id == id)
			return (int)i;
	return -1;
}

static void
wait_for_answers(size_t n)
{
	while (n_answers < n)
		assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
}

/* Until the threads have nothing to do. */
static void
wait_for_rest(void)
{
	while (aside_tasks(signer.maker) + aside_tasks(signer.helper) > 0)
		assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
}

static int
empty_file(void)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_int_not_equal(fd, -1);
	return fd;
}

static void
ask_key(uint32_t number, enum key_kind kind, int fd)
{
	struct msg q = { .type = MSG_key_make, .id = number };

	q.key_make.key = number;
	q.key_make.kind = kind;
	assert_ok(signer_request(&signer, &q, fd));
}

static void
drop(uint32_t number)
{
	struct msg q = { .type = MSG_key_drop };

	q.key_drop.key = number;
	assert_ok(signer_request(&signer, &q, -1));
}

static void
ask_regr(uint32_t id)
{
	struct msg q = { .type = MSG_regr_save, .id = id };

	q.regr_save.url = str_of("https://ca.test/acct/1");
	assert_ok(signer_request(&signer, &q, empty_file()));
}

static unsigned
open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

/* ---- nobody waits for others ---- */

static void
make_small_key_does_not_wait_for_large_ones(void **state)
{
	unsigned files = open_files();

	(void)state;
	for (uint32_t i = 1; i <= 8; i++)
		ask_key(i, KEY_RSA_4096, empty_file());
	assert_int_equal(n_answers, 0);
	ask_key(9, KEY_EC_P256, empty_file());
	assert_int_equal(place_of(9), 0); /* no loop in between */
	assert_int_equal(answers[0].type, MSG_key_ready);
	for (uint32_t i = 8; i > 0; i--)
		drop(i);
	wait_for_answers(9);
	wait_for_rest();
	assert_int_equal(open_files(), files);
}

static void
make_writes_the_key_before_it_answers(void **state)
{
	int fd = empty_file(), again = dup(fd);
	const struct key *k;
	char text[32] = "";

	(void)state;
	ask_key(1, KEY_RSA_2048, fd);
	assert_int_equal(pread(again, text, 27, 0), 0);
	assert_fails(keys_get(signer.keys, 1, false, &k), "no key 1");
	wait_for_answers(1);
	assert_int_equal(answers[0].type, MSG_key_ready);
	assert_int_equal(pread(again, text, 27, 0), 27);
	assert_string_equal(text, "-----BEGIN PRIVATE KEY-----");
	assert_ok(keys_get(signer.keys, 1, false, &k));
	assert_int_equal(k->alg->kind, KEY_RSA_2048);
	close(again);
}

static void
make_number_that_waits_is_in_use(void **state)
{
	(void)state;
	ask_key(1, KEY_RSA_4096, empty_file());
	ask_key(1, KEY_EC_P256, empty_file());
	assert_int_equal(n_answers, 1);
	assert_string_equal(answers[0].text, "key 1 is being made");
	drop(1);
	wait_for_answers(2);
}

/* ---- dropped meanwhile ---- */

static void
drop_key_that_waits_or_is_made(void **state)
{
	const struct key *k;

	(void)state;
	ask_key(1, KEY_RSA_4096, empty_file());
	ask_key(2, KEY_RSA_4096, empty_file());
	drop(2);
	assert_int_equal(place_of(2), 0);
	assert_string_equal(answers[0].text, "key 2 was dropped meanwhile");
	drop(1);
	wait_for_answers(2);
	assert_string_equal(answers[1].text, "key 1 was dropped meanwhile");
	assert_fails(keys_get(signer.keys, 1, false, &k), "no key 1");
	assert_true(TAILQ_EMPTY(&signer.slow));
}

/* ---- keys made ahead ---- */

static void
spares_are_there_at_once_and_go_with_the_last_key(void **state)
{
	(void)state;
	ask_key(1, KEY_RSA_2048, empty_file());
	wait_for_answers(1);
	wait_for_rest();
	assert_int_equal(signer.spares.n, 0); /* one alone */
	ask_key(2, KEY_RSA_2048, empty_file());
	ask_key(3, KEY_RSA_2048, empty_file());
	wait_for_answers(3);
	wait_for_rest();
	assert_int_equal(signer.spares.n, SPARES_MAX);
	ask_key(4, KEY_RSA_2048, empty_file());
	assert_int_equal(place_of(4), 3);
	assert_int_equal(answers[3].type, MSG_key_ready);
	wait_for_rest();
	assert_int_equal(signer.spares.n, SPARES_MAX);
	for (uint32_t i = 1; i <= 3; i++)
		drop(i);
	assert_int_equal(signer.spares.n, SPARES_MAX);
	drop(4);
	assert_int_equal(signer.spares.n, 0);
	assert_true(TAILQ_EMPTY(&signer.slow));
}

/* A crowd of two, and a key ahead is under way. */
static void
begin_spare(enum key_kind kind)
{
	ask_key(1, kind, empty_file());
	ask_key(2, kind, empty_file());
	wait_for_answers(2);
	assert_non_null(signer.spares.under_way);
}

static void
spare_under_way_becomes_the_next_key(void **state)
{
	struct slow *w;

	(void)state;
	begin_spare(KEY_RSA_2048);
	w = signer.spares.under_way;
	ask_key(3, KEY_RSA_2048, empty_file());
	assert_null(signer.spares.under_way);
	assert_ptr_equal(TAILQ_FIRST(&signer.slow), w);
	assert_null(TAILQ_NEXT(w, link));
	wait_for_answers(3);
	assert_int_equal(answers[2].type, MSG_key_ready);
}

static void
spare_makes_room_for_another_kind(void **state)
{
	struct slow *w;

	(void)state;
	begin_spare(KEY_RSA_2048);
	w = signer.spares.under_way;
	ask_key(3, KEY_RSA_3072, empty_file());
	assert_true(w->stop);
	assert_null(signer.spares.under_way);
	wait_for_answers(3);
	assert_int_equal(answers[2].type, MSG_key_ready);
	wait_for_rest();
	assert_int_equal(signer.spares.n, 0);
}

/* ---- reading keys ---- */

static int
file_of(const EVP_PKEY *pkey)
{
	struct key k = { .pkey = (EVP_PKEY *)pkey };
	int fd = empty_file();

	assert_ok(key_write(&k, fd));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void
load(uint32_t number, int fd)
{
	struct msg q = { .type = MSG_key_load, .id = number };

	q.key_load.key = number;
	assert_ok(signer_request(&signer, &q, fd));
}

/* An RSA key whose halves do not belong together. */
static EVP_PKEY *
unsound_key(void)
{
	struct key *a = test_key(KEY_RSA_2048, false),
		   *b = test_key(KEY_RSA_2048, false);
	OSSL_PARAM *mine, *others, *p;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *pkey = NULL;

	assert_int_equal(EVP_PKEY_todata(a->pkey, EVP_PKEY_KEYPAIR, &mine), 1);
	assert_int_equal(
	    EVP_PKEY_todata(b->pkey, EVP_PKEY_KEYPAIR, &others), 1);
	for (p = mine; p->key != NULL; p++)
		if (strcmp(p->key, "d") == 0)
			memcpy(p->data, OSSL_PARAM_locate(others, "d")->data,
			    p->data_size - 1);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, mine), 1);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(mine);
	OSSL_PARAM_free(others);
	key_free(a);
	key_free(b);
	return pkey;
}

static void
load_large_keys_are_checked_beside_the_loop(void **state)
{
	struct key *rsa = test_key(KEY_RSA_2048, false),
		   *ec = test_key(KEY_EC_P384, false);
	EVP_PKEY *bad = unsound_key();
	const struct key *k;

	(void)state;
	load(1, file_of(rsa->pkey));
	load(2, file_of(bad));
	assert_int_equal(n_answers, 0);
	load(3, file_of(ec->pkey));
	assert_int_equal(place_of(3), 0);
	wait_for_answers(3);
	assert_int_equal(answers[1].type, MSG_key_ready);
	assert_int_equal(answers[2].type, MSG_sign_failed);
	assert_non_null(strstr(answers[2].text, "do not fit together"));
	assert_ok(keys_get(signer.keys, 1, false, &k));
	assert_fails(keys_get(signer.keys, 2, false, &k), "no key 2");
	key_free(rsa);
	key_free(ec);
	EVP_PKEY_free(bad);
}

/* ---- files of accounts ---- */

static void
save_answers_when_the_disk_has_it(void **state)
{
	struct msg q = { .type = MSG_account_make, .id = 1 };
	unsigned files = open_files();
	const struct key *k;

	(void)state;
	q.account_make.key = 5;
	assert_ok(signer_request(&signer, &q, empty_file()));
	ask_regr(2);
	assert_int_equal(n_answers, 0);
	assert_fails(keys_get(signer.keys, 5, true, &k), "no key 5");
	wait_for_answers(2);
	assert_int_equal(answers[0].type, MSG_key_ready);
	assert_int_equal(answers[1].type, MSG_saved);
	assert_ok(keys_get(signer.keys, 5, true, &k));
	assert_int_equal(open_files(), files);
}

static void
save_does_not_wait_for_keys(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= 8; i++)
		ask_key(i, KEY_RSA_4096, empty_file());
	ask_regr(9);
	while (place_of(9) == -1)
		wait_for_answers(n_answers + 1);
	assert_true(n_answers < 8);
	for (uint32_t i = 8; i > 0; i--)
		drop(i);
	wait_for_answers(9);
}

/* ---- bounds ---- */

static void
waiting_is_bounded(void **state)
{
	unsigned files = open_files();

	(void)state;
	for (uint32_t i = 1; i <= WAITING; i++)
		ask_key(i, KEY_RSA_2048, empty_file());
	assert_int_equal(n_answers, 0);
	ask_key(WAITING + 1, KEY_RSA_2048, empty_file());
	assert_int_equal(place_of(WAITING + 1), 0);
	assert_int_equal(answers[0].type, MSG_key_ready);
	for (uint32_t i = WAITING; i > 0; i--)
		drop(i);
	wait_for_answers(WAITING + 1);
	assert_int_equal(open_files(), files);
}

static void
end_waits_for_nothing(void **state)
{
	(void)state; /* teardown comes while they wait */
	for (uint32_t i = 1; i <= 8; i++)
		ask_key(i, KEY_RSA_4096, empty_file());
	ask_regr(9);
	assert_int_equal(n_answers, 0);
}

static int
setup(void **state)
{
	(void)state;
	memset(&signer, 0, sizeof(signer));
	n_answers = 0;
	base = event_base_new();
	signer.keys = keys_new();
	assert_ok(slow_begin(&signer, base));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	slow_end(&signer);
	keys_free(signer.keys);
	event_base_free(base);
	return 0;
}

#define WITH_SIGNER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SIGNER(make_small_key_does_not_wait_for_large_ones),
		WITH_SIGNER(make_writes_the_key_before_it_answers),
		WITH_SIGNER(make_number_that_waits_is_in_use),
		WITH_SIGNER(drop_key_that_waits_or_is_made),
		WITH_SIGNER(spares_are_there_at_once_and_go_with_the_last_key),
		WITH_SIGNER(spare_under_way_becomes_the_next_key),
		WITH_SIGNER(spare_makes_room_for_another_kind),
		WITH_SIGNER(load_large_keys_are_checked_beside_the_loop),
		WITH_SIGNER(save_answers_when_the_disk_has_it),
		WITH_SIGNER(save_does_not_wait_for_keys),
		WITH_SIGNER(waiting_is_bounded),
		WITH_SIGNER(end_waits_for_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
