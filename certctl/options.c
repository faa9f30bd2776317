/*
 * options.c - the options of the command line: those of the protocol, and those
 * that never leave certctl.
 *
 * Runs in:  certctl (the caller).
 * Promise:  an option of proto/options.def without a row here does not compile.
 */
#include <string.h>

#include "certctl.h"
#include "config.h"

/* letter, alias, argument, help */
#define ABOUT_cert_name                                                        \
	0, NULL, "NAME",                                                       \
	    "the certificate's name (default: "                                \
	    "the first name, or the certificate with these names)"
#define ABOUT_key_type 0, NULL, "ecdsa|rsa", "kind of key (default: ecdsa)"
#define ABOUT_elliptic_curve                                                   \
	0, NULL, "CURVE",                                                      \
	    "secp256r1 (default) or "                                          \
	    "secp384r1"
#define ABOUT_rsa_key_size 0, NULL, "BITS", "2048, 3072 or 4096"
#define ABOUT_server                                                           \
	0, NULL, "URL",                                                        \
	    "directory of the CA (default: as in "                             \
	    "certd.conf, else Let's Encrypt)"
#define ABOUT_staging                                                          \
	0, "test-cert", NULL,                                                  \
	    "a trial certificate from Let's "                                  \
	    "Encrypt's staging CA"
#define ABOUT_force_renewal                                                    \
	0, "renew-by-default", NULL,                                           \
	    "order also where "                                                \
	    "the certificate is not due"
#define ABOUT_keep                                                             \
	0, "keep", NULL,                                                       \
	    "keep a certificate that is not due "                              \
	    "(default)"
#define ABOUT_preferred_chain                                                  \
	0, NULL, "ISSUER",                                                     \
	    "take the chain that ends "                                        \
	    "with this issuer, where the CA offers several"
#define ABOUT_email     'm', NULL, "ADDRESS", "contact of a new account"
#define ABOUT_agree_tos 0, NULL, NULL, "agree to the CA's terms of service"
#define ABOUT_pre_hook  0, NULL, "COMMAND", "run before the order (root only)"
#define ABOUT_post_hook 0, NULL, "COMMAND", "run after the order (root only)"
#define ABOUT_deploy_hook                                                      \
	0, "renew-hook", "COMMAND",                                            \
	    "run when the certificate is "                                     \
	    "stored (root only)"

#define ABOUT_reason                                                           \
	0, NULL, "REASON",                                                     \
	    "unspecified (default), keycompromise, "                           \
	    "affiliationchanged, superseded or cessationofoperation"
#define ABOUT_eab_kid                                                          \
	0, NULL, "ID",                                                         \
	    "the CA's name of its customer, for a new "                        \
	    "account"
#define ABOUT_eab_hmac_alg                                                     \
	0, NULL, "HS256|HS384|HS512", "how that is signed (default: HS256)"
#define ABOUT_no_email                                                         \
	0, "register-unsafely-without-email", NULL,                            \
	    "no contact: the account has "                                     \
	    "none, or has none any more"
#define ABOUT_dry_run                                                          \
	0, NULL, NULL,                                                         \
	    "try it at the staging CA; nothing is "                            \
	    "stored, no deploy hook runs"

#define ABOUT_expand                                                           \
	0, NULL, NULL,                                                         \
	    "give the certificate that has a "                                 \
	    "part of the names all of them"
#define ABOUT_duplicate                                                        \
	0, NULL, NULL,                                                         \
	    "make another certificate beside one "                             \
	    "that exists (NAME-0001)"
#define ABOUT_new_names                                                        \
	0, NULL, NULL,                                                         \
	    "with --cert-name: change the names of "                           \
	    "the certificate without asking"
#define ABOUT_reuse_key                                                        \
	0, NULL, NULL,                                                         \
	    "keep the key, now and at every "                                  \
	    "renewal"
#define ABOUT_no_reuse_key                                                     \
	0, NULL, NULL,                                                         \
	    "make a new key at every renewal "                                 \
	    "(default)"
#define ABOUT_new_key                                                          \
	0, NULL, NULL,                                                         \
	    "make a new key this time, in spite of "                           \
	    "--reuse-key"
#define ABOUT_break_my_certs                                                   \
	0, NULL, NULL,                                                         \
	    "let a trial certificate replace "                                 \
	    "a real one"
#define ABOUT_propagation                                                      \
	0, NULL, "SECONDS",                                                    \
	    "wait at least so long after "                                     \
	    "publishing (default: until all name servers agree)"
