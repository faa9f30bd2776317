/*
 * main.c - certd-sign: holds the keys, signs, and judges certificates.
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    descriptor 3, a socket to the monitor that started it.
 * Promise:  it is locked in before it reads the first byte of anybody.
 */
#include <event2/event.h>

#include "channel.h"
#include "child.h"
#include "log.h"
#include "sandbox.h"
#include "sign.h"

#define QUEUE_MAX (8 * 1024 * 1024) /* 50 of the longest chains */

struct process {
	struct child child;
	struct signer signer;
	int status;
};

static struct err *
on_message(void *arg, const struct msg *m, int fd)
{
	struct process *p = arg;

	return signer_request(&p->signer, m, fd);
}

static void
on_closed(void *arg, const struct err *reason)
{
	struct process *p = arg;

	p->signer.monitor = NULL;
	p->status = reason == NULL ? 0 : 1;
	(void)event_base_loopbreak(p->child.base);
}

static const struct channel_ops ops = { on_message, NULL, on_closed, NULL };

/* All that needs more than the jail allows. */
static struct err *
prepare(struct process *p)
{
	struct err *e;

	if ((e = child_begin(&p->child)) != NULL ||
	    (e = crypto_init()) != NULL)
		return e;
	if ((p->signer.keys = keys_new()) == NULL)
		return err_sys("keys");
	if ((e = child_make_loop(&p->child)) != NULL)
		return e;
	return slow_begin(&p->signer, p->child.base);
}

static struct err *
run(struct process *p)
{
	struct err *e;

	if ((e = prepare(p)) != NULL ||
	    (e = sandbox_enter(&signer_jail, NULL, p->child.jail_kill)) !=
		NULL ||
	    (e = channel_new(p->child.base, MONITOR_FD, ROLE_SIGNER,
		 ROLE_MONITOR, "certd", QUEUE_MAX, &ops, p,
		 &p->signer.monitor)) != NULL)
		return e;
	return child_run_loop(&p->child);
}

int
main(int argc, char **argv)
{
	struct process p = { .child.name = "certd-sign" };
	struct err *e;
	int status = child_options(&p.child, argc, argv);

	if (status != -1)
		return status;
	if ((e = run(&p)) != NULL) {
		log_err(LOG_LEVEL_ERROR, e);
		p.status = 1;
	}
	channel_free(p.signer.monitor);
	slow_end(&p.signer);
	keys_free(p.signer.keys);
	issuers_clear(&p.signer.issuers);
	child_clear(&p.child);
	return p.status;
}
