/*
 * requests.c - what the monitor asks for, message by message.
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    decoded messages of the monitor, and descriptors with them; names,
 *           URLs and certificates in them may come from a hostile CA.
 * Promise:  every request but key_drop gets one answer with its number: what
 *           it asked for, or sign_failed. No message signs bytes of its own.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/bio.h>

#include "channel.h"
#include "sign.h"

#define JWS_MAX       49152       /* bound of the message */
#define CSR_MAX       (32 * 1024) /* 100 names of 253 bytes, RSA 4096 */
#define FAILED_TEXT   2048        /* bound of the message */
#define REGR_FILE_MAX (64 * 1024) /* ACME v1 kept whole registrations in it */

struct err *
signer_answer(struct signer *s, uint32_t id, struct msg *a)
{
	a->id = id;
	return channel_send(s->monitor, a, -1);
}

/* ---- account files ---- */

static struct err *
on_regr_load(struct signer *s, const struct msg *q, int fd)
{
	struct msg a = { .type = MSG_regr };
	struct buf *text = buf_new(REGR_FILE_MAX);
	struct err *e;
	char *url = NULL;

	if (text == NULL)
		return err_sys("regr.json");
	if ((e = file_read(fd, REGR_FILE_MAX, text)) == NULL)
		e = regr_read(buf_data(text), buf_len(text), &url);
	if (e == NULL) {
		a.regr.url = str_of(url);
		e = signer_answer(s, q->id, &a);
	}
	free(url);
	buf_free(text);
	return err_wrap(e, "regr.json");
}

/* Writes json (taken). */
static struct err *
save(struct signer *s, const struct msg *q, int fd, json_t *json,
    const char *what)
{
	struct err *e = file_write_json(fd, json);

	json_decref(json);
	return e != NULL ? err_wrap(e, "%s", what)
			 : slow_force(s, q, 0, NULL, fd, what);
}

static struct err *
on_regr_save(struct signer *s, const struct msg *q, int fd)
{
	return save(s, q, fd, regr_json(q->regr_save.url), "regr.json");
}

static struct err *
on_meta_save(struct signer *s, const struct msg *q, int fd)
{
	const struct msg_meta_save *m = &q->meta_save;

	return save(
	    s, q, fd, meta_json((time_t)m->created, m->host), "meta.json");
}

/* ---- requests to a CA ---- */

struct err *
signer_send_jws(struct signer *s, const struct msg *q, const struct key *k,
    const struct jws_place *at, const json_t *payload)
{
	struct msg a = { .type = MSG_jws };
	struct buf *body;
	struct err *e;

	if ((body = buf_new(JWS_MAX)) == NULL)
		return err_sys("JWS");
	if ((e = jws_sign(k, at, payload, body)) == NULL) {
		a.jws.body = (struct str){ buf_data(body), buf_len(body) };
		e = signer_answer(s, q->id, &a);
	}
	buf_free(body);
	return e;
}

struct err *
signer_send_jws_of(struct signer *s, const struct msg *q, uint32_t account,
    const struct jws_place *at, json_t *payload)
{
	const struct key *k;
	struct err *e;

	if (payload == NULL)
		return err_new("no memory for the payload");
	if ((e = keys_get(s->keys, account, true, &k)) == NULL)
		e = signer_send_jws(s, q, k, at, payload);
	json_decref(payload);
	return e;
}

static struct err *
on_jws_new_account(struct signer *s, const struct msg *q, int fd)
{
	const struct msg_jws_new_account *m = &q->jws_new_account;
	struct jws_place at = { { "", 0 }, m->url, m->nonce };

	(void)fd;
	return signer_send_jws_of(s, q, m->account, &at,
	    payload_new_account(m->contacts, m->agree_tos));
}

static struct err *
on_jws_new_order(struct signer *s, const struct msg *q, int fd)
{
	const struct msg_jws_new_order *m = &q->jws_new_order;
	struct jws_place at = { m->kid, m->url, m->nonce };

	(void)fd;
	return signer_send_jws_of(
	    s, q, m->account, &at, payload_new_order(m->names));
}

