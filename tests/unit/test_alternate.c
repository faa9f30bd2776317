/* test_alternate.c - Link headers of a CA, read for its other chains. */
/* objects: acmew/alternate common/err common/log common/text common/url common/names proto/options */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "order.h"

/* ---- not called here ---- */

struct err *
request_start(struct job *job, enum verb verb, const char *url,
    size_t max_bytes, request_done *done, void *arg)
{
	(void)job;
	(void)verb;
	(void)url;
	(void)max_bytes;
	(void)done;
	(void)arg;
	return err_new("not here");
}

struct err *
job_ask(struct job *job, struct msg *m, uint32_t *id)
{
	(void)job;
	(void)m;
	(void)id;
	return NULL;
}

void
job_step(struct job *job, enum job_event event)
{
	(void)job;
	(void)event;
}

struct err *
chain_check_type(const struct https_response *r)
{
	(void)r;
	return NULL;
}

/* ---- headers ---- */

#define DIRECTORY "https://ca.example/dir"
#define A "https://ca.example/chain/1/1"
#define B "https://ca.example/chain/1/2"

static const struct {
	const char *header;
	const char *urls[3]; /* that are found */
} cases[] = {
	{ "", { NULL } },
	{ "<" A ">;rel=\"alternate\"", { A } },
	{ "<" A "> ; rel=\"alternate\"", { A } },
	{ "<" A ">;REL=\"Alternate\"", { A } },
	{ "<" A ">;rel=alternate", { A } },
	{ "<" A ">;title=\"x, <y>\";rel=\"alternate\", <" B
	  ">;rel=\"alternate\"",
	    { A, B } },
	{ "<" A ">;rel=\"alternate\",<" A ">;rel=\"alternate\"", { A } },
	{ "<https://ca.example/directory>;rel=\"index\", <" B
	  ">;rel=\"alternate\"",
	    { B } },
	{ "<https://ca.example/a,b>;rel=\"alternate\"",
	    { "https://ca.example/a,b" } },
	/* nothing that could be asked for */
	{ "<http://ca.example/x>;rel=\"alternate\"", { NULL } },
	{ "<https://ca.example:444/x>;rel=\"alternate\"", { NULL } },
	{ "<https://ca.example.evil.test/x>;rel=\"alternate\", <" A
	  ">;rel=\"alternate\"",
	    { A } },
	{ "<//ca.example/x>;rel=\"alternate\"", { NULL } },
	{ "<>;rel=\"alternate\"", { NULL } },
	{ "<" A, { NULL } },
	{ A ">;rel=\"alternate\"", { NULL } },
	{ ",,,", { NULL } },
	{ "<" A ">;rel=\"alternate", { NULL } },
	{ "<" A ">;title=\"", { NULL } },
};

static void
header_gives_links_to_other_chains(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct alternates a = { .n = 0 };
		size_t n = 0;

		alternates_read(&a, DIRECTORY, cases[i].header);
		while (n < 3 && cases[i].urls[n] != NULL) {
			if (n >= a.n ||
			    strcmp(a.urls[n], cases[i].urls[n]) != 0)
				fail_msg("%s", cases[i].header);
			n++;
		}
		if (a.n != n)
			fail_msg("%s: %zu", cases[i].header, a.n);
		alternates_clear(&a);
	}
}

static void
header_with_too_many_links_is_cut(void **state)
{
	struct alternates a = { .n = 0 };
	char header[4096] = "";

	(void)state;
	for (int i = 0; i < 40; i++)
		(void)snprintf(header + strlen(header), 100,
		    "%s<https://ca.example/%d>;rel=\"alternate\"",
		    i == 0 ? "" : ", ", i);
	alternates_read(&a, DIRECTORY, header);
	assert_int_equal(a.n, ALTERNATES_MAX);
	alternates_clear(&a);
	assert_int_equal(a.n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_gives_links_to_other_chains),
		cmocka_unit_test(header_with_too_many_links_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
