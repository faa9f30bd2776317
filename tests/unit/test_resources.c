/* test_resources.c - what a CA says: taken when it is good, refused otherwise. */
/* objects: acmew/resources acmew/json acmew/problem common/buf common/err common/names common/text common/url */
/* libs: jansson */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resources.h"

#define ARRAY_N(a) (sizeof(a) / sizeof(*(a)))
#define CA         "https://ca.example"
#define TOKEN      "PQOJL83UMPK1WFILbuC9LRIQtGJXCMyE_5hCaCTiOn8"

static const struct str name_list[] = {
	{ "example.com", 11 },
	{ "*.example.com", 13 },
};
static const struct strs names = { name_list, 2 };
static const struct strs apex = { name_list, 1 };

/* JSON is easier to read here with ' for ". The caller frees. */
static char *
quoted(const char *text)
{
	char *copy = strdup(text), *p;

	assert_non_null(copy);
	for (p = copy; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	return copy;
}

static void
assert_refused(struct err *e, const char *because, const char *text)
{
	if (e == NULL)
		fail_msg("accepted: %s", text);
	if (strstr(err_text(e), because) == NULL)
		fail_msg("%s\nsays: %s\nnot:  %s", text, err_text(e), because);
	err_free(e);
}

/* ---- JSON ---- */

static void
json_deep_refused(void **state)
{
	char deep[64];
	json_t *root;

	(void)state;
	memset(deep, '[', sizeof(deep));
	assert_refused(
	    json_read(deep, sizeof(deep), &root), "levels deep", "[[[[");
	assert_null(root);
}

static void
json_deep_in_text_accepted(void **state)
{
	char *text = quoted("{'a':'[[[[[[[[[[[[[[[[[[[[\\\\'}");
	json_t *root;

	(void)state;
	assert_null(json_read(text, strlen(text), &root));
	json_decref(root);
	free(text);
}

static void
json_long_refused(void **state)
{
	char *text = malloc(CA_JSON_MAX_BYTES + 1);
	json_t *root;

	(void)state;
	assert_non_null(text);
	memset(text, ' ', CA_JSON_MAX_BYTES + 1);
	assert_refused(
	    json_read(text, CA_JSON_MAX_BYTES + 1, &root), "limit", "spaces");
	free(text);
}

static void
json_odd_refused(void **state)
{
	static const struct {
		const char *text, *because;
	} odd[] = {
		{ "", "no JSON" },
		{ "<html>", "no JSON" },
		{ "[]", "no object" },
		{ "{'a':1,'a':2}", "no JSON" },
		{ "{'a':1} x", "no JSON" },
		{ "{'a':'\\u0000'}", "no JSON" },
		{ "{'a':", "no JSON" },
	};
	json_t *root;

	(void)state;
	for (size_t i = 0; i < ARRAY_N(odd); i++) {
		char *text = quoted(odd[i].text);

		assert_refused(
		    json_read(text, strlen(text), &root), odd[i].because, text);
		free(text);
	}
}

/* ---- directory ---- */

#define DIRECTORY(rest)                                                        \
	"{'newNonce':'" CA "/n','newAccount':'" CA "/a','newOrder':'" CA       \
	"/o'" rest "}"

static struct err *
parse_directory(const char *text, struct directory *d)
{
	char *json = quoted(text);
	struct err *e = directory_parse(json, strlen(json), d);

	free(json);
	return e;
}

static void
directory_good_accepted(void **state)
{
	struct directory d;

	(void)state;
	assert_null(parse_directory(
	    DIRECTORY(",'random':'not a URL','meta':{'termsOfService':'" CA
		      "/t','externalAccountRequired':true,'x':[1]}"),
	    &d));
	assert_string_equal(d.new_nonce, CA "/n");
	assert_string_equal(d.new_account, CA "/a");
	assert_string_equal(d.new_order, CA "/o");
	assert_string_equal(d.terms, CA "/t");
	assert_true(d.needs_binding);
	directory_clear(&d);
	assert_null(parse_directory(DIRECTORY(",'meta':7"), &d));
	assert_string_equal(d.terms, "");
	assert_false(d.needs_binding);
	directory_clear(&d);
}

static void
directory_bad_refused(void **state)
{
	static const struct {
		const char *text, *because;
	} bad[] = {
		{ "{}", "\"newNonce\" is missing" },
		{ "{'newNonce':'" CA "/n','newAccount':'" CA "/a'}",
		    "\"newOrder\" is missing" },
		{ "{'newNonce':7}", "\"newNonce\" is no text" },
		{ "{'newNonce':''}", "0 bytes" },
		{ "{'newNonce':'http://ca.example/n'}", "no plain https URL" },
		{ "{'newNonce':'" CA "/n\\u001b[31m'}", "\\x1B[31m" },
		{ "{'newNonce':'https://u@ca.example/n'}", "no plain https" },
	};
	struct directory d;

	(void)state;
	for (size_t i = 0; i < ARRAY_N(bad); i++) {
		assert_refused(parse_directory(bad[i].text, &d), bad[i].because,
		    bad[i].text);
		assert_null(d.root);
	}
}

/* ---- orders ---- */

#define ID(name) "{'type':'dns','value':'" name "'}"
#define BOTH     ID("*.example.com") "," ID("example.com")
#define ORDER(status, ids, authz, rest)                                        \
	"{'status':'" status "','identifiers':[" ids                           \
	"],'authorizations':[" authz "],'finalize':'" CA "/f'" rest "}"
#define AUTHZ "'" CA "/1','" CA "/2'"

static struct err *
parse_order(const char *text, struct order *o)
{
	char *json = quoted(text);
	struct err *e = order_parse(json, strlen(json), &names, o);

	free(json);
	return e;
}

static void
order_any_status_accepted(void **state)
{
	static const struct {
		const char *text;
		enum order_status status;
	} good[] = {
		{ ORDER("pending", BOTH, AUTHZ, ""), ORDER_PENDING },
		{ ORDER("ready", BOTH, AUTHZ, ""), ORDER_READY },
		{ ORDER("processing", BOTH, AUTHZ, ""), ORDER_PROCESSING },
		{ ORDER("valid", BOTH, AUTHZ, ",'certificate':'" CA "/c'"),
		    ORDER_VALID },
		{ ORDER("invalid", BOTH, AUTHZ, ",'error':{'detail':'d'}"),
		    ORDER_INVALID },
		{ ORDER("pending", BOTH, "'" CA "/1'", ",'error':7"),
		    ORDER_PENDING },
	};
	struct order o;

	(void)state;
	for (size_t i = 0; i < ARRAY_N(good); i++) {
		assert_null(parse_order(good[i].text, &o));
		assert_int_equal(o.status, good[i].status);
		assert_string_equal(o.finalize, CA "/f");
		assert_string_equal(o.authorizations[0], CA "/1");
		assert_string_equal(
		    o.certificate, o.status == ORDER_VALID ? CA "/c" : "");
		assert_int_equal(o.error != NULL, o.status == ORDER_INVALID);
		order_clear(&o);
	}
}

static void
order_bad_refused(void **state)
{
	static const struct {
		const char *text, *because;
	} bad[] = {
		{ "{}", "\"status\" is missing" },
		{ ORDER("new", BOTH, AUTHZ, ""), "unknown status \"new\"" },
		{ ORDER("ready", ID("example.com"), AUTHZ, ""),
		    "1 identifiers where 2" },
		{ ORDER("ready", BOTH "," ID("a.b"), AUTHZ, ""),
		    "3 identifiers where 2" },
		{ ORDER(
		      "ready", ID("example.com") "," ID("evil.com"), AUTHZ, ""),
		    "evil.com, which was not asked for" },
		{ ORDER("ready", ID("example.com") "," ID("example.com"), AUTHZ,
		      ""),
		    "comes twice" },
		{ ORDER("ready",
		      ID("example.com") ",{'type':'ip','value':'*.example.com'"
					"}",
		      AUTHZ, ""),
		    "which was not asked for" },
		{ ORDER("ready", ID("example.com") ",7", AUTHZ, ""),
		    "identifier" },
		{ ORDER("ready", ID("Example.com") "," ID("*.example.com"),
		      AUTHZ, ""),
		    "which was not asked for" },
		{ ORDER("pending", BOTH, "", ""), "0 authorizations" },
		{ ORDER("pending", BOTH, "7", ""), "is no text" },
		{ ORDER("pending", BOTH, "'ftp://ca.example/'", ""),
		    "no plain https URL" },
		{ ORDER("valid", BOTH, AUTHZ, ""), "\"certificate\"" },
		{ "{'status':'ready','identifiers':[" BOTH
		  "],'authorizations':[" AUTHZ "]}",
		    "\"finalize\" is missing" },
	};
	struct order o;

	(void)state;
	for (size_t i = 0; i < ARRAY_N(bad); i++) {
		assert_refused(
		    parse_order(bad[i].text, &o), bad[i].because, bad[i].text);
		assert_null(o.root);
	}
}

static void
order_many_authorizations_refused(void **state)
{
	char text[8192] = "", *p = text;
	struct order o;

	(void)state;
	p += sprintf(p,
	    "{'status':'ready','finalize':'" CA "/f','identifiers':[" BOTH
	    "],'authorizations':['" CA "/0'");
	for (int i = 1; i < NAMES_MAX + 1; i++)
		p += sprintf(p, ",'" CA "/%d'", i);
	strcpy(p, "]}");
	assert_refused(parse_order(text, &o), "101 authorizations", "101");
}

/* ---- authorizations ---- */

#define DNS01(token, status)                                                   \
	"{'type':'dns-01','url':'" CA "/c','token':'" token                    \
	"','status':'" status "'}"
#define PROOF(status, name, challenges, rest)                                  \
	"{'status':'" status                                                   \
	"','identifier':" ID(name) ",'challenges':[" challenges "]" rest "}"

static struct err *
parse_proof(const char *text, struct proof *p)
{
	char *json = quoted(text);
	struct err *e = proof_parse(json, strlen(json), &names, p);

	free(json);
	return e;
}

static void
proof_pending_read(void **state)
{
	struct proof p;

	(void)state;
	assert_null(parse_proof(PROOF("pending", "example.com",
				    "{'type':'dns-persist-01','x':{}},7," DNS01(
					TOKEN, "pending") ",{'type':'http-01'}",
				    ""),
	    &p));
	assert_int_equal(p.status, PROOF_PENDING);
	assert_int_equal(p.answer, PROOF_PENDING);
	assert_int_equal(p.name, 0);
	assert_string_equal(p.challenge, CA "/c");
	assert_string_equal(p.token, TOKEN);
	assert_null(p.error);
	proof_clear(&p);
}

static void
proof_wildcard_told_from_apex(void **state)
{
	struct proof p;

	(void)state;
	assert_null(
	    parse_proof(PROOF("pending", "example.com",
			    DNS01(TOKEN, "processing"), ",'wildcard':true"),
		&p));
	assert_int_equal(p.name, 1);
	assert_int_equal(p.answer, PROOF_PROCESSING);
	proof_clear(&p);
}

static void
proof_wildcard_not_asked_refused(void **state)
{
	char *json = quoted(PROOF("pending", "example.com",
	    DNS01(TOKEN, "pending"), ",'wildcard':true"));
	struct proof p;

	(void)state;
	assert_refused(proof_parse(json, strlen(json), &apex, &p),
	    "*.example.com, which was not asked for", json);
	free(json);
}

static void
proof_valid_needs_no_challenge(void **state)
{
	struct proof p;

	(void)state;
	assert_null(parse_proof(PROOF("valid", "example.com", "", ""), &p));
	assert_int_equal(p.status, PROOF_VALID);
	assert_string_equal(p.challenge, "");
	proof_clear(&p);
	assert_null(parse_proof(
	    "{'status':'valid','identifier':" ID("example.com") "}", &p));
	proof_clear(&p);
}

static void
proof_failed_keeps_error(void **state)
{
	static const char *const words[] = { "invalid", "expired",
		"deactivated", "revoked" };
	char text[512];
	struct proof p;

	(void)state;
	for (size_t i = 0; i < ARRAY_N(words); i++) {
		snprintf(text, sizeof(text),
		    PROOF("%s", "example.com",
			"{'type':'http-01'},{'type':'dns-01','error':"
			"{'detail':'no TXT'}}",
			""),
		    words[i]);
		assert_null(parse_proof(text, &p));
		assert_int_equal(p.status, PROOF_FAILED);
		assert_string_equal(p.word, words[i]);
		assert_non_null(p.error);
		proof_clear(&p);
	}
}

static void
proof_bad_refused(void **state)
{
	static const struct {
		const char *text, *because;
	} bad[] = {
		{ PROOF("pending", "evil.com", DNS01(TOKEN, "pending"), ""),
		    "evil.com, which was not asked for" },
		{ PROOF("pending", "example.com", "{'type':'http-01'}", ""),
		    "no dns-01" },
		{ PROOF("pending", "example.com", "", ""), "no dns-01" },
		{ PROOF("processing", "example.com", "", ""), "none of an" },
		{ PROOF("pending", "example.com",
		      DNS01("short_token_21_bytes_", "pending"), ""),
		    "base64url" },
		{ PROOF("pending", "example.com",
		      DNS01("../../../etc/passwd/../../..", "pending"), ""),
		    "base64url" },
		{ PROOF("pending", "example.com",
		      DNS01(TOKEN TOKEN TOKEN, "pending"), ""),
		    "129 bytes" },
		{ PROOF("pending", "example.com", DNS01(TOKEN, "odd"), ""),
		    "unknown status" },
		{ PROOF("pending", "example.com",
		      "{'type':'dns-01','url':'http://x.example/','token':"
		      "'" TOKEN "','status':'pending'}",
		      ""),
		    "no plain https URL" },
		{ "{'status':'pending','identifier':'example.com'}",
		    "identifier" },
	};
	struct proof p;

	(void)state;
	for (size_t i = 0; i < ARRAY_N(bad); i++) {
		assert_refused(
		    parse_proof(bad[i].text, &p), bad[i].because, bad[i].text);
		assert_null(p.root);
	}
}

static void
challenge_status_read(void **state)
{
	char *good = quoted("{'status':'valid'}"), *bad = quoted("{}");
	enum proof_status status;

	(void)state;
	assert_null(challenge_parse(good, strlen(good), &status));
	assert_int_equal(status, PROOF_VALID);
	assert_refused(
	    challenge_parse(bad, strlen(bad), &status), "missing", bad);
	free(good);
	free(bad);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_deep_refused),
		cmocka_unit_test(json_deep_in_text_accepted),
		cmocka_unit_test(json_long_refused),
		cmocka_unit_test(json_odd_refused),
		cmocka_unit_test(directory_good_accepted),
		cmocka_unit_test(directory_bad_refused),
		cmocka_unit_test(order_any_status_accepted),
		cmocka_unit_test(order_bad_refused),
		cmocka_unit_test(order_many_authorizations_refused),
		cmocka_unit_test(proof_pending_read),
		cmocka_unit_test(proof_wildcard_told_from_apex),
		cmocka_unit_test(proof_wildcard_not_asked_refused),
		cmocka_unit_test(proof_valid_needs_no_challenge),
		cmocka_unit_test(proof_failed_keeps_error),
		cmocka_unit_test(proof_bad_refused),
		cmocka_unit_test(challenge_status_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
