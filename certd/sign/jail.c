/*
 * jail.c - what certd-sign may still ask the kernel for.
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Promise:  keys and a hostile CA's bytes are in one process, but nothing that
 *           takes it over can carry a key away: no path, no socket, no other
 *           process, no program; only the one connection to the monitor and
 *           the files that the monitor passes. Its threads are in it too.
 */
#include <errno.h>
#include <fcntl.h>

#include "sign.h"

static const struct sandbox_rule rules[] = {
	SB_ANY("fsync", "an account is on the disk before it is used"),
	SB_ANY("exit", "the end of a thread"),
	SB_IF("fcntl", 1, SB_INT, F_GETFL, "the channel becomes non-blocking"),
	SB_IF("fcntl", 1, SB_INT, F_SETFL, "the channel becomes non-blocking"),

	/* Memory, epoll, recvmsg, sendmsg, read, write, close, fstat, clocks,
	 * getrandom, futex and leaving are in the base. */
	SB_UNUSED("poll", "nothing but the event loop waits"),
	SB_UNUSED("ppoll", "nothing but the event loop waits"),
	SB_UNUSED("readv", "the channel reads with recvmsg"),
	SB_UNUSED("writev", "the channel writes with sendmsg"),
	SB_UNUSED("recvfrom", "the channel reads with recvmsg"),
	SB_UNUSED("sendto", "the channel writes with sendmsg"),
	SB_UNUSED("shutdown", "the channel is closed"),
	SB_UNUSED("lseek", "files are read and written from where they stand"),
	SB_UNUSED("clock_nanosleep", "nobody sleeps"),
	SB_UNUSED("nanosleep", "nobody sleeps"),
	SB_UNUSED("getppid", "the monitor's end is the end of the channel"),
	SB_UNUSED("getuid", "asked before the jail"),
	SB_UNUSED("geteuid", "asked before the jail"),
	SB_UNUSED("getgid", "asked before the jail"),
	SB_UNUSED("getegid", "asked before the jail"),
	SB_UNUSED("uname", "asked before the jail"),
	SB_UNUSED("sysinfo", "nothing is sorted"),
	SB_UNUSED("set_robust_list", "the threads began before"),
	SB_UNUSED("rseq", "the threads began before"),
	SB_UNUSED("clone", "the threads began before"),
	SB_UNUSED("sched_yield", "threads wait with futex"),
	SB_DIE("socket", "the signer has no network, and wants none"),
	SB_DIE("socketpair", "as socket"),
	SB_DIE("connect", "as socket"),
	SB_DIE("bind", "as socket"),

	SB_SAN("sched_yield", "locks of AddressSanitizer"),
	SB_SAN("getppid", "LeakSanitizer's tracer asks who its parent is"),
};

const struct sandbox signer_jail = {
	.process = "certd-sign",
	.rules = rules,
	.n_rules = sizeof(rules) / sizeof(rules[0]),
	.lean = true,
	.files = 1024,           /* WAITING_MAX of slow.c, and some */
	.file_bytes = 64 * 1024, /* RSA 4096 is 3.2 KiB; the log is a pipe */
	.memory_bytes = 128 * 1024 * 1024,
};
