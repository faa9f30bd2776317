/*
 * cf_publish.c - makes a TXT record, once.
 *
 * Runs in:  certd-dns (_certd-dns; HTTPS to the provider; no files, no exec).
 * Promise:  the API knows no idempotent POST: wherever one may have had its
 *           effect, the record is searched for before it is posted again, and
 *           adopted where it stands; so is one of an order that was
 *           interrupted.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cf_priv.h"

#define POSTS_MAX        4
#define POST_AGAIN_MSECS 1000U /* doubled each time */
#define TTL_SECS         120   /* what certbot, lego and acme.sh take */
#define COMMENT          "ACME challenge, made by certd"

static void on_posted(void *arg, const struct cf_reply *reply, struct err *e);

/* Content in quotes: without them the dashboard complains. */
json_t *
cf_record_json(const struct cf_op *op)
{
	char content[64];

	(void)snprintf(content, sizeof(content), "\"%s\"", op->value);
	return json_pack("{s:s, s:s, s:s, s:i, s:s}", "type", "TXT", "name",
	    op->record, "content", content, "ttl", TTL_SECS, "comment",
	    COMMENT);
}

static char *
body_of(const struct cf_op *op)
{
	json_t *body = cf_record_json(op);
	char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);

	json_decref(body);
	return text;
}

static void
post(struct cf_op *op)
{
	unsigned delay =
	    op->posts == 0 ? 0 : POST_AGAIN_MSECS << (op->posts - 1);
	char *body = body_of(op);

	if (body == NULL) {
		cf_op_end(op, err_sys("JSON"));
		return;
	}
	op->posts++;
	cf_op_call(op, "POST", "/dns_records", body, delay, on_posted);
	free(body);
}

static void
end_well(struct cf_op *op, const char *number)
{
	(void)snprintf(op->number, sizeof(op->number), "%s", number);
	cf_made_add(op->cf, op->zone.id, number);
	cf_op_end(op, NULL);
}

/* After doubt: the record is there, or it may be posted again. */
static void
on_listed(struct cf_op *op)
{
	struct err *e;

	if (op->n_numbers > 0) {
		end_well(op, op->numbers[0]);
	} else if (op->posts < POSTS_MAX) {
		post(op);
	} else {
		e = op->doubt;
		op->doubt = NULL;
		cf_op_end(op, e);
	}
}

static void
search(struct cf_op *op, struct err *doubt)
{
	err_free(op->doubt);
	op->doubt = doubt;
	cf_op_list(op, on_listed);
}

/* A zone that was deleted and made anew has another number; to the old one the
 * API says 7003, or that the token may not (403). */
static void
find_zone_again(struct cf_op *op, const struct cf_reply *reply)
{
	cf_zone_forget(op->cf, op->zone.id);
	if (op->is_found_again) {
		cf_op_end(op, cf_reply_error(reply));
		return;
	}
	op->is_found_again = true;
	cf_op_find_zone(op, post);
}

static void
on_posted(void *arg, const struct cf_reply *reply, struct err *e)
{
	struct cf_op *op = arg;
	char number[CF_ID_SIZE];

	if (e != NULL) {
		if (err_errno(e) == ECONNRESET)
			search(op, e);
		else
			cf_op_end(op, e);
	} else if (reply->ok) {
		if ((e = cf_record_read(reply, op->record, number)) != NULL)
			search(op, e);
		else
			end_well(op, number);
	} else if (cf_reply_has(reply, 81057) || cf_reply_has(reply, 81058)) {
		search(op, cf_reply_error(reply)); /* it is there already */
	} else if (cf_is_lost(reply) || reply->status == 403) {
		find_zone_again(op, reply);
	} else {
		cf_op_end(op, cf_reply_error(reply));
	}
}

static void
on_shared(struct cf_op *op, const char *number, struct err *doubt)
{
	if (doubt != NULL)
		search(op, doubt);
	else
		end_well(op, number);
}

static void
join(struct cf_op *op)
{
	cf_batch_join(op, post, on_shared);
}

static void
on_sought(struct cf_op *op)
{
	if (op->n_numbers > 0)
		end_well(op, op->numbers[0]);
	else
		join(op);
}

static void
seek(struct cf_op *op)
{
	cf_op_list(op, on_sought);
}

struct err *
cloudflare_publish(struct cloudflare *cf, struct str record, struct str value,
    bool again, cf_done *done, void *arg)
{
	struct cf_op *op;
	struct err *e;

	if (value.n == 0)
		return err_new("no value of a challenge");
	e = cf_op_new(cf, "publishing", record, value, done, arg, &op);
	if (e == NULL)
		cf_op_find_zone(op, again ? seek : join);
	return e;
}

static void
on_expected(struct cf_op *op)
{
	cf_op_end(op, NULL);
}

struct err *
cloudflare_expect(
    struct cloudflare *cf, struct str record, cf_done *done, void *arg)
{
	struct cf_op *op;
	struct err *e;

	e = cf_op_new(cf, "looking for the zone of", record, str_of(""), done,
	    arg, &op);
	if (e == NULL)
		cf_op_find_zone(op, on_expected);
	return e;
}
