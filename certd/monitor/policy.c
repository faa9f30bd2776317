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

/*
 * The verbs: in which phases of an issue job, and how often. The numbers leave
 * room for a CA that rejects every second nonce and for polling until every
 * deadline, and end a loop long before the CA's own limits would.
 */
static const struct verb_row {
	uint32_t phases;
	uint32_t budget, per_name;
	bool needs_account; /* signed with the account's URL as kid */
} verbs[VERB_N] = {
	[VERB_NEW_ACCOUNT] = { JP_START, 16, 0, false },
	[VERB_NEW_ORDER] = { JP_START | JP_ORDER, 24, 0, true },
	[VERB_GET] = { JP_ORDER | JP_FINAL, 400, 150, true },
	[VERB_ANSWER] = { JP_ORDER, 8, 16, true },
	[VERB_FINALIZE] = { JP_ORDER | JP_FINAL, 24, 0, true },
};

#define PUBLISH_PER_NAME 4

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

const char *
policy_sign(const struct grant *g, struct budget *b, uint32_t verb,
    struct str url)
{
	const struct verb_row *row;
	const char *why;

	if (verb >= VERB_N || (row = &verbs[verb])->phases == 0)
		return "no such verb";
	if ((row->phases & (uint32_t)g->phase) == 0)
		return "verb is not legal in this phase of the job";
	if (row->needs_account && *g->account_url == '\0')
		return "verb needs an account, and there is none yet";
	if (!row->needs_account && *g->account_url != '\0')
		return "there is an account already";
	if ((why = policy_url(g, url)) != NULL)
		return why;
	if (b->signed_n[verb] >= row->budget + row->per_name * g->names.n)
		return "signature budget of the job is used up";
	b->signed_n[verb]++;
	return NULL;
}

enum phase
policy_phase_after(enum phase phase, uint32_t verb)
{
	if (verb == VERB_NEW_ORDER && phase == JP_START)
		return JP_ORDER;
	if (verb == VERB_FINALIZE)
		return JP_FINAL;
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
policy_option(uint32_t option, uid_t uid)
{
	size_t i;

	for (i = 0; i < option_table_n; i++)
		if (option_table[i].option == (enum request_option)option)
			return option_table[i].root_only && uid != 0 ?
			    "only root may set what later runs as root" : NULL;
	return "no such option";
}
