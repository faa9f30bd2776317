/*
 * rules.c - whether somebody may have a certificate: [policy] of certd.conf.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    who asks, as the kernel says; what is asked for.
 * Promise:  with a policy nobody but root gets a certificate for a name that no
 *           rule gives; a refusal says which rule was meant, and where it
 *           stands.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "log.h"
#include "rules.h"

#define LIST_MAX_BYTES 1024 /* of patterns, in a message for people */

struct judge {
	const struct rules *rules;
	bool binds_root;
	struct people {
		uid_t *uids;
		gid_t *gids;
		size_t n_uids, n_gids;
	} *people; /* of each rule */
};

static void
unknown(const struct rules *all, const struct rule *r, const char *what,
    const char *name)
{
	log_warn("%s:%u: [policy] [[%s]] there is no %s %s", all->file, r->line,
	    r->name, what, name);
}

static struct err *
look_up(struct judge *j, size_t at)
{
	const struct rule *r = &j->rules->v[at];
	struct people *p = &j->people[at];
	const struct passwd *pw;
	const struct group *g;

	p->uids = calloc(r->users.n + 1, sizeof(*p->uids));
	p->gids = calloc(r->groups.n + 1, sizeof(*p->gids));
	if (p->uids == NULL || p->gids == NULL)
		return err_sys("policy");
	for (size_t i = 0; i < r->users.n; i++) {
		if ((pw = getpwnam(r->users.v[i])) == NULL) {
			unknown(j->rules, r, "user", r->users.v[i]);
			continue;
		}
		p->uids[p->n_uids++] = pw->pw_uid;
		j->binds_root |= pw->pw_uid == 0;
	}
	for (size_t i = 0; i < r->groups.n; i++) {
		if ((g = getgrnam(r->groups.v[i])) == NULL)
			unknown(j->rules, r, "group", r->groups.v[i]);
		else
			p->gids[p->n_gids++] = g->gr_gid;
	}
	return NULL;
}

struct err *
judge_new(const struct rules *rules, struct judge **out)
{
	struct judge *j = calloc(1, sizeof(*j));
	struct err *e = NULL;

	*out = NULL;
	if (j == NULL)
		return err_sys("policy");
	j->rules = rules;
	if (rules != NULL && (j->people = calloc(rules->n + 1,
	    sizeof(*j->people))) == NULL)
		e = err_sys("policy");
	for (size_t i = 0; e == NULL && rules != NULL && i < rules->n; i++)
		e = look_up(j, i);
	if (e == NULL)
		*out = j;
	else
		judge_free(j);
	return e;
}

void
judge_free(struct judge *j)
{
	if (j == NULL)
		return;
	for (size_t i = 0; j->people != NULL && i < j->rules->n; i++) {
		free(j->people[i].uids);
		free(j->people[i].gids);
	}
	free(j->people);
	free(j);
}

/* ---- asking ---- */

static bool
is_for(const struct judge *j, size_t at, const struct caller *who)
{
	const struct people *p = &j->people[at];

	for (size_t i = 0; i < p->n_uids; i++)
		if (p->uids[i] == who->uid)
			return true;
	/* A group does not bind root, who is in whichever it likes. */
	for (size_t i = 0; who->uid != 0 && i < p->n_gids; i++)
		for (size_t k = 0; k < who->n_groups; k++)
			if (p->gids[i] == who->groups[k])
				return true;
	return false;
}

static bool
covers(const struct rule *r, struct str name)
{
	for (size_t i = 0; i < r->names.n; i++)
		if (rule_covers(r->names.v[i], name))
			return true;
	return false;
}

static void
add_list(struct buf *b, const struct rule_list *list)
{
	for (size_t i = 0; b != NULL && i < list->n; i++)
		err_free(buf_addf(b, "%s%s", buf_len(b) > 0 ? ", " : "",
		    list->v[i]));
}

/* "rule web team (/etc/certd/certd.conf:12) allows a, b" */
static struct err *
refuse(const struct judge *j, const struct rule *r, struct str name,
    const char *what, const struct rule_list *list)
{
	struct buf *b = buf_new(LIST_MAX_BYTES);
	struct err *e;

	if (r == NULL) {
		e = err_new("you may not have a certificate for %.*s: no rule "
		    "of the policy (%s:%u) names you or a group of yours",
		    (int)name.n, name.p, j->rules->file, j->rules->line);
	} else {
		add_list(b, list);
		e = err_new("you may not have a certificate for %.*s: rule %s "
		    "(%s:%u) allows you %s %s", (int)name.n, name.p, r->name,
		    j->rules->file, r->line, what, b == NULL || buf_len(b) ==
		    0 ? "..." : buf_data(b));
	}
	buf_free(b);
	return err_mark(err_advise(e, "root can change the policy, or ask for "
	    "it"), EACCES);
}

static struct err *
ask_name(const struct judge *j, const struct caller *who, struct str name,
    enum key_kind kind, const char *server)
{
	const struct rule *mine = NULL, *near = NULL;
	bool key_is_it = false;

	for (size_t i = 0; i < j->rules->n; i++) {
		const struct rule *r = &j->rules->v[i];

		if (!is_for(j, i, who))
			continue;
		if (mine == NULL)
			mine = r;
		if (!covers(r, name))
			continue;
		if (kind != 0 && !rule_takes_key(r, kind))
			key_is_it = true;
		else if (server == NULL || rule_takes_server(r, server))
			return NULL;
		else
			key_is_it = false;
		near = r;
	}
	if (near != NULL)
		return refuse(j, near, name, key_is_it ? "keys of type" :
		    "certificates of", key_is_it ? &near->key_types :
		    &near->servers);
	return refuse(j, mine, name, "the names", mine == NULL ? NULL :
	    &mine->names);
}

bool
judge_binds(const struct judge *j, const struct caller *who)
{
	return j->rules != NULL && (who->uid != 0 || j->binds_root);
}

struct err *
judge_ask(const struct judge *j, const struct caller *who, struct strs names,
    enum key_kind kind, const char *server)
{
	struct err *e = NULL;

	if (!judge_binds(j, who))
		return NULL;
	for (size_t i = 0; e == NULL && i < names.n; i++)
		e = ask_name(j, who, names.v[i], kind, server);
	return e;
}
