/*
 * sign.h - everything that certd-sign can do.
 *
 * A key is read, made and described in key.c, pem.c and jwk.c, and has a
 * number in keys.c. What it signs is built in payload.c, jose.c and csr.c;
 * what a CA sent is judged in chain.c. requests.c ties messages to all this,
 * key_requests.c those about keys; slow.c what takes long.
 */
#ifndef SIGN_H
#define SIGN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <time.h>

#include <jansson.h>
#include <openssl/types.h>
#include <openssl/x509v3.h>

#include "buf.h"
#include "config.h"
#include "err.h"
#include "sandbox.h"
#include "text.h"

#define SECRET_FILE_MAX (32 * 1024) /* RSA 4096 as JWK: 3.2 KiB */
#define CERT_FILE_MAX   (64 * 1024)

struct channel;
struct msg;

/* ---- crypto.c: OpenSSL and jansson, set up once ---- */
/* Before anything else in the process: freed memory gets wiped, secrets live
 * in locked memory, providers and random numbers are ready, so that nothing
 * is opened later. */
struct err *crypto_init(void);
/* As err_new(), with OpenSSL's reason behind it; empties its error queue. */
struct err *crypto_err(const char *fmt, ...) ERR_PRINTF(1, 2) ERR_NONNULL;
/* Whether the locked memory has room for more keys (half of it is kept for
 * work with them). */
bool crypto_has_room(void);

/* ---- algorithms.c: of OpenSSL's those that we use ---- */
/* After openssl.cnf was read, before any other use of OpenSSL. */
struct err *algorithms_init(void);

/* ---- file.c: descriptors that the monitor opened ---- */
/* A whole regular file of at most max bytes into b. */
struct err *file_read(int fd, size_t max, struct buf *b);
/* The same into locked memory; *out is freed with BIO_free(). */
struct err *file_read_secret(int fd, BIO **out);
/* An empty BIO in locked memory, or NULL. */
BIO *secret_new(void);
/* All bytes, to the kernel. */
struct err *file_write(int fd, const void *p, size_t n);
struct err *file_write_bio(int fd, BIO *bio);
struct err *file_write_json(int fd, const json_t *json);
/* And to the disk, which takes as long as the disk takes. */
struct err *file_force(int fd);
/* Appends json (NULL is an error) as text; flags are json_dumps()'s. */
struct err *json_add(struct buf *out, const json_t *json, size_t flags);

/* ---- key.c: one key ---- */
#define EC_WIDTH_MAX 66                     /* P-521 */
#define EC_POINT_MAX (1 + 2 * EC_WIDTH_MAX) /* 04, x, y: SEC1 2.3.3 */

struct key_alg {
	enum key_kind kind; /* 0: RSA of another size */
	const char *type;   /* OpenSSL's and RFC 7517's name: "EC", "RSA" */
	unsigned bits;
	const char *group;  /* OpenSSL's name of the curve; NULL: RSA */
	int nid;            /* and its number; 0: RSA */
	const char *crv;    /* RFC 7518 section 6.2.1.1; NULL: RSA */
	size_t width;       /* bytes of a coordinate (and of r and s) */
	const char *jws;    /* RFC 7518 section 3.1 */
	const char *digest; /* of that */
	bool for_certs;     /* CAs take certificates with it */
};

#define KEY_ID_SIZE      sizeof("0123456789abcdef0123456789abcdef")
#define DIGEST_B64U_SIZE 44 /* base64url of SHA-256 and a NUL */

struct key {
	EVP_PKEY *pkey;
	EVP_PKEY_CTX *signs; /* digests of md, which the alg names */
	EVP_MD *md;
	const struct key_alg *alg;
	bool is_account; /* signs JWS, never a CSR; another signs CSRs, and of
			  * JWS only the revocation of its own certificate */
	bool is_sound;   /* else it is not to be used */
	char id[KEY_ID_SIZE];
	char thumbprint[DIGEST_B64U_SIZE];
};

