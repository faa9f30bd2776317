/*
 * credentials.c - opens the file with the DNS provider's token.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    a path that the administrator configured.
 * Promise:  the token is root's secret, or it is not used; it is never read
 *           here.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "credentials.h"
#include "log.h"

#define CREDENTIAL "cloudflare" /* of the service manager */
/* A group may read it, nobody else anything. */
#define MODE_FORBIDDEN (S_IWGRP | S_IXGRP | S_IRWXO)

static struct err *
check(const char *path, int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return err_sys("credentials file %s", path);
	if (!S_ISREG(st.st_mode))
		return err_new(
		    "credentials file %s is not a regular file", path);
	if (st.st_uid != 0)
		return err_advise(err_new("credentials file %s belongs to "
					  "user %u, who is not root",
				      path, (unsigned)st.st_uid),
		    "chown root %s", path);
	if ((st.st_mode & MODE_FORBIDDEN) != 0)
		return err_advise(err_new("credentials file %s is open to "
					  "others (mode %04o)",
				      path, (unsigned)st.st_mode & 07777),
		    "chmod 600 %s, and make a new token if others have had "
		    "access to this machine",
		    path);
	return NULL;
}

struct err *
credentials_of_service(struct config *cfg)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	char *path = NULL;

	if (folder == NULL)
		return NULL;
	if (asprintf(&path, "%s/" CREDENTIAL, folder) == -1)
		return err_sys("credential");
	if (access(path, F_OK) == -1) {
		free(path);
		return NULL;
	}
	if (*cfg->credentials != '\0')
		log_info("the token is the service manager's credential "
		    CREDENTIAL ", not %s", cfg->credentials);
	free(cfg->credentials);
	cfg->credentials = path;
	return NULL;
}

struct err *
credentials_open(const char *path, int *fd)
{
	struct stat link;
	struct err *e;

	*fd = -1;
	if (*path != '/')
		return err_new(
		    "credentials file %s: not an absolute path", path);
	if (fstatat(AT_FDCWD, path, &link, AT_SYMLINK_NOFOLLOW) == -1)
		return err_sys("credentials file %s", path);
	/* Where others may make links, one could lead us to any secret. */
	if (S_ISLNK(link.st_mode) && link.st_uid != 0)
		return err_new("credentials file %s is a link that user %u "
			       "made",
		    path, (unsigned)link.st_uid);
	/* O_NONBLOCK: a FIFO must not make us wait. */
	*fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (*fd == -1)
		return err_sys("credentials file %s", path);
	if ((e = check(path, *fd)) != NULL) {
		close(*fd);
		*fd = -1;
	}
	return e;
}
