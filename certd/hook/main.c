/*
 * main.c - certd-hook: runs hooks for the monitor.
 *
 * Runs in:  certd-hook (root; no network, no secrets; the only one that
 *           executes programs).
 * Input:    descriptor 3, a socket to the monitor: of the pair that it made, or
 *           a connection that the service manager has accepted.
 * Promise:  the launcher is forked before the first foreign byte is read, and
 *           the process that reads is locked in before that byte.
 */
#include "child.h"
#include "hook.h"
#include "log.h"
#include "root_peer.h"

struct process {
	struct child child;
	struct front *front;
};

/* All that needs more than the jail allows. */
static struct err *
prepare(struct process *p, int *launcher)
{
	struct err *e;

	if ((e = child_begin(&p->child)) != NULL ||
	    (e = root_peer_check(MONITOR_FD)) != NULL ||
	    (e = launcher_start(launcher)) != NULL)
		return e;
	return child_make_loop(&p->child);
}

static struct err *
run(struct process *p)
{
	struct err *e;
	int launcher = -1;

	if ((e = prepare(p, &launcher)) != NULL ||
	    (e = sandbox_enter(&hook_jail, NULL, p->child.jail_kill)) != NULL ||
	    (e = front_new(p->child.base, MONITOR_FD, launcher, &p->front)) !=
		NULL)
		return e;
	return child_run_loop(&p->child);
}

int
main(int argc, char **argv)
{
	struct process p = { .child.name = "certd-hook" };
	struct err *e;
	int status = child_options(&p.child, argc, argv);

	if (status != -1)
		return status;
	e = run(&p);
	status = e != NULL ? 1 : front_status(p.front);
	log_err(LOG_LEVEL_ERROR, e);
	front_free(p.front);
	child_clear(&p.child);
	return status;
}