/* NULL where it is no kind that we use. */
const struct key_alg *key_alg_of(const EVP_PKEY *pkey);
const struct key_alg *key_alg_crv(const char *crv);
/* The point of a key on a curve: 1 + 2 * alg->width bytes. */
struct err *key_point(const EVP_PKEY *pkey, const struct key_alg *alg,
    unsigned char point[EC_POINT_MAX]);
/* certbot's account id: hex MD5 of the public key as PEM. */
struct err *key_id(const X509_PUBKEY *public, char id[KEY_ID_SIZE]);
/* The public half, as certificates and requests have it. */
struct err *key_set_public(
    const EVP_PKEY *pkey, const struct key_alg *alg, X509_PUBKEY *out);
/* A key from pkey (taken, on failure too) of a kind that we know; it is sound
 * only when key_check() says so. */
struct err *key_new(EVP_PKEY *pkey, bool is_account, struct key **out);
/* Numbers in range, point on the curve, primes prime, and the public half is that
 * of the private one: else a signature could give the key away. Takes up to half
 * a second for RSA. */
struct err *key_check(struct key *k);
/* A new, sound key from random numbers. Where stop gets true meanwhile (NULL:
 * never), an error instead. */
struct err *key_make(
    enum key_kind kind, bool is_account, atomic_bool *stop, struct key **out);
/* Milliseconds to seconds instead of microseconds: RSA. */
bool key_takes_long(enum key_kind kind);
/* NULL is fine. */
void key_free(struct key *k);

/* ---- pem.c: certificate keys on disk ---- */
/* PKCS#8, PKCS#1 or SEC1, not encrypted; the first key counts. Not checked. */
struct err *pem_read_key(BIO *in, struct key **out);
/* The same, not to sign with. */
struct err *pem_read_pkey(BIO *in, EVP_PKEY **out);
/* PKCS#8, as certbot writes it. */
struct err *pem_write_key(const struct key *k, BIO *out);

/* ---- jwk.c: account keys on disk and in requests (RFC 7517) ---- */
/* Not checked. */
struct err *jwk_read(const char *text, size_t n, struct key **out);
/* Private, as certbot writes it; EC only: we make no other accounts. */
struct err *jwk_write(const struct key *k, BIO *out);
/* The public half, members in the order of RFC 7638; NULL on failure. */
json_t *jwk_public(const EVP_PKEY *pkey, const struct key_alg *alg);
/* RFC 7638. */
struct err *jwk_thumbprint(const EVP_PKEY *pkey, const struct key_alg *alg,
    char out[DIGEST_B64U_SIZE]);

/* ---- keys.c: keys by the numbers that the monitor gave them ---- */
#define KEYS_MAX 4096
struct keys;
/* NULL when out of memory. */
struct keys *keys_new(void);
void keys_free(struct keys *t);
/* Refused where the number is in use or the table is full. */
struct err *keys_vacant(const struct keys *t, uint32_t number);
/* k (sound) is taken, on failure too. */
struct err *keys_add(struct keys *t, uint32_t number, struct key *k);
/* The key, which must be an account's or a certificate's as asked for. */
struct err *keys_get(const struct keys *t, uint32_t number, bool is_account,
    const struct key **out);
/* An unknown number is fine: the key was never made. */
void keys_drop(struct keys *t, uint32_t number);
/* How many keys are certificates'. */
size_t keys_for_certs(const struct keys *t);

/* ---- jose.c: RFC 7515 ---- */
/* RFC 4648 section 5, without padding. */
struct err *b64u_add(struct buf *out, const void *p, size_t n);
/* Decodes into out; false for any other character, a length or left-over bits
 * that no encoder makes, and for more than size bytes. */
bool b64u_decode(
    const char *p, size_t n, unsigned char *out, size_t size, size_t *n_out);
