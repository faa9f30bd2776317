/* session_scene.h - one command of certctl, and a certd that plays a part. */
#ifndef SESSION_SCENE_H
#define SESSION_SCENE_H

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "certctl.h"

#define ARGS_MAX 16

static char folder[] = "/tmp/certctl-test-XXXXXX";
static char path[64];

/* One command, and what became of it. */
struct run {
	struct invocation inv;
	struct session s;
	char *out, *err;
	struct err *e;
};

/* ---- certd's side ---- */

static inline void
say(int fd, struct msg *m)
{
	err_free(msg_send(fd, m));
}

static inline void
say_hello(int fd, uint32_t version)
{
	struct msg m = { .type = MSG_hello };

	m.hello.version = version;
	say(fd, &m);
}

static inline void
say_end(int fd)
{
	struct msg m = { .type = MSG_end };

	say(fd, &m);
}

static inline void
say_accepted(int fd)
{
	struct msg m = { .type = MSG_accepted };

	m.accepted.job = 7;
	m.accepted.lineage = str_of("a.example");
	say(fd, &m);
}

static inline void
say_event(int fd, enum stage stage)
{
	struct msg m = { .type = MSG_event };

	m.event.job = 7;
	m.event.lineage = str_of("a.example");
	m.event.stage = stage;
	m.event.text = str_of(stage == STAGE_publish ? "1 of 2" : "");
	m.event.time = (uint64_t)time(NULL);
	say(fd, &m);
}

static inline void
say_result(int fd, bool ok)
{
	struct msg m = { .type = MSG_result };

	m.result.job = 7;
	m.result.lineage = str_of("a.example");
	m.result.ok = ok;
	m.result.text = str_of(ok ? "" : "placing the order: no");
	m.result.advice = str_of(ok ? "" : "ask the CA");
	say(fd, &m);
}

static inline void
say_fact(int fd, const char *key, const char *value)
{
	struct msg m = { .type = MSG_fact };

	m.fact.key = str_of(key);
	m.fact.value = str_of(value);
	say(fd, &m);
}

static inline void
say_fact_of(int fd, uint32_t job, const char *key, const char *value)
{
	struct msg m = { .type = MSG_fact };

	m.fact.job = job;
	m.fact.key = str_of(key);
	m.fact.value = str_of(value);
	say(fd, &m);
}

static inline void
say_error(int fd, uint32_t status)
{
	struct msg m = { .type = MSG_error };

	m.error.exit = status;
	m.error.text = str_of("refused");
	m.error.advice = str_of("ask root");
	say(fd, &m);
}

/* Reads a message; what it was, as the log shows it. */
static inline void
hear(int fd, char line[1024])
{
	struct buf *in = buf_new(PROTO_FRAME_MAX);
	bool timed_out;
	struct msg m;

	*line = '\0';
	err_free(msg_recv(fd, in, 5000, &m, &timed_out));
	if (m.type != 0)
		msg_describe(&m, line, 1024);
	msg_clear(&m);
	buf_free(in);
}

/* Hello, and the messages up to the request; its line is in line. */
static inline void
greet(int fd, char line[1024])
{
	say_hello(fd, PROTO_VERSION);
	hear(fd, line);
	do
		hear(fd, line);
	while (strncmp(line, "option", 6) == 0);
}

static inline void
part_issues(int fd)
{
	struct msg m = { .type = MSG_result };
	char line[1024];

	greet(fd, line);
	say_accepted(fd);
	say_event(fd, STAGE_order);
	say_event(fd, STAGE_publish);
	say_event(fd, STAGE_done);
	say_fact_of(fd, 8, "certificate", "/live/another.pem");
	say_fact_of(fd, 7, "certificate", "/live/cert.pem");
	say_fact_of(fd, 8, "key", "/live/another_key.pem");
	say_fact_of(fd, 7, "key", "/live/key.pem");
	say_result(fd, true);
	m.result.job = 8;
	m.result.lineage = str_of("b.example");
	m.result.ok = true;
	m.result.text = m.result.advice = str_of("");
	say(fd, &m);
	say_end(fd);
}

static inline void
part_fails(int fd)
{
	char line[1024];

	greet(fd, line);
	say_accepted(fd);
	say_result(fd, false);
	say_end(fd);
}

/* Plays part on one connection, in a process of its own. */
static inline pid_t
play(void (*part)(int fd))
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), client;
	pid_t pid;

	(void)unlink(path);
	(void)strcpy(sa.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 1), 0);
	if ((pid = fork()) == 0) {
		if ((client = accept(fd, NULL, NULL)) != -1)
			part(client);
		_exit(0);
	}
	close(fd);
	return pid;
}

/* ---- certctl's side ---- */

static inline void
run(struct run *r, const char *line)
{
	char *argv[ARGS_MAX], copy[256], *word, *save = NULL;
	size_t out_n, err_n;
	int argc = 0;

	(void)snprintf(
	    copy, sizeof(copy), "certctl --socket %s %s", path, line);
	for (word = strtok_r(copy, " ", &save); word != NULL;
	     word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	assert_null(invocation_parse(&r->inv, argc, argv));
	r->out = r->err = NULL;
	r->s = (struct session){ .inv = &r->inv,
		.fd = -1,
		.json = invocation_has(&r->inv, OPT_json),
		.out = open_memstream(&r->out, &out_n),
		.err = open_memstream(&r->err, &err_n) };
	r->e = r->inv.command->run(&r->s);
	session_close(&r->s);
	assert_int_equal(fclose(r->s.out), 0);
	assert_int_equal(fclose(r->s.err), 0);
}

static inline void
run_with(struct run *r, void (*part)(int fd), const char *line)
{
	pid_t pid = play(part);

	run(r, line);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static inline void
done(struct run *r)
{
	err_free(r->e);
	free(r->out);
	free(r->err);
	invocation_clear(&r->inv);
}

/* ---- the folder of the socket ---- */

static inline int
setup(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL || chmod(folder, 0755) == -1)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/control.sock", folder);
	return 0;
}

static inline int
teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(folder);
}

#endif
