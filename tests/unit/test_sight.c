/* test_sight.c - what a look at the name servers of a zone says. */
/* objects: acmew/sight */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "probe.h"

static const struct dns_answer good = { .outcome = DNS_OK,
	.authoritative = true,
	.problem = "" };
static const struct dns_answer lame = { .outcome = DNS_OK, .problem = "" };
static const struct dns_answer silent = { .outcome = DNS_TIMEOUT,
	.problem = "no answer" };
static const struct dns_answer no_way = { .outcome = DNS_UNREACHABLE,
	.problem = "no route" };

/* Two servers of two addresses each. */
static struct server_list *
servers(void)
{
	static struct server_list list;
	static char names[2][8] = { "ns1.a", "ns2.a" };
	static char zone[] = "example.com";

	list.zone = zone;
	list.n_servers = 2;
	for (size_t i = 0; i < 2; i++) {
		list.servers[i].name = names[i];
		list.servers[i].n_addresses = 2;
	}
	return &list;
}

static void
note(struct zone_sight *s, const struct dns_answer *const *answers)
{
	memset(s, 0, sizeof(*s));
	s->n_asked = 4;
	for (size_t i = 0; i < 4 && answers[i] != NULL; i++)
		zone_sight_note(s, i / 2, answers[i]);
}

static void
word_for_each_sight(void **state)
{
	static const struct {
		const struct dns_answer *answers[4];
		bool has_doh;
		enum verdict result;
		const char *found, *todo;
	} rows[] = {
		{ { &good, &good, &good, &good }, false, VERDICT_OK,
		    "2 name servers answer (4 of 4 addresses)", "" },
		/* A machine without IPv6. */
		{ { &good, &no_way, &good, &no_way }, false, VERDICT_OK,
		    "(2 of 4 addresses)", "" },
		{ { &good, &good, &silent, &no_way }, false, VERDICT_WARN,
		    "ns2.a (no route)", "delegation" },
		{ { &good, &silent, &lame, &lame }, false, VERDICT_WARN,
		    "ns2.a (it is not authoritative)", "delegation" },
		/* The time was up. */
		{ { &good, &good, NULL }, false, VERDICT_WARN,
		    "ns2.a (no answer in time)", "delegation" },
		{ { &silent, &silent, &silent, &silent }, false, VERDICT_BAD,
		    "none of 2 name servers answers from here: no answer",
		    "set doh-servers" },
		{ { &silent, &silent, &no_way, &no_way }, true, VERDICT_WARN,
		    "none of 2", "until then resolvers" },
		{ { NULL }, true, VERDICT_WARN, "none of 2", "port 53" },
	};
	struct zone_sight s;
	struct zone_word word;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		note(&s, rows[i].answers);
		zone_word(&s, servers(), rows[i].has_doh, &word);
		assert_int_equal(word.result, rows[i].result);
		if (strstr(word.found, rows[i].found) == NULL ||
		    strstr(word.todo, rows[i].todo) == NULL)
			fail_msg("row %zu: %s / %s", i, word.found, word.todo);
	}
}

/* Names that a resolver made long do not leave the text. */
static void
word_is_bounded(void **state)
{
	static char name[254];
	struct server_list *list = servers();
	struct zone_sight s = { .n_asked = 32, .n_answers = 32, .n_good = 1 };
	struct zone_word word;

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	list->n_servers = SERVER_NAMES_MAX;
	for (size_t i = 0; i < SERVER_NAMES_MAX; i++) {
		list->servers[i].name = name;
		list->servers[i].n_addresses = 1;
	}
	memset(s.problem, 'p', sizeof(s.problem) - 1);
	zone_word(&s, list, false, &word);
	assert_in_range(strlen(word.found), 500, PROBE_TEXT_BYTES - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(word_for_each_sight),
		cmocka_unit_test(word_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
