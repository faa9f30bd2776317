/* steps.h - what the steps of a job and the wishes of acmew lead to: accounts,
 * signatures, records, the installation. */
#ifndef STEPS_H
#define STEPS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "proto.h"
#include "store.h"

struct client;
struct job;
struct monitor;
struct registration;

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

/* ---- probe.c: a job that only looks, for doctor ---- */
struct probe_ops {
	/* What acmew has seen; lives during the call. */
	void (*said)(void *arg, const struct msg_probed *said);
	/* Once, perhaps before probe_start() returns: it is over. e (the
	 * callee's): why it could not be done. */
	void (*over)(void *arg, struct err *e);
};
/* Has acmew look whether the CA and the name servers of names (at most 20)
 * answer. On error nothing is called. */
struct err	*probe_start(struct monitor *m, const char *server,
		    struct strs names, const struct probe_ops *ops, void *arg);
/* Nothing more is to be called with this arg. */
void		 probe_forget(struct monitor *m, const void *arg);
/* acmew's word, and the step after it. */
struct err	*probe_said(struct job *j, const struct msg *m);
struct err	*probe_end(struct job *j);

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
/* Has the publisher look for the zone of the job's first record while the order
 * is being placed. */
void		 records_expect(const struct job *j);
/* Publishes the challenge of name; answers the worker's request id. */
struct err	*records_publish(struct job *j, uint32_t id, struct str name,
		    struct str token);
/* The CA has seen them: removes those that are published while the job goes on.
 * What fails is tried again when it ends. */
void		 records_proven(struct job *j);
/* Removes all records of the job; ends with job_step_done(NULL). What cannot
 * be removed now stays in the ledger for the next run. */
struct err	*records_remove(struct job *j);
/* Removes what earlier runs left, in the background. */
struct err	*records_recover(struct monitor *m);

/* ---- install.c: the chain that the CA sent ---- */
/* Has the chain checked by the signer and puts the certificate into the store;
 * answers the worker's request id. Of offers only the chain that is preferred
 * goes into the store. */
struct err	*install_chain(struct job *j, uint32_t id, struct str pem,
		    bool is_offer);
/* What the renewal file is to say; texts borrow from the job. */
struct renewal	 renewal_of(const struct job *j);

/* ---- storing.c: into the store ---- */
/* Ends an installation that waits, and lets one go on that goes into the store:
 * where that succeeds the job has not failed. */
void		 install_cancel(struct job *j);
/* Brings to its end what goes into the store now; the loop runs no more. */
void		 storing_end(struct monitor *m);

#endif
