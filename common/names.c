/*
 * names.c - DNS names as certificates and challenges may hold them.
 *
 * Runs in:  every program.
 * Input:    names from the command line, from files, and from the CA.
 * Promise:  a name that passes has no byte outside of a-z, 0-9, "-", ".", but
 *           for one "*." at its front.
 */
#include <arpa/inet.h>
#include <string.h>

#include "names.h"

#define LINEAGE_MAX_BYTES 200 /* NAME_MAX less "-0001.conf.new" and the like */
#define LDH               "abcdefghijklmnopqrstuvwxyz0123456789-"
#define DIGITS            "0123456789"

static bool
holds(struct str s, char c)
{
	return memchr(s.p, c, s.n) != NULL;
}

static bool
starts(struct str s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.n >= n && memcmp(s.p, prefix, n) == 0;
}

/* How many bytes at the front of s are in set. */
static size_t
span(struct str s, const char *set)
{
	size_t n = 0;

	while (n < s.n && s.p[n] != '\0' && strchr(set, s.p[n]) != NULL)
		n++;
	return n;
}

static bool
is_address(struct str name)
{
	char text[INET6_ADDRSTRLEN + 2];
	unsigned char address[sizeof(struct in6_addr)];

	if (starts(name, "[") && name.p[name.n - 1] == ']')
		name = (struct str){ name.p + 1, name.n - 2 };
	if (name.n >= sizeof(text) || holds(name, '\0'))
		return false;
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	return inet_pton(AF_INET, text, address) == 1 ||
	       inet_pton(AF_INET6, text, address) == 1;
}

/* What is wrong with the bytes of a name, wherever they stand. */
static const char *
bytes_problem(struct str name)
{
	size_t good = span(name, LDH ".");
	char c;

	if (good == name.n)
		return NULL;
	c = name.p[good];
	if (c >= 'A' && c <= 'Z')
		return "upper-case letters: names are written in lower case";
	if (c == '*')
		return "a \"*\" may only be the whole first label, as in "
		       "*.example.com";
	if (c == '_')
		return "an underscore, which no certificate may hold";
	if ((c & 0x80) != 0)
		return "characters outside of ASCII: an international name is "
		       "written with A-labels (xn--...)";
	return "a character other than a-z, 0-9, \"-\" and \".\"";
}

static const char *
label_problem(struct str label)
{
	if (label.n == 0)
		return "an empty label (a dot too many)";
	if (label.n > LABEL_MAX_BYTES)
		return "a label of more than 63 bytes";
	if (label.p[0] == '-' || label.p[label.n - 1] == '-')
		return "a label that begins or ends with \"-\"";
	return NULL;
}

/* What is wrong with a name as a sequence of labels. */
static const char *
labels_problem(struct str name)
{
	const char *problem, *dot;
	struct str label;
	size_t n = 0;

	for (;; n++) {
		label = name;
		if ((dot = memchr(name.p, '.', name.n)) != NULL)
			label.n = (size_t)(dot - name.p);
		if ((problem = label_problem(label)) != NULL)
			return problem;
		if (dot == NULL)
			break;
		name.p += label.n + 1;
		name.n -= label.n + 1;
	}
	if (n == 0)
		return "only one label, as no public name has";
	/* Resolvers and browsers take such names for IPv4 addresses. */
	if (span(label, DIGITS) == label.n)
		return "a last label of digits only";
	return NULL;
}

const char *
name_problem(struct str name)
{
	struct str base = name_base(name);
	const char *problem;

	if (name.n == 0)
		return "the name is empty";
	if (is_address(name) || is_address(base))
		return "an IP address: only DNS names can be proved by DNS";
	if (str_is(base, "") || str_is(name, "*"))
		return "a wildcard without a name behind it";
	if (name.n > 1 && name.p[name.n - 1] == '.')
		return "a dot at the end";
	if (name.n > NAME_MAX_BYTES)
		return "more than 253 bytes";
	if ((problem = bytes_problem(base)) != NULL)
		return problem;
	return labels_problem(base);
}

struct str
name_base(struct str name)
{
	return name_is_wildcard(name) ? (struct str){ name.p + 2, name.n - 2 }
				      : name;
}

bool
name_is_wildcard(struct str name)
{
	return starts(name, "*.");
}

bool
name_is_challenge(struct str name)
{
	const size_t n = strlen(CHALLENGE_LABEL);

	if (name.n > NAME_MAX_BYTES || !starts(name, CHALLENGE_LABEL))
		return false;
	name = (struct str){ name.p + n, name.n - n };
	return !name_is_wildcard(name) && name_problem(name) == NULL;
}

const char *
lineage_name_problem(struct str name)
{
	if (name.n == 0)
		return "the name is empty";
	if (name.n > LINEAGE_MAX_BYTES)
		return "more than 200 bytes";
	if (name.p[0] == '.' || name.p[0] == '-')
		return "a \".\" or \"-\" at the front";
	if (holds(name, '/'))
		return "a \"/\"";
	if (!text_is_plain(name.p, name.n))
		return "a character that cannot be printed";
	return NULL;
}
