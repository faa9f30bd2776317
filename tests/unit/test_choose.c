/* test_choose.c - which certificate a request to issue is about: certbot's table,
 * row by row, with our one difference. */
/* objects: certd/monitor/choose certd/monitor/due common/buf common/err common/log common/names common/text common/url $(CONFIG) */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor.h"

#define PRODUCTION "https://ca.example/dir"
#define OTHER	   "https://other.example/dir"
#define STAGING	   "https://acme-staging.example/dir"
#define DAY	   86400
#define NOW	   (1000 * DAY)

/* In the place of store_restore.c: nothing is held back here. */
bool
lineage_held(const struct lineage *l, time_t *until)
{
	(void)l;
	*until = 0;
	return false;
}

/* ---- a store: names are separated by blanks ---- */

struct cert {
	const char *lineage, *names;
	bool due;
	enum key_kind kind;
	const char *server;
	bool reuse_key, damaged;
};

static const struct cert store[] = {
	{ "a.test", "a.test", false, KEY_EC_P256, PRODUCTION, false, false },
	{ "b.test", "b.test www.b.test", true, KEY_EC_P256, PRODUCTION,
	    false, false },
	{ "broken.test", NULL, false, 0, NULL, false, false },
	{ "damaged.test", "damaged.test", false, KEY_EC_P256, PRODUCTION,
	    false, true },
	{ "d.test-0001", "d.test", false, KEY_EC_P256, PRODUCTION, false, false },
	{ "d.test", "d.test", false, KEY_EC_P256, PRODUCTION, false, false },
	{ "keep.test", "keep.test", false, KEY_EC_P256, PRODUCTION, true, false },
	{ "m.test", "m.test www.m.test mail.m.test", false, KEY_RSA_2048,
	    PRODUCTION, false, false },
	{ "named", "n.test", false, KEY_EC_P256, PRODUCTION, false, false },
	{ "p.test", "p.test", false, KEY_EC_P256, PRODUCTION, false, false },
	{ "q", "p.test q.test", false, KEY_EC_P256, PRODUCTION, false, false },
	{ "s.test", "s.test", false, KEY_EC_P256, STAGING, false, false },
};
#define CERTS_N (sizeof(store) / sizeof(store[0]))

static size_t
split(const char *text, char **out)
{
	char *copy = strdup(text), *rest = copy, *name;
	size_t n = 0;

	while ((name = strsep(&rest, " ")) != NULL)
		if (*name != '\0')
			out[n++] = strdup(name);
	free(copy);
	return n;
}

static struct catalog *
catalog(void)
{
	struct catalog *c = calloc(1, sizeof(*c));
	size_t i;

	c->n = CERTS_N;
	c->entries = calloc(CERTS_N, sizeof(*c->entries));
	for (i = 0; i < CERTS_N; i++) {
		struct entry *x = &c->entries[i];

		x->lineage = strdup(store[i].lineage);
		if (store[i].names == NULL) {
			x->problem = strdup("a link is missing");
			continue;
		}
		x->files = calloc(1, sizeof(*x->files));
		x->files->server = store[i].server;
		x->files->reuse_key = store[i].reuse_key;
		x->names = calloc(8, sizeof(*x->names));
		x->n_names = split(store[i].names, x->names);
		x->key_kind = store[i].kind;
		if ((x->is_damaged = store[i].damaged))
			x->problem = strdup("a key that is not its own");
		x->not_before = NOW - (store[i].due ? 80 : 10) * DAY;
		x->not_after = x->not_before + 90 * DAY;
	}
	return c;
}

static void
catalog_drop(struct catalog *c)
{
	size_t i, k;

	for (i = 0; i < c->n; i++) {
		for (k = 0; k < c->entries[i].n_names; k++)
			free(c->entries[i].names[k]);
		free(c->entries[i].names);
		free(c->entries[i].lineage);
		free(c->entries[i].problem);
		free(c->entries[i].files);
	}
	free(c->entries);
	free(c);
}

/* ---- the table ---- */

/* Options as letters: e --expand, d --duplicate, n --renew-with-new-domains,
 * f --force-renewal, y --dry-run, b --break-my-certs, r --key-type rsa,
 * 4 --rsa-key-size 4096 alone, c --elliptic-curve secp384r1 alone, k --reuse-key,
 * K --no-reuse-key, w --new-key, s --staging, o --server OTHER. */
