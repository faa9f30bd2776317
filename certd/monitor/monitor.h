/*
 * monitor.h - everything that the monitor can do.
 *
 * certctl's requests come in through control.c, become jobs in request.c, are
 * prepared and finished step by step in job.c, and are granted to a worker in
 * worker.c, whose every wish goes through policy.c.
 */
#ifndef MONITOR_H
#define MONITOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "account.h"
#include "audit_log.h"
#include "channel.h"
#include "children.h"
#include "config.h"
#include "ledger.h"
#include "log.h"
#include "peer.h"
#include "policy.h"
#include "rules.h"
#include "sandbox.h"
#include "service.h"
#include "store.h"

struct batch;
struct buf;
struct client;
struct deployment;
struct entry;
struct event;
struct hooks;
struct evconnlistener;
struct job;
struct lock_wait;
struct look;
struct monitor;
struct reading;
struct request;
struct related;
struct registration;
struct throttle;
struct wanted;
struct worker;

TAILQ_HEAD(batch_list, batch);
TAILQ_HEAD(client_list, client);
TAILQ_HEAD(deployment_list, deployment);
TAILQ_HEAD(job_list, job);
TAILQ_HEAD(lock_wait_list, lock_wait);
TAILQ_HEAD(look_list, look);
TAILQ_HEAD(hooks_list, hooks);
TAILQ_HEAD(worker_list, worker);
TAILQ_HEAD(reading_list, reading);
TAILQ_HEAD(registration_list, registration);

/* The state of the process. */
struct monitor {
	const struct config *cfg;
	struct service *service;
	struct event_base *base;
	struct store *store;
	struct ledger *ledger;
	struct audit_log *audit;

	struct child children[CHILD_N];
	struct peer *signer, *publisher, *hook;
	struct event *control; /* somebody waits at the control socket */
	struct evconnlistener *workers_in;
	struct throttle *worker_throttle;
	struct event *sigterm, *sigint, *sigchld, *idle, *watchdog;
	time_t shown; /* when the service manager was last told */

	struct judge *judge; /* [policy] */
	gid_t admin_gid; /* (gid_t)-1: root only */
	uid_t worker_uid;
	int control_fd, worker_fd; /* they listen; -1: not yet */

	struct client_list clients;
	struct worker_list workers;
	struct job_list jobs;
	struct batch_list batches;
	struct deployment_list deployments; /* the first one runs */
	struct hooks_list hook_runs;
	struct registration_list registrations;
	struct reading_list readings;
	struct related *related; /* related.c; NULL: not needed yet */
	struct lock_wait_list lock_waits;
	struct look_list looks;
	unsigned looking; /* of them, with the signer */
	bool is_looking;
	struct store_names untidy; /* lineages; restore.c */
	struct event *tidy;

	char *credentials_path;	 /* of the file that the publisher has now */
	struct stat credentials; /* NULL: none yet */
	bool has_credentials;	 /* and has said so */
	bool credentials_dropped; /* it had it, and has wiped it */
	size_t credentials_users; /* jobs */
	const char *config_file;
	struct stat certd_conf, cli_ini; /* as they were when read */
	uint32_t last_job, last_key;
	int lock;	/* on the state directory, until the end */
	bool leaving;
	int exit_status;
};

/* ---- state.c ---- */
/* All zero, all lists empty. */
void		 monitor_init(struct monitor *m);
/* Lets go of all that is under way and of everybody who is connected; what the
 * loop, store and ledger are stays. */
void		 monitor_empty(struct monitor *m);

/* ---- life.c ---- */
/* Stops the loop; the process leaves with this status. */
void		 monitor_leave(struct monitor *m, int status);
/* A job has ended: with an idle-timeout, the clock starts. */
void		 monitor_rest(struct monitor *m);
/* Tells the service manager where the jobs stand. */
void		 monitor_show(struct monitor *m);
/* The timers, before the jail; and their end. */
struct err	*life_begin(struct monitor *m);
void		 life_end(struct monitor *m);

/* Whether nothing is under way and nobody connected. */
bool		 monitor_is_idle(const struct monitor *m);

/* ---- settings.c ---- */
/* Before the files are read (file NULL: the usual one), and after. */
void		 settings_remember(struct monitor *m, const char *file);
void		 settings_remember_cli(struct monitor *m);
/* Whether certd.conf or cli.ini is another by now. */
bool		 settings_changed(const struct monitor *m);

