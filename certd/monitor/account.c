/*
 * account.c - certbot's tree of ACME accounts.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    the URL of a directory (strict, common/url.h); a tree that certbot
 *           wrote, with links of its own.
 * Promise:  an account that we make appears whole or not at all; a key that
 *           the CA may know is never lost.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account.h"
#include "log.h"
#include "store_priv.h"
#include "url.h"

#define KEY_FILE  "private_key.json"
#define REGR_FILE "regr.json"
#define META_FILE "meta.json"
/* One a server. certbot passes over it: it is no account without regr.json. */
#define STAGE_DIR ".new"

static const struct fs_owner only_root = { 0700, (gid_t)-1 };

struct account_stage {
	int server; /* accounts/HOST/PATH */
	int dir;    /* .new in it */
};

/* A level of accounts/: a directory, or certbot's link to the tree of an older
 * server. Whoever could change where it leads could change it all. */
static struct err *
open_level(int at, const char *name, bool make, int *fd)
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
		return err_new("%s is not the https URL of a directory",
		    server);
	start = url.host.p; /* as written, port included */
	n = strcspn(start, "?");
	if (n >= size)
		return err_new("%s is too long", server);
	memcpy(out, start, n);
	out[n] = '\0';
	return NULL;
}

/* accounts/HOST/PATH. err_errno() is ENOENT where it is missing and make is
 * not set. On error *fd is -1. */
static struct err *
open_server(struct store *s, const char *server, bool make, int *fd)
{
	char path[URL_MAX_BYTES + 1], *level, *rest = path;
	struct err *e;
	int at = s->accounts, next;

	*fd = -1;
	if ((e = server_path(server, path, sizeof(path))) != NULL)
		return e;
	while (e == NULL && (level = strsep(&rest, "/")) != NULL) {
		if (*level == '\0')
			continue;
		if (fs_is_component(level))
			e = open_level(at, level, make, &next);
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
	free(a->id);
	free(a);
}

/* One account, with the time its key was made. */
static struct err *
open_account(int server, const char *id, struct account **out, time_t *made)
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
	a->key_fd = a->regr_fd = -1;
	if ((e = open_level(server, id, false, &dir)) == NULL &&
	    (e = fs_open_file(dir, KEY_FILE, &a->key_fd)) == NULL)
		e = fs_open_file(dir, REGR_FILE, &a->regr_fd);
	if (e == NULL && fstat(a->key_fd, &st) == -1)
		e = err_sys(KEY_FILE);
	if (dir != -1)
		close(dir);
	if (e != NULL) {
		account_free(a);
		return err_wrap(e, "account %s", id);
	}
	*made = st.st_mtime;
	*out = a;
	return NULL;
}

/* Of all accounts the one made last. Those that cannot be opened are logged,
 * as certbot passes over them. */
static struct err *
find_last(int server, struct account **out)
{
	struct store_names ids;
	struct account *a;
	struct err *e;
	time_t made, last = 0;
	size_t i, n = 0;

	if ((e = fs_list(server, &ids)) != NULL)
		return e;
	for (i = 0; i < ids.n; i++) {
		if (*ids.v[i] == '.')
			continue;
		if ((e = open_account(server, ids.v[i], &a, &made)) != NULL) {
			log_err(LOG_LEVEL_WARN, e);
			continue;
		}
		n++;
		if (*out == NULL || made >= last) {
			account_free(*out);
			*out = a;
			last = made;
		} else
			account_free(a);
	}
	store_names_clear(&ids);
	if (n > 1)
		log_warn("%zu accounts and none named: taking the newest, %s",
		    n, (*out)->id);
	return NULL;
}

struct err *
account_find(struct store *s, const char *server, const char *wanted,
    struct account **out)
{
	struct err *e;
	time_t made;
	int fd;

	*out = NULL;
	if (*wanted != '\0' && !fs_is_component(wanted))
		return err_new("%s cannot be an account", wanted);
	if ((e = open_server(s, server, false, &fd)) != NULL) {
		if (err_errno(e) != ENOENT || *wanted != '\0')
			return e;
		err_free(e);
		return NULL;
	}
	e = *wanted == '\0' ? find_last(fd, out) :
			      open_account(fd, wanted, out, &made);
	close(fd);
	return err_wrap(e, "%s/accounts, %s", s->path, server);
}

