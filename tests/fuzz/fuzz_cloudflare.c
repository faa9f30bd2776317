/* fuzz_cloudflare.c - any body as an answer of Cloudflare's API. The first two
 * bytes are the HTTP status. */
/* objects: certd/dns/cf_reply certd/dns/cf_advice common/err common/text */
/* covers: certd/dns/cf_reply.c certd/dns/cf_advice.c */
/* libs: jansson */
#include <stdlib.h>
#include <string.h>

#include "cf_reply.h"
#include "text.h"

#define NAME  "_acme-challenge.example.com"
#define VALUE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check(bool good)
{
	if (!good)
		abort();
}

/* Takes e: it must be fit to be sent to the monitor. */
static void
check_error(struct err *e)
{
	const char *text = err_text(e);

	check(e == NULL || (*text != '\0' && strlen(text) < 4096 &&
			       text_is_plain(text, strlen(text))));
	check(strlen(err_advice(e)) < 1024);
	err_free(e);
}

static void
check_number(const char *number)
{
	check(text_is_hex(number, strlen(number)));
	check(strlen(number) < CF_ID_SIZE);
}

static void
read_all(const struct cf_reply *r)
{
	char numbers[4][CF_ID_SIZE], number[CF_ID_SIZE];
	char names[4][CF_NAME_SIZE];
	struct cf_zone z;
	struct err *e;
	bool found;
	size_t n;

	if (!r->ok)
		check_error(cf_reply_error(r));
	check_error(cf_zone_read(r, "example.com", &z, &found));
	if (found) {
		check_number(z.id);
		check(z.n_servers <= CF_SERVERS_MAX);
		for (size_t i = 0; i < z.n_servers; i++)
			check(
			    text_is_plain(z.servers[i], strlen(z.servers[i])));
	}
	if ((e = cf_record_read(r, NAME, number)) == NULL)
		check_number(number);
	check_error(e);
	n = cf_records_find(r, NAME, VALUE, numbers, 4);
	check(n <= 4);
	while (n-- > 0)
		check_number(numbers[n]);
	if (cf_batch_find(r, NAME, VALUE, number))
		check_number(number);
	(void)cf_zones_below(r, "example.com", names, 4, &n);
	check(n <= 4);
	(void)cf_batch_lost(r, "0123456789abcdef");
	check(r->n_pages >= 1 && r->n_pages <= 10000);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct cf_reply r;
	struct err *e;
	char *body;

	if (n < 2 || (body = malloc(n - 1)) == NULL)
		return 0;
	memcpy(body, data + 2, n - 2); /* of the exact size, and a NUL */
	body[n - 2] = '\0';
	e = cf_reply_read(100 + data[0] * 2 + data[1] % 2, body, n - 2, &r);
	if (e == NULL)
		read_all(&r);
	check_error(e);
	cf_reply_clear(&r);
	free(body);
	return 0;
}
