/*
 * acmew.h - the worker: all that acmew can do. It talks to the CA and to name
 * servers, holds no secret, and asks certd for every signature.
 */
#ifndef ACMEW_H
#define ACMEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "channel.h"
#include "config.h"
#include "dns.h"
#include "err.h"
#include "https.h"
#include "proto.h"
#include "resources.h"
#include "sandbox.h"

struct event;
struct event_base;
struct look;
struct lookups;
struct nonces;
struct watch;

extern const struct sandbox worker_jail;

/* ---- worker.c: jobs, and the messages of certd ---- */

#define SILENT_MAX 64

struct silence {
	struct silent {
		char address[64];
		uint64_t until_msecs; /* 0: free */
	} list[SILENT_MAX];
	size_t next;
};

#define DOH_SERVERS_MAX 8

/* A resolver that is asked over HTTPS. */
struct doh_server {
	char *url, *addresses; /* "IP,IP" */
};

struct doh_servers {
	struct doh_server list[DOH_SERVERS_MAX];
	size_t n;
};

struct worker {
	const struct config *config;
	struct event_base *base;
	struct dns *dns;
	struct https *https;
	struct https *doh; /* with other trust: the public resolvers' */
	struct doh_servers doh_servers;
	struct lookups *lookups;
	struct silence silence;
	struct channel *channel; /* to certd; NULL when it is over */
	LIST_HEAD(ca_list, ca) cas;
	LIST_HEAD(job_list, job) jobs;
	uint32_t n_jobs, capacity;
	bool failed;		 /* certd was lost otherwise than by the end
				  * of the stream */
};

/* Says hello and ready on fd (taken). The loop of w->base ends with the
 * stream. */
struct err	*worker_start(struct worker *w, int fd);
/* Lets go of all jobs and of the channel. */
void		 worker_stop(struct worker *w);

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

struct answer;
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
	unsigned finalizes;
	long retry_after_secs; /* of the last answer; -1: none */
	struct look *looks;
	size_t n_looks;
	struct watch *watch;
	struct str chain; /* borrowed during JE_CHAIN only */
	struct alternates alternates;
};

