/*
 * cmd_help.c - certctl help and certctl version: what needs no certd.
 *
 * Runs in:  certctl (the caller).
 */
#include "certctl.h"

struct err *
cmd_help(struct session *s)
{
	const char *word = s->inv->argument, *meant;
	const struct command *c;
	struct err *e;

	if (word == NULL) {
		usage_print(s->out);
		return NULL;
	}
	if ((c = command_find(word)) != NULL) {
		usage_print_command(s->out, c);
		return NULL;
	}
	e = err_new("unknown command \"%s\"", word);
	meant = suggest_command(word);
	if (meant != NULL)
		e = err_advise(e, "did you mean \"%s\"?", meant);
	return session_fail(s, EXIT_USAGE, e);
}

struct err *
cmd_version(struct session *s)
{
	if (s->json)
		return json_print(
		    s->out, json_pack("{ss}", "certctl", VERSION));
	fprintf(s->out, "certctl " VERSION "\n");
	return NULL;
}
