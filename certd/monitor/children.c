/*
 * children.c - the processes that certd starts before it locks itself in.
 *
 * Runs in:  certd (root), before its jail; the only exec of this program.
 * Promise:  a child runs its first instruction as its own user, with an empty
 *           environment and no descriptor but 0 to 3; root stays with us.
 */
#define _GNU_SOURCE /* close_range, setresuid, pipe2 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "children.h"
#include "log.h"

#define PEER_FD	 3
#define ARGS_MAX 8

/* The process table. Paths are relative to the folder of certd itself, which
 * is the same in the build tree and under /usr. */
static const struct process {
	const char *name, *path;
	size_t user;	  /* offset in struct config of the user; 0: root */
	bool always;	  /* not only where there is no service manager */
	bool socket;	  /* speaks on descriptor 3 */
	bool reads_config;
	bool new_privs;	  /* may gain privileges: hooks may call sudo */
} processes[CHILD_N] = {
	[CHILD_SIGN] = { "certd-sign", "../libexec/certd/certd-sign",
	    offsetof(struct config, sign_user), true, true, false, false },
	[CHILD_DNS] = { "certd-dns", "../libexec/certd/certd-dns",
	    offsetof(struct config, dns_user), true, true, true, false },
	[CHILD_HOOK] = { "certd-hook", "../libexec/certd/certd-hook",
	    0, false, true, false, true },
	[CHILD_WORKER] = { "acmew", "acmew",
	    offsetof(struct config, worker_user), false, false, true, false },
	[CHILD_DISK] = { .name = "certd-disk" }, /* a fork: writeback.c */
};

static const char *
user_of(const struct process *p, const struct config *cfg)
{
	return *(char *const *)(const void *)((const char *)cfg + p->user);
}

/* The folder of this program, for the paths of the table. */
static struct err *
own_folder(char out[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
	char *slash;

	if (n == -1)
		return err_sys("/proc/self/exe");
	out[n] = '\0';
	if ((slash = strrchr(out, '/')) != NULL)
		*slash = '\0';
	return NULL;
}

static struct err *
find_user(const struct process *p, const struct config *cfg, uid_t *uid,
    gid_t *gid)
{
	struct passwd *pw;

	*uid = *gid = 0;
	if (p->user == 0)
		return NULL;
	errno = 0;
	if ((pw = getpwnam(user_of(p, cfg))) == NULL || pw->pw_uid == 0)
		return err_advise(err_new("%s must run as user \"%s\", which "
		    "%s", p->name, user_of(p, cfg),
		    pw == NULL ? "does not exist" : "is root"),
		    "create it: useradd --system --no-create-home --shell "
		    "/usr/sbin/nologin %s", user_of(p, cfg));
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return NULL;
}

/* The environment of every child: nothing of ours. */
static char *environment[8] = { "LOG_PRIORITIES=1",
	"PATH=/usr/sbin:/usr/bin:/sbin:/bin" };

#ifdef __SANITIZE_ADDRESS__
/* Sanitizers take their options from the environment only. */
static void
keep_sanitizer_options(void)
{
	static const char *const kept[] = { "ASAN_OPTIONS", "LSAN_OPTIONS",
		"UBSAN_OPTIONS" };
	size_t i, n = 2;

	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (getenv(kept[i]) != NULL && asprintf(&environment[n],
		    "%s=%s", kept[i], getenv(kept[i])) != -1)
			n++;
}
#endif

/* In the child, up to the exec. What fails here is told by the exit status
 * and one line on the pipe. The signal is for a certd that dies before it has
 * locked itself in: then Landlock keeps it from signalling anybody, and the end of
 * the socket is what the child notices. */
static void
become(const struct process *p, uid_t uid, gid_t gid, pid_t parent, int fd,
    int log, char *const argv[])
{
	/* What holds secrets keeps them out of swap, as far as it goes. */
	static const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	if (p->socket && uid != 0)
		(void)setrlimit(RLIMIT_MEMLOCK, &all);
	sigemptyset(&none);
	if (null == -1 || dup2(null, STDIN_FILENO) == -1 ||
	    dup2(null, STDOUT_FILENO) == -1 ||
	    dup2(log, STDERR_FILENO) == -1 ||
	    (fd != -1 && fd != PEER_FD && dup2(fd, PEER_FD) == -1) ||
	    (fd == PEER_FD && fcntl(fd, F_SETFD, 0) == -1) ||
	    close_range(fd == -1 ? PEER_FD : PEER_FD + 1, ~0U, 0) == -1 ||
	    (uid != 0 && (setgroups(0, NULL) == -1 ||
	    setresgid(gid, gid, gid) == -1 || setresuid(uid, uid, uid) == -1)) ||
	    sigprocmask(SIG_SETMASK, &none, NULL) == -1 ||
	    prctl(PR_SET_PDEATHSIG, SIGTERM) == -1 || getppid() != parent ||
	    (!p->new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1))
		goto fail;
	execve(argv[0], argv, environment);
fail:
	dprintf(STDERR_FILENO, "<3>certd: start %s: %s\n", argv[0],
	    strerror(errno));
	_exit(127);
}

static struct err *
start(const struct process *p, const char *folder, const struct config *cfg,
    const char *config_file, const char *worker_socket, struct child *c)
{
	char path[PATH_MAX + 64];
	const char *argv[ARGS_MAX] = { path };
	int sock[2] = { -1, -1 }, log[2] = { -1, -1 }, n = 1;
	pid_t parent = getpid();
	struct err *e;
	uid_t uid;
	gid_t gid;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, p->path);
	if (p->reads_config) {
		argv[n++] = "--config";
		argv[n++] = config_file;
	}
	if (p->socket && cfg->jail_kill)
		argv[n++] = "--jail-kill";
	if (!p->socket) {
		argv[n++] = "--socket";
		argv[n++] = worker_socket;
	}
	if ((e = find_user(p, cfg, &uid, &gid)) != NULL)
		return e;
	if (access(path, X_OK) == -1)
		return err_sys("%s", path);
	if ((p->socket && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    sock) == -1) || pipe2(log, O_CLOEXEC | O_NONBLOCK) == -1 ||
	    fcntl(log[1], F_SETFL, 0) == -1 || (c->pid = fork()) == -1) {
		c->pid = 0;
		e = err_sys("start %s", p->name);
	} else if (c->pid == 0) {
		become(p, uid, gid, parent, sock[1], log[1],
		    (char *const *)(const void *)argv);
	}
	if (sock[1] != -1)
		close(sock[1]);
	if (log[1] != -1)
		close(log[1]);
	c->fd = sock[0];
	c->log = log[0];
	return e;
}

