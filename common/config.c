/*
 * config.c - certd.conf and certbot's cli.ini, as one struct of settings.
 *
 * Runs in:  certd, certd-dns, acmew, certctl.
 * Input:    files of root.
 * Promise:  a bad value stops the start with file, line, value and what is
 *           allowed; what came from where does not matter afterwards.
 */
#define _GNU_SOURCE /* asprintf */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "cli_ini.h"
#include "config.h"
#include "config_rule.h"
#include "config_value.h"
#include "ini.h"
#include "log.h"

#define CLI_INI_MAX_BYTES (1024 * 1024)
#define AUTHENTICATOR     "dns-cloudflare"
#define DAY               86400

/* The settings, and those from which others are made. */
struct draft {
	struct config c; /* first: config_free() frees it all */
	char *jail, *key_type, *elliptic_curve, *rsa_key_size;
	bool staging; /* cli.ini */
};

#define FIELD(name) offsetof(struct draft, name)

/* clang-format off */
#define KEY(section, name, type, fallback, field) \
	{ section, name, type, fallback, FIELD(field), NULL, 0, 0 }
#define WORD(section, name, words, fallback, field) \
	{ section, name, T_WORD, fallback, FIELD(field), words, 0, 0 }
#define RANGE(section, name, type, fallback, min, max, field) \
	{ section, name, type, fallback, FIELD(field), NULL, min, max }
#define CLI(name, type, field)	     KEY("", name, type, NULL, field)
#define CLI_WORD(name, words, field) WORD("", name, words, NULL, field)
#define NOTHING(name, type)	     { "", name, type, NULL, 0, NULL, 0, 0 }

#define KEY_TYPES "ecdsa|rsa"
#define CURVES    "secp256r1|secp384r1"
#define RSA_SIZES "2048|3072|4096"
#define API_URL   "https://api.cloudflare.com/client/v4"
/* With addresses, because whoever cannot reach port 53 may have no resolver. */
#define DOH_SERVERS                                                            \
	"https://cloudflare-dns.com/dns-query@1.1.1.1@1.0.0.1"                 \
	"@2606:4700:4700::1111,"                                               \
	"https://dns.google/dns-query@8.8.8.8@8.8.4.4@2001:4860:4860::8888"

/* certd.conf, in the order of the manual. */
static const struct config_key keys[] = {
	KEY("certd", "config-dir", T_PATH, "/etc/letsencrypt", c.config_dir),
	KEY("certd", "state-dir", T_PATH, "/var/lib/certd", c.state_dir),
	KEY("certd", "runtime-dir", T_PATH, "/run/certd", c.runtime_dir),
	KEY("certd", "worker-user", T_USER, "_acmew", c.worker_user),
	KEY("certd", "dns-user", T_USER, "_certd-dns", c.dns_user),
	KEY("certd", "sign-user", T_USER, "_certd-sign", c.sign_user),
	KEY("certd", "admin-group", T_USER, "certadmin", c.admin_group),
	KEY("certd", "store-group", T_USER_OR_NONE, "ssl-cert", c.store_group),
	RANGE("certd", "idle-timeout", T_SECONDS, "30s", 0, DAY, c.idle_secs),
	WORD("certd", "jail", "refuse|kill", "refuse", jail),

	KEY("acme", "server", T_URL, ACME_SERVER_DEFAULT, c.server),
	KEY("acme", "email", T_EMAIL, "", c.email),
	KEY("acme", "agree-tos", T_BOOL, "no", c.agree_tos),
	KEY("acme", "ca-certificates", T_PATH, "", c.acme_ca),
	RANGE("acme", "max-per-day", T_NUMBER, "5", 0, 1000, c.max_per_day),
	RANGE("acme", "max-orders", T_NUMBER, "64", 1, 1000, c.max_orders),
	RANGE("acme", "order-tries", T_NUMBER, "3", 1, 3, c.order_tries),
	RANGE("acme", "order-pause", T_SECONDS, "60s", 0, 3600,
	    c.order_pause_secs),
	KEY("acme", "preferred-chain", T_TEXT, "", c.preferred_chain),
	WORD("acme", "key-type", KEY_TYPES, "ecdsa", key_type),
	WORD("acme", "elliptic-curve", CURVES, "secp256r1", elliptic_curve),
	WORD("acme", "rsa-key-size", RSA_SIZES, "2048", rsa_key_size),

	WORD("dns", "provider", "cloudflare", "cloudflare", c.provider),
	KEY("dns", "credentials", T_PATH, "", c.credentials),
	KEY("dns", "api-url", T_URL, API_URL, c.api_url),
	KEY("dns", "ca-certificates", T_PATH, "", c.dns_ca),
	KEY("dns", "resolver", T_RESOLVERS, "", c.resolver),
	RANGE("dns", "propagation-timeout", T_SECONDS, "300s", 1, DAY,
	    c.propagation_timeout_secs),
	RANGE("dns", "propagation-settle", T_SECONDS, "5s", 0, DAY,
	    c.propagation_settle_secs),
	KEY("dns", "alias", T_ALIASES, "", c.alias),
	KEY("dns", "doh-servers", T_DOH_SERVERS, DOH_SERVERS, c.doh_servers),
	RANGE("dns", "doh-wait", T_SECONDS, "20s", 1, 3600, c.doh_wait_secs),

	RANGE("hooks", "timeout", T_SECONDS, "10m", 1, DAY,
	    c.hook_timeout_secs),
};
#define N_KEYS (sizeof(keys) / sizeof(*keys))

