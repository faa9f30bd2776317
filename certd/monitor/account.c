/*
 * account.c - certbot's tree of ACME accounts: finding one.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    the URL of a directory (strict, common/url.h); a tree that certbot
 *           wrote, with links of its own.
 * Promise:  what others could have put there is no account of ours.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account_priv.h"
#include "log.h"
#include "store_priv.h"
#include "url.h"

static const struct fs_owner only_root = { 0700, (gid_t)-1 };

struct err *
account_open_level(int at, const char *name, bool make, int *fd)
{
	struct stat st;
	struct err *e = NULL;

	*fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd == -1 && errno == ENOENT && make && !fs_exists(at, name))
		e = fs_make_dir(at, name, only_root, fd, NULL);
	else if (*fd == -1)
		e = err_sys("%s", name);
	if (e != NULL)
		return e;
	if (fstat(*fd, &st) == 0 && st.st_uid == geteuid() &&
	    (st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return NULL;
	close(*fd);
	*fd = -1;
	return err_new("%s: others could change it", name);
}

/* The path below accounts/: host, port where one is written, path. */
static struct err *
server_path(const char *server, char *out, size_t size)
{
	struct url url;
	const char *start;
	size_t n;

	if (!url_parse(str_of(server), &url))
		return err_new(
		    "%s is not the https URL of a directory", server);
	start = url.host.p; /* as written, port included */
	n = strcspn(start, "?");
	if (n >= size)
		return err_new("%s is too long", server);
	memcpy(out, start, n);
	out[n] = '\0';
	return NULL;
}

struct err *
account_open_server(struct store *s, const char *server, bool make, int *fd)
{
	char path[URL_MAX_BYTES + 1], *level, *rest = path;
	struct err *e;
	int at = s->accounts, next = -1;

	*fd = -1;
	if ((e = server_path(server, path, sizeof(path))) != NULL)
		return e;
	while (e == NULL && (level = strsep(&rest, "/")) != NULL) {
		if (*level == '\0')
			continue;
		if (fs_is_component(level))
			e = account_open_level(at, level, make, &next);
		else
			e = err_new("%s is no name for a directory", level);
		if (at != s->accounts)
			close(at);
		at = e == NULL ? next : s->accounts;
	}
	if (e == NULL)
		*fd = at;
	return err_wrap(e, "%s/accounts, %s", s->path, server);
}

void
account_free(struct account *a)
{
	if (a == NULL)
		return;
	if (a->key_fd != -1)
		close(a->key_fd);
	if (a->regr_fd != -1)
		close(a->regr_fd);
	if (a->next_fd != -1)
		close(a->next_fd);
	free(a->id);
	free(a);
}

/* The key of an interrupted change; *fd stays -1 where there is none. The CA has
 * heard only of one that was written. */
static struct err *
open_next(int dir, int *fd)
{
	struct err *e = fs_open_file(dir, NEXT_FILE, fd);
	struct stat st;

	if (err_errno(e) == ENOENT) {
		err_free(e);
		return NULL;
	}
	if (e == NULL && fstat(*fd, &st) == 0 && st.st_size == 0) {
		close(*fd);
		*fd = -1;
	}
	return e;
}

static struct err *
open_account(int server, const char *id, struct account **out)
{
	struct account *a = calloc(1, sizeof(*a));
	struct stat st;
	struct err *e;
	int dir = -1;

	*out = NULL;
	if (a == NULL || (a->id = strdup(id)) == NULL) {
		free(a);
		return err_sys("account");
	}
	a->key_fd = a->regr_fd = a->next_fd = -1;
	if ((e = account_open_level(server, id, false, &dir)) == NULL &&
	    (e = fs_open_file(dir, KEY_FILE, &a->key_fd)) == NULL)
		e = fs_open_file(dir, REGR_FILE, &a->regr_fd);
	if (e == NULL && (fstat(a->regr_fd, &st) == -1 || st.st_size == 0)) {
		errno = ENOENT; /* a power loss empties what was not synced */
		e = err_sys(REGR_FILE);
	}
	if (e == NULL)
		e = open_next(dir, &a->next_fd);
	if (dir != -1)
		close(dir);
	if (e != NULL) {
		account_free(a);
		return err_wrap(e, "account %s", id);
	}
	*out = a;
	return NULL;
}

/* The name that account_rename() has left for one beside it. */
static bool
is_alias(int server, const char *id)
{
	char target[256];
	struct err *e = fs_read_link(server, id, target, sizeof(target));
	bool is = e == NULL && fs_is_component(target);

	err_free(e);
	return is;
}

static struct err *
too_many(const struct store_names *found)
{
	char text[512] = "";
	size_t i, n = 0;

	for (i = 0; i < found->n && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s",
		    i == 0 ? "" : ", ", found->v[i]);
	return err_advise(err_new("there are several accounts: %s", text),
	    "say which with --account ID");
}

/* The only one. Those that cannot be opened are logged, as certbot passes over
 * them. */
static struct err *
find_only(int server, struct account **out)
{
	struct store_names ids, found = { 0 };
	struct account *a = NULL;
	struct err *e;
	size_t i;

	if ((e = fs_list(server, &ids)) != NULL)
		return e;
	for (i = 0; e == NULL && i < ids.n; i++) {
		if (*ids.v[i] == '.' || is_alias(server, ids.v[i]))
			continue;
		if ((e = open_account(server, ids.v[i], &a)) != NULL) {
			log_err(LOG_LEVEL_WARN, e);
			e = NULL;
			continue;
		}
		account_free(*out);
		*out = a;
		e = fs_names_add(&found, ids.v[i]);
	}
	if (e == NULL && found.n > 1)
		e = too_many(&found);
	if (e != NULL) {
		account_free(*out);
		*out = NULL;
	}
	store_names_clear(&ids);
	store_names_clear(&found);
	return e;
}

struct err *
account_find(struct store *s, const char *server, const char *wanted,
    struct account **out)
{
	struct stat st;
	struct err *e;
	int fd;

	*out = NULL;
	if (*wanted != '\0' && !fs_is_component(wanted))
		return err_new("%s cannot be an account", wanted);
	if ((e = account_open_server(s, server, false, &fd)) != NULL) {
		if (err_errno(e) != ENOENT || *wanted != '\0')
			return e;
		err_free(e);
		return NULL;
	}
	e = *wanted == '\0' ? find_only(fd, out)
			    : open_account(fd, wanted, out);
	if (*wanted != '\0' && err_errno(e) == ENOENT &&
	    fstatat(fd, wanted, &st, 0) == 0) {
		log_err(LOG_LEVEL_WARN, e); /* account_stage() takes it up */
		e = NULL;
	}
	close(fd);
	return err_wrap(e, "%s/accounts, %s", s->path, server);
}
