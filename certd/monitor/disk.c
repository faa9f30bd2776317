/*
 * disk.c - what must be on disk before it goes on, together: one wait for the
 * disk serves all jobs that came to one meanwhile.
 *
 * Runs in:  certd (root; no network, no exec).
 * Promise:  whoever waits goes on after his files and what he has written to
 *           the ledger are on disk, or hears why they are not. No message leaves
 *           before the ledger has what it speaks of. It is certd-disk that waits
 *           (writeback.c), and not the loop.
 */
#include <event2/event.h>
#include <stdlib.h>

#include "fs.h"
#include "monitor.h"

/* Where there is a crowd, the first one waits so long for the others. */
#define CROWD_MSECS 8
#define CROWD_MAX   (WRITEBACK_LISTS_MAX - 1) /* then nobody waits for more */

struct disk_wait {
	TAILQ_ENTRY(disk_wait) link;
	struct fs_later files;
	disk_done *done;
	void *arg, *owned;
	struct err *undone; /* why what was written to the ledger is */
};
TAILQ_HEAD(disk_wait_list, disk_wait);

struct disk {
	struct monitor *m;
	struct disk_wait_list waits, flushing;
	size_t n, before; /* who waits now, who did the last time */
	/* Of those that are flushed: how many, and what they wrote there. */
	size_t n_flushing;
	struct err *ledger;
	struct fs_later written;
	struct event *turn, *handing_over;
	bool told;
	/* How often the ledger was forced to disk, and is just now. */
	struct fs_later log;
	uint64_t begun, ended;
	bool again; /* there is more by now */
};

/* ---- what was written in a turn of the loop ---- */

static void
hand_over_soon(void *arg)
{
	struct disk *d = arg;

	event_active(d->handing_over, EV_TIMEOUT, 0);
}

/* The ledger never knows more than the audit. */
static void
before_commit(void *arg)
{
	struct disk *d = arg;

	audit_log_hand_over(d->m->audit);
}

static void
on_undone(void *arg, const struct err *why)
{
	struct disk *d = arg;
	struct disk_wait *w;

	TAILQ_FOREACH(w, &d->waits, link)
		if (w->undone == NULL)
			w->undone = err_copy(why);
}

static const struct ledger_ops collected = { hand_over_soon, before_commit,
	on_undone };

/* Once; who waits for it hears it too. */
static void
tell(struct disk *d, struct err *e)
{
	if (e != NULL && !d->told)
		log_line(LOG_LEVEL_ERROR, "%s", err_text(e));
	d->told = e != NULL;
	err_free(e);
}

static void
on_handing_over(evutil_socket_t fd, short what, void *arg)
{
	struct disk *d = arg;

	(void)fd;
	(void)what;
	tell(d, ledger_commit(d->m->ledger));
}

/* The descriptor stays its owner's. */
static void
add(struct fs_later *l, int fd)
{
	log_err(LOG_LEVEL_ERROR, fs_sync_later(fd, "", l));
}

void
disk_with_audit(struct monitor *m, struct fs_later *l)
{
	if (m->audit == NULL)
		return;
	audit_log_hand_over(m->audit);
	add(l, audit_log_file(m->audit));
}

/* ---- who waits ---- */

static void
on_forced(void *arg, struct err **errors)
{
	struct disk *d = arg;
	struct disk_wait_list list = TAILQ_HEAD_INITIALIZER(list);
	struct err *ledger = d->ledger;
	struct disk_wait *w;
	size_t i;

	TAILQ_CONCAT(&list, &d->flushing, link);
	d->ledger = NULL;
	if (d->n_flushing > 1 && ledger == NULL)
		ledger = errors[d->n_flushing];
	else if (d->n_flushing > 1)
		err_free(errors[d->n_flushing]);
	for (i = 0; (w = TAILQ_FIRST(&list)) != NULL; i++) {
		TAILQ_REMOVE(&list, w, link);
		if (errors[i] == NULL && ledger != NULL)
			errors[i] = err_copy(ledger);
		if (errors[i] == NULL)
			errors[i] = w->undone;
		else
			err_free(w->undone);
		w->done(w->arg, errors[i]);
		free(w);
	}
	err_free(ledger);
	if (!TAILQ_EMPTY(&d->waits))
		event_active(d->turn, EV_TIMEOUT, 0);
}

