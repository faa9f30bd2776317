/*
 * jail.c - what the monitor may still do once it serves.
 *
 * Runs in:  certd (root; no network, no exec).
 * Promise:  files yes (Landlock says which), sockets and programs no: it can
 *           accept on the two sockets that it has, and make no other.
 */
#include <errno.h>

#include "monitor.h"

static const struct sandbox_rule rules[] = {
	/* the two listening sockets, and who is at the other end */
	SB_ANY("accept4", "certctl and acmew connect"),
	SB_ANY("getsockopt", "SO_PEERCRED, SO_PEERGROUPS"),
	SB_DENY("socket", EAFNOSUPPORT, "no network; syslog(3) may ask"),
	SB_DENY("connect", EACCES, "no network"),
	SB_DENY("bind", EACCES, "no new listening sockets"),
	SB_ANY("wait4", "how a child ended"),

	/* the store and the ledger: read */
	SB_ANY("openat", "store, ledger and credentials file; see Landlock"),
	SB_ANY("newfstatat", "store: what is a link, what a file"),
	SB_ANY("fstat", "rare: other versions of libc for newfstatat"),
	SB_ANY("fstatfs", "store: is there space"),
	SB_ANY("getdents64", "store: lists of lineages, versions, hooks"),
	SB_ANY("readlink", "credentials: a link of root's"),
	SB_ANY("readlinkat", "store: which version live/ shows"),
	SB_ANY("inotify_add_watch", "store: has anything changed"),
	SB_ANY("lseek", "ledger; directories read again"),
	SB_ANY("pread64", "ledger"),
	SB_ANY("fcntl", "locks of certbot and sqlite; dup; flags"),

	/* the store and the ledger: written */
	SB_ANY("sendfile", "store: a key is copied by the kernel, unread"),
	SB_ANY("pwrite64", "ledger"),
	SB_ANY("ftruncate", "ledger journal; files that a crash left"),
	SB_ANY("fsync", "a step is on disk before the next"),
	SB_ANY("sync_file_range", "several files to disk at once"),
	SB_ANY("syncfs", "the same for the files of several jobs"),
	SB_ANY("fdatasync", "ledger"),
	SB_ANY("mkdirat", "store: archive/NAME, live/.NAME.new, staging"),
	SB_ANY("unlink", "ledger journal"),
	SB_ANY("unlinkat", "store: old versions, staging"),
	SB_ANY("renameat", "store: staging into place"),
	SB_ANY("renameat2", "store: live/NAME swapped in"),
	SB_ANY("symlinkat", "store: live/NAME/*.pem"),
	SB_ANY("linkat", "store"),
	SB_ANY("fchmod", "store: certbot's modes"),
	SB_ANY("fchown", "store: the group of keys"),
	SB_ANY("fgetxattr", "store: a folder's access control list is kept"),
	SB_ANY("fsetxattr", "rare: likewise"),
	SB_ANY("fremovexattr", "rare: likewise"),

	SB_ANY("poll", "rare: a client is told why certd cannot start"),
	SB_ANY("shutdown", "rare: likewise"),
	SB_ANY("clock_nanosleep", "the others are waited for at the end"),
	SB_UNUSED("sysinfo", "qsort asks for the memory, and does without"),
	SB_UNUSED("recvfrom", "the channel reads with recvmsg"),
	SB_IF("sendto", 4, UINT64_MAX, 0,
	    "rare: service manager and journal, connected before the jail"),
	SB_UNUSED("futex", "there are no threads"),
	SB_UNUSED("getrandom", "no secret is made here"),
	SB_UNUSED("madvise", "malloc does without"),
	SB_UNUSED("mremap", "realloc does without"),
	SB_UNUSED("gettid", "abort does without"),
	SB_UNUSED("tgkill", "abort does without"),

	SB_ANY("uname", "host name for meta.json"),
	SB_ANY("geteuid", "sqlite: may it set owners"),
};

const struct sandbox monitor_jail = {
	.process = "certd",
	.rules = rules,
	.n_rules = sizeof(rules) / sizeof(rules[0]),
	.lean = true,
	.files = 4096,
	.file_bytes = 1024u * 1024 * 1024, /* of the ledger */
};

/* ---- certd-disk ---- */

static const struct sandbox_rule writeback_rules[] = {
	SB_ANY("fsync", "what it was handed"),
	SB_ANY("syncfs", "the same for the files of several jobs"),
	SB_ANY("sync_file_range", "several files at once"),
};

const struct sandbox writeback_jail = {
	.process = "certd-disk",
	.rules = writeback_rules,
	.n_rules = sizeof(writeback_rules) / sizeof(writeback_rules[0]),
	.lean = true,
	.files = 64,
};
