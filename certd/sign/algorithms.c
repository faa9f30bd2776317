/*
 * algorithms.c - of OpenSSL's algorithms those that we use.
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    none; what openssl.cnf activates comes on top.
 * Promise:  a certificate or a key file that names another kind of key than RSA,
 *           EC and Ed25519 reaches no code that would understand it.
 *
 * OpenSSL's own provider has a hundred ways to read and to write a key, and what
 * is read or written is held against all of them each time: that takes ten times
 * as long as the work itself. Ours is a provider that shows a dozen of them, and
 * whatever is looked up by its name (digests, signatures, random numbers).
 */
#include <string.h>
#include <strings.h>

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>

#include "sign.h"

#define SHOWN_MAX 32

static const char *const types[] = { "RSA", "EC", "ED25519", NULL };
/* Parts of "provider=default,input=der,structure=PrivateKeyInfo". */
static const char *const structures[] = { "structure=PrivateKeyInfo",
	"structure=SubjectPublicKeyInfo", "structure=type-specific", NULL };
static const char *const forms[] = { "input=der", "output=der", "output=pem",
	NULL };

/* Operations of which not everything is shown. */
static struct operation {
	int id;
	bool has_forms;
	OSSL_ALGORITHM shown[SHOWN_MAX + 1];
} operations[] = {
	{ .id = OSSL_OP_KEYMGMT },
	{ .id = OSSL_OP_ENCODER, .has_forms = true },
	{ .id = OSSL_OP_DECODER, .has_forms = true },
};
#define N_OPERATIONS (sizeof(operations) / sizeof(operations[0]))

/* OpenSSL's own provider, apart from the context that everything else uses, and
 * ours. */
static OSSL_LIB_CTX *apart;
static OSSL_PROVIDER *whole, *ours;

/* names are such as "RSA:rsaEncryption:1.2.840.113549.1.1.1". */
static bool
is_our_type(const char *names)
{
	size_t n = strcspn(names, ":");

	for (size_t i = 0; types[i] != NULL; i++)
		if (strlen(types[i]) == n &&
		    strncasecmp(names, types[i], n) == 0)
			return true;
	return false;
}

static bool
has_one(const char *text, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strstr(text, *words) != NULL)
			return true;
	return false;
}

static bool
is_shown(const struct operation *op, const OSSL_ALGORITHM *a)
{
	return is_our_type(a->algorithm_names) &&
	       (!op->has_forms ||
		   (has_one(a->property_definition, structures) &&
		       has_one(a->property_definition, forms)));
}

static bool
choose(struct operation *op)
{
	int no_cache = 0;
	const OSSL_ALGORITHM *a =
	    OSSL_PROVIDER_query_operation(whole, op->id, &no_cache);
	size_t n = 0;

	for (; a != NULL && a->algorithm_names != NULL; a++)
		if (is_shown(op, a)) {
			if (n == SHOWN_MAX)
				return false;
			op->shown[n++] = *a;
		}
	return n > 0;
}

/* ---- the provider ---- */

static const OSSL_ALGORITHM *
query(void *ctx, int id, int *no_cache)
{
	(void)ctx;
	for (size_t i = 0; i < N_OPERATIONS; i++)
		if (operations[i].id == id) {
			*no_cache = 0;
			return operations[i].shown;
		}
	return OSSL_PROVIDER_query_operation(whole, id, no_cache);
}

/* The last method of ours is gone. */
static void
end(void *ctx)
{
	(void)ctx;
	(void)OSSL_PROVIDER_unload(whole);
	OSSL_LIB_CTX_free(apart);
}

/* What is shown is OpenSSL's code, and wants the context that it knows. */
static int
begin(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in,
    const OSSL_DISPATCH **out, void **ctx)
{
	static const OSSL_DISPATCH dispatch[] = {
		{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query },
		{ OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))end },
		{ 0, NULL },
	};

	(void)core;
	(void)in;
	*out = dispatch;
	*ctx = OSSL_PROVIDER_get0_provider_ctx(whole);
	return 1;
}

static void
leave(void)
{
	(void)OSSL_PROVIDER_unload(ours);
}

struct err *
algorithms_init(void)
{
	bool ok = (apart = OSSL_LIB_CTX_new()) != NULL &&
		  (whole = OSSL_PROVIDER_load(apart, "default")) != NULL;

	for (size_t i = 0; i < N_OPERATIONS; i++)
		ok = ok && choose(&operations[i]);
	if (!ok || OSSL_PROVIDER_add_builtin(NULL, "certd", begin) != 1 ||
	    (ours = OSSL_PROVIDER_load(NULL, "certd")) == NULL ||
	    OPENSSL_atexit(leave) != 1)
		return crypto_err("set up OpenSSL's algorithms");
	return NULL;
}