/* What certd has said of a job. */
struct job_terms {
	uint32_t number;
	enum job_kind kind;
	struct str directory;
	const struct msg_job_issue *issue; /* NULL for other kinds */
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
/* That name, where the CA looks, is an alias of target ("": of none), though
 * certd publishes at record. */
struct err	*alias_err(const char *name, const char *record,
		    const char *target);

/* certd's answers, for worker.c; the job may be gone when they return. */
struct err	*on_account_spare(struct job *job, const struct msg *m);
struct err	*on_account_unsure(struct job *job, const struct msg *m);
struct err	*on_account_is(struct job *job, const struct msg *m);
struct err	*on_account_none(struct job *job, const struct msg *m);
struct err	*on_published(struct job *job, const struct msg *m);
struct err	*on_stored(struct job *job, const struct msg *m);

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
/* Something was wrong: the directory is read anew for the next job. */
void		 ca_forget_directory(struct ca *ca);
void		 ca_free(struct ca *ca);
/* Milliseconds of a clock that never goes back. */
uint64_t	 clock_msecs(void);

/* ---- nonce.c: anti-replay nonces of one CA ---- */

#define NONCE_MAX_BYTES 256

struct err	*nonces_new(struct ca *ca, struct nonces **out);
void		 nonces_free(struct nonces *n);
/* Gives r a nonce by request_sign(), now or later, or fails it later. */
struct err	*nonce_want(struct nonces *n, struct request *r);
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
 * at work on, in milliseconds. retry_after_secs: what it asked for, or -1. */
unsigned	 answer_poll_msecs(unsigned n, long retry_after_secs);
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

/* ---- lookup.c: the resolver, with a memory of a minute ---- */

struct lookup;

struct err	*lookups_new(struct worker *w, struct lookups **out);
void		 lookups_free(struct lookups *l);
/* As dns_ask(). Equal questions are asked once at a time, and good answers to
 * NS, SOA, A and AAAA are kept for a minute. */
struct lookup	*lookup_ask(struct lookups *l, const char *name,
		    enum dns_type type, dns_done *done, void *arg);
/* NULL is fine. */
void		 lookup_cancel(struct lookup *l);

/* ---- doh.c: resolvers over HTTPS ---- */

/* As dns_ask(); NULL also where name is none. */
struct doh_query *doh_ask(struct worker *w, const struct doh_server *server,
		    const char *name, enum dns_type type, dns_done *done,
		    void *arg);
/* NULL is fine. */
void		 doh_cancel(struct doh_query *q);
/* Those of the configuration; doh_servers_clear() in every case. */
struct err	*doh_servers_read(const struct config *c,
		    struct doh_servers *out);
void		 doh_servers_clear(struct doh_servers *d);
/* The roots to trust there, PEM for the caller to free; NULL without any. */
void		 doh_trust_read(const struct config *c, char **pem, size_t *n);

/* ---- silence.c: addresses that did not answer lately ---- */

void		 silence_note(struct silence *s, const char *address);
/* It has answered. */
void		 silence_break(struct silence *s, const char *address);
bool		 silence_is_kept(struct silence *s, const char *address);

/* ---- servers.c: who is authoritative for a name ---- */

#define SERVER_NAMES_MAX     32
#define SERVER_ADDRESSES_MAX 8

struct name_server {
	char *name;
	struct dns_server addresses[SERVER_ADDRESSES_MAX];
	size_t n_addresses;
};

struct server_list {
	char *zone;
	struct name_server servers[SERVER_NAMES_MAX];
	size_t n_servers, n_delegated; /* those of the delegation come first */
	bool is_elsewhere; /* none that the provider names is in the zone's
			    * delegation */
};

struct finding;
/* list is the callee's, server_list_free(); or NULL, and e says why. */
typedef void finding_done(void *arg, struct server_list *list, struct err *e);

/* Finds the zone that name is in (from, a name at or above it, is where the
 * search begins), its name servers and, besides those, the extra ones (or only
 * those), and all their addresses. done comes once, never before this
 * returns. */
struct err	*finding_start(struct lookups *l, const char *from,
		    bool only_extra, char *const *extra, size_t n_extra,
		    finding_done *done, void *arg, struct finding **out);
/* NULL is fine. */
void		 finding_cancel(struct finding *f);
void		 server_list_free(struct server_list *list);
/* How many addresses there are in all. */
size_t		 server_list_addresses(const struct server_list *list);
/* "the zone example.com is delegated to ns1.example.net, and not to ...". */
void		 server_list_text(const struct server_list *list, char *out,
		    size_t size);

/* ---- showing.c: do the servers show all values? Pure. ---- */

enum showing {
	SHOWS_UNKNOWN, /* not asked yet */
	SHOWS_ALL,
	SHOWS_LACK,        /* an authoritative answer without one of them */
	SHOWS_MUTE,        /* an answer that is none: SERVFAIL, REFUSED ... */
	SHOWS_SILENT,      /* no answer in time */
	SHOWS_UNREACHABLE, /* no way there */
};

struct place {         /* one address of a name server */
	size_t server; /* which name server; they are numbered from 0 */
	int family;
	enum showing showing;
	unsigned streak; /* how often in a row it showed all */
};

#define STREAK_ENOUGH 2

/* What an answer to TXT shows. *missing is the first value that it lacks. */
enum showing	 showing_of(const struct dns_answer *a, char *const *values,
		    size_t n, size_t *missing);
/* Whether all of n_servers agree, at all places that can be reached. While
 * patient every name server must have an address that answers; later those
 * that answer nothing at all are left out, but never one that lacks a value. */
bool		 places_agree(const struct place *p, size_t n,
		    size_t n_servers, bool patient);
/* Whether a place counts: no address of a family that cannot be reached. */
bool		 place_counts(const struct place *p, size_t n, size_t which);

/* ---- propagation.c: waiting for the name servers ---- */

struct watch_record {
	const char *name;   /* what the CA asks for */
	const char *record; /* where it was published: the same, or the target
			     * of its alias */
	const char *value;
	char *const *servers; /* names, says the provider */
	size_t n_servers;
};

struct watch_ops {
	/* Once: all servers show all records (NULL), or why not (taken). */
	void (*done)(void *arg, struct err *e);
	/* Something changed; a text for people. */
	void (*progress)(void *arg, const char *text);
};

struct watch_terms {
	uint32_t timeout_secs, settle_secs, least_secs;
};

/* Watches the name servers of all records (copied). Nothing is called before
 * this returns. */
struct err	*watch_start(struct worker *w, const struct watch_terms *t,
		    const struct watch_record *records, size_t n,
		    const struct watch_ops *ops, void *arg, struct watch **out);
/* NULL is fine. */
void		 watch_free(struct watch *watch);

#endif
