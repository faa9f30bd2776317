/*
 * sandbox_net.c - what HTTPS and DNS need: libcurl, OpenSSL and c-ares after
 * everything that wants files was done.
 *
 * Runs in:  acmew, certd-dns.
 * Promise:  sockets of AF_INET and AF_INET6 for streams and datagrams, no other
 *           family, no listening, no files.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "sandbox.h"


const struct sandbox_rule sandbox_net[] = {
	SB_IF("socket", 0, SB_INT, AF_INET, "HTTPS, DNS"),
	SB_IF("socket", 0, SB_INT, AF_INET6, "HTTPS, DNS"),
	SB_DENY_IF("socket", EAFNOSUPPORT, 0, SB_INT, AF_UNIX, "nscd, syslog"),
	SB_DENY_IF("socket", EAFNOSUPPORT, 0, SB_INT, AF_NETLINK,
	    "which addresses the machine has"),
	SB_ANY("connect", "HTTPS, DNS; the kernel knows no other families here"),
	SB_ANY("bind", "c-ares takes a port"),
	SB_ANY("sendto", "DNS over UDP"),
	SB_ANY("sendmmsg", "DNS"),
	SB_ANY("getsockname", "libcurl, c-ares"),
	SB_ANY("getpeername", "libcurl"),
	SB_ANY("getsockopt", "whether a connection was made"),
	SB_ANY("setsockopt", "TCP_NODELAY, keep-alive, buffers"),
	SB_IF("ioctl", 1, SB_INT, FIONREAD, "how much is there to read"),
	SB_IF("ioctl", 1, SB_INT, FIONBIO, "non-blocking"),
	SB_ANY("eventfd2", "libcurl's wake-up"),
	SB_ANY("pipe2", "libcurl's wake-up"),
	SB_ANY("socketpair", "libcurl's wake-up: no address is reached by it"),
};
const size_t sandbox_net_n = sizeof(sandbox_net) / sizeof(sandbox_net[0]);
