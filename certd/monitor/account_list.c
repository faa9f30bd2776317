/*
 * account_list.c - certbot's tree of ACME accounts: all of them.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    a tree that certbot wrote, with links of its own.
 * Promise:  opened is nothing that others could change; links without an end
 *           end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account_priv.h"
#include "store_priv.h"
#include "url.h"

#define DEPTH_MAX 8 /* HOST/PATH... */

struct walk {
	struct store *s;
	account_seen *fn;
	void *arg;
	char path[URL_MAX_BYTES + 1]; /* below accounts/ */
};

/* An account's directory, or one on the way to some. */
static struct err *
look_at(int dir, bool *is_account)
{
	struct stat st;
	struct err *e;
	int fd;

	*is_account = fs_exists(dir, KEY_FILE);
	if (!*is_account)
		return NULL;
	if ((e = fs_open_file(dir, KEY_FILE, &fd)) != NULL)
		return e;
	if (fstat(fd, &st) == 0 && (st.st_mode & 077) != 0)
		e = err_advise(err_new("%s is open to others", KEY_FILE),
		    "chmod 400 it, and change the key: certctl account "
		    "rollover");
	close(fd);
	if (e == NULL && (e = fs_open_file(dir, REGR_FILE, &fd)) == NULL) {
		if (fstat(fd, &st) == 0 && st.st_size == 0)
			e = err_new("%s is empty", REGR_FILE);
		close(fd);
	}
	return e;
}

static void walk(struct walk *w, int at, unsigned depth);

static void
enter(struct walk *w, int at, const char *name, unsigned depth)
{
	const size_t n = strlen(w->path);
	bool is_account = false;
	struct err *e;
	int fd = -1;

	e = account_open_level(at, name, false, &fd);
	if (err_errno(e) == ENOTDIR) { /* a file: none of ours */
		err_free(e);
		return;
	}
	if (e == NULL)
		e = look_at(fd, &is_account);
	if (e != NULL || is_account) {
		w->fn(w->arg, w->path, name, e);
	} else if (depth < DEPTH_MAX &&
		   n + strlen(name) + 2 <= sizeof(w->path)) {
		(void)sprintf(w->path + n, "%s%s", n == 0 ? "" : "/", name);
		walk(w, fd, depth + 1);
		w->path[n] = '\0';
	}
	if (fd != -1)
		close(fd);
}

static void
walk(struct walk *w, int at, unsigned depth)
{
	struct store_names names;
	struct err *e;
	size_t i;

	if ((e = fs_list(at, &names)) != NULL)
		w->fn(w->arg, w->path, "", e);
	for (i = 0; i < names.n; i++)
		if (*names.v[i] != '.')
			enter(w, at, names.v[i], depth);
	store_names_clear(&names);
}

void
accounts_each(struct store *s, account_seen *fn, void *arg)
{
	struct walk w = { .s = s, .fn = fn, .arg = arg };

	walk(&w, s->accounts, 0);
}
