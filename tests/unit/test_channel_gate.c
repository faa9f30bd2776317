/* test_channel_gate.c - who may say what, when: everything else closes. */
/* objects: $(DAEMON) */
/* libs: libevent_core libseccomp $(MSGPACK) */
#define _GNU_SOURCE /* RTLD_NEXT, memfd_create */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "channel_scene.h"

#define QUEUE_BYTES 100000

static const enum role roles[] = { ROLE_ADMIN, ROLE_MONITOR, ROLE_SIGNER,
	ROLE_PUBLISHER, ROLE_HOOK, ROLE_WORKER };
#define ROLES_N (sizeof(roles) / sizeof(roles[0]))

/* Who is at the other end of a peer of this role. */
static enum role
other_end(enum role peer)
{
	return peer == ROLE_MONITOR ? ROLE_WORKER : ROLE_MONITOR;
}

static void
hello_is_said_first(void **state)
{
	struct scene s;
	struct msg m;
	char bytes[100];
	ssize_t n;

	(void)state;
	scene_init(&s, ROLE_MONITOR, ROLE_WORKER, QUEUE_BYTES);
	assert_false(channel_is_open(s.c));
	assert_string_equal(channel_name(s.c), "the peer");
	m = (struct msg){ .type = MSG_stored, .stored = { .job = 1 } };
	assert_null(channel_send(s.c, &m, -1));
	scene_run(&s);
	n = read(s.peer, bytes, sizeof(bytes));
	assert_true(n > 4 + 4);
	assert_null(msg_decode(bytes + 4, (size_t)bytes[3], &m));
	assert_int_equal(m.type, MSG_hello);
	assert_int_equal(m.hello.version, PROTO_VERSION);
	scene_say_hello(&s);
	assert_int_equal(s.n_messages, 0);
	scene_clear(&s);
}

static void
hello_of_other_version_closes(void **state)
{
	const uint32_t versions[] = { 0, PROTO_VERSION + 1, 0xffff };
	struct msg m = { .type = MSG_hello };
	struct scene s;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		scene_init(&s, ROLE_MONITOR, ROLE_ADMIN, QUEUE_BYTES);
		m.hello.version = versions[i];
		scene_say(&s, &m, -1);
		scene_run(&s);
		assert_closed(&s, "version");
		scene_clear(&s);
	}
}

static void
hello_twice_closes(void **state)
{
	struct msg m = { .type = MSG_hello,
		.hello = { .version = PROTO_VERSION } };
	struct scene s;

	(void)state;
	scene_init(&s, ROLE_MONITOR, ROLE_ADMIN, QUEUE_BYTES);
	scene_say_hello(&s);
	scene_say(&s, &m, -1);
	scene_run(&s);
	assert_closed(&s, "hello: not allowed in this phase");
	scene_clear(&s);
}

static void
hello_that_never_comes_closes(void **state)
{
	struct scene s;

	(void)state;
	hurry = true;
	scene_init(&s, ROLE_MONITOR, ROLE_ADMIN, QUEUE_BYTES);
	scene_run_until_closed(&s);
	assert_closed(&s, "no hello");
	scene_clear(&s);
}

static void
hello_in_time_stops_the_timer(void **state)
{
	struct scene s;
	int i;

	(void)state;
	hurry = true;
	scene_init(&s, ROLE_MONITOR, ROLE_ADMIN, QUEUE_BYTES);
	scene_say_hello(&s);
	for (i = 0; i < 10; i++) {
		usleep(5000);
		scene_run(&s);
	}
	assert_int_equal(s.n_closed, 0);
	scene_clear(&s);
}

/* Every message before hello, where it is short enough to come at all. */
static void
message_before_hello_closes(void **state)
{
	struct sample sample;
	struct scene s;
	size_t i;

	(void)state;
	for (i = 0; i < msg_table_n; i++) {
		if (msg_table[i]->type == MSG_hello || msg_table[i]->has_fd)
			continue;
		sample_make(&sample, msg_table[i], LEAST);
		scene_init(
		    &s, msg_table[i]->to, msg_table[i]->from, QUEUE_BYTES);
		scene_say(&s, &sample.m, -1);
		scene_run(&s);
		assert_closed(&s, "");
		assert_string_not_equal(s.reason, "");
		assert_int_equal(s.n_messages, 0);
		scene_clear(&s);
		sample_clear(&sample);
	}
}

/* Every message from every role; those with descriptors bring one. */
static void
message_out_of_role_closes(void **state)
{
	const struct msg_def *row;
	struct sample sample;
	struct scene s;
	size_t i, r;
	bool good;

	(void)state;
	for (i = 0; i < msg_table_n; i++)
		for (r = 0; r < ROLES_N; r++) {
			row = msg_table[i];
			if (row->type == MSG_hello)
				continue;
			good = row->from == roles[r] &&
			       row->to == other_end(roles[r]);
			sample_make(&sample, row, LEAST);
			if (msg_is_of_job(row)) /* its first field */
				*(uint32_t *)((char *)&sample.m +
					      row->fields[0].offset) = 1;
			scene_init(
			    &s, other_end(roles[r]), roles[r], QUEUE_BYTES);
			s.phase = row->phases & -row->phases;
			scene_say_hello(&s);
			scene_say(&s, &sample.m, row->has_fd ? 0 : -1);
			scene_run(&s);
			assert_int_equal(s.n_messages, good);
			assert_int_equal(s.n_closed, !good);
			if (!good) {
				assert_closed(&s, row->name);
				assert_closed(&s, "not a message");
			}
			scene_clear(&s);
			sample_clear(&sample);
		}
}

