/*
 * test_related.c - how often the whole store is looked at for a request: the
 * rest of certd is played here.
 */
/* objects: common/err common/log common/text certd/monitor/related */
#define _DEFAULT_SOURCE /* reallocarray */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <cmocka.h>

#include "monitor.h"

static struct monitor m;
static unsigned changes, looks, failures, successes; /* of live/ */
static struct store_names news;                      /* what is being read */
static catalog_done *reading;                        /* its end; NULL: none */
static void *reader;

/* ---- the rest of certd ---- */

struct err *
store_names_add(struct store_names *names, const char *name)
{
	names->v = reallocarray(names->v, names->n + 1, sizeof(*names->v));
	assert_non_null(names->v);
	assert_non_null(names->v[names->n++] = strdup(name));
	return NULL;
}

void
store_names_clear(struct store_names *names)
{
	while (names->n > 0)
		free(names->v[--names->n]);
	free(names->v);
	names->v = NULL;
}

void
store_identify(const struct store *s, struct identity dirs[STORE_DIRS])
{
	int i;

	(void)s;
	for (i = 0; i < STORE_DIRS; i++)
		dirs[i] = (struct identity){ 1, 2, 3, changes };
}

struct err *
glance_take(struct monitor *mm, time_t due_by, glance_known *known, void *arg,
    struct store_names *unknown)
{
	(void)mm, (void)due_by, (void)known, (void)arg;
	*unknown = (struct store_names){ 0 };
	looks++;
	return NULL;
}

void
glance_learn(struct monitor *mm, const struct catalog *c)
{
	(void)mm, (void)c;
}

void
catalog_free(struct catalog *c)
{
	(void)c;
}

struct err *
ledger_names_find(struct ledger *l, const char *name,
    struct err *(*fn)(void *arg, const char *lineage), void *arg)
{
	(void)l, (void)name, (void)fn, (void)arg;
	return NULL;
}

static void
requested(void *arg, struct catalog *catalog, struct err *e)
{
	(void)arg, (void)catalog;
	failures += e != NULL;
	successes += e == NULL;
	err_free(e);
}

/* What is new has to be waited for; what belongs to a request is there. */
void
catalog_read_names(struct monitor *mm, const struct store_names *names,
    catalog_done *done, void *arg)
{
	size_t i;

	(void)mm;
	if (done == requested) {
		done(arg, NULL, NULL);
		return;
	}
	assert_null(reading);
	store_names_clear(&news);
	for (i = 0; i < names->n; i++)
		assert_null(store_names_add(&news, names->v[i]));
	reading = done;
	reader = arg;
}

/* ---- scenes ---- */

static void
ask(void)
{
	catalog_read_related(
	    &m, str_of("a.test"), (struct strs){ NULL, 0 }, requested, NULL);
}

static void
is_read(struct err *e)
{
	catalog_done *done = reading;

	assert_non_null(done);
	reading = NULL;
	done(reader, NULL, e);
}

static void
store_one(const char *lineage)
{
	related_before(&m);
	changes++;
	related_touch(&m, lineage);
	related_after(&m);
}

static int
set_up(void **state)
{
	(void)state;
	memset(&m, 0, sizeof(m));
	looks = failures = successes = 0;
	ask();
	is_read(NULL);
	assert_int_equal(looks, 1);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	assert_null(reading);
	related_free(&m);
	store_names_clear(&news);
	return 0;
}

static void
nothing_changed(void **state)
{
	(void)state;
	ask();
	is_read(NULL);
	assert_int_equal(looks, 1);
	assert_int_equal(news.n, 0);
	assert_int_equal(successes, 2);
}

static void
what_we_change_is_read_alone(void **state)
{
	(void)state;
	store_one("a.test");
	store_one("b.test");
	ask();
	is_read(NULL);
	assert_int_equal(looks, 1);
	assert_int_equal(news.n, 2);
	assert_string_equal(news.v[1], "b.test");
}

/* Jobs end while the signer looks at what others have ended with. */
static void
what_we_change_during_a_look_is_read_next(void **state)
{
	(void)state;
	store_one("a.test");
	ask();
	store_one("b.test");
	ask();
	is_read(NULL);
	assert_int_equal(news.n, 1);
	assert_string_equal(news.v[0], "b.test");
	is_read(NULL);
	ask();
	is_read(NULL);
	assert_int_equal(looks, 1);
	assert_int_equal(successes, 4);
}

static void
what_others_change_is_looked_for(void **state)
{
	(void)state;
	changes++;
	ask();
	is_read(NULL);
	assert_int_equal(looks, 2);
	ask();
	changes++; /* during the look */
	is_read(NULL);
	store_one("a.test"); /* hides nothing */
	ask();
	is_read(NULL);
	assert_int_equal(looks, 3);
}

static void
a_failure_is_followed_by_a_look(void **state)
{
	(void)state;
	ask();
	is_read(err_new("no signer"));
	assert_int_equal(failures, 1);
	ask();
	is_read(NULL);
	assert_int_equal(looks, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_changed),
		TEST(what_we_change_is_read_alone),
		TEST(what_we_change_during_a_look_is_read_next),
		TEST(what_others_change_is_looked_for),
		TEST(a_failure_is_followed_by_a_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
