/*
 * excuse.c - a certd that cannot start tells those who wait for it why.
 *
 * Runs in:  certd (root; no network, no exec), instead of serving.
 * Input:    connections in the backlog of the service manager's sockets. What
 *           they say is not looked at.
 * Promise:  nobody is left waiting, and the service manager does not start us
 *           again for a connection that was here before.
 */
#define _GNU_SOURCE /* accept4 */
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "log.h"
#include "monitor.h"

#define ASKED_MSECS 300 /* for a request to come in, which is then dropped */
#define FAILED	    1	/* exit statuses of certctl */
#define DENIED	    3

/* What has come in must be read, or the other side takes the answer for a
 * broken connection. */
static void
drain(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char part[4096];
	int i;

	for (i = 0; i < 64 && poll(&p, 1, ASKED_MSECS) == 1 &&
	    recv(fd, part, sizeof(part), MSG_DONTWAIT) > 0; i++)
		;
}

static struct err *
answer(int fd, uint32_t exit, const char *text, const char *advice)
{
	struct msg m[3] = { { .type = MSG_hello }, { .type = MSG_error, .id = 1 },
		{ .type = MSG_end, .id = 1 } };
	struct buf *out = buf_new(PROTO_FRAME_MAX);
	struct err *e = out == NULL ? err_sys("answer") : NULL;
	size_t i;

	m[0].hello.version = PROTO_VERSION;
	m[1].error.exit = exit;
	m[1].error.text = str_of(text);
	m[1].error.advice = str_of(advice);
	for (i = 0; i < 3 && e == NULL; i++)
		e = msg_encode(&m[i], out);
	if (e == NULL && send(fd, buf_data(out), buf_len(out),
	    MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
		e = err_sys("answer");
	buf_free(out);
	return e;
}

static struct err *
excuse_to(const struct monitor *m, int fd, const char *text, const char *advice)
{
	bool member = false;
	struct err *e;
	uid_t uid;
	pid_t pid;

	if ((e = socket_peer(fd, m->admin_gid, &uid, &pid, &member)) != NULL)
		return e;
	e = member ? answer(fd, FAILED, text, advice) :
	    answer(fd, DENIED, "you may not use certd", "become root");
	if (e == NULL && shutdown(fd, SHUT_WR) == 0)
		drain(fd);
	return e;
}

static int
next_of(int listener)
{
	return listener == -1 ? -1 : accept4(listener, NULL, NULL,
	    SOCK_CLOEXEC | SOCK_NONBLOCK);
}

void
excuse_all(const struct monitor *m, const struct err *why)
{
	struct err *e;
	int fd;

	while ((fd = next_of(m->control_fd)) != -1) {
		e = excuse_to(m, fd, err_text(why), err_advice(why));
		log_err(LOG_LEVEL_WARN, err_wrap(e, "control socket"));
		close(fd);
	}
	while ((fd = next_of(m->worker_fd)) != -1)
		close(fd);
}
