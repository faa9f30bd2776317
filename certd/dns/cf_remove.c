/*
 * cf_remove.c - removes TXT records, by number or by content.
 *
 * Runs in:  certd-dns (_certd-dns; HTTPS to the provider; no files, no exec).
 * Promise:  nothing is deleted but a TXT record of a challenge name: one that
 *           this process made, or that was looked at first. That a record is
 *           gone already is success.
 */
#include <stdio.h>
#include <string.h>

#include "cf_priv.h"
#include "text.h"

static void delete_next(struct cf_op *op);

static void
on_deleted(void *arg, const struct cf_reply *reply, struct err *e)
{
	struct cf_op *op = arg;

	if (e == NULL && !reply->ok && !cf_is_lost(reply))
		e = cf_reply_error(reply);
	if (e != NULL) {
		cf_op_end(op, e);
		return;
	}
	if (!reply->ok && !cf_reply_has(reply, 81044))
		cf_zone_forget(op->cf, op->zone.id);
	op->n_numbers--;
	cf_made_drop(op->cf, op->zone.id, op->numbers[op->n_numbers]);
	delete_next(op);
}

static void
delete_alone(struct cf_op *op)
{
	char path[CF_ID_SIZE + 32];

	(void)snprintf(path, sizeof(path), "/dns_records/%s",
	    op->numbers[op->n_numbers - 1]);
	cf_op_call(op, "DELETE", path, NULL, 0, on_deleted);
}

/* A deletion that may have been made does no harm when it is repeated. */
static void
on_shared(struct cf_op *op, const char *number, struct err *doubt)
{
	(void)number;
	if (doubt != NULL) {
		err_free(doubt);
		delete_alone(op);
		return;
	}
	cf_made_drop(op->cf, op->zone.id, op->numbers[0]);
	cf_op_end(op, NULL);
}

/* Deletes op->numbers, the last one first. */
static void
delete_next(struct cf_op *op)
{
	if (op->n_numbers == 0)
		cf_op_end(op, NULL);
	else if (op->n_numbers == 1 && *op->value == '\0')
		cf_batch_join(op, delete_alone, on_shared);
	else
		delete_alone(op);
}

/* What stands at the number that the ledger remembers. */
static void
on_record(void *arg, const struct cf_reply *reply, struct err *e)
{
	struct cf_op *op = arg;

	if (e == NULL && !reply->ok && !cf_is_lost(reply))
		e = cf_reply_error(reply);
	if (e == NULL && reply->ok) {
		char number[CF_ID_SIZE];

		e = cf_record_read(reply, op->record, number);
	}
	if (e != NULL || !reply->ok)
		cf_op_end(op, e);
	else
		delete_next(op);
}

static bool
take_id(char out[CF_ID_SIZE], struct str id)
{
	if (!text_is_hex(id.p, id.n) || id.n >= CF_ID_SIZE)
		return false;
	memcpy(out, id.p, id.n);
	out[id.n] = '\0';
	return true;
}

struct err *
cloudflare_remove(struct cloudflare *cf, struct str record, struct str zone,
    struct str number, cf_done *done, void *arg)
{
	char path[CF_ID_SIZE + 32];
	struct cf_op *op;
	struct err *e;

	if ((e = cf_op_new(
		 cf, "removing", record, str_of(""), done, arg, &op)) != NULL)
		return e;
	op->n_numbers = 1;
	if (!take_id(op->zone.id, zone) || !take_id(op->numbers[0], number)) {
		cf_op_end(op, err_new("the number of zone or record is none"));
		return NULL;
	}
	if (cf_made_has(cf, op->zone.id, op->numbers[0])) {
		delete_next(op);
		return NULL;
	}
	(void)snprintf(path, sizeof(path), "/dns_records/%s", op->numbers[0]);
	cf_op_call(op, "GET", path, NULL, 0, on_record);
	return NULL;
}

static void
list(struct cf_op *op)
{
	cf_op_list(op, delete_next);
}

struct err *
cloudflare_find_remove(struct cloudflare *cf, struct str record,
    struct str value, cf_done *done, void *arg)
{
	struct cf_op *op;
	struct err *e;

	if (value.n == 0)
		return err_new("no value of a challenge");
	e = cf_op_new(cf, "removing", record, value, done, arg, &op);
	if (e == NULL)
		cf_op_find_zone(op, list);
	return e;
}
