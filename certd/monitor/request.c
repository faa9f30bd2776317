/*
 * request.c - the options of a request: checked, and put into a job.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    options from certctl: texts by the message table, otherwise whatever
 *           was typed.
 * Promise:  an option is obeyed or refused; what was not given is as the renewal
 *           file says, else as the settings say.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "monitor.h"

#define PROPAGATION_MAX_SECS 86400

void
request_init(struct request *r)
{
	size_t i;

	memset(r, 0, sizeof(*r));
	for (i = 0; i < FILE_N; i++)
		r->files[i] = -1;
}

static const char *
option_word(uint32_t option)
{
	size_t i;

	for (i = 0; i < option_table_n; i++)
		if (option_table[i].option == (enum request_option)option)
			return option_table[i].word;
	return "option";
}

struct err *
request_take_option(struct request *r, uid_t uid, const struct msg_option *o)
{
	const char *why = policy_option(o->option, uid);
	char **slot;

	if (why != NULL) {
		r->refusal = why;
		r->refused = option_word(o->option);
		return NULL;
	}
	slot = &r->options[o->option];
	free(*slot);
	*slot = str_dup(o->value);
	return *slot == NULL ? err_sys("option") : NULL;
}

struct err *
request_take_file(struct request *r, uid_t uid, uint32_t use, int fd)
{
	const char *why = policy_file(use, uid);

	if (why != NULL) {
		close(fd);
		r->refusal = why;
		r->refused = "cert-path and the like";
	} else {
		if (r->files[use] != -1)
			close(r->files[use]);
		r->files[use] = fd;
	}
	return NULL;
}

void
request_clear(struct request *r)
{
	size_t i;

	for (i = 0; i < OPTIONS_MAX; i++) {
		free(r->options[i]);
		r->options[i] = NULL;
	}
	for (i = 0; i < FILE_N; i++) {
		if (r->files[i] != -1)
			close(r->files[i]);
		r->files[i] = -1;
	}
	r->refusal = NULL;
}

const char *
request_option(const struct request *r, enum request_option o)
{
	return r->options[o];
}

bool
request_has(const struct request *r, enum request_option o)
{
	return r->options[o] != NULL;
}

/* ---- the options that have a meaning of their own ---- */

/* kind is 0 where nothing about the key was given. */
static struct err *
parse_key(const struct request *r, enum key_kind *kind)
{
	const char *type = request_option(r, OPTION_key_type),
	    *curve = request_option(r, OPTION_elliptic_curve),
	    *size = request_option(r, OPTION_rsa_key_size);

	*kind = 0;
	if (type == NULL && curve == NULL && size == NULL)
		return NULL;
	if (type == NULL)
		type = size != NULL ? "rsa" : "ecdsa";
	if (strcmp(type, "rsa") == 0 ? curve != NULL : size != NULL)
		return err_new("--key-type %s has no --%s", type,
		    curve != NULL ? "elliptic-curve" : "rsa-key-size");
	if (!key_kind_of(type, curve, size, kind))
		return err_advise(err_new("no key of type %s%s%s%s%s is made "
		    "here", type, curve == NULL ? "" : ", curve ",
		    curve == NULL ? "" : curve, size == NULL ? "" : ", size ",
		    size == NULL ? "" : size),
		    "--key-type is ecdsa (--elliptic-curve secp256r1 or "
		    "secp384r1) or rsa (--rsa-key-size 2048, 3072 or 4096)");
	return NULL;
}

static struct err *
parse_propagation(const struct request *r, uint32_t *secs)
{
	const char *text = request_option(r, OPTION_propagation);
	uint64_t number = 0;

	if (text != NULL && !text_number(text, 0, PROPAGATION_MAX_SECS,
	    &number))
		return err_new("--dns-cloudflare-propagation-seconds %s: "
		    "allowed is a number from 0 to %d", text,
		    PROPAGATION_MAX_SECS);
	*secs = (uint32_t)number;
	return NULL;
}

static struct err *
check_interval(const struct request *r)
{
	const char *text = request_option(r, OPTION_renew_before);
	time_t secs;

	if (text == NULL || *text == '\0' || interval_parse(text, &secs))
		return NULL;
	return err_advise(err_new("--renew-before-expiry %s: no interval",
	    text), "write it as \"30 days\", \"2 weeks\" or \"9 hours\"");
}

