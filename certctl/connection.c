/*
 * connection.c - one request to certd, and its answers.
 *
 * Runs in:  certctl (the caller).
 * Input:    messages of certd.
 * Promise:  whatever stands in the way is told with what to do about it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "buf.h"
#include "certctl.h"

#define TICK_MSECS   500
#define HELLO_MSECS  30000 /* certd may only just be starting */
#define SILENCE_SECS 600   /* 100,000 new certificates take a while to list */

static const char how_to_start[] = "start it: systemctl start certd.socket, "
				   "or without systemd: certd --foreground "
				   "--spawn";

struct err *
session_fail(struct session *s, enum exit_status status, struct err *e)
{
	s->status = (int)status;
	return e;
}

/* ---- Ctrl-C: noticed at the next tick ---- */

static volatile sig_atomic_t interrupts;

static void
on_interrupt(int signo)
{
	(void)signo;
	interrupts = 1;
}

static void
catch_interrupts(void)
{
	struct sigaction sa = { .sa_handler = on_interrupt };

	interrupts = 0;
	(void)sigemptyset(&sa.sa_mask);
	(void)sigaction(SIGINT, &sa, NULL);
}

/* ---- connecting ---- */

static struct err *
connect_problem(struct session *s, const char *path)
{
	int error = errno;
	struct err *e = err_sys("certd cannot be reached at %s", path);

	if (error == EACCES || error == EPERM)
		return session_fail(s, EXIT_DENIED,
		    err_advise(e, "join group "
				  "certadmin or use sudo"));
	return session_fail(
	    s, EXIT_NO_CERTD, err_advise(e, "%s", how_to_start));
}

static struct err *
connect_to(struct session *s, const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(sa.sun_path))
		return session_fail(s, EXIT_USAGE,
		    err_new("--socket: a path "
			    "of a socket has at most %zu bytes",
			sizeof(sa.sun_path) - 1));
	(void)strcpy(sa.sun_path, path);
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd == -1)
		return session_fail(s, EXIT_NO_CERTD, err_sys("socket"));
	if (connect(s->fd, (const struct sockaddr *)&sa, sizeof(sa)) == -1)
		return connect_problem(s, path);
	return NULL;
}

static struct err *
lost(struct session *s, struct err *e)
{
	if (e == NULL)
		e = err_new("certd has closed the connection");
	else
		e = err_wrap(e, "the connection to certd is lost");
	return session_fail(s, EXIT_NO_CERTD,
	    err_advise(e,
		"its log says why "
		"(journalctl -u certd); jobs that were under way go on when it "
		"runs again"));
}

static struct err *
receive(struct session *s, int msecs, struct msg *m, bool *timed_out)
{
	struct err *e = msg_recv(s->fd, s->in, msecs, m, timed_out);
	const char *why;

	if (e != NULL || (m->type == 0 && !*timed_out))
		return lost(s, e);
	if (*timed_out)
		return NULL;
	why = msg_problem(msg_row(m->type), ROLE_MONITOR, ROLE_ADMIN,
	    m->type == MSG_hello ? PH_NEW : PH_OPEN, false);
	if (why == NULL)
		return NULL;
	msg_clear(m);
	return lost(s, err_new("%s", why));
}

static struct err *
check_hello(struct session *s, const struct msg *m)
{
	if (m->type != MSG_hello)
		return lost(s, err_new("no hello"));
	if (m->hello.version != PROTO_VERSION)
		return session_fail(s, EXIT_NO_CERTD,
		    err_advise(err_new("certd speaks version %u of the "
				       "protocol, certctl version "
				       "%d",
				   m->hello.version, PROTO_VERSION),
			"restart certd: "
			"it is not of the same release as certctl"));
	return NULL;
}

struct err *
session_file(struct session *s, enum file_use use, const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd == -1)
		return err_sys("%s", path);
	s->files[s->n_files].use = use;
	s->files[s->n_files++].fd = fd;
	return NULL;
}

/* What certd has to say may be waiting even where it listens no more. */
static struct err *
send_unless_closed(struct session *s, const struct msg *m, int file)
{
	struct err *e = msg_send_file(s->fd, m, file);

	if (err_errno(e) != EPIPE && err_errno(e) != ECONNRESET)
		return e;
	err_free(e);
	return NULL;
}

