/*
 * publisher.c - whose credentials certd-dns has: one file at a time.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    paths that root has written: certd.conf, cli.ini, renewal files,
 *           or an option.
 * Promise:  a job's records are made and removed with its own credentials; jobs
 *           with others wait for their turn. Files are opened here, and read by
 *           certd-dns only.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "credentials.h"
#include "log.h"
#include "monitor.h"

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	    a->st_size == b->st_size &&
	    a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	    a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool
is_present(const struct monitor *m, const char *path)
{
	return m->credentials_path != NULL &&
	    strcmp(m->credentials_path, path) == 0;
}

/* What was set for all certificates counts for all, as with certbot; then what
 * the certificate's renewal file says. */
const char *
publisher_credentials(const struct job *j)
{
	const char *all = j->m->cfg->credentials;

	if (j->credentials != NULL)
		return j->credentials;
	if (*all != '\0' || j->files == NULL)
		return all;
	return j->files->credentials;
}

static struct err *
check_path(const char *path)
{
	if (*path == '\0')
		return err_advise(err_new("no DNS credentials are configured"),
		    "set credentials in the section [dns] of certd.conf, or "
		    "dns-cloudflare-credentials in cli.ini");
	if (*path != '/')
		return err_advise(err_new("its renewal file names the "
		    "credentials by a relative path: %s", path),
		    "write it with its folder, or set credentials in the "
		    "section [dns] of certd.conf");
	return NULL;
}

/* From now on it is this file, whose owner certd-dns is being told. */
static struct err *
set_present(struct monitor *m, const char *path, const struct stat *st)
{
	char *copy = strdup(path);

	if (copy == NULL)
		return err_sys("credentials");
	free(m->credentials_path);
	m->credentials_path = copy;
	m->credentials = *st;
	m->has_credentials = false;
	return NULL;
}

/* Hands the file to the publisher unless it has it; then done is called with
 * arg, at once or later. */
static struct err *
hand_over(struct monitor *m, const char *path, peer_done *done, void *arg)
{
	struct msg ask = { .type = MSG_credentials };
	struct stat st;
	struct err *e;
	int fd;

	if ((e = check_path(path)) != NULL)
		return e;
	if ((e = credentials_open(path, &fd)) != NULL)
		return err_errno(e) != EACCES ? e : err_advise(e, "certd has "
		    "locked itself into the folders that it knew when it "
		    "started: put the file into %s", store_path(m->store));
	if (fstat(fd, &st) == -1) {
		e = err_sys("%s", path);
	} else if (m->has_credentials && is_present(m, path) &&
	    same_file(&st, &m->credentials)) {
		close(fd);
		done(arg, NULL, NULL);
		return NULL;
	}
	ask.credentials.same = e == NULL && m->credentials_dropped &&
	    is_present(m, path) && same_file(&st, &m->credentials);
	m->credentials_dropped = false;
	if (e == NULL && (e = set_present(m, path, &st)) == NULL)
		e = peer_ask(m->publisher, &ask, fd, MSG_dns_ready, done, arg);
	close(fd);
	return e;
}

/* ---- jobs ---- */

static void
on_credentials(void *arg, const struct msg *answer, struct err *e)
{
	struct job *j = arg;

	j->m->has_credentials = e == NULL;
	if (e == NULL)
		log_err(LOG_LEVEL_WARN, records_sweep(j->m));
	/* It has no connection yet: those it used before are closed. */
	if (e == NULL && answer != NULL && !j->ending)
		records_expect(j);
	job_release(j);
	job_step_done(j, err_wrap(e, "%s", publisher_credentials(j)));
}

static struct err *
begin(struct job *j)
{
	struct err *e;

	j->uses_credentials = true;
	j->m->credentials_users++;
	job_hold(j);
	if ((e = hand_over(j->m, publisher_credentials(j), on_credentials,
	    j)) != NULL)
		job_release(j);
	return e;
}

/* Not while others use other credentials. */
static bool
may_begin(const struct job *j)
{
	return j->m->credentials_users == 0 ||
	    is_present(j->m, publisher_credentials(j));
}

struct err *
publisher_prepare(struct job *j)
{
	if (may_begin(j))
		return begin(j);
	j->waits_for_credentials = true;
	job_progress(j, STAGE_queued, "for jobs that use other credentials");
	return NULL;
}

void
publisher_release(struct job *j)
{
	struct monitor *m = j->m;
	struct job *next, *after;
	struct err *e;

	j->waits_for_credentials = false;
	if (!j->uses_credentials)
		return;
	j->uses_credentials = false;
	m->credentials_users--;
	for (next = TAILQ_FIRST(&m->jobs); next != NULL; next = after) {
		after = TAILQ_NEXT(next, link);
		if (!next->waits_for_credentials || next->ending ||
		    !may_begin(next))
			continue;
		next->waits_for_credentials = false;
		if ((e = begin(next)) != NULL)
			job_step_done(next, e);
	}
	publisher_rest(m);
}

/* The token is in memory while there is something to do with it. */
void
publisher_rest(struct monitor *m)
{
	struct msg drop = { .type = MSG_credentials_drop };

	if (!m->has_credentials || m->credentials_users > 0 ||
	    peer_pending(m->publisher) > 0)
		return;
	m->has_credentials = false;
	m->credentials_dropped = true;
	log_err(LOG_LEVEL_WARN, peer_tell(m->publisher, &drop));
}

/* ---- what earlier runs left ---- */

static void
on_recovery(void *arg, const struct msg *answer, struct err *e)
{
	struct monitor *m = arg;

	(void)answer;
	m->has_credentials = e == NULL;
	if (e == NULL)
		e = records_sweep(m);
	log_err(LOG_LEVEL_WARN, err_wrap(e, "remove old records"));
	publisher_rest(m);
}

struct err *
publisher_recover(struct monitor *m)
{
	/* Otherwise the next job brings its own, and the sweep with it. */
	if (*m->cfg->credentials == '\0')
		return NULL;
	return hand_over(m, m->cfg->credentials, on_recovery, m);
}
