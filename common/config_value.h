/*
 * config_value.h - the inside of config*.c: what kinds of values a setting may
 * have, and which settings there are.
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum config_type {
	T_TEXT,		 /* char *: without control characters */
	T_PATH,		 /* char *: absolute; may be empty where it is so from
			  * the start */
	T_HOME_PATH,	 /* char *: absolute, or "~/..." */
	T_USER,		 /* char *: a user or group */
	T_USER_OR_NONE,	 /* char *: the same, or empty */
	T_WORD,		 /* char *: one of allowed, "a|b|c" */
	T_URL,		 /* char * */
	T_EMAIL,	 /* char *: one or several, or empty */
	T_RESOLVERS,	 /* char *: IP[:port], one or several, or empty */
	T_ALIASES,	 /* char *: NAME -> NAME, one or several, or empty */
	T_DOH_SERVERS,	 /* char *: URL@IP@IP, one or several, or empty */
	T_BOOL,		 /* bool */
	T_NUMBER,	 /* uint32_t */
	T_SECONDS,	 /* uint32_t: a number, perhaps with a unit */
	T_AUTHENTICATOR, /* nothing: only a warning where it is not ours */
	T_IGNORED,	 /* nothing: accepted without effect */
};

struct config_key {
	const char *section, *name;
	enum config_type type;
	const char *fallback; /* the default, as it would be written */
	size_t offset;	      /* of the field */
	const char *allowed;  /* T_WORD */
	uint32_t min, max;    /* T_NUMBER, T_SECONDS */
};

/* config_dns.c: whether each element is good; blanks do not count. */
bool		 config_is_aliases(const char *value);
bool		 config_is_doh_servers(const char *value);
/* Whether "a, b" may be written for a setting. */
bool		 config_value_is_list(const struct config_key *k);
/* Reads value into the field of k in base. A bad value is an error that says
 * what is allowed, and leaves the field as it was. */
struct err	*config_value_read(const struct config_key *k,
		    const char *value, void *base);

#endif
