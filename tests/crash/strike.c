/*
 * strike.c - runs a program under ptrace(2) and strikes at one of its points.
 *
 *	strike CONTROL LOG PROGRAM [ARGUMENT ...]
 *
 * CONTROL is a file with a struct control. LOG gets a line for every point that
 * is counted: number, program, class, what. The exit status is the program's,
 * 128 + n where signal n ended it.
 *
 * A filter of seccomp(2) stops only the calls that can be points, so that all
 * else runs at full speed; the jails of the programs are laid over it.
 *
 * Runs in:  tests only (root).
 * Promise:  a program that is not struck behaves as if it were alone.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/ptrace.h>
#include <seccomp.h>

#include "strike.h"
#include "traced.h"

#define TRACEES_MAX 256
#define OPTIONS                                                                \
	(PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |    \
	    PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL |     \
	    PTRACE_O_TRACESYSGOOD)

static const char *const ours[] = { "certd", "certd-disk", "certd-sign",
	"certd-dns", "certd-hook", "acmew" };
static const char *const class_words[] = { [CLASS_DISK] = "disk",
	[CLASS_MESSAGE] = "message", [CLASS_NETWORK] = "network" };

static struct control *control;
static FILE *points;
static struct tracee {
	pid_t pid; /* 0: free */
	enum { GO, KILL_AFTER, FAIL_AFTER } plan; /* at the end of its call */
	char last[LABEL_BYTES]; /* its last point */
} tracees[TRACEES_MAX];
static pid_t first; /* the program itself */

static struct tracee *
tracee_of(pid_t pid)
{
	struct tracee *free_one = NULL;

	for (size_t i = 0; i < TRACEES_MAX; i++) {
		if (tracees[i].pid == pid)
			return &tracees[i];
		if (tracees[i].pid == 0 && free_one == NULL)
			free_one = &tracees[i];
	}
	if (free_one == NULL)
		errx(1, "too many processes");
	memset(free_one, 0, sizeof(*free_one));
	free_one->pid = pid;
	return free_one;
}

static void
kill_all(void)
{
	for (size_t i = 0; i < TRACEES_MAX; i++)
		if (tracees[i].pid != 0)
			(void)kill(tracees[i].pid, SIGKILL);
}

static void
name_of(pid_t pid, char out[32])
{
	char path[64];
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	*out = '\0';
	if ((f = fopen(path, "re")) == NULL)
		return;
	if (fgets(out, 32, f) != NULL)
		out[strcspn(out, "\n")] = '\0';
	(void)fclose(f);
}

static bool
is_ours(const char *name)
{
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		if (strcmp(ours[i], name) == 0)
			return control->only == 0 || i == 0;
	return false;
}

static void
strike_dead(pid_t pid, bool all)
{
	if (all)
		kill_all();
	else
		(void)kill(pid, SIGKILL);
}

/* What happens at this point. True where its call must be seen to its end. */
static bool
strike(struct tracee *t)
{
	switch ((enum mode)control->mode) {
	case MODE_KILL_ONE:
	case MODE_KILL_ALL:
		strike_dead(t->pid, control->mode == MODE_KILL_ALL);
		return false;
	case MODE_LATE_ONE:
	case MODE_LATE_ALL:
		t->plan = KILL_AFTER;
		return true;
	case MODE_FAIL_ONCE:
	case MODE_FAIL_ON:
		if (!can_inject())
			errx(3, "calls can be made to fail on x86-64 only");
		set_call(t->pid, true, 0);
		t->plan = FAIL_AFTER;
		return true;
	default:
		return false;
	}
}

/* Before a call that may be a point. */
static bool
on_call(struct tracee *t)
{
	struct ptrace_syscall_info info = { 0 };
	struct call call = { .pid = t->pid };
	char label[LABEL_BYTES], name[32];
	enum class class;
	bool same;

	if (control->mode == MODE_PASS ||
	    ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, sizeof(info), &info) == -1)
		return false;
	call.number = (long)info.seccomp.nr;
	memcpy(call.args, info.seccomp.args, sizeof(call.args));
	name_of(t->pid, name);
	if (!is_ours(name) || (class = point_of(&call, label)) == CLASS_NONE ||
	    (control->classes & class) == 0)
		return false;
	/* Pieces of one write are one point. */
	same = strncmp(label, "write ", 6) == 0 && strcmp(label, t->last) == 0;
	(void)strcpy(t->last, label);
	if (same && (control->mode != MODE_FAIL_ON || control->hit == 0))
		return false;
	control->n++;
	(void)fprintf(points, "%u %s %s %s\n", control->n, name,
	    class_words[class], label);
	(void)fflush(points);
	if (control->hit != 0 ? control->mode != MODE_FAIL_ON :
	    control->n < control->at || control->mode == MODE_COUNT)
		return false;
	control->hit = 1;
	return strike(t);
}

