/*
 * resources.h - what a CA says, taken apart. Pure functions on hostile text:
 * no network, no clock, nothing kept.
 */
#ifndef RESOURCES_H
#define RESOURCES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "names.h"
#include "text.h"

#define CA_JSON_MAX_BYTES  (256 * 1024) /* 100 URLs of 1024, and some */
#define CA_JSON_MAX_DEPTH  16
#define CA_TOKEN_MIN_BYTES 22 /* 128 bits, RFC 8555 section 8.3 */
#define CA_TOKEN_MAX_BYTES 128

/* ---- json.c ---- */
/* Reads one JSON object: bounded in size and depth, no duplicate keys. *out is
 * released with json_decref(). */
struct err	*json_read(const char *text, size_t n, json_t **out);
/* A member that must be a text of 1 to max bytes; borrowed from object. */
struct err	*json_text(const json_t *object, const char *key, size_t max,
		    const char **out);
/* A member that must be a strict https URL; borrowed from object. */
struct err	*json_url(const json_t *object, const char *key,
		    const char **out);
/* The same for an element of a list; key is for the message. */
struct err	*json_check_url(const json_t *value, const char *key,
		    const char **out);
/* The text of a member, cut and escaped for people; "" where there is none. */
const char	*json_label(const json_t *object, const char *key, char *out,
		    size_t size);

/* ---- problem.c: RFC 7807, RFC 8555 section 6.7 ---- */
enum problem {
	PROBLEM_NONE,      /* no problem document */
	PROBLEM_BAD_NONCE, /* to be sent again with the nonce of the error */
	PROBLEM_NOT_READY, /* finalize came too early, or a second time */
	PROBLEM_LIMIT,     /* rateLimited */
	PROBLEM_SERVER,    /* the CA's own trouble: may pass */
	PROBLEM_NO_ACCOUNT, /* accountDoesNotExist */
	PROBLEM_REVOKED,    /* alreadyRevoked */
	PROBLEM_UNAUTHORIZED,
	PROBLEM_PROOF,     /* it did not see what it should: may pass */
	PROBLEM_OTHER,
};

/* The problem as an error of one readable line, subproblems included, with
 * advice. Never NULL. kind may be NULL. */
struct err	*problem_err(const json_t *problem, enum problem *kind);
/* Whether another order may do better. */
bool		 problem_may_pass(enum problem kind);
/* The same for a body; NULL (kind PROBLEM_NONE) when it is no problem
 * document. */
struct err	*problem_parse(const char *text, size_t n, enum problem *kind);

/* ---- resources.c: RFC 8555 section 7.1. What is borrowed lives as long as
 * root; clear with the function of the same name. ---- */
struct directory {
	json_t *root;
	const char *new_nonce, *new_account, *new_order;
	const char *revoke, *key_change; /* "" where there is none */
	const char *terms;  /* URL of the terms of service, or "" */
	bool needs_binding; /* external account binding */
};
struct err	*directory_parse(const char *text, size_t n,
		    struct directory *out);
void		 directory_clear(struct directory *d);

enum order_status {
	ORDER_PENDING,
	ORDER_READY,
	ORDER_PROCESSING,
	ORDER_VALID,
	ORDER_INVALID,
};

struct order {
	json_t *root;
	enum order_status status;
	const char *authorizations[NAMES_MAX];
	size_t n_authorizations;
	const char *finalize;
	const char *certificate; /* "" unless valid */
	const json_t *error;     /* a problem, or NULL */
};
/* Refused unless its identifiers are exactly the names. */
struct err	*order_parse(const char *text, size_t n,
		    const struct strs *names, struct order *out);
void		 order_clear(struct order *o);

enum proof_status { /* of an authorization, and of a challenge */
	PROOF_PENDING,
	PROOF_PROCESSING, /* challenges only */
	PROOF_VALID,
	PROOF_FAILED, /* invalid, expired, deactivated, revoked */
};

struct proof { /* an authorization and its dns-01 challenge */
	json_t *root;
	enum proof_status status;
	const char *word;         /* the status, as the CA wrote it */
	size_t name;              /* which of the names it is for */
	const char *challenge;    /* URL; "" where there is no dns-01 */
	const char *token;        /* likewise */
	enum proof_status answer; /* status of that challenge */
	const json_t *error;      /* of the first challenge with one, or NULL */
};
/* Refused unless it is for one of the names, and, while pending, has a good
 * dns-01 challenge. Challenges of other types are not looked at. */
struct err	*proof_parse(const char *text, size_t n,
		    const struct strs *names, struct proof *out);
void		 proof_clear(struct proof *p);
/* The status in a challenge object, which answers the start of a challenge. */
struct err	*challenge_parse(const char *text, size_t n,
		    enum proof_status *out);

#endif
