/*
 * cron_trap.c - command lines that let one certificate that fails keep services
 * from the new ones.
 *
 * Runs in:  certctl (the caller).
 * Input:    lines of crontabs and of units; scripts.
 * Promise:  "certctl renew && restart-services" is found: renew ends with 1 when
 *           one of several certificates fails, and then what stands behind "&&"
 *           does not run, although the others are there.
 *
 * No shell is parsed: quotes count as blanks, so that "sh -c '...'" is seen
 * through.
 */
#include <string.h>

#include "cron_trap.h"

static const char blanks[] = " \t'\"";
static const char ends[] = ";&|\n";

static size_t
word_length(const char *p)
{
	return strcspn(p, " \t'\";&|()\n");
}

/* The word, without the folders before it. */
static bool
is_command(const char *p, size_t n, const char *name)
{
	size_t k = strlen(name);

	return n >= k && memcmp(p + n - k, name, k) == 0 &&
	       (n == k || p[n - k - 1] == '/');
}

/* One simple command, from p to where it ends: does it renew? */
static bool
renews(const char *p, const char *end, bool *is_condition)
{
	bool client = false;
	size_t n;

	*is_condition = false;
	for (; p < end; p += n == 0 ? 1 : n) {
		p += strspn(p, blanks);
		if (p >= end)
			break;
		n = word_length(p);
		if (n == 2 && memcmp(p, "if", n) == 0)
			*is_condition = true;
		else if (is_command(p, n, "certctl") ||
			 is_command(p, n, "certbot") ||
			 is_command(p, n, "certbot-auto"))
			client = true;
		else if (client && n == 5 && memcmp(p, "renew", n) == 0)
			return true;
	}
	return false;
}

bool
cron_has_trap(const char *line)
{
	const char *end, *then;
	bool is_condition;

	line += strspn(line, " \t");
	if (*line == '#')
		return false;
	for (;; line = end + 1) {
		end = line + strcspn(line, ends);
		/* "2>&1" is no end. */
		while (*end == '&' && end > line && end[-1] == '>')
			end += 1 + strcspn(end + 1, ends);
		if (renews(line, end, &is_condition)) {
			if (end[0] == '&' && end[1] == '&')
				return true;
			then = end + (*end != '\0');
			then += strspn(then, " \t");
			if (is_condition && strncmp(then, "then", 4) == 0)
				return true;
		}
		if (*end == '\0')
			return false;
	}
}
