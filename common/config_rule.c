/*
 * config_rule.c - the section [policy] of certd.conf.
 *
 * Runs in:  certd; the others read the file too, and pass over it.
 * Input:    a file of root.
 * Promise:  a rule is understood whole or the file is refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_rule.h"
#include "ini.h"
#include "names.h"
#include "url.h"

#define SECTION   "policy"
#define RULES_MAX 1000

static const struct {
	const char *word;
	enum key_kind kinds[3];
} key_words[] = {
	{ "ecdsa", { KEY_EC_P256, KEY_EC_P384, 0 } },
	{ "rsa", { KEY_RSA_2048, KEY_RSA_3072, KEY_RSA_4096 } },
	{ "secp256r1", { KEY_EC_P256, 0, 0 } },
	{ "secp384r1", { KEY_EC_P384, 0, 0 } },
	{ "rsa-2048", { KEY_RSA_2048, 0, 0 } },
	{ "rsa-3072", { KEY_RSA_3072, 0, 0 } },
	{ "rsa-4096", { KEY_RSA_4096, 0, 0 } },
};
#define KEY_WORDS (sizeof(key_words) / sizeof(*key_words))

/* ---- values ---- */

static bool
is_user(const char *value)
{
	return *value != '\0' && strpbrk(value, " \t/:*") == NULL;
}

/* A pattern's name without what it begins with. */
static bool
is_pattern(const char *value)
{
	const char *name = value;

	if (strcmp(value, "*") == 0)
		return true;
	if (*name == '.')
		name++;
	return name_problem(str_of(name)) == NULL &&
	       (name == value || *name != '*');
}

static bool
is_key_type(const char *value)
{
	for (size_t i = 0; i < KEY_WORDS; i++)
		if (strcmp(key_words[i].word, value) == 0)
			return true;
	return false;
}

static bool
is_server(const char *value)
{
	struct url url;

	return url_parse(str_of(value), &url);
}

static const struct {
	const char *key;
	size_t offset;
	bool (*good)(const char *value);
	const char *allowed;
} keys[] = {
	{ "users", offsetof(struct rule, users), is_user, "names of users" },
	{ "groups", offsetof(struct rule, groups), is_user, "names of groups" },
	{ "names", offsetof(struct rule, names), is_pattern,
	    "example.com, *.example.com, .example.com (all below it) or *" },
	{ "key-types", offsetof(struct rule, key_types), is_key_type,
	    "ecdsa, rsa, secp256r1, secp384r1, rsa-2048, rsa-3072, rsa-4096" },
	{ "servers", offsetof(struct rule, servers), is_server,
	    "https URLs of CAs' directories" },
};
#define N_KEYS (sizeof(keys) / sizeof(*keys))

/* ---- reading ---- */

struct reader {
	const char *file;
	const struct ini *ini;
	struct rules *rules;
	struct err *e;
};

static struct err *
wrong(const struct reader *r, unsigned line, const char *what)
{
	return err_new("%s:%u: [" SECTION "] %s", r->file, line, what);
}

static struct err *
add_rule(struct reader *r, const char *name, unsigned line)
{
	struct rules *all = r->rules;
	struct rule *v;

	if (all->n == RULES_MAX)
		return wrong(r, line, "has too many rules");
	v = reallocarray(all->v, all->n + 1, sizeof(*v));
	if (v == NULL)
		return err_sys("%s", r->file);
	all->v = v;
	v[all->n] = (struct rule){ .line = line };
	if ((v[all->n++].name = strdup(name)) == NULL)
		return err_sys("%s", r->file);
	return NULL;
}

static bool
on_section(void *arg, const char *path, unsigned line)
{
	struct reader *r = arg;
	const size_t n = strlen(SECTION);

	if (strcmp(path, SECTION) == 0) {
		r->rules->line = line;
		return true;
	}
	if (strncmp(path, SECTION "/", n + 1) != 0)
		return true;
	if (strchr(path + n + 1, '/') != NULL)
		r->e = wrong(r, line, "a rule has no sections of its own");
	else
		r->e = add_rule(r, path + n + 1, line);
	return r->e == NULL;
}

static struct err *
read_list(const struct reader *r, const struct rule *rule, size_t key,
    const char *path, unsigned line)
{
	struct rule_list *list =
	    (void *)((char *)(uintptr_t)rule + keys[key].offset);
	const char *const *values;
	size_t n = ini_list(r->ini, path, keys[key].key, &values);

	if (n == 0 || (list->v = calloc(n, sizeof(*list->v))) == NULL)
		return n > 0 ? err_sys("%s", r->file)
			     : err_new("%s:%u: [" SECTION "] [[%s]] %s is "
				       "empty",
				   r->file, line, rule->name, keys[key].key);
	for (size_t i = 0; i < n; i++) {
		if (!keys[key].good(values[i]))
			return err_new("%s:%u: [" SECTION "] [[%s]] %s = %s: "
				       "allowed are %s",
			    r->file, line, rule->name, keys[key].key, values[i],
			    keys[key].allowed);
		if ((list->v[i] = strdup(values[i])) == NULL)
			return err_sys("%s", r->file);
		list->n++;
	}
	return NULL;
}

