/*
 * jail.c - what certd-dns may still ask the kernel for.
 *
 * Runs in:  certd-dns (_certd-dns; HTTPS to the provider; no files, no exec).
 * Promise:  whoever takes it over has the DNS token, sockets of AF_INET and
 *           AF_INET6 to carry it away, and the connection to the monitor, which
 *           takes nothing from it but answers; no file, no program, no other
 *           process.
 *
 * What it needs beyond the base is what HTTPS and DNS need (sandbox_net): the
 * configuration, the CA bundle, resolv.conf and hosts were read before, and the
 * credentials come as a descriptor.
 */
#include <errno.h>

#include "publisher.h"

static const struct sandbox_rule rules[] = {
	SB_DENY("clone", EAGAIN,
	    "there are no threads: libcurl's resolver, "
	    "which would be one, is not used"),
	SB_DENY("sched_yield", ENOSYS, "there are no threads"),
	SB_DIE("kill", "others are none of its business"),
	SB_SAN("sched_yield", "locks of AddressSanitizer"),
};

const struct sandbox publisher_jail = {
	.process = "certd-dns",
	.rules = rules,
	.n_rules = sizeof(rules) / sizeof(rules[0]),
	.lean = true,
	.network = true,
	.files = 256, /* a few connections; sockets to 64 resolvers at most */
	.file_bytes = 0,
	.memory_bytes = 256 * 1024 * 1024,
	.forks = false,
};
