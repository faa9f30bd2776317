/*
 * store_archive.c - archive/NAME: the files of a version that a journal
 * announces.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    a certificate that the signer has encoded, the staged key; an
 *           archive that certbot may have written to between a crash and now.
 * Promise:  a version that counts is complete and on disk; what is not ours is
 *           neither overwritten nor removed; the key is never read.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "store_priv.h"

/* In which order they get their names. The certificate says whose the number is;
 * the key comes last: what has no key is no version to certbot. */
static const enum pem_kind parts[] = { PEM_CERT, PEM_CHAIN, PEM_FULLCHAIN,
	PEM_PRIVKEY };
#define PARTS_N (sizeof(parts) / sizeof(*parts))

static void
part_names(
    enum pem_kind kind, const struct journal *j, char final[32], char new[40])
{
	(void)snprintf(final, 32, "%s%u.pem", pem_kind_words[kind], j->version);
	(void)snprintf(new, 40, ".%s.new", final);
}

/* ---- before it is decided ---- */

static struct err *
write_part(const struct journal *j, enum pem_kind kind, const char *p, size_t n,
    struct fs_later *later)
{
	const struct fs_owner all = { 0644, (gid_t)-1 };
	char final[32], new[40];

	part_names(kind, j, final, new);
	return fs_write_later(j->dir, new, all, p, n, later);
}

/* certN.pem and chainN.pem, byte for byte. */
static struct err *
write_fullchain(
    const struct journal *j, const struct contents *c, struct fs_later *later)
{
	char *full = malloc(c->cert_bytes + c->chain_bytes);
	struct err *e;

	if (full == NULL)
		return err_sys("certificates");
	memcpy(full, c->cert, c->cert_bytes);
	memcpy(full + c->cert_bytes, c->chain, c->chain_bytes);
	e = write_part(
	    j, PEM_FULLCHAIN, full, c->cert_bytes + c->chain_bytes, later);
	free(full);
	return e;
}

/* Another name for the staged key. False where that cannot be: another file
 * system, or one without such names. */
static bool
link_key(struct store *s, const struct journal *j, const struct contents *c,
    const char *new)
{
	const struct stage_name key = stage_name(j->job, STAGED_KEY);

	if ((c->key_owner.gid != (gid_t)-1 &&
		fchown(c->key, (uid_t)-1, c->key_owner.gid) == -1) ||
	    fchmod(c->key, c->key_owner.mode) == -1)
		return false;
	if (linkat(s->stage, key.text, j->dir, new, 0) == 0)
		return true;
	return errno == EEXIST && unlinkat(j->dir, new, 0) == 0 &&
	       linkat(s->stage, key.text, j->dir, new, 0) == 0;
}

static struct err *
place_key(struct store *s, const struct journal *j, const struct contents *c,
    struct fs_later *later)
{
	char final[32], new[40];

	part_names(PEM_PRIVKEY, j, final, new);
	if (link_key(s, j, c, new))
		return NULL;
	return fs_copy_later(j->dir, new, c->key_owner, &c->key, 1, later);
}

struct err *
archive_build(struct store *s, struct journal *j, const struct contents *c,
    struct fs_later *later)
{
	const struct fs_owner owner = { 0755, (gid_t)-1 };
	struct err *e;

	e = j->is_new ? fs_make_dir_later(
			    s->archive, j->archive, owner, &j->dir, later)
		      : fs_open_dir(s->archive, j->archive, &j->dir);
	if (e == NULL &&
	    (e = write_part(j, PEM_CERT, c->cert, c->cert_bytes, later)) ==
		NULL &&
	    (e = write_part(j, PEM_CHAIN, c->chain, c->chain_bytes, later)) ==
		NULL &&
	    (e = write_fullchain(j, c, later)) == NULL &&
	    (e = place_key(s, j, c, later)) == NULL)
		e = fs_sync_later(j->dir, ".", later);
	return err_wrap(e, "archive/%s", j->archive);
}

static void
hash(const char *p, size_t n, char out[CERT_HASH_SIZE])
{
	SHA2_CTX ctx;

	SHA256Init(&ctx);
	SHA256Update(&ctx, (const uint8_t *)p, n);
	(void)SHA256End(&ctx, out);
}

void
archive_announce(struct journal *j, const struct contents *c)
{
	hash(c->cert, c->cert_bytes, j->cert);
}

/* ---- after that ---- */

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

/* Whether the certificate under our number is the one that was announced. */
static struct err *
compare_cert(const struct journal *j, int archive, bool *is_same)
{
	struct buf *theirs = buf_new(PEM_MAX_BYTES);
	char final[32], new[40], text[CERT_HASH_SIZE];
	struct err *e = NULL;

	part_names(PEM_CERT, j, final, new);
	*is_same = false;
	if (theirs == NULL)
		e = err_sys("compare certificates");
	else if ((e = read_cert(archive, final, theirs)) == NULL) {
		hash(buf_data(theirs), buf_len(theirs), text);
		*is_same = strcmp(text, j->cert) == 0;
	}
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
	bool is_foreign = false;
	struct err *e;
	size_t i;

	if ((e = compare_cert(j, archive, is_placed)) != NULL || *is_placed)
		return e;
	for (i = 0; i < PARTS_N; i++) {
		part_names(parts[i], j, final, new);
		is_foreign = is_foreign || fs_exists(archive, final);
	}
	if (!is_foreign)
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

/* All four are complete on disk before the first one gets its name, so that no
 * power loss can leave an empty file that counts. */
static struct err *
name_parts(int dir, const struct journal *j, bool again)
{
	char final[32], new[40];
	size_t i;

	for (i = 0; i < PARTS_N; i++) {
		part_names(parts[i], j, final, new);
		if (renameat2(dir, new, dir, final, RENAME_NOREPLACE) == -1 &&
		    !(again && (errno == EEXIST || errno == ENOENT) &&
			fs_exists(dir, final)))
			return err_sys("put %s in place", final);
	}
	return NULL;
}

struct err *
archive_name(struct store *s, const struct journal *j, struct fs_later *later)
{
	struct err *e;
	int dir = j->dir;

	if (dir != -1) {
		if ((e = name_parts(dir, j, false)) == NULL)
			e = fs_sync_later(dir, ".", later);
	} else if ((e = fs_open_dir(s->archive, j->archive, &dir)) == NULL) {
		if ((e = name_parts(dir, j, true)) == NULL)
			e = fs_later_take(later, dir);
		else
			close(dir);
	}
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
	for (i = 1; e == NULL && i <= PARTS_N; i++) {
		part_names(parts[PARTS_N - i], j, final, new);
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
