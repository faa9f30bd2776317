/* credentials.h - the file with the DNS provider's token. */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include "config.h"
#include "err.h"

/* Where the service manager passes a credential called "cloudflare"
 * (LoadCredential=), that file takes the place of cfg->credentials. */
struct err	*credentials_of_service(struct config *cfg);
/* Opens path for reading, for the publisher, when it is root's own regular file
 * that others can neither read nor write (a group may read it). Unlike certbot,
 * which only warns, anything else is an error with the command that repairs
 * it. A symbolic link is followed where root made it. On error *fd is -1. */
struct err	*credentials_open(const char *path, int *fd);

#endif
