/*
 * dns_answer.c - takes DNS messages apart.
 *
 * Runs in:  acmew, certd-dns (no files, no exec).
 * Input:    bytes from any name server in the world. Assume it is hostile.
 * Promise:  names that come out are lower-case letters, digits, "-", "_", ".";
 *           texts hold printable ASCII; counts are bounded.
 */
#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns_answer.h"

/* Names may point to pointers, thousands of them: what can be made to cost so
 * much is looked at a bounded number of times, once each. */
#define RECORDS_MAX 512
#define CNAMES_MAX  16 /* followed in one answer */

struct record {
	char *owner; /* lower case, without the last dot */
	unsigned type;
	const unsigned char *data;
	size_t n;
};

/* A message, and a place in it. */
struct message {
	const unsigned char *start, *end, *at;
	struct record records[RECORDS_MAX]; /* answers, then authority */
	size_t n_answers, n_records;
};

/* Turns name into lower case and takes its last dot; "." is the root. False if
 * a character is not of host names or "_" labels. */
static bool
clean_name(const char *name, char out[DNS_NAME_SIZE])
{
	size_t n = strlen(name);

	if (n > 1 && name[n - 1] == '.')
		n--;
	if (n == 0 || n > 253)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)name[i];

		if (!isascii(c) || (!isalnum(c) && strchr("-_.", c) == NULL))
			return false;
		out[i] = (char)tolower(c);
	}
	out[n] = '\0';
	return true;
}

/* The name at p, and how many bytes it takes there. False where it reaches
 * beyond the message or is not clean; *taken is 0 where it cannot be skipped
 * either. */
static bool
name_at(const struct message *m, const unsigned char *p, size_t *taken,
    char out[DNS_NAME_SIZE])
{
	char *text = NULL;
	long n = 0;
	bool clean;

	*taken = 0;
	if (ares_expand_name(p, m->start, (int)(m->end - m->start), &text,
		&n) != ARES_SUCCESS)
		return false;
	*taken = n > 0 ? (size_t)n : 0;
	clean = clean_name(*text == '\0' ? "." : text, out);
	ares_free_string(text);
	return clean;
}

/* Moves behind the questions. */
static bool
skip_questions(struct message *m, unsigned n)
{
	char ignored[DNS_NAME_SIZE];
	size_t taken;

	for (; n > 0; n--) {
		(void)name_at(m, m->at, &taken, ignored);
		if (taken == 0 || (size_t)(m->end - m->at) < taken + 4)
			return false;
		m->at += taken + 4;
	}
	return true;
}

/* Takes the next record; it is kept where it is of use. */
static bool
take_record(struct message *m)
{
	struct record *r = &m->records[m->n_records];
	char owner[DNS_NAME_SIZE];
	unsigned type, class, n;
	size_t taken;
	bool clean = name_at(m, m->at, &taken, owner);

	if (taken == 0 || (size_t)(m->end - m->at) < taken + NS_RRFIXEDSZ)
		return false;
	m->at += taken;
	NS_GET16(type, m->at);
	NS_GET16(class, m->at);
	m->at += 4; /* TTL */
	NS_GET16(n, m->at);
	if ((size_t)(m->end - m->at) < n)
		return false;
	if (clean && class == ns_c_in && (r->owner = strdup(owner)) != NULL) {
		r->type = type;
		r->data = m->at;
		r->n = n;
		m->n_records++;
	}
	m->at += n;
	return true;
}

/* Reads answer and authority section; false if they are not whole. */
static bool
read_message(
    struct message *m, const unsigned char *data, size_t n, HEADER *header)
{
	unsigned answers, authority;

	if (n < NS_HFIXEDSZ || n > NS_MAXMSG)
		return false;
	memcpy(header, data, NS_HFIXEDSZ);
	m->start = data;
	m->end = data + n;
	m->at = data + NS_HFIXEDSZ;
	answers = ntohs((uint16_t)header->ancount);
	authority = ntohs((uint16_t)header->nscount);
	if (!header->qr || !skip_questions(m, ntohs((uint16_t)header->qdcount)))
		return false;
	for (; answers > 0 && m->n_records < RECORDS_MAX; answers--)
		if (!take_record(m))
			return false;
	m->n_answers = m->n_records;
	for (; authority > 0 && m->n_records < RECORDS_MAX; authority--)
		if (!take_record(m))
			return false;
	return true;
}

/* Goes from the asked name along CNAMEs to where they end; the records may
 * stand in any order. */
static void
follow_cnames(const struct message *m, char name[DNS_NAME_SIZE],
    char cname[DNS_NAME_SIZE])
{
	int hops = 0;
	size_t taken;

	for (size_t i = 0; i < m->n_answers && hops < CNAMES_MAX; i++) {
		const struct record *r = &m->records[i];

		if (r->type != ns_t_cname || strcmp(r->owner, name) != 0 ||
		    !name_at(m, r->data, &taken, cname))
			continue;
		memcpy(name, cname, DNS_NAME_SIZE);
		hops++;
		i = SIZE_MAX; /* from the start */
	}
}

/* The character-strings of a TXT record (RFC 1035 section 3.3.14), joined. */
static char *
txt_value(const unsigned char *data, size_t n)
{
	char *out = malloc(n + 1), *o = out;

	while (out != NULL && n > 0) {
		size_t left = *data++;

		n--;
		for (; left > 0 && n > 0; left--, n--, data++)
			*o++ = (char)(isascii(*data) && isprint(*data) ? *data
								       : '?');
	}
	if (out != NULL)
		*o = '\0';
	return out;
}

