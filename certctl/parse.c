/*
 * parse.c - from argv to what is asked for.
 *
 * Runs in:  certctl (the caller).
 * Input:    the command line.
 * Promise:  nothing that was typed is ignored: it is obeyed or refused.
 */
#include <string.h>

#include "certctl.h"
#include "names.h"

#define VALUE_MAX_BYTES 4096 /* of the field of message "option" */

struct parser {
	struct invocation *inv;
	int argc, next;
	char *const *argv;
};

static struct err *
unknown_option(const char *dashes, const char *word, size_t n)
{
	const char *meant = suggest_option(word, n);
	struct err *e = err_new("unknown option %s%.*s", dashes, (int)n, word);

	if (meant != NULL)
		return err_advise(e, "did you mean --%s?", meant);
	return err_advise(e, "certctl help COMMAND lists the options");
}

static struct err *
unknown_command(const char *word)
{
	const char *meant = suggest_command(word);
	struct err *e = err_new("unknown command \"%s\"", word);

	if (meant != NULL)
		return err_advise(e, "did you mean \"%s\"?", meant);
	return err_advise(e, "certctl help lists the commands");
}

/* "": none, where the renewal file may have one. */
static bool
may_be_empty(const struct cli_option *o)
{
	return o->id == OPTION_pre_hook || o->id == OPTION_post_hook ||
	       o->id == OPTION_deploy_hook || o->id == OPTION_renew_before ||
	       o->id == OPTION_preferred_chain;
}

/* Values travel in a text field; what certd thinks of them is its affair. */
static struct err *
check_value(const struct cli_option *o, const char *value)
{
	const char *why = NULL;

	if (o->id == OPTION_cert_name)
		why = lineage_name_problem(str_of(value));
	else if (*value == '\0' && !may_be_empty(o))
		why = "it is empty";
	else if (strlen(value) > VALUE_MAX_BYTES)
		why = "it is too long (at most 4096 bytes)";
	else if (!text_is_plain(value, strlen(value)))
		why = "control characters or bytes that are no UTF-8";
	return why == NULL ? NULL : err_new("--%s: %s", o->word, why);
}

/* Whether every one of "a,b" is one of "x|y"; "*" is everything. */
static bool
is_one_of(const char *value, const char *allowed)
{
	const char *a;
	size_t n, m;

	if (strcmp(allowed, "*") == 0)
		return true;
	for (;; value += n + 1) {
		n = strcspn(value, ",");
		for (a = allowed;; a += m + 1) {
			m = strcspn(a, "|");
			if (m == n && strncmp(a, value, n) == 0)
				break;
			if (a[m] == '\0')
				return false;
		}
		if (value[n] == '\0')
			return true;
	}
}

/* Obeyed by doing what is done anyway, if that is what it says. */
static struct err *
accept_value(const struct cli_option *o, const char *value)
{
	if (o->help == NULL || is_one_of(value, o->help))
		return NULL;
	return err_advise(err_new("--%s %s is not served", o->word, value),
	    "certd proves names by dns-01 through Cloudflare only: leave it "
	    "out");
}

static struct err *
give(struct parser *p, const struct cli_option *o, const char *value)
{
	struct err *e;

	if (o->id == OPT_unavailable)
		return err_advise(
		    err_new("certctl " VERSION " has no --%s", o->word), "%s",
		    o->help);
	if (o->id == OPT_accepted)
		return accept_value(o, value);
	if (o->id == OPT_domains &&
	    (e = names_add(&p->inv->names, value)) != NULL)
		return err_wrap(e, "-d");
	if (o->argument != NULL && o->id != OPT_domains &&
	    (e = check_value(o, value)) != NULL)
		return e;
	p->inv->values[o->id] = value;
	return NULL;
}

/* The argument behind an option that stands alone. One that looks like an
 * option is more likely a value that was forgotten. */
static struct err *
give_next(struct parser *p, const struct cli_option *o)
{
	const char *next = p->next < p->argc ? p->argv[p->next] : NULL;

	if (next == NULL)
		return err_advise(err_new("--%s needs a value", o->word),
		    "write --%s %s", o->word, o->argument);
	if (next[0] == '-' && next[1] != '\0')
		return err_advise(
		    err_new("--%s needs a value, not \"%s\"", o->word, next),
		    "a value that begins with \"-\" is "
		    "written --%s=VALUE",
		    o->word);
	p->next++;
	return give(p, o, next);
}

