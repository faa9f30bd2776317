/*
 * cf_priv.h - what the files of the Cloudflare client share.
 */
#ifndef CF_PRIV_H
#define CF_PRIV_H

#include "cf_reply.h"
#include "pace.h"
#include "publisher.h"
#include "queue.h"

#define CF_FOUND_MAX 16 /* records of one name and value: there can be one */

struct cf_call;
struct cf_op;
struct cf_walk;
struct cf_entry;
struct cf_lane;
struct cf_made;
struct cf_token;

struct cloudflare {
	struct event_base *base;
	struct https *https;
	char *api; /* without a last "/" */
	struct credentials credentials;
	struct pace pace;
	time_t silent_until; /* monotonic: a long Retry-After */
	TAILQ_HEAD(cf_call_list, cf_call) calls;
	TAILQ_HEAD(cf_entry_list, cf_entry) entries; /* oldest first */
	size_t n_entries;
	TAILQ_HEAD(cf_walk_list, cf_walk) walks;
	TAILQ_HEAD(cf_op_list, cf_op) ops;
	TAILQ_HEAD(cf_lane_list, cf_lane) lanes; /* cf_batch.c */
	TAILQ_HEAD(cf_made_list, cf_made) made; /* oldest first */
	size_t n_made;
	LIST_HEAD(cf_token_list, cf_token) looks; /* cf_token.c */
};

uint64_t	 cf_now_msecs(void);
time_t		 cf_now_secs(void); /* of the same clock */

/* ---- cf_call.c: one request, tried again where that is harmless ---- */

/* reply is set when the API answered, be it with complaints; else e (owned by
 * the callee) says why not. err_errno(e) is ECONNRESET where a POST may have
 * had its effect. */
typedef void cf_call_done(void *arg, const struct cf_reply *reply,
    struct err *e);

/* path begins with "/"; body is JSON or NULL. It is sent after delay_msecs at
 * the earliest. done never comes before this returns. */
struct err	*cf_call_start(struct cloudflare *cf, const char *method,
		    const char *path, const char *body, unsigned delay_msecs,
		    cf_call_done *done, void *arg);
void		 cf_calls_free(struct cloudflare *cf);

/* ---- cf_token.c ---- */
void		 cf_looks_free(struct cloudflare *cf);

/* ---- cf_zone.c: which zone holds a name ---- */

/* z lives during the callback; where it is NULL, e (owned by the callee) says
 * why. */
typedef void cf_zone_done(void *arg, const struct cf_zone *z, struct err *e);

/* Finds the zone for base (a name without CHALLENGE_LABEL). done may come
 * before this returns. */
void		 cf_zone_find(struct cloudflare *cf, const char *base,
		    cf_zone_done *done, void *arg);
/* Forgets a zone that turned out not to be there, and all that led to it. */
void		 cf_zone_forget(struct cloudflare *cf, const char *id);
void		 cf_zone_forget_all(struct cloudflare *cf);
void		 cf_zones_free(struct cloudflare *cf);

/* ---- cf_made.c: records that this process made ---- */

void		 cf_made_add(struct cloudflare *cf, const char *zone,
		    const char *number);
/* Whether it is one of them. */
bool		 cf_made_has(const struct cloudflare *cf, const char *zone,
		    const char *number);
void		 cf_made_drop(struct cloudflare *cf, const char *zone,
		    const char *number);
void		 cf_made_free(struct cloudflare *cf);

/* ---- cf_op.c: publish, remove, find and remove ---- */

struct cf_op;
typedef void cf_alone(struct cf_op *op);
/* number: of the record made, or NULL for a removal that is done. Where doubt
 * (owned by the callee) is set, the change may or may not have been made. */
typedef void cf_shared(struct cf_op *op, const char *number,
    struct err *doubt);

struct cf_op {
	TAILQ_ENTRY(cf_op) entry;
	struct cloudflare *cf;
	const char *doing;    /* for errors: "publishing" */
	char *record, *value; /* value: "" where none is needed */
	cf_done *done;
	void *arg;
	struct cf_zone zone; /* of a removal by number: its id alone */
	void (*found)(struct cf_op *op);
	char number[CF_ID_SIZE];
	bool is_found_again; /* the zone was lost once */
	/* publish */
	unsigned posts;
	struct err *doubt; /* why a POST may or may not have had its effect */
	/* lists of records */
	unsigned page;
	char numbers[CF_FOUND_MAX][CF_ID_SIZE];
	size_t n_numbers;
	void (*listed)(struct cf_op *op);
	/* of cf_batch.c */
	TAILQ_ENTRY(cf_op) of_lane;
	struct cf_lane *lane; /* NULL: in none */
	bool is_flying;	      /* its change has been sent */
	cf_alone *alone;
	cf_shared *shared;
};

/* A new request, if the record may be touched by us at all. */
struct err	*cf_op_new(struct cloudflare *cf, const char *doing,
		    struct str record, struct str value, cf_done *done,
		    void *arg, struct cf_op **out);
/* Ends with e (taken; NULL: success), and frees op. */
void		 cf_op_end(struct cf_op *op, struct err *e);
/* Looks for the zone of the record; found comes with op->zone filled. What goes
 * wrong ends op. */
void		 cf_op_find_zone(struct cf_op *op,
		    void (*found)(struct cf_op *op));
/* Sends a request to "/zones/ID" and path. What cannot be sent ends op. */
void		 cf_op_call(struct cf_op *op, const char *method,
		    const char *path, const char *body, unsigned delay_msecs,
		    cf_call_done *done);
/* Fills op->numbers with those of the records that have the right name and
 * value. What goes wrong ends op. */
void		 cf_op_list(struct cf_op *op, void (*listed)(struct cf_op *op));
/* Whether the reply says that there is no such zone, or no such record. */
bool		 cf_is_lost(const struct cf_reply *reply);
void		 cf_ops_free(struct cloudflare *cf);

/* ---- cf_publish.c ---- */

/* The record to be made, as the API takes it. NULL when out of memory. */
json_t		*cf_record_json(const struct cf_op *op);

/* ---- cf_batch.c: changes of one zone, several in one request ---- */

/* Makes the change of op (to make its record; where it has no value, to remove
 * op->numbers[0]) together with others of its zone, and calls shared; or calls
 * alone, which makes it in a request of its own. May come before this returns.
 */
void		 cf_batch_join(struct cf_op *op, cf_alone *alone,
		    cf_shared *shared);
/* op ends. */
void		 cf_batch_leave(struct cf_op *op);
/* There are no ops any more. */
void		 cf_lanes_free(struct cloudflare *cf);

#endif
