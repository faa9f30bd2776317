/*
 * store_conf.c - renewal/NAME.conf in certbot's dialect: what we read from it
 * and what we write into it.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    files by certbot, by people, by ourselves.
 * Promise:  comments, unknown keys and unknown sections survive; certbot can
 *           read the result.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "ini.h"
#include "store_priv.h"
#include "text.h"

/* What certbot says it was written by. A larger number than its own makes it
 * say "this might not work", so: that of Debian 12, whose format this is. */
#define CERTBOT_VERSION "2.1.0"

#define PARAMS         "renewalparams"
#define CONF_MAX_BYTES (1024 * 1024)

/* Gone since 2021; certbot takes it for its successor too. */
#define ACME_SERVER_V1 "https://acme-v01.api.letsencrypt.org/directory"

/* A parameter, "" where it is missing or Python's None. */
static const char *
param(const struct ini *conf, const char *key)
{
	const char *value = ini_get(conf, PARAMS, key);

	return value == NULL || strcmp(value, "None") == 0 ? "" : value;
}

static const char *
or_else(const char *value, const char *otherwise)
{
	return *value == '\0' ? otherwise : value;
}

void
conf_read(struct lineage *l)
{
	const struct {
		const char **field, *key;
	} texts[] = {
		{ &l->server, "server" },
		{ &l->account, "account" },
		{ &l->authenticator, "authenticator" },
		{ &l->credentials, "dns_cloudflare_credentials" },
		{ &l->preferred_chain, "preferred_chain" },
		{ &l->pre_hook, "pre_hook" },
		{ &l->post_hook, "post_hook" },
		{ &l->deploy_hook, "renew_hook" },
	};
	uint64_t secs;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		*texts[i].field =
		    l->conf == NULL ? "" : param(l->conf, texts[i].key);
	l->autorenew = true;
	if (l->conf == NULL)
		return;
	if (strcmp(l->server, ACME_SERVER_V1) == 0)
		l->server = ACME_SERVER_DEFAULT;
	l->reuse_key = strcmp(param(l->conf, "reuse_key"), "True") == 0;
	l->must_staple = strcmp(param(l->conf, "must_staple"), "True") == 0;
	l->autorenew = strcmp(param(l->conf, "autorenew"), "False") != 0;
	if (text_number(param(l->conf, "dns_cloudflare_propagation_seconds"), 0,
		UINT32_MAX, &secs))
		l->propagation_secs = (uint32_t)secs;
	/* Without key_type it is of a time that knew RSA only. */
	if (!key_kind_of(or_else(param(l->conf, "key_type"), "rsa"),
		or_else(param(l->conf, "elliptic_curve"), "secp256r1"),
		or_else(param(l->conf, "rsa_key_size"), "2048"), &l->key_kind))
		l->key_kind = 0;
}

/* A kind of key as certbot writes it. Its defaults (P-256, 2048 bits) are left
 * out, as certbot leaves out what the user did not set. */
static const struct key_words {
	enum key_kind kind;
	const char *type, *curve, *size;
} key_words[] = {
	{ KEY_EC_P256, "ecdsa", NULL, NULL },
	{ KEY_EC_P384, "ecdsa", "secp384r1", NULL },
	{ KEY_EC_P521, "ecdsa", "secp521r1", NULL },
	{ KEY_RSA_2048, "rsa", NULL, NULL },
	{ KEY_RSA_3072, "rsa", NULL, "3072" },
	{ KEY_RSA_4096, "rsa", NULL, "4096" },
};

static const struct key_words *
words_of(enum key_kind kind)
{
	size_t i;

	for (i = 0; i < sizeof(key_words) / sizeof(*key_words); i++)
		if (key_words[i].kind == kind)
			return &key_words[i];
	return NULL;
}

/* Sets what is given, removes what is not; what says the same stays as it is
 * written. */
static struct err *
set_param(struct ini *conf, const char *key, const char *value)
{
	const char *old = ini_get(conf, PARAMS, key);

	if (value == NULL || *value == '\0') {
		ini_remove(conf, PARAMS, key);
		return NULL;
	}
	if (old != NULL && strcmp(old, value) == 0)
		return NULL;
	return ini_set(conf, PARAMS, key, value);
}

static struct err *
set_params(struct ini *conf, const struct renewal *r)
{
	const struct key_words *key = words_of(r->key_kind);
	char secs[16] = "";
	struct err *e = NULL;
	size_t i;

	if (key == NULL && r->key_kind != 0)
		return err_new("no kind of key %d", (int)r->key_kind);
	if (r->propagation_secs != 0)
		(void)snprintf(secs, sizeof(secs), "%u", r->propagation_secs);
	/* clang-format off */
	const struct {
		const char *key, *value;
	} params[] = { /* in the order of certbot's files */
		{ "account", r->account },
		{ "pre_hook", r->pre_hook },
		{ "post_hook", r->post_hook },
		{ "renew_hook", r->deploy_hook },
		{ "authenticator", r->authenticator },
		{ "dns_cloudflare_credentials", r->credentials },
		{ "dns_cloudflare_propagation_seconds", secs },
		{ "server", r->server },
		{ "preferred_chain", r->preferred_chain },
		{ "must_staple", r->must_staple ? "True" : "" },
		{ "reuse_key", r->reuse_key ? "True" : "" },
	};
	/* clang-format on */
	for (i = 0; e == NULL && i < sizeof(params) / sizeof(*params); i++)
		e = set_param(conf, params[i].key, params[i].value);
	if (e != NULL || key == NULL) /* a kind that only others make */
		return e;
	if ((e = set_param(conf, "key_type", key->type)) != NULL ||
	    (e = set_param(conf, "elliptic_curve", key->curve)) != NULL)
		return e;
	return set_param(conf, "rsa_key_size", key->size);
}

