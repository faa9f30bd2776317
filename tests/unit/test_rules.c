/* test_rules.c - [policy]: read from certd.conf, and held against a caller. */
/* objects: common/config_rule common/names common/url common/ini common/ini_parse common/ini_value common/ini_expand common/ini_quote common/ini_write common/buf common/err common/log common/text certd/monitor/rules */
/* libs: */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "ini.h"
#include "rules.h"

#define FILE_NAME "/etc/certd/certd.conf"
#define LE        "https://acme.example/dir"

static struct err *
read_rules(const char *text, struct rules **out)
{
	struct ini *ini = NULL;
	struct err *e;

	*out = NULL;
	if ((e = ini_parse(FILE_NAME, text, strlen(text), &ini)) == NULL)
		e = rules_read(FILE_NAME, ini, out);
	ini_free(ini);
	return e;
}

static void
pattern_covers_what_it_says(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool covered;
	} cases[] = {
		{ "example.com", "example.com", true },
		{ "example.com", "www.example.com", false },
		{ "example.com", "*.example.com", false },
		{ "example.com", "badexample.com", false },
		{ "*.example.com", "*.example.com", true },
		{ "*.example.com", "www.example.com", true },
		{ "*.example.com", "a.b.example.com", false },
		{ "*.example.com", "*.b.example.com", false },
		{ "*.example.com", "example.com", false },
		{ "*.example.com", "www.badexample.com", false },
		{ "*.example.com", ".example.com", false },
		{ ".example.com", "www.example.com", true },
		{ ".example.com", "a.b.example.com", true },
		{ ".example.com", "*.example.com", true },
		{ ".example.com", "*.a.example.com", true },
		{ ".example.com", "example.com", false },
		{ ".example.com", "badexample.com", false },
		{ ".example.com", "example.com.evil.test", false },
		{ "*", "anything.test", true },
		{ "*", "*.anything.test", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
		    rule_covers(cases[i].pattern, str_of(cases[i].name)),
		    cases[i].covered);
}

static void
what_is_wrong_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text, *line, *what;
	} cases[] = {
		{ "[policy]\nnames = a.test\n", ":2:", "rules only" },
		{ "[policy]\n[[x]]\nnames = a.test\n", ":2:", "users" },
		{ "[policy]\n[[x]]\nusers = root\n", ":2:", "no names" },
		{ "[policy]\n[[x]]\n", ":2:", "no names" },
		{ "[policy]\n[[x]]\nusers = a b\nnames = *\n",
		    ":3:", "names of users" },
		{ "[policy]\n[[x]]\nusers = ,\nnames = *\n", ":3:", "empty" },
		{ "[policy]\n[[x]]\nusers = a\nnames = nodot\n",
		    ":4:", "allowed are" },
		{ "[policy]\n[[x]]\nusers = a\nnames = *example.com\n",
		    ":4:", "allowed are" },
		{ "[policy]\n[[x]]\nusers = a\nnames = .*.a.test\n",
		    ":4:", "allowed are" },
		{ "[policy]\n[[x]]\nusers = a\nnames = A.Test\n",
		    ":4:", "allowed are" },
		{ "[policy]\n[[x]]\nusers = a\nnames = *\nkey-types = dsa\n",
		    ":5:", "rsa-4096" },
		{ "[policy]\n[[x]]\nusers = a\nnames = *\nservers = le\n",
		    ":5:", "https" },
		{ "[policy]\n[[x]]\nuser = a\nnames = *\n",
		    ":3:", "nothing that a rule has" },
		{ "[policy]\n[[x]]\nusers = a\nnames = *\n[[[y]]]\nz = 1\n",
		    ":5:", "no sections" },
	};
	struct rules *r;
	struct err *e;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		e = read_rules(cases[i].text, &r);
		assert_non_null(e);
		assert_null(r);
		assert_non_null(strstr(err_text(e), FILE_NAME));
		assert_non_null(strstr(err_text(e), cases[i].line));
		assert_non_null(strstr(err_text(e), cases[i].what));
		err_free(e);
	}
}

static void
no_section_is_no_policy(void **state)
{
	struct rules *r;

	(void)state;
	assert_null(read_rules("[acme]\nagree-tos = yes\n", &r));
	assert_null(r);
	/* An empty one is one: nobody but root gets anything. */
	assert_null(read_rules("[policy]\n", &r));
	assert_non_null(r);
	assert_int_equal(r->n, 0);
	rules_free(r);
}

/* ---- asked ---- */

#define POLICY                                                                 \
	"[policy]\n"                                                           \
	"[[web team]]\n"                                                       \
	"users = nobody\n"                                                     \
	"names = example.com, *.example.com\n"                                 \
	"key-types = ecdsa\n"                                                  \
	"servers = " LE "\n"                                                   \
	"[[daemons]]\n"                                                        \
	"groups = daemon, no-such-group-here\n"                                \
	"names = .example.org\n"

static const struct caller
    root = { .uid = 0, .n_groups = 1, .groups = { 1 } },
    nobody = { .uid = 65534, .n_groups = 1, .groups = { 65534 } },
    daemon_ = { .uid = 1, .n_groups = 2, .groups = { 77, 1 } },
    stranger = { .uid = 4242, .n_groups = 1, .groups = { 4242 } },
    unknown = { .uid = (uid_t)-1 };

