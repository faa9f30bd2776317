/* fuzz_problem.c - any body as a problem document. */
/* objects: acmew/problem acmew/json common/buf common/err common/names common/text common/url */
/* covers: acmew/problem.c acmew/json.c */
/* libs: jansson */
#include <stdlib.h>
#include <string.h>

#include "resources.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The line must be fit to be shown, and to be sent. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	enum problem kind;
	struct err *e = problem_parse((const char *)data, n, &kind);
	const char *text = err_text(e);

	if ((e == NULL) != (kind == PROBLEM_NONE))
		abort();
	if (*text == '\0' || strlen(text) > 4096 ||
	    !text_is_plain(text, strlen(text)))
		abort();
	err_free(e);
	return 0;
}
