/* fuzz_cli.c - any command line, an argument a line. */
/* objects: $(filter-out certctl/main,$(certctl_OBJ)) */
/* covers: certctl/parse.c certctl/options.c certctl/args.c certctl/commands.c */
/* libs: $(certctl_LIB) */
#include <stdlib.h>
#include <string.h>

#include "certctl.h"
#include "names.h"

#define ARGS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What is accepted must be fit to be sent. */
static void
check(const struct invocation *inv)
{
	size_t i;

	for (i = 0; i < inv->names.n; i++)
		if (name_problem(str_of(inv->names.v[i])) != NULL)
			abort();
	for (i = 0; i < option_table_n; i++) {
		const char *value = inv->values[option_table[i].option];

		if (value != NULL && !text_is_plain(value, strlen(value)))
			abort();
	}
	if (inv->names.n > NAMES_MAX)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = strndup((const char *)data, n), *save = NULL, *word;
	char *argv[ARGS_MAX + 1] = { (char[]){ "certctl" } };
	struct invocation inv;
	struct err *e;
	int argc = 1;

	if (text == NULL)
		return 0;
	for (word = strtok_r(text, "\n", &save);
	     word != NULL && argc < ARGS_MAX;
	     word = strtok_r(NULL, "\n", &save))
		argv[argc++] = word;
	e = invocation_parse(&inv, argc, argv);
	if (e == NULL)
		check(&inv);
	err_free(e);
	invocation_clear(&inv);
	free(text);
	return 0;
}