/* "" where it is allowed, else why not. */
static const char *
ask(const char *policy, const struct caller *who, const char *names,
    enum key_kind kind, const char *server)
{
	static char why[1024];
	struct str v[8];
	size_t n = 0;
	struct rules *rules;
	struct judge *j;
	struct err *e;

	for (const char *p = names;; p++) {
		v[n] = (struct str){ p, strcspn(p, " ") };
		p += v[n++].n;
		if (*p == '\0')
			break;
	}
	assert_null(read_rules(policy, &rules));
	assert_null(judge_new(rules, &j));
	e = judge_ask(j, who, (struct strs){ v, n }, kind, server);
	assert_int_equal(err_errno(e), e == NULL ? 0 : EACCES);
	(void)strncpy(why, e == NULL ? "" : err_text(e), sizeof(why) - 1);
	err_free(e);
	judge_free(j);
	rules_free(rules);
	return why;
}

static void
rules_let_in_whom_they_name(void **state)
{
	static const struct {
		const struct caller *who;
		const char *names;
		enum key_kind kind;
		const char *server, *why;
	} cases[] = {
		{ &root, "any.test", KEY_RSA_2048, "https://x.test/", "" },
		{ &nobody, "example.com", KEY_EC_P256, LE, "" },
		{ &nobody, "example.com *.example.com www.example.com",
		    KEY_EC_P384, LE, "" },
		{ &nobody, "example.com", 0, NULL, "" },
		{ &nobody, "example.com other.test", KEY_EC_P256, LE,
		    "other.test: rule web team (" FILE_NAME
		    ":2) allows you the names example.com, *.example.com" },
		{ &nobody, "a.b.example.com", KEY_EC_P256, LE,
		    "rule web team" },
		{ &nobody, "www.example.org", KEY_EC_P256, LE,
		    "rule web team" },
		{ &nobody, "example.com", KEY_RSA_2048, LE,
		    "rule web team (" FILE_NAME
		    ":2) allows you keys of type ecdsa" },
		{ &nobody, "example.com", KEY_EC_P256, "https://x.test/dir",
		    "rule web team (" FILE_NAME
		    ":2) allows you certificates of " LE },
		{ &daemon_, "www.example.org", KEY_RSA_4096, "https://x.test/",
		    "" },
		{ &daemon_, "example.org", KEY_EC_P256, LE, "rule daemons (" },
		{ &stranger, "example.com", KEY_EC_P256, LE,
		    "no rule of the policy (" FILE_NAME
		    ":1) names you or a group of yours" },
		{ &unknown, "example.com", KEY_EC_P256, LE, "no rule" },
	};
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		why = ask(POLICY, cases[i].who, cases[i].names, cases[i].kind,
		    cases[i].server);
		if (*cases[i].why == '\0')
			assert_string_equal(why, "");
		else
			assert_non_null(strstr(why, cases[i].why));
	}
}

static void
root_is_bound_only_where_it_is_named(void **state)
{
	(void)state;
	assert_string_equal(
	    ask("[policy]\n", &root, "a.test", KEY_EC_P256, LE), "");
	assert_string_not_equal(
	    ask("[policy]\n", &nobody, "a.test", KEY_EC_P256, LE), "");
	assert_string_equal(
	    ask("[policy]\n[[x]]\ngroups = root\nnames = b.test\n", &root,
		"a.test", KEY_EC_P256, LE),
	    "");
	assert_non_null(
	    strstr(ask("[policy]\n[[x]]\nusers = root\nnames = b.test\n", &root,
		       "a.test", KEY_EC_P256, LE),
		"rule x ("));
	assert_string_equal(
	    ask("[policy]\n[[x]]\nusers = root\nnames = b.test\n", &root,
		"b.test", KEY_EC_P256, LE),
	    "");
}

static void
each_name_may_have_a_rule_of_its_own(void **state)
{
	static const char policy[] = "[policy]\n"
				     "[[a]]\nusers = nobody\nnames = a.test\n"
				     "[[b]]\nusers = nobody\nnames = b.test\n"
				     "key-types = rsa-4096\n";

	(void)state;
	assert_string_equal(
	    ask(policy, &nobody, "a.test b.test", KEY_RSA_4096, LE), "");
	assert_non_null(
	    strstr(ask(policy, &nobody, "a.test b.test", KEY_RSA_2048, LE),
		"b.test: rule b"));
}

/* How touch.c asks for it: no name is "*". */
static void
every_name_is_given_by_a_star_only(void **state)
{
	static const char all[] = "[policy]\n[[x]]\nusers = nobody\n"
				  "names = *\nservers = " LE "\n";

	(void)state;
	assert_string_equal(ask(all, &nobody, "*", 0, LE), "");
	assert_string_not_equal(ask(all, &nobody, "*", 0, "https://x.test/"),
	    "");
	assert_string_not_equal(ask(POLICY, &nobody, "*", 0, LE), "");
	assert_string_not_equal(ask(POLICY, &daemon_, "*", 0, LE), "");
	assert_string_equal(ask(POLICY, &root, "*", 0, LE), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pattern_covers_what_it_says),
		cmocka_unit_test(what_is_wrong_is_refused_with_its_line),
		cmocka_unit_test(no_section_is_no_policy),
		cmocka_unit_test(rules_let_in_whom_they_name),
		cmocka_unit_test(root_is_bound_only_where_it_is_named),
		cmocka_unit_test(each_name_may_have_a_rule_of_its_own),
		cmocka_unit_test(every_name_is_given_by_a_star_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