/* cli.ini. renew-hook is the old name of deploy-hook; Debian's own cli.ini has
 * preconfigured-renewal. */
static const struct config_key cli_keys[] = {
	CLI("server", T_URL, c.server),
	CLI("staging", T_BOOL, staging),
	CLI("test-cert", T_BOOL, staging),
	CLI("email", T_EMAIL, c.email),
	CLI("agree-tos", T_BOOL, c.agree_tos),
	CLI("dns-cloudflare-credentials", T_HOME_PATH, c.credentials),
	RANGE("", "dns-cloudflare-propagation-seconds", T_NUMBER, NULL, 0, DAY,
	    c.propagation_least_secs),
	CLI_WORD("key-type", KEY_TYPES, key_type),
	CLI_WORD("elliptic-curve", CURVES, elliptic_curve),
	CLI_WORD("rsa-key-size", RSA_SIZES, rsa_key_size),
	CLI("preferred-chain", T_TEXT, c.preferred_chain),
	CLI("reuse-key", T_BOOL, c.reuse_key),
	CLI("must-staple", T_BOOL, c.must_staple),
	CLI("pre-hook", T_TEXT, c.pre_hook),
	CLI("post-hook", T_TEXT, c.post_hook),
	CLI("deploy-hook", T_TEXT, c.deploy_hook),
	CLI("renew-hook", T_TEXT, c.deploy_hook),
	CLI("no-directory-hooks", T_BOOL, c.no_directory_hooks),
	CLI("disable-hook-validation", T_BOOL, c.no_hook_validation),
	NOTHING("authenticator", T_AUTHENTICATOR),
	NOTHING("dns-cloudflare", T_IGNORED),
	NOTHING("max-log-backups", T_IGNORED),
	NOTHING("non-interactive", T_IGNORED),
	NOTHING("eff-email", T_IGNORED),
	NOTHING("no-eff-email", T_IGNORED),
	NOTHING("register-unsafely-without-email", T_IGNORED),
	NOTHING("text", T_IGNORED),
	NOTHING("verbose", T_IGNORED),
	NOTHING("preconfigured-renewal", T_IGNORED),
};
#define N_CLI_KEYS (sizeof(cli_keys) / sizeof(*cli_keys))
/* clang-format on */

struct loader {
	struct draft *draft;
	const char *file; /* being read */
	const struct ini *ini;
	bool warn;
	bool set[N_KEYS]; /* written in certd.conf */
	struct err *e;
};

/* "[section] key", or only the key in cli.ini. */
static struct err *
bad_value(struct err *cause, const struct loader *l, const struct config_key *k,
    const char *value, unsigned line)
{
	bool named = *k->section != '\0';

	return err_wrap(cause, "%s:%u: %s%s%s%s = %s", l->file, line,
	    named ? "[" : "", k->section, named ? "] " : "", k->name, value);
}

