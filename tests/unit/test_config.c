/* test_config.c - certd.conf and cli.ini, good and bad, and which of them wins. */
/* objects: $(CONFIG) common/buf common/err common/log common/names common/text common/url */
/* libs: */
#define _GNU_SOURCE /* asprintf, pipe2 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "log.h"

#define ARRAY_N(a) (sizeof(a) / sizeof(*(a)))

/* A folder with certd.conf and cli.ini in it. */
struct place {
	char dir[32], conf[64], cli[64];
};

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int
make_place(void **state)
{
	static struct place p;

	(void)strcpy(p.dir, "/tmp/test_config.XXXXXX");
	if (mkdtemp(p.dir) == NULL)
		return -1;
	(void)snprintf(p.conf, sizeof(p.conf), "%s/certd.conf", p.dir);
	(void)snprintf(p.cli, sizeof(p.cli), "%s/cli.ini", p.dir);
	*state = &p;
	return 0;
}

static int
remove_place(void **state)
{
	const struct place *p = *state;

	(void)unlink(p->conf);
	(void)unlink(p->cli);
	return rmdir(p->dir);
}

/* Loads text as certd.conf, with a [certd] section that finds cli.ini put
 * behind it, and cli as cli.ini (NULL: none). */
static struct err *
load(const struct place *p, const char *text, const char *cli,
    struct config **out)
{
	char *whole;
	struct err *e;

	assert_true(asprintf(&whole, "%s\n%sconfig-dir = %s\n", text,
			strstr(text, "[certd]") == NULL ? "[certd]\n" : "",
			p->dir) > 0);
	write_file(p->conf, whole);
	free(whole);
	(void)unlink(p->cli);
	if (cli != NULL)
		write_file(p->cli, cli);
	e = config_load(p->conf, true, out);
	assert_int_equal(e == NULL, *out != NULL);
	return e;
}

