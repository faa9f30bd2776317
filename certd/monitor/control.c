/*
 * control.c - certctl's connections: who may connect and ask, and who is told
 * what becomes of it. What can be asked stands in demands.c.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    decoded messages from an administrator, who may be uid 0 or only a
 *           member of the admin group.
 * Promise:  nobody else is heard; one request at a time; a client that leaves
 *           leaves its jobs running.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "monitor.h"

#define CLIENTS_MAX	   256
#define ROOTS_MAX	   64 /* for uid 0, when the others are too many */
#define QUEUE_MAX_BYTES	   (16u * 1024 * 1024)
#define CLIENT_NAME_BYTES  64
#define HOOK_TEXT_BYTES	   8192

/* That a client wants to know what becomes of a job. */
struct follow {
	LIST_ENTRY(follow) of_job, of_client;
	struct job *job;
	struct client *client;
};

struct client {
	TAILQ_ENTRY(client) link;
	struct monitor *m;
	struct channel *channel; /* NULL: it has left */
	uid_t uid;
	struct caller caller;
	char name[CLIENT_NAME_BYTES];
	struct request request;
	LIST_HEAD(follow_list, follow) follows;
	bool busy, follows_all;
	size_t holds;
	size_t batches; /* under way */
};

static void
free_client(struct client *c)
{
	struct follow *f;

	while ((f = LIST_FIRST(&c->follows)) != NULL) {
		LIST_REMOVE(f, of_job);
		LIST_REMOVE(f, of_client);
		free(f);
	}
	request_clear(&c->request);
	TAILQ_REMOVE(&c->m->clients, c, link);
	free(c);
}

void
client_hold(struct client *c)
{
	c->holds++;
}

void
client_release(struct client *c)
{
	if (--c->holds == 0 && c->channel == NULL)
		free_client(c);
}

struct err *
client_may(const struct client *c, struct strs names, enum key_kind kind,
    const char *server)
{
	return judge_ask(c->m->judge, &c->caller, names, kind, server);
}

bool
client_is_bound(const struct client *c)
{
	return judge_binds(c->m->judge, &c->caller);
}

struct request *
client_request(struct client *c)
{
	return &c->request;
}

uid_t
client_uid(const struct client *c)
{
	return c->uid;
}

const char *
client_name(const struct client *c)
{
	return c->name;
}

struct monitor *
client_monitor(const struct client *c)
{
	return c->m;
}

void
client_send(struct client *c, struct msg *m)
{
	struct err *e;

	if (c->channel == NULL)
		return;
	if ((e = channel_send(c->channel, m, -1)) != NULL)
		log_err(LOG_LEVEL_ERROR, err_wrap(e, "%s", c->name));
}

bool
client_is_behind(const struct client *c)
{
	return c->channel != NULL &&
	    channel_waiting(c->channel) > QUEUE_MAX_BYTES / 16;
}

void
client_fact(struct client *c, const char *key, const char *value)
{
	struct msg m = { .type = MSG_fact };

	m.fact.key = str_of(key);
	m.fact.value = str_of(value);
	client_send(c, &m);
}

void
client_end(struct client *c)
{
	struct msg m = { .type = MSG_end };

	client_send(c, &m);
	request_clear(&c->request);
	c->busy = false;
}

void
client_error(struct client *c, uint32_t exit, struct err *e)
{
	struct msg m = { .type = MSG_error };

	audit_client(c, "", "request", "refused", "%s", err_text(e));
	m.error.exit = exit;
	m.error.text = str_of(err_text(e));
	m.error.advice = str_of(err_advice(e));
	client_send(c, &m);
	err_free(e);
}

void
client_refuse(struct client *c, uint32_t exit, struct err *e)
{
	client_error(c, exit, e);
	client_end(c);
}

void
client_follow(struct client *c, struct job *j)
{
	struct msg m = { .type = MSG_accepted };
	struct follow *f;

	m.accepted.job = j->id;
	m.accepted.lineage = str_of(j->lineage);
	client_send(c, &m);
	if ((f = calloc(1, sizeof(*f))) == NULL)
		return;
	f->job = j;
	f->client = c;
	LIST_INSERT_HEAD(&j->followers, f, of_job);
	LIST_INSERT_HEAD(&c->follows, f, of_client);
}

void
client_follow_all(struct client *c)
{
	c->follows_all = true;
}

/* For everybody who follows the job. */
static void
tell_followers(struct job *j, struct msg *m)
{
	struct follow *f;
	struct client *c;

	LIST_FOREACH(f, &j->followers, of_job)
		client_send(f->client, m);
	TAILQ_FOREACH(c, &j->m->clients, link)
		if (c->follows_all)
			client_send(c, m);
}

void
control_event(struct job *j, enum stage stage, const char *text)
{
	struct msg m = { .type = MSG_event };

	m.event.job = j->id;
	m.event.lineage = str_of(j->lineage);
	m.event.stage = stage;
	m.event.text = str_of(text);
	m.event.time = (uint64_t)time(NULL);
	tell_followers(j, &m);
}

void
control_fact(struct job *j, const char *key, const char *value)
{
	struct msg m = { .type = MSG_fact };

	m.fact.job = j->id;
	m.fact.key = str_of(key);
	m.fact.value = str_of(value);
	tell_followers(j, &m);
}

/* text has room for what the message takes. */
static void
fill_hook_failed(struct msg *m, const char *lineage, const struct err *e,
    bool again, char text[HOOK_TEXT_BYTES])
{
	(void)text_escape(text, HOOK_TEXT_BYTES, err_text(e),
	    strlen(err_text(e)));
	m->type = MSG_hook_failed;
	m->hook_failed.lineage = str_of(lineage);
	m->hook_failed.text = str_of(text);
	m->hook_failed.again = again;
}

