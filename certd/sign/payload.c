/*
 * payload.c - what is said to a CA, built from typed fields (RFC 8555 7.3-7.6).
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    names and contacts that an administrator asked for.
 * Promise:  these are all the payloads that can ever be signed, next to the
 *           empty one of POST-as-GET.
 */
#include "sign.h"

static json_t *
json_of_str(struct str s)
{
	return json_stringn(s.p, s.n);
}

static json_t *
json_of_strs(struct strs list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list.n; i++)
		if (json_array_append_new(array, json_of_str(list.v[i])) != 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

json_t *
payload_new_account(struct strs contacts, bool agree_tos)
{
	json_t *p = json_object();

	/* An absent member says "no"; false is no word of RFC 8555 7.3. */
	if ((agree_tos && json_object_set_new(
			      p, "termsOfServiceAgreed", json_true()) != 0) ||
	    (contacts.n > 0 && json_object_set_new(p, "contact",
				   json_of_strs(contacts)) != 0)) {
		json_decref(p);
		return NULL;
	}
	return p;
}

json_t *
payload_new_order(struct strs names)
{
	json_t *list = json_array();

	for (size_t i = 0; i < names.n; i++)
		if (json_array_append_new(
			list, json_pack("{s:s, s:o}", "type", "dns", "value",
				  json_of_str(names.v[i]))) != 0) {
			json_decref(list);
			return NULL;
		}
	return json_pack("{s:o}", "identifiers", list);
}

json_t *
payload_answer(void)
{
	return json_object();
}

/* Bytes as base64url, or NULL. */
static json_t *
json_of_bytes(const struct buf *bytes)
{
	struct buf *text = buf_new(2 * CERT_FILE_MAX);
	struct err *e = NULL;
	json_t *p = NULL;

	if (text == NULL)
		return NULL;
	if ((e = b64u_add(text, buf_data(bytes), buf_len(bytes))) == NULL)
		p = json_string(buf_data(text));
	err_free(e);
	buf_free(text);
	return p;
}

json_t *
payload_finalize(const struct buf *csr)
{
	return json_pack("{s:o}", "csr", json_of_bytes(csr));
}

json_t *
payload_find_account(void)
{
	return json_pack("{s:b}", "onlyReturnExisting", 1);
}

/* An empty list takes all contacts away; an empty object would say nothing. */
json_t *
payload_contact(struct strs contacts)
{
	return json_pack("{s:o}", "contact", json_of_strs(contacts));
}

json_t *
payload_deactivated(void)
{
	return json_pack("{s:s}", "status", "deactivated");
}

json_t *
payload_revoke(const struct buf *der, unsigned reason)
{
	return json_pack("{s:o, s:i}", "certificate", json_of_bytes(der),
	    "reason", (int)reason);
}

/* old_key is taken. */
json_t *
payload_key_change(struct str account, json_t *old_key)
{
	return json_pack(
	    "{s:o, s:o}", "account", json_of_str(account), "oldKey", old_key);
}
