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
 * Watches cost as much as a look: only who asks twice of the same certd gets
 * them, in the time after his answer.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "monitor.h"

#define SLICE	     512   /* lineages between two looks at other events: 3 ms */
#define LINEAGES_MAX 20000 /* the kernel keeps two folders of each in memory */
#define TRUST_SECS   300
#define PAUSE_USECS  20000 /* the answer goes first */
#define WATCH_LIMIT  "/proc/sys/fs/inotify/max_user_watches"

enum state {
	VIGIL_NEVER,	/* it cannot be here */
	VIGIL_OFF,
	VIGIL_SETTING,	/* watches are being set */
	VIGIL_SET,	/* all of them, and there was no event */
	VIGIL_TRUSTED,	/* and there was a look since */
};

struct vigil {
	enum state state;
	int fd;
	size_t most;	/* lineages */
	unsigned looks; /* since certd started */
	struct monitor *m;
	struct event *more;
	size_t next; /* of names, to be watched */

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

	if ((m->vigil = v) == NULL)
		return;
	v->m = m;
	v->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	v->state = v->fd == -1 ? VIGIL_NEVER : VIGIL_OFF;
	v->most = limit();
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
	if (v->more != NULL)
		event_free(v->more);
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

/* ---- watches ---- */

static void
on_more(evutil_socket_t fd, short what, void *arg)
{
	/* Unlike event_active(), a timer lets others have their turn. */
	static const struct timeval at_once = { 0, 0 };
	struct vigil *v = arg;
	const struct store *s = v->m->store;
	size_t n;

	(void)fd;
	(void)what;
	if (v->state != VIGIL_SETTING)
		return;
	for (n = 0; n < SLICE && v->next < v->names.n; n++)
		if (!lineage_watch(s, v->names.v[v->next++], v->fd)) {
			log_debug("no watches: %s", v->names.v[v->next - 1]);
			forget(v, VIGIL_NEVER);
			return;
		}
	if (v->next == v->names.n)
		forget(v, VIGIL_SET);
	else if (event_add(v->more, &at_once) == -1)
		forget(v, VIGIL_OFF);
}

/* The old ones stay: one that is set again costs no other. */
static void
begin(struct vigil *v)
{
	static const struct timeval pause = { .tv_usec = PAUSE_USECS };

	if (v->more == NULL)
		v->more = event_new(v->m->base, -1, 0, on_more, v);
	(void)has_heard(v);
	if (v->more == NULL || !store_watch(v->m->store, v->fd)) {
		log_debug("no watches on %s", store_path(v->m->store));
		forget(v, VIGIL_NEVER);
		return;
	}
	v->next = 0;
	v->state = VIGIL_SETTING;
	if (event_add(v->more, &pause) == -1)
		forget(v, VIGIL_OFF);
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
	if (has_heard(v)) {
		forget(v, VIGIL_OFF);
		return false;
	}
	if (v->changes != ledger_seen_changes(v->m->ledger) ||
	    monotonic() - v->taken >= TRUST_SECS) {
		forget(v, VIGIL_SET);
		return false;
	}
	for (i = 0; *e == NULL && i < v->names.n; i++)
		if (v->renew_after[i] <= due_by)
			*e = store_names_add(unknown, v->names.v[i]);
		else if (known != NULL)
			known(arg, v->names.v[i], v->renew_after[i]);
	return true;
}

bool
vigil_look_begins(struct vigil *v)
{
	if (v == NULL || v->state == VIGIL_NEVER)
		return false;
	v->looks++;
	if ((v->state == VIGIL_SET || v->state == VIGIL_SETTING) &&
	    has_heard(v))
		forget(v, VIGIL_OFF);
	v->taken = monotonic();
	v->changes = ledger_seen_changes(v->m->ledger);
	return v->state == VIGIL_SET || (v->state == VIGIL_OFF &&
	    v->looks > 1);
}

void
vigil_look_ends(struct vigil *v, struct store_names *names,
    time_t *renew_after, bool is_linked)
{
	v->names = *names;
	v->renew_after = renew_after;
	*names = (struct store_names) { 0 };
	if (v->names.n > v->most || is_linked)
		forget(v, VIGIL_NEVER);
	else if (v->state == VIGIL_SET)
		v->state = VIGIL_TRUSTED;
	else
		begin(v);
}