#define ABOUT_account                                                          \
	0, NULL, "ID",                                                         \
	    "the account to use, where there are "                             \
	    "several"
#define ABOUT_autorenew    0, NULL, NULL, "renew it when it is due (default)"
#define ABOUT_no_autorenew 0, NULL, NULL, "renew it only with --force-renewal"
#define ABOUT_renew_before                                                     \
	0, NULL, "INTERVAL",                                                   \
	    "when it is due: \"30 days\" before "                              \
	    "its end; empty: by its lifetime"
#define ABOUT_must_staple                                                      \
	0, NULL, NULL,                                                         \
	    "ask for a certificate that counts with an "                       \
	    "OCSP answer only (Let's Encrypt has none)"
#define ABOUT_credentials                                                      \
	0, NULL, "FILE",                                                       \
	    "Cloudflare's token for this certificate, "                        \
	    "where certd.conf names none for all (root only)"
#define ABOUT_no_dry_run 0, NULL, NULL, "change it without trying it out first"

#define ABOUT_no_directory_hooks                                               \
	0, NULL, NULL,                                                         \
	    "do not run the hooks of "                                         \
	    "renewal-hooks/ (root only)"
#define ABOUT_disable_hook_validation                                          \
	0, NULL, NULL,                                                         \
	    "take hooks unseen; otherwise the first word must be a program "   \
	    "(root only)"
#define ABOUT_allow_repeat                                                     \
	0, NULL, NULL,                                                         \
	    "once more, although these names were issued too often today "     \
	    "(max-per-day)"
#define ABOUT_offline 0, NULL, NULL, "ask nobody on the network"
#define ABOUT_brief                                                            \
	0, NULL, NULL,                                                         \
	    "say nothing of certificates that need nothing (--quiet does "     \
	    "that too)"

/* Words of certbot's command lines that certd needs no telling: scripts keep
 * working. Where they take a value it must be one that changes nothing. */
#define ACCEPTED(word, letter, alias)                                          \
	{                                                                      \
		OPT_accepted, word, letter, alias, NULL, NULL, true            \
	}
#define ACCEPTED_VALUE(word, letter, alias, values)                            \
	{                                                                      \
		OPT_accepted, word, letter, alias, "VALUE", values, true       \
	}

/* Words of certbot's that are refused, with what to do instead: to accept
 * one without obeying it could cost a certificate. */
#define REFUSED(word, letter, instead)                                         \
	{                                                                      \
		OPT_unavailable, word, letter, NULL, NULL, instead, false      \
	}
#define ONLY_DNS "certd proves names by dns-01 through Cloudflare only"
#define IN_CONF  "certd.conf says where; see config-dir there"

