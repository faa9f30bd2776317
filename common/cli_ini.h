/*
 * cli_ini.h - certbot's cli.ini. It is read by ConfigArgParse, whose dialect is
 * another one than that of certbot's other files: no sections, no lists, no
 * escapes, and a comma or "#" in a hook is only a character.
 */
#ifndef CLI_INI_H
#define CLI_INI_H

#include <stddef.h>

#include "err.h"

/* A key without leading dashes, as it is written, and its value ("true" where
 * only the key stands there). An error ends the reading. */
typedef struct err *cli_ini_fn(void *arg, const char *key, const char *value,
    unsigned line);

/* Calls fn for each "key = value", "key: value", "key value" and "key" of n
 * bytes of text; file is for messages only. */
struct err	*cli_ini_each(const char *file, const char *text, size_t n,
		    cli_ini_fn *fn, void *arg);

#endif
