/*
 * store_set.c - the four files of a version, for the signer to look at.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    files in archive/NAME that anybody's backup may have mangled.
 * Promise:  certificates are read, keys are only opened.
 */
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "store_priv.h"

static struct err *
read_file(int archive, enum pem_kind kind, unsigned version, struct buf *out)
{
	struct err *e;
	int fd;

	if ((e = version_open(archive, kind, version, &fd)) != NULL)
		return e;
	e = buf_add_file(out, fd);
	close(fd);
	return err_wrap(e, "%s%u.pem", pem_kind_words[kind], version);
}

/* What certbot demands: fullchain is cert and chain, byte for byte. */
static struct err *
read_chain(int archive, unsigned version, struct buf *parts, struct buf *out)
{
	struct err *e;

	if ((e = read_file(archive, PEM_CERT, version, parts)) != NULL ||
	    (e = read_file(archive, PEM_CHAIN, version, parts)) != NULL ||
	    (e = read_file(archive, PEM_FULLCHAIN, version, out)) != NULL)
		return e;
	if (buf_len(parts) != buf_len(out) ||
	    memcmp(buf_data(parts), buf_data(out), buf_len(out)) != 0)
		return err_new("fullchain%u.pem is not cert%u.pem and "
			       "chain%u.pem",
		    version, version, version);
	return NULL;
}

struct err *
lineage_open_version(struct store *s, const struct lineage *l,
    enum pem_kind kind, unsigned version, int *fd)
{
	struct err *e;
	int archive;

	*fd = -1;
	if ((e = fs_open_dir(s->archive, l->archive, &archive)) == NULL) {
		e = version_open(archive, kind, version, fd);
		close(archive);
	}
	return err_wrap(e, "archive/%s", l->archive);
}

struct err *
lineage_read_chain(
    struct store *s, const struct lineage *l, unsigned version, struct buf *out)
{
	struct buf *parts = buf_new(PEM_MAX_BYTES);
	struct err *e;
	int archive = -1;

	if (parts == NULL)
		return err_sys("certificates");
	if ((e = fs_open_dir(s->archive, l->archive, &archive)) == NULL) {
		e = read_chain(archive, version, parts, out);
		close(archive);
	}
	buf_free(parts);
	return err_wrap(e, "archive/%s", l->archive);
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
