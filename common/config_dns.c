/*
 * config_dns.c - the settings of [dns] that are lists of pairs: aliases of
 * challenge names, and resolvers that are asked over HTTPS.
 *
 * Runs in:  certd, certd-dns, acmew, certctl.
 * Input:    files of root.
 * Promise:  an alias leads from one "_acme-challenge." name to another, never to
 *           itself; what passes can be used without another look.
 */
#define _GNU_SOURCE /* memmem */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "config_value.h"
#include "names.h"
#include "text.h"
#include "url.h"

#define ARROW "->"

/* ---- lists without blanks ---- */

/* The element at *p, and *p behind it; false at the end. */
static bool
next_element(const char **p, struct str *out)
{
	if (*p == NULL || **p == '\0')
		return false;
	out->p = *p;
	out->n = strcspn(*p, ",");
	*p += out->n + (out->p[out->n] == ',');
	return true;
}

/* A copy of value without blanks, for the caller to free. */
static char *
without_blanks(const char *value)
{
	char *copy = strdup(value), *to = copy;

	for (const char *p = value; copy != NULL && *p != '\0'; p++)
		if (*p != ' ' && *p != '\t')
			*to++ = *p;
	if (copy != NULL)
		*to = '\0';
	return copy;
}

static bool
each_is(const char *value, bool (*good)(struct str element))
{
	char *copy = without_blanks(value);
	const char *p = copy;
	struct str element;
	bool all = copy != NULL;

	while (all && next_element(&p, &element))
		all = good(element);
	free(copy);
	return all;
}

/* ---- aliases ---- */

/* "FROM->TO". */
static bool
split_alias(struct str element, struct str *from, struct str *to)
{
	const char *arrow = memmem(element.p, element.n, ARROW, strlen(ARROW));

	if (arrow == NULL)
		return false;
	from->p = element.p;
	from->n = (size_t)(arrow - element.p);
	to->p = arrow + strlen(ARROW);
	to->n = element.n - from->n - strlen(ARROW);
	return true;
}

static bool
is_alias(struct str element)
{
	struct str from, to;

	return split_alias(element, &from, &to) && name_is_challenge(from) &&
	       name_is_challenge(to) && !str_eq(from, to);
}

bool
config_is_aliases(const char *value)
{
	return each_is(value, is_alias);
}

bool
config_alias_of(const struct config *c, struct str name, struct str *to)
{
	const char *p = c->alias;
	struct str element, from;

	while (next_element(&p, &element))
		if (split_alias(element, &from, to) && str_eq(from, name))
			return true;
	return false;
}

/* ---- resolvers over HTTPS ---- */

static bool
is_ip(struct str text)
{
	unsigned char address[sizeof(struct in6_addr)];
	char copy[INET6_ADDRSTRLEN];

	if (text.n >= sizeof(copy))
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	return inet_pton(AF_INET, copy, address) == 1 ||
	       inet_pton(AF_INET6, copy, address) == 1;
}

/* Cuts off what stands before the next "@". */
static struct str
cut(struct str *rest)
{
	const char *at = memchr(rest->p, '@', rest->n);
	struct str head = *rest;

	if (at != NULL)
		head.n = (size_t)(at - rest->p);
	rest->p += head.n + (at != NULL);
	rest->n -= head.n + (at != NULL);
	return head;
}

static bool
is_doh(struct str element)
{
	struct str rest = element, url = cut(&rest);
	struct url parts;

	if (!url_parse(url, &parts) || rest.n == 0)
		return false;
	while (rest.n > 0)
		if (!is_ip(cut(&rest)))
			return false;
	return true;
}

bool
config_is_doh_servers(const char *value)
{
	return each_is(value, is_doh);
}

size_t
config_doh_servers(
    const struct config *c, struct str *urls, struct str *addresses, size_t max)
{
	const char *p = c->doh_servers;
	struct str element;
	size_t n = 0;

	while (n < max && next_element(&p, &element)) {
		urls[n] = cut(&element);
		addresses[n++] = element;
	}
	return n;
}
