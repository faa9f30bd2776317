/*
 * cf_batch.c - the changes of one zone, several in one request.
 *
 * Runs in:  certd-dns (_certd-dns; HTTPS to the provider; no files, no exec).
 * Promise:  a zone has one change at a time under way; what comes meanwhile
 *           goes together with the next one. A change is never lost in a
 *           batch: where the shared request failed, each is made alone and ends
 *           with its own answer.
 *
 * Cloudflare makes a batch true whole or not at all. Its deletes come before
 * its posts.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cf_priv.h"

#define COLLECT_MSECS 5   /* the two records of apex and wildcard come at once */
#define CROWD_MSECS   200 /* where more than these came the last time */
#define CROWD_OPS     44  /* so many wait no longer: a call for eleven certificates */
#define BATCH_MAX     200 /* Cloudflare's limit for free zones */

/* The changes of one zone. */
struct cf_lane {
	TAILQ_ENTRY(cf_lane) entry;
	struct cloudflare *cf;
	char zone[CF_ID_SIZE];
	struct cf_op_list waiting, flying;
	struct event *timer;
	size_t n_waiting, n_last; /* changes; of the last batch */
	bool is_handing_out; /* of answers: then the lane stays */
};

static void on_timer(evutil_socket_t fd, short what, void *arg);

static struct cf_lane *
lane_of(struct cloudflare *cf, const char *zone)
{
	struct cf_lane *lane;

	TAILQ_FOREACH(lane, &cf->lanes, entry)
		if (strcmp(lane->zone, zone) == 0)
			return lane;
	if ((lane = calloc(1, sizeof(*lane))) == NULL)
		return NULL;
	lane->cf = cf;
	(void)strcpy(lane->zone, zone);
	TAILQ_INIT(&lane->waiting);
	TAILQ_INIT(&lane->flying);
	if ((lane->timer = evtimer_new(cf->base, on_timer, lane)) == NULL) {
		free(lane);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&cf->lanes, lane, entry);
	return lane;
}

static void
lane_free(struct cf_lane *lane)
{
	TAILQ_REMOVE(&lane->cf->lanes, lane, entry);
	event_free(lane->timer);
	free(lane);
}

/* A job has two changes at a time: apex and wildcard. */
static bool
is_crowd(size_t n)
{
	return n > 2;
}

/* How long to wait for more. Changes that would wait for the pace all the same
 * wait here, where others may still join them. */
static uint64_t
pause_msecs(const struct cf_lane *lane)
{
	uint64_t msecs = is_crowd(lane->n_last) ? CROWD_MSECS : COLLECT_MSECS;
	uint64_t pace = is_crowd(lane->n_waiting) || is_crowd(lane->n_last) ?
	    pace_wait(&lane->cf->pace, cf_now_msecs()) : 0;

	if (lane->n_waiting >= CROWD_OPS)
		msecs = 0;
	return pace > msecs ? pace : msecs;
}

/* Goes on with what waits, or ends the lane. */
static void
settle(struct cf_lane *lane)
{
	uint64_t msecs = pause_msecs(lane);
	struct timeval pause = { (time_t)(msecs / 1000),
		(suseconds_t)(msecs % 1000) * 1000 };

	if (lane->is_handing_out || !TAILQ_EMPTY(&lane->flying))
		return;
	if (!TAILQ_EMPTY(&lane->waiting)) {
		if (!evtimer_pending(lane->timer, NULL) ||
		    lane->n_waiting == CROWD_OPS)
			(void)event_add(lane->timer, &pause);
		return;
	}
	if (is_crowd(lane->n_last)) { /* remembered for a while */
		lane->n_last = 0;
		(void)event_add(lane->timer, &pause);
		return;
	}
	lane_free(lane);
}

void
cf_lanes_free(struct cloudflare *cf)
{
	struct cf_lane *lane, *next;

	TAILQ_FOREACH_SAFE(lane, &cf->lanes, entry, next)
		lane_free(lane);
}