struct err *sha256_b64u(const void *p, size_t n, char out[DIGEST_B64U_SIZE]);

struct jws_place {
	struct str kid; /* account URL; "": the public key itself (jwk) */
	struct str url, nonce; /* nonce "": of a JWS inside another, has none */
};
/* Appends a flattened JWS to out. payload NULL: POST-as-GET. */
struct err *jws_sign(const struct key *k, const struct jws_place *at,
    const json_t *payload, struct buf *out);
/* The value of a dns-01 record, RFC 8555 sections 8.1 and 8.4. */
struct err *key_authorization(
    const struct key *k, struct str token, char out[DIGEST_B64U_SIZE]);

/* ---- payload.c: what is said to a CA; NULL when out of memory ---- */
json_t *payload_new_account(struct strs contacts, bool agree_tos);
json_t *payload_new_order(struct strs names);
json_t *payload_answer(void);
json_t *payload_finalize(const struct buf *csr);
json_t *payload_find_account(void);
json_t *payload_contact(struct strs contacts);
json_t *payload_deactivated(void);
json_t *payload_revoke(const struct buf *der, unsigned reason);
json_t *payload_key_change(struct str account, json_t *old_key);

/* ---- binding.c: RFC 8555 section 7.3.4 ---- */
struct binding {
	struct str kid, url; /* the CA's name for the HMAC key; newAccount */
	uint32_t bits;       /* of the HMAC: 256, 384, 512 */
};
/* The JWS that binds the account k, with the HMAC key in fd. */
struct err *binding_make(
    const struct key *k, const struct binding *b, int fd, json_t **out);

/* ---- csr.c ---- */
/* Appends a CSR (DER) for names to out. */
struct err *csr_make(const struct key *k, struct strs names,
    bool must_staple, struct buf *out);

/* ---- cert.c: reading certificates ---- */
#define CERT_NAMES_MAX   100
#define CERT_SERIAL_SIZE (64 + 1)

/* Names of a certificate; the texts belong to it. */
struct cert_names {
	struct str v[CERT_NAMES_MAX + 1]; /* and a common name */
	size_t n;
	bool has_others; /* addresses, mail addresses, URIs... */
};
struct cert_times {
	uint64_t not_before, not_after;
};

/* The DNS names of the SAN extension, none where there is none. gens owns the
 * texts; the caller frees it with GENERAL_NAMES_free(). */
struct err *cert_sans(
    const X509 *cert, struct cert_names *names, GENERAL_NAMES **gens);
/* The common names of the subject, each a heap copy appended to v (of size
 * CERT_CN_MAX); *n is set on failure too. */
#define CERT_CN_MAX 4
struct err *cert_common_names(
    const X509 *cert, char *v[CERT_CN_MAX], size_t *n);
/* The common name of its issuer, printable, "" where it has none. */
#define CERT_ISSUER_SIZE (512 + 1)
struct err *cert_issuer_name(const X509 *cert, char out[CERT_ISSUER_SIZE]);
struct err *cert_serial(const X509 *cert, char out[CERT_SERIAL_SIZE]);
struct err *cert_times(const X509 *cert, struct cert_times *out);
/* Appends it as PEM, or as DER. */
struct err *cert_add_pem(const X509 *cert, struct buf *out);
struct err *cert_add_der(const X509 *cert, struct buf *out);

/* ---- inspect.c ---- */
struct inspection {
	X509 *cert;
	GENERAL_NAMES *gens;
	char *common[CERT_CN_MAX];
	size_t n_common;

	struct cert_names names; /* common name first, as certbot does */
	struct cert_times times;
	char serial[CERT_SERIAL_SIZE];
	char issuer[512 + 1];
	char sha256[64 + 1];
	char key_id[KEY_ID_SIZE];
	uint32_t key_kind; /* enum key_kind, 0: another */
};
/* What is in the first certificate of a PEM text. *out is cleared with
 * inspection_clear(), on failure too. */
