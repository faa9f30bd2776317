/*
 * probe.c - a job that only looks: acmew sees whether a CA answers and whether
 * name servers do, and tells. For doctor.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    what acmew says that it has seen. Assume acmew is hostile.
 * Promise:  nothing is signed or published for such a job (its phase is
 *           JP_LOOK), nothing about it is kept; whoever asked hears its end
 *           once.
 */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "monitor.h"

/* Not those of the ledger, which count from 1. */
static uint32_t
next_number(struct monitor *m)
{
	return UINT32_MAX - m->probes++ % 0xffff;
}

struct err *
probe_start(struct monitor *m, const char *server, struct strs names,
    const struct probe_ops *ops, void *arg)
{
	struct job *j = job_new(m, KIND_probe, "doctor", names);
	struct err *e = NULL;

	if (j == NULL || (j->server = strdup(server)) == NULL)
		e = err_sys("probe");
	else if (!url_parse(str_of(j->server), &j->origin))
		e = err_new("%s is no https URL", server);
	if (e == NULL) {
		j->id = next_number(m);
		j->probe = ops;
		j->probe_arg = arg;
		e = job_start(j);
	}
	if (e != NULL)
		job_discard(j);
	else
		job_run(j);
	return e;
}

struct err *
probe_said(struct job *j, const struct msg *m)
{
	const char *why = policy_probed(&j->budget);

	if (why != NULL)
		worker_refuse(j, m->id, err_new("%s", why));
	else if (j->probe != NULL)
		j->probe->said(j->probe_arg, &m->probed);
	return NULL;
}

void
probe_forget(struct monitor *m, const void *arg)
{
	struct job *j;

	TAILQ_FOREACH(j, &m->jobs, link)
		if (j->kind == KIND_probe && j->probe_arg == arg)
			j->probe = NULL;
}

/* Why it ended without a word of acmew's. */
static struct err *
reason(const struct job *j)
{
	if (j->failure == NULL)
		return NULL;
	if (workers_ready(j->m) == 0)
		return err_advise(err_new("no acmew came to look: %s",
		    err_text(j->failure)), "see why: systemctl status "
		    "acmew.service, journalctl -u acmew");
	return err_copy(j->failure);
}

struct err *
probe_end(struct job *j)
{
	struct err *e = reason(j);

	if (e != NULL)
		journal_line(j, LOG_LEVEL_WARN, err_text(e));
	control_result(j, j->failure, "");
	if (j->probe != NULL)
		j->probe->over(j->probe_arg, e);
	else
		err_free(e);
	job_leave(j);
	return NULL;
}
