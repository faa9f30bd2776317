/*
 * store_journal.c - the note that says: this installation happens.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    our own files, as a crash may have left them.
 * Promise:  the note is on disk whole or not at all, and after everything that
 *           it speaks of: the files of a version, the renewal file and the new
 *           live/NAME lie beside their places then.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "ini.h"
#include "store_priv.h"
#include "text.h"

#define JOURNAL_MAX_BYTES 4096

/* The numbers of a journal, by key. */
enum { J_VERSION, J_NEW, J_N };
static const struct {
	const char *key;
	uint64_t max;
} numbers[J_N] = {
	[J_VERSION] = { "version", 999999999 },
	[J_NEW] = { "new", 1 },
};

static struct err *
render(const struct journal *j, struct ini *ini, struct buf *text)
{
	const uint64_t values[J_N] = { j->version, j->is_new };
	char number[24];
	struct err *e;
	int i;

	if ((e = ini_set(ini, "", "lineage", j->lineage)) == NULL &&
	    (e = ini_set(ini, "", "archive", j->archive)) == NULL)
		e = ini_set(ini, "", "cert", j->cert);
	for (i = 0; e == NULL && i < J_N; i++) {
		(void)snprintf(number, sizeof(number), "%llu",
		    (unsigned long long)values[i]);
		e = ini_set(ini, "", numbers[i].key, number);
	}
	return e == NULL ? ini_write(ini, text) : e;
}

struct err *
journal_write(struct store *s, const struct journal *j, struct fs_later *later)
{
	const struct fs_owner owner = { 0600, (gid_t)-1 };
	struct buf *text = buf_new(JOURNAL_MAX_BYTES);
	struct ini *ini = ini_new();
	struct err *e = NULL;

	if (text == NULL || ini == NULL)
		e = err_sys("journal");
	if (e == NULL && (e = render(j, ini, text)) == NULL)
		e = fs_write_later(s->stage,
		    stage_name(j->job, STAGED_NEW).text, owner, buf_data(text),
		    buf_len(text), later);
	ini_free(ini);
	buf_free(text);
	return err_wrap(e, ".certd");
}

static struct err *
rename_to(struct store *s, const struct journal *j, enum staged from,
    enum staged to, struct fs_later *later)
{
	const struct stage_name new = stage_name(j->job, to);

	if (renameat(s->stage, stage_name(j->job, from).text, s->stage,
		new.text) == -1)
		return err_sys(".certd/%s", new.text);
	return fs_sync_later(s->stage, ".certd", later);
}

struct err *
journal_name(struct store *s, const struct journal *j, struct fs_later *later)
{
	return rename_to(s, j, STAGED_NEW, STAGED_JOURNAL, later);
}

struct err *
journal_done(struct store *s, const struct journal *j, struct fs_later *later)
{
	return rename_to(s, j, STAGED_JOURNAL, STAGED_DONE, later);
}

static struct err *
parse(const struct ini *ini, struct journal *j)
{
	const char *lineage = ini_get(ini, "", "lineage");
	const char *archive = ini_get(ini, "", "archive");
	const char *cert = ini_get(ini, "", "cert"), *text;
	uint64_t values[J_N];
	struct err *e;
	int i;

	if (lineage == NULL || !fs_is_component(lineage) || archive == NULL ||
	    !fs_is_component(archive))
		return err_new("names no certificate");
	if (cert == NULL || strlen(cert) != CERT_HASH_SIZE - 1)
		return err_new("does not say which certificate");
	(void)strcpy(j->cert, cert);
	if ((e = component(j->lineage, "%s", lineage)) != NULL ||
	    (e = component(j->archive, "%s", archive)) != NULL)
		return e;
	for (i = 0; i < J_N; i++)
		if ((text = ini_get(ini, "", numbers[i].key)) == NULL ||
		    !text_number(text, 0, numbers[i].max, &values[i]))
			return err_new("no number %s", numbers[i].key);
	j->version = (unsigned)values[J_VERSION];
	j->is_new = values[J_NEW] != 0;
	return NULL;
}

struct err *
journal_read(
    struct store *s, uint32_t job, enum staged what, struct journal *j)
{
	const struct stage_name name = stage_name(job, what);
	struct ini *ini = NULL;
	struct err *e;
	int fd = -1;

	*j = (struct journal){ .job = job, .dir = -1 };
	if ((e = fs_open_file(s->stage, name.text, &fd)) == NULL &&
	    (e = ini_read(name.text, fd, &ini)) == NULL)
		e = err_wrap(parse(ini, j), "%s", name.text);
	ini_free(ini);
	if (fd != -1)
		close(fd);
	return err_wrap(e, "%s/.certd", s->path);
}

void
journal_close(struct journal *j)
{
	if (j->dir != -1)
		close(j->dir);
	j->dir = -1;
}