static char *
address_value(int family, size_t bytes, const struct record *r)
{
	char text[INET6_ADDRSTRLEN];

	if (r->n != bytes ||
	    inet_ntop(family, r->data, text, sizeof(text)) == NULL)
		return NULL;
	return strdup(text);
}

/* What a record says, as dns.h shows it; NULL where it says nothing usable. */
static char *
value_of(const struct message *m, const struct record *r)
{
	char name[DNS_NAME_SIZE];
	size_t taken;

	switch (r->type) {
	case ns_t_a:
		return address_value(AF_INET, 4, r);
	case ns_t_aaaa:
		return address_value(AF_INET6, 16, r);
	case ns_t_txt:
		return txt_value(r->data, r->n);
	case ns_t_soa:
		return strdup(r->owner);
	default: /* NS, CNAME */
		return name_at(m, r->data, &taken, name) ? strdup(name) : NULL;
	}
}

static void
read_values(struct dns_reply *reply, const struct message *m, const char *name,
    enum dns_type type)
{
	char *value;
	size_t n = 0;

	reply->values = calloc(m->n_answers + 1, sizeof(char *));
	for (size_t i = 0; reply->values != NULL && i < m->n_answers; i++) {
		const struct record *r = &m->records[i];

		if (r->type == (unsigned)type && strcmp(r->owner, name) == 0 &&
		    (value = value_of(m, r)) != NULL)
			reply->values[n++] = value;
	}
	reply->answer.values = (const char *const *)reply->values;
	reply->answer.n_values = n;
}

static bool
is_within(const char *name, const char *zone)
{
	size_t n = strlen(name), z = strlen(zone);

	if (strcmp(zone, ".") == 0)
		return true;
	return n >= z && strcmp(name + n - z, zone) == 0 &&
	       (n == z || name[n - z - 1] == '.');
}

/* A zone that does not hold the name has no business in the answer. */
static void
read_soa(struct dns_reply *reply, const struct message *m, const char *name)
{
	for (size_t i = m->n_answers; i < m->n_records; i++) {
		const struct record *r = &m->records[i];

		if (r->type == ns_t_soa && is_within(name, r->owner)) {
			(void)strcpy(reply->soa, r->owner);
			return;
		}
	}
}

static const char *
rcode_word(unsigned rcode)
{
	static const char *const words[] = { "NOERROR", "FORMERR", "SERVFAIL",
		"NXDOMAIN", "NOTIMP", "REFUSED" };

	return rcode < sizeof(words) / sizeof(*words) ? words[rcode]
						      : "an unknown error";
}

static void
init(struct dns_reply *reply)
{
	memset(reply, 0, sizeof(*reply));
	reply->answer.soa = reply->soa;
	reply->answer.cname = reply->cname;
	reply->answer.problem = reply->problem;
}

/* Fills reply from a message that could be read. */
static void
read_sections(struct dns_reply *reply, const struct message *m,
    char at[DNS_NAME_SIZE], enum dns_type type)
{
	if (type == DNS_CNAME) /* asked for the CNAME itself: stay there */
		read_values(reply, m, at, type);
	follow_cnames(m, at, reply->cname);
	if (type != DNS_CNAME)
		read_values(reply, m, at, type);
	read_soa(reply, m, at);
}

void
dns_reply_read(struct dns_reply *reply, const char *name, enum dns_type type,
    const char *server, const unsigned char *data, size_t n)
{
	struct message *m = calloc(1, sizeof(*m));
	char at[DNS_NAME_SIZE];
	HEADER header;

	if (m == NULL || !read_message(m, data, n, &header) ||
	    !clean_name(name, at)) {
		dns_reply_fail(reply, DNS_SERVER,
		    "the answer of %s cannot be read", server);
		goto out;
	}
	init(reply);
	reply->rcode = header.rcode;
	reply->answer.authoritative = header.aa;
	if (header.rcode != ns_r_noerror && header.rcode != ns_r_nxdomain) {
		reply->answer.outcome = DNS_SERVER;
		(void)snprintf(reply->problem, sizeof(reply->problem),
		    "%s answers %s", server, rcode_word(header.rcode));
		goto out;
	}
	if (header.rcode == ns_r_nxdomain) {
		reply->answer.outcome = DNS_NONE;
		(void)snprintf(reply->problem, sizeof(reply->problem),
		    "%s says that %s does not exist", server, at);
	}
	read_sections(reply, m, at, type);
out:
	for (size_t i = 0; m != NULL && i < m->n_records; i++)
		free(m->records[i].owner);
	free(m);
}

void
dns_reply_fail(
    struct dns_reply *reply, enum dns_outcome outcome, const char *fmt, ...)
{
	va_list ap;

	init(reply);
	reply->answer.outcome = outcome;
	va_start(ap, fmt);
	(void)vsnprintf(reply->problem, sizeof(reply->problem), fmt, ap);
	va_end(ap);
}

void
dns_reply_clear(struct dns_reply *reply)
{
	for (size_t i = 0; i < reply->answer.n_values; i++)
		free(reply->values[i]);
	free(reply->values);
	init(reply);
}
