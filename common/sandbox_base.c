/*
 * sandbox_base.c - what every process may do, and what none may.
 *
 * Runs in:  every daemon.
 * Promise:  no row lets a process reach a path, another process or an address
 *           that it has not got already.
 */
#define _GNU_SOURCE /* CLONE_*, AT_EMPTY_PATH */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>

#include "sandbox.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#define THREAD_FLAGS (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)
#define NEW_FLAGS                                                              \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |         \
	    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME)

const struct sandbox_rule sandbox_base[] = {
	/* ---- memory: nothing becomes executable any more ---- */
	SB_ANY("brk", "rare: malloc"),
	SB_ANY("munmap", "rare: free of large blocks"),
	SB_ANY("mremap", "rare: realloc of large blocks"),
	SB_ANY("madvise", "rare: malloc gives pages back; keys stay out of dumps"),
	SB_IF("mmap", 2, PROT_EXEC, 0, "rare: malloc of large blocks"),
	SB_DENY_IF("mmap", EACCES, 2, PROT_EXEC, PROT_EXEC,
	    "libc loads a module on demand: too late"),
	SB_IF("mprotect", 2, PROT_EXEC, 0, "malloc in threads"),
	SB_DENY_IF("mprotect", EACCES, 2, PROT_EXEC, PROT_EXEC, "as mmap"),

	/* ---- the event loop ---- */
	SB_ANY("epoll_wait", "libevent"),
	SB_ANY("epoll_pwait", "rare: libevent where epoll_wait is no call"),
	SB_ANY("epoll_ctl", "libevent"),
	SB_ANY("poll", "rare: waiting for one descriptor"),
	SB_ANY("ppoll", "poll where it is no call"),
	SB_ANY("rt_sigaction", "signal events come and go"),
	SB_ANY("rt_sigprocmask", "rare: signal events; abort"),
	SB_ANY("rt_sigreturn", "rare: the end of a signal handler"),
	SB_ANY("restart_syscall", "rare: a wait goes on after a stop"),

	/* ---- what is open already ---- */
	SB_ANY("read", "rare: sockets, descriptors that were passed"),
	SB_ANY("readv", "libevent"),
	SB_ANY("write", "rare: sockets, the log, descriptors that were passed"),
	SB_ANY("writev", "rare: libevent; messages of libc"),
	SB_ANY("recvfrom", "recv"),
	SB_ANY("recvmsg", "messages with their descriptors"),
	SB_IF("sendto", 4, UINT64_MAX, 0, "send: to no other address"),
	SB_ANY("sendmsg", "messages with their descriptors"),
	SB_ANY("shutdown", "the end of a connection"),
	SB_ANY("close", "every descriptor"),
	SB_ANY("fstat", "rare: stdio"),
	SB_IF("newfstatat", 3, AT_EMPTY_PATH, AT_EMPTY_PATH,
	    "rare: fstat of glibc 2.33 and later"),
	SB_DENY_IF(
	    "newfstatat", EACCES, 3, AT_EMPTY_PATH, 0, "libc looks for files"),
	SB_ANY("lseek", "stdio on descriptors that were passed"),
	SB_IF("fcntl", 1, SB_INT, F_GETFL, "sockets become non-blocking"),
	SB_IF("fcntl", 1, SB_INT, F_SETFL, "sockets become non-blocking"),
	SB_IF("fcntl", 1, SB_INT, F_GETFD, "close on exec"),
	SB_IF("fcntl", 1, SB_INT, F_SETFD, "close on exec"),
	SB_IF("fcntl", 1, SB_INT, F_DUPFD_CLOEXEC,
	    "a queued message keeps its descriptor"),

	/* ---- clocks, randomness, facts ---- */
	SB_ANY("clock_gettime", "rare: where the vDSO has no clock"),
	SB_ANY("gettimeofday", "rare: where the vDSO has no clock"),
	SB_ANY("time", "rare: where the vDSO has no clock"),
	SB_ANY("clock_nanosleep", "sleep"),
	SB_ANY("nanosleep", "sleep"),
	SB_ANY("getrandom", "rare: keys, nonces, malloc"),
	SB_ANY("getpid", "the log; abort"),
	SB_ANY("gettid", "rare: abort"),
	SB_ANY("getppid", "is the parent still there"),
	SB_ANY("getuid", "libraries ask whether they run setuid"),
	SB_ANY("geteuid", "as getuid"),
	SB_ANY("getgid", "as getuid"),
	SB_ANY("getegid", "as getuid"),
	SB_ANY("uname", "libraries ask for the version of the kernel"),
	SB_ANY("sysinfo", "qsort asks how much memory there is"),

	/* ---- threads, and leaving ---- */
	SB_ANY("futex", "rare: locks of libc"),
	SB_ANY("set_robust_list", "the start of a thread"),
	SB_ANY("rseq", "the start of a thread"),
	SB_ANY("sched_yield", "locks of libraries"),
	SB_IF("clone", 0, THREAD_FLAGS | NEW_FLAGS, THREAD_FLAGS,
	    "threads, never processes"),
	SB_DENY("clone3", ENOSYS,
	    "its flags are behind a pointer: glibc then takes clone"),
	SB_IF("tgkill", 0, SB_INT, SB_OWN_PID, "rare: abort"),
	SB_ANY("exit", "the end of a thread"),
	SB_ANY("exit_group", "leaving"),

	/* ---- what libc tries behind our back and can do without ---- */
	SB_DENY("open", EACCES, "/etc/localtime and the like"),
	SB_DENY("openat", EACCES, "/etc/localtime and the like"),
	SB_DENY("stat", EACCES, "/etc/localtime and the like"),
	SB_DENY("lstat", EACCES, "/etc/localtime and the like"),
	SB_DENY("statx", EACCES, "/etc/localtime and the like"),
	SB_DENY("access", EACCES, "configuration of libraries"),
	SB_DENY("faccessat", EACCES, "configuration of libraries"),
	SB_DENY("faccessat2", EACCES, "configuration of libraries"),
	SB_DENY("readlink", EACCES, "/proc/self/exe"),
	SB_DENY("readlinkat", EACCES, "/proc/self/exe"),
	SB_DENY("getcwd", EACCES, "relative paths"),
	SB_DENY("socket", EAFNOSUPPORT, "nscd, syslog"),
	SB_DENY("ioctl", ENOTTY, "stdio asks whether it is a terminal"),
	SB_DENY("prctl", EPERM, "names of threads and mappings"),
	SB_DENY("prlimit64", EPERM, "sysconf"),
	SB_DENY("getrlimit", EPERM, "sysconf"),
	SB_DENY("sched_getaffinity", EPERM, "sysconf: number of processors"),
	SB_DENY("sigaltstack", EPERM, "runtimes prepare for a crash"),

	/* ---- always a sign of somebody else's code ---- */
	SB_DIE("execve", "another program"),
	SB_DIE("execveat", "another program"),
	SB_DIE("ptrace", "another process"),
	SB_DIE("process_vm_readv", "another process"),
	SB_DIE("process_vm_writev", "another process"),
	SB_DIE("process_madvise", "another process"),
	SB_DIE("pidfd_getfd", "another process"),
	SB_DIE("kcmp", "another process"),
	SB_DIE("kexec_load", "another kernel"),
	SB_DIE("kexec_file_load", "another kernel"),
	SB_DIE("init_module", "another kernel"),
	SB_DIE("finit_module", "another kernel"),
	SB_DIE("delete_module", "another kernel"),
	SB_DIE("bpf", "code in the kernel"),
	SB_DIE("perf_event_open", "a large surface, often broken"),
	SB_DIE("userfaultfd", "a tool of exploits"),
	SB_DIE("io_uring_setup", "calls past seccomp"),
	SB_DIE("io_uring_enter", "calls past seccomp"),
	SB_DIE("io_uring_register", "calls past seccomp"),
	SB_DIE("mount", "another file system"),
	SB_DIE("umount2", "another file system"),
	SB_DIE("mount_setattr", "another file system"),
	SB_DIE("move_mount", "another file system"),
	SB_DIE("open_tree", "another file system"),
	SB_DIE("fsopen", "another file system"),
	SB_DIE("fsconfig", "another file system"),
	SB_DIE("fsmount", "another file system"),
	SB_DIE("fspick", "another file system"),
	SB_DIE("pivot_root", "another file system"),
	SB_DIE("chroot", "another file system"),
	SB_DIE("open_by_handle_at", "files past their directories"),
	SB_DIE("name_to_handle_at", "files past their directories"),
	SB_DIE("unshare", "another namespace"),
	SB_DIE("setns", "another namespace"),
	SB_DIE("keyctl", "keys of the kernel"),
	SB_DIE("add_key", "keys of the kernel"),
	SB_DIE("request_key", "keys of the kernel"),
	SB_DIE("setuid", "another user"),
	SB_DIE("setgid", "another user"),
	SB_DIE("setreuid", "another user"),
	SB_DIE("setregid", "another user"),
	SB_DIE("setresuid", "another user"),
	SB_DIE("setresgid", "another user"),
	SB_DIE("setfsuid", "another user"),
	SB_DIE("setfsgid", "another user"),
	SB_DIE("setgroups", "another user"),
	SB_DIE("capset", "other powers"),
	SB_DIE("reboot", "the machine"),
	SB_DIE("swapon", "the machine"),
	SB_DIE("swapoff", "the machine"),
	SB_DIE("acct", "the machine"),
	SB_DIE("quotactl", "the machine"),
	SB_DIE("settimeofday", "the machine's clock"),
	SB_DIE("clock_settime", "the machine's clock"),
	SB_DIE("clock_adjtime", "the machine's clock"),
	SB_DIE("adjtimex", "the machine's clock"),
	SB_DIE("sethostname", "the machine's name"),
	SB_DIE("setdomainname", "the machine's name"),
	SB_DIE("syslog", "the kernel's log"),
	SB_DIE("vhangup", "a terminal"),
	SB_DIE("iopl", "devices"),
	SB_DIE("ioperm", "devices"),
	SB_DIE("modify_ldt", "segments: a tool of exploits"),

	/* ---- AddressSanitizer, UndefinedBehaviorSanitizer, LeakSanitizer ---- */
	SB_SAN("open", "LeakSanitizer reads /proc/self: see Landlock"),
	SB_SAN("openat", "likewise"),
	SB_SAN("getdents", "LeakSanitizer lists its threads"),
	SB_SAN("getdents64", "likewise"),
	SB_SAN("clone", "LeakSanitizer's tracer is a process"),
	SB_SAN("wait4", "LeakSanitizer waits for it"),
	SB_SAN("ptrace", "LeakSanitizer stops the other threads"),
	SB_SAN("prctl", "LeakSanitizer's tracer"),
	SB_SAN("madvise", "memory of AddressSanitizer"),
	SB_SAN("mprotect", "likewise"),
	SB_SAN("mremap", "likewise"),
	SB_SAN("futex", "locks of AddressSanitizer"),
	SB_SAN("sched_yield", "likewise"),
	SB_SAN("nanosleep", "likewise"),
	SB_SAN("clock_nanosleep", "likewise"),
	SB_SAN("getppid", "LeakSanitizer's tracer asks who its parent is"),
	SB_SAN("gettid", "reports name the thread"),
	SB_SAN("tgkill", "abort"),
	SB_SAN("getrandom", "malloc"),
	SB_SAN("getuid", "LeakSanitizer"),
	SB_SAN("geteuid", "LeakSanitizer"),
	SB_SAN("exit", "the end of the tracer"),
	SB_SAN("uname", "AddressSanitizer"),
	SB_SAN(
	    "sigaltstack", "AddressSanitizer reports from a stack of its own"),
};
const size_t sandbox_base_n = sizeof(sandbox_base) / sizeof(sandbox_base[0]);

