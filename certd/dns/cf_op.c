/*
 * cf_op.c - what publishing and removing have in common.
 *
 * Runs in:  certd-dns (_certd-dns; HTTPS to the provider; no files, no exec).
 * Promise:  only challenge names and values of 43 base64url characters come
 *           further than cf_op_new(), whatever the codec let through.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cf_priv.h"
#include "names.h"
#include "text.h"

#define DIGEST_BYTES 43 /* SHA-256 as base64url, RFC 8555 section 8.4 */
#define PER_PAGE     100
#define PAGES_MAX    20

static void
op_free(struct cf_op *op)
{
	cf_batch_leave(op);
	TAILQ_REMOVE(&op->cf->ops, op, entry);
	err_free(op->doubt);
	free(op->record);
	free(op->value);
	free(op);
}

void
cf_ops_free(struct cloudflare *cf)
{
	struct cf_op *op, *next;

	TAILQ_FOREACH_SAFE(op, &cf->ops, entry, next)
		op_free(op);
}

static struct err *
check(const struct cloudflare *cf, struct str record, struct str value)
{
	if (!name_is_challenge(record))
		return err_new("no record of a challenge");
	if (value.n != 0 &&
	    (value.n != DIGEST_BYTES || !text_is_base64url(value.p, value.n)))
		return err_new("no value of a challenge");
	if (cf->credentials.n_headers == 0)
		return err_advise(err_new("there are no credentials for "
					  "Cloudflare"),
		    "set credentials in section [dns] of certd.conf");
	return NULL;
}

struct err *
cf_op_new(struct cloudflare *cf, const char *doing, struct str record,
    struct str value, cf_done *done, void *arg, struct cf_op **out)
{
	struct cf_op *op;
	struct err *e;

	*out = NULL;
	if ((e = check(cf, record, value)) != NULL)
		return e;
	if ((op = calloc(1, sizeof(*op))) == NULL)
		return err_sys("%s", doing);
	TAILQ_INSERT_TAIL(&cf->ops, op, entry);
	op->cf = cf;
	op->doing = doing;
	op->done = done;
	op->arg = arg;
	op->record = str_dup(record);
	op->value = str_dup(value);
	if (op->record == NULL || op->value == NULL) {
		op_free(op);
		return err_sys("%s", doing);
	}
	*out = op;
	return NULL;
}

void
cf_op_end(struct cf_op *op, struct err *e)
{
	struct cf_place place = { &op->zone, op->number };

	if (e != NULL && *op->zone.status != '\0' &&
	    strcmp(op->zone.status, "active") != 0)
		(void)err_advise(e,
		    "the zone %s is \"%s\" at Cloudflare: set "
		    "its name servers at the registrar first",
		    op->zone.name, op->zone.status);
	e = err_wrap(e, "%s %s", op->doing, op->record);
	op->done(op->arg, e == NULL ? &place : NULL, e);
	op_free(op);
}

/* ---- the zone ---- */

static void
on_zone(void *arg, const struct cf_zone *z, struct err *e)
{
	struct cf_op *op = arg;

	if (e != NULL) {
		cf_op_end(op, e);
		return;
	}
	op->zone = *z;
	op->found(op);
}

void
cf_op_find_zone(struct cf_op *op, void (*found)(struct cf_op *op))
{
	op->found = found;
	cf_zone_find(op->cf, op->record + strlen(CHALLENGE_LABEL), on_zone, op);
}

/* 81044: no such record; 7003, 1001: no such zone. 7000 alone is another API
 * than Cloudflare's. */
bool
cf_is_lost(const struct cf_reply *reply)
{
	return cf_reply_has(reply, 81044) || cf_reply_has(reply, 7003) ||
	       cf_reply_has(reply, 1001) ||
	       (reply->status == 404 && !cf_reply_has(reply, 7000));
}

void
cf_op_call(struct cf_op *op, const char *method, const char *path,
    const char *body, unsigned delay_msecs, cf_call_done *done)
{
	char whole[1024];
	struct err *e;

	(void)snprintf(whole, sizeof(whole), "/zones/%s%s", op->zone.id, path);
	if ((e = cf_call_start(
		 op->cf, method, whole, body, delay_msecs, done, op)) != NULL)
		cf_op_end(op, e);
}

/* ---- lists of records ---- */

static void ask_page(struct cf_op *op);

static void
on_page(void *arg, const struct cf_reply *reply, struct err *e)
{
	struct cf_op *op = arg;

	if (e == NULL && !reply->ok)
		e = cf_reply_error(reply);
	if (e == NULL && !json_is_array(reply->result))
		e = cf_reply_wrap(reply, err_new("\"result\" is no list"));
	if (e != NULL) {
		cf_op_end(op, err_wrap(e, "listing the records"));
		return;
	}
	op->n_numbers += cf_records_find(reply, op->record, op->value,
	    op->numbers + op->n_numbers, CF_FOUND_MAX - op->n_numbers);
	if (op->page++ < reply->n_pages && op->page <= PAGES_MAX &&
	    op->n_numbers < CF_FOUND_MAX)
		ask_page(op);
	else
		op->listed(op);
}

static void
ask_page(struct cf_op *op)
{
	char path[512];

	(void)snprintf(path, sizeof(path),
	    "/dns_records?type=TXT&name=%s&per_page=%d&page=%u", op->record,
	    PER_PAGE, op->page);
	cf_op_call(op, "GET", path, NULL, 0, on_page);
}

/* By name alone: a filter by content would miss the other quoting. */
void
cf_op_list(struct cf_op *op, void (*listed)(struct cf_op *op))
{
	op->listed = listed;
	op->page = 1;
	op->n_numbers = 0;
	ask_page(op);
}