static struct err *
say_hello(struct session *s)
{
	const char *path = s->inv->values[OPT_socket];
	struct msg hello = { .type = MSG_hello }, m;
	bool timed_out;
	struct err *e;

	if ((s->in = buf_new(PROTO_FRAME_MAX)) == NULL)
		return err_sys("connection");
	if ((e = connect_to(s, path == NULL ? SOCKET_DEFAULT : path)) != NULL)
		return e;
	hello.hello.version = PROTO_VERSION;
	if ((e = send_unless_closed(s, &hello, -1)) != NULL)
		return lost(s, e);
	if ((e = receive(s, HELLO_MSECS, &m, &timed_out)) != NULL)
		return e;
	if (timed_out)
		return session_fail(s, EXIT_NO_CERTD,
		    err_advise(err_new("certd does not answer"),
			"its log says why (journalctl "
			"-u certd)"));
	e = check_hello(s, &m);
	msg_clear(&m);
	return e;
}

/* ---- a request ---- */

static struct err *
send_options(struct session *s)
{
	struct msg m = { .type = MSG_option, .id = 1 };
	const char *value;
	struct err *e;
	size_t i;

	for (i = 0; i < option_table_n; i++) {
		value = s->answers[option_table[i].option];
		if (value == NULL)
			value = s->inv->values[option_table[i].option];
		if (value == NULL)
			continue;
		m.option.option = option_table[i].option;
		m.option.value = str_of(value);
		if ((e = send_unless_closed(s, &m, -1)) != NULL)
			return err_wrap(e, "--%s", option_table[i].word);
	}
	return NULL;
}

static struct err *
refusal(struct session *s, const struct msg *m)
{
	struct err *e = err_new("%.*s", (int)m->error.text.n, m->error.text.p);

	if (m->error.advice.n > 0)
		e = err_advise(
		    e, "%.*s", (int)m->error.advice.n, m->error.advice.p);
	return session_fail(s,
	    m->error.exit == EXIT_DONE ? EXIT_FAILED
				       : (enum exit_status)m->error.exit,
	    e);
}

static struct err *
hand_out(struct session *s, const struct msg *m, const struct conversation *c)
{
	size_t i;

	if (m->type == MSG_error)
		return refusal(s, m);
	if (m->type == MSG_end) {
		s->over = true;
		return NULL;
	}
	for (i = 0; i < c->n_answers; i++)
		if (c->answers[i].type == m->type)
			return c->answers[i].on(c->arg, m);
	return lost(s, err_new("%s is no answer to %s", msg_row(m->type)->name,
			   s->inv->command->word));
}

/* Waits for one message, or a tick. */
static struct err *
step(struct session *s, const struct conversation *c)
{
	bool timed_out;
	struct err *e;
	struct msg m;

	if ((e = receive(s, c->tick == NULL ? SILENCE_SECS * 1000 : TICK_MSECS,
		 &m, &timed_out)) != NULL)
		return e;
	if (timed_out && c->tick == NULL)
		return session_fail(s, EXIT_NO_CERTD,
		    err_new("certd has not "
			    "answered for %d s",
			SILENCE_SECS));
	if (timed_out) {
		c->tick(c->arg);
		return NULL;
	}
	e = hand_out(s, &m, c);
	msg_clear(&m);
	return e;
}

static struct err *
send_files(struct session *s)
{
	struct msg m = { .type = MSG_file, .id = 1 };
	struct err *e = NULL;
	size_t i;

	for (i = 0; i < s->n_files && e == NULL; i++) {
		m.file.use = s->files[i].use;
		e = send_unless_closed(s, &m, s->files[i].fd);
	}
	return e;
}

struct err *
session_ask(
    struct session *s, struct msg *request, const struct conversation *c)
{
	struct err *e;

	if (c->tick != NULL)
		catch_interrupts();
	if ((e = say_hello(s)) != NULL || (e = send_options(s)) != NULL ||
	    (e = send_files(s)) != NULL)
		return e;
	request->id = 1;
	e = send_unless_closed(s, request, -1);
	while (e == NULL && !s->over && !s->interrupted) {
		e = step(s, c);
		s->interrupted = c->tick != NULL && interrupts != 0;
	}
	return e;
}

void
session_close(struct session *s)
{
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
	while (s->n_files > 0)
		close(s->files[--s->n_files].fd);
	buf_free(s->in);
	s->in = NULL;
}

void
session_again(struct session *s)
{
	session_close(s);
	s->over = false;
}