const struct sandbox_rule sandbox_lean[] = {
	SB_DENY("clone", EAGAIN, "there are no threads"),
	SB_UNUSED("exit", "there are no threads"),
	SB_UNUSED("set_robust_list", "there are no threads"),
	SB_UNUSED("rseq", "there are no threads"),
	SB_UNUSED("sched_yield", "there are no threads"),
	SB_UNUSED("mprotect", "there are no threads, so no arenas of them"),
	SB_UNUSED("nanosleep", "libc has clock_nanosleep"),
	SB_UNUSED("clock_nanosleep", "the event loop waits"),
	SB_UNUSED("ppoll", "libc has poll"),
	SB_UNUSED("readv", "the channel reads with recvmsg"),
	SB_UNUSED("shutdown", "connections are closed"),
	SB_UNUSED("lseek", "nothing is read twice"),
	SB_UNUSED("getppid", "a parent that dies is a connection that ends"),
	SB_UNUSED("getuid", "asked before the jail"),
	SB_UNUSED("geteuid", "asked before the jail"),
	SB_UNUSED("getgid", "asked before the jail"),
	SB_UNUSED("getegid", "asked before the jail"),
	SB_UNUSED("uname", "asked before the jail"),
	SB_UNUSED("sysinfo", "nothing is sorted with qsort"),
};
const size_t sandbox_lean_n = sizeof(sandbox_lean) / sizeof(sandbox_lean[0]);

const struct sandbox_rule sandbox_forks[] = {
	SB_IF("clone", 0, NEW_FLAGS, 0, "fork, in the namespaces that it has"),
	SB_ANY("fork", "children"),
	SB_ANY("vfork", "children"),
	SB_ANY("wait4", "children"),
	SB_ANY("waitid", "children"),
};
const size_t sandbox_forks_n = sizeof(sandbox_forks) / sizeof(sandbox_forks[0]);
