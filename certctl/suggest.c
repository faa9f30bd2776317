/*
 * suggest.c - what was probably meant by a word that nobody knows.
 *
 * Runs in:  certctl (the caller).
 * Input:    the caller's typing.
 */
#include <string.h>

#include "certctl.h"

#define WORD_MAX_BYTES 40 /* longer ones are not compared: no word of ours is */

static size_t
least(size_t a, size_t b, size_t c)
{
	if (b < a)
		a = b;
	return c < a ? c : a;
}

/* The optimal string alignment distance; d[i][j] is that of the first i letters
 * of a and the first j of b. */
size_t
word_distance(const char *a, const char *b)
{
	size_t d[WORD_MAX_BYTES + 1][WORD_MAX_BYTES + 1];
	size_t an = strlen(a), bn = strlen(b), i, j;

	if (an > WORD_MAX_BYTES || bn > WORD_MAX_BYTES)
		return an > bn ? an : bn;
	for (i = 0; i <= an; i++)
		d[i][0] = i;
	for (j = 0; j <= bn; j++)
		d[0][j] = j;
	for (i = 1; i <= an; i++) {
		for (j = 1; j <= bn; j++) {
			d[i][j] = least(d[i - 1][j] + 1, d[i][j - 1] + 1,
			    d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1 < d[i][j])
				d[i][j] = d[i - 2][j - 2] + 1;
		}
	}
	return d[an][bn];
}

/* Keeps the candidate where it is nearer than all before, and near enough: one
 * slip in a short word, one in three letters of a long one. */
static void
consider(const char *word, const char *candidate, const char **best,
    size_t *best_distance)
{
	size_t distance, n;

	if (candidate == NULL)
		return;
	n = strlen(candidate);
	distance = word_distance(word, candidate);
	if (distance > (n < 6 ? 1 : n / 3) || distance >= *best_distance)
		return;
	*best = candidate;
	*best_distance = distance;
}

const char *
suggest_command(const char *word)
{
	size_t i, distance = WORD_MAX_BYTES;
	const char *best = NULL;

	for (i = 0; i < commands_n; i++) {
		consider(word, commands[i].word, &best, &distance);
		consider(word, commands[i].alias, &best, &distance);
	}
	return best;
}

const char *
suggest_option(const char *word, size_t n)
{
	size_t i, distance = WORD_MAX_BYTES;
	char copy[WORD_MAX_BYTES + 1];
	const char *best = NULL;

	if (n >= sizeof(copy))
		return NULL;
	memcpy(copy, word, n);
	copy[n] = '\0';
	for (i = 0; i < cli_options_n; i++) {
		if (cli_options[i].id == OPT_unavailable ||
		    cli_options[i].id == OPT_accepted)
			continue;
		consider(copy, cli_options[i].word, &best, &distance);
		consider(copy, cli_options[i].alias, &best, &distance);
	}
	return best;
}