const struct cli_option cli_options[] = {
	{ OPT_domains, "domains", 'd', "domain", "NAME[,NAME...]",
	    "names of the certificate; may be repeated", false },
#define OPTION(name, number, word, argument, who)                              \
	{ number, word, ABOUT_##name, false },
#include "options.def"
#undef OPTION
	{ OPT_detach, "detach", 0, NULL, NULL,
	    "return when certd has taken the job", false },
	{ OPT_lines, "lines", 0, NULL, "N",
	    "print the last N lines (default: 50; none with --verify)", false },
	{ OPT_verify, "verify", 0, NULL, NULL,
	    "look whether anything was changed, added or taken away", false },
	{ OPT_no_sleep, "no-random-sleep-on-renew", 0, "random-sleep-on-renew",
	    NULL, "accepted for certbot's sake: certctl never sleeps", false },
	{ OPT_detailed, "detailed-exitcode", 0, NULL, NULL,
	    "exit status 10 where something was renewed", false },
	{ OPT_cert_path, "cert-path", 0, NULL, "PATH",
	    "the certificate's file; outside of the store for root only",
	    false },
	{ OPT_key_path, "key-path", 0, NULL, "PATH",
	    "sign with the certificate's own key from this file (root only)",
	    false },
	{ OPT_eab_file, "eab-hmac-key-file", 0, NULL, "FILE",
	    "the CA's HMAC key for that, as the CA shows it (root only)",
	    false },
	{ OPT_delete_after, "delete-after-revoke", 0, NULL, NULL,
	    "delete the certificate and its history once it is revoked "
	    "(default, where nobody is asked)",
	    false },
	{ OPT_no_delete_after, "no-delete-after-revoke", 0, NULL, NULL,
	    "keep its files", false },
	{ OPT_settings, "settings", 0, NULL, "FILE",
	    "the settings to write (default: " CONFIG_FILE ")", false },
	{ OPT_token_file, "token-file", 0, NULL, "FILE",
	    "take Cloudflare's token from there (-: standard input)", false },
	{ OPT_store_group, "store-group", 0, NULL, "GROUP",
	    "who may read private keys (default: ssl-cert; empty: root only)",
	    false },
	{ OPT_renew_by, "renew-by", 0, NULL, "timer|cron",
	    "what renews (default: systemd's timer where there is systemd)",
	    false },
	{ OPT_disable_certbot, "disable-certbot", 0, NULL, NULL,
	    "end certbot's own renewals", false },
	{ OPT_no_check, "no-check", 0, NULL, NULL,
	    "do not try the token at Cloudflare", false },
	{ OPT_non_interactive, "non-interactive", 'n', "noninteractive", NULL,
	    "never ask", true },
	{ OPT_socket, "socket", 0, NULL, "PATH",
	    "certd's socket (default: " SOCKET_DEFAULT ")", true },
	{ OPT_json, "json", 0, NULL, NULL, "one JSON document", true },
	{ OPT_quiet, "quiet", 'q', NULL, NULL, "print errors only", true },
	{ OPT_no_color, "no-color", 0, NULL, NULL, "no colours", true },
	{ OPT_help, "help", 'h', NULL, NULL, "explain the command", true },
	{ OPT_version, "version", 'V', NULL, NULL, "print the version", true },
	ACCEPTED("dns-cloudflare", 0, NULL),
	ACCEPTED_VALUE("authenticator", 'a', "configurator", "dns-cloudflare"),
	ACCEPTED_VALUE(
	    "preferred-challenges", 0, "preferred-chall", "dns|dns-01"),
	ACCEPTED("no-eff-email", 0, "eff-email"),
	ACCEPTED("verbose", 'v', "text"),
	ACCEPTED("no-self-upgrade", 0, "no-bootstrap"),
	ACCEPTED_VALUE("max-log-backups", 0, NULL, "*"),
	REFUSED("eab-hmac-key", 0,
	    "a secret on the command line is everybody's; write it into a file "
	    "and give --eab-hmac-key-file FILE"),
	REFUSED("csr", 0,
	    "certd makes the keys and the signing requests "
	    "itself; leave it out"),
	REFUSED("webroot", 0, ONLY_DNS),
	REFUSED("webroot-path", 'w', ONLY_DNS),
	REFUSED("standalone", 0, ONLY_DNS),
	REFUSED("manual", 0, ONLY_DNS),
	REFUSED("nginx", 0,
	    ONLY_DNS "; --deploy-hook 'systemctl reload nginx' "
		     "tells the server"),
	REFUSED("apache", 0,
	    ONLY_DNS "; --deploy-hook 'systemctl reload "
		     "apache2' tells the server"),
	REFUSED("installer", 'i',
	    "a deploy hook tells the server: "
	    "--deploy-hook COMMAND"),
	REFUSED("allow-subset-of-names", 0,
	    "names would silently be lost; "
	    "name those that work"),
	REFUSED("ip-address", 0, "only DNS names can be proved by DNS"),
	REFUSED("config-dir", 0, IN_CONF),
	REFUSED("work-dir", 0, IN_CONF),
	REFUSED("logs-dir", 0,
	    "certd logs to the journal: journalctl -u "
	    "certd"),
	REFUSED("config", 'c', IN_CONF),
};
const size_t cli_options_n = sizeof(cli_options) / sizeof(cli_options[0]);

static bool
is_word(const char *word, const char *p, size_t n)
{
	return word != NULL && strlen(word) == n && memcmp(word, p, n) == 0;
}

const struct cli_option *
option_by_word(const char *word, size_t n)
{
	size_t i;

	for (i = 0; i < cli_options_n; i++)
		if (is_word(cli_options[i].word, word, n) ||
		    is_word(cli_options[i].alias, word, n))
			return &cli_options[i];
	return NULL;
}

const struct cli_option *
option_by_letter(char letter)
{
	size_t i;

	for (i = 0; i < cli_options_n; i++)
		if (letter != '\0' && cli_options[i].letter == letter)
			return &cli_options[i];
	return NULL;
}

const struct cli_option *
option_by_id(unsigned id)
{
	size_t i;

	for (i = 0; i < cli_options_n; i++)
		if (cli_options[i].id == id)
			return &cli_options[i];
	return NULL;
}
