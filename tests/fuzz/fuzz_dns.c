/* fuzz_dns.c - any bytes as a DNS answer. The first byte is the type that was
 * asked for. */
/* objects: common/dns_answer common/text */
/* covers: common/dns_answer.c */
/* libs: libcares */
#include <stdlib.h>
#include <string.h>

#include "dns_answer.h"
#include "text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check(bool good)
{
	if (!good)
		abort();
}

static void
check_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";

	check(strlen(name) < DNS_NAME_SIZE);
	check(name[strspn(name, letters)] == '\0');
}

static void
check_answer(const struct dns_answer *a)
{
	check_name(a->soa);
	check_name(a->cname);
	check((a->outcome == DNS_OK) == (*a->problem == '\0'));
	check(text_is_plain(a->problem, strlen(a->problem)));
	check(a->n_values == 0 || a->outcome <= DNS_NONE);
	for (size_t i = 0; i < a->n_values; i++)
		check(text_is_plain(a->values[i], strlen(a->values[i])));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const enum dns_type types[] = { DNS_A, DNS_NS, DNS_CNAME,
		DNS_SOA, DNS_TXT, DNS_AAAA };
	enum dns_type type;
	struct dns_reply r;
	uint8_t *copy;

	if (n < 2 || (copy = malloc(n - 1)) == NULL)
		return 0;
	memcpy(copy, data + 1, n - 1); /* of the exact size */
	type = types[data[0] % (sizeof(types) / sizeof(*types))];
	dns_reply_read(
	    &r, "_acme-challenge.example.com", type, "192.0.2.1", copy, n - 1);
	check_answer(&r.answer);
	if (type == DNS_NS || type == DNS_CNAME || type == DNS_SOA)
		for (size_t i = 0; i < r.answer.n_values; i++)
			check_name(r.answer.values[i]);
	dns_reply_clear(&r);
	free(copy);
	return 0;
}
