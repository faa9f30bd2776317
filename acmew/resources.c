/*
 * resources.c - directory, order, authorization and challenge as structs.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    bodies of a CA. Assume that it is hostile.
 * Promise:  every URL is a strict https one, every token fits a record, every
 *           name is one of the job; anything else is an error that says what.
 */
#include <string.h>

#include "resources.h"

struct word {
	const char *word;
	int value;
};

static const struct word order_words[] = {
	{ "pending", ORDER_PENDING },
	{ "ready", ORDER_READY },
	{ "processing", ORDER_PROCESSING },
	{ "valid", ORDER_VALID },
	{ "invalid", ORDER_INVALID },
	{ NULL, 0 },
};

static const struct word proof_words[] = {
	{ "pending", PROOF_PENDING },
	{ "processing", PROOF_PROCESSING },
	{ "valid", PROOF_VALID },
	{ "invalid", PROOF_FAILED },
	{ "expired", PROOF_FAILED },
	{ "deactivated", PROOF_FAILED },
	{ "revoked", PROOF_FAILED },
	{ NULL, 0 },
};

static struct err *
status_of(const json_t *object, const struct word *words, int *out)
{
	const char *text;
	char shown[64];
	struct err *e = json_text(object, "status", 64, &text);

	if (e != NULL)
		return e;
	for (; words->word != NULL; words++)
		if (strcmp(words->word, text) == 0) {
			*out = words->value;
			return NULL;
		}
	text_escape(shown, sizeof(shown), text, strlen(text));
	return err_new("unknown status \"%s\"", shown);
}

/* ---- directory ---- */

struct err *
directory_parse(const char *text, size_t n, struct directory *out)
{
	const json_t *meta;
	struct err *e;

	memset(out, 0, sizeof(*out));
	if ((e = json_read(text, n, &out->root)) != NULL)
		return e;
	if ((e = json_url(out->root, "newNonce", &out->new_nonce)) != NULL ||
	    (e = json_url(out->root, "newAccount", &out->new_account)) !=
		NULL ||
	    (e = json_url(out->root, "newOrder", &out->new_order)) != NULL) {
		directory_clear(out);
		return e;
	}
	err_free(json_url(out->root, "revokeCert", &out->revoke));
	err_free(json_url(out->root, "keyChange", &out->key_change));
	meta = json_object_get(out->root, "meta");
	err_free(json_url(meta, "termsOfService", &out->terms));
	out->needs_binding =
	    json_is_true(json_object_get(meta, "externalAccountRequired"));
	return NULL;
}

void
directory_clear(struct directory *d)
{
	json_decref(d->root);
	memset(d, 0, sizeof(*d));
}

/* ---- orders ---- */

/* Which of the names a text is; names->n when none. */
static size_t
find_name(const struct strs *names, const char *text, bool wildcard)
{
	size_t i, n = strlen(text);

	for (i = 0; i < names->n; i++) {
		struct str name = names->v[i];

		if (name_is_wildcard(name) != wildcard)
			continue;
		name = name_base(name);
		if (name.n == n && memcmp(name.p, text, n) == 0)
			break;
	}
	return i;
}

/* The name that an identifier object stands for. */
static struct err *
identifier_of(
    const json_t *id, const struct strs *names, bool wildcard, size_t *out)
{
	const char *type, *value;
	char shown[260];
	struct err *e;

	if ((e = json_text(id, "type", 64, &type)) != NULL ||
	    (e = json_text(id, "value", NAME_MAX_BYTES, &value)) != NULL)
		return err_wrap(e, "identifier");
	if (!wildcard && strncmp(value, "*.", 2) == 0) {
		wildcard = true;
		value += 2;
	}
	*out = strcmp(type, "dns") == 0 ? find_name(names, value, wildcard)
					: names->n;
	if (*out < names->n)
		return NULL;
	text_escape(shown, sizeof(shown), value, strlen(value));
	return err_new("identifier %s%s, which was not asked for",
	    wildcard ? "*." : "", shown);
}

/* The CA may list them in any order, each once. */
static struct err *
check_identifiers(const json_t *list, const struct strs *names)
{
	bool seen[NAMES_MAX] = { false };
	struct err *e;
	size_t which;

	if (names->n > NAMES_MAX || json_array_size(list) != names->n)
		return err_new("%zu identifiers where %zu were asked for",
		    json_array_size(list), names->n);
	for (size_t i = 0; i < names->n; i++) {
		e = identifier_of(
		    json_array_get(list, i), names, false, &which);
		if (e != NULL)
			return e;
		if (seen[which])
			return err_new("an identifier comes twice");
		seen[which] = true;
	}
	return NULL;
}

