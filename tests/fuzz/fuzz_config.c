/* fuzz_config.c - any text as certd.conf, and behind a NUL another one as certbot's
 * cli.ini: it is refused with a reason, or everything in it can be used. Then the
 * rules of [policy] are asked. */
/* objects: $(CONFIG) common/buf common/err common/log common/names common/text common/url proto/options certd/monitor/rules */
/* covers: common/config.c common/config_dns.c common/config_rule.c common/config_value.c common/cli_ini.c certd/monitor/rules.c */
/* libs: */
#define _GNU_SOURCE /* nftw */
#include <errno.h>

#include "config.h"
#include "log.h"
#include "names.h"
#include "rules.h"
#include "url.h"
#include "world.h"

#define SERVERS_MAX 4

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char file[WORLD_PATH_BYTES], cli_ini[WORLD_PATH_BYTES];

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	world_begin();
	world_path(file, "certd.conf");
	world_path(cli_ini, "cli.ini");
	log_limit((enum log_level)0);
	return 0;
}

static void
check_error(struct err *e)
{
	const char *text = err_text(e);

	/* Bytes of root's own files stay what they are: who prints it escapes. */
	check(e == NULL || *text != '\0');
	err_free(e);
}

static void
check_url(const char *text)
{
	struct url u;

	check(url_parse(str_of(text), &u));
}

static void
check_settings(const struct config *c)
{
	struct str urls[SERVERS_MAX], addresses[SERVERS_MAX], to;
	size_t n = config_doh_servers(c, urls, addresses, SERVERS_MAX);
	struct url u;

	check_url(c->server);
	check_url(c->api_url);
	check(*c->config_dir == '/' && *c->state_dir == '/');
	check(*c->pre_hook == '\0' || *c->pre_hook != '\n');
	check(n <= SERVERS_MAX);
	for (size_t i = 0; i < n; i++)
		check(url_parse(urls[i], &u));
	if (config_alias_of(c, str_of("_acme-challenge.example.com"), &to))
		check(name_is_challenge(to));
}

/* Somebody may have what a rule for him covers, and nothing else. */
static void
ask(const struct rules *rules)
{
	static struct str names[] = { { "example.com", 11 },
		{ "*.example.com", 13 }, { "a.example.org", 13 } };
	struct caller who = { .uid = 4242, .n_groups = 1, .groups = { 4243 } };
	struct judge *j = NULL;
	struct err *e;

	check(judge_new(rules, &j) == NULL);
	for (size_t i = 0; i < 3; i++)
		for (int kind = 0; kind <= KEY_RSA_4096; kind++) {
			e = judge_ask(j, &who, (struct strs){ names + i, 1 },
			    (enum key_kind)kind, "https://ca.test/dir");
			/* No rule can name him, whose number has no name. */
			check(rules == NULL || err_errno(e) == EACCES);
			check_error(e);
		}
	judge_free(j);
	for (size_t r = 0; rules != NULL && r < rules->n; r++)
		for (size_t p = 0; p < rules->v[r].names.n; p++) {
			const char *pattern = rules->v[r].names.v[p];

			check(!rule_covers(pattern, str_of("")) ||
			      strcmp(pattern, "*") == 0);
			check(*pattern == '*' || *pattern == '.' ||
			      rule_covers(pattern, str_of(pattern)));
		}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const uint8_t *cut = n == 0 ? NULL : memchr(data, '\0', n);
	size_t first = cut == NULL ? n : (size_t)(cut - data);
	struct config *c = NULL;
	char head[128];
	struct err *e;

	/* Its cli.ini is found through this setting; a second one is an error. */
	(void)snprintf(
	    head, sizeof(head), "[certd]\nconfig-dir = %s\n", world_folder);
	world_write(file, cut != NULL || first % 2 == 0 ? head : "", data, first);
	world_write(cli_ini, "", cut == NULL ? data : cut + 1,
	    cut == NULL ? 0 : n - first - 1);
	e = config_load(file, false, &c);
	check((e == NULL) == (c != NULL));
	if (e == NULL) {
		check_settings(c);
		ask(c->rules);
	}
	check_error(e);
	config_free(c);
	return 0;
}
