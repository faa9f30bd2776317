/*
 * sandbox_net.c - what HTTPS and DNS need: libcurl, OpenSSL and c-ares, after
 * everything that wants files was done.
 *
 * Runs in:  acmew, certd-dns.
 * Promise:  connections of AF_INET and AF_INET6 to others; no other family, no
 *           listening, no files.
 *
 * Measured with Debian 12's libraries (HTTP/1.1 and 2, DNS over UDP and TCP,
 * failures of all kinds), and with Debian 13's, whose calls are "rare" here.
 * Receiving, poll, fcntl and epoll are in the base: both libraries connect their
 * sockets, UDP too. Raw sockets need a
 * capability that neither process has.
 */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "sandbox.h"

const struct sandbox_rule sandbox_net[] = {
	SB_IF("socket", 0, SB_INT, AF_INET, "HTTPS, DNS"),
	SB_IF("socket", 0, SB_INT, AF_INET6, "HTTPS, DNS"),
	SB_DENY_IF("socket", EAFNOSUPPORT, 0, SB_INT, AF_UNIX, "nscd, syslog"),
	SB_DENY_IF("socket", EAFNOSUPPORT, 0, SB_INT, AF_NETLINK,
	    "which addresses the machine has"),
	SB_ANY("sendto", "send; c-ares of Debian 13 connects so for DNS over "
	    "TCP (MSG_FASTOPEN), and connect goes anywhere, too"),
	SB_ANY("eventfd2",
	    "rare: libcurl of Debian 13 wakes threads that it never has"),
	SB_ANY("connect", "HTTPS, DNS; there are no sockets of other families"),
	SB_ANY("getsockname", "libcurl notes the ends of a connection"),
	SB_ANY("getpeername", "libcurl asks whether it is connected"),
	SB_ANY("getsockopt", "whether a connection was made"),
	SB_IF("setsockopt", 1, SB_INT, IPPROTO_TCP, "TCP_NODELAY"),
	SB_DENY_IF("setsockopt", ENOPROTOOPT, 1, SB_INT, SOL_SOCKET,
	    "filters and the like; libraries do without their wishes"),
	SB_DENY_IF(
	    "setsockopt", ENOPROTOOPT, 1, SB_INT, IPPROTO_IPV6, "as before"),
	SB_DENY_IF(
	    "setsockopt", ENOPROTOOPT, 1, SB_INT, IPPROTO_IP, "as before"),
	SB_DENY(
	    "socketpair", EACCES, "libcurl wakes threads that it never has"),
	SB_DIE("bind", "nothing is offered to anybody"),
	SB_DIE("listen", "nothing is offered to anybody"),
	SB_DIE("accept", "nothing is offered to anybody"),
	SB_DIE("accept4", "nothing is offered to anybody"),
};
const size_t sandbox_net_n = sizeof(sandbox_net) / sizeof(sandbox_net[0]);
