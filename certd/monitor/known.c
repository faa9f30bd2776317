/*
 * known.c - what the signer has said of a certificate that certd then stores:
 * who looks for it next need not ask again.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    the signer's answer about a chain.
 * Promise:  the ledger has it under the identity of the very files that are in
 *           place, while the store's lock is ours; without it the certificate is
 *           looked at as any other.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "monitor.h"

struct known {
	char *names, *serial, *issuer, *key_id, *sha256;
	uint32_t key_kind;
	time_t not_before, not_after;
};

/* A SAN with a space in it is no DNS name, and such a certificate none of
 * ours. */
char *
known_names(struct strs names)
{
	size_t i, n = 1;
	char *text, *p;

	for (i = 0; i < names.n; i++)
		n += names.v[i].n + 1;
	if ((text = p = calloc(1, n)) == NULL)
		return NULL;
	for (i = 0; i < names.n; i++)
		p += sprintf(p, "%s%.*s", i == 0 ? "" : " ",
		    (int)names.v[i].n, names.v[i].p);
	return text;
}

struct known *
known_new(const struct msg_chain_good *c)
{
	struct known *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	k->names = known_names(c->names);
	k->serial = str_dup(c->serial);
	k->issuer = str_dup(c->issuer);
	k->key_id = str_dup(c->key_id);
	k->sha256 = str_dup(c->sha256);
	k->key_kind = c->key_kind;
	k->not_before = (time_t)c->not_before;
	k->not_after = (time_t)c->not_after;
	if (k->names != NULL && k->serial != NULL && k->issuer != NULL &&
	    k->key_id != NULL && k->sha256 != NULL)
		return k;
	known_free(k);
	return NULL;
}

void
known_note(struct monitor *m, const char *lineage, const struct known *k)
{
	struct glance g;
	struct err *e;

	if (k == NULL || !lineage_glance(m->store, lineage, true, &g))
		return;
	if ((e = ledger_begin_lazy(m->ledger)) == NULL)
		e = ledger_end(m->ledger, ledger_index_put(m->ledger,
		    &(struct ledger_index) { lineage, g.files[SEEN_SET],
		    k->names, k->serial, k->issuer, k->key_id, k->sha256,
		    k->key_kind, k->not_before, k->not_after }));
	log_err(LOG_LEVEL_WARN, err_wrap(e, "%s", lineage));
}

void
known_free(struct known *k)
{
	if (k == NULL)
		return;
	free(k->names);
	free(k->serial);
	free(k->issuer);
	free(k->key_id);
	free(k->sha256);
	free(k);
}