static void
warn_unknown(
    const struct loader *l, const char *section, const char *key, unsigned line)
{
	bool named = *section != '\0';

	if (l->warn)
		log_warn("%s:%u: %s%s%s%s is no setting that certd knows: "
			 "ignored",
		    l->file, line, named ? "[" : "", section, named ? "] " : "",
		    key);
}

static struct err *
set_defaults(struct draft *d)
{
	struct err *e = NULL;
	size_t i;

	for (i = 0; e == NULL && i < N_KEYS; i++)
		e = config_value_read(keys + i, keys[i].fallback, d);
	if (e == NULL && ((d->c.pre_hook = strdup("")) == NULL ||
			     (d->c.post_hook = strdup("")) == NULL ||
			     (d->c.deploy_hook = strdup("")) == NULL))
		e = err_sys("settings");
	return e;
}

/* The elements of a value as one text, "a,b"; the caller frees it. */
static char *
join(const char *const *values, size_t n)
{
	size_t size = 1;
	char *text;

	for (size_t i = 0; i < n; i++)
		size += strlen(values[i]) + 1;
	if ((text = calloc(1, size)) == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			(void)strcat(text, ",");
		(void)strcat(text, values[i]);
	}
	return text;
}

static struct err *
read_setting(struct loader *l, const struct config_key *k, unsigned line)
{
	const char *const *values;
	size_t n = ini_list(l->ini, k->section, k->name, &values);
	char *text = join(values, n);
	struct err *e;

	if (text == NULL)
		return err_sys("%s", l->file);
	e = n > 1 && !config_value_is_list(k)
		? err_new(
		      "allowed is one value: put it in quotes where it holds "
		      "a comma")
		: config_value_read(k, text, l->draft);
	e = bad_value(e, l, k, text, line);
	free(text);
	return e;
}

static bool
on_setting(void *arg, const char *section, const char *key, unsigned line)
{
	struct loader *l = arg;

	if (strcmp(section, "policy") == 0 ||
	    strncmp(section, "policy/", strlen("policy/")) == 0)
		return true; /* rules_read() */
	for (size_t i = 0; i < N_KEYS; i++) {
		if (strcmp(keys[i].section, section) != 0 ||
		    strcmp(keys[i].name, key) != 0)
			continue;
		l->set[i] = true;
		l->e = read_setting(l, keys + i, line);
		return l->e == NULL;
	}
	warn_unknown(l, section, key, line);
	return true;
}

static struct err *
read_certd_conf(struct loader *l, const char *file)
{
	struct ini *ini = NULL;
	struct err *e;
	int fd;

	l->file = file == NULL ? CONFIG_FILE : file;
	if ((fd = open(l->file, O_RDONLY | O_CLOEXEC)) == -1)
		return file == NULL && errno == ENOENT ? NULL
						       : err_sys("%s", l->file);
	if ((e = ini_read(l->file, fd, &ini)) == NULL) {
		l->ini = ini;
		ini_each(ini, on_setting, l);
		e = l->e;
	}
	if (e == NULL)
		e = rules_read(l->file, ini, &l->draft->c.rules);
	l->ini = NULL;
	ini_free(ini);
	(void)close(fd);
	return e;
}

/* Whether certd.conf has set what k would set. */
static bool
is_set(const struct loader *l, size_t offset)
{
	for (size_t i = 0; i < N_KEYS; i++)
		if (l->set[i] && keys[i].offset == offset)
			return true;
	return false;
}

/* "a_b" and "a-b" are the same key. */
static bool
same_key(const char *a, const char *b)
{
	for (; *a != '\0' && *b != '\0'; a++, b++)
		if ((*a == '_' ? '-' : *a) != (*b == '_' ? '-' : *b))
			return false;
	return *a == *b;
}

