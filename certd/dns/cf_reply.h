/*
 * cf_reply.h - reads what Cloudflare's API answers. Pure: no network, no clock.
 */
#ifndef CF_REPLY_H
#define CF_REPLY_H

#include <jansson.h>
#include <time.h>

#include "publisher.h"

#define CF_BODY_MAX_BYTES (256 * 1024) /* 100 records are 60 KiB */
#define CF_PROBLEMS_MAX	  8

struct cf_problem {
	long code;
	char message[256]; /* escaped */
};

/* The envelope of every answer. */
struct cf_reply {
	long status;		  /* of HTTP */
	const char *asked;	  /* "GET https://...", or NULL; borrowed */
	bool ok;		  /* 2xx and "success" */
	json_t *root;
	const json_t *result;	  /* in root, or NULL */
	unsigned page, n_pages;	  /* 1 and 1 where nothing is said */
	struct cf_problem problems[CF_PROBLEMS_MAX];
	size_t n_problems;
	const char *life;	  /* what is known of the token that it
				   * complains of, or NULL; borrowed */
};

/* Reads the envelope. An error where the body is none. Afterwards
 * cf_reply_clear(), on error too. */
struct err	*cf_reply_read(long status, const char *body, size_t n,
		    struct cf_reply *out);
void		 cf_reply_clear(struct cf_reply *r);
/* Whether it complains with this code. */
bool		 cf_reply_has(const struct cf_reply *r, long code);
/* What it complains of, with advice from the table. */
struct err	*cf_reply_error(const struct cf_reply *r);
/* Puts before e (taken) what was asked for. */
struct err	*cf_reply_wrap(const struct cf_reply *r, struct err *e);
/* ---- cf_life.c: what the API says of a token itself ---- */
#define CF_LIFE_PATH "/user/tokens/verify"
struct cf_life {
	bool is_over;	/* expired, or disabled */
	char words[96]; /* that it is, or "" */
	time_t expires; /* 0: never, or not known */
};
/* False where the answer tells nothing. */
bool		 cf_life_read(const struct cf_reply *r, struct cf_life *out);
/* Whether the API can be asked with these credentials. */
bool		 cf_life_may_ask(const struct credentials *c);
/* Whether it complains of the credentials, and not of what they may do. */
bool		 cf_reply_is_of_token(const struct cf_reply *r);

/* A copy of text as it may stand in messages and logs; out is terminated. */
void		 cf_show(char *out, size_t size, const char *text);

/* The zone of exactly this name among those listed; *found is false where there
 * is none. Several that are equally good are an error. */
struct err	*cf_zone_read(const struct cf_reply *r, const char *name,
		    struct cf_zone *out, bool *found);
/* The names of the zones listed, all of which must be below zone; false where
 * the list is none, or has another name or more than max. */
bool		 cf_zones_below(const struct cf_reply *r, const char *zone,
		    char (*names)[CF_NAME_SIZE], size_t max, size_t *n);
/* The number of the record made, or asked for, which must be a TXT record of
 * this name. */
struct err	*cf_record_read(const struct cf_reply *r, const char *name,
		    char number[CF_ID_SIZE]);
/* The numbers of the listed TXT records with this name and content, quoted or
 * not; at most max. Returns how many. */
size_t		 cf_records_find(const struct cf_reply *r, const char *name,
		    const char *value, char (*numbers)[CF_ID_SIZE], size_t max);
/* Likewise the one among those that a batch made. */
bool		 cf_batch_find(const struct cf_reply *r, const char *name,
		    const char *value, char number[CF_ID_SIZE]);
/* Whether the batch says that it deleted the record of this number. */
bool		 cf_batch_lost(const struct cf_reply *r, const char *number);

#endif
