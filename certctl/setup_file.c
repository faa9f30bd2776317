/*
 * setup_file.c - the files that certctl setup writes.
 *
 * Runs in:  certctl (root).
 * Promise:  a file is there whole or as it was; comments in certd.conf stay; the
 *           token is never readable for anybody else, not even for a moment.
 */
#define _GNU_SOURCE /* asprintf */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "setup.h"

#define FILE_MAX_BYTES (1024 * 1024)
#define TOKEN_FILE     "cloudflare.ini"

struct err *
setup_read(struct setup *st)
{
	int fd = open(st->file, O_RDONLY | O_CLOEXEC);
	struct err *e;

	if (fd == -1 && errno != ENOENT)
		return err_sys("%s", st->file);
	/* Where there is none yet, the defaults and cli.ini. */
	e = config_load(fd == -1 ? "/dev/null" : st->file, true, &st->cfg);
	if (e == NULL && fd != -1)
		e = ini_read(st->file, fd, &st->ini);
	else if (e == NULL && (st->ini = ini_new()) == NULL)
		e = err_sys("%s", st->file);
	if (fd != -1)
		close(fd);
	return e;
}

static struct err *
write_all(int fd, const char *p, size_t n)
{
	ssize_t done;

	while (n > 0) {
		if ((done = write(fd, p, n)) == -1)
			return err_sys("write");
		p += done;
		n -= (size_t)done;
	}
	return fsync(fd) == -1 ? err_sys("fsync") : NULL;
}

/* A new file, whatever was there under this name before. */
static struct err *
write_new(const char *path, mode_t mode, const struct buf *text)
{
	struct err *e = NULL;
	int fd;

	if (unlink(path) == -1 && errno != ENOENT)
		return err_sys("%s", path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd == -1)
		return err_sys("%s", path);
	if (fchmod(fd, mode) == -1) /* whatever the umask is */
		e = err_sys("chmod");
	if (e == NULL)
		e = write_all(fd, buf_data(text), buf_len(text));
	if (close(fd) == -1 && e == NULL)
		e = err_sys("close");
	if (e != NULL)
		(void)unlink(path);
	return err_wrap(e, "%s", path);
}

/* The folder of certd.conf, made where it is missing; the caller's to free. */
static struct err *
folder(const struct setup *st, char **out)
{
	char *copy = strdup(st->file);

	*out = copy == NULL ? NULL : strdup(dirname(copy));
	free(copy);
	if (*out == NULL)
		return err_sys("%s", st->file);
	if (mkdir(*out, 0755) == -1 && errno != EEXIST)
		return err_sys("%s", *out);
	return NULL;
}

struct err *
setup_write(const struct setup *st)
{
	struct buf *text = buf_new(FILE_MAX_BYTES);
	char *work = NULL, *dir = NULL;
	struct err *e;

	if (text == NULL || asprintf(&work, "%s.new", st->file) == -1)
		e = err_sys("settings");
	else if ((e = folder(st, &dir)) == NULL &&
	    (e = ini_write(st->ini, text)) == NULL &&
	    (e = write_new(work, 0644, text)) == NULL &&
	    rename(work, st->file) == -1)
		e = err_sys("%s", st->file);
	if (e == NULL)
		fprintf(st->s->out, "Written: %s\n", st->file);
	buf_free(text);
	free(work);
	free(dir);
	return e;
}

struct err *
setup_token_write(struct setup *st, const struct buf *text)
{
	char *dir = NULL;
	struct err *e;

	if ((e = folder(st, &dir)) == NULL &&
	    (asprintf(&st->token_path, "%s/" TOKEN_FILE, dir) == -1 ||
	    asprintf(&st->token_new, "%s/" TOKEN_FILE ".new", dir) == -1))
		e = err_sys("token");
	if (e == NULL)
		e = write_new(st->token_new, 0400, text);
	free(dir);
	return e;
}

struct err *
setup_token_keep(struct setup *st)
{
	if (st->token_new == NULL)
		return NULL;
	if (rename(st->token_new, st->token_path) == -1)
		return err_sys("%s", st->token_path);
	free(st->token_new);
	st->token_new = NULL;
	fprintf(st->s->out, "Written: %s\n", st->token_path);
	return ini_set(st->ini, "dns", "credentials", st->token_path);
}

void
setup_token_drop(struct setup *st)
{
	if (st->token_new != NULL)
		(void)unlink(st->token_new);
	free(st->token_new);
	st->token_new = NULL;
}
