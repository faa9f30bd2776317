/*
 * order.h - what acmew does for certd, step by step: the states of a job, what it
 * keeps between them, and the actions that lead from one to the next.
 */
#ifndef ORDER_H
#define ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "acmew.h"
#include "ca.h"
#include "err.h"
#include "https.h"
#include "proto.h"
#include "watch.h"

struct event;
struct look;
struct probe;

/* ---- order.c: one job as a state machine ---- */

enum job_state {
	JS_DIRECTORY, /* the CA's directory is being read */
	JS_ACCOUNT,   /* certd is asked for the account */
	JS_REGISTER,  /* newAccount is under way */
	JS_ORDER,     /* newOrder is under way */
	JS_RESUME,    /* the order of an earlier run is asked for */
	JS_AUTHORIZE, /* authorizations are being read */
	JS_LOOK,      /* are the record names aliases? */
	JS_PUBLISH,   /* certd publishes the records */
	JS_PROPAGATE, /* the name servers are watched */
	JS_ANSWER,    /* challenges are being answered */
	JS_VALIDATE,  /* the order is polled until the CA has validated */
	JS_RECHECK,   /* that takes long: the authorizations are read again */
	JS_BLAME,     /* the order failed: they are read to say why */
	JS_REST,      /* it failed: a pause before another order */
	JS_FINALIZE,  /* finalize is under way */
	JS_ISSUE,     /* the order is polled until there is a certificate */
	JS_DOWNLOAD,  /* the certificate is under way */
	JS_STORE,     /* certd checks and stores it */
	JS_FIND_NEW,  /* does the CA know the account's new key? */
	JS_FIND_OLD,  /* or the one from before? */
	JS_CLOSE,     /* it has failed, and its order is being closed */
	JS_REVOKE,    /* the revocation is under way */
	JS_CHANGE,    /* what is done to the account is under way */
	JS_PROBE,     /* CA and name servers are looked at */
	JS_OVER,      /* nothing is left to do: the job is freed */
	JS_N,
	JS_ANY = JS_N, /* in rows: whatever the state is */
};

enum job_event {
	JE_NONE,
	JE_START,     /* certd gave us the job */
	JE_DIRECTORY, /* the directory is there */
	JE_ACCOUNT,   /* there is an account */
	JE_NO_ACCOUNT,
	JE_KNOWN,      /* there is an account, and an order too */
	JE_REGISTERED, /* the CA made one */
	JE_PENDING,    /* the order is pending, */
	JE_READY,      /* ready, */
	JE_PROCESSING, /* processing, */
	JE_VALID,      /* valid, */
	JE_INVALID,    /* invalid */
	JE_CHALLENGED, /* authorizations read: records are needed */
	JE_UNANSWERED, /* the same, and an answer of ours was lost */
	JE_AUTHORIZED, /* all authorizations are valid */
	JE_LOOKED,     /* no alias stands in the way */
	JE_PUBLISHED,  /* all records stand at the provider */
	JE_PROPAGATED, /* all name servers show them */
	JE_ANSWERED,   /* all challenges are answered */
	JE_AGAIN,      /* it failed in a way that may pass, or is forgotten */
	JE_POLL,       /* time to look again */
	JE_DOUBT,      /* the order has been pending for long */
	JE_UNSURE,     /* the CA may have seen finalize */
	JE_NOT_READY,  /* it says that the order cannot be finalized now */
	JE_CHAIN,      /* the certificate is there */
	JE_UNLIKE,     /* it is not the chain that is preferred */
	JE_STORED,     /* and certd took it */
	JE_GONE,       /* the CA has no such account */
	JE_SPARE,      /* it is not needed either */
	JE_NEW_KEY,    /* the CA knows the new key, */
	JE_OLD_KEY,    /* the one from before */
	JE_ACHIEVED,   /* the CA has done what the job is for */
	JE_CLOSED,     /* its order is closed, as far as possible */
	JE_FAILED,     /* job->failure says why */
	JE_LATE,       /* the stage took too long */
	JE_REFUSED,    /* certd ended the job */
	JE_DROPPED,    /* certd wants it dropped */
	JE_N,
};

struct job;

struct job_row {
	enum job_state state;
	enum job_event event;
	struct err *(*action)(struct job *job);
	enum job_state next;
};
/* The rows of a kind of job; those of job_shared count for every kind. */
struct job_table {
	const struct job_row *rows;
	size_t n;
};
extern const struct job_table job_tables[KIND_N], job_shared;