void
client_hook_failed(struct client *c, const char *lineage, const struct err *e,
    bool again)
{
	char text[HOOK_TEXT_BYTES];
	struct msg m = { 0 };

	fill_hook_failed(&m, lineage, e, again, text);
	client_send(c, &m);
}

void
control_hook_failed(struct job *j, const struct err *e, bool again)
{
	char text[HOOK_TEXT_BYTES];
	struct msg m = { 0 };

	fill_hook_failed(&m, j->lineage, e, again, text);
	tell_followers(j, &m);
}

/* Ends the request when nothing that it waits for is left. */
static void
end_if_over(struct client *c)
{
	if (LIST_EMPTY(&c->follows) && c->batches == 0 && !c->follows_all)
		client_end(c);
}

void
client_owe(struct client *c)
{
	c->batches++;
}

void
client_settle(struct client *c)
{
	c->batches--;
	end_if_over(c);
}

void
control_result(struct job *j, const struct err *e, const char *text)
{
	struct msg m = { .type = MSG_result };
	struct follow *f, *next;
	struct client *c;

	m.result.job = j->id;
	m.result.lineage = str_of(j->lineage);
	m.result.ok = e == NULL;
	m.result.text = str_of(e == NULL ? text : err_text(e));
	m.result.advice = str_of(err_advice(e));
	m.result.retry_at = (uint64_t)err_when(e);
	tell_followers(j, &m);
	for (f = LIST_FIRST(&j->followers); f != NULL; f = next) {
		next = LIST_NEXT(f, of_job);
		c = f->client;
		LIST_REMOVE(f, of_job);
		LIST_REMOVE(f, of_client);
		free(f);
		end_if_over(c);
	}
}

static struct err *
on_message(void *arg, const struct msg *m, int fd)
{
	struct client *c = arg;
	const struct demand *demand;
	struct err *e;

	if (c->busy) {
		if (fd != -1)
			close(fd);
		return err_new("a request before the end of the last one");
	}
	if (m->type == MSG_file)
		return request_take_file(&c->request, c->uid, m->file.use, fd);
	if ((demand = demand_find(m->type)) == NULL)
		return err_new("%s is not served", msg_row(m->type)->name);
	if (!demand->is_request)
		return demand->on(c, m);
	c->busy = true;
	if (c->request.refusal != NULL) {
		client_refuse(c, 3, err_new("--%s: %s",
		    c->request.refused, c->request.refusal));
		return NULL;
	}
	if (audit_needed(m->type) && (e = audit_good(c->m)) != NULL) {
		client_refuse(c, 1, e);
		return NULL;
	}
	/* First: it may finish what the request would trip over. */
	if (audit_needed(m->type))
		jobs_tidy(c->m);
	return demand->on(c, m);
}

static void
on_closed(void *arg, const struct err *reason)
{
	struct client *c = arg;

	if (reason != NULL)
		audit_client(c, "", "connect", "refused", "cut off: %s",
		    err_text(reason));
	c->channel = NULL;
	if (c->holds == 0)
		free_client(c);
}

static uint64_t
on_sending(void *arg)
{
	return disk_before_sending(client_monitor(arg));
}

static const struct channel_ops ops = { on_message, NULL, on_closed,
	on_sending };

/* A stranger is told so, unheard. */
static void
turn_away(struct client *c)
{
	audit_client(c, "", "connect", "refused", "neither root nor in the "
	    "admin group");
	client_refuse(c, 3, err_advise(err_new("you may not use certd"),
	    "become root, or join the group %s", c->m->cfg->admin_group));
	channel_finish(c->channel);
}

void
control_accept(struct monitor *m, int fd)
{
	struct client *c = NULL, *other;
	bool member = false;
	struct err *e;
	size_t n = 0;
	uid_t uid;
	pid_t pid;

	TAILQ_FOREACH(other, &m->clients, link)
		n++;
	if ((e = socket_peer(fd, m->admin_gid, &uid, &pid, &member)) != NULL)
		goto fail;
	if (n >= CLIENTS_MAX + (uid == 0 ? ROOTS_MAX : 0) ||
	    (c = calloc(1, sizeof(*c))) == NULL) {
		e = err_new("too many connections");
		goto fail;
	}
	c->m = m;
	c->uid = uid;
	log_err(LOG_LEVEL_WARN, socket_caller(fd, &c->caller));
	request_init(&c->request);
	LIST_INIT(&c->follows);
	(void)snprintf(c->name, sizeof(c->name), "certctl uid=%u pid=%d",
	    (unsigned)uid, (int)pid);
	if ((e = channel_new(m->base, fd, ROLE_MONITOR, ROLE_ADMIN, c->name,
	    QUEUE_MAX_BYTES, &ops, c, &c->channel)) != NULL) {
		free(c);
		goto out; /* the channel took fd */
	}
	TAILQ_INSERT_TAIL(&m->clients, c, link);
	if (!member)
		turn_away(c);
	return;
fail:
	close(fd);
out:
	log_err(LOG_LEVEL_WARN, err_wrap(e, "control socket"));
}

void
control_go_on(struct monitor *m, uint64_t number)
{
	struct client *c;

	TAILQ_FOREACH(c, &m->clients, link)
		channel_go_on(c->channel, number);
}

void
control_close_all(struct monitor *m)
{
	struct client *c, *next;

	for (c = TAILQ_FIRST(&m->clients); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		channel_free(c->channel);
		c->channel = NULL;
		free_client(c);
	}
}
