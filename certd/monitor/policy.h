/* policy.h - whether certd does what acmew, or an administrator, asks. */
#ifndef POLICY_H
#define POLICY_H

#include "proto.h"
#include "url.h"

/* How often each verb was signed for a job, challenges published, messages
 * said in all, and progress told. */
struct budget {
	uint32_t signed_n[VERB_N];
	uint32_t published_n;
	uint32_t said_n, told_n;
	uint32_t probed_n;
};

/* What of a job decides: a copy of nothing, all borrowed. */
struct grant {
	enum job_kind kind;
	enum phase phase;
	const struct url *directory; /* its origin */
	struct strs names;
	const char *account_url;     /* "" while there is none */
	const char *order_url;	     /* likewise */
	bool has_next_key;	     /* the account's key is being changed */
	bool has_own_key;	     /* that of the certificate to be revoked */
};

/* NULL when the worker may have this signed for this job now, which is then
 * counted; otherwise the reason, for the audit line. */
const char	*policy_sign(const struct grant *g, struct budget *b,
		    uint32_t verb, struct str url);
/* The phase of the job after that signature, which policy_sign() granted. */
enum phase	 policy_phase_after(enum job_kind kind, enum phase phase,
		    uint32_t verb);
/* Whether a worker can have achieved what a job of this kind is for: the
 * signature for that was given. Never for an issue job: its end is the chain. */
bool		 policy_achieved(enum job_kind kind, const struct budget *b);
/* Likewise for publishing the challenge of name with this token. */
const char	*policy_publish(const struct grant *g, struct budget *b,
		    struct str name, struct str token);
/* Likewise for a URL that the worker reports (account, order). */
const char	*policy_url(const struct grant *g, struct str text);

/* Likewise for any message about a job: each may cost a write or a line in the
 * log. */
const char	*policy_say(const struct grant *g, struct budget *b);
/* Whether progress is still shown; *last: it was, but is no more. */
bool		 policy_tell(const struct grant *g, struct budget *b,
		    bool *last);

/* Likewise for what it has seen in a job that only looks. */
const char	*policy_probed(struct budget *b);

/* May a user hand over a file for this (enum file_use)? NULL or the reason. */
const char	*policy_file(uint32_t use, uid_t uid);
/* May a user give this option? NULL or the reason. */
const char	*policy_option(uint32_t option, uid_t uid);

#endif
