/*
 * landlock.c - paths, sockets and signals under Landlock.
 *
 * Runs in:  every process that locks itself in, once, before its first foreign
 *           byte.
 * Promise:  what the running kernel can refuse is refused; a kernel that knows
 *           less of Landlock, or nothing, is no error: seccomp and the user
 *           still hold.
 *
 * Raw system calls with numbers of our own, because glibc has no wrappers and
 * the headers of Debian 12 end at the second version of the interface. See
 * Documentation/userspace-api/landlock.rst of the kernel.
 */
#define _GNU_SOURCE /* O_PATH, syscall */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "landlock.h"

#define CREATE_VERSION    1 /* flag of create_ruleset: return the version */
#define RULE_PATH_BENEATH 1

/* handled_access_fs */
#define FS_WRITE_FILE  (1ULL << 1)
#define FS_READ_FILE   (1ULL << 2)
#define FS_READ_DIR    (1ULL << 3)
#define FS_REMOVE_DIR  (1ULL << 4)
#define FS_REMOVE_FILE (1ULL << 5)
#define FS_MAKE_DIR    (1ULL << 7)
#define FS_MAKE_REG    (1ULL << 8)
#define FS_MAKE_SYM    (1ULL << 12)
#define FS_REFER       (1ULL << 13)
#define FS_TRUNCATE    (1ULL << 14)
#define FS_ALL_1       ((1ULL << 13) - 1) /* version 1: execute ... make_sym */
#define FS_IOCTL_DEV   (1ULL << 15)

/* What a path can be opened for. Nothing is ever executed, no device made. */
#define FS_READ (FS_READ_FILE | FS_READ_DIR)
#define FS_WRITE                                                               \
	(FS_READ | FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE |            \
	    FS_MAKE_DIR | FS_MAKE_REG | FS_MAKE_SYM | FS_REFER | FS_TRUNCATE)
/* Rights of files; the others are of directories only (else EINVAL). */
#define FS_OF_FILE (FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE)

/* handled_access_net */
#define NET_BIND_TCP    (1ULL << 0)
#define NET_CONNECT_TCP (1ULL << 1)

/* scoped */
#define SCOPE_ABSTRACT_UNIX (1ULL << 0)
#define SCOPE_SIGNAL        (1ULL << 1)

struct ruleset {
	uint64_t fs, net, scoped;
};

struct path_beneath {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

/* What each version of the interface added. */
static const struct {
	int version;
	struct ruleset adds;
} versions[] = {
	{ 1, { .fs = FS_ALL_1 } },                               /* 5.13 */
	{ 2, { .fs = FS_REFER } },                               /* 5.19 */
	{ 3, { .fs = FS_TRUNCATE } },                            /* 6.2 */
	{ 4, { .net = NET_BIND_TCP | NET_CONNECT_TCP } },        /* 6.7 */
	{ 5, { .fs = FS_IOCTL_DEV } },                           /* 6.10 */
	{ 6, { .scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL } }, /* 6.12 */
};

#if SANDBOX_SANITIZED
/* LeakSanitizer lists the threads and mappings of its process at exit. */
static const struct sandbox_path build_paths[] = { { "/proc/self", false },
	{ NULL, false } };
#else
static const struct sandbox_path build_paths[] = { { NULL, false } };
#endif

static struct ruleset
handled(int version, struct landlock_keeps keeps)
{
	struct ruleset r = { 0, 0, 0 };
	size_t i;

	for (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		if (versions[i].version > version)
			break;
		r.fs |= versions[i].adds.fs;
		r.net |= versions[i].adds.net;
		r.scoped |= versions[i].adds.scoped;
	}
	if (keeps.tcp)
		r.net &= ~NET_CONNECT_TCP;
	if (keeps.signals)
		r.scoped &= ~SCOPE_SIGNAL;
	return r;
}

static struct err *
open_path(int rules, const struct sandbox_path *p, uint64_t fs)
{
	struct path_beneath rule = { p->write ? FS_WRITE : FS_READ, -1 };
	struct stat st;
	struct err *e = NULL;

	if ((rule.fd = open(p->path, O_PATH | O_CLOEXEC)) == -1)
		return errno == ENOENT ? NULL : err_sys("%s", p->path);
	rule.allowed &= fs;
	if (fstat(rule.fd, &st) == -1)
		e = err_sys("%s", p->path);
	else if (!S_ISDIR(st.st_mode))
		rule.allowed &= FS_OF_FILE;
	if (e == NULL && syscall(SYS_landlock_add_rule, rules,
			     RULE_PATH_BENEATH, &rule, 0) == -1)
		e = err_sys("Landlock rule for %s", p->path);
	close(rule.fd);
	return e;
}

static struct err *
open_paths(int rules, const struct sandbox_path *p, uint64_t fs)
{
	struct err *e = NULL;

	for (; p != NULL && p->path != NULL && e == NULL; p++)
		e = open_path(rules, p, fs);
	return e;
}

struct err *
landlock_enter(const struct sandbox_path *paths, struct landlock_keeps keeps)
{
	struct ruleset attr;
	struct err *e;
	long version;
	int rules;

	version = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
	/* EPERM comes from the filter of a container that knows no Landlock. */
	if (version == -1 &&
	    (errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM))
		return NULL;
	if (version == -1)
		return err_sys("version of Landlock");
	/* An older kernel takes the longer struct where the rest is zero. */
	attr = handled((int)version, keeps);
	rules =
	    (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (rules == -1)
		return err_sys("Landlock rules");
	if ((e = open_paths(rules, paths, attr.fs)) == NULL &&
	    (e = open_paths(rules, build_paths, attr.fs)) == NULL &&
	    syscall(SYS_landlock_restrict_self, rules, 0) == -1)
		e = err_sys("Landlock");
	close(rules);
	return e;
}