/* ---- journal.c ---- */
/* Where standard error is the journal, lines go there with fields. Before the
 * jail. */
void		 journal_open(void);
/* "job 7 (example.com): TEXT", with fields. */
void		 journal_line(const struct job *j, enum log_level level,
		    const char *text);

/* ---- jail.c ---- */
extern const struct sandbox monitor_jail;

/* ---- lock_in.c ---- */
struct err	*monitor_lock_in(const struct monitor *m);

/* ---- sockets.c ---- */
/* The listening sockets: those of the service manager, or new ones in the
 * runtime directory with their modes and owners. */
struct err	*sockets_open(const struct monitor *m, int *control_fd,
		    int *worker_fd);
/* uid and gid of the other end, and whether it is root or in group gid. */
struct err	*socket_peer(int fd, gid_t gid, uid_t *uid, pid_t *pid,
		    bool *member);
/* The user at the other end, with all groups. */
struct err	*socket_caller(int fd, struct caller *out);

/* ---- excuse.c ---- */
/* We cannot start: those who wait at the sockets are told why. */
void		 excuse_all(const struct monitor *m, const struct err *why);

/* ---- throttle.c: how often somebody may connect ---- */
/* For connections on listener (borrowed); what names it in the log. */
struct err	*throttle_new(struct event_base *base,
		    struct evconnlistener *listener, const char *what,
		    struct throttle **out);
/* One has come: perhaps the next ones wait for a while. */
void		 throttle_count(struct throttle *t);
/* NULL is fine. */
void		 throttle_free(struct throttle *t);

/* ---- audit.c: privileged acts and refusals, a line each ---- */
/* outcome is "done", "asked", "refused", "failed" or "missing"; act one word. */
void		 audit_job(const struct job *j, const char *act,
		    const char *outcome, const char *fmt, ...)
		    ERR_PRINTF(4, 5);
/* certificate may be "". */
void		 audit_client(const struct client *c, const char *certificate,
		    const char *act, const char *outcome, const char *fmt, ...)
		    ERR_PRINTF(5, 6);
void		 audit_certd(struct monitor *m, const char *certificate,
		    const char *act, const char *outcome, const char *fmt, ...)
		    ERR_PRINTF(5, 6);
/* For log_audit_to(). */
void		 audit_text(void *arg, const char *text);
/* Whether a message of certctl or acmew asks for something that is audited. */
bool		 audit_needed(enum msg_type type);
/* An error while audit.log cannot be written: whoever is about to do what
 * belongs into it does not. */
struct err	*audit_ready(struct monitor *m);
/* `certctl audit` */
void		 request_audit(struct client *c);

/* ---- control.c: certctl ---- */
void		 control_accept(struct monitor *m, int fd);
void		 control_close_all(struct monitor *m);
/* Tells everybody who follows the job where it stands. */
void		 control_event(struct job *j, enum stage stage,
		    const char *text);
/* Tells its followers a fact about the job that ends ("certificate", path). */
void		 control_fact(struct job *j, const char *key,
		    const char *value);
/* Tells the followers how the job ended (e NULL: well), and "end" to those who
 * wait for nothing else. */
void		 control_result(struct job *j, const struct err *e,
		    const char *text);
/* Tells that a hook has failed; of a job to all who follow it. */
void		 client_hook_failed(struct client *c, const char *lineage,
		    const struct err *e, bool again);
void		 control_hook_failed(struct job *j, const struct err *e,
		    bool again);
/* Tells an error (freed) with certctl's exit status; client_refuse() ends the
 * request too. */
void		 client_error(struct client *c, uint32_t exit,
		    struct err *e);
void		 client_refuse(struct client *c, uint32_t exit,
		    struct err *e);
void		 client_send(struct client *c, struct msg *m);
void		 client_end(struct client *c);
/* The client follows job j from now on; told with "accepted". */
void		 client_follow(struct client *c, struct job *j);
/* All jobs, until it leaves. */
void		 client_follow_all(struct client *c);
void		 client_fact(struct client *c, const char *key,
		    const char *value);
/* While something is under way for it, a client stays in memory, even when it
 * has left. */
void		 client_hold(struct client *c);
void		 client_release(struct client *c);
/* A batch of the client is under way: its request ends with the batch, and not
 * with its last job. */
