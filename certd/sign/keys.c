/*
 * keys.c - keys by the numbers that the monitor gave them.
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    numbers from the monitor.
 * Promise:  a number means one sound key until it is dropped, and an account's
 *           key never does the work of a certificate's, nor the other way round.
 */
#include <stdlib.h>

#include "sign.h"

struct slot {
	uint32_t number;
	struct key *key; /* NULL: free */
};

/* A search through all slots costs microseconds; a signature costs more. */
struct keys {
	struct slot slots[KEYS_MAX];
	size_t used; /* slots in front of this one were used once */
	size_t for_certs;
};

struct keys *
keys_new(void)
{
	return calloc(1, sizeof(struct keys));
}

void
keys_free(struct keys *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->used; i++)
		key_free(t->slots[i].key);
	free(t);
}

/* KEYS_MAX where there is none. */
static size_t
find(const struct keys *t, uint32_t number)
{
	for (size_t i = 0; i < t->used; i++)
		if (t->slots[i].key != NULL && t->slots[i].number == number)
			return i;
	return KEYS_MAX;
}

static size_t
find_free(const struct keys *t)
{
	for (size_t i = 0; i < t->used; i++)
		if (t->slots[i].key == NULL)
			return i;
	return t->used;
}

struct err *
keys_vacant(const struct keys *t, uint32_t number)
{
	if (find(t, number) != KEYS_MAX)
		return err_new("key %u exists already", number);
	if (find_free(t) == KEYS_MAX || !crypto_has_room())
		return err_new("too many keys at once");
	return NULL;
}

struct err *
keys_add(struct keys *t, uint32_t number, struct key *k)
{
	struct err *e = keys_vacant(t, number);
	size_t i;

	if (e == NULL && !k->is_sound)
		e = err_new("key %u was not checked", number);
	if (e != NULL) {
		key_free(k);
		return e;
	}
	i = find_free(t);
	t->slots[i] = (struct slot){ number, k };
	t->for_certs += !k->is_account;
	if (i == t->used)
		t->used++;
	return NULL;
}

struct err *
keys_get(const struct keys *t, uint32_t number, bool is_account,
    const struct key **out)
{
	size_t i = find(t, number);

	if (i == KEYS_MAX)
		return err_new("there is no key %u", number);
	if (t->slots[i].key->is_account != is_account)
		return err_new("key %u is %s", number,
		    is_account ? "no account key" : "an account key");
	*out = t->slots[i].key;
	return NULL;
}

void
keys_drop(struct keys *t, uint32_t number)
{
	size_t i = find(t, number);

	if (i == KEYS_MAX)
		return;
	t->for_certs -= !t->slots[i].key->is_account;
	key_free(t->slots[i].key);
	t->slots[i].key = NULL;
}

size_t
keys_for_certs(const struct keys *t)
{
	return t->for_certs;
}