/* What load() logs. */
static const char *
warnings(
    const struct place *p, const char *text, const char *cli, char out[2048])
{
	struct config *c;
	int fds[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	(void)dup2(fds[1], STDERR_FILENO);
	err_free(load(p, text, cli, &c));
	(void)dup2(saved, STDERR_FILENO);
	n = read(fds[0], out, 2047);
	out[n > 0 ? n : 0] = '\0';
	close(fds[0]);
	close(fds[1]);
	close(saved);
	config_free(c);
	return out;
}

static void
config_load_empty_file_gives_defaults(void **state)
{
	struct config *c;

	assert_null(load(*state, "", NULL, &c));
	assert_string_equal(c->state_dir, "/var/lib/certd");
	assert_string_equal(c->runtime_dir, "/run/certd");
	assert_string_equal(c->worker_user, "_acmew");
	assert_string_equal(c->dns_user, "_certd-dns");
	assert_string_equal(c->sign_user, "_certd-sign");
	assert_string_equal(c->admin_group, "certadmin");
	assert_string_equal(c->store_group, "ssl-cert");
	assert_false(c->store_group_set);
	assert_int_equal(c->idle_secs, 30);
	assert_false(c->idle_set);
	assert_false(c->jail_kill);
	assert_string_equal(c->server, ACME_SERVER_DEFAULT);
	assert_string_equal(c->email, "");
	assert_string_equal(c->acme_ca, "");
	assert_false(c->agree_tos);
	assert_int_equal(c->max_orders, 64);
	assert_string_equal(c->preferred_chain, "");
	assert_int_equal(c->key_kind, KEY_EC_P256);
	assert_string_equal(c->provider, "cloudflare");
	assert_string_equal(c->credentials, "");
	assert_string_equal(c->api_url, "https://api.cloudflare.com/client/v4");
	assert_string_equal(c->dns_ca, "");
	assert_string_equal(c->resolver, "");
	assert_int_equal(c->propagation_timeout_secs, 300);
	assert_int_equal(c->propagation_settle_secs, 5);
	assert_int_equal(c->propagation_least_secs, 0);
	assert_int_equal(c->hook_timeout_secs, 600);
	assert_string_equal(c->pre_hook, "");
	assert_string_equal(c->post_hook, "");
	assert_string_equal(c->deploy_hook, "");
	config_free(c);
}

static void
config_load_all_keys_are_taken(void **state)
{
	static const char text[] =
	    "[acme]\nserver = https://ca.example:14000/dir\n"
	    "email = a@example.com, b@example.com\nagree-tos = Yes\n"
	    "ca-certificates = /etc/ca.pem\nmax-orders = 1000\n"
	    "preferred-chain = \"Root, X\"\nkey-type = rsa\n"
	    "rsa-key-size = 4096\nelliptic-curve = secp384r1\n"
	    "[dns]\nprovider = cloudflare\ncredentials = /etc/cf.ini\n"
	    "api-url = https://127.0.53.9:8443/client/v4\n"
	    "ca-certificates = /etc/ca2.pem\n"
	    "resolver = 192.0.2.1, 192.0.2.2:5353, [2001:db8::1]:53, ::1\n"
	    "propagation-timeout = 10m\npropagation-settle = 0\n"
	    "[hooks]\ntimeout = 2h\n"
	    "[certd]\nstate-dir = /s\nruntime-dir = /r\nworker-user = w\n"
	    "dns-user = d\nsign-user = s\nadmin-group = a\nstore-group =\n"
	    "idle-timeout = 90\njail = kill";
	struct config *c;

	assert_null(load(*state, text, NULL, &c));
	assert_string_equal(c->state_dir, "/s");
	assert_string_equal(c->runtime_dir, "/r");
	assert_string_equal(c->worker_user, "w");
	assert_string_equal(c->dns_user, "d");
	assert_string_equal(c->sign_user, "s");
	assert_string_equal(c->admin_group, "a");
	assert_string_equal(c->store_group, "");
	assert_true(c->store_group_set);
	assert_int_equal(c->idle_secs, 90);
	assert_true(c->idle_set);
	assert_true(c->jail_kill);
	assert_string_equal(c->server, "https://ca.example:14000/dir");
	assert_string_equal(c->email, "a@example.com,b@example.com");
	assert_true(c->agree_tos);
	assert_string_equal(c->acme_ca, "/etc/ca.pem");
	assert_int_equal(c->max_orders, 1000);
	assert_string_equal(c->preferred_chain, "Root, X");
	assert_int_equal(c->key_kind, KEY_RSA_4096);
	assert_string_equal(c->credentials, "/etc/cf.ini");
	assert_string_equal(c->api_url, "https://127.0.53.9:8443/client/v4");
	assert_string_equal(c->dns_ca, "/etc/ca2.pem");
	assert_string_equal(
	    c->resolver, "192.0.2.1,192.0.2.2:5353,[2001:db8::1]:53,::1");
	assert_int_equal(c->propagation_timeout_secs, 600);
	assert_int_equal(c->propagation_settle_secs, 0);
	assert_int_equal(c->hook_timeout_secs, 7200);
	config_free(c);
}

static const struct {
	const char *text, *problem;
} bad[] = {
	{ "[certd]\nstate-dir =", ":2: [certd] state-dir = : allowed is an "
				  "absolute path" },
	{ "[certd]\nstate-dir = var", "allowed is an absolute path" },
	{ "[certd]\nstate-dir = /a, /b", ":2: [certd] state-dir = /a,/b: "
					 "allowed is one value" },
	{ "[certd]\nworker-user =", "allowed is a name of letters" },
	{ "[certd]\nworker-user = a b", "allowed is a name of letters" },
	{ "[certd]\nworker-user = 0", "allowed is a name of letters" },
	{ "[certd]\nworker-user = -x", "allowed is a name of letters" },
	{ "[certd]\nadmin-group =", "allowed is a name of letters" },
	{ "[certd]\nstore-group = a:b", "or nothing" },
	{ "[certd]\nidle-timeout = 1w", "[certd] idle-timeout = 1w: allowed "
					"is a time like" },
	{ "[certd]\nidle-timeout = 2d", "from 0 to 86400 seconds" },
	{ "[certd]\njail = off", "jail = off: allowed is refuse|kill" },
	{ "[certd]\njail = refuse|kill", "allowed is refuse|kill" },
	{ "[acme]\nserver =", "allowed is an https URL" },
	{ "[acme]\nserver = http://ca/", "allowed is an https URL" },
	{ "[acme]\nserver = https://CA.example/", "allowed is an https URL" },
	{ "[acme]\nemail = nobody", "allowed is an e-mail address" },
	{ "[acme]\nemail = a@b@c", "allowed is an e-mail address" },
	{ "[acme]\nemail = @c", "allowed is an e-mail address" },
	{ "[acme]\nemail = a@b c@d", "allowed is an e-mail address" },
	{ "[acme]\nemail = a@b, ''", "allowed is an e-mail address" },
	{ "[acme]\nagree-tos = maybe", "allowed is yes or no" },
	{ "[acme]\nagree-tos =", "allowed is yes or no" },
	{ "[acme]\nmax-orders = 0", "allowed is a number from 1 to 1000" },
	{ "[acme]\nmax-orders = 1001", "allowed is a number from 1 to 1000" },
	{ "[acme]\nmax-orders = ten", "allowed is a number from 1 to 1000" },
	{ "[acme]\nkey-type = dsa", "allowed is ecdsa|rsa" },
	{ "[acme]\nelliptic-curve = secp521r1",
	    "allowed is secp256r1|secp384r1" },
	{ "[acme]\nrsa-key-size = 1024", "allowed is 2048|3072|4096" },
	{ "[acme]\nca-certificates = ca.pem", "an absolute path" },
	{ "[dns]\nprovider = route53", "allowed is cloudflare" },
	{ "[dns]\ncredentials = ~/cf.ini", "an absolute path" },
	{ "[dns]\napi-url = api", "allowed is an https URL" },
	{ "[dns]\nresolver = dns.example", "allowed is IP, IP:port" },
	{ "[dns]\nresolver = 192.0.2", "allowed is IP, IP:port" },
	{ "[dns]\nresolver = 192.0.2.1:0", "allowed is IP, IP:port" },
	{ "[dns]\nresolver = 192.0.2.1:65536", "allowed is IP, IP:port" },
	{ "[dns]\nresolver = 192.0.2.1:", "allowed is IP, IP:port" },
	{ "[dns]\nresolver = [::1]", "allowed is IP, IP:port" },
	{ "[dns]\nresolver = [::1", "allowed is IP, IP:port" },
	{ "[dns]\nresolver = [192.0.2.1]:53", "allowed is IP, IP:port" },
	{ "[dns]\nresolver = 192.0.2.1, x", "allowed is IP, IP:port" },
	{ "[dns]\nresolver = '192.0.2.1 192.0.2.2'", "allowed is IP" },
	{ "[dns]\npropagation-timeout = 0", "from 1 to 86400 seconds" },
	{ "[hooks]\ntimeout = -1", "allowed is a time like" },
	{ "[certd\n", ":1: neither" },
	{ "a = 'b", ":1: a closing quote is missing" },
};

static void
config_load_bad_value_is_refused_with_what_is_allowed(void **state)
{
	const struct place *p = *state;
	struct config *c;
	struct err *e;

	for (size_t i = 0; i < ARRAY_N(bad); i++) {
		e = load(p, bad[i].text, NULL, &c);
		if (e == NULL || strstr(err_text(e), bad[i].problem) == NULL ||
		    strncmp(err_text(e), p->conf, strlen(p->conf)) != 0)
			fail_msg("%s: %s", bad[i].text, err_text(e));
		err_free(e);
	}
}

/* Blanks and tabs are no part of a name: what is looked up is what was checked. */
static void
config_alias_is_found_whatever_stands_around_it(void **state)
{
	struct config *c;
	struct str to;

	assert_null(load(*state,
	    "[dns]\nalias = _acme-challenge.a.test\t->\t_acme-challenge.b.test"
	    ", _acme-challenge.c.test -> _acme-challenge.d.test\n",
	    NULL, &c));
	assert_true(config_alias_of(c, str_of("_acme-challenge.a.test"), &to));
	assert_true(str_is(to, "_acme-challenge.b.test"));
	assert_true(config_alias_of(c, str_of("_acme-challenge.c.test"), &to));
	assert_true(str_is(to, "_acme-challenge.d.test"));
	config_free(c);
}

static void
config_load_cli_ini_is_read(void **state)
{
	static const char cli[] =
	    "max-log-backups = 0\npreconfigured-renewal = True\n"
	    "server = https://cli.example/dir\nemail = cli@example.com\n"
	    "agree-tos = True\nauthenticator = dns-cloudflare\n"
	    "dns_cloudflare_credentials = ~/.secrets/cf.ini\n"
	    "dns-cloudflare-propagation-seconds = 60\nkey-type = rsa\n"
	    "rsa_key_size = 3072\nelliptic-curve = secp384r1\n"
	    "preferred-chain = ISRG Root X1\npre-hook = echo a, b\n"
	    "post-hook = sh -c 'x \"y\"'\n"
	    "deploy-hook = systemctl reload apache2 # all\n";
	struct config *c;
	char out[2048];

	assert_string_equal(warnings(*state, "", cli, out), "");
	assert_null(load(*state, "", cli, &c));
	assert_string_equal(c->server, "https://cli.example/dir");
	assert_string_equal(c->email, "cli@example.com");
	assert_true(c->agree_tos);
	assert_string_equal(c->credentials, "/root/.secrets/cf.ini");
	assert_int_equal(c->propagation_least_secs, 60);
	assert_int_equal(c->key_kind, KEY_RSA_3072);
	assert_string_equal(c->preferred_chain, "ISRG Root X1");
	assert_string_equal(c->pre_hook, "echo a, b");
	assert_string_equal(c->post_hook, "sh -c 'x \"y\"'");
	assert_string_equal(c->deploy_hook, "systemctl reload apache2");
	config_free(c);
}

static void
config_load_staging_never_orders_from_production(void **state)
{
	static const struct {
		const char *conf, *cli, *server;
	} rows[] = {
		{ "", "staging = true\n", ACME_SERVER_STAGING },
		{ "", "test-cert\n", ACME_SERVER_STAGING },
		{ "", "staging = false\n", ACME_SERVER_DEFAULT },
		{ "[acme]\nserver = https://ca.example/dir\n",
		    "staging = true\n", "https://ca.example/dir" },
	};
	struct config *c;

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		assert_null(load(*state, rows[i].conf, rows[i].cli, &c));
		assert_string_equal(c->server, rows[i].server);
		config_free(c);
	}
}

