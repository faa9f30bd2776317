/*
 * account_next.c - certbot's tree of ACME accounts: another key for one, another
 * name, and the end of one.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    what an interrupted change has left.
 * Promise:  at every instant the account's directory holds a key, and the key
 *           that the CA may know is never removed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "account_priv.h"
#include "store.h"

static const struct fs_owner key_owner = { 0400, (gid_t)-1 };

/* The server's directory and the account's in it; both to be closed. */
static struct err *
open_both(struct store *s, const char *server, const char *id, int *at,
    int *dir)
{
	struct err *e;

	*at = *dir = -1;
	if (!fs_is_component(id) || *id == '.')
		return err_new("%s cannot be an account", id);
	if ((e = account_open_server(s, server, false, at)) == NULL)
		e = account_open_level(*at, id, false, dir);
	return e;
}

static void
close_both(int at, int dir)
{
	if (dir != -1)
		close(dir);
	if (at != -1)
		close(at);
}

struct err *
account_next(struct store *s, const char *server, const char *id, int *fd,
    bool *is_new)
{
	struct stat st;
	struct err *e;
	int at, dir;

	*fd = -1;
	*is_new = false;
	if ((e = open_both(s, server, id, &at, &dir)) != NULL)
		goto out;
	if (fstatat(dir, NEXT_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_size > 0) {
		e = fs_open_file(dir, NEXT_FILE, fd);
		goto out;
	}
	*is_new = true;
	if ((e = fs_unlink(dir, NEXT_FILE)) == NULL)
		e = fs_create(dir, NEXT_FILE, key_owner, fd);
out:
	close_both(at, dir);
	return err_wrap(e, "next key of account %s", id);
}

/* A file of the directory, and its entry. */
static struct err *
sync_entry(int dir, const char *name)
{
	struct err *e;
	int fd;

	if ((e = fs_open_file(dir, name, &fd)) != NULL)
		return e;
	if ((e = fs_sync(fd, name)) == NULL)
		e = fs_sync(dir, ".");
	close(fd);
	return e;
}

struct err *
account_next_sync(struct store *s, const char *server, const char *id)
{
	struct err *e;
	int at, dir;

	if ((e = open_both(s, server, id, &at, &dir)) == NULL)
		e = sync_entry(dir, NEXT_FILE);
	close_both(at, dir);
	return err_wrap(e, "next key of account %s", id);
}

struct err *
account_next_commit(struct store *s, const char *server, const char *id)
{
	struct err *e;
	int at, dir, fd = -1;

	if ((e = open_both(s, server, id, &at, &dir)) != NULL ||
	    (e = fs_open_file(dir, KEY_FILE, &fd)) != NULL ||
	    (e = fs_copy(dir, BEFORE_FILE, key_owner, &fd, 1)) != NULL)
		goto out;
	if (renameat(dir, NEXT_FILE, dir, KEY_FILE) == -1)
		e = err_sys(KEY_FILE);
	else
		e = fs_sync(dir, ".");
out:
	if (fd != -1)
		close(fd);
	close_both(at, dir);
	return err_wrap(e, "next key of account %s", id);
}

static bool
is_link(int at, const char *name)
{
	struct stat st;

	return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISLNK(st.st_mode);
}

/* The link is made under the new name, pointing at itself, and changes places
 * with the directory: there is no instant without either. */
struct err *
account_rename(struct store *s, const char *server, const char *id,
    const char *new_id)
{
	struct err *e;
	int at, dir;

	if ((e = open_both(s, server, id, &at, &dir)) != NULL ||
	    is_link(at, id) || strcmp(id, new_id) == 0)
		goto out;
	if (!fs_is_component(new_id) || *new_id == '.')
		e = err_new("%s cannot be an account", new_id);
	else if (is_link(at, new_id))
		e = fs_unlink(at, new_id); /* of an interrupted try */
	if (e != NULL)
		goto out;
	if (symlinkat(new_id, at, new_id) == -1)
		e = err_sys("%s", new_id);
	else if (renameat2(at, id, at, new_id, RENAME_EXCHANGE) == -1)
		e = err_sys("give it the name %s", new_id);
	else
		e = fs_sync(at, ".");
out:
	close_both(at, dir);
	return err_wrap(e, "account %s", id);
}

struct err *
account_unlink(struct store *s, const char *server, const char *id)
{
	struct err *e;
	int at;

	if (!fs_is_component(id))
		return err_new("%s cannot be an account", id);
	if ((e = account_open_server(s, server, false, &at)) != NULL)
		return e;
	if (is_link(at, id) && (e = fs_unlink(at, id)) == NULL)
		e = fs_sync(at, ".");
	close(at);
	return err_wrap(e, "account %s", id);
}

struct err *
account_remove(struct store *s, const char *server, const char *id)
{
	struct err *e;
	int at, dir;

	if ((e = open_both(s, server, id, &at, &dir)) == NULL &&
	    is_link(at, id))
		e = err_new("it is a link to somewhere else");
	if (e == NULL && (e = fs_remove_dir(at, id)) == NULL)
		e = fs_sync(at, ".");
	close_both(at, dir);
	return err_wrap(e, "account %s", id);
}
