/*
 * config_rule.h - the section [policy] of certd.conf: who may have certificates
 * for which names.
 *
 *	[policy]
 *	[[web team]]
 *	users = alice, bob
 *	groups = web
 *	names = example.com, *.example.com, .example.org
 *	key-types = ecdsa, rsa-4096
 *	servers = https://acme-v02.api.letsencrypt.org/directory
 */
#ifndef CONFIG_RULE_H
#define CONFIG_RULE_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "err.h"
#include "text.h"

struct ini;

struct rule_list {
	char **v;
	size_t n; /* 0: whatever it is, for key-types and servers */
};

struct rule {
	char *name;
	unsigned line; /* of the file */
	struct rule_list users, groups, names, key_types, servers;
};

struct rules {
	char *file;
	unsigned line; /* of [policy] */
	struct rule *v;
	size_t n;
};

/* Reads [policy]. *out is NULL where there is no such section: then there is no
 * policy. Whatever is wrong with it is an error with file and line: a rule that
 * was not understood must not pass for one that allows. */
struct err	*rules_read(const char *file, const struct ini *ini,
		    struct rules **out);
void		 rules_free(struct rules *r);

/* Whether a pattern covers a name: "example.com" only itself; "*.example.com" the
 * wildcard, and each name that it stands for; ".example.com" everything below,
 * wildcards too; "*" everything. */
bool		 rule_covers(const char *pattern, struct str name);
/* Whether kind is one of the key types ("ecdsa", "rsa", "secp384r1",
 * "rsa-4096" ...), or there is no list. */
bool		 rule_takes_key(const struct rule *r, enum key_kind kind);
bool		 rule_takes_server(const struct rule *r, const char *server);

#endif
