/*
 * ca.h - a CA, as acmew sees it: its directory, its nonces, and one signed
 * request with all attempts that it takes.
 */
#ifndef CA_H
#define CA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "err.h"
#include "https.h"
#include "proto.h"
#include "resources.h"

struct event;
struct job;
struct nonces;
struct request;
struct worker;

/* ---- ca.c: directories ---- */

#define CLOCK_TEXT_SIZE 80

struct ca {
	LIST_ENTRY(ca) of_worker;
	struct worker *worker;
	char *url;
	struct directory directory;
	uint64_t read_at_msecs; /* 0: not there */
	struct https_call *call;
	struct event *timer; /* until it is tried again */
	unsigned failures;
	TAILQ_HEAD(job_queue, job) waiting;
	struct nonces *nonces;
	long clock_ahead_secs; /* of this machine's, at the last directory */
	/* Before the first look: whether it has validated, has issued. */
	unsigned validates_msecs, issues_msecs;
	unsigned trip_msecs; /* the shortest time that an answer took */
};

/* The CA with this directory; it lives as long as the worker. */
struct err	*ca_find(struct worker *w, struct str url, struct ca **out);
/* Raises JE_DIRECTORY at the job, now or later, or fails it later. */
struct err	*ca_want_directory(struct ca *ca, struct job *job);
/* The job waits no more. */
void		 ca_leave(struct ca *ca, struct job *job);
/* "this machine's clock is 61 minutes ahead of the CA's", or "" where the two
 * agree well enough. */
const char	*ca_clock_text(const struct ca *ca, char out[CLOCK_TEXT_SIZE]);
/* An answer to a request for the directory: the next job has it. An error where
 * it is none. */
struct err	*ca_take_directory(struct ca *ca,
		    const struct https_response *r);
/* Something was wrong: the directory is read anew for the next job. */
void		 ca_forget_directory(struct ca *ca);
void		 ca_free(struct ca *ca);

/* ---- nonce.c: anti-replay nonces of one CA ---- */

#define NONCE_MAX_BYTES 256

struct err	*nonces_new(struct ca *ca, struct nonces **out);
void		 nonces_free(struct nonces *n);
/* Gives r a nonce by request_sign(), now or later, or fails it later. */
struct err	*nonce_want(struct nonces *n, struct request *r);
/* Somebody will soon want so many at a time: those that neither the pool nor
 * answers under way will have by then are asked for now, as far as allowed. With
 * several jobs these have more than one of them needs. */
void		 nonce_expect(struct nonces *n, size_t want);
/* The request waits no more. */
void		 nonce_leave(struct nonces *n, struct request *r);
/* Keeps the nonce of an answer, where it has a good one. */
void		 nonce_keep(struct nonces *n, const struct https_response *r);
/* A signed request leaves for the CA; its answer will bring a nonce. */
void		 nonce_sent(struct nonces *n);
/* It was answered, failed, or was given up. */
void		 nonce_back(struct nonces *n);
/* The nonce of an answer, or NULL where it has none that is fit. */
const char	*nonce_of(const struct https_response *r);

/* ---- request.c: one signed request ---- */

/* What came of a request. */
struct answer {
	const struct https_response *response; /* of status 2xx, or NULL */
	struct err *e; /* otherwise, why not; the callee's */
	enum problem problem;
	long status; /* of the answer; 0: none came */
	bool unsure; /* the CA may have acted on it */
};
typedef void request_done(void *arg, struct answer *a);

struct request {
	LIST_ENTRY(request) of_job;
	TAILQ_ENTRY(request) of_nonces;
	struct job *job;
	enum verb verb;
	char *url;
	size_t max_bytes;
	bool awaits_nonce, is_sent;
	uint32_t sign_id; /* request number, 0 when not waiting */
	char nonce[NONCE_MAX_BYTES + 1]; /* of a badNonce error, or "" */
	struct https_call *call;
	uint64_t posted_msecs;
	struct event *timer;
	unsigned failures, bad_nonces;
	request_done *done;
	void *arg;
};

/* Asks for a signature on what the verb means for the job, sends it to url
 * (copied) and takes an answer of at most max_bytes. done comes once, never
 * before this returns, unless the job goes first. It may free the job. */
struct err	*request_start(struct job *job, enum verb verb, const char *url,
		    size_t max_bytes, request_done *done, void *arg);
/* Signs with this nonce. For nonce.c. */
struct err	*request_sign(struct request *r, const char *nonce);
/* Ends the request with e (taken). For nonce.c. */
void		 request_fail(struct request *r, struct err *e);
/* Drops a request; done does not come. */
void		 request_free(struct request *r);
/* certd's answer to a sign request, for worker.c. */
struct err	*on_signed(struct job *job, const struct msg *m);

/* ---- answer.c: what an HTTP answer means. Pure. ---- */

enum retry_next {
	RETRY_TAKE,    /* a good answer */
	RETRY_AGAIN,   /* the same once more after delay_msecs */
	RETRY_UNSURE,  /* it may have had an effect: look first */
	RETRY_GIVE_UP, /* a failure; not_before_secs from now, or 0 */
};

struct attempt {
	bool repeatable;       /* harmless when the CA sees it twice */
	unsigned failures;     /* how many attempts failed before this one */
	unsigned max_failures; /* 0: the usual number */
	unsigned bad_nonces;   /* how many were refused for their nonce */
	long status;           /* 0: no answer came */
	int error;             /* then: err_errno() of https.h */
	long retry_after_secs; /* -1: none */
	enum problem problem;
};

struct plan {
	enum retry_next next;
	unsigned delay_msecs;
	long not_before_secs;
};

#define RETRY_AFTER_MAX_SECS (7L * 86400)

struct plan	 answer_plan(const struct attempt *a);
/* How long to wait before the n-th look (from 0) at something that the CA is
 * at work on, in milliseconds: first is what it gets before the first look, of
 * which the way there and back is a part. retry_after_secs: what it asked for,
 * or -1. */
unsigned	 answer_poll_msecs(unsigned first, unsigned n,
		    long retry_after_secs, unsigned trip_msecs);
/* What it gets from the next job, where this one gave it first, and found it
 * ready or not. */
#define POLL_FIRST_MSECS 50  /* where nothing is known */
#define POLL_MOST_MSECS	 100 /* whatever was seen */
unsigned	 answer_poll_learn(unsigned first, bool is_ready);
/* An answer of another status than 2xx as an error; kind may not be NULL. */
struct err	*answer_err(const struct https_response *r, enum problem *kind);
/* The URL in the Location header, strict; borrowed. */
struct err	*answer_location(const struct https_response *r,
		    const char **out);
/* Puts URL, status and content type before e (taken), for a good status with
 * a body that cannot be read. NULL stays NULL. */
struct err	*answer_wrap(struct err *e, const struct https_response *r);
/* msecs, and up to a quarter more: never sooner than the CA asked. Not pure. */
unsigned	 jitter(unsigned msecs);

#endif
