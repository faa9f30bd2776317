/*
 * store_lineage.c - reading one certificate of the store, however broken.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    renewal/NAME.conf and live/NAME, which people edit, copy and
 *           restore by hand.
 * Promise:  what is broken is said with its path; a path in a renewal file
 *           never leads anywhere but into live/ and archive/.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ini.h"
#include "store_priv.h"
#include "text.h"

/* A lineage must not pass for whole because there was no memory to say what is
 * broken. */
static char no_memory[] = "broken (out of memory)";

/* Notes what is broken; the first finding stays. */
static void broken(struct lineage *l, unsigned part, const char *fmt, ...)
    ERR_PRINTF(3, 4);

static void
broken(struct lineage *l, unsigned part, const char *fmt, ...)
{
	va_list ap;

	l->broken |= part;
	if (l->problem != NULL)
		return;
	va_start(ap, fmt);
	if (vasprintf(&l->problem, fmt, ap) == -1)
		l->problem = no_memory;
	va_end(ap);
}

/* The same with an error, which is freed. */
static void
broken_err(struct lineage *l, unsigned part, const char *where, struct err *e)
{
	if (e != NULL)
		broken(l, part, "%s: %s", where, err_text(e));
	err_free(e);
}

/* Whether path is DIR/last, with DIR the open directory dir. good: a path of
 * which this is known, or NULL; path, where it is. */
static bool
is_in(const char *path, int dir, const char *last, const char **good)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX];
	size_t n;

	if (*path != '/' || strcmp(slash + 1, last) != 0 ||
	    (n = (size_t)(slash + 1 - path)) >= sizeof(parent))
		return false;
	if (*good != NULL && strncmp(path, *good, n) == 0 &&
	    strchr(*good + n, '/') == NULL)
		return true;
	(void)snprintf(parent, sizeof(parent), "%.*s", (int)n, path);
	if (!fs_is_dir(AT_FDCWD, parent, dir))
		return false;
	*good = path;
	return true;
}