struct job_state_row {
	const char *word;
	enum stage stage;
	unsigned limit_secs; /* for all states of the stage; 0: the action
			      * sees to it */
};
extern const struct job_state_row job_states[JS_N];

/* Takes the job one event further (and further still where the action raises
 * another). May free the job: callers return right after it. */
void		 job_step(struct job *job, enum job_event event);
/* Ends the job with e (taken). May free it, as job_step(). */
void		 job_fail(struct job *job, struct err *e);

/* ---- job.c ---- */

struct authorization {
	struct job *job;
	char *url;
	const struct str *name;  /* of the job; NULL until it was read */
	char *challenge, *token; /* NULL where none is needed */
	char *asked;             /* the name that the CA asks for; NULL */
	char *record, *value;    /* until it is published, which may be at
				  * the target of an alias */
	char **servers;          /* of the zone, says the provider */
	size_t n_servers;
	uint32_t publish_id; /* request number, 0 when not waiting */
	enum proof_status status;
	bool is_answered;
	bool is_unsure;   /* perhaps the CA did not hear it */
	unsigned answers; /* how often it was tried */
};

#define ALTERNATES_MAX  8
#define CHAIN_MAX_BYTES 65536 /* the bound of the message */

/* The CA's other chains, and the default one. */
struct alternates {
	char *urls[ALTERNATES_MAX];
	size_t n, next; /* which is looked at next */
	char *first;
	size_t first_bytes;
	bool is_over; /* none is what is preferred */
};

struct job {
	LIST_ENTRY(job) of_worker;
	TAILQ_ENTRY(job) of_ca; /* while it waits for the directory */
	struct worker *worker;
	struct ca *ca;
	uint32_t number; /* certd's */
	enum job_kind kind;
	struct strs names;
	char *preferred_chain;
	uint32_t timeout_secs, settle_secs, least_secs; /* of propagation */

	enum job_state state;
	enum job_event raised;  /* by an action, for job_step() */
	struct err *failure;    /* for JE_FAILED */
	struct event *deadline; /* of the stage */
	struct event *timer;    /* until the next poll */
	bool awaits_ca;
	uint32_t asked; /* request number of account_ask, chain */
	LIST_HEAD(request_list, request) requests;

	char *account;                        /* URL, once it is known */
	bool is_gone;                         /* certd was told so */
	bool is_bound;                        /* a new one has a binding */
	unsigned rolls;                       /* attempts to change its key */
	bool is_closing;
	enum job_state ended_in; /* when that began */
	char *order, *finalize, *certificate; /* URLs */
	struct authorization *authorizations;
	size_t n_authorizations;
	char **left; /* URLs of those that failed orders have left pending */
	size_t n_left;
	size_t n_open;           /* parallel steps that still run */
	struct err *blame;       /* failed authorizations, in JS_BLAME */
	struct err *order_error; /* why the CA failed the order */
	bool is_hopeless;	 /* another order would fail like this one */
	unsigned orders;	 /* how many were placed */
	unsigned polls;          /* in a row */
	bool learns; /* the look to come shows how long the CA needs */
	unsigned finalizes;
	long retry_after_secs; /* of the last answer; -1: none */
	struct look *looks;
	size_t n_looks;
	struct watch *watch;
	struct str chain; /* borrowed during JE_CHAIN only */
	struct alternates alternates;
	struct probe *probe;
};

/* What certd has said of a job. */
struct job_terms {
	uint32_t number;
	enum job_kind kind;
	struct str directory;
	const struct msg_job_issue *issue; /* NULL for other kinds */
	struct strs names; /* KIND_probe: to look at */
};
/* A job, not yet started. */
struct err	*job_new(struct worker *w, const struct job_terms *t,
		    struct job **out);
/* The job has no order any more, nor authorizations. */
void		 job_forget_order(struct job *job);
/* Cancels whatever the job waits for. NULL is fine. */
void		 job_free(struct job *job);
/* Sends m, which is about the job, as a new request; *id (may be NULL) is its
 * number. */
struct err	*job_ask(struct job *job, struct msg *m, uint32_t *id);
/* Its failure is that the stage took too long. */
void		 job_fail_late(struct job *job);
/* Tells certd where the job stands. */
void		 job_progress(struct job *job, const char *text);
/* JE_POLL comes after msecs. */
struct err	*job_wake(struct job *job, unsigned msecs);
/* Makes *to a copy of text, in place of what it was. */
struct err	*text_replace(char **to, const char *text);

