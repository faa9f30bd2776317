/* test_problem.c - problem documents as a line for people. */
/* objects: acmew/problem acmew/json common/buf common/err common/text common/url common/names */
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

#define URN "urn:ietf:params:acme:error:"

static struct err *
parse(const char *text, enum problem *kind)
{
	char *copy = strdup(text), *p;
	struct err *e;

	assert_non_null(copy);
	for (p = copy; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	e = problem_parse(copy, strlen(copy), kind);
	free(copy);
	return e;
}

static void
problem_kinds_told_apart(void **state)
{
	static const struct {
		const char *type;
		enum problem kind;
	} rows[] = {
		{ URN "badNonce", PROBLEM_BAD_NONCE },
		{ URN "orderNotReady", PROBLEM_NOT_READY },
		{ URN "rateLimited", PROBLEM_LIMIT },
		{ URN "serverInternal", PROBLEM_SERVER },
		{ URN "malformed", PROBLEM_OTHER },
		{ URN "neverHeardOf", PROBLEM_OTHER },
		{ "about:blank", PROBLEM_OTHER },
		{ "badNonce", PROBLEM_OTHER },
	};
	char text[256];
	enum problem kind;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "{'type':'%s'}", rows[i].type);
		err_free(parse(text, &kind));
		assert_int_equal(kind, rows[i].kind);
	}
}

static void
problem_subproblems_name_identifiers(void **state)
{
	enum problem kind;
	struct err *e = parse("{'type':'" URN "rejectedIdentifier','detail':"
			      "'two are bad','subproblems':[{'type':'" URN
			      "caa','detail':'forbidden','identifier':{'type':"
			      "'dns','value':'a.example'}},{'detail':'policy',"
			      "'identifier':{'value':'b.example'}}],"
			      "'instance':'https://ca.example/doc'}",
	    &kind);

	(void)state;
	assert_non_null(e);
	assert_string_equal(err_text(e),
	    URN "rejectedIdentifier: two are bad (a.example: " URN
		"caa: forbidden; b.example: policy) "
		"[see https://ca.example/doc]");
	assert_non_null(strstr(err_advice(e), "does not issue"));
	err_free(e);
}

static void
problem_many_subproblems_cut(void **state)
{
	char text[8192], *p = text;
	enum problem kind;
	struct err *e;

	(void)state;
	p += sprintf(p, "{'type':'x','subproblems':[{'detail':'first'}");
	for (int i = 0; i < 99; i++)
		p += sprintf(p, ",{'detail':'another one of many'}");
	strcpy(p, "]}");
	e = parse(text, &kind);
	assert_non_null(strstr(err_text(e), "; and 90 more)"));
	err_free(e);
}

static void
problem_control_characters_escaped(void **state)
{
	enum problem kind;
	struct err *e = parse("{'type':'x','detail':'a\\n\\u001b[2Jb'}", &kind);

	(void)state;
	assert_string_equal(err_text(e), "x: a\\n\\x1B[2Jb");
	err_free(e);
}

static void
problem_long_detail_bounded(void **state)
{
	char text[20000];
	enum problem kind;
	struct err *e;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "{'detail':'", 11);
	strcpy(text + sizeof(text) - 3, "'}");
	e = parse(text, &kind);
	assert_non_null(e);
	assert_true(strlen(err_text(e)) < 1000);
	err_free(e);
}

static void
problem_odd_members_survived(void **state)
{
	static const char *const odd[] = {
		"{'type':7,'detail':'d'}",
		"{'type':'x','detail':{},'title':'t'}",
		"{'type':'x','subproblems':7}",
		"{'type':'x','subproblems':[7,null,[],{'identifier':7}]}",
		"{'type':'','detail':''}",
	};
	enum problem kind;

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct err *e = parse(odd[i], &kind);

		assert_non_null(e);
		assert_string_not_equal(err_text(e), "");
		err_free(e);
	}
}

static void
problem_none_in_other_bodies(void **state)
{
	static const char *const bodies[] = { "", "<html>", "{}", "[]",
		"{'status':'valid'}" };
	enum problem kind = PROBLEM_OTHER;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		assert_null(parse(bodies[i], &kind));
		assert_int_equal(kind, PROBLEM_NONE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(problem_kinds_told_apart),
		cmocka_unit_test(problem_subproblems_name_identifiers),
		cmocka_unit_test(problem_many_subproblems_cut),
		cmocka_unit_test(problem_control_characters_escaped),
		cmocka_unit_test(problem_long_detail_bounded),
		cmocka_unit_test(problem_odd_members_survived),
		cmocka_unit_test(problem_none_in_other_bodies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
