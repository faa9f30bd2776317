/*
 * store_commit.c - carries out what a journal says, as often as it takes.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    .certd/JOB: key, certificates, renewal file and journal, all of
 *           them on disk.
 * Promise:  each step may have been done before, in part or in whole; before
 *           the switch everything can be undone, after it nothing can fail
 *           that matters to a server.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "log.h"
#include "store_priv.h"

/* Which staged files make up a file of the archive. fullchainN.pem is certN.pem
 * and chainN.pem, byte for byte. The key comes last: what has no key is no
 * version to certbot. */
static const struct part {
	enum pem_kind kind;
	size_t n;
	const char *from[2];
} parts[] = {
	{ PEM_CERT, 1, { "cert.pem" } },
	{ PEM_CHAIN, 1, { "chain.pem" } },
	{ PEM_FULLCHAIN, 2, { "cert.pem", "chain.pem" } },
	{ PEM_PRIVKEY, 1, { "privkey.pem" } },
};
#define PARTS_N (sizeof(parts) / sizeof(*parts))

static void
part_names(const struct part *p, const struct journal *j, char final[32],
    char new[40])
{
	(void)snprintf(final, 32, "%s%u.pem", pem_kind_words[p->kind],
	    j->version);
	(void)snprintf(new, 40, ".%s.new", final);
}

/* Writes one file beside its place. */
static struct err *
copy_part(const struct part *p, const struct journal *j, int archive)
{
	const struct fs_owner all = { 0644, (gid_t)-1 };
	char final[32], new[40];
	struct err *e = NULL;
	int from[2] = { -1, -1 };
	size_t i;

	part_names(p, j, final, new);
	if (fs_exists(archive, final))
		return NULL;
	for (i = 0; e == NULL && i < p->n; i++)
		e = fs_open_file(j->stage, p->from[i], &from[i]);
	if (e == NULL)
		e = fs_copy(archive, new, p->kind == PEM_PRIVKEY ? j->key : all,
		    from, p->n);
	for (i = 0; i < p->n; i++)
		if (from[i] != -1)
			close(from[i]);
	return e;
}

/* The first bytes (all of them, for what we write) of a file, "" where there is
 * none. Only for certificates. */
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

/* Whether what stands under our number is ours, or nothing: certbot may have
 * been at work between our crash and now. */
static struct err *
check_number(const struct journal *j, int archive)
{
	struct buf *ours = buf_new(PEM_MAX_BYTES);
	struct buf *theirs = buf_new(PEM_MAX_BYTES);
	char final[32], new[40];
	struct err *e = NULL;
	bool is_foreign = false;
	size_t i;

	part_names(&parts[0], j, final, new);
	if (ours == NULL || theirs == NULL)
		e = err_sys("compare certificates");
	else if ((e = read_cert(j->stage, "cert.pem", ours)) == NULL)
		e = read_cert(archive, final, theirs);
	if (e != NULL)
		goto out;
	if (buf_len(theirs) > 0)
		is_foreign = buf_len(ours) != buf_len(theirs) ||
		    memcmp(buf_data(ours), buf_data(theirs), buf_len(ours)) !=
			0;
	else
		for (i = 0; i < PARTS_N; i++) {
			part_names(&parts[i], j, final, new);
			is_foreign = is_foreign || fs_exists(archive, final);
		}
	if (is_foreign) {
		errno = EEXIST;
		e = err_sys("version %u is of somebody else", j->version);
	}
out:
	buf_free(ours);
	buf_free(theirs);
	return e;
}

/* The files of the archive: all four complete on disk before the first one gets its
 * name, so that no power loss can leave an empty file that counts. */
static struct err *
place_archive(struct store *s, const struct journal *j)
{
	const struct fs_owner owner = { 0755, (gid_t)-1 };
	char final[32], new[40];
	struct err *e;
	size_t i;
	int dir;

	e = fs_make_dir(s->archive, j->archive, owner, &dir, NULL);
	if (e == NULL)
		e = check_number(j, dir);
	for (i = 0; e == NULL && i < PARTS_N; i++)
		e = copy_part(&parts[i], j, dir);
	for (i = 0; e == NULL && i < PARTS_N; i++) {
		part_names(&parts[i], j, final, new);
		if (!fs_exists(dir, final) &&
		    renameat2(dir, new, dir, final, RENAME_NOREPLACE) == -1)
			e = err_sys("put %s in place", final);
	}
	if (e == NULL)
		e = fs_sync(dir, ".");
	if (dir != -1)
		close(dir);
	return err_wrap(e, "archive/%s", j->archive);
}

/* renewal/NAME.conf.new: whatever can fail about it fails here. */
static struct err *
place_conf(struct store *s, const struct journal *j)
{
	const struct fs_owner owner = { j->conf_mode, (gid_t)-1 };
	char name[COMPONENT_SIZE];
	struct err *e;
	int fd = -1;

	if ((e = component(name, "%s.conf.new", j->lineage)) == NULL &&
	    (e = fs_open_file(j->stage, JOURNAL_CONF, &fd)) == NULL)
		e = fs_copy(s->renewal, name, owner, &fd, 1);
	if (fd != -1)
		close(fd);
	return err_wrap(e, "renewal");
}

