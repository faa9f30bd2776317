/*
 * showing.c - do the name servers show all values? Pure set logic.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    answers of name servers. Assume that they are hostile.
 * Promise:  "they agree" is said only when every address that counts has shown
 *           every value, with authority, twice in a row.
 */
#include <string.h>

#include "watch.h"

/* Strangers are ignored: other clients prove the same name. */
static bool
has_value(const struct dns_answer *a, const char *value)
{
	for (size_t i = 0; i < a->n_values; i++)
		if (strcmp(a->values[i], value) == 0)
			return true;
	return false;
}

enum showing
showing_of(
    const struct dns_answer *a, char *const *values, size_t n, size_t *missing)
{
	*missing = 0;
	if (a->outcome == DNS_TIMEOUT)
		return SHOWS_SILENT;
	if (a->outcome == DNS_UNREACHABLE)
		return SHOWS_UNREACHABLE;
	if (a->outcome == DNS_SERVER || !a->authoritative)
		return SHOWS_MUTE;
	for (; *missing < n; (*missing)++)
		if (!has_value(a, values[*missing]))
			return SHOWS_LACK;
	return SHOWS_ALL;
}

static bool
has_answered(enum showing s)
{
	return s == SHOWS_ALL || s == SHOWS_LACK || s == SHOWS_MUTE;
}

/* A family counts as there when one place of it has answered anything. */
static bool
family_is_there(const struct place *p, size_t n, int family)
{
	for (size_t i = 0; i < n; i++)
		if (p[i].family == family && has_answered(p[i].showing))
			return true;
	return false;
}

bool
place_counts(const struct place *p, size_t n, size_t which)
{
	const struct place *place = &p[which];

	if (place->showing == SHOWS_UNREACHABLE)
		return false;
	return place->showing != SHOWS_SILENT ||
	       family_is_there(p, n, place->family);
}

/* One name server: does it agree, or may it be left out? Its places that keep
 * silent or talk nonsense matter only while there is patience: a resolver of
 * the CA gets nothing from them either. */
static bool
server_agrees(
    const struct place *p, size_t n, size_t server, bool patient, bool *spoke)
{
	bool good = false;

	for (size_t i = 0; i < n; i++) {
		if (p[i].server != server || !place_counts(p, n, i))
			continue;
		if (p[i].showing == SHOWS_ALL && p[i].streak >= STREAK_ENOUGH)
			good = true;
		else if (p[i].showing == SHOWS_ALL ||
			 p[i].showing == SHOWS_LACK ||
			 p[i].showing == SHOWS_UNKNOWN || patient)
			return false;
	}
	*spoke = *spoke || good;
	return good || !patient;
}

bool
places_agree(const struct place *p, size_t n, size_t n_servers, bool patient)
{
	bool spoke = false;

	for (size_t i = 0; i < n_servers; i++)
		if (!server_agrees(p, n, i, patient, &spoke))
			return false;
	return spoke;
}
