/*
 * store_version.c - numbers: which versions archive/NAME holds, and which one
 * live/NAME shows.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    directories that anybody's backup may have mangled.
 * Promise:  what is opened is a regular file of that archive directory,
 *           however many links led to it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "store_priv.h"

#define DIGITS_MAX   9  /* of a version: fits an unsigned */
#define LINKS_MAX    32 /* privkey3 -> privkey2 -> ... */
#define VERSIONS_OLD 5  /* kept besides the current one, as certbot does */

bool
version_parse(const char *name, enum pem_kind kind, unsigned *version)
{
	const size_t word = strlen(pem_kind_words[kind]);
	size_t digits;

	if (strncmp(name, pem_kind_words[kind], word) != 0)
		return false;
	digits = strspn(name + word, "0123456789");
	if (digits == 0 || digits > DIGITS_MAX ||
	    strcmp(name + word + digits, ".pem") != 0)
		return false;
	*version = (unsigned)strtoul(name + word, NULL, 10);
	return true;
}

static int
by_text(const void *key, const void *entry)
{
	return strcmp(key, *(char *const *)entry);
}

static bool
has_version(
    const struct store_names *names, enum pem_kind kind, unsigned version)
{
	char name[32];

	(void)snprintf(
	    name, sizeof(name), "%s%u.pem", pem_kind_words[kind], version);
	return bsearch(name, names->v, names->n, sizeof(*names->v), by_text) !=
	       NULL;
}

static bool
is_complete(const struct store_names *names, unsigned version)
{
	int kind;

	for (kind = 0; kind < PEM_N; kind++)
		if (!has_version(names, (enum pem_kind)kind, version))
			return false;
	return true;
}

struct err *
versions_read(
    int archive, unsigned *newest, unsigned *highest, unsigned *lowest)
{
	struct store_names names;
	struct err *e = fs_list(archive, &names);
	unsigned version;
	size_t i;
	int kind;

	*newest = *highest = *lowest = 0;
	if (e != NULL)
		return e;
	for (i = 0; i < names.n; i++)
		for (kind = 0; kind < PEM_N; kind++) {
			if (!version_parse(
				names.v[i], (enum pem_kind)kind, &version))
				continue;
			if (version > *highest)
				*highest = version;
			if (version < *lowest || *lowest == 0)
				*lowest = version;
			if (version > *newest && is_complete(&names, version))
				*newest = version;
		}
	store_names_clear(&names);
	return NULL;
}

/* Puts version into its place in a list that is sorted, the largest first. */
static void
insert(unsigned versions[VERSIONS_MAX], size_t *n, unsigned version)
{
	size_t at;

	for (at = 0; at < *n && versions[at] > version; at++)
		;
	if (at == VERSIONS_MAX)
		return;
	if (*n < VERSIONS_MAX)
		(*n)++;
	memmove(&versions[at + 1], &versions[at],
	    (*n - at - 1) * sizeof(*versions));
	versions[at] = version;
}

struct err *
versions_list(int archive, unsigned versions[VERSIONS_MAX], size_t *n)
{
	struct store_names names;
	struct err *e = fs_list(archive, &names);
	unsigned version;
	size_t i;

	*n = 0;
	if (e != NULL)
		return e;
	for (i = 0; i < names.n; i++)
		if (version_parse(names.v[i], PEM_CERT, &version) &&
		    is_complete(&names, version))
			insert(versions, n, version);
	store_names_clear(&names);
	return NULL;
}

/* Where a link between keys leads: to another key of the same directory. */
static struct err *
next_key(int archive, char name[COMPONENT_SIZE])
{
	char target[PATH_MAX], *slash;
	struct err *e;
	unsigned version;

	if ((e = fs_read_link(archive, name, target, sizeof(target))) != NULL)
		return e;
	if ((slash = strrchr(target, '/')) != NULL) {
		*slash = '\0';
		if (!fs_is_dir(archive, target, archive))
			return err_new(
			    "%s is a link that leads elsewhere", name);
	}
	slash = slash == NULL ? target : slash + 1;
	if (!version_parse(slash, PEM_PRIVKEY, &version))
		return err_new("%s is a link to what is no key", name);
	return component(name, "%s", slash);
}