/* archive_dir: one component below archive/, perhaps not the lineage's name. */
static void
read_archive_dir(struct store *s, struct lineage *l)
{
	const char *value = ini_get(l->conf, "", "archive_dir"), *last;
	const char *good = NULL;
	char path[PATH_MAX], *name;
	size_t n;

	if (value == NULL)
		return; /* certbot's default: the name of the lineage */
	(void)snprintf(path, sizeof(path), "%s", value);
	for (n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
		path[n - 1] = '\0';
	last = strrchr(path, '/');
	last = last == NULL ? "" : last + 1;
	if (!fs_is_component(last) || !is_in(path, s->archive, last, &good) ||
	    (name = strdup(last)) == NULL) {
		l->archive_is_foreign = true;
		broken(l, BROKEN_CONF,
		    "renewal/%s.conf: archive_dir = %s is not in "
		    "%s/archive",
		    l->name, value, s->path);
		return;
	}
	free(l->archive);
	l->archive = name;
}

/* The four paths in the file: they must be those of live/NAME. live: -1 where
 * there is none; then that is what is broken. */
static void
check_paths(struct lineage *l, int live)
{
	const char *path, *good = NULL;
	char last[32];
	int kind;

	for (kind = 0; kind < PEM_N; kind++) {
		path = ini_get(l->conf, "", pem_kind_words[kind]);
		(void)snprintf(
		    last, sizeof(last), "%s.pem", pem_kind_words[kind]);
		if (path == NULL)
			broken(l, BROKEN_CONF,
			    "renewal/%s.conf has no line \"%s = ...\"", l->name,
			    pem_kind_words[kind]);
		else if (live == -1 ? strcmp(path, l->paths[kind]) != 0
				    : !is_in(path, live, last, &good))
			broken(l, BROKEN_CONF,
			    "renewal/%s.conf: %s = %s is not %s", l->name,
			    pem_kind_words[kind], path, l->paths[kind]);
	}
}

/* A file of the current version: there, and not empty. */
static void
check_file(struct lineage *l, int archive, enum pem_kind kind)
{
	struct identity identity;
	struct stat st;
	struct err *e;

	if ((e = version_stat(archive, kind, l->current, &st)) != NULL) {
		broken(
		    l, BROKEN_FILES, "archive/%s/%s", l->archive, err_text(e));
		err_free(e);
		return;
	}
	if (st.st_size == 0)
		broken(l, BROKEN_FILES, "archive/%s/%s%u.pem is empty",
		    l->archive, pem_kind_words[kind], l->current);
	identity = fs_identity(&st);
	identity_add(&l->identity, &identity);
	if (kind == PEM_CERT)
		l->cert_identity = identity;
	if (kind == PEM_PRIVKEY) {
		l->key_mode = st.st_mode & 07777;
		l->key_gid = st.st_gid;
	}
}

/* live/NAME: four links to one version. */
static void
check_links(struct lineage *l, int live, int archive)
{
	struct links_seen seen = { "" };
	unsigned version[PEM_N];
	struct err *e;
	int kind;

	for (kind = 0; kind < PEM_N; kind++)
		if ((e = link_version(live, archive, (enum pem_kind)kind,
			 &version[kind], &seen)) != NULL) {
			broken(
			    l, BROKEN_LIVE, "live/%s/%s", l->name, err_text(e));
			err_free(e);
			return;
		}
	l->current = version[PEM_CERT];
	for (kind = 0; kind < PEM_N; kind++)
		if (version[kind] != l->current)
			broken(l, BROKEN_LIVE,
			    "live/%s shows a mixture: cert.pem is "
			    "version %u, %s.pem is version %u",
			    l->name, l->current, pem_kind_words[kind],
			    version[kind]);
	for (kind = 0; kind < PEM_N; kind++)
		check_file(l, archive, (enum pem_kind)kind);
}

/* What is on disk besides the renewal file. */
static void
read_files(struct store *s, struct lineage *l)
{
	char where[COMPONENT_SIZE + 16];
	struct err *e;
	int live = -1, archive = -1;

	(void)snprintf(where, sizeof(where), "live/%s", l->name);
	if ((e = fs_open_dir(s->live, l->name, &live)) != NULL)
		broken_err(l, BROKEN_LIVE, where, e);
	(void)snprintf(where, sizeof(where), "archive/%s", l->archive);
	if ((e = fs_open_dir(s->archive, l->archive, &archive)) != NULL ||
	    (e = versions_read(
		 archive, &l->newest, &l->highest, &l->lowest)) != NULL)
		broken_err(l, BROKEN_FILES, where, e);
	if (l->conf != NULL)
		check_paths(l, live);
	if (live != -1 && archive != -1)
		check_links(l, live, archive);
	if (live != -1)
		close(live);
	if (archive != -1)
		close(archive);
}

/* The renewal file. An error only where there is none. */
static struct err *
read_conf(struct store *s, struct lineage *l, const char *file)
{
	char shown[COMPONENT_SIZE + 16];
	struct stat st;
	struct err *e;
	int fd;

	(void)snprintf(shown, sizeof(shown), "renewal/%s", file);
	if ((e = fs_open_stat(s->renewal, file, &fd, &st)) != NULL) {
		if (err_errno(e) == ENOENT)
			return e;
		broken_err(l, BROKEN_CONF, shown, e);
		return NULL;
	}
	l->conf_identity = fs_identity(&st);
	l->conf_mode = st.st_mode & 07777;
	if (st.st_size == 0)
		broken(l, BROKEN_CONF, "%s is empty", shown);
	else if ((e = ini_read(shown, fd, &l->conf)) != NULL) {
		broken(l, BROKEN_CONF, "%s", err_text(e));
		err_free(e);
	}
	close(fd);
	return NULL;
}

/* A lineage of which nothing but the name is known. */
static struct lineage *
blank(const struct store *s, const char *name)
{
	struct lineage *l = calloc(1, sizeof(*l));
	int kind;

	if (l == NULL || (l->name = strdup(name)) == NULL ||
	    (l->archive = strdup(name)) == NULL)
		goto fail;
	for (kind = 0; kind < PEM_N; kind++)
		if (asprintf(&l->paths[kind], "%s/live/%s/%s.pem", s->path,
			name, pem_kind_words[kind]) == -1) {
			l->paths[kind] = NULL;
			goto fail;
		}
	return l;
fail:
	lineage_free(l);
	return NULL;
}

struct err *
lineage_load_file(
    struct store *s, const char *name, const char *file, struct lineage **out)
{
	struct lineage *l;
	struct err *e;

	*out = NULL;
	if (!fs_is_component(name))
		return err_mark(err_new("%s cannot be the name of a "
					"certificate",
				    name),
		    ENOENT);
	if ((l = blank(s, name)) == NULL)
		return err_sys("certificate %s", name);
	if (!text_is_plain(name, strlen(name)))
		broken(l, BROKEN_CONF,
		    "its name holds control characters or no UTF-8, so that "
		    "nothing can be done with it: rename its files");
	if ((e = read_conf(s, l, file)) != NULL) {
		lineage_free(l);
		return err_wrap(e, "no certificate %s in %s", name, s->path);
	}
	if (l->conf != NULL)
		read_archive_dir(s, l);
	conf_read(l);
	read_files(s, l);
	if (l->conf != NULL &&
	    ini_get(l->conf, "renewalparams", "authenticator") == NULL)
		broken(l, BROKEN_CONF,
		    "renewal/%s.conf names no authenticator in a "
		    "section [renewalparams]",
		    name);
	*out = l;
	return NULL;
}

struct err *
lineage_load(struct store *s, const char *name, struct lineage **out)
{
	char file[COMPONENT_SIZE];
	struct err *e;

	*out = NULL;
	if ((e = component(file, "%s.conf", name)) != NULL)
		return e;
	return lineage_load_file(s, name, file, out);
}

struct err *
lineage_find(struct store *s, const char *name, struct lineage **out)
{
	struct lineage *l;
	struct err *e = lineage_load(s, name, out);

	if (err_errno(e) != ENOENT || !fs_is_component(name) ||
	    (!fs_exists(s->live, name) && !fs_exists(s->archive, name)))
		return e;
	err_free(e);
	if ((l = blank(s, name)) == NULL)
		return err_sys("certificate %s", name);
	broken(l, BROKEN_CONF, "renewal/%s.conf is missing", name);
	conf_read(l);
	read_files(s, l);
	*out = l;
	return NULL;
}

void
lineage_free(struct lineage *l)
{
	int kind;

	if (l == NULL)
		return;
	for (kind = 0; kind < PEM_N; kind++)
		free(l->paths[kind]);
	free(l->name);
	free(l->archive);
	if (l->problem != no_memory)
		free(l->problem);
	ini_free(l->conf);
	free(l);
}

bool
lineage_exists(struct store *s, const char *name)
{
	char file[COMPONENT_SIZE + 8];

	(void)snprintf(file, sizeof(file), "%s.conf", name);
	return fs_exists(s->renewal, file);
}

/* The file that live/NAME/KIND.pem leads to. */
static bool
glance_at(struct store *s, const char *name, enum pem_kind kind,
    struct identity *out, bool *is_linked)
{
	static const char *const files[] = { "/cert.pem", "/privkey.pem",
		"/chain.pem", "/fullchain.pem" };
	char path[COMPONENT_SIZE + 32];
	struct stat st;

	(void)stpcpy(stpcpy(path, name), files[kind]);
	if (fstatat(s->live, path, &st, 0) == -1)
		return false;
	*out = fs_identity(&st);
	*is_linked |= st.st_nlink > 1;
	return true;
}

/* This is done for a hundred thousand lineages: two calls, unless whole, and
 * nothing that formats or allocates. */
bool
lineage_glance(struct store *s, const char *name, bool whole,
    struct glance *out)
{
	char path[COMPONENT_SIZE + 32];
	struct identity identity;
	struct stat st;
	int kind;

	if (strlen(name) >= COMPONENT_SIZE)
		return false; /* no file can be called so */
	(void)stpcpy(stpcpy(path, name), ".conf");
	if (fstatat(s->renewal, path, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return false;
	memset(out, 0, sizeof(*out));
	out->files[SEEN_CONF] = fs_identity(&st);
	out->is_linked = st.st_nlink > 1;
	if (!glance_at(s, name, PEM_CERT, &out->files[SEEN_CERT],
	    &out->is_linked))
		return false;
	if (!whole)
		return true;
	identity_add(&out->files[SEEN_SET], &out->files[SEEN_CERT]);
	for (kind = PEM_CERT + 1; kind < PEM_N; kind++) {
		if (!glance_at(s, name, (enum pem_kind)kind, &identity,
		    &out->is_linked))
			return false;
		identity_add(&out->files[SEEN_SET], &identity);
	}
	return true;
}

static struct err *
open_current(
    struct store *s, const struct lineage *l, enum pem_kind kind, int *fd)
{
	struct err *e;
	int archive;

	*fd = -1;
	if (l->current == 0)
		return err_new(
		    "%s", l->problem == NULL ? "no version known" : l->problem);
	if ((e = fs_open_dir(s->archive, l->archive, &archive)) == NULL) {
		e = version_open(archive, kind, l->current, fd);
		close(archive);
	}
	return err_wrap(e, "archive/%s", l->archive);
}

struct err *
store_open_version(struct store *s, const char *archive, enum pem_kind kind,
    unsigned version, int *fd)
{
	struct err *e;
	int dir;

	*fd = -1;
	if (!fs_is_component(archive) || *archive == '.')
		return err_new("archive/%s cannot be a directory", archive);
	if ((e = fs_open_dir(s->archive, archive, &dir)) == NULL) {
		e = version_open(dir, kind, version, fd);
		close(dir);
	}
	return err_wrap(e, "archive/%s", archive);
}

struct err *
lineage_open_cert(struct store *s, const struct lineage *l, int *fd)
{
	return open_current(s, l, PEM_CERT, fd);
}

struct err *
lineage_open_chain(struct store *s, const struct lineage *l, int *fd)
{
	return open_current(s, l, PEM_CHAIN, fd);
}

struct err *
lineage_open_key(struct store *s, const struct lineage *l, int *fd)
{
	return open_current(s, l, PEM_PRIVKEY, fd);
}