void
cf_batch_join(struct cf_op *op, cf_alone *alone, cf_shared *shared)
{
	struct cf_lane *lane = lane_of(op->cf, op->zone.id);

	if (lane == NULL) {
		alone(op);
		return;
	}
	op->lane = lane;
	op->is_flying = false;
	op->alone = alone;
	op->shared = shared;
	TAILQ_INSERT_TAIL(&lane->waiting, op, of_lane);
	lane->n_waiting++;
	settle(lane);
}

void
cf_batch_leave(struct cf_op *op)
{
	struct cf_lane *lane = op->lane;

	if (lane == NULL)
		return;
	op->lane = NULL;
	TAILQ_REMOVE(op->is_flying ? &lane->flying : &lane->waiting, op,
	    of_lane);
	if (!op->is_flying)
		lane->n_waiting--;
	settle(lane);
}

/* ---- answers ---- */

static void
share_out(struct cf_op *op, const struct cf_reply *reply, const struct err *e)
{
	char number[CF_ID_SIZE];

	if (e != NULL && err_errno(e) != ECONNRESET)
		cf_op_end(op, err_copy(e));
	else if (e != NULL)
		op->shared(op, NULL, err_copy(e));
	else if (!reply->ok)
		op->alone(op);
	else if (*op->value == '\0' && cf_batch_lost(reply, op->numbers[0]))
		op->shared(op, NULL, NULL);
	else if (*op->value != '\0' &&
	    cf_batch_find(reply, op->record, op->value, number))
		op->shared(op, number, NULL);
	else
		op->shared(op, NULL, cf_reply_wrap(reply,
		    err_new("the answer does not tell of %s", op->record)));
}

static void
on_batch(void *arg, const struct cf_reply *reply, struct err *e)
{
	struct cf_lane *lane = arg;
	struct cf_op *op, *next;

	lane->is_handing_out = true;
	TAILQ_FOREACH_SAFE(op, &lane->flying, of_lane, next)
		share_out(op, reply, e);
	lane->is_handing_out = false;
	err_free(e);
	settle(lane);
}

/* ---- requests ---- */

static int
add(json_t *deletes, json_t *posts, const struct cf_op *op)
{
	return *op->value != '\0' ?
	    json_array_append_new(posts, cf_record_json(op)) :
	    json_array_append_new(deletes,
		json_pack("{s:s}", "id", op->numbers[0]));
}

/* The body with all that flies; NULL when out of memory. */
static char *
body_of(const struct cf_lane *lane)
{
	json_t *deletes = json_array(), *posts = json_array(), *body;
	const struct cf_op *op;
	char *text = NULL;
	int bad = 0;

	TAILQ_FOREACH(op, &lane->flying, of_lane)
		bad |= add(deletes, posts, op);
	body = json_pack("{s:o, s:o}", "deletes", deletes, "posts", posts);
	if (body != NULL && bad == 0)
		text = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	return text;
}

static void
send_batch(struct cf_lane *lane)
{
	char path[CF_ID_SIZE + 32], *body = body_of(lane);
	struct err *e;

	(void)snprintf(path, sizeof(path), "/zones/%s/dns_records/batch",
	    lane->zone);
	e = body == NULL ? err_sys("JSON") :
	    cf_call_start(lane->cf, "POST", path, body, 0, on_batch, lane);
	free(body);
	if (e != NULL)
		on_batch(lane, NULL, e);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct cf_lane *lane = arg;
	struct cf_op *op;
	size_t n;

	(void)fd;
	(void)what;
	if (TAILQ_EMPTY(&lane->waiting)) {
		settle(lane); /* ends it */
		return;
	}
	for (n = 0; n < BATCH_MAX &&
	    (op = TAILQ_FIRST(&lane->waiting)) != NULL; n++) {
		TAILQ_REMOVE(&lane->waiting, op, of_lane);
		TAILQ_INSERT_TAIL(&lane->flying, op, of_lane);
		op->is_flying = true;
	}
	lane->n_waiting -= n;
	lane->n_last = n;
	if (n == 1)
		TAILQ_FIRST(&lane->flying)->alone(TAILQ_FIRST(&lane->flying));
	else if (n > 1)
		send_batch(lane);
}
