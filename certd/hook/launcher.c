/*
 * launcher.c - starts a watcher for each hook, and tells when one was killed.
 *
 * Runs in:  certd-hook, launcher (root; not locked in, because hooks inherit
 *           what it is; no network).
 * Input:    requests of the front, of one size.
 * Promise:  it reads nothing else, ever. It leaves when the front is gone;
 *           watchers stay for the hooks that run.
 */
#define _GNU_SOURCE /* close_range */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hook.h"

#define FRONT_FD     3  /* in place of the monitor's socket */
#define WATCHERS_MAX 64 /* the front asks for fewer at a time */

struct launcher {
	int sigchld;
	struct watcher {
		pid_t pid; /* 0: free */
		uint32_t id;
	} watchers[WATCHERS_MAX];
	struct hook_request request;
};

void
report_send(int fd, const struct hook_report *r, int passed)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { (void *)(uintptr_t)r, sizeof(*r) };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	memset(&control, 0, sizeof(control));
	if (passed != -1) {
		mh.msg_control = control.bytes;
		mh.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &passed, sizeof(int));
	}
	while (sendmsg(fd, &mh, MSG_NOSIGNAL) == -1 && errno == EINTR)
		;
}

/* Watchers leave with 0 after they have reported. One that was ended by its
 * own hook (kill $PPID) cannot. */
static void
reap(struct launcher *l)
{
	struct hook_report r = { .event = HOOK_ENDED };
	int status, i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < WATCHERS_MAX; i++)
			if (l->watchers[i].pid == pid)
				break;
		if (i == WATCHERS_MAX)
			continue;
		l->watchers[i].pid = 0;
		r.id = l->watchers[i].id;
		r.status = WIFSIGNALED(status)
			       ? 128 + (uint32_t)WTERMSIG(status)
			       : (uint32_t)WEXITSTATUS(status);
		if (r.status != 0)
			report_send(FRONT_FD, &r, -1);
	}
}

static void
launch(struct launcher *l)
{
	struct hook_report failed = { .event = HOOK_ENDED,
		.id = l->request.id };
	struct watcher *w = NULL;
	int i;

	for (i = 0; i < WATCHERS_MAX && w == NULL; i++)
		if (l->watchers[i].pid == 0)
			w = &l->watchers[i];
	if (w != NULL && (w->pid = fork()) == 0) {
		watch_hook(&l->request, FRONT_FD, l->sigchld);
		_exit(0);
	}
	if (w != NULL && w->pid != -1) {
		w->id = l->request.id;
		return;
	}
	failed.error = w == NULL ? EAGAIN : errno;
	if (w != NULL)
		w->pid = 0;
	report_send(FRONT_FD, &failed, -1);
}

/* The front is held to its word although it is ours: it reads what hooks
 * print. */
static bool
is_request(const struct hook_request *q, ssize_t n)
{
	return n == (ssize_t)sizeof(*q) &&
	       q->timeout_secs <= TIMEOUT_MAX_SECS && q->check <= 1 &&
	       memchr(q->command, '\0', sizeof(q->command)) != NULL &&
	       memchr(q->lineage, '\0', sizeof(q->lineage)) != NULL &&
	       memchr(q->renewed, '\0', sizeof(q->renewed)) != NULL &&
	       memchr(q->failed, '\0', sizeof(q->failed)) != NULL;
}

static void
serve(struct launcher *l)
{
	struct pollfd p[] = { { .fd = FRONT_FD, .events = POLLIN },
		{ .fd = l->sigchld, .events = POLLIN } };
	struct signalfd_siginfo info;
	ssize_t n;

	for (;;) {
		if (poll(p, 2, -1) == -1 && errno != EINTR)
			return;
		if ((p[1].revents & POLLIN) != 0 &&
		    read(l->sigchld, &info, sizeof(info)) > 0)
			reap(l);
		if (p[0].revents == 0)
			continue;
		n = recv(FRONT_FD, &l->request, sizeof(l->request), MSG_TRUNC);
		if (!is_request(&l->request, n))
			return; /* the front is gone, or not itself */
		launch(l);
	}
}

/* The service manager's signals are meant for the front; this process and the
 * watchers go when their work is done. */
static void
ignore_signals(void)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT,
		SIGPIPE };
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)signal(signals[i], SIG_IGN);
}

static void
launcher_run(int fd)
{
	struct launcher *l = calloc(1, sizeof(*l));
	sigset_t chld;

	(void)sigemptyset(&chld);
	(void)sigaddset(&chld, SIGCHLD);
	ignore_signals();
	if (l == NULL || setsid() == -1 || dup2(fd, FRONT_FD) == -1 ||
	    close_range(FRONT_FD + 1, ~0U, 0) == -1 ||
	    sigprocmask(SIG_BLOCK, &chld, NULL) == -1 ||
	    (l->sigchld = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK)) ==
		-1)
		_exit(1);
	serve(l);
	_exit(0);
}

struct err *
launcher_start(int *fd)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return err_sys("launcher");
	if ((pid = fork()) == 0)
		launcher_run(pair[1]);
	close(pair[1]);
	*fd = pair[0];
	if (pid != -1)
		return NULL;
	close(pair[0]);
	return err_sys("launcher");
}
