/*
 * loadgen_dns.c - the name server of the load generator: it has no zone, and
 * answers each question with the values of the order that it is about.
 *
 * A question is _acme-challenge.lNUMBER.ZONE; what else is asked gets no record.
 */
#define _DEFAULT_SOURCE /* strnlen */
#include <arpa/inet.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "loadgen.h"

#define HEADER	   12
#define TYPE_TXT   16
#define PACKET_MAX 512
#define TXT_MAX	   120 /* two of them fit */

static const char challenge[] = "\017_acme-challenge";

int
dns_open(const char *address)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(53) };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (inet_pton(AF_INET, address, &sin.sin_addr) != 1)
		errx(2, "%s is no address", address);
	if (s == -1 || bind(s, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		err(1, "%s", address);
	return s;
}

/* Where the question ends; 0: it is none. */
static size_t
question_end(const unsigned char *p, size_t n)
{
	size_t at = HEADER;

	while (at < n && p[at] != 0)
		at += 1u + p[at];
	return at + 5 <= n && at < PACKET_MAX / 2 ? at + 5 : 0;
}

static size_t
put_txt(unsigned char *p, const char *value)
{
	static const unsigned char head[] = { 0xc0, HEADER, 0, TYPE_TXT, 0, 1,
		0, 0, 0, 0, 0 };
	const size_t n = strnlen(value, TXT_MAX);

	memcpy(p, head, sizeof(head));
	p[sizeof(head)] = (unsigned char)(n + 1);
	p[sizeof(head) + 1] = (unsigned char)n;
	memcpy(p + sizeof(head) + 2, value, n);
	return sizeof(head) + 2 + n;
}

/* Makes the answer of the question; returns its length, 0: none. */
static size_t
answer(unsigned char p[PACKET_MAX], size_t n, dns_values *values_of)
{
	const size_t end = n < HEADER ? 0 : question_end(p, n);
	const char *values[NAMES], *name = (const char *)p + HEADER;
	size_t i, found = 0, at = end;

	if (end == 0)
		return 0;
	if (p[end - 3] == TYPE_TXT && end > HEADER + sizeof(challenge) + 2 &&
	    strncasecmp(name, challenge, sizeof(challenge) - 1) == 0)
		found = values_of(strtoul(name + sizeof(challenge) + 1, NULL,
		    10), values);
	p[2] = 0x84 | (p[2] & 1); /* a response, authoritative */
	p[3] = 0;
	memset(p + 6, 0, 6);
	p[7] = (unsigned char)found;
	for (i = 0; i < found; i++)
		at += put_txt(p + at, values[i]);
	return at;
}

void
dns_serve(int s, dns_values *values_of)
{
	unsigned char p[PACKET_MAX];
	struct sockaddr_in who;
	socklen_t size = sizeof(who);
	ssize_t n;
	size_t out;

	while ((n = recvfrom(s, p, sizeof(p), 0, (struct sockaddr *)&who,
		    &size)) >= 0) {
		if ((out = answer(p, (size_t)n, values_of)) > 0)
			(void)sendto(s, p, out, 0, (struct sockaddr *)&who,
			    size);
		size = sizeof(who);
	}
}