static const struct row {
	const char *names, *cert_name, *options;
	char outcome; /* N new, R renew, K keep, ? ask, ! error */
	const char *what; /* lineage; or a part of the error */
	enum question_kind about;
} rows[] = {
	/* the same set */
	{ "a.test", NULL, "", 'K', "a.test", 0 },
	{ "A.TEST", NULL, "", 'K', "a.test", 0 },
	{ "a.test", NULL, "f", 'R', "a.test", 0 },
	{ "a.test", NULL, "y", 'R', "a.test", 0 },
	{ "www.b.test b.test", NULL, "", 'R', "b.test", 0 }, /* due */
	{ "n.test", NULL, "", 'K', "named", 0 },
	{ "d.test", NULL, "", 'K', "d.test", 0 }, /* of two, by its name */
	/* the certificate has a part of the names */
	{ "a.test new.a.test", NULL, "", '?', "a.test", QUESTION_EXPAND },
	{ "a.test new.a.test", NULL, "e", 'R', "a.test", 0 },
	{ "a.test new.a.test", NULL, "f", 'R', "a.test", 0 },
	{ "a.test new.a.test", NULL, "d", 'N', "a.test", 0 },
	{ "p.test q.test r.test", NULL, "e", 'R', "q", 0 }, /* the largest */
	/* the names are a part of the certificate's, or overlap */
	{ "m.test", NULL, "", '?', "m.test", QUESTION_OTHER_NAMES },
	{ "m.test", NULL, "e", '?', "m.test", QUESTION_OTHER_NAMES },
	{ "m.test x.test", NULL, "", '?', "m.test", QUESTION_OTHER_NAMES },
	{ "m.test", NULL, "d", 'N', "m.test", 0 },
	{ "*.m.test", NULL, "", '?', "m.test", QUESTION_OTHER_NAMES },
	{ "www.m.test", NULL, "", 'N', "www.m.test", 0 }, /* name is free */
	{ "mail.m.test x.test", NULL, "", 'N', "mail.m.test", 0 },
	/* nothing there */
	{ "x.test", NULL, "", 'N', "x.test", 0 },
	{ "*.x.test x.test", NULL, "", 'N', "x.test", 0 },
	{ "x.test", NULL, "e", 'N', "x.test", 0 },
	{ "a.test", NULL, "d", 'N', "a.test", 0 },
	/* by name, without names */
	{ "", "a.test", "", 'K', "a.test", 0 },
	{ "", "a.test", "f", 'R', "a.test", 0 },
	{ "", "b.test", "", 'R', "b.test", 0 },
	{ "", "x.test", "", '!', "there is no certificate named x.test", 0 },
	{ "", NULL, "", '!', "no names", 0 },
	/* by name, with names */
	{ "a.test", "a.test", "", 'K', "a.test", 0 },
	{ "b.test www.b.test", "b.test", "", 'R', "b.test", 0 },
	{ "x.test", "a.test", "", '?', "a.test", QUESTION_NEW_NAMES },
	{ "x.test", "a.test", "n", 'R', "a.test", 0 },
	{ "a.test x.test", "a.test", "", '?', "a.test", QUESTION_NEW_NAMES },
	{ "a.test x.test", "a.test", "e", 'R', "a.test", 0 },
	{ "x.test", "a.test", "e", '?', "a.test", QUESTION_NEW_NAMES },
	{ "a.test", "x.test", "", 'N', "x.test", 0 }, /* no -0001 */
	{ "x.test", "other", "", 'N', "other", 0 },
	{ "x.test", "../x", "", '!', "--cert-name ../x", 0 },
	{ "x.test", "-x", "", '!', "--cert-name -x", 0 },
	{ "x.test", "a.test", "d", '!', "exclude each other", 0 },
	/* broken */
	{ "broken.test", NULL, "", '!', "is broken: a link is missing", 0 },
	{ "", "broken.test", "f", '!', "is broken: a link is missing", 0 },
	{ "broken.test", NULL, "d", 'N', "broken.test", 0 },
	{ "damaged.test", NULL, "", 'R', "damaged.test", 0 },
	{ "", "damaged.test", "", 'R', "damaged.test", 0 },
	/* another type of key: both the name and the type */
	{ "a.test", NULL, "r", '?', "a.test", QUESTION_KEY_TYPE },
	{ "a.test", NULL, "rf", '?', "a.test", QUESTION_KEY_TYPE },
	{ "a.test", NULL, "4f", '?', "a.test", QUESTION_KEY_TYPE },
	{ "", "a.test", "4f", '?', "a.test", QUESTION_KEY_TYPE },
	{ "", "a.test", "r", 'R', "a.test", 0 },
	{ "m.test www.m.test mail.m.test", NULL, "r", 'K', "m.test", 0 },
	/* another size or curve is no other type */
	{ "a.test", NULL, "c", 'R', "a.test", 0 },
	{ "m.test www.m.test mail.m.test", NULL, "4", 'R', "m.test", 0 },
	/* a key that is kept */
	{ "keep.test", NULL, "", 'K', "keep.test", 0 },
	{ "keep.test", NULL, "c", '!', "keeps its key", 0 },
	{ "keep.test", NULL, "cw", 'R', "keep.test", 0 },
	{ "keep.test", NULL, "cK", 'R', "keep.test", 0 },
	{ "", "keep.test", "rf", '!', "keeps its key", 0 },
	{ "a.test", NULL, "kc", '!', "keeps its key", 0 },
	{ "a.test", NULL, "kcw", 'R', "a.test", 0 },
	{ "a.test", NULL, "kf", 'R', "a.test", 0 },
	/* trial certificates */
	{ "a.test", NULL, "s", '!', "a real one", 0 },
	{ "a.test", NULL, "sf", '!', "a real one", 0 },
	{ "x.test", "a.test", "sn", '!', "a real one", 0 },
	{ "a.test x.test", NULL, "se", '!', "a real one", 0 },
	{ "a.test", NULL, "sb", 'R', "a.test", 0 },
	{ "a.test", NULL, "sy", 'R', "a.test", 0 },
	{ "s.test", NULL, "s", 'K', "s.test", 0 },
	{ "s.test", NULL, "", 'R', "s.test", 0 }, /* the trial is over */
	{ "x.test", NULL, "s", 'N', "x.test", 0 },
	{ "a.test", NULL, "o", 'R', "a.test", 0 }, /* another CA, named */
};