static void
message_out_of_phase_closes(void **state)
{
	const struct msg_def *row;
	struct sample sample;
	struct scene s;
	uint32_t phase;
	size_t i;

	(void)state;
	for (i = 0; i < msg_table_n; i++)
		for (phase = JP_START; phase <= JP_STORED; phase <<= 1) {
			row = msg_table[i];
			if (!msg_is_of_job(row))
				continue;
			sample_make(&sample, row, LEAST);
			*(uint32_t *)((char *)&sample.m +
				      row->fields[0].offset) = 1;
			scene_init(&s, row->to, row->from, QUEUE_BYTES);
			s.phase = phase;
			scene_say_hello(&s);
			scene_say(&s, &sample.m, -1);
			scene_run(&s);
			assert_int_equal(
			    s.n_messages, (row->phases & phase) != 0);
			if ((row->phases & phase) == 0)
				assert_closed(&s, "not allowed in this phase");
			scene_clear(&s);
			sample_clear(&sample);
		}
}

static void
message_of_foreign_job_closes(void **state)
{
	struct msg m = { .type = MSG_account_ask, .account_ask = { .job = 2 } };
	struct scene s;

	(void)state;
	scene_init(&s, ROLE_MONITOR, ROLE_WORKER, QUEUE_BYTES);
	scene_say_hello(&s);
	scene_say(&s, &m, -1);
	scene_run(&s);
	assert_closed(&s, "account_ask: it has no job 2");
	assert_int_equal(s.n_messages, 0);
	scene_clear(&s);
}

static void
malformed_frame_closes(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {
		{ "\0\0\0\1\xc1", 5 },
		{ "\0\0\0\5\xdd\0\xff\xff\xff", 9 },
		{ "\0\0\0\3\x92\x00\x00", 7 },
		{ "\0\0\0\4\x92\x0c\x00\x00", 8 },
		{ "\0\0\0\0", 4 },
	};
	struct scene s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		scene_init(&s, ROLE_MONITOR, ROLE_ADMIN, QUEUE_BYTES);
		scene_say_hello(&s);
		scene_write(&s, bad[i].bytes, bad[i].n, NULL, 0);
		scene_run(&s);
		assert_closed(&s, "");
		assert_string_not_equal(s.reason, "");
		scene_clear(&s);
	}
}

/* What follows a bad frame is not looked at. */
static void
bad_frame_ends_what_follows(void **state)
{
	struct msg m = { .type = MSG_list };
	struct scene s;

	(void)state;
	scene_init(&s, ROLE_MONITOR, ROLE_ADMIN, QUEUE_BYTES);
	scene_say_hello(&s);
	scene_say(&s, &m, -1);
	scene_write(&s, "\0\0\0\1\xc1", 5, NULL, 0);
	scene_say(&s, &m, -1);
	scene_run(&s);
	assert_int_equal(s.n_messages, 1);
	assert_closed(&s, "malformed");
	scene_clear(&s);
}

static void
send_of_wrong_message_is_refused(void **state)
{
	struct msg m = { .type = MSG_jws_get };
	struct scene s;
	struct err *e;

	(void)state;
	scene_init(&s, ROLE_MONITOR, ROLE_WORKER, QUEUE_BYTES);
	assert_non_null(e = channel_send(s.c, &m, -1)); /* to the signer */
	err_free(e);
	m.type = MSG_ready;
	assert_non_null(e = channel_send(s.c, &m, -1)); /* by the worker */
	err_free(e);
	m.type = MSG_stored;
	assert_non_null(e = channel_send(s.c, &m, 0)); /* no descriptor */
	err_free(e);
	m.type = 9;
	assert_non_null(e = channel_send(s.c, &m, -1));
	err_free(e);
	m = (struct msg){ .type = MSG_refused };
	assert_non_null(e = channel_send(s.c, &m, -1)); /* its text is unset */
	err_free(e);
	scene_say_hello(&s);
	scene_clear(&s);
}

static void
next_id_is_never_0(void **state)
{
	struct scene s;
	uint32_t first;

	(void)state;
	scene_init(&s, ROLE_MONITOR, ROLE_WORKER, QUEUE_BYTES);
	first = channel_next_id(s.c);
	assert_int_not_equal(first, 0);
	assert_int_equal(channel_next_id(s.c), first + 1);
	scene_clear(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello_is_said_first),
		cmocka_unit_test(hello_of_other_version_closes),
		cmocka_unit_test(hello_twice_closes),
		cmocka_unit_test(hello_that_never_comes_closes),
		cmocka_unit_test(hello_in_time_stops_the_timer),
		cmocka_unit_test(message_before_hello_closes),
		cmocka_unit_test(message_out_of_role_closes),
		cmocka_unit_test(message_out_of_phase_closes),
		cmocka_unit_test(message_of_foreign_job_closes),
		cmocka_unit_test(malformed_frame_closes),
		cmocka_unit_test(bad_frame_ends_what_follows),
		cmocka_unit_test(send_of_wrong_message_is_refused),
		cmocka_unit_test(next_id_is_never_0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