struct err *
version_open(int archive, enum pem_kind kind, unsigned version, int *fd)
{
	char name[COMPONENT_SIZE];
	struct err *e;
	int links;

	*fd = -1;
	if ((e = component(name, "%s%u.pem", pem_kind_words[kind], version)) !=
	    NULL)
		return e;
	for (links = 0; links < LINKS_MAX; links++) {
		e = fs_open_file(archive, name, fd);
		if (err_errno(e) != ELOOP || kind != PEM_PRIVKEY)
			return e;
		err_free(e);
		if ((e = next_key(archive, name)) != NULL)
			return e;
	}
	return err_new(
	    "%s%u.pem is a link without an end", pem_kind_words[kind], version);
}

struct err *
version_stat(
    int archive, enum pem_kind kind, unsigned version, struct stat *st)
{
	char name[COMPONENT_SIZE];
	struct err *e;
	int fd;

	if ((e = component(name, "%s%u.pem", pem_kind_words[kind], version)) !=
		NULL ||
	    (fstatat(archive, name, st, AT_SYMLINK_NOFOLLOW) == 0 &&
		S_ISREG(st->st_mode)))
		return e;
	/* A link, or what is wrong is said as ever. */
	if ((e = version_open(archive, kind, version, &fd)) != NULL)
		return e;
	if (fstat(fd, st) == -1)
		e = err_sys("%s", name);
	close(fd);
	return e;
}

/* Whether dir, a path from live, is the archive. All links of a directory say
 * the same, so that it is looked at once. */
static bool
is_archive(int live, int archive, const char *dir, struct links_seen *seen)
{
	if (*dir != '\0' && strcmp(dir, seen->good) == 0)
		return true;
	if (!fs_is_dir(live, *dir == '\0' ? "/" : dir, archive))
		return false;
	(void)snprintf(seen->good, sizeof(seen->good), "%s", dir);
	return true;
}

struct err *
link_version(int live, int archive, enum pem_kind kind, unsigned *version,
    struct links_seen *seen)
{
	char name[32], target[PATH_MAX], *slash;
	struct err *e;

	(void)snprintf(name, sizeof(name), "%s.pem", pem_kind_words[kind]);
	e = fs_read_link(live, name, target, sizeof(target));
	if (err_errno(e) == ENOENT || err_errno(e) == EINVAL) {
		const bool missing = err_errno(e) == ENOENT;

		err_free(e);
		return err_new("%s is %s", name,
		    missing ? "missing" : "not a symbolic link");
	}
	if (e != NULL)
		return e;
	if ((slash = strrchr(target, '/')) == NULL ||
	    !version_parse(slash + 1, kind, version))
		return err_new("%s points to %s, which is no file of the "
			       "archive",
		    name, target);
	*slash = '\0';
	if (!is_archive(live, archive, target, seen))
		return err_new("%s points into %s, which is not the archive "
			       "of this certificate",
		    name, target);
	return NULL;
}

/* The keys that a kept key is a link to. */
static struct err *
needed_keys(int archive, const struct store_names *names, unsigned oldest,
    struct store_names *out)
{
	char name[COMPONENT_SIZE];
	struct err *e = NULL;
	unsigned version;
	size_t i;
	int links;

	for (i = 0; e == NULL && i < names->n; i++) {
		if (!version_parse(names->v[i], PEM_PRIVKEY, &version) ||
		    version < oldest)
			continue;
		e = component(name, "%s", names->v[i]);
		for (links = 0; e == NULL && links < LINKS_MAX; links++)
			if ((e = next_key(archive, name)) == NULL)
				e = fs_names_add(out, name);
		if (err_errno(e) == ENOMEM)
			return e;
		err_free(e); /* no link, or one that leads nowhere */
		e = NULL;
	}
	return e;
}

unsigned
versions_oldest(unsigned current)
{
	return current > VERSIONS_OLD ? current - VERSIONS_OLD : 0;
}

struct err *
versions_prune(int archive, unsigned current)
{
	const unsigned oldest = versions_oldest(current);
	struct store_names names = { 0 }, keep = { 0 };
	struct err *e;
	unsigned version;
	size_t i;
	int kind;

	if ((e = fs_list(archive, &names)) == NULL)
		e = needed_keys(archive, &names, oldest, &keep);
	for (i = 0; e == NULL && i < names.n; i++)
		for (kind = 0; e == NULL && kind < PEM_N; kind++)
			if (version_parse(
				names.v[i], (enum pem_kind)kind, &version) &&
			    version < oldest &&
			    !fs_names_has(&keep, names.v[i]))
				e = fs_unlink(archive, names.v[i]);
	store_names_clear(&names);
	store_names_clear(&keep);
	return e;
}
