/*
 * commands.c - the commands, and what can be said about them.
 *
 * Runs in:  certctl (the caller).
 * Promise:  usage, help and what a command accepts come from this one table.
 */
#include <string.h>

#include "certctl.h"

static const unsigned issue_options[] = { OPT_domains, OPTION_cert_name,
	OPTION_key_type, OPTION_elliptic_curve, OPTION_rsa_key_size,
	OPTION_server, OPTION_staging, OPTION_force_renewal, OPTION_keep,
	OPTION_allow_repeat, OPTION_preferred_chain, OPTION_email,
	OPTION_agree_tos, OPTION_pre_hook,
	OPTION_post_hook, OPTION_deploy_hook, OPTION_dry_run, OPT_detach,
	OPTION_expand, OPTION_duplicate, OPTION_new_names, OPTION_reuse_key,
	OPTION_no_reuse_key, OPTION_new_key, OPTION_break_my_certs,
	OPTION_propagation, OPTION_account, OPTION_must_staple,
	OPTION_no_directory_hooks, OPTION_disable_hook_validation,
	OPTION_no_email, OPTION_credentials, OPT_detailed, OPT_no_sleep, 0 };
static const unsigned renew_options[] = { OPTION_cert_name,
	OPTION_break_my_certs,
	OPTION_force_renewal, OPTION_allow_repeat, OPTION_dry_run,
	OPTION_server, OPTION_staging,
	OPTION_email, OPTION_agree_tos, OPTION_pre_hook, OPTION_post_hook,
	OPTION_deploy_hook, OPTION_brief, OPT_no_sleep, OPTION_key_type,
	OPTION_elliptic_curve, OPTION_rsa_key_size, OPTION_reuse_key,
	OPTION_no_reuse_key, OPTION_new_key, OPTION_preferred_chain,
	OPTION_propagation, OPTION_no_directory_hooks,
	OPTION_disable_hook_validation, OPTION_no_email, OPT_detailed, 0 };
static const unsigned reconfigure_options[] = { OPTION_cert_name,
	OPTION_key_type, OPTION_elliptic_curve, OPTION_rsa_key_size,
	OPTION_reuse_key, OPTION_no_reuse_key, OPTION_preferred_chain,
	OPTION_server, OPTION_staging, OPTION_break_my_certs, OPTION_account,
	OPTION_email, OPTION_agree_tos, OPTION_propagation, OPTION_pre_hook,
	OPTION_post_hook, OPTION_deploy_hook, OPTION_autorenew,
	OPTION_no_autorenew, OPTION_renew_before, OPTION_no_dry_run,
	OPTION_dry_run, OPTION_no_directory_hooks,
	OPTION_disable_hook_validation, OPTION_credentials, 0 };
static const unsigned audit_options[] = { OPT_lines, OPT_verify, 0 };
static const unsigned deploy_options[] = { OPTION_no_directory_hooks, 0 };
static const unsigned list_options[] = { OPT_domains, OPTION_cert_name, 0 };
static const unsigned repair_options[] = { OPTION_dry_run, 0 };
static const unsigned delete_options[] = { OPTION_cert_name, 0 };
static const unsigned revoke_options[] = { OPTION_cert_name, OPT_cert_path,
	OPT_key_path, OPTION_reason, OPTION_server, OPTION_staging,
	OPTION_account, OPT_delete_after, OPT_no_delete_after, 0 };
static const unsigned account_options[] = { OPTION_server, OPTION_staging,
	OPTION_account, OPTION_email, OPTION_no_email, OPTION_agree_tos,
	OPTION_eab_kid, OPT_eab_file, OPTION_eab_hmac_alg, 0 };
static const unsigned doctor_options[] = { OPTION_offline, 0 };
static const unsigned setup_options[] = { OPTION_server, OPTION_staging,
	OPTION_agree_tos, OPTION_email, OPT_token_file, OPT_store_group,
	OPT_renew_by, OPT_disable_certbot, OPT_no_check, OPT_settings, 0 };
static const unsigned no_options[] = { 0 };

