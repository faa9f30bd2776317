/*
 * payload.c - what is said to a CA, built from typed fields (RFC 8555 7.3-7.5).
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    names and contacts that an administrator asked for.
 * Promise:  these four are all the payloads that can ever be signed, next to
 *           the empty one of POST-as-GET.
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

json_t *
payload_finalize(const struct buf *csr)
{
	struct buf *text = buf_new(CERT_FILE_MAX);
	struct err *e = NULL;
	json_t *p = NULL;

	if (text == NULL)
		return NULL;
	if ((e = b64u_add(text, buf_data(csr), buf_len(csr))) == NULL)
		p = json_pack("{s:s}", "csr", buf_data(text));
	err_free(e);
	buf_free(text);
	return p;
}
