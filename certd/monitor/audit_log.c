/*
 * audit_log.c - audit.log: every privileged act and every refusal, a line each.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    texts of anybody, as what was refused or done.
 * Promise:  a line is handed to the kernel before the act that it tells of goes
 *           on, so that no death of certd loses one (audit_write.c). It is on the
 *           disk before an act that stays (audit_log_sync() is called), and a
 *           second later at the latest: a power loss takes at most a second of
 *           signatures. A line that cannot be written is kept, and until it is
 *           written nothing that would need another begins (audit_log_ready()).
 *
 * audit.head holds where the chain stands, so that lines taken away at the end
 * are missed. The file is full at AUDIT_FILE_BYTES; then it gets the number of
 * its first line behind its name, and the chain goes on in a new one. Of the old
 * ones AUDIT_FILES_KEPT stay; that one was removed is a line, too.
 */
#define _GNU_SOURCE /* scandirat */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit_log_priv.h"
#include "log.h"

/* ---- files that are full ---- */

static int
is_old(const struct dirent *d)
{
	const char *number = d->d_name + strlen(AUDIT_FILE ".");

	return strncmp(d->d_name, AUDIT_FILE ".", strlen(AUDIT_FILE ".")) ==
	    0 && *number != '\0' &&
	    strspn(number, "0123456789") == strlen(number);
}

static int
by_name(const struct dirent **x, const struct dirent **y)
{
	return strcmp((*x)->d_name, (*y)->d_name);
}

/* The numbers in their names have one width. */
int
audit_log_old_files(const struct audit_log *a, struct dirent ***list)
{
	return scandirat(a->dir, ".", list, is_old, by_name);
}

void
audit_log_free_files(struct dirent **list, int n)
{
	while (n > 0)
		free(list[--n]);
	free(list);
}

static void
remove_oldest(struct audit_log *a)
{
	struct dirent **list;
	int i, n = audit_log_old_files(a, &list);

	for (i = 0; i < n - AUDIT_FILES_KEPT; i++) {
		if (unlinkat(a->dir, list[i]->d_name, 0) == -1) {
			log_error("%s: %s", list[i]->d_name, strerror(errno));
			break;
		}
		audit_log_note(a, "audit", "done", "%s is removed: the lines "
		    "before %s", list[i]->d_name, list[i + 1]->d_name);
	}
	if (n >= 0)
		audit_log_free_files(list, n);
}

static struct err *
open_file(struct audit_log *a)
{
	struct err *e = NULL;
	struct stat st;

	a->fd = openat(a->dir, AUDIT_FILE, O_RDWR | O_CREAT | O_APPEND |
	    O_NOFOLLOW | O_CLOEXEC, 0600);
	if (a->fd == -1 || fstat(a->fd, &st) == -1) {
		e = err_sys(AUDIT_FILE);
		if (a->fd != -1)
			close(a->fd);
		a->fd = -1;
		return e;
	}
	a->size = st.st_size;
	a->first = 0;
	return NULL;
}

/* Where it cannot be done the file grows on. */
static void
rotate(struct audit_log *a)
{
	char name[64];
	int fd = a->fd;
	struct err *e;

	(void)snprintf(name, sizeof(name), AUDIT_FILE ".%020" PRIu64,
	    a->first);
	audit_log_sync(a);
	if (renameat(a->dir, AUDIT_FILE, a->dir, name) == -1) {
		log_error(AUDIT_FILE ": %s", strerror(errno));
		return;
	}
	if ((e = open_file(a)) != NULL) {
		log_err(LOG_LEVEL_ERROR, e);
		a->fd = fd;
		(void)renameat(a->dir, name, a->dir, AUDIT_FILE);
		return;
	}
	close(fd);
	(void)fsync(a->dir);
	a->rotating = true;
	a->begins = true;
	audit_log_note(a, "audit", "done", "continues %s", name);
	remove_oldest(a);
	audit_log_hand_over(a);
	a->rotating = false;
}

/* ---- lines ---- */

static void
emit(struct audit_log *a, const struct audit_line *l)
{
	const struct log_about about = { l->job, l->certificate, NULL };
	char line[AUDIT_LINE_BYTES];
	size_t n;

	if (a->size + (off_t)a->bytes_waiting >= a->most && !a->rotating) {
		audit_log_hand_over(a);
		if (STAILQ_EMPTY(&a->waiting) && a->first != 0)
			rotate(a);
	}
	n = audit_format(&a->chain, l, a->begins, line);
	a->begins = false;
	log_about(&about, LOG_LEVEL_NOTICE, "audit: %.*s", (int)n - 1, line);
	audit_log_keep(a, line, n);
}

void
audit_log_line(struct audit_log *a, struct audit_line *l)
{
	l->time = time(NULL);
	if (a != NULL)
		emit(a, l);
	else
		log_line(LOG_LEVEL_NOTICE, "audit: %s: %s (%s)", l->act,
		    l->what, l->outcome);
}

void
audit_log_note(struct audit_log *a, const char *act, const char *outcome,
    const char *fmt, ...)
{
	struct audit_line l = { .certificate = "", .who = "certd", .act = act,
		.outcome = outcome };
	char what[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	l.what = what;
	audit_log_line(a, &l);
}

/* ---- beginning and end ---- */

struct err *
audit_log_open(const char *dir, off_t most, struct audit_log **out)
{
	struct audit_log *a = calloc(1, sizeof(*a));
	struct err *e = NULL;

	*out = NULL;
	if (a == NULL)
		return err_sys("audit");
	STAILQ_INIT(&a->waiting);
	a->fd = a->head = -1;
	a->most = most;
	a->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (a->dir == -1)
		e = err_sys("%s", dir);
	else if ((e = open_file(a)) == NULL && (a->head = openat(a->dir,
	    AUDIT_HEAD, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)) ==
	    -1)
		e = err_sys(AUDIT_HEAD);
	if (e != NULL) {
		audit_log_close(a);
		return err_wrap(e, "%s", dir);
	}
	audit_log_resume(a);
	*out = a;
	return NULL;
}

void
audit_log_head(const struct audit_log *a, struct audit_chain *out)
{
	*out = a->chain;
}

void
audit_log_close(struct audit_log *a)
{
	if (a == NULL)
		return;
	if (a->fd != -1)
		audit_log_sync(a);
	audit_log_unwatch(a);
	audit_log_forget(a);
	if (a->fd != -1)
		close(a->fd);
	if (a->head != -1)
		close(a->head);
	if (a->dir != -1)
		close(a->dir);
	free(a);
}