static void
set_option(struct wanted *w, char letter)
{
	switch (letter) {
	case 'e': w->expand = true; break;
	case 'd': w->duplicate = true; break;
	case 'n': w->new_names = true; break;
	case 'f': w->force = true; break;
	case 'y': w->dry_run = true; break;
	case 'b': w->break_my_certs = true; break;
	case 'k': w->reuse_key = true; break;
	case 'K': w->no_reuse_key = true; break;
	case 'w': w->new_key = true; break;
	case 's': w->server = STAGING; w->server_given = true; break;
	case 'o': w->server = OTHER; w->server_given = true; break;
	case 'r': w->key_kind = KEY_RSA_2048;
		  w->key_given = w->type_given = true; break;
	case '4': w->key_kind = KEY_RSA_4096; w->key_given = true; break;
	case 'c': w->key_kind = KEY_EC_P384; w->key_given = true; break;
	default: fail_msg("option %c", letter);
	}
}

static void
check(const struct row *r, const struct decision *v, struct err *e)
{
	static const char letters[] = { [CHOICE_NEW] = 'N',
		[CHOICE_RENEW] = 'R', [CHOICE_KEEP] = 'K', [CHOICE_ASK] = '?' };
	char got = e != NULL ? '!' : letters[v->choice];

	if (got != r->outcome)
		fail_msg("-d \"%s\" --cert-name %s, %s: %c (%s), not %c",
		    r->names, r->cert_name, r->options, got, err_text(e),
		    r->outcome);
	if (got == '!')
		assert_non_null(strstr(err_text(e), r->what));
	else if (got == 'N')
		assert_true(str_is(v->name, r->what));
	else
		assert_string_equal(v->entry->lineage, r->what);
	assert_int_equal(v->about, r->about);
	assert_int_equal(v->why != NULL, got == '?');
	if (v->why != NULL)
		assert_non_null(strstr(err_advice(v->why), "--"));
	assert_int_equal(v->numbered, got == 'N' &&
	    strchr(r->options, 'd') != NULL);
}

static void
choose_follows_the_table(void **state)
{
	struct str names[8];
	char *texts[8];
	size_t i, k, n;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct wanted w = { .server = PRODUCTION,
			.cert_name = r->cert_name };
		struct catalog *c = catalog();
		struct decision v;
		struct err *e;

		n = split(r->names, texts);
		for (k = 0; k < n; k++)
			names[k] = str_of(texts[k]);
		w.names = (struct strs) { names, n };
		for (k = 0; r->options[k] != '\0'; k++)
			set_option(&w, r->options[k]);
		e = choose_certificate(&w, c, NOW, &v);
		check(r, &v, e);
		err_free(e);
		err_free(v.why);
		for (k = 0; k < n; k++)
			free(texts[k]);
		catalog_drop(c);
	}
}

/* certbot refuses trials over certificates that still count; an expired one is
 * worth nothing. */
static void
choose_expired_certificates_may_become_trials(void **state)
{
	struct str name = str_of("a.test");
	struct wanted w = { .server = STAGING, .server_given = true,
		.names = { &name, 1 } };
	struct catalog *c = catalog();
	struct decision v;

	(void)state;
	assert_null(choose_certificate(&w, c, NOW + 90 * DAY, &v));
	assert_int_equal(v.choice, CHOICE_RENEW);
	catalog_drop(c);
}

static void
choose_question_lists_names_up_to_a_limit(void **state)
{
	struct str name = str_of("long.test");
	struct wanted w = { .server = PRODUCTION, .names = { &name, 1 } };
	struct entry x = { .lineage = (char[]) { "long.test" },
		.n_names = 100 };
	struct catalog c = { 1, &x };
	struct decision v;
	char *names[100];
	size_t i;

	(void)state;
	for (i = 0; i < 100; i++)
		assert_true(asprintf(&names[i], "%0200zu.long.test", i) > 0);
	x.names = names;
	assert_null(choose_certificate(&w, &c, NOW, &v));
	assert_int_equal(v.choice, CHOICE_ASK);
	assert_true(strlen(err_text(v.why)) < 4096);
	assert_non_null(strstr(err_text(v.why), " more"));
	err_free(v.why);
	for (i = 0; i < 100; i++)
		free(names[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(choose_follows_the_table),
		cmocka_unit_test(choose_expired_certificates_may_become_trials),
		cmocka_unit_test(choose_question_lists_names_up_to_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
