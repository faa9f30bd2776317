/* test_parse.c - command lines, good and bad, with what is said about them. */
/* objects: $(filter-out certctl/main,$(certctl_OBJ)) */
/* libs: $(certctl_LIB) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "certctl.h"

#define WORDS_MAX 20

/* Splits line at blanks into argv; "~" stands for one. */
static int
split(char *line, char *argv[WORDS_MAX])
{
	char *word, *save = NULL, *p;
	int argc = 0;

	argv[argc++] = (char[]){ "certctl" };
	for (word = strtok_r(line, " ", &save); word != NULL;
	     word = strtok_r(NULL, " ", &save)) {
		for (p = word; *p != '\0'; p++)
			if (*p == '~')
				*p = ' ';
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	return argc;
}

static struct err *
parse(const char *line, struct invocation *inv, char copy[512],
    char *argv[WORDS_MAX])
{
	(void)snprintf(copy, 512, "%s", line);
	argv[0] = copy;
	return invocation_parse(inv, split(copy, argv), argv);
}

static const struct {
	const char *line, *command, *argument, *names;
	unsigned option; /* that was given, with this value */
	const char *value;
} good[] = {
	{ "restore a.example 3", "restore", "a.example", "", 0, NULL },
	{ "issue -d a.example -d b.example", "issue", NULL,
	    "a.example b.example", OPT_domains, NULL },
	{ "certonly --domains A.example,b.example --domain c.example", "issue",
	    NULL, "a.example b.example c.example", OPT_domains, NULL },
	{ "issue -da.example", "issue", NULL, "a.example", 0, NULL },
	{ "-d a.example issue", "issue", NULL, "a.example", 0, NULL },
	{ "issue -d a.example -d a.example.", "issue", NULL, "a.example", 0,
	    NULL },
	{ "issue --key-type=rsa", "issue", NULL, "", OPTION_key_type, "rsa" },
	{ "issue --key-type rsa", "issue", NULL, "", OPTION_key_type, "rsa" },
	{ "issue --key-type rsa --key-type ecdsa", "issue", NULL, "",
	    OPTION_key_type, "ecdsa" },
	{ "issue --deploy-hook=-x", "issue", NULL, "", OPTION_deploy_hook,
	    "-x" },
	{ "issue --deploy-hook a~b=c", "issue", NULL, "", OPTION_deploy_hook,
	    "a b=c" },
	{ "issue --test-cert", "issue", NULL, "", OPTION_staging, "" },
	{ "issue --detach", "issue", NULL, "", OPT_detach, "" },
	{ "issue --deploy-hook=", "issue", NULL, "", OPTION_deploy_hook, "" },
	{ "issue --renew-hook x", "issue", NULL, "", OPTION_deploy_hook, "x" },
	{ "certonly --dns-cloudflare -v -a dns-cloudflare -m a@b.example "
	  "--no-eff-email -n --preferred-challenges dns-01 -d a.example",
	    "issue", NULL, "a.example", OPTION_email, "a@b.example" },
	{ "certonly --preferred-challenges=dns,dns-01 --text", "issue", NULL,
	    "", OPT_accepted, NULL },
	{ "renew --max-log-backups 3 -q", "renew", NULL, "", OPT_quiet, "" },
	{ "reconfigure NAME --autorenew", "reconfigure", "NAME", "",
	    OPTION_autorenew, "" },
	{ "reconfigure --cert-name x", "reconfigure", NULL, "",
	    OPTION_cert_name, "x" },
	{ "issue --server -", "issue", NULL, "", OPTION_server, "-" },
	{ "--socket /x list", "list", NULL, "", OPT_socket, "/x" },
	{ "list --socket /x", "list", NULL, "", OPT_socket, "/x" },
	{ "--json status", "status", NULL, "", OPT_json, "" },
	{ "status --json", "status", NULL, "", OPT_json, "" },
	{ "-qn status", "status", NULL, "", OPT_quiet, "" },
	{ "status -nq", "status", NULL, "", OPT_non_interactive, "" },
	{ "certificates --cert-name x", "list", NULL, "", OPTION_cert_name,
	    "x" },
	{ "show NAME", "show", "NAME", "", 0, NULL },
	{ "show -- -x", "show", "-x", "", 0, NULL },
	{ "watch", "watch", NULL, "", 0, NULL },
	{ "watch 7", "watch", "7", "", 0, NULL },
	{ "help", "help", NULL, "", 0, NULL },
	{ "help issue", "help", "issue", "", 0, NULL },
	{ "--help", "help", NULL, "", 0, NULL },
	{ "issue -h", "help", "issue", "", 0, NULL },
	{ "show --help", "help", "show", "", 0, NULL },
	{ "--version", "version", NULL, "", 0, NULL },
	{ "issue -V --key-type x", "version", NULL, "", 0, NULL },
	{ "list --", "list", NULL, "", 0, NULL },
	{ "", NULL, NULL, "", 0, NULL },
	{ "-q", NULL, NULL, "", OPT_quiet, "" },
};

static char *
joined(const struct names *names)
{
	char *text = NULL;
	size_t n, i;
	FILE *f = open_memstream(&text, &n);

	for (i = 0; i < names->n; i++)
		fprintf(f, "%s%s", i == 0 ? "" : " ", names->v[i]);
	assert_int_equal(fclose(f), 0);
	return text;
}

static void
parse_good_lines_say_what_is_wanted(void **state)
{
	char *argv[WORDS_MAX], copy[512], *names;
	struct invocation inv;
	struct err *e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		e = parse(good[i].line, &inv, copy, argv);
		if (e != NULL)
			fail_msg("%s: %s", good[i].line, err_text(e));
		if (good[i].command == NULL)
			assert_null(inv.command);
		else
			assert_string_equal(inv.command->word, good[i].command);
		if (good[i].argument == NULL)
			assert_null(inv.argument);
		else
			assert_string_equal(inv.argument, good[i].argument);
		names = joined(&inv.names);
		assert_string_equal(names, good[i].names);
		free(names);
		if (good[i].value != NULL)
			assert_string_equal(
			    inv.values[good[i].option], good[i].value);
		invocation_clear(&inv);
	}
}

