/*
 * operations.c - requests to a CA besides those of an issuance: revocations,
 * and what is done to an account or an authorization.
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    decoded messages of the monitor, and certificates in descriptors;
 *           URLs may come from a hostile CA or worker.
 * Promise:  an account is deactivated by the message for that alone: what closes
 *           an authorization never goes to where accounts are; a certificate's
 *           own key revokes that certificate and no other.
 */
#include <string.h>

#include "sign.h"
#include "proto.h"
#include "url.h"

#define JWS_MAX 49152 /* bound of the message */

/* ---- revocation ---- */

/* The first certificate of the file as DER, and what is in it. */
static struct err *
read_certificate(int fd, struct buf *der, struct inspection *i)
{
	struct buf *pem = buf_new(CERT_FILE_MAX);
	struct err *e;

	if (pem == NULL || der == NULL) {
		buf_free(pem);
		return err_sys("certificate");
	}
	if ((e = file_read(fd, CERT_FILE_MAX, pem)) == NULL &&
	    (e = cert_inspect(
		 (struct str){ buf_data(pem), buf_len(pem) }, i)) == NULL)
		e = cert_add_der(i->cert, der);
	buf_free(pem);
	return e;
}

struct err *
on_jws_revoke(struct signer *s, const struct msg *q, int fd)
{
	const struct msg_jws_revoke *m = &q->jws_revoke;
	struct jws_place at = { m->kid, m->url, m->nonce };
	struct buf *der = buf_new(CERT_FILE_MAX);
	struct inspection i = { 0 };
	struct err *e;

	if ((e = read_certificate(fd, der, &i)) == NULL)
		e = signer_send_jws_of(
		    s, q, m->account, &at, payload_revoke(der, m->reason));
	inspection_clear(&i);
	buf_free(der);
	return e;
}

struct err *
on_jws_revoke_own(struct signer *s, const struct msg *q, int fd)
{
	const struct msg_jws_revoke_own *m = &q->jws_revoke_own;
	struct jws_place at = { { "", 0 }, m->url, m->nonce };
	struct buf *der = buf_new(CERT_FILE_MAX);
	struct inspection i = { 0 };
	json_t *payload = NULL;
	const struct key *k;
	struct err *e;

	if ((e = keys_get(s->keys, m->key, false, &k)) == NULL &&
	    (e = read_certificate(fd, der, &i)) == NULL &&
	    strcmp(k->id, i.key_id) != 0)
		e = err_new("the key is not that of the certificate");
	if (e == NULL && (payload = payload_revoke(der, m->reason)) == NULL)
		e = err_new("no memory for the payload");
	if (e == NULL)
		e = signer_send_jws(s, q, k, &at, payload);
	json_decref(payload);
	inspection_clear(&i);
	buf_free(der);
	return e;
}

/* ---- accounts ---- */

struct err *
on_jws_new_account_bound(struct signer *s, const struct msg *q, int fd)
{
	const struct msg_jws_new_account_bound *m = &q->jws_new_account_bound;
	struct jws_place at = { { "", 0 }, m->url, m->nonce };
	struct binding b = { m->binding, m->url, m->bits };
	json_t *payload, *bound;
	const struct key *k;
	struct err *e;

	if ((e = keys_get(s->keys, m->account, true, &k)) != NULL ||
	    (e = binding_make(k, &b, fd, &bound)) != NULL)
		return e;
	payload = payload_new_account(m->contacts, m->agree_tos);
	if (json_object_set_new(payload, "externalAccountBinding", bound) !=
	    0) {
		json_decref(payload);
		payload = NULL;
	}
	return signer_send_jws_of(s, q, m->account, &at, payload);
}

struct err *
on_jws_contact(struct signer *s, const struct msg *q, int fd)
{
	const struct msg_jws_contact *m = &q->jws_contact;
	struct jws_place at = { m->kid, m->kid, m->nonce };

	(void)fd;
	return signer_send_jws_of(
	    s, q, m->account, &at, payload_contact(m->contacts));
}

struct err *
on_jws_deactivate(struct signer *s, const struct msg *q, int fd)
{
	const struct msg_jws_deactivate *m = &q->jws_deactivate;
	struct jws_place at = { m->kid, m->kid, m->nonce };

	(void)fd;
	return signer_send_jws_of(s, q, m->account, &at, payload_deactivated());
}

struct err *
on_jws_find_account(struct signer *s, const struct msg *q, int fd)
{
	const struct msg_jws_find_account *m = &q->jws_find_account;
	struct jws_place at = { { "", 0 }, m->url, m->nonce };

	(void)fd;
	return signer_send_jws_of(
	    s, q, m->account, &at, payload_find_account());
}

/* What the new key signs, as the payload for the old one (RFC 8555 7.3.5). */
static struct err *
inner_jws(const struct msg_jws_roll_over *m, const struct key *old,
    const struct key *next, json_t **out)
{
	struct jws_place at = { { "", 0 }, m->url, { "", 0 } };
	json_t *payload =
	    payload_key_change(m->kid, jwk_public(old->pkey, old->alg));
	struct buf *text = buf_new(JWS_MAX);
	struct err *e;

	*out = NULL;
	if (payload == NULL || text == NULL)
		e = err_new("no memory for the payload");
	else
		e = jws_sign(next, &at, payload, text);
	if (e == NULL &&
	    (*out = json_loadb(buf_data(text), buf_len(text), 0, NULL)) == NULL)
		e = err_new("no memory for the payload");
	json_decref(payload);
	buf_free(text);
	return e;
}

struct err *
on_jws_roll_over(struct signer *s, const struct msg *q, int fd)
{
	const struct msg_jws_roll_over *m = &q->jws_roll_over;
	struct jws_place at = { m->kid, m->url, m->nonce };
	const struct key *old, *next;
	json_t *inner;
	struct err *e;

	(void)fd;
	if ((e = keys_get(s->keys, m->account, true, &old)) != NULL ||
	    (e = keys_get(s->keys, m->next, true, &next)) != NULL ||
	    (e = inner_jws(m, old, next, &inner)) != NULL)
		return e;
	return signer_send_jws_of(s, q, m->account, &at, inner);
}

/* ---- authorizations ---- */

struct err *
on_jws_close(struct signer *s, const struct msg *q, int fd)
{
	const struct msg_jws_close *m = &q->jws_close;
	struct jws_place at = { m->kid, m->url, m->nonce };
	struct url url, account;

	(void)fd;
	if (!url_parse(m->url, &url) || !url_parse(m->kid, &account) ||
	    !url_is_apart(&url, &account))
		return err_new(
		    "%.*s could be an account", (int)m->url.n, m->url.p);
	return signer_send_jws_of(s, q, m->account, &at, payload_deactivated());
}