/* The keys before the first section. A file that has them keeps them as they
 * were written (lineage_load() has checked them). */
static struct err *
set_paths(const struct store *s, const char *name, const char *archive,
    struct ini *conf)
{
	char path[PATH_MAX];
	struct err *e = NULL;
	int kind;

	if (ini_get(conf, "", "version") == NULL)
		e = ini_set(conf, "", "version", CERTBOT_VERSION);
	if (e == NULL && ini_get(conf, "", "archive_dir") == NULL) {
		(void)snprintf(
		    path, sizeof(path), "%s/archive/%s", s->path, archive);
		e = ini_set(conf, "", "archive_dir", path);
	}
	for (kind = 0; e == NULL && kind < PEM_N; kind++) {
		if (ini_get(conf, "", pem_kind_words[kind]) != NULL)
			continue;
		(void)snprintf(path, sizeof(path), "%s/live/%s/%s.pem", s->path,
		    name, pem_kind_words[kind]);
		e = ini_set(conf, "", pem_kind_words[kind], path);
	}
	return e;
}

/* When, and whether, it is renewed: said by people only. */
static struct err *
set_due(struct ini *conf, const struct renewal *r)
{
	if (r->autorenew != NULL) {
		struct err *e = set_param(conf, "autorenew", r->autorenew);

		if (e != NULL)
			return e;
	}
	if (r->renew_before == NULL)
		return NULL;
	if (*r->renew_before != '\0')
		return ini_set(conf, "", "renew_before_expiry",
		    r->renew_before);
	ini_remove(conf, "", "renew_before_expiry");
	return NULL;
}

struct err *
conf_render(const struct store *s, const char *name, const char *archive,
    struct ini *old, const struct renewal *r, struct buf *out)
{
	struct ini *conf = old == NULL ? ini_new() : old;
	struct err *e;

	if (conf == NULL)
		return err_sys("renewal file");
	conf_release(conf);
	if ((e = set_paths(s, name, archive, conf)) == NULL &&
	    (e = set_params(conf, r)) == NULL &&
	    (e = set_due(conf, r)) == NULL)
		e = ini_write(conf, out);
	if (old == NULL)
		ini_free(conf);
	return e;
}

struct err *
conf_replace(struct store *s, const struct lineage *l)
{
	struct buf *text = buf_new(CONF_MAX_BYTES);
	char name[COMPONENT_SIZE], new[COMPONENT_SIZE];
	struct fs_owner owner = { 0644, (gid_t)-1 };
	struct stat st;
	struct err *e;

	if (text == NULL)
		return err_sys("renewal file");
	if ((e = component(name, "%s.conf", l->name)) != NULL ||
	    (e = component(new, "%s.conf.new", l->name)) != NULL ||
	    (e = ini_write(l->conf, text)) != NULL)
		goto out;
	if (fstatat(s->renewal, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		owner = (struct fs_owner){ st.st_mode & 07777, st.st_gid };
	if ((e = fs_write(s->renewal, new, owner, buf_data(text),
		 buf_len(text))) != NULL)
		goto out;
	if (renameat(s->renewal, new, s->renewal, name) == -1)
		e = err_sys("%s", name);
	else
		e = fs_sync(s->renewal, "renewal");
out:
	buf_free(text);
	return err_wrap(e, "renewal/%s.conf", l->name);
}

/* Sets what is not there yet. */
static struct err *
default_param(struct ini *conf, const char *key, const char *value)
{
	if (value == NULL || *value == '\0' || *param(conf, key) != '\0')
		return NULL;
	return ini_set(conf, PARAMS, key, value);
}

static struct err *
default_params(struct ini *conf, const struct renewal *r)
{
	const bool has_key = *param(conf, "key_type") != '\0';
	const struct key_words *key = words_of(r->key_kind);
	struct err *e;

	if ((e = default_param(conf, "account", r->account)) != NULL ||
	    (e = default_param(conf, "authenticator", r->authenticator)) !=
		NULL ||
	    (e = default_param(
		 conf, "dns_cloudflare_credentials", r->credentials)) != NULL ||
	    (e = default_param(conf, "server", r->server)) != NULL || has_key ||
	    key == NULL ||
	    (e = default_param(conf, "key_type", key->type)) != NULL ||
	    (e = default_param(conf, "elliptic_curve", key->curve)) != NULL)
		return e;
	return default_param(conf, "rsa_key_size", key->size);
}

struct err *
conf_complete(const struct store *s, const char *name, const char *archive,
    struct ini *conf, const struct renewal *r)
{
	const char *const keys[] = { "archive_dir", "cert", "privkey", "chain",
		"fullchain" };
	struct err *e;
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		ini_remove(conf, "", keys[i]);
	if ((e = set_paths(s, name, archive, conf)) != NULL)
		return e;
	return default_params(conf, r);
}