static struct err *
rename_conf(struct store *s, const struct journal *j)
{
	char new[COMPONENT_SIZE], final[COMPONENT_SIZE];
	struct err *e;

	if ((e = component(new, "%s.conf.new", j->lineage)) != NULL ||
	    (e = component(final, "%s.conf", j->lineage)) != NULL)
		return e;
	if (renameat(s->renewal, new, s->renewal, final) == -1)
		return err_sys("renewal/%s", final);
	return fs_sync(s->renewal, "renewal");
}

/* The versions that the links in live/NAME show; 0 where one shows none. */
static void
live_versions(struct store *s, const struct journal *j, unsigned version[PEM_N])
{
	int live = -1, archive = -1, kind;
	struct err *e;

	memset(version, 0, sizeof(*version) * PEM_N);
	if ((e = fs_open_dir(s->live, j->lineage, &live)) == NULL)
		e = fs_open_dir(s->archive, j->archive, &archive);
	err_free(e);
	for (kind = 0; live != -1 && archive != -1 && kind < PEM_N; kind++) {
		e = link_version(live, archive, (enum pem_kind)kind,
		    &version[kind]);
		if (e != NULL)
			version[kind] = 0;
		err_free(e);
	}
	if (live != -1)
		close(live);
	if (archive != -1)
		close(archive);
}

/* The version that live/NAME shows, 0 where it shows none or several. */
static unsigned
live_version(struct store *s, const struct journal *j)
{
	unsigned version[PEM_N];
	int kind;

	live_versions(s, j, version);
	for (kind = 0; kind < PEM_N; kind++)
		if (version[kind] != version[PEM_CERT])
			return 0;
	return version[PEM_CERT];
}

/* What is left after the switch; none of it is worth a failure. */
static void
tidy(struct store *s, const struct journal *j)
{
	struct err *e;
	int dir;

	if ((e = fs_open_dir(s->archive, j->archive, &dir)) == NULL) {
		e = versions_prune(dir, j->version);
		close(dir);
	}
	log_err(LOG_LEVEL_WARN,
	    err_wrap(e, "old versions in archive/%s", j->archive));
	log_err(LOG_LEVEL_WARN, live_clean(s, j->lineage));
	log_err(LOG_LEVEL_WARN, live_readme(s));
}

/* Everything up to the switch. */
static struct err *
switch_over(struct store *s, const struct journal *j)
{
	struct err *e;

	if ((e = place_archive(s, j)) != NULL ||
	    (e = place_conf(s, j)) != NULL ||
	    (e = live_build(s, j->lineage, j->archive, j->version)) != NULL)
		return e;
	e = live_switch(s, j->lineage, j->archive, j->version);
	if (e == NULL || live_version(s, j) != j->version)
		return e;
	log_err(LOG_LEVEL_ERROR, e); /* in place, perhaps not yet on disk */
	return NULL;
}

struct err *
commit(struct store *s, const struct journal *j)
{
	const unsigned shown = live_version(s, j);
	struct err *e = NULL;

	if (shown < j->version && (e = switch_over(s, j)) != NULL)
		return e;
	/* The point of no return: what fails from here on is tried again by
	 * store_recover(), because the journal stays. */
	if (shown == j->version) /* again: it may have been lost */
		e = place_conf(s, j);
	if (e == NULL && shown <= j->version)
		e = rename_conf(s, j);
	if (e == NULL) {
		tidy(s, j);
		e = journal_done(j);
	}
	log_err(LOG_LEVEL_ERROR,
	    err_wrap(e, "certificate %s is in place, but", j->lineage));
	return NULL;
}

/* Removes our files from the archive, the key first. */
static struct err *
empty_archive(struct store *s, const struct journal *j)
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
	const bool is_ours = (e = check_number(j, dir)) == NULL;

	if (err_errno(e) == EEXIST) {
		err_free(e);
		e = NULL;
	}
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
	return e;
}

struct err *
commit_undo(struct store *s, const struct journal *j)
{
	char name[COMPONENT_SIZE];
	unsigned version[PEM_N];
	struct err *e;
	int kind;

	live_versions(s, j, version);
	for (kind = 0; kind < PEM_N; kind++)
		if (version[kind] == j->version)
			return err_new("version %u of %s is in use",
			    j->version, j->lineage);
	if ((e = live_clean(s, j->lineage)) == NULL &&
	    (e = component(name, "%s.conf.new", j->lineage)) == NULL &&
	    (e = fs_unlink(s->renewal, name)) == NULL &&
	    (e = empty_archive(s, j)) == NULL &&
	    (e = fs_unlink(j->stage, JOURNAL_FILE)) == NULL)
		e = fs_sync(j->stage, "journal");
	return e;
}
