/*
 * inject.c - makes a running process do one system call, from inside its jail,
 * and says what came of it. For tests: it shows what an attacker could do who
 * runs code in that process.
 *
 *	inject PID CALL [ARGUMENT ...]
 *
 * An argument is a number, or =TEXT for the address of a text. Prints one of
 *	returned N, failed ERRNO NAME, died SIGNAL NAME, executed
 * Exit status 3: this machine does not let us look into other processes.
 *
 * Runs in:  tests only (root).
 * Promise:  a process that survives goes on as if nothing had happened.
 */
#define _GNU_SOURCE /* sigabbrev_np(), strerrorname_np() */
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <elf.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <seccomp.h>

#define NOT_HERE 3

#ifdef __x86_64__

struct call {
	int number;
	uint64_t args[6];
	size_t n_args;
	char texts[2048]; /* what =TEXT arguments point to */
	size_t n_texts;
};

#define RED_ZONE 128 /* below the stack pointer: belongs to the function */

static void
trace(enum __ptrace_request what, pid_t pid, void *data)
{
	if (ptrace(what, pid, NULL, data) == -1)
		err(errno == EPERM ? NOT_HERE : 1, "ptrace %d", (int)what);
}

static void
get_regs(pid_t pid, struct user_regs_struct *regs)
{
	struct iovec iov = { regs, sizeof(*regs) };

	if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &iov) == -1)
		err(1, "read registers");
}

static void
set_regs(pid_t pid, const struct user_regs_struct *regs)
{
	struct user_regs_struct copy = *regs;
	struct iovec iov = { &copy, sizeof(copy) };

	if (ptrace(PTRACE_SETREGSET, pid, (void *)NT_PRSTATUS, &iov) == -1)
		err(1, "write registers");
}

/* Whole words only: n is rounded up. */
static void
poke(pid_t pid, uint64_t address, const void *bytes, size_t n)
{
	unsigned long word;

	for (size_t i = 0; i < n; i += sizeof(word)) {
		memcpy(&word, (const char *)bytes + i, sizeof(word));
		if (ptrace(PTRACE_POKEDATA, pid, (void *)(address + i),
			(void *)word) == -1)
			err(1, "write memory");
	}
}

/* Waits for the next stop; false when the process has died instead. */
static int
wait_stop(pid_t pid, int *status)
{
	if (waitpid(pid, status, __WALL) != pid)
		err(1, "waitpid");
	if (WIFSIGNALED(*status)) {
		printf("died %d %s\n", WTERMSIG(*status),
		    sigabbrev_np(WTERMSIG(*status)));
		return 0;
	}
	if (WIFEXITED(*status)) {
		printf("exited %d\n", WEXITSTATUS(*status));
		return 0;
	}
	return 1;
}

/* Lets the process run up to the breakpoint behind the call. A jail that kills
 * does so only after the tracer has seen the call end, so that the end of the
 * call proves nothing. */
static int
run_to_breakpoint(pid_t pid)
{
	int status, signal = 0;

	for (;;) {
		trace(PTRACE_CONT, pid, (void *)(long)signal);
		if (!wait_stop(pid, &status))
			return 0;
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8)) {
			printf("executed\n");
			kill(pid, SIGKILL);
			return 0;
		}
		if (status >> 8 == SIGTRAP)
			return 1;
		signal = status >> 16 == 0 ? WSTOPSIG(status) : 0;
	}
}

static void
report(int64_t result)
{
	if (result < 0 && result > -4096)
		printf("failed %d %s\n", (int)-result,
		    strerrorname_np((int)-result));
	else
		printf("returned %" PRId64 "\n", result);
}

static void
prepare(pid_t pid, const struct user_regs_struct *old, struct call *call)
{
	struct user_regs_struct regs = *old;
	uint64_t base = (old->rsp - RED_ZONE - sizeof(call->texts)) & ~15ULL;

	for (size_t i = 0; i < call->n_args; i++)
		if (call->args[i] >> 32 == UINT32_MAX) /* see add_text() */
			call->args[i] = base + (uint32_t)call->args[i];
	poke(pid, base, call->texts, sizeof(call->texts));
	regs.rax = (unsigned)call->number;
	regs.orig_rax = UINT64_MAX; /* no call to restart */
	regs.rdi = call->args[0];
	regs.rsi = call->args[1];
	regs.rdx = call->args[2];
	regs.r10 = call->args[3];
	regs.r8 = call->args[4];
	regs.r9 = call->args[5];
	regs.rsp = base - 64;
	set_regs(pid, &regs);
}

static void
inject(pid_t pid, struct call *call)
{
	static const unsigned char code[8] = { 0x0f, 0x05, /* syscall */
		0xcc /* int3 */ };
	struct user_regs_struct old, now;
	unsigned long text;
	int status;

	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)(PTRACE_O_TRACEEXEC)) == -1)
		err(errno == EPERM ? NOT_HERE : 1, "cannot trace %d", pid);
	trace(PTRACE_INTERRUPT, pid, NULL);
	if (!wait_stop(pid, &status))
		return;
	get_regs(pid, &old);
	errno = 0;
	text =
	    (unsigned long)ptrace(PTRACE_PEEKTEXT, pid, (void *)old.rip, NULL);
	if (errno != 0)
		err(1, "read code");
	poke(pid, old.rip, code, sizeof(code));
	prepare(pid, &old, call);
	if (!run_to_breakpoint(pid))
		return;
	get_regs(pid, &now);
	poke(pid, old.rip, &text, sizeof(text));
	set_regs(pid, &old);
	trace(PTRACE_DETACH, pid, NULL);
	report((int64_t)now.rax);
}

/* The argument becomes an offset that prepare() turns into an address: its
 * upper half says so. */
static uint64_t
add_text(struct call *call, const char *text)
{
	size_t n = strlen(text) + 1, at = call->n_texts;

	if (n > sizeof(call->texts) - at)
		errx(2, "texts too long");
	memcpy(call->texts + at, text, n);
	call->n_texts += (n + 7) & ~(size_t)7;
	return (uint64_t)UINT32_MAX << 32 | at;
}

int
main(int argc, char **argv)
{
	struct call call = { 0 };

	if (argc < 3 || argc > 9)
		errx(2, "usage: inject PID CALL [ARGUMENT ...]");
	call.number = seccomp_syscall_resolve_name(argv[2]);
	if (call.number < 0)
		errx(2, "no system call %s", argv[2]);
	for (int i = 3; i < argc; i++)
		call.args[call.n_args++] =
		    argv[i][0] == '=' ? add_text(&call, argv[i] + 1)
				      : (uint64_t)strtoll(argv[i], NULL, 0);
	inject((pid_t)strtol(argv[1], NULL, 10), &call);
	return 0;
}

#else

int
main(void)
{
	errx(NOT_HERE, "written for x86-64 only");
}

#endif
