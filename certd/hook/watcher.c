/*
 * watcher.c - one hook: started, timed, and its end reported.
 *
 * Runs in:  certd-hook, watcher (root; not locked in; one process a hook).
 * Input:    the command that the monitor gave; of the hook itself nothing but
 *           its end (and bytes that are thrown away once the front is gone).
 * Promise:  the hook ends at its deadline. Nothing that happens to certd ends
 *           it before. It gets no descriptor and no variable of ours.
 *
 * The watcher and the hook are leaders of sessions of their own: a hook that
 * kills the group of its parent kills its watcher and nobody else.
 */
#define _GNU_SOURCE /* close_range, pipe2, asprintf */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hook.h"

#define GRACE_MSECS 5000 /* between SIGTERM and SIGKILL */

struct watch {
	pid_t hook;
	int front, sigchld;
	int output;    /* our copy of the end that the front reads from */
	int64_t until; /* when to signal next */
	uint32_t timed_out;
};

static int64_t
now_msecs(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- in the child ---- */

static char *
variable(const char *name, const char *value)
{
	char *text = NULL;

	if (*value == '\0' || asprintf(&text, "%s=%s", name, value) == -1)
		return NULL;
	return text;
}

/* The variables of certbot's hooks; one without a value is left out. */
static void
environment(const struct hook_request *q, char *env[8])
{
	static char path[] = "PATH=" HOOK_PATH;
	static char home[] = "HOME=/root", lang[] = "LANG=C.UTF-8";
	char *given[] = { variable("RENEWED_LINEAGE", q->lineage),
		variable("RENEWED_DOMAINS", q->renewed),
		variable("FAILED_DOMAINS", q->failed) };
	size_t i, n = 0;

	env[n++] = path;
	env[n++] = home;
	env[n++] = lang;
	for (i = 0; i < sizeof(given) / sizeof(given[0]); i++)
		if (given[i] != NULL)
			env[n++] = given[i];
	env[n] = NULL;
}

/* By the system call: the C library's own refuses its internal signals (32 and
 * 33), which whoever started certd may have left ignored. */
static void
reset_signals(void)
{
	static const char by_default[64]; /* the kernel's struct sigaction */
	sigset_t none;
	int i;

	for (i = 1; i < NSIG; i++)
		(void)syscall(SYS_rt_sigaction, i, by_default, NULL, NSIG / 8);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* From here on the process is the hook. It dies with its watcher, or nobody
 * would keep its time. */
static void
become(const struct hook_request *q, int output, pid_t watcher)
{
	char shell[] = "sh", option[] = "-c", *env[8];
	char *const argv[] = { shell, option, (char *)(uintptr_t)q->command,
		NULL };
	int null = open("/dev/null", O_RDONLY), refused;
	char why[8192]; /* two paths fit */

	reset_signals();
	(void)umask(022);
	environment(q, env);
	if (setsid() == -1 || null == -1 || chdir("/") == -1 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != watcher ||
	    dup2(null, STDIN_FILENO) == -1 ||
	    dup2(output, STDOUT_FILENO) == -1 ||
	    dup2(output, STDERR_FILENO) == -1 ||
	    close_range(STDERR_FILENO + 1, ~0U, 0) == -1)
		_exit(HOOK_REFUSED);
	refused = command_problem(q->command, q->check != 0, why, sizeof(why));
	if (refused != 0)
		dprintf(STDERR_FILENO, "%s\n", why);
	if (refused != 0 || q->check != 0)
		_exit(refused);
	(void)execve("/bin/sh", argv, env);
	dprintf(STDERR_FILENO, "/bin/sh: %s\n", strerror(errno));
	_exit(HOOK_NOT_FOUND);
}

/* ---- in the watcher ---- */

static int
start(struct watch *w, const struct hook_request *q)
{
	struct hook_report started = { .event = HOOK_STARTED, .id = q->id };
	pid_t self = getpid();
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) == -1)
		return errno;
	w->output = ends[0];
	/* The other end stays blocking: a hook's printf must not fail. */
	if (fcntl(ends[0], F_SETFL, O_NONBLOCK) == -1 ||
	    (w->hook = fork()) == -1)
		return errno;
	if (w->hook == 0)
		become(q, ends[1], self);
	close(ends[1]);
	report_send(w->front, &started, ends[0]);
	return 0;
}

/* Whether it has ended; it stays a zombie, so that its number and that of its
 * group remain its own until we are done with them. */
static bool
has_ended(pid_t pid)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) ==
		   -1 ||
	       info.si_pid == pid;
}

static void
signal_group(const struct watch *w, int signo)
{
	/* It may not have got as far as to have a group. */
	if (kill(-w->hook, signo) == -1)
		(void)kill(w->hook, signo);
}

/* The deadline, and the one behind it. */
static void
on_deadline(struct watch *w)
{
	signal_group(w, w->timed_out == 0 ? SIGTERM : SIGKILL);
	w->timed_out = 1;
	w->until = now_msecs() + GRACE_MSECS;
}

/* With the front gone, nobody else empties the pipe. */
static void
throw_away(struct watch *w)
{
	char part[4096];
	ssize_t n = read(w->output, part, sizeof(part));

	if (n > 0 || (n == -1 && (errno == EAGAIN || errno == EINTR)))
		return;
	close(w->output);
	w->output = -1;
}

static void
wait_for_end(struct watch *w)
{
	struct signalfd_siginfo info;
	bool orphan = false;
	int64_t left;

	while (!has_ended(w->hook)) {
		struct pollfd p[] = { { .fd = w->sigchld, .events = POLLIN },
			{ .fd = orphan ? -1 : w->front, .events = 0 },
			{ .fd = orphan ? w->output : -1, .events = POLLIN } };

		if ((left = w->until - now_msecs()) <= 0) {
			on_deadline(w);
			continue;
		}
		if (poll(p, 3, (int)left) == -1)
			continue;
		if ((p[0].revents & POLLIN) != 0)
			(void)!read(w->sigchld, &info, sizeof(info));
		if (p[1].revents != 0)
			orphan = true;
		if (p[2].revents != 0)
			throw_away(w);
	}
}

void
watch_hook(const struct hook_request *q, int front, int sigchld)
{
	struct watch w = { .front = front,
		.sigchld = sigchld,
		.output = -1,
		.until = now_msecs() + (int64_t)q->timeout_secs * 1000 };
	struct hook_report r = { .event = HOOK_ENDED, .id = q->id };
	int status = 0;

	(void)setsid();
	if ((r.error = start(&w, q)) == 0) {
		wait_for_end(&w);
		if (w.timed_out != 0) /* what has outlived its leader */
			(void)kill(-w.hook, SIGKILL);
		(void)waitpid(w.hook, &status, 0);
	}
	r.status = WIFSIGNALED(status) ? 128 + (uint32_t)WTERMSIG(status)
				       : (uint32_t)WEXITSTATUS(status);
	r.timed_out = w.timed_out;
	report_send(w.front, &r, -1);
}
