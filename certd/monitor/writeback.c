/*
 * writeback.c - a second process that waits for the disk, so that certd's loop
 * need not: meanwhile it serves other jobs.
 *
 * Runs in:  certd (root), which forks it before its own jail, as certd-disk, of
 *           the signer's user; its jail lets it force to disk what it is handed.
 * Input:    descriptors from certd.
 * Promise:  certd hears of each file what the kernel said, in the order in which
 *           it asked. Should certd-disk end, certd leaves.
 */
#define _GNU_SOURCE /* syncfs, sync_file_range, close_range */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fs.h"
#include "log.h"
#include "monitor.h"

#define FDS_MAX FS_LATER_MAX /* of one request */
#define SOCK	3	     /* of certd-disk */
#define START_MSECS 50	     /* nobody has asked for anything so long */

enum how { EACH, SYSTEMS };

struct wait {
	STAILQ_ENTRY(wait) link;
	bool is_systems;
	writeback_done *done;
	void *arg;
	size_t n_fds, n;
	struct fs_later *lists[];
};

struct writeback {
	struct monitor *m;
	int sock;
	struct event *readable;
	STAILQ_HEAD(, wait) asked;
};

/* The descriptors of a message. */
union control {
	char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	struct cmsghdr align;
};

/* ---- certd-disk ---- */

/* The data of all first, on its way together: then the file system's journal is
 * written once, and not once for each. */
static void
range_all(const int *fds, size_t n, unsigned how)
{
	size_t i;

	for (i = 0; i < n; i++)
		(void)sync_file_range(fds[i], 0, 0, how);
}

static void
force(enum how how, const int *fds, size_t n, int *errors)
{
	size_t i;

	if (how == EACH && n > 1) {
		range_all(fds, n, SYNC_FILE_RANGE_WRITE);
		range_all(fds, n, SYNC_FILE_RANGE_WAIT_BEFORE |
		    SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
	}
	for (i = 0; i < n; i++)
		errors[i] = (how == EACH ? fsync(fds[i]) :
		    syncfs(fds[i])) == -1 ? errno : 0;
}

/* The next request; false where there will be none. */
static bool
receive(enum how *how, int fds[FDS_MAX], size_t *n)
{
	union control control;
	unsigned char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	const struct cmsghdr *c;
	ssize_t rc;

	while ((rc = recvmsg(SOCK, &mh, MSG_CMSG_CLOEXEC)) == -1 &&
	    errno == EINTR)
		;
	c = CMSG_FIRSTHDR(&mh);
	if (rc != 1 || c == NULL || c->cmsg_type != SCM_RIGHTS)
		return false;
	*how = byte == SYSTEMS ? SYSTEMS : EACH;
	*n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(c), *n * sizeof(int));
	return true;
}

/* Nothing stays but the socket, at sock; no user but one who may see keys
 * anyhow. */
static bool
let_go(int sock, const struct passwd *pw)
{
	int null = open("/dev/null", O_RDWR);

	return null != -1 && dup2(null, STDIN_FILENO) != -1 &&
	       dup2(null, STDOUT_FILENO) != -1 &&
	       dup2(null, STDERR_FILENO) != -1 && dup2(sock, SOCK) != -1 &&
	       close_range(SOCK + 1, ~0U, 0) == 0 &&
	       setgroups(0, NULL) == 0 &&
	       setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == 0 &&
	       setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == 0;
}

static void
live(int sock, const struct passwd *pw, pid_t parent, bool kill)
{
	struct pollfd asked = { .fd = SOCK, .events = POLLIN };
	int fds[FDS_MAX], errors[FDS_MAX];
	enum how how;
	size_t i, n;

	(void)prctl(PR_SET_NAME, "certd-disk");
	if (!let_go(sock, pw) || prctl(PR_SET_PDEATHSIG, SIGTERM) == -1 ||
	    getppid() != parent)
		_exit(1);
	/* What certd starts with needs the processors more. */
	(void)poll(&asked, 1, START_MSECS);
	if (sandbox_enter(&writeback_jail, NULL, kill) != NULL)
		_exit(1);
	while (receive(&how, fds, &n)) {
		force(how, fds, n, errors);
		for (i = 0; i < n; i++)
			close(fds[i]);
		if (write(SOCK, errors, n * sizeof(*errors)) == -1)
			break;
	}
	_exit(0);
}

/* ---- certd ---- */

/* What the answer says of each list, in the order of their descriptors. */
static void
take_each(const struct wait *r, const int *said, struct err **errors)
{
	size_t i, k;

	for (i = 0; i < r->n; i++)
		for (k = 0; k < r->lists[i]->n; k++, said++) {
			errno = *said;
			if (*said != 0 && errors[i] == NULL)
				errors[i] = err_sys("force files to disk");
		}
}

