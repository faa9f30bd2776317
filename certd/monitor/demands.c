/*
 * demands.c - what certctl asks for: each request and who answers it.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    decoded messages from an administrator.
 * Promise:  who may ask at all, and when, was decided in control.c.
 */
#include "monitor.h"

static struct err *
on_option(struct client *c, const struct msg *m)
{
	return request_take_option(client_request(c), client_uid(c), &m->option);
}

static struct err *
on_issue(struct client *c, const struct msg *m)
{
	request_issue(c, client_request(c), m->issue.names);
	return NULL;
}

static struct err *
on_issue_again(struct client *c, const struct msg *m)
{
	(void)m;
	request_issue(c, client_request(c), (struct strs) { NULL, 0 });
	return NULL;
}

static struct err *
on_reconfigure(struct client *c, const struct msg *m)
{
	request_reconfigure(c, client_request(c), m->reconfigure.lineage);
	return NULL;
}

static struct err *
on_renew(struct client *c, const struct msg *m)
{
	(void)m;
	request_renew(c, client_request(c));
	return NULL;
}

static struct err *
on_list(struct client *c, const struct msg *m)
{
	(void)m;
	report_list(c);
	return NULL;
}

static struct err *
on_show(struct client *c, const struct msg *m)
{
	report_show(c, m->show.lineage);
	return NULL;
}

static struct err *
on_status(struct client *c, const struct msg *m)
{
	(void)m;
	report_status(c);
	return NULL;
}

/* NULL where there is none; then the client was told. */
static struct job *
find_job(struct client *c, uint32_t id)
{
	struct job *j = job_find(client_monitor(c), id);

	if (j == NULL)
		client_refuse(c, 1, err_advise(err_new("there is no job %u",
		    id), "certctl status lists the jobs"));
	return j;
}

static struct err *
on_watch(struct client *c, const struct msg *m)
{
	struct job *j;

	if (m->watch.job == 0)
		client_follow_all(c);
	else if ((j = find_job(c, m->watch.job)) != NULL)
		client_follow(c, j);
	return NULL;
}

static struct err *
on_cancel(struct client *c, const struct msg *m)
{
	struct job *j = find_job(c, m->cancel.job);
	struct err *e;

	if (j == NULL)
		return NULL;
	if ((e = client_may_stop(c, j)) != NULL) {
		client_refuse(c, request_status(e), e);
		return NULL;
	}
	audit_client(c, j->lineage, "cancel", "done", "job %u", j->id);
	client_follow(c, j);
	j->is_cancelled = true;
	job_fail(j, err_new("cancelled by an administrator"));
	return NULL;
}

static void
go_deploy(struct client *c, struct str lineage, uint32_t none)
{
	(void)none;
	request_deploy(c, lineage);
}

static struct err *
on_deploy(struct client *c, const struct msg *m)
{
	request_touch(c, m->deploy.lineage, 0, go_deploy);
	return NULL;
}

static struct err *
on_doctor(struct client *c, const struct msg *m)
{
	(void)m;
	request_doctor(c);
	return NULL;
}

static void
go_delete(struct client *c, struct str lineage, uint32_t none)
{
	(void)none;
	request_delete(c, lineage);
}

static struct err *
on_delete(struct client *c, const struct msg *m)
{
	request_touch(c, m->delete.lineage, 0, go_delete);
	return NULL;
}

static struct err *
on_restore(struct client *c, const struct msg *m)
{
	request_touch(c, m->restore.lineage, m->restore.version,
	    request_restore);
	return NULL;
}

static void
go_repair(struct client *c, struct str lineage, uint32_t plan_only)
{
	request_repair(c, lineage, plan_only != 0);
}

static struct err *
on_repair(struct client *c, const struct msg *m)
{
	request_touch(c, m->repair.lineage, m->repair.plan_only, go_repair);
	return NULL;
}

static struct err *
on_audit(struct client *c, const struct msg *m)
{
	(void)m;
	request_audit(c);
	return NULL;
}

static struct err *
on_token_check(struct client *c, const struct msg *m)
{
	(void)m;
	request_token_check(c, client_request(c)->files[FILE_TOKEN]);
	return NULL;
}

static const struct demand demands[] = {
	{ MSG_option, false, on_option },
	{ MSG_issue, true, on_issue },
	{ MSG_issue_again, true, on_issue_again },
	{ MSG_renew, true, on_renew },
	{ MSG_reconfigure, true, on_reconfigure },
	{ MSG_list, true, on_list },
	{ MSG_show, true, on_show },
	{ MSG_status, true, on_status },
	{ MSG_watch, true, on_watch },
	{ MSG_cancel, true, on_cancel },
	{ MSG_deploy, true, on_deploy },
	{ MSG_doctor, true, on_doctor },
	{ MSG_delete, true, on_delete },
	{ MSG_audit, true, on_audit },
	{ MSG_account, true, on_account },
	{ MSG_revoke, true, on_revoke },
	{ MSG_revoke_file, true, on_revoke_file },
	{ MSG_restore, true, on_restore },
	{ MSG_repair, true, on_repair },
	{ MSG_token_check, true, on_token_check },
};

const struct demand *
demand_find(enum msg_type type)
{
	size_t i;

	for (i = 0; i < sizeof(demands) / sizeof(demands[0]); i++)
		if (demands[i].type == type)
			return &demands[i];
	return NULL;
}