void		 client_owe(struct client *c);
void		 client_settle(struct client *c);
uid_t		 client_uid(const struct client *c);
/* Whether it may have a certificate for these names; see judge_ask(). */
struct err	*client_may(const struct client *c, struct strs names,
		    enum key_kind kind, const char *server);
const char	*client_name(const struct client *c);
struct monitor	*client_monitor(const struct client *c);
/* The options of its request. */
struct request	*client_request(struct client *c);

/* ---- demands.c: what certctl asks for ---- */
struct demand {
	enum msg_type type;
	bool is_request; /* one at a time; ended by "end" */
	struct err *(*on)(struct client *c, const struct msg *m);
};
/* NULL where it is none. */
const struct demand *demand_find(enum msg_type type);

/* ---- report.c: what an administrator wants to know ---- */
void		 report_list(struct client *c);
/* show.c */
void		 report_show(struct client *c, struct str lineage);
/* An entry as message "row". */
void		 report_row(struct client *c, const struct entry *x);
void		 report_status(struct client *c);

/* ---- doctor.c: what is good and what is not ---- */
void		 request_doctor(struct client *c);

/* ---- lock.c: certbot's lock, waited for ---- */
/* e NULL: the store is locked until this returns. Otherwise why it is not. */
typedef void locked(void *arg, struct err *e);
/* Calls fn once, at once or when certbot has ended; the client, who must be
 * held until then, is told that it waits (fact "waiting"). */
void		 lock_wait(struct client *c, locked *fn, void *arg);
/* Calls them all with an error: certd leaves. */
void		 lock_waits_end(struct monitor *m);

/* ---- delete.c ---- */
/* e (the callee's): why not; NULL: it is gone, and the client was told so. */
typedef void deleted(void *arg, struct err *e);
/* Deletes a certificate for a client, who is told facts: "waiting", "deleted"
 * NAME, and "left" with what stayed and why. Refused while a job works on it.
 * Calls done once, at once or later; it ends the request. */
void		 lineage_delete(struct client *c, const char *lineage,
		    deleted *done, void *arg);
void		 request_delete(struct client *c, struct str lineage);

/* ---- restore.c, repair.c: a lineage as it was, or as it should be ---- */
/* Each answers the client in every case, with facts. */
void		 request_restore(struct client *c, struct str lineage,
		    unsigned version);
void		 request_repair(struct client *c, struct str lineage,
		    bool plan_only);
/* What live/NAME was before it was switched is removed, a while later: somebody
 * may just be opening files in it. */
void		 live_tidy_later(struct monitor *m, const char *name);
/* At once: certd leaves. */
void		 live_tidy_now(struct monitor *m);

/* ---- request.c: what an administrator asks for ---- */
/* The options of a request, by number; NULL where not given. */
#define OPTIONS_MAX 64
struct request {
	char *options[OPTIONS_MAX];
	int files[FILE_N];   /* opened by the client, by use; -1: none */
	const char *refusal; /* of an option; NULL: all may be given */
	const char *refused; /* which */
};
void		 request_init(struct request *r);
void		 request_clear(struct request *r);
/* An option that a client of this uid gives. */
struct err	*request_take_option(struct request *r, uid_t uid,
		    const struct msg_option *o);
/* A file that a client of this uid hands over, with a descriptor (taken). */
struct err	*request_take_file(struct request *r, uid_t uid, uint32_t use,
		    int fd);
const char	*request_option(const struct request *r,
		    enum request_option o);
bool		 request_has(const struct request *r, enum request_option o);
/* Whether the options make sense, each and together. To be called first. */
struct err	*request_check(const struct request *r,
		    const struct config *cfg);
/* May the client have the certificate that the job is to get? To be asked when
 * nothing about the job will change any more. x: the certificate that it
 * replaces, whose names count too; NULL: none. */
struct err	*request_permitted(const struct client *c,
		    const struct job *j, const struct entry *x);
/* certctl's exit status for a request that is refused with e. */
uint32_t	 request_status(const struct err *e);
/* Options that several requests have, into the job: the server (usual where none
 * was given), then those that stand for themselves, then, when j->files is known
 * (or NULL, where it is new), those that default to the renewal file. */
struct err	*request_server(const struct request *r, struct job *j,
		    const char *usual);
struct err	*request_fill(const struct request *r, struct job *j,
		    struct client *c);
struct err	*request_complete(const struct request *r, struct job *j);
/* The options that choose_certificate() looks at; names and server are left as
 * they are. */
void		 request_wish(const struct request *r, struct wanted *w);

