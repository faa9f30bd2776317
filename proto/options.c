/*
 * options.c - the words of the protocol: options, stages, verbs, kinds.
 *
 * Runs in:  every program.
 * Promise:  a number that means nothing has a word too, never NULL.
 */
#include "proto.h"

#define VALUE true
#define NONE  false
#define ROOT  true
#define ADMIN false

const struct option_row option_table[] = {
#define OPTION(name, number, word, argument, who)                              \
	{ OPTION_##name, word, argument, who },
#include "options.def"
#undef OPTION
};
const size_t option_table_n = sizeof(option_table) / sizeof(option_table[0]);

static const struct {
	const char *word, *label;
} stages[STAGE_N] = {
#define STAGE(name, label) { #name, label },
#include "stages.def"
#undef STAGE
};

static const char *const verbs[VERB_N] = {
	[VERB_NEW_ACCOUNT] = "new_account",
	[VERB_NEW_ORDER] = "new_order",
	[VERB_GET] = "get",
	[VERB_ANSWER] = "answer",
	[VERB_FINALIZE] = "finalize",
	[VERB_CLOSE] = "close",
	[VERB_REVOKE] = "revoke",
	[VERB_CONTACT] = "contact",
	[VERB_DEACTIVATE] = "deactivate",
	[VERB_ROLL_OVER] = "roll_over",
	[VERB_FIND_NEW] = "find_new",
	[VERB_FIND_OLD] = "find_old",
};

static const char *const kinds[KIND_N] = {
#define KIND(name, word) [KIND_##name] = word,
#include "kinds.def"
#undef KIND
};

const char *
stage_word(uint32_t stage)
{
	return stage < STAGE_N ? stages[stage].word : "unknown";
}

const char *
stage_label(uint32_t stage)
{
	return stage < STAGE_N ? stages[stage].label : "unknown stage";
}

const char *
verb_word(uint32_t verb)
{
	return verb < VERB_N && verbs[verb] != NULL ? verbs[verb] : "unknown";
}

const char *
kind_word(uint32_t kind)
{
	return kind < KIND_N ? kinds[kind] : "unknown";
}