static bool
on_key(void *arg, const char *path, const char *key, unsigned line)
{
	struct reader *r = arg;
	const struct rule *rule = NULL;
	const size_t n = strlen(SECTION "/");

	if (strcmp(path, SECTION) == 0) {
		r->e = err_advise(wrong(r, line, "has rules only"),
		    "begin one with a line [[name]]");
		return false;
	}
	if (strncmp(path, SECTION "/", n) != 0)
		return true;
	for (size_t i = 0; i < r->rules->n; i++)
		if (strcmp(r->rules->v[i].name, path + n) == 0)
			rule = &r->rules->v[i];
	for (size_t i = 0; rule != NULL && i < N_KEYS; i++)
		if (strcmp(keys[i].key, key) == 0) {
			r->e = read_list(r, rule, i, path, line);
			return r->e == NULL;
		}
	r->e = err_advise(err_new("%s:%u: [" SECTION "] [[%s]] %s is nothing "
				  "that a rule has",
			      r->file, line, path + n, key),
	    "users, groups, names, key-types, servers");
	return false;
}

/* A rule for nobody, or for nothing, is a slip of the pen. */
static struct err *
check_rules(const struct reader *r)
{
	const struct rule *rule;

	for (size_t i = 0; i < r->rules->n; i++) {
		rule = &r->rules->v[i];
		if (rule->users.n + rule->groups.n > 0 && rule->names.n > 0)
			continue;
		return err_new("%s:%u: [" SECTION "] [[%s]] says no %s",
		    r->file, rule->line, rule->name,
		    rule->names.n == 0 ? "names" : "users and no groups");
	}
	return NULL;
}

struct err *
rules_read(const char *file, const struct ini *ini, struct rules **out)
{
	struct reader r = { .file = file, .ini = ini };

	*out = NULL;
	if (!ini_has_section(ini, SECTION))
		return NULL;
	if ((r.rules = calloc(1, sizeof(*r.rules))) == NULL ||
	    (r.rules->file = strdup(file)) == NULL) {
		rules_free(r.rules);
		return err_sys("%s", file);
	}
	ini_each_section(ini, on_section, &r);
	if (r.e == NULL)
		ini_each(ini, on_key, &r);
	if (r.e == NULL)
		r.e = check_rules(&r);
	if (r.e == NULL)
		*out = r.rules;
	else
		rules_free(r.rules);
	return r.e;
}

static void
free_list(struct rule_list *list)
{
	while (list->n > 0)
		free(list->v[--list->n]);
	free(list->v);
}

void
rules_free(struct rules *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n; i++) {
		free(r->v[i].name);
		free_list(&r->v[i].users);
		free_list(&r->v[i].groups);
		free_list(&r->v[i].names);
		free_list(&r->v[i].key_types);
		free_list(&r->v[i].servers);
	}
	free(r->v);
	free(r->file);
	free(r);
}

/* ---- what a rule takes ---- */

/* Whether name is below base, and how many labels deep. */
static bool
is_below(struct str name, struct str base, size_t *labels)
{
	if (name.n <= base.n + 1 || name.p[name.n - base.n - 1] != '.' ||
	    memcmp(name.p + name.n - base.n, base.p, base.n) != 0)
		return false;
	*labels = 1;
	for (size_t i = 0; i < name.n - base.n - 1; i++)
		*labels += name.p[i] == '.';
	return true;
}

bool
rule_covers(const char *pattern, struct str name)
{
	size_t labels;

	if (strcmp(pattern, "*") == 0)
		return true;
	if (*pattern == '.')
		return is_below(name, str_of(pattern + 1), &labels);
	if (strncmp(pattern, "*.", 2) == 0)
		return is_below(name, str_of(pattern + 2), &labels) &&
		       labels == 1;
	return str_is(name, pattern);
}

bool
rule_takes_key(const struct rule *r, enum key_kind kind)
{
	for (size_t i = 0; i < r->key_types.n; i++)
		for (size_t k = 0; k < KEY_WORDS; k++)
			if (strcmp(r->key_types.v[i], key_words[k].word) == 0)
				for (size_t j = 0; j < 3; j++)
					if (key_words[k].kinds[j] == kind)
						return true;
	return r->key_types.n == 0;
}

bool
rule_takes_server(const struct rule *r, const char *server)
{
	for (size_t i = 0; i < r->servers.n; i++)
		if (strcmp(r->servers.v[i], server) == 0)
			return true;
	return r->servers.n == 0;
}
