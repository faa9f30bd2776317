/* traced.h - a call of a traced process, kept from being made, with a result of
 * ours. For tests. */
#ifndef TRACED_H
#define TRACED_H

#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/user.h>

/* Whether a call of this machine can be made to fail. */
static inline bool
can_inject(void)
{
#ifdef __x86_64__
	return true;
#else
	return false;
#endif
}

/* Before the call: no call of this number; after it: its result. */
static inline void
set_call(pid_t pid, bool before, int error)
{
#ifdef __x86_64__
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) == -1)
		return;
	if (before)
		regs.orig_rax = (unsigned long long)-1;
	else
		regs.rax = (unsigned long long)-error;
	(void)ptrace(PTRACE_SETREGS, pid, NULL, &regs);
#else
	(void)pid;
	(void)before;
	(void)error;
#endif
}

#endif
