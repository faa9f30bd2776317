/*
 * faults.h - runs something in a process of its own and ends it, or lets a
 * call fail, at the n-th system call that changes the disk.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#include "traced.h"

enum fault_kind {
	FAULT_KILL,  /* the process is killed before the call */
	FAULT_ONCE,  /* the call fails with error */
	FAULT_STAYS, /* this call and all after it fail with error */
};

struct fault {
	enum fault_kind kind;
	unsigned at; /* from 1 */
	int error;
};

struct fault_result {
	bool reached; /* there was a call number at */
	bool killed;
	int status; /* what the process left with, where it was not */
};

static bool
changes_disk(const struct ptrace_syscall_info *info)
{
	switch (info->entry.nr) {
	case SYS_openat:
		return (info->entry.args[2] & O_CREAT) != 0;
	case SYS_mkdirat:
	case SYS_write:
	case SYS_pwrite64:
	case SYS_sendfile:
	case SYS_fsync:
	case SYS_fdatasync:
	case SYS_syncfs:
	case SYS_ftruncate:
	case SYS_fchmod:
	case SYS_fchown:
	case SYS_fsetxattr:
	case SYS_linkat:
	case SYS_symlinkat:
	case SYS_unlinkat:
	case SYS_renameat:
	case SYS_renameat2:
		return true;
	default:
		return false;
	}
}

/* One stop of the process; n counts the calls. False when it is over. */
static bool
on_stop(pid_t pid, const struct fault *f, unsigned *n, bool *failing,
    struct fault_result *result)
{
	struct ptrace_syscall_info info = { 0 };

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) == -1)
		return true;
	if (info.op == PTRACE_SYSCALL_INFO_EXIT && *failing) {
		set_call(pid, false, f->error);
		*failing = false;
	}
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY || !changes_disk(&info))
		return true;
	if (++*n < f->at || (*n > f->at && f->kind != FAULT_STAYS))
		return true;
	result->reached = true;
	if (f->kind == FAULT_KILL) {
		result->killed = true;
		(void)kill(pid, SIGKILL);
		return false;
	}
	set_call(pid, true, 0);
	*failing = true;
	return true;
}

static struct fault_result
with_fault(const struct fault *f, int (*fn)(void *arg), void *arg)
{
	struct fault_result result = { 0 };
	bool failing = false;
	int status = 0;
	unsigned n = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		(void)raise(SIGSTOP);
		_exit(fn(arg));
	}
	(void)waitpid(pid, &status, 0);
	(void)ptrace(PTRACE_SETOPTIONS, pid, NULL,
	    PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	for (;;) {
		(void)ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
			break;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80) &&
		    !on_stop(pid, f, &n, &failing, &result))
			(void)waitpid(pid, &status, 0);
		if (!WIFSTOPPED(status))
			break;
	}
	result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return result;
}

#endif