/* Reads the order in an answer: its URLs, and its status as an event. The CA's
 * reason for an invalid one goes to job->order_error. */
struct err	*job_take_order(struct job *job,
		    const struct https_response *r, enum job_event *event);

/* ---- the actions of the table: account.c, authz.c, again.c, alias.c, records.c,
 * issue.c ---- */

struct err	*want_directory(struct job *job);
struct err	*ask_account(struct job *job);
struct err	*make_account(struct job *job);
struct err	*place_order(struct job *job);
struct err	*find_order(struct job *job);
struct err	*read_authorizations(struct job *job);
struct err	*look_for_aliases(struct job *job);
struct err	*publish_records(struct job *job);
struct err	*watch_servers(struct job *job);
struct err	*answer_challenges(struct job *job);
struct err	*poll_later(struct job *job);
struct err	*poll_order(struct job *job);
struct err	*rest_order(struct job *job);
struct err	*finalize_order(struct job *job);
struct err	*download_chain(struct job *job);
struct err	*hand_chain_over(struct job *job);
struct err	*report_failure(struct job *job);
struct err	*report_late(struct job *job);
struct err	*report_done(struct job *job);
struct err	*forget_job(struct job *job);

/* ---- alternate.c: chains ---- */
/* Adds the URLs of the links to other chains in a Link header, as far as they are
 * on the origin of the directory: certd signs for no other, and the chain that
 * came with the header is good as it is. */
void		 alternates_read(struct alternates *a, const char *directory,
		    const char *header);
void		 alternates_clear(struct alternates *a);
struct err	*take_first_chain(struct job *job,
		    const struct https_response *r);
/* Whether an answer looks like a chain at all. */
struct err	*chain_check_type(const struct https_response *r);
struct err	*next_chain(struct job *job);
struct err	*on_chain_unlike(struct job *job, const struct msg *m);

/* ---- close.c: the same for the end of an issuance that failed ---- */
struct err	*close_order(struct job *job);
/* The order has failed, and another one follows: what it leaves pending is
 * remembered, and closed if the job fails. */
void		 close_remember(struct job *job);
void		 close_forget(struct job *job);
struct err	*close_failed(struct job *job);
struct err	*close_late(struct job *job);
struct err	*report_end(struct job *job);

/* ---- operate.c: the same for jobs of other kinds ---- */
struct err	*tell_gone(struct job *job);
struct err	*find_new_key(struct job *job);
struct err	*find_old_key(struct job *job);
struct err	*await_certd(struct job *job);
struct err	*revoke_certificate(struct job *job);
struct err	*show_account(struct job *job);
struct err	*tell_registered(struct job *job);
struct err	*change_contacts(struct job *job);
struct err	*deactivate_account(struct job *job);
struct err	*roll_over(struct job *job);

/* ---- what the actions share ---- */

/* A request failed: for want of the account, of which certd is told, or for
 * another reason. May free the job. */
void		 job_fail_or_gone(struct job *job, struct answer *a);
/* The order has failed, for the reason that its authorizations or itself have
 * told: NULL where another one may follow, otherwise why not. */
struct err	*order_verdict(struct job *job);
/* Likewise: JE_AGAIN, or the end of the job. May free it. */
void		 order_is_over(struct job *job);
/* The CA knows it no more: it has expired, or was lost (Boulder: 404). */
bool		 is_forgotten(const struct answer *a);
/* The order is over, because the CA has forgotten it. May free the job. */
void		 order_is_forgotten(struct job *job, struct err *e);
/* Ends the looks that are under way, and the time that they have. */
void		 looks_free(struct job *job);

/* ---- probe.c: a look at the CA and at name servers ---- */
struct err	*look_around(struct job *job);
/* Tells what has not answered. */
struct err	*look_late(struct job *job);
/* NULL is fine. */
void		 probe_free(struct probe *p);

/* certd's answers, for worker.c; the job may be gone when they return. */
struct err	*on_account_spare(struct job *job, const struct msg *m);
struct err	*on_account_unsure(struct job *job, const struct msg *m);
struct err	*on_account_is(struct job *job, const struct msg *m);
struct err	*on_account_none(struct job *job, const struct msg *m);
struct err	*on_published(struct job *job, const struct msg *m);
struct err	*on_stored(struct job *job, const struct msg *m);

#endif
