/* rules.h - whether somebody may have a certificate: [policy] of certd.conf. */
#ifndef RULES_H
#define RULES_H

#include <sys/types.h>

#include "config_rule.h"

#define GROUPS_MAX 256 /* of a caller; NGROUPS_MAX is 65,536, nobody has them */

/* The user at the other end of a socket. */
struct caller {
	uid_t uid;
	size_t n_groups;
	gid_t groups[GROUPS_MAX];
};

/* The rules with the numbers of the users and groups, which have to be looked up
 * before the jail. A name that nobody has is a warning: its rule lets nobody in.
 * rules NULL: no policy. */
struct judge;
struct err	*judge_new(const struct rules *rules, struct judge **out);
void		 judge_free(struct judge *j);
/* Whether there is a policy, and it has a say in what who does. */
bool		 judge_binds(const struct judge *j, const struct caller *who);
/* NULL, or why who may not have a certificate for these names with such a key
 * (0: any) of that CA (NULL: any); err_errno() is EACCES then. Root is bound only
 * if a rule names the user root. */
struct err	*judge_ask(const struct judge *j, const struct caller *who,
		    struct strs names, enum key_kind kind, const char *server);

#endif
