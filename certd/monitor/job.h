/*
 * job.h - one certificate on its way, or another errand at the CA, with all that
 * must come back when certd was interrupted.
 */
#ifndef JOB_H
#define JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <time.h>

#include "config.h"
#include "policy.h"
#include "proto.h"
#include "url.h"

struct batch;
struct buf;
struct client;
struct entry;
struct event;
struct install;
struct ledger_failure;
struct monitor;
struct registration;
struct worker;

/* ---- job.c ---- */
/* What a request sets in it, and must come back after a crash, has a row in
 * memory.c. */
#define CONTACTS_MAX 8 /* the bound of messages.def */
struct job {
	TAILQ_ENTRY(job) link;
	struct monitor *m;
	enum job_kind kind;
	uint32_t id;
	char *lineage;	       /* for people, where the kind has none */
	bool is_new;	       /* the lineage does not exist yet */
	char **names;
	struct str *name_strs; /* of names, for messages */
	size_t n_names;
	enum key_kind key_kind;
	char *server;	       /* directory URL */
	char *conf_server;     /* what the renewal file is to say: not that of
				* a dry run */
	struct url origin;     /* parts of server */
	char *preferred_chain;
	char *binding;	       /* of an account: the CA's id of a customer; its
				* HMAC key is in binding_fd, or -1 */
	uint32_t binding_bits;
	int binding_fd;
	char *contacts[CONTACTS_MAX]; /* of an account: "mailto:..." */
	size_t n_contacts;
	bool agree_tos;
	char *deploy_hook, *pre_hook, *post_hook; /* NULL: not asked for */
	bool reuse_key, new_key; /* keep the key; not this time */
	bool must_staple;      /* RFC 7633 */
	char *renew_before, *autorenew; /* NULL: as the renewal file says */
	bool is_cancelled;     /* by a person: no failure to remember */
	bool reconfigures;     /* a dry run, then the renewal file */
	char *credentials;     /* given by root; NULL: publisher.c knows */
	bool uses_credentials, waits_for_credentials;
	uint32_t propagation_secs; /* least time in DNS; 0: not set */
	char *who;	       /* who asked, for the audit */

	struct lineage *files; /* as they were when asked; NULL where new */

	struct registration *account;
	char *account_wanted;  /* its id, given by --account; NULL: not */
	bool uses_account, waits_for_key, told_gone;
	uint32_t asks_account; /* the worker's request that waits, 0: none */
	char *order_url;       /* NULL: none yet */
	time_t created;
	uint32_t starts;       /* how often it was taken up again */
	unsigned workers;      /* how many have left it behind */
	uint32_t key;	       /* of the certificate: the signer's number, 0:
				* none */
	uint32_t reason;       /* of a revocation, RFC 5280 */
	int cert_fd;	       /* what is to be revoked, or -1 */
	int key_fd;	       /* its own key, where we have it, or -1 */
	bool is_own_key;       /* sign with that, whatever account there is */
	char *serial, *keep;   /* of it; why it is not to be deleted, or NULL */
	time_t not_after;      /* likewise of it */
	enum phase phase;
	enum stage stage;
	struct budget budget;
	struct worker *worker; /* NULL: waiting for one */
	struct event *deadline, *wake;
	unsigned step;	       /* of the table in job.c */
	size_t publications;   /* of records, under way */
	size_t removals;       /* likewise, when it ends */
	size_t pending;	       /* questions to peers without an answer */
	bool ending, dry_run;
	bool closing;	       /* it ends, and its order is being closed */
	bool is_suspect;       /* the worker wanted what it must not have */
	bool stored;	       /* what it is for has been achieved */
	char *note;	       /* the worker's word about that, or NULL */
	bool no_folder_hooks;
	bool allow_repeat; /* past the loop breaker */
	bool renews;	/* with the names that the certificate has */
	bool deploying; /* the ledger says which deploy hooks are owed */
	struct batch *batch;   /* NULL: of no request that is still open */
	uint32_t batch_id;     /* the first job of its batch; 0: it is that */
	bool is_prepared;      /* the pre hooks of its batch are over */
	struct err *failure;
	struct install *install; /* under way; install.c */
	unsigned offers;       /* of chains */
	const struct probe_ops *probe; /* who asked to look; NULL: nobody */
	void *probe_arg;
	LIST_HEAD(follower_list, follow) followers; /* control.c */
};

/* A copy of names and the rest as given; the caller fills in the fields, then
 * calls job_start() or job_discard(). NULL when out of memory. */
struct job	*job_new(struct monitor *m, enum job_kind kind,
		    const char *lineage, struct strs names);
void		 job_discard(struct job *j);
/* Other names, copied; false when out of memory. */
bool		 job_set_names(struct job *j, struct strs names);
/* Gives it its number and writes it to the ledger; then job_run(). */
struct err	*job_start(struct job *j);
/* The same for one that has a number, from an earlier run of certd. An error
 * where it has had its chances. */
