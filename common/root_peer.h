/* root_peer.h - whether root is at the other end of an inherited socket. */
#ifndef ROOT_PEER_H
#define ROOT_PEER_H

#include "err.h"

/* NULL where SO_PEERCRED of fd says uid 0. A socket pair has the user who made
 * it, a connection the one who connected. */
struct err	*root_peer_check(int fd);

#endif