/* After a call that was watched to its end. */
static void
on_call_end(struct tracee *t)
{
	struct timespec pause = { control->late_msecs / 1000,
		(long)(control->late_msecs % 1000) * 1000000 };

	if (t->plan == FAIL_AFTER)
		set_call(t->pid, false, (int)control->error);
	if (t->plan == KILL_AFTER) {
		(void)nanosleep(&pause, NULL);
		strike_dead(t->pid, control->mode == MODE_LATE_ALL);
	}
	t->plan = GO;
}

/* A tracee has stopped: what it is, and on with it. */
static void
on_stop(struct tracee *t, int status)
{
	enum __ptrace_request how = PTRACE_CONT;
	int event = status >> 16, signal = 0;

	if (event == PTRACE_EVENT_SECCOMP) {
		if (on_call(t))
			how = PTRACE_SYSCALL;
	} else if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
		/* On some kernels the stop at the call's beginning comes after
		 * that of the filter. */
		struct ptrace_syscall_info info = { 0 };

		(void)ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, sizeof(info),
		    &info);
		if (info.op == PTRACE_SYSCALL_INFO_EXIT)
			on_call_end(t);
		else
			how = PTRACE_SYSCALL;
	} else if (event == 0) {
		signal = WSTOPSIG(status);
	}
	(void)ptrace(how, t->pid, NULL, (void *)(long)signal);
}

static void
run(char *argv[], int go)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	char c;

	if (filter == NULL ||
	    seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0) != 0)
		errx(127, "filter");
	for (unsigned i = 0; i < point_calls_n; i++)
		if (seccomp_rule_add(filter, SCMP_ACT_TRACE(0), point_calls[i],
		    0) != 0)
			errx(127, "filter");
	if (read(go, &c, 1) != 1 || seccomp_load(filter) != 0)
		errx(127, "filter");
	seccomp_release(filter);
	close(go);
	execv(argv[0], argv);
	err(127, "%s", argv[0]);
}

static void
open_files(const char *control_file, const char *log)
{
	int fd = open(control_file, O_RDWR | O_CLOEXEC);

	if (fd == -1 || (control = mmap(NULL, sizeof(*control),
	    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)) == MAP_FAILED)
		err(1, "%s", control_file);
	close(fd);
	if ((points = fopen(log, "we")) == NULL)
		err(1, "%s", log);
}

/* SIGTERM is for the program. */
static void
pass_on(int signal)
{
	if (first > 0)
		(void)kill(first, signal);
}

static int
trace(void)
{
	int status, result = 1;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) != -1 || errno == EINTR) {
		if (pid == -1)
			continue;
		if (WIFSTOPPED(status)) {
			on_stop(tracee_of(pid), status);
			continue;
		}
		if (pid == first)
			result = WIFEXITED(status) ? WEXITSTATUS(status) :
			    128 + WTERMSIG(status);
		tracee_of(pid)->pid = 0;
	}
	return result;
}

int
main(int argc, char *argv[])
{
	struct sigaction sa = { .sa_handler = pass_on };
	int go[2];

	if (argc < 4)
		errx(2, "usage: strike CONTROL LOG PROGRAM [ARGUMENT ...]");
	open_files(argv[1], argv[2]);
	if (pipe2(go, O_CLOEXEC) == -1 || (first = fork()) == -1)
		err(1, "start");
	if (first == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(argv + 3, go[0]);
	}
	(void)sigaction(SIGTERM, &sa, NULL);
	(void)sigaction(SIGINT, &sa, NULL);
	if (ptrace(PTRACE_SEIZE, first, NULL, (void *)OPTIONS) == -1)
		err(errno == EPERM ? 3 : 1, "trace");
	(void)tracee_of(first);
	if (write(go[1], "", 1) != 1)
		err(1, "start");
	return trace();
}
