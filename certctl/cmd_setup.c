/*
 * cmd_setup.c - certctl setup: from an installed package to the first
 * certificate, by questions or by options.
 *
 * Runs in:  certctl (root).
 * Input:    the caller's answers; certd.conf and cli.ini as they are.
 * Promise:  what is not asked for and cannot be asked stays as it is; nothing
 *           is written before all is known and the token has been tried; it can
 *           be run again.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "setup.h"
#include "url.h"

#define OTHER 2

/* ini_set(), where it says something new. */
static struct err *
set(struct setup *st, const char *section, const char *key, const char *now,
    const char *value)
{
	if (strcmp(now, value) == 0)
		return NULL;
	return ini_set(st->ini, section, key, value);
}

static struct err *
ask_ca(struct setup *st, char **server)
{
	static const char *const choices[] = { "Let's Encrypt",
		"Let's Encrypt, staging: certificates for trying out",
		"another CA" };
	static const char *const urls[] = { ACME_SERVER_DEFAULT,
		ACME_SERVER_STAGING };
	size_t usual, chosen;
	struct err *e;

	for (usual = 0; usual < OTHER; usual++)
		if (strcmp(st->cfg->server, urls[usual]) == 0)
			break;
	if ((e = ask_choice(st->s, "Which CA", choices, 3, usual, &chosen)) !=
	    NULL)
		return e;
	if (chosen == OTHER)
		return ask_text(st->s, "The URL of its directory",
		    usual == OTHER ? st->cfg->server : "", server);
	*server = strdup(urls[chosen]);
	return *server == NULL ? err_sys("setup") : NULL;
}

static struct err *
choose_ca(struct setup *st)
{
	const struct invocation *inv = st->s->inv;
	char *server = NULL;
	struct err *e = NULL;
	struct url parts;

	if (invocation_has(inv, OPTION_server))
		server = strdup(inv->values[OPTION_server]);
	else if (invocation_has(inv, OPTION_staging))
		server = strdup(ACME_SERVER_STAGING);
	else if (is_interactive(st->s))
		e = ask_ca(st, &server);
	if (e == NULL && server != NULL) {
		if (url_parse(str_of(server), &parts))
			e = set(st, "acme", "server", st->cfg->server, server);
		else
			e = session_fail(st->s, EXIT_USAGE,
			    err_new("%s is no https URL", server));
	}
	free(server);
	return e;
}

/* The terms must be agreed to by somebody, once. */
static struct err *
agree(struct setup *st)
{
	bool yes = st->cfg->agree_tos ||
	    invocation_has(st->s->inv, OPTION_agree_tos);
	struct err *e;

	if (!yes && is_interactive(st->s) &&
	    (e = ask_yes_no(st->s, "Do you agree to the terms of service of "
	    "the CA (Let's Encrypt's are at https://letsencrypt.org/repository/"
	    ")", false, &yes)) != NULL)
		return e;
	if (!yes)
		return session_fail(st->s, EXIT_USAGE, err_advise(err_new(
		    "without agreeing to its terms of service no CA gives "
		    "certificates"), "certctl setup --agree-tos"));
	return set(st, "acme", "agree-tos",
	    st->cfg->agree_tos ? "true" : "false", "true");
}

static struct err *
choose_email(struct setup *st)
{
	const char *given = st->s->inv->values[OPTION_email];
	char *typed = NULL;
	struct err *e = NULL;

	if (given == NULL && is_interactive(st->s)) {
		e = ask_text(st->s, "An e-mail address for the CA (\"none\" "
		    "will do)", *st->cfg->email == '\0' ? "none" :
		    st->cfg->email, &typed);
		given = typed;
	}
	if (e == NULL && given != NULL)
		e = set(st, "acme", "email", st->cfg->email,
		    strcmp(given, "none") == 0 ? "" : given);
	free(typed);
	return e;
}

