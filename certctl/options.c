/*
 * options.c - the options of the command line: those of the protocol, and those
 * that never leave certctl.
 *
 * Runs in:  certctl (the caller).
 * Promise:  an option of proto/options.def without a row here does not compile.
 */
#include <string.h>

#include "certctl.h"

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
	0, NULL, "COMMAND",                                                    \
	    "run when the certificate is "                                     \
	    "stored (root only)"

#define ABOUT_dry_run                                                          \
	0, NULL, NULL,                                                         \
	    "try it at the staging CA; nothing is "                            \
	    "stored, no deploy hook runs"

/* Words of the interface that are refused, with what to do instead: to accept
 * one without obeying it could cost a certificate. */
#define REFUSED(word, instead)                                                 \
	{                                                                      \
		OPT_unavailable, word, 0, NULL, NULL, instead, false           \
	}

const struct cli_option cli_options[] = {
	{ OPT_domains, "domains", 'd', "domain", "NAME[,NAME...]",
	    "names of the certificate; may be repeated", false },
#define OPTION(name, number, word, argument, who)                              \
	{ number, word, ABOUT_##name, false },
#include "options.def"
#undef OPTION
	{ OPT_detach, "detach", 0, NULL, NULL,
	    "return when certd has taken the job", false },
	{ OPT_no_sleep, "no-random-sleep-on-renew", 0, NULL, NULL,
	    "accepted for certbot's sake: certctl never sleeps", false },
	{ OPT_non_interactive, "non-interactive", 'n', "noninteractive", NULL,
	    "never ask", true },
	{ OPT_socket, "socket", 0, NULL, "PATH",
	    "certd's socket (default: " SOCKET_DEFAULT ")", true },
	{ OPT_json, "json", 0, NULL, NULL, "one JSON document", true },
	{ OPT_quiet, "quiet", 'q', NULL, NULL, "print errors only", true },
	{ OPT_no_color, "no-color", 0, NULL, NULL, "no colours", true },
	{ OPT_help, "help", 'h', NULL, NULL, "explain the command", true },
	{ OPT_version, "version", 'V', NULL, NULL, "print the version", true },
	REFUSED("reuse-key", "without it every certificate gets a new key"),
	REFUSED("new-key", "leave it out: every certificate gets a new key"),
	REFUSED("expand", "name the certificate with --cert-name and give "
			  "all its names with -d"),
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