struct err *cert_inspect(struct str pem, struct inspection *out);
/* The same of out->cert. */
struct err *cert_facts(struct inspection *out);
void inspection_clear(struct inspection *i);

/* ---- issuers.c: those of the last chains ---- */
#define ISSUERS_MAX 8
struct issuer {
	unsigned char *der;
	long n;
	X509 *cert;
};
struct issuers {
	struct issuer v[ISSUERS_MAX];
	size_t next;
};
/* The certificate of these bytes, a reference; NULL where it is not known. */
X509 *issuers_find(const struct issuers *t, const unsigned char *der, long n);
void issuers_remember(
    struct issuers *t, const unsigned char *der, long n, X509 *cert);
void issuers_clear(struct issuers *t);

/* ---- chain.c: trust rule 5 ---- */
#define CHAIN_CERTS_MAX 10
#define CHAIN_BYTES_MAX (64 * 1024)
#define CHAIN_SKEW_SECS 300

struct chain_question {
	const struct key *key;
	struct strs names;
	struct str pem;
	time_t now;
	struct issuers *issuers; /* NULL: none are known */
};
struct chain_facts {
	struct buf *cert, *chain; /* PEM, encoded by us */
	char top_issuer[CERT_ISSUER_SIZE];
	struct inspection leaf;
};
/* Is it a chain for that key and exactly these names? *out is cleared with
 * chain_facts_clear(); on failure it is empty. */
struct err *chain_check(
    const struct chain_question *q, struct chain_facts *out);
void chain_facts_clear(struct chain_facts *f);

/* ---- set.c ---- */
/* The same for a chain whose first certificate is for this key and signed by the
 * second one. */
struct err *set_inspect(
    const EVP_PKEY *pkey, struct str pem, struct inspection *out);

/* ---- account.c: certbot's account files ---- */
/* The account's URL, a heap copy, from regr.json. */
struct err *regr_read(const char *text, size_t n, char **url);
/* NULL when out of memory. */
json_t *regr_json(struct str url);
json_t *meta_json(time_t created, struct str host);

/* ---- aside.c: a thread beside the loop ---- */
struct event_base;
struct aside;
struct task {
	TAILQ_ENTRY(task) link;
	/* In the thread, one task after the other; may use nothing but the
	 * task, and no log. */
	void (*work)(struct task *t);
	/* In the loop, when that is over; the task is the callee's. */
	void (*done)(struct task *t);
};
TAILQ_HEAD(task_list, task);
/* Begins it, before the jail. *out is set on failure too. */
struct err *aside_new(struct event_base *base, struct aside **out);
void aside_do(struct aside *a, struct task *t);
/* Whether the thread had not begun with it: it is the caller's again, and done
 * does not come. */
bool aside_take_back(struct aside *a, struct task *t);
/* Tasks that are not done. */
size_t aside_tasks(const struct aside *a);
/* Waits for the task that is under way; no done comes any more. NULL is fine. */
void aside_free(struct aside *a);

/* ---- slow.c: requests that wait for one, and keys made ahead ---- */
#define SPARES_MAX 2
struct signer;
struct slow {
	struct task task;
	TAILQ_ENTRY(slow) link;
	struct signer *signer;
	struct aside *aside;
	uint32_t id;      /* of the request; 0: a key made ahead */
	uint32_t number;  /* of the key, where there is one */
	int fd;           /* -1: none */
	const char *what; /* is read or written, for errors */

	/* For work(), and what becomes of it. */
	enum key_kind kind;
	struct key *key;
	struct err *e;
	atomic_bool stop;
};
TAILQ_HEAD(slow_list, slow);
struct spares {
	enum key_kind kind; /* the last that was asked for */
	unsigned asked;     /* so often, one after the other */
	struct key *v[SPARES_MAX];
	size_t n;
	struct slow *under_way;
};
/* Begins both threads, before the jail. */
struct err *slow_begin(struct signer *s, struct event_base *base);
/* A key of this kind, which takes long; it goes into fd, and into the table by
 * this number. */
