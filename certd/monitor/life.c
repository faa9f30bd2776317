/*
 * life.c - what the service manager and the clock have to do with certd: it
 * shows its state, proves that it is alive, and leaves when nothing is to do.
 *
 * Runs in:  certd (root; no network, no exec).
 * Promise:  with nothing under way and nobody connected for idle-timeout, the
 *           process ends, and with it all of ours.
 */
#include <event2/event.h>
#include <stdio.h>
#include <time.h>

#include "log.h"
#include "monitor.h"

#define IDLE_DEFAULT_SECS 30

void
monitor_leave(struct monitor *m, int status)
{
	if (!m->leaving)
		m->exit_status = status;
	m->leaving = true;
	(void)event_base_loopbreak(m->base);
}

/* ---- status text ---- */

static size_t
count_jobs(const struct monitor *m)
{
	const struct job *j;
	size_t n = 0;

	TAILQ_FOREACH(j, &m->jobs, link)
		n++;
	return n;
}

void
monitor_show(struct monitor *m)
{
	const struct job *j = TAILQ_FIRST(&m->jobs);
	time_t now = time(NULL);
	size_t n;

	/* Of ten thousand jobs a text a second is enough. */
	if (m->service == NULL || (j != NULL && now == m->shown))
		return;
	m->shown = j == NULL ? 0 : now;
	if ((n = count_jobs(m)) == 0)
		service_notify(m->service, "STATUS=nothing to do");
	else if (n == 1)
		service_notify(m->service, "STATUS=%s: %s", j->lineage,
		    stage_label(j->stage));
	else
		service_notify(m->service, "STATUS=%zu certificates; %s: %s",
		    n, j->lineage, stage_label(j->stage));
}

/* ---- leaving when idle ---- */

void
monitor_rest(struct monitor *m)
{
	uint32_t secs = m->cfg->idle_set ? m->cfg->idle_secs :
	    IDLE_DEFAULT_SECS;
	struct timeval pause = { .tv_sec = secs };

	monitor_show(m);
	if (m->idle != NULL && secs > 0)
		(void)event_add(m->idle, &pause);
}

/* Questions to the others without an answer: records are being removed, a token
 * is looked at. */
static bool
has_questions(const struct monitor *m)
{
	return peer_pending(m->signer) > 0 || peer_pending(m->publisher) > 0 ||
	    (m->hook != NULL && peer_pending(m->hook) > 0);
}

bool
monitor_is_idle(const struct monitor *m)
{
	return TAILQ_EMPTY(&m->jobs) && TAILQ_EMPTY(&m->clients) &&
	    TAILQ_EMPTY(&m->batches) && !has_questions(m);
}

static void
on_idle(evutil_socket_t fd, short what, void *arg)
{
	struct monitor *m = arg;

	(void)fd;
	(void)what;
	if (!monitor_is_idle(m)) {
		monitor_rest(m);
		return;
	}
	log_info("nothing to do: leaving");
	monitor_leave(m, 0);
}

/* ---- watchdog ---- */

static void
on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	const struct monitor *m = arg;

	(void)fd;
	(void)what;
	service_notify(m->service, "WATCHDOG=1");
}

struct err *
life_begin(struct monitor *m)
{
	unsigned long long usecs = service_watchdog_usecs(m->service);
	struct timeval period = { .tv_sec = (time_t)(usecs / 1000000),
		.tv_usec = (suseconds_t)(usecs % 1000000) };

	if (service_activated(m->service) &&
	    (m->idle = event_new(m->base, -1, 0, on_idle, m)) == NULL)
		return err_new("timer: out of memory");
	if (usecs > 0 &&
	    ((m->watchdog = event_new(m->base, -1, EV_PERSIST, on_watchdog,
	    m)) == NULL || event_add(m->watchdog, &period) == -1))
		return err_new("watchdog: out of memory");
	return NULL;
}

void
life_end(struct monitor *m)
{
	if (m->idle != NULL)
		event_free(m->idle);
	if (m->watchdog != NULL)
		event_free(m->watchdog);
	m->idle = m->watchdog = NULL;
}