/* ---- issue.c ---- */
/* Issue a certificate for names (none: those of the certificate that is named);
 * answers the client in every case. */
void		 request_issue(struct client *c, struct request *r,
		    struct strs names);

/* ---- renew.c ---- */
/* Renew what is due, or is named; answers the client in every case. */
void		 request_renew(struct client *c, struct request *r);

/* ---- reconfigure.c ---- */
/* Change how a certificate is renewed, after a dry run; answers the client in
 * every case. */
void		 request_reconfigure(struct client *c, struct request *r,
		    struct str lineage);

/* ---- look.c: what is in a version ---- */
/* e: what is wrong with the four files together. info: what is in the
 * certificate; may come with e, and is NULL only with e. */
typedef void looked(void *arg, const struct msg_cert_info *info,
		    struct err *e);
/* Has a version looked at by the signer; done is called once, at once or later.
 * lineage must stay until then. */
void		 lineage_look(struct monitor *m, const struct lineage *lineage,
		    unsigned version, looked *done, void *arg);
/* Forgets those that wait: certd leaves. */
void		 looks_free(struct monitor *m);

/* ---- token.c ---- */
/* What the token in this open file (the caller's) sees; answers the client in
 * every case. */
void		 request_token_check(struct client *c, int fd);

/* ---- catalog.c: what is in the store ---- */
/* One certificate of the store, inspected. Texts are heap copies. */
struct entry {
	char *lineage;
	struct lineage *files; /* NULL where it cannot be read */
	char *problem;	       /* why it is broken, or NULL */
	bool is_damaged;       /* its current files are what is broken; what its
				* certificate says is known, and a new version
				* would be whole */
	size_t n_names;
	char **names;	       /* as in the certificate */
	char *names_text;      /* the same, as the ledger has it */
	char *serial, *issuer, *key_id, *sha256;
	uint32_t key_kind;
	time_t revoked_at;     /* 0: not by us */
	uint32_t reason;       /* of that, RFC 5280 section 5.3.1 */
	time_t not_before, not_after;
	bool is_new;	       /* the signer has looked at it just now */
	bool is_gone;	       /* there is no such lineage: left out */
};
struct catalog {
	size_t n;
	struct entry *entries; /* in bytewise order of lineage */
};
typedef void catalog_done(void *arg, struct catalog *catalog, struct err *e);
/* Reads the store; certificates that the ledger does not know by file
 * identity are inspected by the signer. The catalogue is the callee's, to be
 * freed with catalog_free(). only: one lineage, or NULL for all. Those that are
 * not there are not in the catalogue. */
void		 catalog_read(struct monitor *m, const char *only,
		    catalog_done *done, void *arg);
/* Likewise these; the list is copied. */
void		 catalog_read_names(struct monitor *m,
		    const struct store_names *names, catalog_done *done,
		    void *arg);
void		 catalog_free(struct catalog *c);
/* Likewise those that may have to do with a request for these names: the
 * lineage called so, and whatever has one of the names. */
void		 catalog_read_related(struct monitor *m, struct str lineage,
		    struct strs names, catalog_done *done, void *arg);
/* Ends whatever is being read; whoever waits for it hears that we leave. */
void		 catalog_abandon(struct monitor *m);
/* Its names as one text, separated by spaces; heap. */
char		*entry_names_text(const struct entry *x);
/* When it becomes due (due.c): renew_before_expiry of its renewal file before
 * its end; else a third of its lifetime, or half of it for lifetimes under ten
 * days (certbot 4.0 and later). */
time_t		 entry_renew_after(const struct entry *x);
/* The same, whether or not an administrator went back to this version. */
time_t		 entry_usually_due(const struct entry *x);
/* Whether it was revoked because others have its key: that is not used again. */
#define REASON_COMPROMISE 1 /* RFC 5280 section 5.3.1 */
bool		 is_compromised(const struct entry *x);
/* "30 days", "6 months 1 week", "12" (days), as in renew_before_expiry. */
bool		 interval_parse(const char *text, time_t *secs);
enum cert_status entry_status(const struct entry *x, time_t now);