static struct err *
choose_group(struct setup *st)
{
	const char *given = st->s->inv->values[OPT_store_group];
	const char *now = st->cfg->store_group;
	struct err *e;

	if (given == NULL && is_interactive(st->s)) {
		e = ask_text(st->s, "The group that may read private keys "
		    "(\"none\": root only)", *now == '\0' ? "none" : now,
		    &st->group);
		if (e != NULL)
			return e;
		if (strcmp(st->group, "none") == 0)
			*st->group = '\0';
	} else if ((st->group = strdup(given == NULL ? now : given)) == NULL) {
		return err_sys("setup");
	}
	return set(st, "certd", "store-group", now, st->group);
}

static struct err *
choose_renewal(struct setup *st)
{
	const char *given = st->s->inv->values[OPT_renew_by];
	bool timer = given == NULL ? has_systemd() : strcmp(given, "timer") == 0;

	if (given != NULL && !timer && strcmp(given, "cron") != 0)
		return session_fail(st->s, EXIT_USAGE,
		    err_new("--renew-by: timer or cron, not %s", given));
	if (given == NULL && !is_interactive(st->s))
		return NULL; /* as it is */
	if (given == NULL && has_systemd()) {
		struct err *e = ask_yes_no(st->s, "Renew by systemd's timer "
		    "(no: by cron)", true, &timer);

		if (e != NULL)
			return e;
	}
	return renew_by(st, timer);
}

/* certbot's certificates are ours from now on; its own renewals end only when
 * somebody says so. */
static struct err *
take_over(struct setup *st)
{
	bool yes = invocation_has(st->s->inv, OPT_disable_certbot);
	size_t n = setup_certificates(st);
	struct err *e;

	if (n > 0)
		fprintf(st->s->out, "%zu certificate%s in %s: certd renews "
		    "%s from now on, with the account that is there.\n", n,
		    n == 1 ? "" : "s", st->cfg->config_dir,
		    n == 1 ? "it" : "them");
	if (!certbot_renews())
		return NULL;
	fprintf(st->s->out, "certbot renews by itself too; only one of them "
	    "should.\n");
	if (!yes && is_interactive(st->s) &&
	    (e = ask_yes_no(st->s, "End certbot's renewals", false, &yes)) !=
	    NULL)
		return e;
	if (yes)
		return certbot_disable(st);
	fprintf(st->s->out, "To end certbot's: certctl setup "
	    "--disable-certbot\n");
	return NULL;
}

static void
what_next(const struct setup *st)
{
	bool has_some = setup_certificates(st) > 0;

	fprintf(st->s->out, "\nWhat to type next:\n");
	if (has_some)
		fprintf(st->s->out, "  certctl renew --dry-run          try a "
		    "renewal of all, change nothing\n");
	else
		fprintf(st->s->out, "  certctl issue -d example.com,"
		    "'*.example.com'\n");
	fprintf(st->s->out,
	    "  certctl list                     what there is\n"
	    "  certctl doctor                   is everything in order?\n");
}

static struct err *
decide(struct setup *st)
{
	struct err *e;

	if ((e = setup_read(st)) != NULL || (e = choose_ca(st)) != NULL ||
	    (e = agree(st)) != NULL || (e = choose_email(st)) != NULL ||
	    (e = choose_group(st)) != NULL)
		return e;
	return setup_token(st);
}

static struct err *
put_into_effect(struct setup *st)
{
	struct err *e;

	if ((e = setup_token_keep(st)) != NULL ||
	    (e = setup_write(st)) != NULL || (e = setup_modes(st)) != NULL ||
	    (e = choose_renewal(st)) != NULL || (e = take_over(st)) != NULL)
		return e;
	what_next(st);
	return NULL;
}

struct err *
cmd_setup(struct session *s)
{
	const char *file = s->inv->values[OPT_settings];
	struct setup st = { .s = s, .file = file == NULL ? CONFIG_FILE : file };
	struct err *e;

	if (geteuid() != 0)
		return session_fail(s, EXIT_DENIED,
		    err_advise(err_new("only root may set up certd"),
		    "sudo certctl setup"));
	if ((e = decide(&st)) == NULL)
		e = put_into_effect(&st);
	setup_token_drop(&st);
	free(st.group);
	free(st.token_path);
	ini_free(st.ini);
	config_free(st.cfg);
	return e;
}