/* "--word", "--word=value" or "--word value". */
static struct err *
parse_long(struct parser *p, const char *text)
{
	size_t n = strcspn(text, "=");
	const struct cli_option *o = option_by_word(text, n);
	const char *value = text[n] == '=' ? text + n + 1 : NULL;

	if (o == NULL)
		return unknown_option("--", text, n);
	if (o->argument == NULL || o->id == OPT_unavailable) {
		if (value != NULL && o->id != OPT_unavailable)
			return err_new("--%s takes no value", o->word);
		return give(p, o, "");
	}
	return value == NULL ? give_next(p, o) : give(p, o, value);
}

/* "-qn", "-dNAME", "-d NAME". */
static struct err *
parse_letters(struct parser *p, const char *text)
{
	const struct cli_option *o;
	struct err *e;

	for (; *text != '\0'; text++) {
		if ((o = option_by_letter(*text)) == NULL)
			return unknown_option("-", text, 1);
		if (o->argument != NULL)
			return text[1] == '\0' ? give_next(p, o)
					       : give(p, o, text + 1);
		if ((e = give(p, o, "")) != NULL)
			return e;
	}
	return NULL;
}

static bool
takes_two(const struct command *c)
{
	return c->argument != NULL && strchr(c->argument, ' ') != NULL;
}

static struct err *
parse_word(struct parser *p, const char *word)
{
	struct invocation *inv = p->inv;

	if (inv->command == NULL) {
		inv->command = command_find(word);
		return inv->command == NULL ? unknown_command(word) : NULL;
	}
	if (inv->command->argument != NULL && inv->argument == NULL) {
		inv->argument = word;
		return NULL;
	}
	if (takes_two(inv->command) && inv->second == NULL) {
		inv->second = word;
		return NULL;
	}
	if (command_takes(inv->command, OPT_domains))
		return err_advise(
		    err_new("%s: unexpected \"%s\"", inv->command->word, word),
		    "names are given with -d NAME");
	return err_advise(
	    err_new("%s: unexpected \"%s\"", inv->command->word, word),
	    "certctl help %s", inv->command->word);
}

/* --help and --version, which win over everything else. */
static bool
is_answered_by_help(struct invocation *inv)
{
	if (invocation_has(inv, OPT_help)) {
		inv->argument =
		    inv->command == NULL ? NULL : inv->command->word;
		inv->command = command_find("help");
		return true;
	}
	if (!invocation_has(inv, OPT_version))
		return false;
	inv->command = command_find("version");
	return true;
}

static struct err *
check(struct invocation *inv)
{
	const struct command *c = inv->command;
	unsigned id;

	if (is_answered_by_help(inv) || c == NULL)
		return NULL;
	for (id = 1; id < OPTION_IDS; id++)
		if (inv->values[id] != NULL && !command_takes(c, id))
			return err_advise(err_new("%s takes no --%s", c->word,
					      option_by_id(id)->word),
			    "certctl help %s lists "
			    "what it takes",
			    c->word);
	if (c->argument != NULL && c->argument[0] != '[' &&
	    (inv->argument == NULL || (takes_two(c) && inv->second == NULL)))
		return err_advise(err_new("%s needs %s", c->word, c->argument),
		    "certctl help %s", c->word);
	return NULL;
}

struct err *
invocation_parse(struct invocation *inv, int argc, char *const argv[])
{
	struct parser p = { inv, argc, 1, argv };
	struct err *e = NULL;
	bool words_only = false;
	const char *a;

	memset(inv, 0, sizeof(*inv));
	while (e == NULL && p.next < argc) {
		a = argv[p.next++];
		if (words_only || a[0] != '-' || a[1] == '\0')
			e = parse_word(&p, a);
		else if (strcmp(a, "--") == 0)
			words_only = true;
		else if (a[1] == '-')
			e = parse_long(&p, a + 2);
		else
			e = parse_letters(&p, a + 1);
	}
	if (e == NULL)
		e = check(inv);
	/* Whoever wants to hear of errors only need not be sent the rest. */
	if (e == NULL && invocation_has(inv, OPT_quiet) &&
	    inv->command != NULL && command_takes(inv->command, OPTION_brief))
		inv->values[OPTION_brief] = "";
	return e;
}

void
invocation_clear(struct invocation *inv)
{
	names_clear(&inv->names);
	memset(inv, 0, sizeof(*inv));
}

bool
invocation_has(const struct invocation *inv, unsigned id)
{
	return inv->values[id] != NULL;
}
