/*
 * policy.c - decides whether the monitor does what acmew asks.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    decoded messages from acmew. Assume acmew is hostile.
 * Promise:  acmew never chooses bytes that get signed or a name that gets
 *           published; a refusal ends the job.
 */
#include <sys/types.h>

#include "names.h"
#include "policy.h"

#define TOKEN_MIN_BYTES 22 /* 128 bits in base64url (RFC 8555 section 8.1) */

/* Whose key signs it, and what must be known of the account before. */
enum by {
	BY_ACCOUNT, /* the account's, which the CA knows */
	BY_NEW,	    /* that of an account which the CA does not know yet */
	BY_OWN,	    /* the account's, or else that of the certificate itself */
	BY_TWO,	    /* a change of the account's key is under way */
};

/* Where it may go, on the origin of the directory. */
enum at {
	AT_ANY,
	AT_ACCOUNT, /* to the account's URL and nowhere else */
	AT_APART,   /* to nothing that could be an account (common/url.h) */
	AT_ORDER,   /* at first only to the order that an earlier run placed */
};

/*
 * The verbs: by kind of job, in which phases, and how often. What is not here is
 * refused: an issue job has no verb that touches a certificate or an account
 * that exist. The numbers leave room for a CA that rejects every second nonce
 * and for polling until every deadline, and end a loop long before the CA's own
 * limits would.
 */
static const struct verb_row {
	uint32_t phases;
	uint32_t budget, per_name;
	enum by by;
	enum at at;
} verbs[KIND_N][VERB_N] = {
	[KIND_issue] = {
		[VERB_NEW_ACCOUNT] = { JP_START, 24, 0, BY_NEW, AT_ANY },
		[VERB_NEW_ORDER] = { JP_START | JP_ORDER | JP_FINAL, 48, 0,
			BY_ACCOUNT, AT_ANY },
		[VERB_GET] = { JP_START | JP_ORDER | JP_FINAL, 400, 150,
			BY_ACCOUNT, AT_ORDER },
		[VERB_ANSWER] = { JP_ORDER, 8, 16, BY_ACCOUNT, AT_ANY },
		[VERB_FINALIZE] = { JP_ORDER | JP_FINAL, 48, 0, BY_ACCOUNT,
			AT_ANY },
		[VERB_CLOSE] = { JP_ORDER | JP_CLOSE, 16, 12, BY_ACCOUNT,
			AT_APART },
		[VERB_FIND_NEW] = { JP_START, 24, 0, BY_TWO, AT_ANY },
		[VERB_FIND_OLD] = { JP_START, 24, 0, BY_TWO, AT_ANY },
	},
	[KIND_revoke] = {
		[VERB_REVOKE] = { JP_START, 24, 0, BY_OWN, AT_ANY },
		[VERB_FIND_NEW] = { JP_START, 24, 0, BY_TWO, AT_ANY },
		[VERB_FIND_OLD] = { JP_START, 24, 0, BY_TWO, AT_ANY },
	},
	[KIND_show] = {
		[VERB_GET] = { JP_START, 24, 0, BY_ACCOUNT, AT_ACCOUNT },
		[VERB_FIND_NEW] = { JP_START, 24, 0, BY_TWO, AT_ANY },
		[VERB_FIND_OLD] = { JP_START, 24, 0, BY_TWO, AT_ANY },
	},
	[KIND_register] = {
		[VERB_NEW_ACCOUNT] = { JP_START, 24, 0, BY_NEW, AT_ANY },
	},
	[KIND_update] = {
		[VERB_CONTACT] = { JP_START, 24, 0, BY_ACCOUNT, AT_ACCOUNT },
		[VERB_FIND_NEW] = { JP_START, 24, 0, BY_TWO, AT_ANY },
		[VERB_FIND_OLD] = { JP_START, 24, 0, BY_TWO, AT_ANY },
	},
	[KIND_deactivate] = {
		[VERB_DEACTIVATE] = { JP_START, 24, 0, BY_ACCOUNT, AT_ACCOUNT },
		[VERB_FIND_NEW] = { JP_START, 24, 0, BY_TWO, AT_ANY },
		[VERB_FIND_OLD] = { JP_START, 24, 0, BY_TWO, AT_ANY },
	},
	[KIND_rollover] = {
		[VERB_ROLL_OVER] = { JP_START, 48, 0, BY_TWO, AT_ANY },
		[VERB_FIND_NEW] = { JP_START, 48, 0, BY_TWO, AT_ANY },
		[VERB_FIND_OLD] = { JP_START, 48, 0, BY_TWO, AT_ANY },
	},
};

#define PUBLISH_PER_NAME 4

/* All verbs together, with room. */
#define SAY	     1500
#define SAY_PER_NAME 400

/* Of a wait for name servers a worker tells every few seconds, at most. */
#define TELL	      300
#define TELL_PER_NAME 20

/* A CA, its clock, and 20 zones. */
#define PROBED_MAX 32

