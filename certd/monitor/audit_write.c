/*
 * audit_write.c - lines of audit.log on their way there: those of one turn of the
 * loop together.
 *
 * Runs in:  certd (root; no network, no exec).
 * Promise:  audit_log_hand_over() is called before a message leaves, before a
 *           file is changed and before the ledger is: no act goes on whose line
 *           is not the kernel's, or known to be kept. Lines are written whole, in
 *           their order. No line waits while the loop does.
 */
#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "audit_log_priv.h"
#include "log.h"

#define WAITING_MAX 4096  /* lines that could not be written */
#define TURN_BYTES  16384 /* of lines: then they do not wait for its end */
#define AT_ONCE	    64	  /* lines that are written together */
#define SYNC_SECS   1

static void
sync_soon(struct audit_log *a)
{
	static const struct timeval soon = { .tv_sec = SYNC_SECS };

	if (a->timer != NULL && !event_pending(a->timer, EV_TIMEOUT, NULL))
		(void)event_add(a->timer, &soon);
}

/* Best effort: it is only ever behind. */
static void
write_head(struct audit_log *a, const struct audit_chain *c)
{
	char text[AUDIT_HEAD_BYTES + 1];
	int n = snprintf(text, sizeof(text), "%" PRIu64 " %s", c->seq, c->hash);

	memset(text + n, '\n', AUDIT_HEAD_BYTES - (size_t)n);
	if (pwrite(a->head, text, AUDIT_HEAD_BYTES, 0) == -1)
		log_error(AUDIT_HEAD ": %s", strerror(errno));
}

static void
forget_first(struct audit_log *a)
{
	struct waiting *w = STAILQ_FIRST(&a->waiting);

	STAILQ_REMOVE_HEAD(&a->waiting, link);
	a->n_waiting--;
	a->bytes_waiting -= w->n;
	free(w);
}

/* The first lines that wait were written, n bytes: the last one may be cut. */
static void
take_out(struct audit_log *a, size_t n)
{
	struct audit_chain last = { 0 };
	struct waiting *w;

	while ((w = STAILQ_FIRST(&a->waiting)) != NULL && w->n <= n) {
		n -= w->n;
		a->size += (off_t)w->n;
		if (a->first == 0)
			a->first = w->chain.seq;
		last = w->chain;
		forget_first(a);
	}
	if (n > 0 && ftruncate(a->fd, a->size) == -1)
		log_error(AUDIT_FILE ": %s", strerror(errno));
	if (last.seq != 0) {
		write_head(a, &last);
		sync_soon(a);
	}
}

/* As many lines at once as one write takes. */
static bool
write_some(struct audit_log *a)
{
	struct iovec iov[AT_ONCE];
	struct waiting *w;
	size_t n = 0, bytes = 0;
	ssize_t done;

	STAILQ_FOREACH(w, &a->waiting, link) {
		if (n == AT_ONCE)
			break;
		iov[n++] = (struct iovec) { w->line, w->n };
		bytes += w->n;
	}
	done = writev(a->fd, iov, (int)n);
	if (done != (ssize_t)bytes)
		a->error = done == -1 ? errno : ENOSPC;
	take_out(a, done == -1 ? 0 : (size_t)done);
	return done == (ssize_t)bytes;
}

void
audit_log_hand_over(struct audit_log *a)
{
	bool was_good = a == NULL || a->error == 0;

	if (a == NULL || STAILQ_EMPTY(&a->waiting))
		return;
	while (!STAILQ_EMPTY(&a->waiting))
		if (!write_some(a))
			break;
	if (STAILQ_EMPTY(&a->waiting))
		a->error = 0;
	if (was_good && a->error != 0)
		log_error(AUDIT_FILE " cannot be written: %s; until it can, "
		    "nothing is done that belongs into it",
		    strerror(a->error));
	else if (!was_good && a->error == 0)
		log_info(AUDIT_FILE " can be written again");
	log_flush();
}

/* At the end of the turn at the latest. */
static void
hand_over_soon(struct audit_log *a)
{
	if (a->turn == NULL || a->bytes_waiting >= TURN_BYTES)
		audit_log_hand_over(a);
	else
		event_active(a->turn, EV_TIMEOUT, 0);
}

void
audit_log_keep(struct audit_log *a, const char *line, size_t n)
{
	struct waiting *w = a->n_waiting == WAITING_MAX ? NULL :
	    malloc(sizeof(*w) + n);

	if (w == NULL) {
		a->lost++; /* it is in the journal */
		return;
	}
	memcpy(w->line, line, n);
	w->n = n;
	w->chain = a->chain;
	STAILQ_INSERT_TAIL(&a->waiting, w, link);
	a->n_waiting++;
	a->bytes_waiting += n;
	hand_over_soon(a);
}

void
audit_log_forget(struct audit_log *a)
{
	while (!STAILQ_EMPTY(&a->waiting))
		forget_first(a);
}

void
audit_log_sync(struct audit_log *a)
{
	if (a == NULL)
		return;
	audit_log_hand_over(a);
	if (a->timer != NULL)
		(void)event_del(a->timer);
	if (fdatasync(a->fd) == -1)
		log_error(AUDIT_FILE ": %s", strerror(errno));
}

int
audit_log_file(const struct audit_log *a)
{
	return a->fd;
}

struct err *
audit_log_ready(struct audit_log *a)
{
	audit_log_hand_over(a);
	if (a == NULL || (STAILQ_EMPTY(&a->waiting) && a->lost == 0))
		return NULL;
	if (STAILQ_EMPTY(&a->waiting)) {
		a->lost = 0;
		audit_log_note(a, "audit", "missing", "lines before this one "
		    "found no room; the journal has them");
		return audit_log_ready(a);
	}
	return err_advise(err_new(AUDIT_FILE " cannot be written (%s), so "
	    "nothing is done that belongs into it", strerror(a->error)),
	    "make room on the disk of the state directory");
}

struct err *
audit_log_good(struct audit_log *a)
{
	return a == NULL || (a->error == 0 && a->lost == 0) ? NULL :
	    audit_log_ready(a);
}

/* ---- events ---- */

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	audit_log_sync(arg);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	audit_log_hand_over(arg);
}

struct err *
audit_log_watch(struct audit_log *a, struct event_base *base)
{
	a->timer = evtimer_new(base, on_timer, a);
	a->turn = event_new(base, -1, 0, on_turn, a);
	if (a->timer == NULL || a->turn == NULL)
		return err_new("audit: out of memory");
	return NULL;
}

void
audit_log_unwatch(struct audit_log *a)
{
	if (a == NULL)
		return;
	audit_log_hand_over(a);
	if (a->timer != NULL)
		event_free(a->timer);
	if (a->turn != NULL)
		event_free(a->turn);
	a->timer = a->turn = NULL;
}
