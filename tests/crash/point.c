/*
 * point.c - which system calls are points, and what they are called.
 *
 * Runs in:  tests only (root), beside the process that is looked at.
 * Promise:  a call that changes nothing outside of its process is none.
 */
#define _GNU_SOURCE /* process_vm_readv */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <netinet/in.h>
#include <unistd.h>

#include "strike.h"

/* How a call names what it is about. */
enum object {
	OBJECT_FD,	/* a descriptor in its first argument */
	OBJECT_PATH,	/* a path in its first */
	OBJECT_AT,	/* a path in its second */
	OBJECT_AT_NEW,	/* a path in its fourth (renameat, linkat), */
	OBJECT_NEW,	/* second (rename), */
	OBJECT_LINK,	/* or third (symlinkat): what comes into being */
	OBJECT_BYTES,	/* bytes to a descriptor, */
	OBJECT_VECTOR,	/* the same in parts, */
	OBJECT_MSGHDR,	/* or in a struct msghdr */
};

static const struct row {
	int number;
	const char *name;
	enum object object;
} rows[] = {
	{ SYS_openat, "create", OBJECT_AT },
	{ SYS_mkdirat, "mkdir", OBJECT_AT },
	{ SYS_unlinkat, "unlink", OBJECT_AT },
	{ SYS_renameat, "rename", OBJECT_AT_NEW },
	{ SYS_renameat2, "rename", OBJECT_AT_NEW },
	{ SYS_linkat, "link", OBJECT_AT_NEW },
	{ SYS_symlinkat, "symlink", OBJECT_LINK },
#ifdef SYS_unlink
	{ SYS_mkdir, "mkdir", OBJECT_PATH },
	{ SYS_unlink, "unlink", OBJECT_PATH },
	{ SYS_rename, "rename", OBJECT_NEW },
#endif
	{ SYS_ftruncate, "truncate", OBJECT_FD },
	{ SYS_fsync, "fsync", OBJECT_FD },
	{ SYS_fdatasync, "fsync", OBJECT_FD },
	{ SYS_syncfs, "fsync", OBJECT_FD },
	{ SYS_fchmod, "chmod", OBJECT_FD },
	{ SYS_fchown, "chown", OBJECT_FD },
	{ SYS_sendfile, "copy", OBJECT_FD },
	{ SYS_pwrite64, "write", OBJECT_BYTES },
	{ SYS_write, "write", OBJECT_BYTES },
	{ SYS_writev, "write", OBJECT_VECTOR },
	{ SYS_sendto, "write", OBJECT_BYTES },
	{ SYS_sendmsg, "write", OBJECT_MSGHDR },
};

const int point_calls[] = { SYS_openat, SYS_mkdirat, SYS_unlinkat,
	SYS_renameat, SYS_renameat2, SYS_linkat, SYS_symlinkat, SYS_ftruncate,
#ifdef SYS_unlink
	SYS_mkdir, SYS_unlink, SYS_rename,
#endif
	SYS_fsync, SYS_fdatasync, SYS_syncfs, SYS_fchmod, SYS_fchown,
	SYS_sendfile,
	SYS_pwrite64, SYS_write, SYS_writev, SYS_sendto, SYS_sendmsg };
const unsigned point_calls_n = sizeof(point_calls) / sizeof(*point_calls);

/* Bytes of another process; how many there were. */
static size_t
peek(pid_t pid, uint64_t from, void *to, size_t n)
{
	struct iovec here = { to, n }, there = { (void *)(uintptr_t)from, n };
	ssize_t got = process_vm_readv(pid, &here, 1, &there, 1, 0);

	return got == -1 ? 0 : (size_t)got;
}

/* The last two parts of a path, digits as #: folders of a test have other
 * names in every run. */
static void
shorten(const char *path, char *out, size_t size)
{
	const char *p = path + strlen(path);
	int slashes = 0;
	size_t n = 0;

	while (p > path && (p[-1] != '/' || ++slashes < 2))
		p--;
	for (; *p != '\0' && n + 1 < size; p++)
		if (*p < '0' || *p > '9')
			out[n++] = *p;
		else if (n == 0 || out[n - 1] != '#')
			out[n++] = '#';
	out[n] = '\0';
}

/* A path in the memory of the process: page by page, as it may end anywhere. */
static void
peek_path(pid_t pid, uint64_t from, char out[PATH_MAX])
{
	size_t n = 0, part;

	do {
		part = 4096 - (from + n) % 4096;
		if (part > PATH_MAX - 1 - n)
			part = PATH_MAX - 1 - n;
		part = peek(pid, from + n, out + n, part);
		n += part;
		out[n] = '\0';
	} while (part > 0 && n < PATH_MAX - 1 && strlen(out) == n);
}

static void
link_of(pid_t pid, int fd, char out[PATH_MAX])
{
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
	n = readlink(path, out, PATH_MAX - 1);
	out[n == -1 ? 0 : n] = '\0';
}

