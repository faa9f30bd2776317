/* test_commands.c - the tables of commands and options, and what is suggested
 * for a word that is in neither. */
/* objects: $(filter-out certctl/main,$(certctl_OBJ)) */
/* libs: $(certctl_LIB) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "certctl.h"

static void
commands_words_and_aliases_are_unique(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < commands_n; i++) {
		const struct command *c = &commands[i];

		assert_ptr_equal(command_find(c->word), c);
		if (c->alias != NULL)
			assert_ptr_equal(command_find(c->alias), c);
	}
}

static void
commands_rows_are_complete(void **state)
{
	const unsigned *id;
	size_t i;

	(void)state;
	for (i = 0; i < commands_n; i++) {
		assert_non_null(commands[i].run);
		assert_true(*commands[i].help != '\0');
		for (id = commands[i].options; *id != 0; id++) {
			assert_non_null(option_by_id(*id));
			assert_false(option_by_id(*id)->everywhere);
		}
	}
}

static void
options_words_aliases_and_letters_are_unique(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < cli_options_n; i++) {
		const struct cli_option *o = &cli_options[i];

		assert_ptr_equal(option_by_word(o->word, strlen(o->word)), o);
		if (o->alias != NULL)
			assert_ptr_equal(
			    option_by_word(o->alias, strlen(o->alias)), o);
		if (o->letter != '\0')
			assert_ptr_equal(option_by_letter(o->letter), o);
		if (o->id != OPT_unavailable && o->id != OPT_accepted)
			assert_ptr_equal(option_by_id(o->id), o);
		assert_true(o->id < OPTION_IDS);
	}
}

static void
options_of_the_protocol_take_what_it_says(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < option_table_n; i++) {
		const struct cli_option *o =
		    option_by_id(option_table[i].option);

		assert_non_null(o);
		assert_string_equal(o->word, option_table[i].word);
		assert_int_equal(
		    o->argument != NULL, option_table[i].has_value);
		assert_true(o->id < OPT_domains);
	}
}

static void
options_every_one_belongs_to_a_command(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < cli_options_n; i++) {
		if (cli_options[i].id == OPT_unavailable)
			continue;
		for (j = 0; j < commands_n; j++)
			if (command_takes(&commands[j], cli_options[i].id))
				break;
		assert_true(j < commands_n);
	}
}

static char *
printed(const struct command *c)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (c == NULL)
		usage_print(f);
	else
		usage_print_command(f, c);
	assert_int_equal(fclose(f), 0);
	return text;
}

static void
usage_names_every_command_and_alias(void **state)
{
	char *text = printed(NULL);
	size_t i;

	(void)state;
	for (i = 0; i < commands_n; i++) {
		assert_non_null(strstr(text, commands[i].word));
		if (commands[i].alias != NULL)
			assert_non_null(strstr(text, commands[i].alias));
	}
	free(text);
}

static void
usage_of_a_command_names_its_options(void **state)
{
	const struct command *issue = command_find("certonly");
	char *text = printed(issue);
	const unsigned *id;
	char dashed[64];

	(void)state;
	assert_string_equal(issue->word, "issue");
	for (id = issue->options; *id != 0; id++) {
		(void)snprintf(
		    dashed, sizeof(dashed), "--%s", option_by_id(*id)->word);
		assert_non_null(strstr(text, dashed));
	}
	free(text);
}

static void
distance_counts_slips(void **state)
{
	(void)state;
	assert_int_equal(word_distance("list", "list"), 0);
	assert_int_equal(word_distance("lits", "list"), 1);
	assert_int_equal(word_distance("lst", "list"), 1);
	assert_int_equal(word_distance("lisst", "list"), 1);
	assert_int_equal(word_distance("", "list"), 4);
	assert_int_equal(word_distance("list", ""), 4);
	assert_int_equal(word_distance("show", "list"), 4);
}

static void
suggestion_is_the_nearest_or_none(void **state)
{
	static const struct {
		const char *typed, *meant;
	} words[] = { { "isue", "issue" }, { "certoly", "certonly" },
		{ "certificate", "certificates" }, { "stauts", "status" },
		{ "lst", "list" }, { "renwe", "renew" }, { "", NULL },
		{ "xyzzy", NULL } };
	char longer[200];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const char *meant = suggest_command(words[i].typed);

		if (words[i].meant == NULL)
			assert_null(meant);
		else
			assert_string_equal(meant, words[i].meant);
	}
	memset(longer, 'i', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_null(suggest_command(longer));
	assert_null(suggest_option(longer, strlen(longer)));
	assert_string_equal(suggest_option("key-typ=rsa", 7), "key-type");
	assert_string_equal(suggest_option("testcert", 8), "test-cert");
	assert_null(suggest_option("", 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_words_and_aliases_are_unique),
		cmocka_unit_test(commands_rows_are_complete),
		cmocka_unit_test(options_words_aliases_and_letters_are_unique),
		cmocka_unit_test(options_of_the_protocol_take_what_it_says),
		cmocka_unit_test(options_every_one_belongs_to_a_command),
		cmocka_unit_test(usage_names_every_command_and_alias),
		cmocka_unit_test(usage_of_a_command_names_its_options),
		cmocka_unit_test(distance_counts_slips),
		cmocka_unit_test(suggestion_is_the_nearest_or_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