static void
finish(struct wait *r, const int *said)
{
	struct err *errors[WRITEBACK_LISTS_MAX] = { NULL };
	bool good = true;
	size_t i;

	for (i = 0; i < r->n_fds; i++)
		good = good && said[i] == 0;
	if (!good && r->is_systems) /* it tells of anybody's files */
		fs_force_each(r->lists, r->n, errors);
	else if (!good)
		take_each(r, said, errors);
	for (i = 0; i < r->n; i++)
		fs_later_clear(r->lists[i]);
	r->done(r->arg, errors);
	free(r);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct writeback *w = arg;
	struct wait *r = STAILQ_FIRST(&w->asked);
	int said[FDS_MAX];
	struct iovec iov = { said, sizeof(said) };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = recvmsg(fd, &mh, MSG_DONTWAIT);

	(void)what;
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || r == NULL || (size_t)n != r->n_fds * sizeof(*said)) {
		log_error("lost certd-disk, so certd leaves");
		(void)event_del(w->readable);
		monitor_leave(w->m, 1);
		return;
	}
	STAILQ_REMOVE_HEAD(&w->asked, link);
	finish(r, said);
}

static bool
hand_over(int sock, enum how how, const int *fds, size_t n)
{
	union control control;
	unsigned char byte = (unsigned char)how;
	struct iovec iov = { &byte, 1 };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *c;

	memset(&control, 0, sizeof(control));
	c = CMSG_FIRSTHDR(&mh);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	return sendmsg(sock, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

/* False where certd has to wait itself. */
static bool
ask(struct writeback *w, struct wait *r)
{
	int fds[FDS_MAX], systems[FS_SYSTEMS_MAX];
	size_t i, n = 0, all = 0;

	if ((n = fs_systems(r->lists, r->n, systems)) > 0) {
		r->is_systems = true;
		r->n_fds = n;
		return hand_over(w->sock, SYSTEMS, systems, n);
	}
	for (i = 0; i < r->n; i++) {
		if (all + r->lists[i]->n > FDS_MAX)
			return false;
		memcpy(fds + all, r->lists[i]->fds,
		    r->lists[i]->n * sizeof(int));
		all += r->lists[i]->n;
	}
	r->n_fds = all;
	return all > 0 && hand_over(w->sock, EACH, fds, all);
}

void
writeback(struct monitor *m, struct fs_later *const *lists, size_t n,
    writeback_done *done, void *arg)
{
	struct err *errors[WRITEBACK_LISTS_MAX];
	struct wait *r = m->writeback == NULL ? NULL :
	    calloc(1, sizeof(*r) + n * sizeof(struct fs_later *));

	if (r != NULL) {
		r->done = done;
		r->arg = arg;
		r->n = n;
		memcpy(r->lists, lists, n * sizeof(*lists));
		if (ask(m->writeback, r)) {
			STAILQ_INSERT_TAIL(&m->writeback->asked, r, link);
			return;
		}
		free(r);
	}
	fs_flush_all(lists, n, errors);
	done(arg, errors);
}

struct err *
writeback_open(struct monitor *m)
{
	const struct passwd *pw = getpwnam(m->cfg->sign_user);
	const pid_t parent = getpid();
	struct writeback *w = calloc(1, sizeof(*w));
	struct err *e = NULL;
	int ends[2];
	pid_t pid;

	if (w == NULL || pw == NULL) {
		free(w);
		return err_new("certd-disk cannot run as user \"%s\"",
		    m->cfg->sign_user);
	}
	w->m = m;
	STAILQ_INIT(&w->asked);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == -1) {
		e = err_sys("certd-disk: socketpair");
		free(w);
		return e;
	}
	if ((pid = fork()) == 0)
		live(ends[1], pw, parent, m->cfg->jail_kill);
	if (pid == -1)
		e = err_sys("certd-disk: fork");
	close(ends[1]);
	w->sock = ends[0];
	m->writeback = w;
	m->children[CHILD_DISK].pid = pid == -1 ? 0 : pid;
	m->children[CHILD_DISK].fd = w->sock;
	return e;
}

struct err *
writeback_watch(struct monitor *m)
{
	struct writeback *w = m->writeback;

	w->readable = event_new(m->base, w->sock, EV_READ | EV_PERSIST,
	    on_readable, w);
	return w->readable == NULL || event_add(w->readable, NULL) == -1 ?
	    err_new("certd-disk: out of memory") : NULL;
}

void
writeback_close(struct monitor *m)
{
	struct writeback *w = m->writeback;
	struct wait *r;

	if (w == NULL)
		return;
	m->writeback = NULL;
	if (w->readable != NULL)
		event_free(w->readable);
	close(w->sock);
	m->children[CHILD_DISK].fd = -1;
	while ((r = STAILQ_FIRST(&w->asked)) != NULL) {
		STAILQ_REMOVE_HEAD(&w->asked, link);
		free(r);
	}
	free(w);
}
