/*
 * store_set.c - the four files of a version, for the signer to look at.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    files in archive/NAME that anybody's backup may have mangled.
 * Promise:  certificates are read, keys are only opened.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "store_priv.h"

/* dir is the archive, or live/NAME for VERSION_LIVE. */
static struct err *
open_file(int dir, enum pem_kind kind, unsigned version, int *fd)
{
	char name[32];

	if (version != VERSION_LIVE)
		return version_open(dir, kind, version, fd);
	(void)snprintf(name, sizeof(name), "%s.pem", pem_kind_words[kind]);
	return fs_open_file(dir, name, fd);
}

static struct err *
open_set(struct store *s, const struct lineage *l, unsigned version, int *dir)
{
	if (version == VERSION_LIVE)
		return err_wrap(
		    fs_open_dir(s->live, l->name, dir), "live/%s", l->name);
	return err_wrap(
	    fs_open_dir(s->archive, l->archive, dir), "archive/%s", l->archive);
}

static struct err *
read_file(int dir, enum pem_kind kind, unsigned version, struct buf *out)
{
	struct err *e;
	int fd;

	if ((e = open_file(dir, kind, version, &fd)) != NULL)
		return e;
	e = buf_add_file(out, fd);
	close(fd);
	return err_wrap(e, "%s%u.pem", pem_kind_words[kind], version);
}

/* What certbot demands: fullchain is cert and chain, byte for byte. */
static struct err *
read_chain(int dir, unsigned version, struct buf *parts, struct buf *out)
{
	struct err *e;

	if ((e = read_file(dir, PEM_CERT, version, parts)) != NULL ||
	    (e = read_file(dir, PEM_CHAIN, version, parts)) != NULL ||
	    (e = read_file(dir, PEM_FULLCHAIN, version, out)) != NULL)
		return e;
	if (buf_len(parts) != buf_len(out) ||
	    memcmp(buf_data(parts), buf_data(out), buf_len(out)) != 0)
		return err_new("fullchain.pem is not cert.pem and chain.pem");
	return NULL;
}

struct err *
lineage_open_version(struct store *s, const struct lineage *l,
    enum pem_kind kind, unsigned version, int *fd)
{
	struct err *e;
	int dir;

	*fd = -1;
	if ((e = open_set(s, l, version, &dir)) == NULL) {
		e = open_file(dir, kind, version, fd);
		close(dir);
	}
	return e;
}

struct err *
lineage_read_chain(
    struct store *s, const struct lineage *l, unsigned version, struct buf *out)
{
	struct buf *parts = buf_new(PEM_MAX_BYTES);
	struct err *e;
	int dir;

	if (parts == NULL)
		return err_sys("certificates");
	if ((e = open_set(s, l, version, &dir)) == NULL) {
		e = read_chain(dir, version, parts, out);
		close(dir);
	}
	buf_free(parts);
	return e;
}

struct err *
lineage_versions(struct store *s, const struct lineage *l,
    unsigned versions[VERSIONS_MAX], size_t *n)
{
	struct err *e;
	int archive;

	*n = 0;
	if ((e = fs_open_dir(s->archive, l->archive, &archive)) == NULL) {
		e = versions_list(archive, versions, n);
		close(archive);
	}
	return err_wrap(e, "archive/%s", l->archive);
}
