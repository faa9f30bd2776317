/* credentials.h - the file with the DNS provider's token. */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include "err.h"

/* Opens path for reading, for the publisher, when it is root's own regular file
 * that others can neither read nor write (a group may read it). Unlike certbot,
 * which only warns, anything else is an error with the command that repairs
 * it. A symbolic link is followed where root made it. On error *fd is -1. */
struct err	*credentials_open(const char *path, int *fd);

#endif
