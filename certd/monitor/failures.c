/*
 * failures.c - what went wrong before, so that one broken name does not become a
 * storm.
 *
 * Runs in:  certd (root; no network, no exec).
 * Promise:  failures in a row are counted per CA and set of names, over restarts,
 *           until one success.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "monitor.h"

/* Let's Encrypt's integration guide: 1 min, 10 min, 100 min, then daily. */
#define BACKOFF_FIRST_SECS 60
#define BACKOFF_MAX_SECS   86400
/* So many parts of it may be missing, so that what failed together does not come
 * back together. Less and not more: "daily" shall not miss a daily timer. */
#define BACKOFF_JITTER_PARTS 10

static int
bytewise(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The set of names as the ledger's key: sorted, separated by spaces. Heap. */
char *
names_key(char *const *names, size_t n)
{
	char **sorted = calloc(n + 1, sizeof(*sorted)), *key = NULL, *p;
	size_t i, bytes = 1;

	if (sorted == NULL)
		return NULL;
	for (i = 0; i < n; i++) {
		sorted[i] = names[i];
		bytes += strlen(names[i]) + 1;
	}
	qsort(sorted, n, sizeof(*sorted), bytewise);
	if ((key = p = calloc(1, bytes)) != NULL)
		for (i = 0; i < n; i++)
			p += sprintf(p, "%s%s", i == 0 ? "" : " ", sorted[i]);
	free(sorted);
	return key;
}

/* FNV-1a: the same names and failure always give the same. */
static uint32_t
mix(const struct ledger_failure *row)
{
	uint32_t hash = 2166136261u ^ (uint32_t)row->last;
	const char *p;

	for (p = row->names; *p != '\0'; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	return hash ^ hash >> 16;
}

time_t
backoff_secs(const struct ledger_failure *row)
{
	time_t secs = BACKOFF_FIRST_SECS;
	uint32_t failures = row->count;

	while (--failures > 0 && secs < BACKOFF_MAX_SECS)
		secs *= 10;
	if (secs > BACKOFF_MAX_SECS)
		secs = BACKOFF_MAX_SECS;
	return secs - (time_t)(mix(row) % (uint32_t)(secs /
	    BACKOFF_JITTER_PARTS + 1));
}

static struct err *
copy(void *arg, const struct ledger_failure *row)
{
	struct failure *f = arg;

	time_t own = row->last + backoff_secs(row);

	f->count = row->count;
	f->last = row->last;
	f->told_at = row->retry_at;
	f->retry_at = row->retry_at > own ? row->retry_at : own;
	f->text = strdup(row->text);
	return f->text == NULL ? err_sys("failure") : NULL;
}

struct err *
failure_look(struct monitor *m, const char *server, char *const *names,
    size_t n, struct failure *out)
{
	char *key = names_key(names, n);
	struct err *e;

	*out = (struct failure) { 0 };
	if (key == NULL)
		return err_sys("failure");
	e = ledger_failure_get(m->ledger, server, key, copy, out);
	free(key);
	return e;
}

struct err *
failure_forbids(const struct job *j)
{
	char last[TEXT_TIME_SIZE], next[TEXT_TIME_SIZE];
	struct failure f;
	struct err *e;

	e = failure_look(j->m, j->server, j->names, j->n_names, &f);
	if (e == NULL && f.count > 0 && f.told_at > time(NULL))
		e = err_advise(err_new("not before %s; it failed at %s: %s",
		    text_time(next, f.told_at), text_time(last, f.last),
		    f.text), "wait until then; --force-renewal asks all the "
		    "same");
	free(f.text);
	return e;
}

static struct err *
put(const struct job *j, const char *key, uint32_t count)
{
	struct ledger_failure row = { .account = j->server, .names = key,
		.count = count, .last = time(NULL),
		.retry_at = err_when(j->failure),
		.text = err_text(j->failure) };

	return ledger_failure_put(j->m->ledger, &row);
}

struct err *
failure_forget(const struct job *j, const char *server)
{
	char *key = names_key(j->names, j->n_names);
	struct err *e;

	if (key == NULL)
		return err_sys("failure");
	e = ledger_failure_clear(j->m->ledger, server, key);
	free(key);
	return e;
}

struct err *
failure_remember(const struct job *j)
{
	struct failure before;
	struct err *e;
	char *key;

	if (j->dry_run || j->is_cancelled)
		return NULL;
	if ((key = names_key(j->names, j->n_names)) == NULL)
		return err_sys("failure");
	if (j->failure == NULL) {
		e = ledger_failure_clear(j->m->ledger, j->server, key);
	} else if ((e = failure_look(j->m, j->server, j->names, j->n_names,
	    &before)) == NULL) {
		e = put(j, key, before.count + 1);
		free(before.text);
	}
	free(key);
	return e;
}

/* ---- what was interrupted ---- */

struct err *
failure_note(struct monitor *m, const char *server, const char *what,
    const char *why)
{
	struct ledger_failure row = { .account = server, .names = what,
		.count = 1, .last = time(NULL), .text = why };

	return ledger_failure_put(m->ledger, &row);
}

struct err *
failure_drop_note(struct monitor *m, const char *server, const char *what)
{
	return ledger_failure_clear(m->ledger, server, what);
}
