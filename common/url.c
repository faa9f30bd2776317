/*
 * url.c - the strict little part of RFC 3986 that ACME needs.
 *
 * Runs in:  certd, certd-dns, acmew, certctl.
 * Input:    URLs from the CA, from the worker and from the configuration.
 * Promise:  two parsers cannot disagree about the host of a URL that passes.
 */
#define _GNU_SOURCE /* memmem */
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "names.h"
#include "url.h"

#define SCHEME     "https://"
#define HTTPS_PORT 443
#define LOWER      "abcdefghijklmnopqrstuvwxyz"
#define UPPER      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS     "0123456789"
#define HEX        DIGITS "abcdefABCDEF"
/* RFC 3986 section 3.3, without "%" */
#define PCHAR LOWER UPPER DIGITS "-._~!$&'()*+,;=:@"

/* Takes the bytes at the front of s that are in set. */
static struct str
take(struct str *s, const char *set)
{
	struct str taken = { s->p, 0 };
	bool is_in[256] = { false };

	for (; *set != '\0'; set++)
		is_in[(unsigned char)*set] = true;
	while (taken.n < s->n && is_in[(unsigned char)s->p[taken.n]])
		taken.n++;
	s->p += taken.n;
	s->n -= taken.n;
	return taken;
}

static bool
take_char(struct str *s, char c)
{
	if (s->n == 0 || *s->p != c)
		return false;
	s->p++;
	s->n--;
	return true;
}

/* [IPv6], the brackets stay; no zone (RFC 6874): it means nothing elsewhere. */
static bool
take_address(struct str *s, struct str *host)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;
	struct str inside;

	host->p = s->p;
	(void)take_char(s, '[');
	inside = take(s, DIGITS "abcdef:.");
	if (!take_char(s, ']') || inside.n >= sizeof(text))
		return false;
	memcpy(text, inside.p, inside.n);
	text[inside.n] = '\0';
	host->n = inside.n + 2;
	return inet_pton(AF_INET6, text, &address) == 1;
}

static bool
take_host(struct str *s, struct str *host)
{
	if (s->n > 0 && *s->p == '[')
		return take_address(s, host);
	*host = take(s, LOWER DIGITS "-._");
	return host->n > 0 && host->n <= NAME_MAX_BYTES && host->p[0] != '.' &&
	       host->p[host->n - 1] != '.' &&
	       memmem(host->p, host->n, "..", 2) == NULL;
}

/* ":" and 1 to 65535 in its only spelling, or nothing. */
static bool
take_port(struct str *s, uint16_t *port)
{
	struct str digits;
	unsigned n = 0;

	*port = HTTPS_PORT;
	if (!take_char(s, ':'))
		return true;
	digits = take(s, DIGITS);
	if (digits.n == 0 || digits.n > 5 || *digits.p == '0')
		return false;
	for (size_t i = 0; i < digits.n; i++)
		n = n * 10 + (unsigned)(digits.p[i] - '0');
	if (n > UINT16_MAX)
		return false;
	*port = (uint16_t)n;
	return true;
}

/* Bytes of set and percent-encoded ones, to the end of s. */
static bool
is_encoded(struct str s, const char *set)
{
	for (;;) {
		(void)take(&s, set);
		if (s.n == 0)
			return true;
		if (s.n < 3 || *s.p != '%' || strchr(HEX, s.p[1]) == NULL ||
		    s.p[1] == '\0' || strchr(HEX, s.p[2]) == NULL ||
		    s.p[2] == '\0')
			return false;
		s.p += 3;
		s.n -= 3;
	}
}

/* "." and "..", encoded or not: who resolves them asks for another path. */
static bool
is_dots(struct str segment)
{
	size_t dots = 0;

	while (segment.n > 0) {
		if (*segment.p == '.')
			take_char(&segment, '.');
		else if (segment.n >= 3 &&
			 strncasecmp(segment.p, "%2e", 3) == 0)
			segment = (struct str){ segment.p + 3, segment.n - 3 };
		else
			return false;
		dots++;
	}
	return dots == 1 || dots == 2;
}

static bool
is_path(struct str path)
{
	struct str segment;

	while (take_char(&path, '/')) {
		segment = take(&path, PCHAR "%");
		if (is_dots(segment) || !is_encoded(segment, PCHAR))
			return false;
	}
	return path.n == 0 ||
	       (take_char(&path, '?') && is_encoded(path, PCHAR "/?"));
}

bool
url_parse(struct str text, struct url *out)
{
	if (text.n > URL_MAX_BYTES || text.n < strlen(SCHEME) ||
	    memcmp(text.p, SCHEME, strlen(SCHEME)) != 0)
		return false;
	text = (struct str){ text.p + strlen(SCHEME), text.n - strlen(SCHEME) };
	if (!take_host(&text, &out->host) || !take_port(&text, &out->port))
		return false;
	out->path = text.n == 0 ? str_of("/") : text;
	return *out->path.p == '/' && is_path(out->path);
}

bool
url_same_origin(const struct url *a, const struct url *b)
{
	return a->port == b->port && str_eq(a->host, b->host);
}

/* Letters, digits and "-._~": nothing that one server decodes, cuts off or
 * reads as a parameter and another does not. */
static bool
is_plain_path(struct str path)
{
	while (take_char(&path, '/'))
		if (take(&path, LOWER UPPER DIGITS "-._~").n == 0)
			return false;
	return path.n == 0;
}

bool
url_is_apart(const struct url *url, const struct url *other)
{
	struct str path = url->path, folder = other->path;

	while (folder.n > 0 && folder.p[folder.n - 1] != '/')
		folder.n--;
	if (folder.n <= 1 || !is_plain_path(path))
		return false;
	folder.n--;
	return path.n < folder.n ||
	       strncasecmp(path.p, folder.p, folder.n) != 0 ||
	       (path.n > folder.n && path.p[folder.n] != '/');
}
