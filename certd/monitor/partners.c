/*
 * partners.c - the publisher and the hook runner as services of their own: the
 * service manager holds their sockets and starts one for each connection.
 *
 * Runs in:  certd (root; no network, no exec), before its jail.
 * Promise:  what has a unit of its own is not a child of certd, and is neither
 *           bound by certd's restrictions nor free of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "children.h"

/* Their sockets are in the runtime directory. */
static const struct partner {
	enum child_id id;
	const char *socket, *unit;
} partners[] = {
	{ CHILD_DNS, "dns.sock", "certd-dns.socket" },
	{ CHILD_HOOK, "hook.sock", "certd-hook.socket" },
};

/* *fd stays -1 where nobody listens. */
static struct err *
connect_to(const char *path, int *fd)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct err *e = NULL;

	if (strlen(path) >= sizeof(to.sun_path))
		return err_new("%s: too long for a socket", path);
	(void)strcpy(to.sun_path, path);
	if ((*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return err_sys("socket");
	if (connect(*fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
		return NULL;
	if (errno != ENOENT && errno != ECONNREFUSED)
		e = err_sys("%s", path);
	close(*fd);
	*fd = -1;
	return e;
}

struct err *
partners_connect(const char *runtime_dir, bool required,
    struct child children[CHILD_N])
{
	const struct partner *p;
	struct err *e = NULL;
	char path[256];
	size_t i;

	for (i = 0; i < sizeof(partners) / sizeof(*partners); i++) {
		p = &partners[i];
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", runtime_dir,
		    p->socket) >= sizeof(path))
			return err_new("%s: too long for a socket", runtime_dir);
		if ((e = connect_to(path, &children[p->id].fd)) != NULL)
			return e;
		if (children[p->id].fd == -1 && required)
			return err_advise(err_new("nobody listens at %s", path),
			    "start it: systemctl start %s", p->unit);
	}
	return NULL;
}
