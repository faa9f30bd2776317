/*
 * account_new.c - certbot's tree of ACME accounts: making one.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    what an interrupted registration, or a power loss under certbot,
 *           has left.
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

#include "account_priv.h"
#include "log.h"
#include "store.h"

/* One a server. certbot passes over it: it is no account without regr.json. */
#define STAGE_DIR ".new"
#define REGR_NEW  ".regr.json.new"
#define META_NEW  ".meta.json.new"

static const struct fs_owner only_root = { 0700, (gid_t)-1 };

struct account_stage {
	int server; /* accounts/HOST/PATH */
	int dir;    /* .new in it, or an account that lost its regr.json */
	bool is_named;
};

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

/* Whether there is a file with something in it. */
static bool
is_written(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && st.st_size > 0;
}

/* An account with a key and without regr.json, so that nobody knows its URL:
 * the CA tells it for the key. wanted is its id, or "" for any. *dir stays -1
 * where there is none. */
static struct err *
find_lost(int server, const char *wanted, int *dir, int *fd)
{
	struct store_names ids;
	struct err *e;
	size_t i;

	if ((e = fs_list(server, &ids)) != NULL)
		return e;
	for (i = 0; i < ids.n && *fd == -1; i++) {
		if (*ids.v[i] == '.' ||
		    (*wanted != '\0' && strcmp(ids.v[i], wanted) != 0))
			continue;
		e = account_open_level(server, ids.v[i], false, dir);
		if (e == NULL && is_written(*dir, KEY_FILE) &&
		    !is_written(*dir, REGR_FILE))
			e = fs_open_file(*dir, KEY_FILE, fd);
		err_free(e); /* no account, whatever it is */
		if (*fd == -1 && *dir != -1) {
			close(*dir);
			*dir = -1;
		}
	}
	store_names_clear(&ids);
	return NULL;
}

/* A stage that exists: a lost account, or .new. */
static struct err *
open_stage(struct account_stage *stage, const char *wanted, int *fd)
{
	struct err *e;

	if ((e = find_lost(stage->server, wanted, &stage->dir, fd)) != NULL)
		return e;
	stage->is_named = stage->dir != -1;
	if (stage->is_named)
		return NULL;
	if ((e = fs_make_dir(stage->server, STAGE_DIR, only_root, &stage->dir,
		 NULL)) != NULL)
		return e;
	return reopen_key(stage->dir, fd);
}

struct err *
account_stage(struct store *s, const char *server, const char *wanted,
    struct account_stage **out, int *fd, bool *is_new)
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
	if ((e = account_open_server(s, server, true, &stage->server)) ==
		NULL &&
	    (e = open_stage(stage, wanted, fd)) == NULL && *fd == -1) {
		*is_new = true;
		e = fs_create(stage->dir, KEY_FILE, key, fd);
	}
	if (e == NULL)
		*out = stage;
	else
		account_stage_free(stage);
	return err_wrap(e, "new account at %s", server);
}

struct err *
account_stage_again(struct store *s, const char *server, const char *id,
    struct account_stage **out)
{
	struct account_stage *stage = calloc(1, sizeof(*stage));
	struct err *e;

	*out = NULL;
	if (stage == NULL)
		return err_sys("account");
	stage->server = stage->dir = -1;
	stage->is_named = true;
	if ((e = account_open_server(s, server, false, &stage->server)) == NULL)
		e = account_open_level(stage->server, id, false, &stage->dir);
	if (e == NULL)
		*out = stage;
	else
		account_stage_free(stage);
	return err_wrap(e, "account %s at %s", id, server);
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
	if ((e = fs_unlink(stage->dir, REGR_NEW)) == NULL &&
	    (e = fs_unlink(stage->dir, META_NEW)) == NULL &&
	    (e = fs_create(stage->dir, REGR_NEW, all, regr_fd)) == NULL)
		e = fs_create(stage->dir, META_NEW, all, meta_fd);
	if (e != NULL && *regr_fd != -1) {
		close(*regr_fd);
		*regr_fd = -1;
	}
	return err_wrap(e, "new account");
}

/* The files get their names; regr.json is what makes it an account. */
static struct err *
name_files(struct account_stage *stage)
{
	struct err *e = NULL;

	if (is_written(stage->dir, META_FILE)) /* of an account that was lost */
		e = fs_unlink(stage->dir, META_NEW);
	else if (renameat(stage->dir, META_NEW, stage->dir, META_FILE) == -1)
		e = err_sys(META_FILE);
	if (e == NULL &&
	    renameat(stage->dir, REGR_NEW, stage->dir, REGR_FILE) == -1)
		e = err_sys(REGR_FILE);
	return e == NULL ? fs_sync(stage->dir, STAGE_DIR) : e;
}

struct err *
account_commit(struct account_stage *stage, const char *id)
{
	struct err *e;

	if (!fs_is_component(id) || *id == '.')
		return err_new("%s cannot be an account", id);
	if ((e = sync_file(stage->dir, KEY_FILE)) == NULL &&
	    (e = sync_file(stage->dir, REGR_NEW)) == NULL &&
	    (e = sync_file(stage->dir, META_NEW)) == NULL &&
	    (e = name_files(stage)) == NULL && !stage->is_named) {
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
	if (!stage->is_named)
		log_err(LOG_LEVEL_WARN,
		    err_wrap(
			fs_remove_dir(stage->server, STAGE_DIR), "account"));
	account_stage_free(stage);
}
