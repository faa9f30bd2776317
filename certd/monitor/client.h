/* client.h - what an administrator can ask for, and how he is told. */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "channel.h"
#include "config.h"

struct client;
struct entry;
struct job;
struct monitor;
struct wanted;

/* ---- control.c: certctl ---- */
void		 control_accept(struct monitor *m, int fd);
void		 control_close_all(struct monitor *m);
/* channel_go_on() for all clients. */
void		 control_go_on(struct monitor *m, uint64_t number);
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
/* Whether so much waits for it that more had better come later. */
bool		 client_is_behind(const struct client *c);
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
/* Whether the policy has a say in what it does. */
bool		 client_is_bound(const struct client *c);
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
/* Those under way are forgotten: certd leaves. */
void		 doctors_end(struct monitor *m);

/* ---- lock.c: certbot's lock, waited for ---- */
/* e NULL: the store is locked until this returns. Otherwise why it is not. */
typedef void locked(void *arg, struct err *e);
/* Calls fn once, at once or when certbot has ended; the client, who must be
 * held until then, is told that it waits (fact "waiting"). */
void		 lock_wait(struct client *c, locked *fn, void *arg);
/* Those that waited while certificates went into the store try again. */
void		 locks_wake(struct monitor *m);
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

/* ---- touch.c: what is there already ---- */
/* With a policy: NULL, or why the client may not change this certificate, end this
 * job, or change the account at this CA; err_errno() is EACCES then. */
struct err	*client_may_touch(const struct client *c,
		    const struct entry *x);
struct err	*client_may_stop(const struct client *c, const struct job *j);
struct err	*client_may_account(const struct client *c,
		    const char *server);
/* Calls go, at once or later, if the client may change this certificate; else it
 * is told. */
typedef void touch_go(struct client *c, struct str lineage, uint32_t number);
void		 request_touch(struct client *c, struct str lineage,
		    uint32_t number, touch_go *go);

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

/* ---- token.c ---- */
/* What the token in this open file (the caller's) sees; answers the client in
 * every case. */
void		 request_token_check(struct client *c, int fd);

#endif