void
children_init(struct child children[CHILD_N])
{
	int i;

	for (i = 0; i < CHILD_N; i++)
		children[i] = (struct child) { 0, -1, -1, NULL };
}

struct err *
children_start(const struct config *cfg, const char *config_file,
    const char *worker_socket, bool all, struct child children[CHILD_N])
{
	char folder[PATH_MAX];
	struct err *e;
	int i;

#ifdef __SANITIZE_ADDRESS__
	keep_sanitizer_options();
#endif
	e = own_folder(folder);
	for (i = 0; i < CHILD_N && e == NULL; i++)
		if (children[i].fd == -1 && processes[i].path != NULL &&
		    (all || processes[i].always))
			e = start(&processes[i], folder, cfg, config_file,
			    worker_socket, &children[i]);
	return e;
}

const char *
children_reap(struct child children[CHILD_N])
{
	const char *gone = NULL;
	int i, status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < CHILD_N; i++) {
			if (children[i].pid != pid)
				continue;
			children[i].pid = 0;
			gone = processes[i].name;
			if (WIFSIGNALED(status))
				log_error("%s was ended by signal %d (%s)",
				    gone, WTERMSIG(status), WTERMSIG(status) ==
				    SIGSYS ? "its jail" : strsignal(
				    WTERMSIG(status)));
			else if (WEXITSTATUS(status) != 0)
				log_error("%s left with exit status %d", gone,
				    WEXITSTATUS(status));
		}
	}
	return gone;
}

void
children_wait(struct child children[CHILD_N], unsigned secs)
{
	static const struct timespec pause = { 0, 10000000 };
	unsigned tick, alive = 1;
	int i;

	for (tick = 0; alive > 0 && tick < secs * 100; tick++) {
		(void)children_reap(children);
		for (alive = 0, i = 0; i < CHILD_N; i++)
			alive += children[i].pid != 0;
		if (alive > 0)
			(void)nanosleep(&pause, NULL);
	}
	for (i = 0; i < CHILD_N; i++)
		if (children[i].pid != 0)
			log_warn("%s (process %d) does not leave: the service "
			    "manager ends it; without one, kill -9 does",
			    processes[i].name, (int)children[i].pid);
}