static void
config_load_certd_conf_wins_over_cli_ini(void **state)
{
	struct config *c;

	assert_null(load(*state,
	    "[acme]\nserver = https://conf.example/\nagree-tos = no\n"
	    "key-type = rsa\n[dns]\ncredentials = /etc/cf.ini\n",
	    "server = https://cli.example/\nagree-tos = yes\n"
	    "email = cli@example.com\nkey-type = ecdsa\nrsa-key-size = 4096\n"
	    "dns-cloudflare-credentials = no matter\n",
	    &c));
	assert_string_equal(c->server, "https://conf.example/");
	assert_false(c->agree_tos);
	assert_string_equal(c->email, "cli@example.com");
	assert_int_equal(c->key_kind, KEY_RSA_4096);
	assert_string_equal(c->credentials, "/etc/cf.ini");
	config_free(c);
}

static const struct {
	const char *text, *problem;
} bad_cli[] = {
	{ "\nkey-type = dsa\n", ":2: key-type = dsa: allowed is ecdsa|rsa" },
	{ "server = x", ":1: server = x: allowed is an https URL" },
	{ "agree-tos = 2", ":1: agree-tos = 2: allowed is yes or no" },
	{ "dns-cloudflare-credentials = cf.ini",
	    "allowed is an absolute path, or ~/ of root" },
	{ "dns-cloudflare-propagation-seconds = 10m",
	    "allowed is a number from 0 to 86400" },
	{ "rsa-key-size = 1024", "allowed is 2048|3072|4096" },
	{ "email = x", "allowed is an e-mail address" },
	{ "=", ":1: no \"key = value\"" },
};