/* At most CROWD_MAX at a time; who comes meanwhile waits for the next turn. */
static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct fs_later *files[WRITEBACK_LISTS_MAX];
	struct disk *d = arg;
	struct disk_wait *w;
	size_t n = 0;

	(void)fd;
	(void)what;
	if (!TAILQ_EMPTY(&d->flushing) || TAILQ_EMPTY(&d->waits))
		return;
	d->before = d->n;
	while (n < CROWD_MAX && (w = TAILQ_FIRST(&d->waits)) != NULL) {
		TAILQ_REMOVE(&d->waits, w, link);
		TAILQ_INSERT_TAIL(&d->flushing, w, link);
		files[n++] = &w->files;
	}
	d->n -= n;
	d->n_flushing = n;
	d->ledger = ledger_commit(d->m->ledger);
	if (n > 1)
		files[n++] = &d->written;
	add(files[n - 1], ledger_file(d->m->ledger));
	writeback(d->m, files, n, on_forced, d);
}

struct err *
disk_begin(struct monitor *m)
{
	struct disk *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return err_sys("disk");
	d->m = m;
	TAILQ_INIT(&d->waits);
	TAILQ_INIT(&d->flushing);
	m->disk = d;
	d->turn = event_new(m->base, -1, 0, on_turn, d);
	d->handing_over = event_new(m->base, -1, 0, on_handing_over, d);
	if (d->turn == NULL || d->handing_over == NULL)
		return err_new("disk: out of memory");
	return ledger_collect(m->ledger, &collected, d);
}

void
disk_end(struct monitor *m)
{
	struct disk *d = m->disk;
	struct disk_wait *w;

	if (d == NULL)
		return;
	TAILQ_CONCAT(&d->waits, &d->flushing, link);
	while ((w = TAILQ_FIRST(&d->waits)) != NULL) {
		TAILQ_REMOVE(&d->waits, w, link);
		fs_later_clear(&w->files);
		err_free(w->undone);
		free(w->owned);
		free(w);
	}
	log_err(LOG_LEVEL_ERROR, ledger_collect(m->ledger, NULL, NULL));
	if (d->turn != NULL)
		event_free(d->turn);
	if (d->handing_over != NULL)
		event_free(d->handing_over);
	err_free(d->ledger);
	free(d);
	m->disk = NULL;
}

static struct err *
wait_for(struct disk *d, struct disk_wait *w)
{
	struct timeval pause = { 0, d->before > 1 ? CROWD_MSECS * 1000 : 0 };

	TAILQ_INSERT_TAIL(&d->waits, w, link);
	if (++d->n >= CROWD_MAX)
		event_active(d->turn, EV_TIMEOUT, 0);
	else if (d->n == 1 && event_add(d->turn, &pause) == -1) {
		TAILQ_REMOVE(&d->waits, w, link);
		d->n--;
		return err_new("disk: out of memory");
	}
	return NULL;
}

struct err *
disk_wait(struct monitor *m, struct fs_later *files, disk_done *done, void *arg,
    void *owned)
{
	struct disk_wait *w = calloc(1, sizeof(*w));
	struct err *e = w == NULL ? err_sys("disk") : NULL;

	if (e == NULL && files != NULL) {
		w->files = *files;
		files->n = 0;
	}
	if (e == NULL) {
		w->done = done;
		w->arg = arg;
		w->owned = owned;
		e = wait_for(m->disk, w);
	}
	if (e == NULL)
		return NULL;
	if (w != NULL)
		fs_later_clear(&w->files);
	if (files != NULL)
		fs_later_clear(files);
	free(w);
	return e;
}

/* ---- before anybody hears of it ---- */

static void force_ledger(struct disk *d);

static void
on_ledger(void *arg, struct err **errors)
{
	struct disk *d = arg;

	if (errors[0] != NULL)
		ledger_owe(d->m->ledger, true);
	tell(d, errors[0]);
	d->ended++;
	peer_go_on(d->m->signer, d->ended);
	peer_go_on(d->m->publisher, d->ended);
	peer_go_on(d->m->hook, d->ended);
	workers_go_on(d->m, d->ended);
	control_go_on(d->m, d->ended);
	if (d->again)
		force_ledger(d);
}

/* What the ledger owes goes to the disk; what it owes from now on, the next
 * time. */
static void
force_ledger(struct disk *d)
{
	struct fs_later *list = &d->log;

	d->begun++;
	d->again = false;
	add(list, ledger_file(d->m->ledger));
	ledger_owe(d->m->ledger, false);
	writeback(d->m, &list, 1, on_ledger, d);
}

uint64_t
disk_before_sending(struct monitor *m)
{
	struct disk *d = m->disk;
	bool is_owed;

	audit_log_hand_over(m->audit);
	tell(d, ledger_commit(m->ledger));
	is_owed = ledger_is_owed(m->ledger);
	if (is_owed && d->begun == d->ended)
		force_ledger(d);
	else if (is_owed)
		d->again = true;
	if (d->begun == d->ended)
		return 0;
	return d->again ? d->begun + 1 : d->begun;
}