static struct err *
on_jws_get(struct signer *s, const struct msg *q, int fd)
{
	const struct msg_jws_get *m = &q->jws_get;
	struct jws_place at = { m->kid, m->url, m->nonce };

	const struct key *k;
	struct err *e;

	(void)fd;
	if ((e = keys_get(s->keys, m->account, true, &k)) != NULL)
		return e;
	return signer_send_jws(s, q, k, &at, NULL);
}

static struct err *
on_jws_answer(struct signer *s, const struct msg *q, int fd)
{
	const struct msg_jws_answer *m = &q->jws_answer;
	struct jws_place at = { m->kid, m->url, m->nonce };

	(void)fd;
	return signer_send_jws_of(s, q, m->account, &at, payload_answer());
}

static struct err *
on_jws_finalize(struct signer *s, const struct msg *q, int fd)
{
	const struct msg_jws_finalize *m = &q->jws_finalize;
	struct jws_place at = { m->kid, m->url, m->nonce };
	struct buf *csr = buf_new(CSR_MAX);
	const struct key *k;
	struct err *e;

	(void)fd;
	if (csr == NULL)
		return err_sys("signing request");
	if ((e = keys_get(s->keys, m->key, false, &k)) == NULL &&
	    (e = csr_make(k, m->names, m->must_staple, csr)) == NULL)
		e = signer_send_jws_of(
		    s, q, m->account, &at, payload_finalize(csr));
	buf_free(csr);
	return e;
}

static struct err *
on_key_auth(struct signer *s, const struct msg *q, int fd)
{
	const struct msg_key_auth *m = &q->key_auth;
	struct msg a = { .type = MSG_digest };
	char value[DIGEST_B64U_SIZE];
	const struct key *k;
	struct err *e;

	(void)fd;
	if ((e = keys_get(s->keys, m->account, true, &k)) != NULL ||
	    (e = key_authorization(k, m->token, value)) != NULL)
		return e;
	a.digest.value = str_of(value);
	return signer_answer(s, q->id, &a);
}

/* ---- certificates ---- */

static struct str
str_of_buf(const struct buf *b)
{
	return (struct str){ buf_data(b), buf_len(b) };
}

static struct err *
on_chain_check(struct signer *s, const struct msg *q, int fd)
{
	const struct msg_chain_check *m = &q->chain_check;
	struct chain_question question = { NULL, m->names, m->pem, time(NULL),
		&s->issuers };
	struct msg a = { .type = MSG_chain_good };
	struct chain_facts f;
	struct err *e;

	(void)fd;
	if ((e = keys_get(s->keys, m->key, false, &question.key)) != NULL)
		return e;
	if ((e = chain_check(&question, &f)) == NULL) {
		a.chain_good.cert = str_of_buf(f.cert);
		a.chain_good.chain = str_of_buf(f.chain);
		a.chain_good.top_issuer = str_of(f.top_issuer);
		a.chain_good.names =
		    (struct strs){ f.leaf.names.v, f.leaf.names.n };
		a.chain_good.serial = str_of(f.leaf.serial);
		a.chain_good.issuer = str_of(f.leaf.issuer);
		a.chain_good.key_kind = f.leaf.key_kind;
		a.chain_good.key_id = str_of(f.leaf.key_id);
		a.chain_good.sha256 = str_of(f.leaf.sha256);
		a.chain_good.not_before = f.leaf.times.not_before;
		a.chain_good.not_after = f.leaf.times.not_after;
		e = signer_answer(s, q->id, &a);
	}
	chain_facts_clear(&f);
	return e;
}

static struct err *
send_inspection(
    struct signer *s, const struct msg *q, const struct inspection *i)
{
	struct msg a = { .type = MSG_cert_info };

	a.cert_info.names = (struct strs){ i->names.v, i->names.n };
	a.cert_info.serial = str_of(i->serial);
	a.cert_info.issuer = str_of(i->issuer);
	a.cert_info.key_kind = i->key_kind;
	a.cert_info.key_id = str_of(i->key_id);
	a.cert_info.sha256 = str_of(i->sha256);
	a.cert_info.not_before = i->times.not_before;
	a.cert_info.not_after = i->times.not_after;
	return signer_answer(s, q->id, &a);
}