static void
config_load_bad_cli_ini_is_refused(void **state)
{
	const struct place *p = *state;
	struct config *c;
	struct err *e;

	for (size_t i = 0; i < ARRAY_N(bad_cli); i++) {
		e = load(p, "", bad_cli[i].text, &c);
		if (e == NULL ||
		    strstr(err_text(e), bad_cli[i].problem) == NULL ||
		    strncmp(err_text(e), p->cli, strlen(p->cli)) != 0)
			fail_msg("%s: %s", bad_cli[i].text, err_text(e));
		err_free(e);
	}
}

static const struct {
	const char *conf, *cli, *warning; /* behind the name of the file */
} warned[] = {
	{ "top = 1\n", NULL, "certd.conf:1: top is no setting" },
	{ "\n[acme]\nservr = x\n", NULL, "certd.conf:3: [acme] servr is no" },
	{ "[acme]\nagree_tos = x\n", NULL, "certd.conf:2: [acme] agree_tos" },
	{ "[Acme]\nserver = x\n", NULL, "certd.conf:2: [Acme] server is no" },
	{ "[dns]\nserver = x\n", NULL, "certd.conf:2: [dns] server is no" },
	{ "[a]\n[[b]]\nc = x\n", NULL, "certd.conf:3: [a/b] c is no setting" },
	{ "", "\nwebroot-path = /x\n",
	    "cli.ini:2: webroot-path is no setting" },
	{ "", "authenticator = webroot\n",
	    "cli.ini:1: authenticator = "
	    "webroot: certd has only dns-cloudflare" },
	{ "", "authenticator = dns-route53\n", "certd has only" },
};