struct err	*job_resume(struct job *j);
/* A certificate of the store is what it is working on. */
bool		 job_is_of_lineage(const struct job *j);
void		 job_run(struct job *j);
/* The job that works on this lineage, of whatever kind, or NULL. */
struct job	*job_of_lineage(struct monitor *m, const char *lineage);
/* NULL when there is none with this number. */
struct job	*job_find(struct monitor *m, uint32_t id);
/* A step that job.c began is over; e (taken) ends the job. */
void		 job_step_done(struct job *j, struct err *e);
/* Whether it is prepared and no worker has it. */
bool		 job_waits_for_worker(const struct job *j);
/* A worker gets it now. */
void		 job_given(struct job *j);
/* Writes what is known of the job to the ledger. */
struct err	*job_save(struct job *j);
/* The state of a job in the ledger. */
enum job_row_state {
	ROW_OPEN,
	ROW_DEPLOYING, /* the ledger says which deploy hooks are owed */
	ROW_GOOD, /* it has ended well, */
	ROW_BAD,  /* or badly; its batch has hooks to run */
};

/* ---- memory.c ---- */
/* What else must be known to take the job up again; buf_free(). */
struct err	*job_describe(const struct job *j, struct buf **out);
/* Puts that into a new job. */
struct err	*job_restore(struct job *j, const char *text);
/* The CA has given the order this URL. */
struct err	*job_ordered(struct job *j, struct str url);
/* Ends the job in failure (e taken); repeated calls keep the first. */
void		 job_fail(struct job *j, struct err *e);
/* The certificate is in the store, or whatever the job is for has been achieved:
 * what is left is to tidy up. */
void		 job_stored(struct job *j);
/* Another stage, told to the followers. */
void		 job_progress(struct job *j, enum stage stage,
		    const char *text);
struct grant	 job_grant(const struct job *j);
/* Whether the worker shall close the order of a job that ends; that it does from
 * now on, and that it has done so, or has let go of the job without. */
bool		 job_wants_closing(const struct job *j);
void		 job_closing(struct job *j);
void		 job_closed(struct job *j);
/* Between a question to a peer and its answer the job stays. Release first,
 * then job_step_done(): that may be the end of the job. */
void		 job_hold(struct job *j);
void		 job_release(struct job *j);
/* Its last step is over: it is no more. */
void		 job_leave(struct job *j);
void		 jobs_free(struct monitor *m);

/* ---- key.c ---- */
/* A new key for the certificate, or a copy of the one that it has, into the
 * staging; ends with job_step_done(). */
struct err	*key_prepare(struct job *j);
/* It is not needed any more: one that is still to be made is not made. */
void		 key_drop(struct job *j);

/* ---- recover.c: what the last run left ---- */
/* Interrupted installations are finished, interrupted jobs taken up where they
 * stood, or closed with a note for status; what belongs to none of them (records
 * in DNS, staged keys) goes. */
struct err	*jobs_recover(struct monitor *m);
/* Nobody is at work: what a full disk kept ended jobs from removing goes. */
void		 jobs_tidy(struct monitor *m);

/* The names as one text, separated by spaces; heap. */
char		*names_text(const struct job *j);

/* ---- batch.c: the jobs of one request ---- */
/* A batch of the client's request; no_folder: without the pre and post hooks of
 * renewal-hooks/. Then batch_add() for every job, which starts
 * it; then batch_go(). The client is told the end. */
struct err	*batch_new(struct client *c, bool no_folder,
		    struct batch **out);
/* On error the job is still the caller's. */
struct err	*batch_add(struct batch *b, struct job *j);
/* The deploy hooks that are owed for a certificate. */
struct err	*batch_redeploy(struct batch *b, const struct entry *x,
		    bool no_folder);
void		 batch_go(struct batch *b);
/* Whether its row must stay in the ledger until the post hooks have run. */
bool		 batch_keeps(const struct job *j);
/* kept: it did. */
void		 batch_job_ended(struct job *j, bool kept);
/* What an earlier run of certd was at: a job of it (on error it is still the
 * caller's), one that has ended (it stays the caller's), then batches_go_on(). */
struct err	*batch_resume(struct job *j);
struct err	*batch_recall(const struct job *j, const char *names,
		    bool is_good);
void		 batches_go_on(struct monitor *m);
void		 batches_free(struct monitor *m);

/* ---- repeats.c: the loop breaker ---- */
/* The CA has made a certificate for the job. */
struct err	*repeat_note(const struct job *j);
/* An error where it has made too many with these names within a day. */
struct err	*repeat_forbids(const struct job *j);

/* ---- failures.c: what went wrong before ---- */
/* A set of names as the ledger's key: sorted, separated by spaces. Heap. */
char		*names_key(char *const *names, size_t n);
/* How long nobody asks by himself after so many failures in a row; a little
 * different from names to names. */
time_t		 backoff_secs(const struct ledger_failure *row);
/* A job has ended: its failure is counted, or earlier ones forgotten. */
struct err	*failure_remember(const struct job *j);
/* Whatever stood in the way at this server is over. */
struct err	*failure_forget(const struct job *j, const char *server);
/* What was interrupted and is not taken up again: for status, until the same is
 * asked for again, or a week has passed. what: "revoke example.com". */
struct err	*failure_note(struct monitor *m, const char *server,
		    const char *what, const char *why);
struct err	*failure_drop_note(struct monitor *m, const char *server,
		    const char *what);
/* Failures in a row with these names at this CA. */
struct failure {
	uint32_t count; /* 0: none */
	time_t last;
	time_t told_at;	 /* not before, said the CA or the provider; or 0 */
	time_t retry_at; /* the later one of that and of our own back-off */
	char *text;	 /* heap; NULL with none */
};
struct err	*failure_look(struct monitor *m, const char *server,
		    char *const *names, size_t n, struct failure *out);
/* An error where the CA, or the provider, has named a time before which the
 * job would only fail again. */
struct err	*failure_forbids(const struct job *j);

#endif
