/*
 * jails.c - the jails as the tables make them, as JSON: for each process the
 * system calls that its filter lets through, with their reasons.
 *
 * Runs in:  tests only.
 * Promise:  decides as common/sandbox.c does: the first table that names a call.
 */
#include <stdio.h>
#include <string.h>

#include "allowed.h"

static void
print_call(const struct sandbox_rule *r, bool first)
{
	const char *p;

	printf("%s\n\"%s\":\"", first ? "" : ",", r->call);
	for (p = r->reason; *p != '\0'; p++)
		printf(*p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
	printf("\"");
}

int
main(void)
{
	const struct sandbox_rule *calls[ALLOWED_MAX];
	size_t i, k, n;

	printf("{");
	for (i = 0; i < jails_n; i++) {
		n = allowed_calls(jails[i], calls);
		printf("%s\n\"%s\":{", i == 0 ? "" : ",", jails[i]->process);
		for (k = 0; k < n; k++)
			print_call(calls[k], k == 0);
		printf("}");
	}
	printf("}\n");
	return 0;
}
