/*
 * vigil.c - while certd stays, the kernel says whether anything in the store has
 * changed since the last look, so that nothing has to be looked at again.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    that there are events, never what is in them.
 * Promise:  without an event since a look, and for TRUST_SECS at most, that
 *           look counts. Any event, also that there were too many, means that
 *           everything is looked at again.
 *
 * Not heard are: a file that is written through a second (hard) link in a folder
 * elsewhere, or through a memory map before that is closed; another machine, or
 * somebody below the file system; what is mounted over. So there are no watches
 * but on local file systems (store_watch.c), nor where a file has a second link,
 * and every few minutes there is a look all the same.
 *
 * Watches cost as much as a look: they are set at the second one of the same
 * certd, and only where nothing came or went since the first.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "monitor.h"

#define LINEAGES_MAX 20000 /* the kernel keeps two folders of each in memory */
#define TRUST_SECS   300
#define WATCH_LIMIT  "/proc/sys/fs/inotify/max_user_watches"

enum state {
	VIGIL_NEVER,	/* it cannot be here */
	VIGIL_OFF,
	VIGIL_SETTING,	/* before each file is looked at, its folder's watch */
	VIGIL_TRUSTED,
};

struct vigil {
	enum state state;
	int fd;
	size_t most;	/* lineages */
	unsigned looks; /* since certd started */
	struct identity dirs[STORE_DIRS]; /* at the last one */
	struct monitor *m;

	struct store_names names;
	time_t *renew_after; /* of each, or VIGIL_UNKNOWN */
	time_t taken;	     /* by a clock that nobody sets */
	uint64_t changes;    /* of the ledger's rows, before the look */
};

/* ---- made and freed ---- */

/* Half of what all of root's processes may have. */
static size_t
limit(void)
{
	unsigned long most = 0;
	FILE *f = fopen(WATCH_LIMIT, "re");

	if (f != NULL) {
		if (fscanf(f, "%lu", &most) != 1)
			most = 0;
		(void)fclose(f);
	}
	most /= 4; /* two watches a lineage */
	return most < LINEAGES_MAX ? (size_t)most : LINEAGES_MAX;
}

void
vigil_new(struct monitor *m)
{
	struct vigil *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return;
	v->m = m;
	v->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	v->state = v->fd == -1 ? VIGIL_NEVER : VIGIL_OFF;
	v->most = limit();
	m->vigil = v;
}

static void
forget(struct vigil *v, enum state state)
{
	v->state = state;
	store_names_clear(&v->names);
	free(v->renew_after);
	v->renew_after = NULL;
}

void
vigil_free(struct vigil *v)
{
	if (v == NULL)
		return;
	forget(v, VIGIL_NEVER);
	if (v->fd != -1)
		close(v->fd);
	free(v);
}

/* ---- events ---- */

static time_t
monotonic(void)
{
	struct timespec now;

	return clock_gettime(CLOCK_MONOTONIC, &now) == 0 ? now.tv_sec : 0;
}

/* Takes all events; whether there were any. What they are does not matter. */
static bool
has_heard(struct vigil *v)
{
	char events[4096];
	bool any = false;
	ssize_t n;

	while ((n = read(v->fd, events, sizeof(events))) > 0 ||
	    (n == -1 && errno == EINTR))
		any = true;
	return any || n == 0 || errno != EAGAIN;
}

/* ---- looks ---- */

bool
vigil_answers(struct vigil *v, time_t due_by, glance_known *known, void *arg,
    struct store_names *unknown, struct err **e)
{
	size_t i;

	*e = NULL;
	if (v == NULL || v->state != VIGIL_TRUSTED)
		return false;
	if (has_heard(v) || monotonic() - v->taken >= TRUST_SECS ||
	    v->changes != ledger_seen_changes(v->m->ledger)) {
		forget(v, VIGIL_OFF);
		return false;
	}
	for (i = 0; *e == NULL && i < v->names.n; i++)
		if (v->renew_after[i] <= due_by)
			*e = store_names_add(unknown, v->names.v[i]);
		else if (known != NULL)
			known(arg, v->names.v[i], v->renew_after[i]);
	return true;
}

/* Whether it looks as if nobody but us works on the store: then watches are worth
 * their price. Those that are there already are set again. */
static bool
is_quiet(struct vigil *v)
{
	struct identity dirs[STORE_DIRS];
	bool quiet = v->looks++ > 0;
	int i;

	store_identify(v->m->store, dirs);
	for (i = 0; i < STORE_DIRS; i++)
		quiet &= identity_eq(&dirs[i], &v->dirs[i]);
	memcpy(v->dirs, dirs, sizeof(dirs));
	return quiet;
}

bool
vigil_look_begins(struct vigil *v)
{
	const bool quiet = v != NULL && is_quiet(v);

	if (v == NULL || v->state == VIGIL_NEVER)
		return false;
	forget(v, VIGIL_OFF);
	(void)has_heard(v); /* what came before does not matter any more */
	if (!quiet)
		return false;
	v->state = store_watch(v->m->store, v->fd) ? VIGIL_SETTING :
	    VIGIL_NEVER;
	v->taken = monotonic();
	v->changes = ledger_seen_changes(v->m->ledger);
	return v->state != VIGIL_NEVER;
}

void
vigil_watch(struct vigil *v, const char *lineage)
{
	if (v->state != VIGIL_SETTING ||
	    lineage_watch(v->m->store, lineage, v->fd))
		return;
	log_debug("no watches: %s", lineage);
	v->state = VIGIL_NEVER;
}

void
vigil_look_ends(struct vigil *v, struct store_names *names,
    time_t *renew_after, bool is_linked)
{
	v->names = *names;
	v->renew_after = renew_after;
	*names = (struct store_names) { 0 };
	if (v->state == VIGIL_NEVER || v->names.n > v->most || is_linked)
		forget(v, VIGIL_NEVER);
	else
		v->state = VIGIL_TRUSTED;
}
