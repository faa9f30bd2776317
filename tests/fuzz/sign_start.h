/* sign_start.h - the fuzzed parser has OpenSSL set up as in certd-sign. */
#ifndef SIGN_START_H
#define SIGN_START_H

#include <stdlib.h>

#include "sign.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (algorithms_init() != NULL)
		abort();
	return 0;
}

#endif
