/*
 * monitor.h - everything that the monitor can do: its state, how it lives and
 * what it tells the log; the rest is in the headers that it includes.
 *
 * certctl's requests come in through control.c (client.h), become jobs in
 * issue.c, renew.c and their like, are prepared and finished step by step in
 * job.c (job.h, steps.h), and are granted to a worker in worker.c, whose every
 * wish goes through policy.c.
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
#include "catalog.h"
#include "channel.h"
#include "children.h"
#include "client.h"
#include "config.h"
#include "hooks.h"
#include "job.h"
#include "ledger.h"
#include "log.h"
#include "peer.h"
#include "policy.h"
#include "rules.h"
#include "sandbox.h"
#include "service.h"
#include "steps.h"
#include "store.h"

struct disk;
struct event;
struct eyes;
struct evconnlistener;
struct fs_later;
struct related;
struct throttle;
struct vigil;

TAILQ_HEAD(batch_list, batch);
TAILQ_HEAD(client_list, client);
TAILQ_HEAD(deployment_list, deployment);
TAILQ_HEAD(doctor_list, doctor);
TAILQ_HEAD(job_list, job);
TAILQ_HEAD(lock_wait_list, lock_wait);
TAILQ_HEAD(look_list, look);
TAILQ_HEAD(hooks_list, hooks);
TAILQ_HEAD(install_list, install);
TAILQ_HEAD(worker_list, worker);
TAILQ_HEAD(reading_list, reading);
TAILQ_HEAD(parts_list, parts);
TAILQ_HEAD(registration_list, registration);
TAILQ_HEAD(removal_list, removal);

/* The state of the process. */
struct monitor {
	const struct config *cfg;
	struct service *service;
	struct event_base *base;
	struct store *store;
	struct ledger *ledger;
	struct audit_log *audit;
	struct disk *disk;
	struct writeback *writeback;

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
	struct doctor_list doctors;
	struct worker_list workers;
	struct job_list jobs;
	struct batch_list batches;
	struct deployment_list deployments; /* the first one runs */
	struct hooks_list hook_runs;
	struct registration_list registrations;
	struct reading_list readings;
	struct parts_list parts;
	struct related *related; /* related.c; NULL: not needed yet */
	struct vigil *vigil;
	struct eyes *eyes;
	struct lock_wait_list lock_waits;
	struct install_list installs; /* they wait for the store */
	struct storing *storing; /* they have it; NULL: nobody has */
	bool is_crowded; /* several went there together the last time */
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
	struct removal_list removals; /* of records, under way */
	const char *config_file;
	struct stat certd_conf, cli_ini; /* as they were when read */
	uint32_t probes, last_key; /* how many there were; a number */
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
extern const struct sandbox monitor_jail, writeback_jail;

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
/* outcome is "done", "asked", "refused", "failed", "missing", or "begun" before
 * what changes something, and then audit_ready() is asked; act one word. */
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
 * belongs into it does not. After "begun", which is the kernel's then. */
struct err	*audit_ready(struct monitor *m);
/* The same, as far as is known: before anything is begun. */
struct err	*audit_good(struct monitor *m);
/* `certctl audit` */
void		 request_audit(struct client *c);

/* ---- writeback.c: another process waits for the disk ---- */
/* Before the jail, and before there is much to copy. On error too
 * writeback_close() is needed. */
struct err	*writeback_open(struct monitor *m);
struct err	*writeback_watch(struct monitor *m);
/* Who waits is not called any more. */
void		 writeback_close(struct monitor *m);
#define WRITEBACK_LISTS_MAX 64
/* errors[i] (taken) is that of list i, or NULL. */
typedef void	 writeback_done(void *arg, struct err **errors);
/* Forces n lists to disk, empties them and then calls done: from the event loop,
 * or at once where there is no other process. */
void		 writeback(struct monitor *m, struct fs_later *const *lists,
		    size_t n, writeback_done *done, void *arg);

/* ---- disk.c: what must be on disk before it goes on ---- */
struct err	*disk_begin(struct monitor *m);
void		 disk_end(struct monitor *m);
/* e (to be freed) says why it is not. */
typedef void	 disk_done(void *arg, struct err *e);
/* Calls done from the event loop once the files (taken, on error too; NULL:
 * none) and what was written to the ledger before are on disk. owned (or NULL)
 * is freed should certd leave before that. */
struct err	*disk_wait(struct monitor *m, struct fs_later *files,
		    disk_done *done, void *arg, void *owned);
/* Adds the audit to what goes to the disk before an act. */
void		 disk_with_audit(struct monitor *m, struct fs_later *l);
/* channel_ops.sending: messages are about to leave. */
uint64_t	 disk_before_sending(struct monitor *m);

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
/* channel_go_on() for all of them. */
void		 workers_go_on(struct monitor *m, uint64_t number);
/* How many orders the connected workers can drive at once. */
uint32_t	 workers_ready(const struct monitor *m);

#endif