/* Opens the key of an interrupted registration: *fd stays -1 where there is
 * none. One that was never written is removed. */
static struct err *
reopen_key(int dir, int *fd)
{
	struct stat st;
	struct err *e = fs_open_file(dir, KEY_FILE, fd);

	if (err_errno(e) == ENOENT) {
		err_free(e);
		return NULL;
	}
	if (e != NULL || (fstat(*fd, &st) == 0 && st.st_size > 0))
		return e;
	close(*fd);
	*fd = -1;
	return fs_unlink(dir, KEY_FILE);
}

struct err *
account_stage(struct store *s, const char *server, struct account_stage **out,
    int *fd, bool *is_new)
{
	const struct fs_owner key = { 0400, (gid_t)-1 };
	struct account_stage *stage = calloc(1, sizeof(*stage));
	struct err *e;

	*out = NULL;
	*fd = -1;
	*is_new = false;
	if (stage == NULL)
		return err_sys("account");
	stage->server = stage->dir = -1;
	if ((e = open_server(s, server, true, &stage->server)) == NULL &&
	    (e = fs_make_dir(stage->server, STAGE_DIR, only_root, &stage->dir,
		 NULL)) == NULL &&
	    (e = reopen_key(stage->dir, fd)) == NULL && *fd == -1) {
		*is_new = true;
		e = fs_create(stage->dir, KEY_FILE, key, fd);
	}
	if (e == NULL)
		*out = stage;
	else
		account_stage_free(stage);
	return err_wrap(e, "new account at %s", server);
}

static struct err *
sync_file(int dir, const char *name)
{
	struct err *e;
	int fd;

	if ((e = fs_open_file(dir, name, &fd)) != NULL)
		return e;
	e = fs_sync(fd, name);
	close(fd);
	return e;
}

struct err *
account_stage_sync(struct account_stage *stage)
{
	struct err *e = sync_file(stage->dir, KEY_FILE);

	return e == NULL ? fs_sync(stage->dir, STAGE_DIR) : e;
}

struct err *
account_stage_files(struct account_stage *stage, int *regr_fd, int *meta_fd)
{
	const struct fs_owner all = { 0644, (gid_t)-1 };
	struct err *e;

	*regr_fd = *meta_fd = -1;
	if ((e = fs_unlink(stage->dir, REGR_FILE)) == NULL &&
	    (e = fs_unlink(stage->dir, META_FILE)) == NULL &&
	    (e = fs_create(stage->dir, REGR_FILE, all, regr_fd)) == NULL)
		e = fs_create(stage->dir, META_FILE, all, meta_fd);
	if (e != NULL && *regr_fd != -1) {
		close(*regr_fd);
		*regr_fd = -1;
	}
	return err_wrap(e, "new account");
}

struct err *
account_commit(struct account_stage *stage, const char *id)
{
	struct err *e;

	if (!fs_is_component(id) || *id == '.')
		return err_new("%s cannot be an account", id);
	if ((e = sync_file(stage->dir, KEY_FILE)) == NULL &&
	    (e = sync_file(stage->dir, REGR_FILE)) == NULL &&
	    (e = sync_file(stage->dir, META_FILE)) == NULL &&
	    (e = fs_sync(stage->dir, STAGE_DIR)) == NULL) {
		if (renameat2(stage->server, STAGE_DIR, stage->server, id,
			RENAME_NOREPLACE) == -1)
			e = err_sys("give it its name");
		else
			e = fs_sync(stage->server, ".");
	}
	return err_wrap(e, "new account %s", id);
}

void
account_stage_free(struct account_stage *stage)
{
	if (stage == NULL)
		return;
	if (stage->dir != -1)
		close(stage->dir);
	if (stage->server != -1)
		close(stage->server);
	free(stage);
}

void
account_stage_drop(struct account_stage *stage)
{
	log_err(LOG_LEVEL_WARN,
	    err_wrap(fs_remove_dir(stage->server, STAGE_DIR), "account"));
	account_stage_free(stage);
}
