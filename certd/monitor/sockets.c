/*
 * sockets.c - the listening sockets, and who is at the other end.
 *
 * Runs in:  certd (root; no network, no exec), before its jail.
 * Promise:  a socket is never open to more than its mode and owner say, not
 *           even for the moment between bind and chmod; what another listens
 *           at is left to him.
 */
#define _GNU_SOURCE /* struct ucred */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "monitor.h"

/* Whether somebody listens there, most likely systemd for us: his file is not to
 * be taken away. A socket of another type cannot connect, so that nothing is
 * started by asking. */
static bool
is_in_use(const struct sockaddr_un *sun)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool used;

	if (fd == -1)
		return false;
	used = connect(fd, (const struct sockaddr *)(const void *)sun,
	    sizeof(*sun)) == 0 || errno == EPROTOTYPE;
	close(fd);
	return used;
}

static struct err *
listen_at(const char *dir, const char *name, mode_t mode, uid_t uid, gid_t gid,
    int *out)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	mode_t mask = umask(0177);
	struct err *e = NULL;
	int fd = -1;

	if ((size_t)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/%s", dir,
	    name) >= sizeof(sun.sun_path)) {
		e = err_advise(err_new("%s/%s: too long for a socket", dir,
		    name), "choose a shorter runtime-dir");
		goto out;
	}
	if (is_in_use(&sun)) {
		e = err_advise(err_new("%s: somebody listens there already",
		    sun.sun_path), "if systemd does, certctl alone starts "
		    "certd; otherwise: systemctl stop certd.socket "
		    "certd-worker.socket");
		goto out;
	}
	if ((unlink(sun.sun_path) == -1 && errno != ENOENT) ||
	    (fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0)) == -1 ||
	    bind(fd, (struct sockaddr *)(void *)&sun, sizeof(sun)) == -1 ||
	    chown(sun.sun_path, uid, gid) == -1 ||
	    chmod(sun.sun_path, mode) == -1 || listen(fd, 128) == -1)
		e = err_sys("%s", sun.sun_path);
out:
	umask(mask);
	if (e != NULL && fd != -1)
		close(fd);
	else
		*out = fd;
	return e;
}

struct err *
sockets_open(const struct monitor *m, int *control_fd, int *worker_fd)
{
	const char *dir = m->cfg->runtime_dir;
	bool group = m->admin_gid != (gid_t)-1;
	struct err *e;

	if (service_activated(m->service)) {
		*control_fd = service_fd(m->service, "control");
		*worker_fd = service_fd(m->service, "worker");
		if (*control_fd == -1 || *worker_fd == -1)
			return err_new("the service manager passed sockets, "
			    "but none named \"control\" and \"worker\"");
		return NULL;
	}
	if (mkdir(dir, 0755) == -1 && errno != EEXIST)
		return err_sys("runtime-dir %s", dir);
	if ((e = listen_at(dir, "control.sock", group ? 0660 : 0600, 0,
	    group ? m->admin_gid : 0, control_fd)) != NULL)
		return e;
	return listen_at(dir, "worker.sock", 0600, m->worker_uid, 0,
	    worker_fd);
}

/* Whether gid is among the peer's supplementary groups at connect time. */
static struct err *
peer_in_group(int fd, gid_t gid, bool *member)
{
	gid_t groups[GROUPS_MAX];
	socklen_t n = sizeof(groups);
	size_t i;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &n) == -1)
		return errno == ERANGE ? NULL : err_sys("SO_PEERGROUPS");
	for (i = 0; i < n / sizeof(groups[0]); i++)
		*member |= groups[i] == gid;
	return NULL;
}

struct err *
socket_peer(int fd, gid_t gid, uid_t *uid, pid_t *pid, bool *member)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == -1)
		return err_sys("SO_PEERCRED");
	*uid = peer.uid;
	*pid = peer.pid;
	*member = peer.uid == 0 ||
	    (gid != (gid_t)-1 && peer.gid == gid);
	if (*member || gid == (gid_t)-1)
		return NULL;
	return peer_in_group(fd, gid, member);
}

/* More groups than there is room for are none: they give nothing. */
struct err *
socket_caller(int fd, struct caller *out)
{
	struct ucred peer;
	gid_t groups[GROUPS_MAX];
	socklen_t n = sizeof(peer), size = sizeof(groups);

	memset(out, 0, sizeof(*out));
	out->uid = (uid_t)-1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == -1)
		return err_sys("SO_PEERCRED");
	out->uid = peer.uid;
	out->groups[out->n_groups++] = peer.gid;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == -1)
		return errno == ERANGE ? NULL : err_sys("SO_PEERGROUPS");
	for (n = 0; n < size / sizeof(groups[0]) && out->n_groups < GROUPS_MAX;
	     n++)
		out->groups[out->n_groups++] = groups[n];
	return NULL;
}