const struct command commands[] = {
	{ "issue", "certonly", NULL, "get a certificate, or renew it",
	    issue_options, cmd_issue },
	{ "renew", NULL, "[NAME]", "renew what is due, or one",
	    renew_options, cmd_renew },
	{ "reconfigure", NULL, "[NAME]",
	    "change options of a certificate, without a new one",
	    reconfigure_options, cmd_reconfigure },
	{ "list", "certificates", NULL, "list the certificates", list_options,
	    cmd_list },
	{ "show", NULL, "NAME", "tell all about one certificate", no_options,
	    cmd_show },
	{ "delete", NULL, "[NAME]", "remove a certificate and its history",
	    delete_options, cmd_delete },
	{ "revoke", NULL, NULL, "have the CA revoke a certificate",
	    revoke_options, cmd_revoke },
	{ "account", NULL, "OPERATION",
	    "the account at the CA: show, register, update, deactivate, "
	    "rollover",
	    account_options, cmd_account },
	{ "show_account", NULL, NULL, "certbot's word for account show",
	    account_options, cmd_account_show },
	{ "register", NULL, NULL, "certbot's word for account register",
	    account_options, cmd_account_register },
	{ "update_account", NULL, NULL, "certbot's word for account update",
	    account_options, cmd_account_update },
	{ "unregister", NULL, NULL, "certbot's word for account deactivate",
	    account_options, cmd_account_deactivate },
	{ "restore", NULL, "NAME VERSION",
	    "show an archived version again", no_options, cmd_restore },
	{ "repair", NULL, "NAME", "make a broken certificate whole",
	    repair_options, cmd_repair },
	{ "status", NULL, NULL, "how certd is, and what it is doing",
	    no_options, cmd_status },
	{ "watch", NULL, "[JOB]", "follow a job, or all of them", no_options,
	    cmd_watch },
	{ "cancel", NULL, "JOB", "end a job", no_options, cmd_cancel },
	{ "deploy", NULL, "NAME", "run the deploy hooks of a certificate",
	    deploy_options, cmd_deploy },
	{ "audit", NULL, "[FOLDER]", "what was done and refused (root only)",
	    audit_options, cmd_audit },
	{ "setup", NULL, NULL, "the first settings, by questions or by options",
	    setup_options, cmd_setup },
	{ "doctor", NULL, NULL, "look at everything, change nothing",
	    doctor_options, cmd_doctor },
	{ "help", NULL, "[COMMAND]", "explain a command", no_options,
	    cmd_help },
	{ "version", NULL, NULL, "print the version", no_options, cmd_version },
};
const size_t commands_n = sizeof(commands) / sizeof(commands[0]);

const struct command *
command_find(const char *word)
{
	size_t i;

	for (i = 0; i < commands_n; i++)
		if (strcmp(commands[i].word, word) == 0 ||
		    (commands[i].alias != NULL &&
			strcmp(commands[i].alias, word) == 0))
			return &commands[i];
	return NULL;
}

bool
command_takes(const struct command *c, unsigned option)
{
	const struct cli_option *row = option_by_id(option);
	const unsigned *id;

	if (row != NULL && row->everywhere)
		return true;
	for (id = c->options; *id != 0; id++)
		if (*id == option)
			return true;
	return false;
}

static void
print_option(FILE *out, const struct cli_option *o)
{
	char text[80];

	if (o->letter != '\0')
		(void)snprintf(text, sizeof(text), "-%c, ", o->letter);
	else
		(void)snprintf(text, sizeof(text), "    ");
	fprintf(out, "  %s--%s%s%s", text, o->word,
	    o->argument == NULL ? "" : " ",
	    o->argument == NULL ? "" : o->argument);
	fprintf(out, "\n          %s", o->help);
	if (o->alias != NULL)
		fprintf(out, " (also --%s)", o->alias);
	fputc('\n', out);
}

static void
print_options_everywhere(FILE *out)
{
	size_t i;

	fprintf(out, "\nOptions of every command:\n");
	for (i = 0; i < cli_options_n; i++)
		if (cli_options[i].everywhere &&
		    cli_options[i].id != OPT_accepted)
			print_option(out, &cli_options[i]);
}

void
usage_print(FILE *out)
{
	size_t i;

	fprintf(out, "usage: certctl [OPTION...] COMMAND [OPTION...]\n\n");
	for (i = 0; i < commands_n; i++) {
		const struct command *c = &commands[i];

		fprintf(out, "  %-8s %-12s %s", c->word,
		    c->argument == NULL ? "" : c->argument, c->help);
		if (c->alias != NULL)
			fprintf(out, " (also %s)", c->alias);
		fputc('\n', out);
	}
	print_options_everywhere(out);
	fprintf(
	    out, "\ncertctl help COMMAND lists the options of a command.\n");
}

void
usage_print_command(FILE *out, const struct command *c)
{
	const unsigned *id;

	fprintf(out, "usage: certctl %s%s%s%s\n\n  %s\n", c->word,
	    c->argument == NULL ? "" : " ",
	    c->argument == NULL ? "" : c->argument,
	    *c->options == 0 ? "" : " [OPTION...]", c->help);
	if (c->alias != NULL)
		fprintf(
		    out, "  certbot's word for it, %s, works too.\n", c->alias);
	if (*c->options != 0)
		fprintf(out, "\nOptions:\n");
	for (id = c->options; *id != 0; id++)
		print_option(out, option_by_id(*id));
	print_options_everywhere(out);
}
