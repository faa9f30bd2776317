/*
 * complete.c - what may stand at the end of a command line that is being typed:
 * "certctl complete WORD...", which the completions of the shells ask.
 *
 * Runs in:  certctl (the caller; certd is not asked).
 * Input:    the words so far, the last one unfinished; the names of renewal
 *           files.
 * Promise:  it says what commands.c and options.c say, and never fails: where
 *           nothing is known nothing is printed.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "certctl.h"
#include "config.h"

struct line {
	FILE *out;
	const char *word;	/* unfinished */
	const char *before;	/* of it, "--option=", printed again */
	size_t before_n;
};

/* One candidate, with what it is, where that is not plain. */
static void
offer(const struct line *l, const char *text, size_t n, const char *what)
{
	if (strncmp(text, l->word, strlen(l->word)) != 0)
		return;
	fprintf(l->out, "%.*s%.*s", (int)l->before_n, l->before, (int)n, text);
	if (what != NULL)
		fprintf(l->out, "\t%s", what);
	fputc('\n', l->out);
}

static void
offer_commands(const struct line *l)
{
	size_t i;

	for (i = 0; i < commands_n; i++)
		offer(l, commands[i].word, strlen(commands[i].word),
		    commands[i].help);
}

static void
offer_options(const struct line *l, const struct command *c)
{
	const struct cli_option *o;
	char text[80];
	size_t i;

	for (i = 0; i < cli_options_n; i++) {
		o = &cli_options[i];
		if (o->id == OPT_unavailable || o->id == OPT_accepted ||
		    !(o->everywhere ||
		    (c != NULL && command_takes(c, o->id))))
			continue;
		(void)snprintf(text, sizeof(text), "--%s", o->word);
		offer(l, text, strlen(text), o->help);
	}
}

/* The words of "a|b|c". */
static void
offer_words(const struct line *l, const char *words)
{
	size_t n;

	for (;;) {
		n = strcspn(words, "|");
		offer(l, words, n, NULL);
		if (words[n] == '\0')
			return;
		words += n + 1;
	}
}

/* The folder of renewal files is open to everybody, unlike the rest. */
static void
offer_certificates(const struct line *l)
{
	struct config *cfg = NULL;
	struct dirent **list;
	char folder[4096];
	const char *end;
	int i, n;

	err_free(config_load(NULL, false, &cfg));
	(void)snprintf(folder, sizeof(folder), "%s/renewal",
	    cfg == NULL ? "/etc/letsencrypt" : cfg->config_dir);
	config_free(cfg);
	if ((n = scandir(folder, &list, NULL, alphasort)) == -1)
		return;
	for (i = 0; i < n; i++) {
		const char *name = list[i]->d_name;

		end = strrchr(name, '.');
		if (*name != '.' && end != NULL && strcmp(end, ".conf") == 0)
			offer(l, name, (size_t)(end - name), NULL);
		free(list[i]);
	}
	free(list);
}

/* What an argument is called says what it is. */
static void
offer_values(const struct line *l, const char *argument)
{
	if (argument == NULL)
		return;
	if (strchr(argument, '|') != NULL && *argument != '[')
		offer_words(l, argument);
	else if (strstr(argument, "COMMAND") != NULL)
		offer_commands(l);
	else if (strcmp(argument, "NAME") == 0 ||
	    strncmp(argument, "[NAME", 5) == 0 ||
	    strncmp(argument, "NAME ", 5) == 0)
		offer_certificates(l);
}

/* The option that a word is, or NULL; *value: where its value begins, behind
 * "=", or NULL. */
static const struct cli_option *
option_of(const char *word, const char **value)
{
	size_t n;

	*value = NULL;
	if (word[0] != '-' || word[1] == '\0')
		return NULL;
	if (word[1] != '-')
		return word[2] == '\0' ? option_by_letter(word[1]) : NULL;
	n = strcspn(word + 2, "=");
	if (word[2 + n] == '=')
		*value = word + 2 + n + 1;
	return option_by_word(word + 2, n);
}

/* Reads the finished words: the command, and the option whose value is next. */
static void
read_words(int n, char *const words[], const struct command **command,
    const struct cli_option **open)
{
	const struct cli_option *o;
	const char *value;
	int i;

	*command = NULL;
	*open = NULL;
	for (i = 0; i < n; i++) {
		if (strcmp(words[i], "=") == 0) /* bash splits there */
			continue;
		if (*open != NULL) {
			*open = NULL;
			continue;
		}
		o = option_of(words[i], &value);
		if (o != NULL && o->argument != NULL && value == NULL)
			*open = o;
		else if (o == NULL && *words[i] != '-' && *command == NULL)
			*command = command_find(words[i]);
	}
}

void
complete(FILE *out, int n, char *const words[])
{
	struct line l = { .out = out, .word = "", .before = "" };
	const struct cli_option *open, *o;
	const struct command *command;
	const char *value;

	if (n > 0)
		l.word = words[n - 1];
	read_words(n > 0 ? n - 1 : 0, words, &command, &open);
	if (open != NULL) {
		if (strcmp(l.word, "=") == 0)
			l.word = "";
		offer_values(&l, open->argument);
		return;
	}
	o = option_of(l.word, &value);
	if (o != NULL && value != NULL) {
		l.before = l.word;
		l.before_n = (size_t)(value - l.word);
		l.word = value;
		offer_values(&l, o->argument);
	} else if (*l.word == '-') {
		offer_options(&l, command);
	} else if (command == NULL) {
		offer_commands(&l);
	} else {
		offer_values(&l, command->argument);
	}
}
