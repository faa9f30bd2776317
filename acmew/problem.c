/*
 * problem.c - problem documents (RFC 7807) as one readable line with advice.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    problem documents of a CA. Assume that it is hostile.
 * Promise:  the line is bounded, printable, and names every identifier that the
 *           CA complains of (ten at most).
 */
#include <string.h>

#include "buf.h"
#include "resources.h"

#define PREFIX           "urn:ietf:params:acme:error:"
#define LINE_MAX_BYTES   3072 /* a "failed" message takes 4096 */
#define DETAIL_MAX_BYTES 700
#define SUB_MAX          10

struct problem_row {
	const char *word;
	enum problem kind;
	const char *advice;
};

/* RFC 8555 section 6.7, RFC 9773, and what Boulder and Pebble add. */
static const struct problem_row rows[] = {
	{ "accountDoesNotExist", PROBLEM_NO_ACCOUNT,
	    "certctl account deactivate forgets the account here, certctl "
	    "account register makes another" },
	{ "alreadyRevoked", PROBLEM_REVOKED, NULL },
	{ "agreementRequired", PROBLEM_OTHER,
	    "read the CA's terms of service and set agree-tos = yes" },
	{ "badCSR", PROBLEM_OTHER,
	    "the CA refuses this key or these names; try another key type" },
	{ "badNonce", PROBLEM_BAD_NONCE,
	    "the CA keeps refusing its own nonces; try again later" },
	{ "badPublicKey", PROBLEM_OTHER,
	    "the CA refuses the account's key; it needs another type" },
	{ "badRevocationReason", PROBLEM_OTHER,
	    "the CA does not take this reason; give another with --reason, or "
	    "none" },
	{ "badSignatureAlgorithm", PROBLEM_OTHER,
	    "the CA refuses the account's key; it needs another type" },
	{ "caa", PROBLEM_OTHER,
	    "a CAA record forbids this CA to issue for the name; add the CA "
	    "to it" },
	{ "compound", PROBLEM_PROOF, NULL },
	{ "connection", PROBLEM_PROOF,
	    "the CA could not reach a server of the name; try again later" },
	{ "dns", PROBLEM_PROOF,
	    "the CA could not look the name up; see that every name server "
	    "of the zone answers from outside, also with DNSSEC" },
	{ "externalAccountRequired", PROBLEM_OTHER,
	    "make an account with what the CA gives to its customers: certctl "
	    "account register --eab-kid ID --eab-hmac-key-file FILE" },
	{ "incorrectResponse", PROBLEM_PROOF,
	    "the CA saw other TXT values than ours; see that every name "
	    "server of the zone serves the same" },
	{ "invalidContact", PROBLEM_OTHER, "correct or remove email" },
	{ "malformed", PROBLEM_OTHER, NULL },
	{ "orderNotReady", PROBLEM_NOT_READY, "try again" },
	{ "rateLimited", PROBLEM_LIMIT,
	    "the CA's limit is reached; certd tries again when it allows" },
	{ "rejectedIdentifier", PROBLEM_OTHER,
	    "the CA does not issue for this name; remove it or use another "
	    "CA" },
	{ "serverInternal", PROBLEM_SERVER,
	    "the CA has trouble of its own; try again later" },
	{ "unauthorized", PROBLEM_UNAUTHORIZED,
	    "where it is about a TXT record: see that every name server of "
	    "the zone serves the same; otherwise look at the account" },
	{ "unsupportedContact", PROBLEM_OTHER, "correct or remove email" },
	{ "unsupportedIdentifier", PROBLEM_OTHER,
	    "the CA does not issue for names of this kind" },
	{ "userActionRequired", PROBLEM_OTHER,
	    "the CA wants the account's owner to do something: see the URL "
	    "that it names" },
};

static const struct problem_row *
find_row(const char *type)
{
	size_t skip = strlen(PREFIX);

	if (strncmp(type, PREFIX, skip) != 0)
		return NULL;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].word, type + skip) == 0)
			return &rows[i];
	return NULL;
}

/* "type: detail", whichever of the two there is. */
static struct err *
add_line(struct buf *b, const json_t *problem)
{
	char type[128], detail[DETAIL_MAX_BYTES];

	json_label(problem, "type", type, sizeof(type));
	json_label(problem, "detail", detail, sizeof(detail));
	if (detail[0] == '\0')
		json_label(problem, "title", detail, sizeof(detail));
	if (type[0] == '\0' && detail[0] == '\0')
		return buf_addf(b, "a problem without type and detail");
	return buf_addf(b, "%s%s%s", type,
	    type[0] != '\0' && detail[0] != '\0' ? ": " : "", detail);
}

/* " (example.com: type: detail; example.net: ...)". Text that does not fit is
 * left out. */
static void
add_subproblems(struct buf *b, const json_t *list)
{
	size_t n = json_array_size(list);
	char name[260];

	for (size_t i = 0; i < n && i < SUB_MAX; i++) {
		const json_t *sub = json_array_get(list, i);

		json_label(json_object_get(sub, "identifier"), "value", name,
		    sizeof(name));
		err_free(buf_addf(b, "%s%s%s", i == 0 ? " (" : "; ", name,
		    name[0] == '\0' ? "" : ": "));
		err_free(add_line(b, sub));
	}
	if (n > SUB_MAX)
		err_free(buf_addf(b, "; and %zu more", n - SUB_MAX));
	if (n > 0)
		err_free(buf_addf(b, ")"));
}

static void
add_instance(struct buf *b, const json_t *problem)
{
	char instance[512];

	if (json_label(problem, "instance", instance, sizeof(instance))[0] !=
	    '\0')
		err_free(buf_addf(b, " [see %s]", instance));
}

struct err *
problem_err(const json_t *problem, enum problem *kind)
{
	struct buf *b = buf_new(LINE_MAX_BYTES);
	const struct problem_row *row;
	struct err *e;
	char type[128];

	row = find_row(json_label(problem, "type", type, sizeof(type)));
	if (kind != NULL)
		*kind = row == NULL ? PROBLEM_OTHER : row->kind;
	if (b == NULL || (e = add_line(b, problem)) != NULL) {
		buf_free(b);
		return b == NULL ? err_new("out of memory") : e;
	}
	add_subproblems(b, json_object_get(problem, "subproblems"));
	add_instance(b, problem);
	e = err_new("%s", buf_data(b));
	if (row != NULL && row->advice != NULL)
		err_advise(e, "%s", row->advice);
	buf_free(b);
	return e;
}

bool
problem_may_pass(enum problem kind)
{
	return kind == PROBLEM_NONE || kind == PROBLEM_SERVER ||
	       kind == PROBLEM_PROOF || kind == PROBLEM_UNAUTHORIZED;
}

struct err *
problem_parse(const char *text, size_t n, enum problem *kind)
{
	struct err *e;
	json_t *root;

	*kind = PROBLEM_NONE;
	if ((e = json_read(text, n, &root)) != NULL) {
		err_free(e);
		return NULL;
	}
	if (json_is_string(json_object_get(root, "type")) ||
	    json_is_string(json_object_get(root, "detail")))
		e = problem_err(root, kind);
	json_decref(root);
	return e;
}
