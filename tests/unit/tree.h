/*
 * tree.h - a certificate store in a directory of its own, for the tests of
 * certd/monitor/store*.c. Runs as root.
 */
#ifndef TREE_H
#define TREE_H

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config.h"
#include "err.h"
#include "log.h"
#include "store.h"

#define UNUSED   __attribute__((unused))
#define NAME     "a.example.com"
#define NO_GROUP ((gid_t)-1)

struct tree {
	char path[64];
	struct config cfg;
	struct store *s;
};

/* Fails the test with the text of e. */
#define assert_ok(call)                                                        \
	do {                                                                   \
		struct err *e_ = (call);                                       \
		if (e_ != NULL)                                                \
			fail_msg("%s", err_text(e_));                          \
	} while (0)
/* The call fails, and its text holds part. */
#define assert_fails(call, part)                                               \
	do {                                                                   \
		struct err *e_ = (call);                                       \
		if (e_ == NULL)                                                \
			fail_msg("no error, expected: %s", part);              \
		if (strstr(err_text(e_), part) == NULL)                        \
			fail_msg("\"%s\" says nothing of \"%s\"",              \
			    err_text(e_), part);                               \
		err_free(e_);                                                  \
	} while (0)

/* Nothing is logged: what goes wrong here is meant to. */
#define LOG_NOTHING ((enum log_level)0)

/* An empty directory. */
static UNUSED void
tree_make(struct tree *t)
{
	memset(t, 0, sizeof(*t));
	/* In memory where there is room: thousands of fsync() are to come. */
	(void)snprintf(t->path, sizeof(t->path), "%s/certd-test-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(t->path));
	assert_int_equal(chmod(t->path, 0755), 0);
	t->cfg.config_dir = t->path;
	log_limit(LOG_NOTHING);
}

static UNUSED void
tree_open(struct tree *t, gid_t gid)
{
	tree_make(t);
	assert_ok(store_open(&t->cfg, gid, &t->s));
}

static UNUSED void
tree_reopen(struct tree *t, gid_t gid)
{
	store_close(t->s);
	t->s = NULL;
	assert_ok(store_open(&t->cfg, gid, &t->s));
}

/* Runs a shell command in the tree. */
static UNUSED void
sh(const struct tree *t, const char *command)
{
	char line[1024];

	(void)snprintf(line, sizeof(line), "cd %s && %s", t->path, command);
	if (system(line) != 0)
		fail_msg("%s", line);
}

static UNUSED int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static UNUSED void
tree_close(struct tree *t)
{
	store_close(t->s);
	t->s = NULL;
	assert_int_equal(
	    nftw(t->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static UNUSED const char *
at(const struct tree *t, const char *name)
{
	static char path[4][512];
	static unsigned i;
	char *p = path[i++ % 4];

	(void)snprintf(p, sizeof(*path), "%s/%s", t->path, name);
	return p;
}

/* What a file holds, through links; "" where it cannot be read. */
static UNUSED const char *
content(const struct tree *t, const char *name)
{
	static char text[4][8192];
	static unsigned i;
	char *p = text[i++ % 4];
	int fd = open(at(t, name), O_RDONLY);
	ssize_t n = fd == -1 ? 0 : read(fd, p, sizeof(*text) - 1);

	p[n > 0 ? n : 0] = '\0';
	if (fd != -1)
		close(fd);
	return p;
}

static UNUSED void
put(const struct tree *t, const char *name, const char *text)
{
	int fd = open(at(t, name), O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static UNUSED bool
exists(const struct tree *t, const char *name)
{
	struct stat st;

	return lstat(at(t, name), &st) == 0;
}

static UNUSED unsigned
mode_of(const struct tree *t, const char *name)
{
	struct stat st;

	assert_int_equal(stat(at(t, name), &st), 0);
	return st.st_mode & 07777;
}

static UNUSED gid_t
group_of(const struct tree *t, const char *name)
{
	struct stat st;

	assert_int_equal(stat(at(t, name), &st), 0);
	return st.st_gid;
}

/* What the signer does: a key that says which job made it. */
static UNUSED void
stage_key(struct tree *t, uint32_t job)
{
	int fd;

	assert_ok(store_stage_key(t->s, job, &fd));
	assert_true(dprintf(fd, "key %u\n", job) > 0);
	close(fd);
	assert_ok(store_stage_sync(t->s, job, NULL));
}

static const struct renewal renewal_a UNUSED = {
	.server = "https://acme.example/directory",
	.account = "0123456789abcdef0123456789abcdef",
	.authenticator = "dns-cloudflare",
	.credentials = "/etc/letsencrypt/cf.ini",
	.key_kind = KEY_EC_P256,
};

/* Installs "cert JOB" and "chain JOB" with the staged key of job; a job that is
 * not the first changes the renewal file. */
static UNUSED struct err *
install_staged(struct tree *t, uint32_t job, bool is_new, unsigned *version)
{
	char cert[32], chain[32], hook[32];
	struct renewal renewal = renewal_a;
	struct store_install in = { .job = job,
		.lineage = NAME,
		.is_new = is_new,
		.cert = cert,
		.chain = chain,
		.renewal = &renewal };
	struct err *e;

	(void)snprintf(hook, sizeof(hook), "true %u", job);
	if (!is_new)
		renewal.deploy_hook = hook;
	in.cert_bytes = (size_t)snprintf(cert, sizeof(cert), "cert %u\n", job);
	in.chain_bytes =
	    (size_t)snprintf(chain, sizeof(chain), "chain %u\n", job);
	if ((e = store_lock(t->s)) != NULL)
		return e;
	e = store_install(t->s, &in, version);
	store_unlock(t->s);
	return e;
}

static UNUSED unsigned
install(struct tree *t, uint32_t job, bool is_new)
{
	unsigned version = 0;

	stage_key(t, job);
	assert_ok(install_staged(t, job, is_new, &version));
	store_unstage(t->s, job);
	return version;
}

/* The job whose certificate is live; 0 where the four files are not one
 * matching set. */
static UNUSED unsigned
live_job(const struct tree *t)
{
	char cert[32], key[32], chain[32], full[64];
	unsigned job;

	if (sscanf(content(t, "live/" NAME "/cert.pem"), "cert %u\n", &job) !=
	    1)
		return 0;
	(void)snprintf(cert, sizeof(cert), "cert %u\n", job);
	(void)snprintf(chain, sizeof(chain), "chain %u\n", job);
	(void)snprintf(key, sizeof(key), "key %u\n", job);
	(void)snprintf(full, sizeof(full), "%s%s", cert, chain);
	return strcmp(content(t, "live/" NAME "/privkey.pem"), key) == 0 &&
		       strcmp(content(t, "live/" NAME "/chain.pem"), chain) ==
			   0 &&
		       strcmp(
			   content(t, "live/" NAME "/fullchain.pem"), full) == 0
		   ? job
		   : 0;
}

#endif