static struct err *
read_cli_setting(struct loader *l, const struct config_key *k,
    const char *value, unsigned line)
{
	if (k->type == T_AUTHENTICATOR && strcmp(value, AUTHENTICATOR) != 0 &&
	    l->warn)
		log_warn(
		    "%s:%u: authenticator = %s: certd has only " AUTHENTICATOR
		    ", and uses it",
		    l->file, line, value);
	if (k->type == T_AUTHENTICATOR || k->type == T_IGNORED ||
	    is_set(l, k->offset))
		return NULL;
	return bad_value(
	    config_value_read(k, value, l->draft), l, k, value, line);
}

static struct err *
on_cli_setting(void *arg, const char *key, const char *value, unsigned line)
{
	struct loader *l = arg;

	for (size_t i = 0; i < N_CLI_KEYS; i++)
		if (same_key(cli_keys[i].name, key))
			return read_cli_setting(l, cli_keys + i, value, line);
	warn_unknown(l, "", key, line);
	return NULL;
}

/* Who may not read the store's folder does without cli.ini. */
static bool
is_no_matter(int error)
{
	return error == ENOENT || error == ENOTDIR || error == EACCES ||
	       error == EPERM;
}

static struct err *
read_cli_ini(struct loader *l)
{
	struct buf *text = NULL;
	struct err *e = NULL;
	char *file = NULL;
	int fd = -1;

	if (asprintf(&file, "%s/cli.ini", l->draft->c.config_dir) == -1)
		return err_sys("cli.ini");
	l->file = file;
	if ((fd = open(file, O_RDONLY | O_CLOEXEC)) == -1) {
		if (!is_no_matter(errno))
			e = err_sys("%s", file);
		goto out;
	}
	if ((text = buf_new(CLI_INI_MAX_BYTES)) == NULL)
		e = err_sys("%s", file);
	else if ((e = buf_add_file(text, fd)) != NULL)
		e = err_wrap(e, "%s", file);
	else
		e = cli_ini_each(
		    file, buf_data(text), buf_len(text), on_cli_setting, l);
out:
	if (fd != -1)
		(void)close(fd);
	buf_free(text);
	free(file);
	return e;
}

/* What follows from the settings as they are written. */
static struct err *
finish(const struct loader *l)
{
	struct draft *d = l->draft;

	d->c.store_group_set = is_set(l, FIELD(c.store_group));
	d->c.idle_set = is_set(l, FIELD(c.idle_secs));
	d->c.jail_kill = strcmp(d->jail, "kill") == 0;
	if (d->staging && !is_set(l, FIELD(c.server))) {
		free(d->c.server);
		if ((d->c.server = strdup(ACME_SERVER_STAGING)) == NULL)
			return err_sys("settings");
	}
	/* Each of them has been checked; so has their combination. */
	if (!key_kind_of(d->key_type, d->elliptic_curve, d->rsa_key_size,
		&d->c.key_kind))
		return err_new("key-type = %s: no such key", d->key_type);
	return NULL;
}

struct err *
config_load(const char *file, bool warn, struct config **out)
{
	struct loader l = { .warn = warn };
	struct err *e;

	*out = NULL;
	if ((l.draft = calloc(1, sizeof(*l.draft))) == NULL)
		return err_sys("settings");
	if ((e = set_defaults(l.draft)) == NULL &&
	    (e = read_certd_conf(&l, file)) == NULL &&
	    (e = read_cli_ini(&l)) == NULL)
		e = finish(&l);
	free(l.draft->jail);
	free(l.draft->key_type);
	free(l.draft->elliptic_curve);
	free(l.draft->rsa_key_size);
	if (e != NULL)
		config_free(&l.draft->c);
	else
		*out = &l.draft->c;
	return e;
}

void
config_free(struct config *c)
{
	if (c == NULL)
		return;
	rules_free(c->rules);
	char *const texts[] = { c->config_dir, c->state_dir, c->runtime_dir,
		c->worker_user, c->dns_user, c->sign_user, c->admin_group,
		c->store_group, c->server, c->email, c->acme_ca,
		c->preferred_chain, c->provider, c->credentials, c->api_url,
		c->dns_ca, c->resolver, c->pre_hook, c->post_hook,
		c->deploy_hook, c->alias, c->doh_servers };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		free(texts[i]);
	free(c);
}