const char *
policy_url(const struct grant *g, struct str text)
{
	struct url url;

	if (!url_parse(text, &url))
		return "no https URL";
	if (!url_same_origin(&url, g->directory))
		return "URL of another origin than the job's directory";
	return NULL;
}

/* NULL where the job has the keys that the verb is signed with. */
static const char *
problem_by(const struct grant *g, enum by by)
{
	bool has_account = *g->account_url != '\0';

	if (by == BY_NEW && has_account)
		return "there is an account already";
	if (by == BY_TWO && !g->has_next_key)
		return "no change of the account's key is under way";
	if (by == BY_OWN && (has_account || g->has_own_key))
		return NULL;
	if (by != BY_NEW && !has_account)
		return "verb needs an account, and there is none yet";
	return NULL;
}

/* NULL where the verb may go to this URL, which is on the directory's origin. */
static const char *
problem_at(const struct grant *g, enum at at, struct str text)
{
	struct url url, account;

	if (at == AT_ACCOUNT && !str_is(text, g->account_url))
		return "verb is for the account's own URL";
	if (at == AT_ORDER && g->phase == JP_START &&
	    (*g->order_url == '\0' || !str_is(text, g->order_url)))
		return "verb is not legal in this phase of the job";
	if (at == AT_APART &&
	    (!url_parse(text, &url) ||
	    !url_parse(str_of(g->account_url), &account) ||
	    !url_is_apart(&url, &account)))
		return "the URL could be one of an account";
	return NULL;
}

const char *
policy_sign(const struct grant *g, struct budget *b, uint32_t verb,
    struct str url)
{
	const struct verb_row *row;
	const char *why;

	if (verb >= VERB_N || (row = &verbs[g->kind][verb])->phases == 0)
		return "no verb of this kind of job";
	if ((row->phases & (uint32_t)g->phase) == 0)
		return "verb is not legal in this phase of the job";
	if ((why = problem_by(g, row->by)) != NULL ||
	    (why = policy_url(g, url)) != NULL ||
	    (why = problem_at(g, row->at, url)) != NULL)
		return why;
	if (b->signed_n[verb] >= row->budget + row->per_name * g->names.n)
		return "signature budget of the job is used up";
	b->signed_n[verb]++;
	return NULL;
}

bool
policy_achieved(enum job_kind kind, const struct budget *b)
{
	static const enum verb effects[KIND_N] = {
		[KIND_revoke] = VERB_REVOKE,
		[KIND_show] = VERB_GET,
		[KIND_register] = VERB_NEW_ACCOUNT,
		[KIND_update] = VERB_CONTACT,
		[KIND_deactivate] = VERB_DEACTIVATE,
	};

	return effects[kind] != 0 && b->signed_n[effects[kind]] > 0;
}

/* Who closes an order has given it up. */
enum phase
policy_phase_after(enum job_kind kind, enum phase phase, uint32_t verb)
{
	if (verb == VERB_NEW_ORDER) /* the one before has failed */
		return JP_ORDER;
	if (verb == VERB_GET && phase == JP_START && kind == KIND_issue)
		return JP_ORDER; /* an order of an earlier run is taken up */
	if (verb == VERB_FINALIZE)
		return JP_FINAL;
	if (verb == VERB_CLOSE)
		return JP_CLOSE;
	return phase;
}

const char *
policy_publish(const struct grant *g, struct budget *b, struct str name,
    struct str token)
{
	size_t i;

	for (i = 0; i < g->names.n && !str_eq(g->names.v[i], name); i++)
		;
	if (i == g->names.n)
		return "name is not one of the job's";
	if (token.n < TOKEN_MIN_BYTES)
		return "token is too short";
	if (b->published_n >= PUBLISH_PER_NAME * g->names.n)
		return "publishing budget of the job is used up";
	b->published_n++;
	return NULL;
}

const char *
policy_say(const struct grant *g, struct budget *b)
{
	if (b->said_n >= SAY + SAY_PER_NAME * g->names.n)
		return "message budget of the job is used up";
	b->said_n++;
	return NULL;
}

bool
policy_tell(const struct grant *g, struct budget *b, bool *last)
{
	uint32_t most = TELL + TELL_PER_NAME * (uint32_t)g->names.n;

	*last = b->told_n == most;
	if (b->told_n <= most)
		b->told_n++;
	return b->told_n <= most;
}

const char *
policy_probed(struct budget *b)
{
	if (b->probed_n >= PROBED_MAX)
		return "it has seen more than there is to look at";
	b->probed_n++;
	return NULL;
}

const char *
policy_option(uint32_t option, uid_t uid)
{
	size_t i;

	for (i = 0; i < option_table_n; i++)
		if (option_table[i].option == (enum request_option)option)
			return option_table[i].root_only && uid != 0 ?
			    "only root may set what later runs as root" : NULL;
	return "no such option";
}

/* A file on a file system of the user's own could keep the signer waiting for
 * ever, and a key is nothing that an administrator without root has to give. */
const char *
policy_file(uint32_t use, uid_t uid)
{
	if (use >= FILE_N)
		return "no such file";
	return uid == 0 ? NULL : "only root may give files from outside of the "
	    "store";
}
