/*
 * store_archive.c - archive/NAME: the files of a version that a journal
 * announces.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    the staged key and certificates; an archive that certbot may have
 *           written to between a crash and now.
 * Promise:  a version that counts is complete and on disk; what is not ours is
 *           neither overwritten nor removed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "store_priv.h"

/* Which staged files make up a file of the archive. fullchainN.pem is certN.pem
 * and chainN.pem, byte for byte. The key comes last: what has no key is no
 * version to certbot. */
static const struct part {
	enum pem_kind kind;
	const char *from[2]; /* the second may be NULL */
} parts[] = {
	{ PEM_CERT, { "cert.pem", NULL } },
	{ PEM_CHAIN, { "chain.pem", NULL } },
	{ PEM_FULLCHAIN, { "cert.pem", "chain.pem" } },
	{ PEM_PRIVKEY, { "privkey.pem", NULL } },
};
#define PARTS_N (sizeof(parts) / sizeof(*parts))

static void
part_names(
    const struct part *p, const struct journal *j, char final[32], char new[40])
{
	(void)snprintf(
	    final, 32, "%s%u.pem", pem_kind_words[p->kind], j->version);
	(void)snprintf(new, 40, ".%s.new", final);
}

/* Writes one file beside its place. */
static struct err *
copy_part(const struct part *p, const struct journal *j, int archive,
    struct fs_later *later)
{
	const struct fs_owner all = { 0644, (gid_t)-1 };
	char final[32], new[40];
	struct err *e = NULL;
	int from[2] = { -1, -1 };
	size_t i, n = 0;

	part_names(p, j, final, new);
	if (fs_exists(archive, final))
		return NULL;
	for (; e == NULL && n < 2 && p->from[n] != NULL; n++)
		e = fs_open_file(j->stage, p->from[n], &from[n]);
	if (e == NULL)
		e = fs_copy_later(archive, new,
		    p->kind == PEM_PRIVKEY ? j->key : all, from, n, later);
	for (i = 0; i < 2; i++)
		if (from[i] != -1)
			close(from[i]);
	return e;
}

/* A certificate; nothing where there is none. */
static struct err *
read_cert(int dir, const char *name, struct buf *out)
{
	struct err *e;
	int fd;

	if ((e = fs_open_file(dir, name, &fd)) != NULL) {
		if (err_errno(e) != ENOENT)
			return e;
		err_free(e);
		return NULL;
	}
	e = buf_add_file(out, fd);
	close(fd);
	return e;
}

/* Whether the certificate under our number is there, and the one staged. */
static struct err *
compare_cert(
    const struct journal *j, int archive, bool *is_there, bool *is_same)
{
	struct buf *ours = buf_new(PEM_MAX_BYTES);
	struct buf *theirs = buf_new(PEM_MAX_BYTES);
	char final[32], new[40];
	struct err *e = NULL;

	part_names(&parts[0], j, final, new);
	*is_there = *is_same = false;
	if (ours == NULL || theirs == NULL)
		e = err_sys("compare certificates");
	else if ((e = read_cert(j->stage, "cert.pem", ours)) == NULL &&
		 (e = read_cert(archive, final, theirs)) == NULL) {
		*is_there = buf_len(theirs) > 0;
		*is_same = buf_len(ours) == buf_len(theirs) &&
			   memcmp(buf_data(ours), buf_data(theirs),
			       buf_len(ours)) == 0;
	}
	buf_free(ours);
	buf_free(theirs);
	return e;
}

/* Our certificate is the first of the four to get its name. So: if it is there
 * all four are ours, if none of the four is there the number is free, and
 * otherwise somebody else has it. */
static struct err *
check_number(const struct journal *j, int archive, bool *is_placed)
{
	char final[32], new[40];
	bool is_foreign = false, is_there;
	struct err *e;
	size_t i;

	if ((e = compare_cert(j, archive, &is_there, is_placed)) != NULL ||
	    *is_placed)
		return e;
	for (i = 0; i < PARTS_N; i++) {
		part_names(&parts[i], j, final, new);
		is_foreign = is_foreign || fs_exists(archive, final);
	}
	if (!is_there && !is_foreign)
		return NULL;
	errno = EEXIST;
	return err_sys("version %u is of somebody else", j->version);
}

struct err *
archive_check(struct store *s, const struct journal *j, bool *is_placed)
{
	struct err *e;
	int dir;

	*is_placed = false;
	if ((e = fs_open_dir(s->archive, j->archive, &dir)) != NULL) {
		if (err_errno(e) != ENOENT)
			return e;
		err_free(e);
		return NULL;
	}
	e = check_number(j, dir, is_placed);
	close(dir);
	return err_wrap(e, "archive/%s", j->archive);
}

struct err *
archive_build(struct store *s, const struct journal *j, struct fs_later *later)
{
	const struct fs_owner owner = { 0755, (gid_t)-1 };
	struct err *e;
	size_t i;
	int dir;

	e = fs_make_dir_later(s->archive, j->archive, owner, &dir, later);
	for (i = 0; e == NULL && i < PARTS_N; i++)
		e = copy_part(&parts[i], j, dir, later);
	if (e == NULL)
		e = fs_later_take(later, dir);
	else if (dir != -1)
		close(dir);
	return err_wrap(e, "archive/%s", j->archive);
}

/* All four are complete on disk before the first one gets its name, so that no
 * power loss can leave an empty file that counts. */
struct err *
archive_name(struct store *s, const struct journal *j, struct fs_later *later)
{
	char final[32], new[40];
	struct err *e;
	size_t i;
	int dir;

	e = fs_open_dir(s->archive, j->archive, &dir);
	for (i = 0; e == NULL && i < PARTS_N; i++) {
		part_names(&parts[i], j, final, new);
		if (!fs_exists(dir, final) &&
		    renameat2(dir, new, dir, final, RENAME_NOREPLACE) == -1)
			e = err_sys("put %s in place", final);
	}
	if (e == NULL)
		e = fs_later_take(later, dir);
	else if (dir != -1)
		close(dir);
	return err_wrap(e, "archive/%s", j->archive);
}

struct err *
archive_empty(struct store *s, const struct journal *j, bool is_ours)
{
	char final[32], new[40];
	struct err *e;
	size_t i;
	int dir;

	if ((e = fs_open_dir(s->archive, j->archive, &dir)) != NULL) {
		if (err_errno(e) != ENOENT)
			return e;
		err_free(e);
		return NULL;
	}
	/* The key first: what has no key is no version. */
	for (i = PARTS_N; e == NULL && i-- > 0;) {
		part_names(&parts[i], j, final, new);
		if ((e = fs_unlink(dir, new)) == NULL && is_ours)
			e = fs_unlink(dir, final);
	}
	if (e == NULL)
		e = fs_sync(dir, ".");
	close(dir);
	if (e == NULL && j->is_new)
		(void)unlinkat(s->archive, j->archive, AT_REMOVEDIR);
	return err_wrap(e, "archive/%s", j->archive);
}