/* ---- choose.c: which certificate a request to issue is about ---- */
/* What was asked for. Texts are borrowed. */
struct wanted {
	struct strs names;	/* none: those that the certificate has */
	const char *cert_name;	/* NULL: not given */
	const char *server;	/* directory of the CA */
	enum key_kind key_kind;
	bool key_given, type_given; /* any of the key, --key-type itself */
	bool server_given;
	bool expand, duplicate, new_names, force, dry_run, break_my_certs;
	bool reuse_key, no_reuse_key, new_key;
};
enum choice { CHOICE_NEW, CHOICE_RENEW, CHOICE_KEEP, CHOICE_ASK };
struct decision {
	enum choice choice;
	struct entry *entry;  /* to renew, keep, ask about; NULL where new */
	struct str name;      /* of a new one; borrowed from the wish */
	bool numbered;	      /* with -0001 behind it where that is taken */
	enum question_kind about;  /* CHOICE_ASK */
	struct err *why;      /* CHOICE_ASK, with advice; the caller's */
};
/* An error where it cannot be done whatever is answered. */
struct err	*choose_certificate(const struct wanted *w,
		    const struct catalog *c, time_t now, struct decision *v);
/* An error where the certificate keeps its key, and the wish is for a key of
 * another kind. */
struct err	*choose_key_conflict(const struct wanted *w,
		    const struct entry *x);
/* An error where a trial certificate would take the place of a real one. */
struct err	*choose_trial_conflict(const struct wanted *w,
		    const struct entry *x, time_t now);
/* Whether its certificates are trials, as certbot recognises them. */
bool		 is_trial_server(const char *server);
/* ---- glance.c: a look at a large store ---- */
typedef void glance_known(void *arg, const char *lineage, time_t renew_after);
/* known (may be NULL) is called for every lineage that has not changed since it
 * was read, and is not due by then; the others are in unknown (to be cleared)
 * and must be read. */
struct err	*glance_take(struct monitor *m, time_t due_by,
		    glance_known *known, void *arg,
		    struct store_names *unknown);
/* Remembers what was read, for the next time. */
void		 glance_learn(struct monitor *m, const struct catalog *c);

/* ---- related.c: who else has these names ---- */
/* Around a change that we make to a lineage, under the store's lock. */
void		 related_before(struct monitor *m);
void		 related_after(struct monitor *m, const char *lineage);
void		 related_free(struct monitor *m);

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
	size_t removals;       /* of records, under way */
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
void		 jobs_free(struct monitor *m);

/* ---- key.c ---- */
/* A new key for the certificate, or a copy of the one that it has, into the
 * staging; ends with job_step_done(). */
struct err	*key_prepare(struct job *j);

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

/* ---- registration.c: accounts at CAs ---- */
/* Finds or makes the account key for the job's server and loads it into the
 * signer; ends with job_step_done(). */
struct err	*registration_start(struct job *j);
/* The account's URL, "" while the CA has not told it. */
const char	*registration_url(const struct registration *r);
const char	*registration_id(const struct registration *r);
const char	*registration_thumbprint(const struct registration *r);
/* The signer's numbers of the account's key, and of the one that is to follow
 * it; 0 where there is none. r may be NULL. */
uint32_t	 registration_key(const struct registration *r);
uint32_t	 registration_next_key(const struct registration *r);
/* acmew asks (request id) whether there is an account. */
void		 registration_ask(struct job *j, uint32_t id);
/* The CA has made it. */
struct err	*registration_made(struct job *j, struct str url);
/* The CA does not know it; answers the worker's request id. */
struct err	*registration_gone(struct job *j, uint32_t id);
/* A change of its key was found to have happened (is_new) or not; answers the
 * worker's request id. */
struct err	*registration_found(struct job *j, uint32_t id,
		    struct str url, bool is_new);
/* The step of a change of key before the CA hears of it; ends with
 * job_step_done(). */
struct err	*rollover_prepare(struct job *j);
/* Its worker has left: it asks nothing now. */
void		 registration_pause(struct job *j);
/* The job ends: whoever waited for it to register goes on. */
void		 registration_drop(struct job *j);
void		 registrations_free(struct monitor *m);

/* ---- revoke.c ---- */
/* Revoke the certificate of a lineage, or of a file; the client is answered in
 * every case. */
struct err	*on_revoke(struct client *c, const struct msg *m);
struct err	*on_revoke_file(struct client *c, const struct msg *m);
/* "2026-11-24T02:53:37Z (superseded)" */
#define REVOCATION_SIZE 64
const char	*revocation_text(char out[REVOCATION_SIZE], time_t when,
		    uint32_t reason);