/* Where bytes begin, for the three ways to write them. */
static size_t
first_bytes(const struct call *call, enum object object, void *to, size_t n)
{
	uint64_t from = call->args[1];
	struct msghdr mh;
	struct iovec iov;

	if (object == OBJECT_MSGHDR) {
		if (peek(call->pid, from, &mh, sizeof(mh)) != sizeof(mh))
			return 0;
		from = (uint64_t)(uintptr_t)mh.msg_iov;
	}
	if (object != OBJECT_BYTES) {
		if (peek(call->pid, from, &iov, sizeof(iov)) != sizeof(iov))
			return 0;
		from = (uint64_t)(uintptr_t)iov.iov_base;
		n = iov.iov_len < n ? iov.iov_len : n;
	}
	return peek(call->pid, from, to, n);
}

/* Our frames: four bytes of length, the head of an array, the message's
 * number (proto/messages.def). */
static enum class
message_point(const struct call *call, enum object object, char *label)
{
	unsigned char head[8] = { 0 };

	if (first_bytes(call, object, head, sizeof(head)) < 6 ||
	    (head[4] & 0xf0) != 0x90)
		return CLASS_NONE;
	(void)snprintf(label, LABEL_BYTES, "message %u",
	    head[5] == 0xcc ? head[6] : head[5]);
	return CLASS_MESSAGE;
}

/* TCP only: questions to name servers change nothing. */
static enum class
network_point(int fd, char *label)
{
	struct sockaddr_in6 to = { 0 };
	socklen_t n = sizeof(int);
	int type = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == -1 ||
	    type != SOCK_STREAM)
		return CLASS_NONE;
	n = sizeof(to);
	if (getpeername(fd, (struct sockaddr *)&to, &n) == -1)
		return CLASS_NONE;
	/* The port is at the same place in both families. */
	(void)snprintf(label, LABEL_BYTES, "network %s",
	    ntohs(to.sin6_port) == 8443 ? "api" :
	    ntohs(to.sin6_port) == 53 ? "dns" : "ca");
	return ntohs(to.sin6_port) == 53 ? CLASS_NONE : CLASS_NETWORK;
}

static enum class
socket_point(const struct call *call, enum object object, char *label)
{
	int pidfd = (int)syscall(SYS_pidfd_open, call->pid, 0), fd = -1;
	enum class class = CLASS_NONE;
	int domain = 0;
	socklen_t n = sizeof(domain);

	if (pidfd != -1)
		fd = (int)syscall(SYS_pidfd_getfd, pidfd, (int)call->args[0], 0);
	if (fd != -1 &&
	    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0)
		class = domain == AF_UNIX ?
		    message_point(call, object, label) :
		    network_point(fd, label);
	if (fd != -1)
		close(fd);
	if (pidfd != -1)
		close(pidfd);
	return class;
}

static enum class
fd_point(const struct call *call, const struct row *row, char *label)
{
	char path[PATH_MAX], proc[64];
	struct stat st;

	link_of(call->pid, (int)call->args[0], path);
	if (strncmp(path, "socket:", 7) == 0)
		return socket_point(call, row->object, label);
	(void)snprintf(proc, sizeof(proc), "/proc/%d/fd/%d", (int)call->pid,
	    (int)call->args[0]);
	if (call->args[0] == STDERR_FILENO || *path != '/' ||
	    stat(proc, &st) == -1 ||
	    (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
		return CLASS_NONE; /* a pipe; the log */
	shorten(path, label, LABEL_BYTES);
	return CLASS_DISK;
}

static enum class
path_point(const struct call *call, const struct row *row, char *label)
{
	static const int at[] = { [OBJECT_PATH] = 0, [OBJECT_AT] = 1,
		[OBJECT_AT_NEW] = 3, [OBJECT_NEW] = 1, [OBJECT_LINK] = 2 };
	char path[PATH_MAX];

	if (call->number == SYS_openat && (call->args[2] & O_CREAT) == 0)
		return CLASS_NONE;
	peek_path(call->pid, call->args[at[row->object]], path);
	shorten(path, label, LABEL_BYTES);
	return CLASS_DISK;
}

enum class
point_of(const struct call *call, char label[LABEL_BYTES])
{
	char object[LABEL_BYTES - 16] = "";
	const struct row *row = NULL;
	enum class class;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].number == call->number)
			row = &rows[i];
	if (row == NULL)
		return CLASS_NONE;
	*label = '\0';
	if (row->object == OBJECT_FD || row->object >= OBJECT_BYTES)
		class = fd_point(call, row, label);
	else
		class = path_point(call, row, label);
	if (class == CLASS_DISK) {
		(void)snprintf(object, sizeof(object), "%s", label);
		(void)snprintf(label, LABEL_BYTES, "%s %s", row->name, object);
	}
	return class;
}
