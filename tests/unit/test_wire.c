/* test_wire.c - the connection that blocks. */
/* objects: $(BASE) */
/* libs: $(MSGPACK) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "buf.h"
#include "samples.h"

struct pair {
	int a, b;
	struct buf *in;
};

static int
setup(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));
	int fds[2];

	assert_non_null(p);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	p->a = fds[0];
	p->b = fds[1];
	p->in = buf_new(PROTO_FRAME_MAX);
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct pair *p = *state;

	if (p->a != -1)
		close(p->a);
	close(p->b);
	buf_free(p->in);
	free(p);
	return 0;
}

static void
must(struct err *e)
{
	if (e != NULL)
		fail_msg("%s", err_text(e));
}

static void
must_fail(struct err *e, const char *text)
{
	assert_non_null(e);
	if (strstr(err_text(e), text) == NULL)
		fail_msg("\"%s\" instead of \"%s\"", err_text(e), text);
	err_free(e);
}

static void
wire_messages_arrive_one_by_one(void **state)
{
	struct pair *p = *state;
	struct msg m = { .type = MSG_watch, .id = 5, .watch = { .job = 9 } };
	struct msg got;
	bool late;

	must(msg_send(p->a, &m));
	m.type = MSG_end;
	must(msg_send(p->a, &m));
	must(msg_recv(p->b, p->in, -1, &got, &late));
	assert_int_equal(got.type, MSG_watch);
	assert_int_equal(got.id, 5);
	assert_int_equal(got.watch.job, 9);
	assert_false(late);
	msg_clear(&got);
	must(msg_recv(p->b, p->in, 0, &got, &late));
	assert_int_equal(got.type, MSG_end);
	msg_clear(&got);
}

static void
wire_end_of_stream_is_type_0(void **state)
{
	struct pair *p = *state;
	struct msg got = { .type = MSG_end };
	bool late = true;

	close(p->a);
	p->a = -1;
	must(msg_recv(p->b, p->in, -1, &got, &late));
	assert_int_equal(got.type, 0);
	assert_false(late);
}

static void
wire_timeout_is_told(void **state)
{
	struct pair *p = *state;
	struct msg got;
	bool late = false;

	must(msg_recv(p->b, p->in, 20, &got, &late));
	assert_int_equal(got.type, 0);
	assert_true(late);
}

static void
wire_half_a_frame_is_an_error(void **state)
{
	static const char whole[] = { 0, 0, 0, 3, '\x92', 37, 0 };
	struct pair *p;
	struct msg got;
	size_t n;
	bool late;

	for (n = 1; n < sizeof(whole); n++) {
		p = *state;
		assert_int_equal(write(p->a, whole, n), n);
		close(p->a);
		p->a = -1;
		must_fail(msg_recv(p->b, p->in, -1, &got, &late), "ended");
		assert_int_equal(got.type, 0);
		teardown(state);
		setup(state);
	}
}

static void
wire_impossible_length_is_an_error(void **state)
{
	static const char huge[] = { 0x7f, '\xff', '\xff', '\xff' };
	static const char none[] = { 0, 0, 0, 0 };
	struct pair *p = *state;
	struct msg got;
	bool late;

	assert_int_equal(write(p->a, huge, 4), 4);
	must_fail(msg_recv(p->b, p->in, -1, &got, &late), "announced");
	assert_int_equal(write(p->a, none, 4), 4);
	must_fail(msg_recv(p->b, p->in, -1, &got, &late), "announced");
}

static void
wire_send_to_nobody_is_an_error(void **state)
{
	struct pair *p = *state;
	struct msg m = { .type = MSG_list };

	close(p->a);
	p->a = -1;
	must_fail(msg_send(p->b, &m), "Broken pipe");
}

static void
on_alarm(int number)
{
	(void)number;
}

/* Sends the largest message to wire_interrupted_frame_arrives_whole(). */
static void *
send_most(void *arg)
{
	struct pair *p = arg;
	struct sample s;

	sample_make(&s, msg_row(MSG_chain_good), MOST);
	must(msg_send(p->a, &s.m));
	sample_clear(&s);
	return NULL;
}

static void
wire_interrupted_frame_arrives_whole(void **state)
{
	const struct itimerval often = { { 0, 500 }, { 0, 500 } };
	const struct itimerval never = { { 0, 0 }, { 0, 0 } };
	struct sigaction sa = { .sa_handler = on_alarm };
	struct pair *p = *state;
	struct msg got;
	pthread_t thread;
	bool late;
	int i;

	assert_int_equal(sigaction(SIGALRM, &sa, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	for (i = 0; i < 20; i++) {
		assert_int_equal(
		    pthread_create(&thread, NULL, send_most, p), 0);
		must(msg_recv(p->b, p->in, -1, &got, &late));
		assert_int_equal(got.type, MSG_chain_good);
		assert_int_equal(got.chain_good.chain.n, 98304);
		msg_clear(&got);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
	/* The time that is left counts, not the time since the last signal. */
	must(msg_recv(p->b, p->in, 30, &got, &late));
	assert_true(late);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(wire_messages_arrive_one_by_one),
		TEST(wire_end_of_stream_is_type_0),
		TEST(wire_timeout_is_told),
		TEST(wire_half_a_frame_is_an_error),
		TEST(wire_impossible_length_is_an_error),
		TEST(wire_send_to_nobody_is_an_error),
		TEST(wire_interrupted_frame_arrives_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