/* The step after it: the ledger remembers, the followers are told. */
struct err	*revoke_note(struct job *j);
/* The job goes on without an account: its requests are signed with the key of
 * the certificate. Answers the worker's request id. */
struct err	*revoke_with_own_key(struct job *j, uint32_t id);

/* ---- accounts.c: what an administrator does to an account ---- */
/* Makes the contacts of the job from a list of addresses ("a@x,b@y"; "": none).
 */
struct err	*account_contacts(struct job *j, const char *list);
/* An administrator asks for one of the operations; the client is answered in
 * every case. */
struct err	*on_account(struct client *c, const struct msg *m);
/* An error while a job of another kind changes the account that j would use. */
struct err	*account_in_change(const struct job *j);
/* The step after it: files and followers. */
struct err	*account_settle(struct job *j);
/* Tells the followers what the CA knows of the account. */
void		 account_tell(struct job *j, struct str status,
		    struct strs contacts);

/* ---- signing.c ---- */
/* acmew asks (request id) for a signature. */
struct err	*signing_wish(struct job *j, uint32_t id,
		    const struct msg_sign *s);

/* ---- publisher.c: whose credentials certd-dns has ---- */
/* The path of the job's: given, else set for all, else of the renewal file; ""
 * where none of them says. */
const char	*publisher_credentials(const struct job *j);
/* Makes sure that the publisher has the job's credentials, as they are in the
 * file now, until publisher_release(); waits while other jobs use others. Ends
 * with job_step_done(). */
struct err	*publisher_prepare(struct job *j);
void		 publisher_release(struct job *j);
/* Where nothing is to be done in DNS, the publisher forgets the credentials. */
void		 publisher_rest(struct monitor *m);
/* Credentials for what earlier runs left, then records_sweep(). */
struct err	*publisher_recover(struct monitor *m);

/* ---- records.c: challenge records in DNS ---- */
/* Removes what ended jobs, of this run or of earlier ones, left in DNS. */
struct err	*records_sweep(struct monitor *m);
/* Publishes the challenge of name; answers the worker's request id. */
struct err	*records_publish(struct job *j, uint32_t id, struct str name,
		    struct str token);
/* Removes all records of the job; ends with job_step_done(NULL). What cannot
 * be removed now stays in the ledger for the next run. */
struct err	*records_remove(struct job *j);
/* Removes what earlier runs left, in the background. */
struct err	*records_recover(struct monitor *m);

/* ---- install.c: from the CA's chain to live/ ---- */
/* Has the chain checked by the signer and puts the certificate into the store;
 * answers the worker's request id. Of offers only the chain that is preferred
 * goes into the store. */
struct err	*install_chain(struct job *j, uint32_t id, struct str pem,
		    bool is_offer);
/* What the renewal file is to say; texts borrow from the job. */
struct renewal	 renewal_of(const struct job *j);
/* Ends an installation that waits for certbot's lock. */
void		 install_cancel(struct job *j);

/* ---- hooks.c ---- */
/* What goes into the environment; "" is left out. Borrowed until the end. */
struct hook_env {
	const char *lineage, *renewed, *failed;
};
/* For every hook that has ended: its command, and why it failed (owned by the
 * callee; NULL: it did not). At the end: no command; the hooks are freed then.
 */
typedef void hooks_done(void *arg, const char *command, struct err *e);
/* An empty list; kind is "pre", "deploy" or "post". NULL when out of memory. */
struct hooks	*hooks_new(struct monitor *m, const char *kind);
void		 hooks_free(struct hooks *h);
/* Adds one command, unless it is there already: the one that was asked for
 * (NULL: none was), else the one that the renewal file of lineage keeps, else
 * the usual one. "" is none. One of a file that others than root can change
 * fails instead of running. */
struct err	*hooks_add_chosen(struct hooks *h, const char *lineage,
		    const char *asked, const char *kept, const char *usual);
/* Adds the executables of renewal-hooks/KIND in bytewise order. */
struct err	*hooks_add_folder(struct hooks *h);
size_t		 hooks_count(const struct hooks *h);
bool		 hooks_has(const struct hooks *h, const char *command);
/* Those stay for which keep says so. */
void		 hooks_keep(struct hooks *h,
		    bool (*keep)(void *arg, const char *command), void *arg);
/* Calls fn for each in order; an error of fn stops and is returned. */
struct err	*hooks_each(const struct hooks *h,
		    struct err *(*fn)(void *arg, const char *command),
		    void *arg);
