/*
 * key_requests.c - what the monitor asks for about keys: made, read from a file,
 * written into another, forgotten.
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    decoded messages of the monitor, and descriptors of key files.
 * Promise:  a key is used under its number when its file was written and it is
 *           sound, not before. What takes long is left to slow.c.
 */
#include <openssl/bio.h>

#include "channel.h"
#include "sign.h"

/* ---- what all of them do ---- */

struct err *
key_keep(struct signer *s, uint32_t id, uint32_t number, struct key *k)
{
	struct msg a = { .type = MSG_key_ready };
	struct err *e;

	if ((e = keys_add(s->keys, number, k)) != NULL)
		return e;
	a.key_ready.kind = k->alg->kind;
	a.key_ready.id = str_of(k->id);
	a.key_ready.thumbprint = str_of(k->thumbprint);
	if ((e = signer_answer(s, id, &a)) != NULL)
		keys_drop(s->keys, number);
	return e;
}

struct err *
key_write(const struct key *k, int fd)
{
	BIO *text = secret_new();
	struct err *e;

	if (text == NULL)
		return crypto_err("locked memory");
	e = k->is_account ? jwk_write(k, text) : pem_write_key(k, text);
	if (e == NULL)
		e = file_write_bio(fd, text);
	BIO_free(text);
	return err_wrap(
	    e, k->is_account ? "account key file" : "private key file");
}

/* The number is looked at first: no file is written for nothing. */
static struct err *
check_vacant(const struct signer *s, uint32_t number)
{
	if (slow_has(s, number))
		return err_new("key %u is being made", number);
	return keys_vacant(s->keys, number);
}

/* ---- new keys ---- */

static struct err *
make_here(struct signer *s, uint32_t number, enum key_kind kind,
    bool is_account, int fd, struct key **out)
{
	struct key *k;
	struct err *e;

	if ((e = check_vacant(s, number)) != NULL ||
	    (e = key_make(kind, is_account, NULL, &k)) != NULL)
		return e;
	if ((e = key_write(k, fd)) != NULL) {
		key_free(k);
		return e;
	}
	*out = k;
	return NULL;
}

struct err *
on_key_make(struct signer *s, const struct msg *q, int fd)
{
	const struct msg_key_make *m = &q->key_make;
	enum key_kind kind = (enum key_kind)m->kind;
	struct key *k;
	struct err *e;

	if (key_takes_long(kind)) {
		e = check_vacant(s, m->key);
		return e != NULL ? e : slow_make(s, q, m->key, kind, fd);
	}
	e = make_here(s, m->key, kind, false, fd, &k);
	return e != NULL ? e : key_keep(s, q->id, m->key, k);
}

struct err *
on_account_make(struct signer *s, const struct msg *q, int fd)
{
	uint32_t number = q->account_make.key;
	struct key *k;
	struct err *e;

	e = make_here(s, number, KEY_EC_P256, true, fd, &k);
	return e != NULL ? e
			 : slow_force(s, q, number, k, fd, "account key file");
}

/* ---- keys in files ---- */

/* k (taken) has been read. */
static struct err *
take(struct signer *s, const struct msg *q, uint32_t number, struct key *k,
    const char *what)
{
	struct err *e;

	if ((e = check_vacant(s, number)) == NULL && k->alg->group == NULL)
		return slow_check(s, q, number, k, what);
	if (e == NULL)
		e = err_wrap(key_check(k), "%s", what);
	if (e == NULL)
		return key_keep(s, q->id, number, k);
	key_free(k);
	return e;
}

struct err *
on_key_load(struct signer *s, const struct msg *q, int fd)
{
	static const char what[] = "private key file";
	BIO *text = NULL;
	struct key *k = NULL;
	struct err *e;

	if ((e = file_read_secret(fd, &text)) == NULL)
		e = pem_read_key(text, &k);
	BIO_free(text);
	return e != NULL ? err_wrap(e, what)
			 : take(s, q, q->key_load.key, k, what);
}

struct err *
on_account_load(struct signer *s, const struct msg *q, int fd)
{
	static const char what[] = "account key file";
	BIO *text = NULL;
	struct key *k = NULL;
	struct err *e;

	if ((e = file_read_secret(fd, &text)) == NULL) {
		char *p = NULL;
		long n = BIO_get_mem_data(text, &p);

		e = jwk_read(p, (size_t)n, &k);
	}
	BIO_free(text);
	return e != NULL ? err_wrap(e, what)
			 : take(s, q, q->account_load.key, k, what);
}

struct err *
on_key_save(struct signer *s, const struct msg *q, int fd)
{
	struct msg a = { .type = MSG_saved };
	const struct key *k;
	struct err *e;

	if ((e = keys_get(s->keys, q->key_save.key, false, &k)) == NULL)
		e = key_write(k, fd);
	return e != NULL ? e : signer_answer(s, q->id, &a);
}

struct err *
on_key_drop(struct signer *s, const struct msg *q, int fd)
{
	(void)fd;
	slow_drop(s, q->key_drop.key);
	keys_drop(s->keys, q->key_drop.key);
	slow_rest(s);
	return NULL;
}