static const struct {
	const char *line, *text, *advice;
} bad[] = {
	{ "isue", "unknown command \"isue\"", "did you mean \"issue\"?" },
	{ "frobnicate", "unknown command \"frobnicate\"",
	    "certctl help lists the commands" },
	{ "--socke /x list", "unknown option --socke",
	    "did you mean --socket?" },
	{ "list --jsno", "unknown option --jsno", "did you mean --json?" },
	{ "list --jsno=1", "unknown option --jsno", "did you mean --json?" },
	{ "list --zzzzzz", "unknown option --zzzzzz",
	    "certctl help COMMAND lists the options" },
	{ "list ---", "unknown option ---",
	    "certctl help COMMAND lists the options" },
	{ "list -x", "unknown option -x",
	    "certctl help COMMAND lists the options" },
	{ "list -qx", "unknown option -x",
	    "certctl help COMMAND lists the options" },
	{ "list --json=1", "--json takes no value", "" },
	{ "list --key-type rsa", "list takes no --key-type",
	    "certctl help list lists what it takes" },
	{ "status -d a.example", "status takes no --domains",
	    "certctl help status lists what it takes" },
	{ "issue --key-type", "--key-type needs a value",
	    "write --key-type ecdsa|rsa" },
	{ "issue --key-type --json", "--key-type needs a value, not \"--json\"",
	    "a value that begins with \"-\" is written --key-type=VALUE" },
	{ "issue -d", "--domains needs a value",
	    "write --domains NAME[,NAME...]" },
	{ "issue -d -n", "--domains needs a value, not \"-n\"",
	    "a value that begins with \"-\" is written --domains=VALUE" },
	{ "issue --key-type=", "--key-type: it is empty", "" },
	{ "issue --deploy-hook a\nb",
	    "--deploy-hook: control characters or bytes that are no UTF-8",
	    "" },
	{ "issue --email \xff",
	    "--email: control characters or bytes that are no UTF-8", "" },
	{ "issue --cert-name a/b", "--cert-name: a \"/\"", "" },
	{ "issue --expand=yes", "--expand takes no value", "" },
	{ "issue --csr x.pem", "certctl " VERSION " has no --csr",
	    "certd makes the keys and the signing requests itself; leave it "
	    "out" },
	{ "issue --csr=x.pem", "certctl " VERSION " has no --csr",
	    "certd makes the keys and the signing requests itself; leave it "
	    "out" },
	{ "issue -w /var/www", "certctl " VERSION " has no --webroot-path",
	    "certd proves names by dns-01 through Cloudflare only" },
	{ "issue --preferred-challenges http",
	    "--preferred-challenges http is not served",
	    "certd proves names by dns-01 through Cloudflare only: leave it "
	    "out" },
	{ "issue --preferred-challenges dns,http",
	    "--preferred-challenges dns,http is not served",
	    "certd proves names by dns-01 through Cloudflare only: leave it "
	    "out" },
	{ "issue -a webroot", "--authenticator webroot is not served",
	    "certd proves names by dns-01 through Cloudflare only: leave it "
	    "out" },
	{ "issue --key-type=", "--key-type: it is empty", "" },
	{ "issue --expnad", "unknown option --expnad",
	    "did you mean --expand?" },
	{ "renew --duplicate", "renew takes no --duplicate",
	    "certctl help renew lists what it takes" },
	{ "issue a.example", "issue: unexpected \"a.example\"",
	    "names are given with -d NAME" },
	{ "status now", "status: unexpected \"now\"", "certctl help status" },
	{ "show a b", "show: unexpected \"b\"", "certctl help show" },
	{ "show", "show needs NAME", "certctl help show" },
	{ "cancel", "cancel needs JOB", "certctl help cancel" },
	{ "restore a.example", "restore needs NAME VERSION",
	    "certctl help restore" },
	{ "restore a.example 1 2", "restore: unexpected \"2\"",
	    "certctl help restore" },
	{ "issue -d a.example,,b.example", "-d: \"\": the name is empty", "" },
	{ "issue -d 192.0.2.1",
	    "-d: \"192.0.2.1\": an IP address: only DNS names can be proved "
	    "by DNS",
	    "" },
};