/* Those that run, when certd leaves; what they do goes on. */
void		 hooks_leave(struct monitor *m);
/* Runs them one after the other; h is taken. done may come at once. */
void		 hooks_run(struct hooks *h, const struct hook_env *env,
		    hooks_done *done, void *arg);

/* ---- hook_check.c ---- */
/* Whether the hooks that a request gives can be run, asked before anything
 * begins. done comes once, perhaps at once: with an error (owned by the callee)
 * where one cannot. */
void		 hooks_check(struct client *c, const struct request *r,
		    void (*done)(void *arg, struct err *e), void *arg);

/* ---- deploy.c: hooks after a certificate was stored ---- */
/* Which hooks of which certificate. Texts are borrowed for the call only. */
struct deploy {
	const char *lineage;
	const char *names; /* separated by spaces */
	const char *asked; /* the command given; NULL: none was */
	const char *kept;  /* of the renewal file, or "" */
	bool no_folder;    /* not those of renewal-hooks/deploy */
	bool owed_only;    /* those that failed, and no others */
	struct job *job;   /* whose certificate it is; NULL: an older one */
	void (*drop)(void *arg); /* frees arg where certd leaves before the end;
				  * NULL: nothing to free */
};
/* Comes once a hook that failed (e is borrowed), and at the end with NULL and
 * how many have run and failed. */
typedef void deploy_done(void *arg, const struct err *e, size_t run,
    size_t failed);
/* Runs them when its turn comes: one certificate at a time. Until a hook has
 * ended well, the ledger says that it is owed. done comes later, not at once. */
struct err	*deploy_start(struct monitor *m, const struct deploy *what,
		    deploy_done *done, void *arg);
/* Whether one is under way, or waits, for this certificate. */
bool		 deploy_is_running(const struct monitor *m,
		    const char *lineage);
void		 deploys_free(struct monitor *m);
/* The step of a job. */
struct err	*deploy_run(struct job *j);

/* ---- owed.c: deploy hooks that have still to succeed ---- */
/* What is owed for a certificate, for people; heap, NULL where nothing is. */
struct err	*owed_text(struct monitor *m, const char *lineage,
		    char **out);
/* Each as a fact "deploy_failed"; of lineage, or all where it is "". */
struct err	*owed_tell(struct client *c, const char *lineage);
bool		 owed_any(struct monitor *m, const char *lineage);
/* The commands that are owed for one certificate. */
struct owed_list {
	const char *lineage; /* borrowed */
	char **v;
	size_t n;
	bool all; /* whatever it has: certd ended before it knew the list */
};
/* To be cleared, after an error too. */
struct err	*owed_read(struct monitor *m, const char *lineage,
		    struct owed_list *out);
void		 owed_clear(struct owed_list *o);
/* Whether command is in the list; for hooks_keep(). */
bool		 owed_has(void *arg, const char *command);
/* Those of the list that are not among h are owed no more. */
struct err	*owed_forget(struct monitor *m, const struct owed_list *o,
		    const struct hooks *h);
/* Before a renewal: what is owed for certificates that are no more is forgotten;
 * the others will be read, whether their files have changed or not. */
void		 owed_sweep(struct monitor *m);
/* `certctl deploy`; answers the client in every case. */
void		 request_deploy(struct client *c, struct str lineage);

/* ---- wishes.c: what acmew wants ---- */
struct wish {
	enum msg_type type;
	struct err *(*on)(struct job *j, const struct msg *m);
};
/* NULL where it is no wish. */
const struct wish *wish_find(enum msg_type type);

/* ---- worker.c: acmew ---- */
void		 worker_accept(struct monitor *m, int fd);
/* Gives waiting jobs to workers with room. */
void		 worker_dispatch(struct monitor *m);
/* The worker shall let go of the job. */
void		 worker_drop(struct job *j);
/* What it says of the job from now on is passed over. */
void		 worker_let_go(struct job *j);
void		 worker_send(struct job *j, struct msg *m);
/* "refused" for a request, and the job ends: reason goes to the audit. A worker
 * that was refused gets no more signatures for the job, not even to close its
 * order; one whose request could not be done does. */
void		 worker_refuse(struct job *j, uint32_t id, struct err *e);
void		 worker_disappoint(struct job *j, uint32_t id, struct err *e);
void		 worker_close_all(struct monitor *m);
/* How many orders the connected workers can drive at once. */
uint32_t	 workers_ready(const struct monitor *m);

#endif