/* Options that say the opposite of each other. */
static struct err *
check_opposites(const struct request *r)
{
	static const struct {
		enum request_option a, b;
		const char *text;
	} rows[] = {
		{ OPTION_server, OPTION_staging, "--server and --staging" },
		{ OPTION_reuse_key, OPTION_no_reuse_key,
		    "--reuse-key and --no-reuse-key" },
		{ OPTION_autorenew, OPTION_no_autorenew,
		    "--autorenew and --no-autorenew" },
		{ OPTION_force_renewal, OPTION_keep,
		    "--force-renewal and --keep-until-expiring" },
		{ OPTION_dry_run, OPTION_no_dry_run,
		    "--dry-run and --no-dry-run" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (request_has(r, rows[i].a) && request_has(r, rows[i].b))
			return err_new("%s exclude each other", rows[i].text);
	return NULL;
}

/* What is set for all certificates would count again at the next renewal. */
static struct err *
check_credentials(const struct request *r, const struct config *cfg)
{
	const char *path = request_option(r, OPTION_credentials);

	if (path == NULL || strcmp(path, cfg->credentials) == 0)
		return NULL;
	if (*path != '/')
		return err_new("--dns-cloudflare-credentials %s: not an "
		    "absolute path", path);
	if (*cfg->credentials == '\0')
		return NULL;
	return err_advise(err_new("--dns-cloudflare-credentials %s: certd uses "
	    "%s for all certificates", path, cfg->credentials),
	    "leave it out; or take credentials out of certd.conf and cli.ini, "
	    "then every certificate can have its own");
}

static struct err *
check_server(const struct request *r)
{
	const char *server = request_option(r, OPTION_server);
	struct url url;

	if (server == NULL || url_parse(str_of(server), &url))
		return NULL;
	return err_advise(err_new("%s is no https URL", server),
	    "give the URL of the CA's directory, such as %s",
	    ACME_SERVER_DEFAULT);
}

struct err *
request_check(const struct request *r, const struct config *cfg)
{
	enum key_kind kind;
	uint32_t secs;
	struct err *e;

	if ((e = check_credentials(r, cfg)) != NULL ||
	    (e = check_opposites(r)) != NULL ||
	    (e = check_server(r)) != NULL ||
	    (e = parse_key(r, &kind)) != NULL ||
	    (e = parse_propagation(r, &secs)) != NULL)
		return e;
	return check_interval(r);
}

/* ---- what was asked, into the job ---- */

/* --dry-run goes to the staging environment, where there is one that we know. */
static const char *
dry_server(const struct job *j, const char *server)
{
	return j->dry_run && strcmp(server, ACME_SERVER_DEFAULT) == 0 ?
	    ACME_SERVER_STAGING : server;
}

struct err *
request_server(const struct request *r, struct job *j, const char *usual)
{
	const char *server = request_option(r, OPTION_server);

	if (request_has(r, OPTION_staging))
		server = ACME_SERVER_STAGING;
	j->dry_run = request_has(r, OPTION_dry_run) || j->reconfigures;
	j->conf_server = strdup(server != NULL ? server : usual);
	j->server = strdup(dry_server(j, server != NULL ? server : usual));
	if (j->server == NULL || j->conf_server == NULL)
		return err_sys("server");
	if (!url_parse(str_of(j->server), &j->origin))
		return err_new("%s is no https URL", j->server);
	return NULL;
}

static char *
copy_option(const struct request *r, enum request_option o)
{
	const char *value = request_option(r, o);

	return value == NULL ? NULL : strdup(value);
}

struct err *
request_fill(const struct request *r, struct job *j, struct client *c)
{
	const struct config *cfg = j->m->cfg;
	const char *email = request_option(r, OPTION_email);

	j->who = strdup(client_name(c));
	j->agree_tos = cfg->agree_tos || request_has(r, OPTION_agree_tos);
	j->pre_hook = copy_option(r, OPTION_pre_hook);
	j->post_hook = copy_option(r, OPTION_post_hook);
	j->deploy_hook = copy_option(r, OPTION_deploy_hook);
	j->no_folder_hooks = cfg->no_directory_hooks ||
	    request_has(r, OPTION_no_directory_hooks);
	j->account_wanted = copy_option(r, OPTION_account);
	j->new_key = request_has(r, OPTION_new_key);
	j->allow_repeat = request_has(r, OPTION_allow_repeat);
	j->credentials = copy_option(r, OPTION_credentials);
	j->renew_before = copy_option(r, OPTION_renew_before);
	if (request_has(r, OPTION_autorenew))
		j->autorenew = strdup("");
	else if (request_has(r, OPTION_no_autorenew))
		j->autorenew = strdup("False");
	if (j->who == NULL)
		return err_sys("request");
	if (request_option(r, OPTION_no_email) != NULL)
		return NULL;
	return account_contacts(j, email != NULL ? email : cfg->email);
}

struct err *
request_complete(const struct request *r, struct job *j)
{
	const struct config *cfg = j->m->cfg;
	const struct lineage *l = j->files;
	const char *chain = request_option(r, OPTION_preferred_chain);
	struct err *e;

	if (chain == NULL)
		chain = l != NULL && *l->preferred_chain != '\0' ?
		    l->preferred_chain : cfg->preferred_chain;
	if ((j->preferred_chain = strdup(chain)) == NULL)
		return err_sys("request");
	if ((e = parse_propagation(r, &j->propagation_secs)) != NULL ||
	    (e = parse_key(r, &j->key_kind)) != NULL)
		return e;
	if (!request_has(r, OPTION_propagation))
		j->propagation_secs = l != NULL && l->propagation_secs != 0 ?
		    l->propagation_secs : cfg->propagation_least_secs;
	j->reuse_key = request_has(r, OPTION_reuse_key) ||
	    ((l != NULL ? l->reuse_key : cfg->reuse_key) &&
	    !request_has(r, OPTION_no_reuse_key));
	j->must_staple = request_has(r, OPTION_must_staple) ||
	    (l != NULL ? l->must_staple : cfg->must_staple);
	if (j->key_kind == 0)
		j->key_kind = l != NULL ? l->key_kind : cfg->key_kind;
	if (j->key_kind != 0 || (j->reuse_key && !j->new_key))
		return NULL;
	return err_advise(err_new("its renewal file asks for a key that certd "
	    "does not make"), "certctl reconfigure %s --key-type ... changes "
	    "it; RSA keys have 2048, 3072 or 4096 bits, curves are secp256r1 "
	    "and secp384r1", j->lineage);
}

void
request_wish(const struct request *r, struct wanted *w)
{
	enum key_kind kind = 0;

	err_free(parse_key(r, &kind)); /* request_check() has told */
	w->key_kind = kind;
	w->key_given = kind != 0;
	w->type_given = request_has(r, OPTION_key_type);
	w->cert_name = request_option(r, OPTION_cert_name);
	w->server_given = request_has(r, OPTION_server) ||
	    request_has(r, OPTION_staging);
	w->expand = request_has(r, OPTION_expand);
	w->duplicate = request_has(r, OPTION_duplicate);
	w->new_names = request_has(r, OPTION_new_names);
	w->force = request_has(r, OPTION_force_renewal);
	w->dry_run = request_has(r, OPTION_dry_run);
	w->break_my_certs = request_has(r, OPTION_break_my_certs);
	w->reuse_key = request_has(r, OPTION_reuse_key);
	w->no_reuse_key = request_has(r, OPTION_no_reuse_key);
	w->new_key = request_has(r, OPTION_new_key);
}

/* ---- may they? ---- */

struct err *
request_permitted(const struct client *c, const struct job *j,
    const struct entry *x)
{
	struct err *e = client_may(c, (struct strs) { j->name_strs,
	    j->n_names }, j->key_kind, j->conf_server);

	/* Else a certificate of others could be changed into one's own. */
	return e == NULL && x != NULL ? client_may_touch(c, x) : e;
}

uint32_t
request_status(const struct err *e)
{
	return err_errno(e) == EACCES ? 3 : 1;
}