static struct err *
read_authorizations(const json_t *list, struct order *o)
{
	size_t n = json_array_size(list);
	struct err *e;

	if (n == 0 || n > NAMES_MAX)
		return err_new(
		    "%zu authorizations; 1 to %d are allowed", n, NAMES_MAX);
	for (size_t i = 0; i < n; i++) {
		e = json_check_url(json_array_get(list, i), "authorizations",
		    &o->authorizations[i]);
		if (e != NULL)
			return e;
	}
	o->n_authorizations = n;
	return NULL;
}

static struct err *
read_order(struct order *o, const struct strs *names)
{
	struct err *e;
	int status;

	if ((e = status_of(o->root, order_words, &status)) != NULL)
		return e;
	o->status = (enum order_status)status;
	o->certificate = "";
	o->error = json_object_get(o->root, "error");
	if (!json_is_object(o->error))
		o->error = NULL;
	if ((e = check_identifiers(
		 json_object_get(o->root, "identifiers"), names)) != NULL ||
	    (e = read_authorizations(
		 json_object_get(o->root, "authorizations"), o)) != NULL ||
	    (e = json_url(o->root, "finalize", &o->finalize)) != NULL)
		return e;
	if (o->status == ORDER_VALID)
		e = json_url(o->root, "certificate", &o->certificate);
	return e;
}

struct err *
order_parse(
    const char *text, size_t n, const struct strs *names, struct order *out)
{
	struct err *e;

	memset(out, 0, sizeof(*out));
	if ((e = json_read(text, n, &out->root)) == NULL &&
	    (e = read_order(out, names)) != NULL)
		order_clear(out);
	return err_wrap(e, "bad order");
}

void
order_clear(struct order *o)
{
	json_decref(o->root);
	memset(o, 0, sizeof(*o));
}

/* ---- authorizations and challenges ---- */

static struct err *
read_challenge(const json_t *challenge, struct proof *p)
{
	struct err *e;
	int status;

	if ((e = json_url(challenge, "url", &p->challenge)) != NULL ||
	    (e = json_text(
		 challenge, "token", CA_TOKEN_MAX_BYTES, &p->token)) != NULL ||
	    (e = status_of(challenge, proof_words, &status)) != NULL)
		return e;
	p->answer = (enum proof_status)status;
	if (strlen(p->token) < CA_TOKEN_MIN_BYTES ||
	    !text_is_base64url(p->token, strlen(p->token)))
		return err_new("its token is not %d to %d base64url "
			       "characters",
		    CA_TOKEN_MIN_BYTES, CA_TOKEN_MAX_BYTES);
	return NULL;
}

/* Reads the dns-01 challenge; others only for an error that they may hold. */
static struct err *
read_challenges(const json_t *list, struct proof *p)
{
	const json_t *challenge, *error, *ours = NULL;
	char type[64];
	size_t i;

	json_array_foreach(list, i, challenge)
	{
		json_label(challenge, "type", type, sizeof(type));
		if (strcmp(type, "dns-01") == 0)
			ours = challenge;
		error = json_object_get(challenge, "error");
		if (p->error == NULL && json_is_object(error))
			p->error = error;
	}
	if (p->status != PROOF_PENDING)
		return NULL;
	if (ours == NULL)
		return err_new("the CA offers no dns-01 challenge");
	return err_wrap(read_challenge(ours, p), "dns-01 challenge");
}

static struct err *
read_proof(struct proof *p, const struct strs *names)
{
	struct err *e;
	int status;
	bool wildcard;

	p->challenge = p->token = "";
	if ((e = status_of(p->root, proof_words, &status)) != NULL)
		return e;
	p->status = (enum proof_status)status;
	p->word = json_string_value(json_object_get(p->root, "status"));
	if (p->status == PROOF_PROCESSING)
		return err_new("status \"processing\" is none of an "
			       "authorization");
	wildcard = json_is_true(json_object_get(p->root, "wildcard"));
	if ((e = identifier_of(json_object_get(p->root, "identifier"), names,
		 wildcard, &p->name)) != NULL)
		return e;
	return err_wrap(
	    read_challenges(json_object_get(p->root, "challenges"), p), "%.*s",
	    (int)names->v[p->name].n, names->v[p->name].p);
}

struct err *
proof_parse(
    const char *text, size_t n, const struct strs *names, struct proof *out)
{
	struct err *e;

	memset(out, 0, sizeof(*out));
	if ((e = json_read(text, n, &out->root)) == NULL &&
	    (e = read_proof(out, names)) != NULL)
		proof_clear(out);
	return err_wrap(e, "bad authorization");
}

void
proof_clear(struct proof *p)
{
	json_decref(p->root);
	memset(p, 0, sizeof(*p));
}

struct err *
challenge_parse(const char *text, size_t n, enum proof_status *out)
{
	struct err *e;
	json_t *root;
	int status = PROOF_PENDING;

	if ((e = json_read(text, n, &root)) == NULL) {
		e = status_of(root, proof_words, &status);
		json_decref(root);
	}
	*out = (enum proof_status)status;
	return err_wrap(e, "bad challenge");
}
