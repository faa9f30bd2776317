/*
 * service.c - the service manager's protocols, without libsystemd: that would
 * bring its compression libraries into a root process.
 *
 * Runs in:  certd, acmew, certd-hook.
 * Input:    the environment given by whoever started the process.
 * Promise:  children inherit neither the variables nor the descriptors.
 */
#define _GNU_SOURCE /* SOCK_CLOEXEC, vasprintf */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "service.h"
#include "text.h"

#define FIRST_FD 3  /* SD_LISTEN_FDS_START */
#define FDS_MAX  32 /* more than we have sockets */

static const char *const variables[] = { "LISTEN_PID", "LISTEN_FDS",
	"LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC" };

struct service {
	int n_fds;   /* FIRST_FD and following */
	char *names; /* of the descriptors, separated by ":" */
	int notify;  /* connected datagram socket, or -1 */
	uint64_t watchdog_usecs;
};

/* Whether variable names this process. */
static bool
is_for_us(const char *variable)
{
	const char *text = getenv(variable);
	uint64_t pid;

	return text != NULL && text_number(text, 1, INT32_MAX, &pid) &&
	       (pid_t)pid == getpid();
}

static struct err *
take_fds(struct service *s)
{
	const char *text = getenv("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	uint64_t n;
	int flags, fd;

	if (text == NULL || !is_for_us("LISTEN_PID"))
		return NULL;
	if (!text_number(text, 0, FDS_MAX, &n))
		return err_new("LISTEN_FDS=%s: allowed is a number up to %d",
		    text, FDS_MAX);
	for (fd = FIRST_FD; fd < FIRST_FD + (int)n; fd++)
		if ((flags = fcntl(fd, F_GETFD)) == -1 ||
		    fcntl(fd, F_SETFD, flags | FD_CLOEXEC) == -1 ||
		    (flags = fcntl(fd, F_GETFL)) == -1 ||
		    fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
			return err_sys(
			    "LISTEN_FDS=%s: descriptor %d", text, fd);
	if ((s->names = strdup(names == NULL ? "" : names)) == NULL)
		return err_sys("LISTEN_FDNAMES");
	s->n_fds = (int)n;
	return NULL;
}

/* Connected here and now: a jailed process has no paths. */
static struct err *
take_notify_socket(struct service *s)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t n;

	/* Other kinds (vsock) are for virtual machines. */
	if (path == NULL || (*path != '/' && *path != '@'))
		return NULL;
	if ((n = strlen(path)) >= sizeof(address.sun_path))
		return err_new("NOTIFY_SOCKET=%s: the name is too long", path);
	memcpy(address.sun_path, path, n);
	if (*path == '@') /* unix(7): an abstract name begins with a NUL */
		address.sun_path[0] = '\0';
	else
		n++;
	s->notify =
	    socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->notify == -1 ||
	    connect(s->notify, (const struct sockaddr *)&address,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) == -1)
		return err_sys("NOTIFY_SOCKET=%s", path);
	return NULL;
}

static void
take_watchdog(struct service *s)
{
	const char *text = getenv("WATCHDOG_USEC");

	if (getenv("WATCHDOG_PID") != NULL && !is_for_us("WATCHDOG_PID"))
		return;
	if (text == NULL ||
	    !text_number(text, 2, INT64_MAX, &s->watchdog_usecs))
		s->watchdog_usecs = 0;
}

struct err *
service_new(struct service **out)
{
	struct service *s = calloc(1, sizeof(*s));
	struct err *e;

	*out = NULL;
	if (s == NULL)
		return err_sys("service manager");
	s->notify = -1;
	take_watchdog(s);
	if ((e = take_fds(s)) == NULL)
		e = take_notify_socket(s);
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
		(void)unsetenv(variables[i]);
	if (e != NULL) {
		service_free(s);
		return err_wrap(e, "service manager");
	}
	*out = s;
	return NULL;
}

void
service_free(struct service *s)
{
	if (s == NULL)
		return;
	if (s->notify != -1)
		(void)close(s->notify);
	free(s->names);
	free(s);
}

int
service_fd(const struct service *s, const char *name)
{
	const char *p = s->names;
	size_t n;

	for (int i = 0; i < s->n_fds && p != NULL; i++) {
		n = strcspn(p, ":");
		if (n == strlen(name) && memcmp(p, name, n) == 0)
			return FIRST_FD + i;
		p = p[n] == ':' ? p + n + 1 : NULL;
	}
	return -1;
}

bool
service_activated(const struct service *s)
{
	return s->n_fds > 0;
}

static size_t
count_lines(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

/* A busy manager's queue may be full. READY=1 must not be lost, or it takes us
 * for one that never started. */
static void
send_patiently(int fd, const char *text, size_t n)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int i;

	for (i = 0; send(fd, text, n, MSG_NOSIGNAL) == -1 &&
	    errno == EAGAIN && strncmp(text, "READY=1", 7) == 0 && i < 50; i++)
		(void)poll(&p, 1, 100);
}

void
service_notify(const struct service *s, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	if (s->notify == -1)
		return;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n == -1)
		return;
	/* A line that came in with an argument would be an order of its own:
	 * such a message is dropped. */
	if (count_lines(text) == count_lines(fmt))
		send_patiently(s->notify, text, (size_t)n);
	free(text);
}

unsigned long long
service_watchdog_usecs(const struct service *s)
{
	return s->watchdog_usecs / 2;
}