static void
config_load_unknown_key_is_a_warning(void **state)
{
	char out[2048];

	for (size_t i = 0; i < ARRAY_N(warned); i++)
		if (strstr(warnings(*state, warned[i].conf, warned[i].cli, out),
			warned[i].warning) == NULL)
			fail_msg("%s: %s", warned[i].warning, out);
}

static void
config_load_unwarned_says_nothing(void **state)
{
	const struct place *p = *state;
	struct config *c;
	int fds[2], saved = dup(STDERR_FILENO);
	char byte;

	write_file(p->conf, "nothing = 1\n");
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	(void)dup2(fds[1], STDERR_FILENO);
	assert_null(config_load(p->conf, false, &c));
	(void)dup2(saved, STDERR_FILENO);
	assert_int_equal(read(fds[0], &byte, 1), -1);
	close(fds[0]);
	close(fds[1]);
	close(saved);
	config_free(c);
}

static void
config_load_missing_named_file_is_an_error(void **state)
{
	const struct place *p = *state;
	struct config *c;
	struct err *e;

	(void)unlink(p->conf);
	e = config_load(p->conf, true, &c);
	assert_non_null(e);
	assert_null(c);
	assert_non_null(strstr(err_text(e), "No such file"));
	assert_non_null(strstr(err_text(e), p->conf));
	err_free(e);
	e = config_load(p->dir, true, &c);
	assert_non_null(strstr(err_text(e), "Is a directory"));
	err_free(e);
}

static void
config_load_cli_ini_that_is_no_file_is_an_error(void **state)
{
	const struct place *p = *state;
	struct config *c;
	struct err *e;

	(void)unlink(p->cli);
	assert_int_equal(mkdir(p->cli, 0700), 0);
	write_file(p->conf, "[certd]\nconfig-dir = /nowhere\n");
	assert_null(config_load(p->conf, true, &c));
	config_free(c);
	assert_int_equal(rmdir(p->cli), 0);
	assert_int_equal(symlink("cli.ini", p->cli), 0);
	assert_null(e = load(p, "", NULL, &c));
	config_free(c);
	assert_int_equal(symlink("cli.ini", p->cli), 0);
	e = config_load(p->conf, true, &c);
	assert_non_null(strstr(err_text(e), p->cli));
	err_free(e);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_place, remove_place)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(config_load_empty_file_gives_defaults),
		TEST(config_load_all_keys_are_taken),
		TEST(config_load_bad_value_is_refused_with_what_is_allowed),
		TEST(config_alias_is_found_whatever_stands_around_it),
		TEST(config_load_cli_ini_is_read),
		TEST(config_load_staging_never_orders_from_production),
		TEST(config_load_certd_conf_wins_over_cli_ini),
		TEST(config_load_bad_cli_ini_is_refused),
		TEST(config_load_unknown_key_is_a_warning),
		TEST(config_load_unwarned_says_nothing),
		TEST(config_load_missing_named_file_is_an_error),
		TEST(config_load_cli_ini_that_is_no_file_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
