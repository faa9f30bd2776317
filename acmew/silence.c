/*
 * silence.c - addresses that did not answer lately.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    what became of questions to name servers.
 * Promise:  where IPv6 leads nowhere, the time-out is sat through once in ten
 *           minutes, not at every issuance; bounded.
 */
#include <stdio.h>
#include <string.h>

#include "acmew.h"

#define SILENCE_MSECS (10 * 60 * 1000)

static struct silent *
find(struct silence *s, const char *address)
{
	for (size_t i = 0; i < SILENT_MAX; i++)
		if (s->list[i].until_msecs != 0 &&
		    strcmp(s->list[i].address, address) == 0)
			return &s->list[i];
	return NULL;
}

void
silence_note(struct silence *s, const char *address)
{
	struct silent *slot = find(s, address);

	if (slot == NULL) {
		slot = &s->list[s->next];
		s->next = (s->next + 1) % SILENT_MAX;
	}
	snprintf(slot->address, sizeof(slot->address), "%s", address);
	slot->until_msecs = clock_msecs() + SILENCE_MSECS;
}

void
silence_break(struct silence *s, const char *address)
{
	struct silent *slot = find(s, address);

	if (slot != NULL)
		slot->until_msecs = 0;
}

bool
silence_is_kept(struct silence *s, const char *address)
{
	const struct silent *slot = find(s, address);

	return slot != NULL && slot->until_msecs > clock_msecs();
}