static void
parse_bad_lines_are_refused_with_advice(void **state)
{
	char *argv[WORDS_MAX], copy[512];
	struct invocation inv;
	struct err *e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		e = parse(bad[i].line, &inv, copy, argv);
		if (e == NULL)
			fail_msg("%s: was accepted", bad[i].line);
		assert_string_equal(err_text(e), bad[i].text);
		assert_string_equal(err_advice(e), bad[i].advice);
		err_free(e);
		invocation_clear(&inv);
	}
}

static void
parse_values_longer_than_a_message_are_refused(void **state)
{
	static char value[4098];
	char *argv[] = { (char[]){ "certctl" }, (char[]){ "issue" },
		(char[]){ "--pre-hook" }, value, NULL };
	struct invocation inv;
	struct err *e;

	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	e = invocation_parse(&inv, 4, argv);
	assert_string_equal(
	    err_text(e), "--pre-hook: it is too long (at most 4096 bytes)");
	err_free(e);
	invocation_clear(&inv);
	value[4096] = '\0';
	assert_null(invocation_parse(&inv, 4, argv));
	invocation_clear(&inv);
}

/* Words of the interface whose work is not there: none may pass unnoticed. */
static void
parse_every_unavailable_option_is_refused(void **state)
{
	char *argv[WORDS_MAX], copy[512], line[128];
	struct invocation inv;
	struct err *e;
	size_t i;

	(void)state;
	for (i = 0; i < cli_options_n; i++) {
		if (cli_options[i].id != OPT_unavailable)
			continue;
		(void)snprintf(
		    line, sizeof(line), "issue --%s", cli_options[i].word);
		e = parse(line, &inv, copy, argv);
		assert_non_null(e);
		assert_string_equal(err_advice(e), cli_options[i].help);
		err_free(e);
		invocation_clear(&inv);
	}
}

/* Needs no certd: refused before anybody is asked. */
static void
run_bad_arguments_are_usage_errors(void **state)
{
	static const struct {
		const char *line, *text;
	} lines[] = {
		{ "issue", "issue needs names" },
		{ "reconfigure --autorenew",
		    "reconfigure needs the name of one certificate" },
		{ "reconfigure a --cert-name b",
		    "reconfigure needs the name of one certificate" },
		{ "cancel x", "\"x\" is not the number of a job" },
		{ "watch 0", "\"0\" is not the number of a job" },
		{ "cancel 4294967296",
		    "\"4294967296\" is not the number of a job" },
		{ "help isue", "unknown command \"isue\"" },
	};
	char *argv[WORDS_MAX], copy[512];
	struct invocation inv;
	struct session s;
	struct err *e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_null(parse(lines[i].line, &inv, copy, argv));
		s = (struct session){
			.inv = &inv, .out = stdout, .err = stderr, .fd = -1
		};
		e = inv.command->run(&s);
		assert_string_equal(err_text(e), lines[i].text);
		assert_true(*err_advice(e) != '\0');
		assert_int_equal(s.status, EXIT_USAGE);
		err_free(e);
		invocation_clear(&inv);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_good_lines_say_what_is_wanted),
		cmocka_unit_test(parse_bad_lines_are_refused_with_advice),
		cmocka_unit_test(
		    parse_values_longer_than_a_message_are_refused),
		cmocka_unit_test(parse_every_unavailable_option_is_refused),
		cmocka_unit_test(run_bad_arguments_are_usage_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