struct err *slow_make(struct signer *s, const struct msg *q, uint32_t number,
    enum key_kind kind, int fd);
/* k (taken) into the table when it was checked. */
struct err *slow_check(struct signer *s, const struct msg *q, uint32_t number,
    struct key *k, const char *what);
/* fd to the disk; then k (taken) into the table, where it is not NULL. */
struct err *slow_force(struct signer *s, const struct msg *q, uint32_t number,
    struct key *k, int fd, const char *what);
/* Whether a request for a key of this number waits. */
bool slow_has(const struct signer *s, uint32_t number);
/* That key is not wanted any more: its request fails. */
void slow_drop(struct signer *s, uint32_t number);
/* A key was dropped, or something is over: makes keys ahead, or drops them. */
void slow_rest(struct signer *s);
/* Ends both threads and all that waits for them. */
void slow_end(struct signer *s);

/* ---- key_requests.c ---- */
struct err *on_key_make(struct signer *s, const struct msg *q, int fd);
struct err *on_key_load(struct signer *s, const struct msg *q, int fd);
struct err *on_key_save(struct signer *s, const struct msg *q, int fd);
struct err *on_key_drop(struct signer *s, const struct msg *q, int fd);
struct err *on_account_make(struct signer *s, const struct msg *q, int fd);
struct err *on_account_load(struct signer *s, const struct msg *q, int fd);
/* Into fd, as it is on disk. */
struct err *key_write(const struct key *k, int fd);
/* k (taken) into the table; the answer to the request of that number. */
struct err *key_keep(
    struct signer *s, uint32_t id, uint32_t number, struct key *k);

/* ---- requests.c ---- */
struct signer {
	struct channel *monitor;
	struct keys *keys;
	struct issuers issuers;
	struct aside *maker;   /* makes large keys */
	struct aside *helper;  /* checks them, waits for the disk: less long */
	struct slow_list slow; /* requests that wait for these */
	struct spares spares;
	bool keeps_fd; /* a handler keeps the descriptor */
};
/* Carries out a request of the monitor and answers it, now or later. fd is
 * closed. An error is the monitor's fault. */
struct err *signer_request(struct signer *s, const struct msg *q, int fd);
/* The answer to the request of that number. */
struct err *signer_answer(struct signer *s, uint32_t id, struct msg *a);
/* The same where there is none; e is freed. */
struct err *signer_fail(struct signer *s, uint32_t id, struct err *e);
/* Answers with a JWS of k; payload NULL: POST-as-GET. */
struct err *signer_send_jws(struct signer *s, const struct msg *q,
    const struct key *k, const struct jws_place *at, const json_t *payload);
/* The same with an account's key, and a payload (taken) that is NULL when memory
 * ran out. */
struct err *signer_send_jws_of(struct signer *s, const struct msg *q,
    uint32_t account, const struct jws_place *at, json_t *payload);

/* ---- operations.c: requests to a CA besides those of an issuance ---- */
struct err *on_jws_close(struct signer *s, const struct msg *q, int fd);
struct err *on_jws_revoke(struct signer *s, const struct msg *q, int fd);
struct err *on_jws_revoke_own(struct signer *s, const struct msg *q, int fd);
struct err *on_jws_contact(struct signer *s, const struct msg *q, int fd);
struct err *on_jws_deactivate(struct signer *s, const struct msg *q, int fd);
struct err *on_jws_roll_over(struct signer *s, const struct msg *q, int fd);
struct err *on_jws_new_account_bound(
    struct signer *s, const struct msg *q, int fd);
struct err *on_jws_find_account(struct signer *s, const struct msg *q, int fd);

/* ---- jail.c ---- */
extern const struct sandbox signer_jail;

#endif
