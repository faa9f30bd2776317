/*
 * key.c - the key of a job's certificate: a new one, or a copy of the one that
 * the certificate has.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    which of both was asked for.
 * Promise:  certd opens key files and reads none: the signer makes the key, or
 *           copies it from one descriptor to the other. It is on disk before
 *           the CA hears of it.
 */
#include <errno.h>
#include <unistd.h>

#include "fs.h"
#include "log.h"
#include "monitor.h"

static void
finish(struct job *j, const char *what, struct err *e)
{
	if (e == NULL)
		audit_job(j, "key", "done", "%s", what);
	job_release(j);
	job_step_done(j, err_wrap(e, "make the key"));
}

static void
on_made(void *arg, struct err *e)
{
	finish(arg, "made", e);
}

static void
on_copied(void *arg, struct err *e)
{
	finish(arg, "of the last version taken over", e);
}

static void
on_key(void *arg, const struct msg *answer, struct err *e)
{
	struct job *j = arg;
	struct fs_later files = { .n = 0 };

	if (e == NULL)
		e = store_stage_sync(j->m->store, j->id, &files);
	if (e == NULL)
		e = disk_wait(j->m, &files, answer->type == MSG_saved ?
		    on_copied : on_made, j, NULL);
	fs_later_clear(&files);
	if (e != NULL)
		finish(j, "", e);
}

/* Has the signer write into the new file: a new key, or the one it has loaded
 * from the old file. */
static struct err *
fill(struct job *j, struct msg *m, enum msg_type answer)
{
	struct err *e;
	int fd;

	if ((e = store_stage_key(j->m->store, j->id, &fd)) != NULL)
		return e;
	job_hold(j);
	e = peer_ask(j->m->signer, m, fd, answer, on_key, j);
	if (e != NULL)
		job_release(j);
	close(fd);
	return e;
}

static void
on_loaded(void *arg, const struct msg *answer, struct err *e)
{
	struct job *j = arg;
	struct msg m = { .type = MSG_key_save };

	if (e == NULL) {
		j->key_kind = answer->key_ready.kind; /* what it is counts */
		m.key_save.key = j->key;
		if (!j->ending)
			e = fill(j, &m, MSG_saved);
	} else {
		j->key = 0; /* the signer has none under this number */
	}
	job_release(j);
	if (e != NULL)
		job_step_done(j, err_wrap(e, "take over the key"));
}

static struct err *
take_over(struct job *j)
{
	struct msg m = { .type = MSG_key_load };
	struct err *e;
	int fd;

	if ((e = lineage_open_key(j->m->store, j->files, &fd)) != NULL)
		return e;
	m.key_load.key = j->key;
	job_hold(j);
	e = peer_ask(j->m->signer, &m, fd, MSG_key_ready, on_loaded, j);
	if (e != NULL)
		job_release(j);
	close(fd);
	return e;
}

static struct err *make_anew(struct job *j);

static void
on_staged(void *arg, const struct msg *answer, struct err *e)
{
	struct job *j = arg;

	if (e == NULL) {
		j->key_kind = answer->key_ready.kind;
		audit_job(j, "key", "done", "staged before, loaded");
	} else if (!j->ending) {
		/* Half-written: then no order has been placed with it. */
		log_err(LOG_LEVEL_WARN, err_wrap(e, "the staged key of job %u",
		    j->id));
		store_unstage(j->m->store, j->id);
		e = make_anew(j);
		job_release(j);
		if (e != NULL)
			job_step_done(j, e);
		return;
	}
	job_release(j);
	job_step_done(j, e);
}

/* The key that an earlier run of certd has staged for the job. The CA may have
 * made a certificate for it by now. */
static struct err *
take_up(struct job *j, bool *is_there)
{
	struct msg m = { .type = MSG_key_load };
	struct err *e;
	int fd;

	*is_there = false;
	if ((e = store_stage_reopen(j->m->store, j->id, &fd)) != NULL) {
		if (err_errno(e) != ENOENT)
			return e;
		err_free(e);
		store_unstage(j->m->store, j->id);
		return NULL;
	}
	*is_there = true;
	j->key = ++j->m->last_key;
	m.key_load.key = j->key;
	job_hold(j);
	e = peer_ask(j->m->signer, &m, fd, MSG_key_ready, on_staged, j);
	if (e != NULL)
		job_release(j);
	close(fd);
	return e;
}

struct err *
key_prepare(struct job *j)
{
	struct err *e = NULL;
	bool is_there = false;

	if (j->starts > 0)
		e = take_up(j, &is_there);
	return e != NULL || is_there ? e : make_anew(j);
}

static struct err *
make_anew(struct job *j)
{
	struct msg m = { .type = MSG_key_make };

	j->key = ++j->m->last_key;
	if (j->reuse_key && !j->new_key && j->files != NULL)
		return take_over(j);
	m.key_make.key = j->key;
	m.key_make.kind = j->key_kind;
	return fill(j, &m, MSG_key_ready);
}

void
key_drop(struct job *j)
{
	struct msg m = { .type = MSG_key_drop };

	if (j->key == 0)
		return;
	m.key_drop.key = j->key;
	j->key = 0;
	log_err(LOG_LEVEL_ERROR, peer_tell(j->m->signer, &m));
}
