/*
 * root_peer.c - whether root is at the other end of an inherited socket.
 *
 * Runs in:  certd-hook, certd-dns, before their first foreign byte.
 * Promise:  nobody but root is heard, whatever the mode of a socket file says.
 */
#define _GNU_SOURCE /* struct ucred */
#include <sys/socket.h>

#include "root_peer.h"

struct err *
root_peer_check(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == -1)
		return err_sys("who is at the other end of descriptor %d", fd);
	if (peer.uid != 0)
		return err_new("process %d of user %u is refused: only certd "
		    "may connect, which is root", (int)peer.pid,
		    (unsigned)peer.uid);
	return NULL;
}