static struct err *
on_cert_inspect(struct signer *s, const struct msg *q, int fd)
{
	struct buf *pem = buf_new(CERT_FILE_MAX);
	struct inspection i = { 0 };
	struct err *e;

	if (pem == NULL)
		return err_sys("certificate");
	if ((e = file_read(fd, CERT_FILE_MAX, pem)) == NULL &&
	    (e = cert_inspect(str_of_buf(pem), &i)) == NULL)
		e = send_inspection(s, q, &i);
	inspection_clear(&i);
	buf_free(pem);
	return e;
}

static struct err *
on_set_inspect(struct signer *s, const struct msg *q, int fd)
{
	struct inspection i = { 0 };
	EVP_PKEY *pkey = NULL;
	BIO *text = NULL;
	struct err *e;

	if ((e = file_read_secret(fd, &text)) == NULL)
		e = pem_read_pkey(text, &pkey);
	BIO_free(text);
	if (e != NULL)
		return err_wrap(e, "privkey.pem");
	if ((e = set_inspect(pkey, q->set_inspect.pem, &i)) == NULL)
		e = send_inspection(s, q, &i);
	else
		e = err_wrap(e, "fullchain.pem");
	inspection_clear(&i);
	EVP_PKEY_free(pkey);
	return e;
}

/* ---- which message is whose ---- */

static const struct {
	enum msg_type type;
	struct err *(*handler)(struct signer *, const struct msg *, int fd);
} handlers[] = {
	{ MSG_key_make, on_key_make },
	{ MSG_key_load, on_key_load },
	{ MSG_account_make, on_account_make },
	{ MSG_account_load, on_account_load },
	{ MSG_key_save, on_key_save },
	{ MSG_key_drop, on_key_drop },
	{ MSG_regr_load, on_regr_load },
	{ MSG_regr_save, on_regr_save },
	{ MSG_meta_save, on_meta_save },
	{ MSG_jws_new_account, on_jws_new_account },
	{ MSG_jws_new_order, on_jws_new_order },
	{ MSG_jws_get, on_jws_get },
	{ MSG_jws_answer, on_jws_answer },
	{ MSG_jws_finalize, on_jws_finalize },
	{ MSG_jws_close, on_jws_close },
	{ MSG_jws_revoke, on_jws_revoke },
	{ MSG_jws_revoke_own, on_jws_revoke_own },
	{ MSG_jws_contact, on_jws_contact },
	{ MSG_jws_deactivate, on_jws_deactivate },
	{ MSG_jws_roll_over, on_jws_roll_over },
	{ MSG_jws_find_account, on_jws_find_account },
	{ MSG_jws_new_account_bound, on_jws_new_account_bound },
	{ MSG_key_auth, on_key_auth },
	{ MSG_chain_check, on_chain_check },
	{ MSG_cert_inspect, on_cert_inspect },
	{ MSG_set_inspect, on_set_inspect },
};
#define N_HANDLERS (sizeof(handlers) / sizeof(handlers[0]))

struct err *
signer_fail(struct signer *s, uint32_t id, struct err *e)
{
	struct msg a = { .type = MSG_sign_failed };
	char text[FAILED_TEXT + 1];
	const char *advice = err_advice(e);
	struct buf *whole = buf_new(4 * FAILED_TEXT);
	struct err *broken = NULL;

	/* Names of files and certificates may be in it. */
	if (whole != NULL)
		broken = buf_addf(whole, "%s%s%s", err_text(e),
		    *advice == '\0' ? "" : "; ", advice);
	if (whole != NULL && broken == NULL)
		text_escape(
		    text, sizeof(text), buf_data(whole), buf_len(whole));
	else
		strcpy(text, "out of memory");
	err_free(broken);
	err_free(e);
	buf_free(whole);
	a.sign_failed.text = str_of(text);
	return signer_answer(s, id, &a);
}

struct err *
signer_request(struct signer *s, const struct msg *q, int fd)
{
	struct err *e = NULL;
	size_t i = 0;

	while (i < N_HANDLERS && handlers[i].type != q->type)
		i++;
	if (i == N_HANDLERS)
		e = err_new("no handler for message %d", (int)q->type);
	else if ((e = handlers[i].handler(s, q, fd)) != NULL)
		e = signer_fail(s, q->id, e);
	if (fd != -1 && !s->keeps_fd)
		close(fd);
	s->keeps_fd = false;
	return e;
}
