/* test_channel.c - streams in parts, queues, ends, and owners who free while
 * they are called. */
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

static const struct msg list = { .type = MSG_list };

static void
init_admin(struct scene *s)
{
	scene_init(s, ROLE_MONITOR, ROLE_ADMIN, QUEUE_BYTES);
	scene_say_hello(s);
}

static struct msg
make_fact(const char *value)
{
	return (struct msg){ .type = MSG_fact,
		.fact = { .key = str_of("k"), .value = str_of(value) } };
}

/* ---- lengths ---- */

static size_t
longest_from(enum role from, enum role to)
{
	size_t i, most = 0;

	for (i = 0; i < msg_table_n; i++)
		if ((msg_table[i]->from & from) && (msg_table[i]->to & to) &&
		    msg_table[i]->max_bytes > most)
			most = msg_table[i]->max_bytes;
	return most;
}

static void
write_length(struct scene *s, size_t n)
{
	const unsigned char head[4] = { (unsigned char)(n >> 24),
		(unsigned char)(n >> 16), (unsigned char)(n >> 8),
		(unsigned char)n };

	scene_write(s, head, sizeof(head), NULL, 0);
}

/* The length alone decides: no byte of the body is waited for. */
static void
length_over_the_roles_longest_closes(void **state)
{
	static const enum role peers[] = { ROLE_ADMIN, ROLE_SIGNER,
		ROLE_PUBLISHER, ROLE_HOOK, ROLE_WORKER };
	struct scene s;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		n = longest_from(peers[i], ROLE_MONITOR);
		scene_init(&s, ROLE_MONITOR, peers[i], QUEUE_BYTES);
		scene_say_hello(&s);
		write_length(&s, n);
		scene_run(&s);
		assert_int_equal(s.n_closed, 0);
		scene_clear(&s);

		scene_init(&s, ROLE_MONITOR, peers[i], QUEUE_BYTES);
		scene_say_hello(&s);
		write_length(&s, n + 1);
		scene_run(&s);
		assert_closed(&s, "was announced");
		scene_clear(&s);
	}
}

static void
length_before_hello_is_that_of_hello(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, ROLE_MONITOR, ROLE_WORKER, QUEUE_BYTES);
	write_length(&s, msg_row(MSG_hello)->max_bytes);
	scene_run(&s);
	assert_int_equal(s.n_closed, 0);
	scene_clear(&s);
	scene_init(&s, ROLE_MONITOR, ROLE_WORKER, QUEUE_BYTES);
	write_length(&s, msg_row(MSG_hello)->max_bytes + 1);
	scene_run(&s);
	assert_closed(&s, "was announced");
	scene_clear(&s);
}

static void
frame_byte_by_byte_arrives(void **state)
{
	struct buf *b = scene_frame(&list);
	struct scene s;
	size_t i, k;

	(void)state;
	init_admin(&s);
	for (k = 0; k < 3; k++)
		for (i = 0; i < buf_len(b); i++) {
			assert_int_equal(s.n_messages, k);
			scene_write(&s, buf_data(b) + i, 1, NULL, 0);
			scene_run(&s);
		}
	assert_int_equal(s.n_messages, 3);
	buf_free(b);
	scene_clear(&s);
}

/* ---- ends ---- */

static void
end_of_stream_is_no_complaint(void **state)
{
	struct scene s;

	(void)state;
	init_admin(&s);
	scene_hang_up(&s);
	scene_run(&s);
	assert_closed_in_peace(&s);
	scene_clear(&s);
}

static void
end_within_a_frame_is_one(void **state)
{
	struct buf *b = scene_frame(&list);
	struct scene s;
	size_t n;

	(void)state;
	for (n = 1; n < buf_len(b); n++) {
		init_admin(&s);
		scene_write(&s, buf_data(b), n, NULL, 0);
		scene_hang_up(&s);
		scene_run(&s);
		assert_closed(&s, "ended within a message");
		assert_int_equal(s.n_messages, 0);
		scene_clear(&s);
	}
	buf_free(b);
}

/* The peer said something and left; we cannot write to it any more. */
static void
end_with_data_before_it_delivers_the_data(void **state)
{
	struct msg m = make_fact("x");
	struct scene s;
	int i;

	(void)state;
	init_admin(&s);
	for (i = 0; i < 30; i++) /* more than are handled at once */
		scene_say(&s, &list, -1);
	scene_hang_up(&s);
	assert_null(channel_send(s.c, &m, -1));
	scene_run(&s);
	assert_int_equal(s.n_messages, 30);
	assert_closed_in_peace(&s);
	scene_clear(&s);
}

/* The peer stays, but has shut its side for reading. */
static void
end_of_a_peer_that_only_talks_comes_soon(void **state)
{
	struct msg m = make_fact("x");
	struct scene s;

	(void)state;
	init_admin(&s);
	hurry = true;
	shutdown(s.peer, SHUT_RD);
	assert_null(channel_send(s.c, &m, -1));
	scene_run_until_closed(&s);
	assert_closed_in_peace(&s);
	scene_clear(&s);
}

/* ---- queues ---- */

static void
peer_that_reads_too_slowly_is_closed(void **state)
{
	static char value[4000];
	struct err *e = NULL;
	struct scene s;
	struct msg m;
	int n;

	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	m = make_fact(value);
	init_admin(&s);
	for (n = 0; n < 1000 && e == NULL; n++) {
		e = channel_send(s.c, &m, -1);
		if (n % 10 == 0)
			scene_run(&s);
	}
	assert_non_null(e);
	err_free(e);
	assert_in_range(n, QUEUE_BYTES / 4100, 300);
	assert_int_equal(s.n_closed, 0);        /* not while the owner calls */
	assert_null(channel_send(s.c, &m, -1)); /* no second complaint */
	scene_run(&s);
	assert_closed(&s, "too slowly");
	scene_clear(&s);
}

/* All rows at their longest, through two channels and small socket buffers. */
static void
longest_messages_arrive_whole(void **state)
{
	const struct msg_def *row;
	struct channel *from;
	struct scene s, none = { .last_fd = -1 };
	struct sample sample;
	struct err *e;
	size_t i;

	(void)state;
	for (i = 0; i < msg_table_n; i++) {
		row = msg_table[i];
		if (row->type == MSG_hello)
			continue;
		scene_init(&s, row->to, row->from, QUEUE_BYTES);
		s.phase = row->phases & -row->phases;
		e = channel_new(s.base, s.peer, row->from, row->to, "them",
		    2 * PROTO_FRAME_MAX, &scene_ops, &none, &from);
		assert_null(e);
		s.peer = -1;
		sample_make(&sample, row, MOST);
		if (msg_is_of_job(row))
			*(uint32_t *)((char *)&sample.m +
				      row->fields[0].offset) = 1;
		assert_null(
		    channel_send(from, &sample.m, row->has_fd ? 0 : -1));
		scene_run(&s);
		assert_int_equal(s.n_messages, 1);
		assert_int_equal(s.last.type, row->type);
		assert_string_equal(scene_log(&s), "");
		sample_clear(&sample);
		channel_free(from);
		scene_clear(&s);
	}
}

/* One peer has many messages ready: each round of the loop, in which others
 * have their turn, takes some of them. */
static void
busy_peer_leaves_room_for_others(void **state)
{
	struct scene s;
	int i, before;

	(void)state;
	init_admin(&s);
	for (i = 0; i < 100; i++)
		scene_say(&s, &list, -1);
	while (s.n_messages < 100) {
		before = s.n_messages;
		event_base_loop(s.base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
		assert_in_range(s.n_messages - before, 1, 16);
	}
	scene_clear(&s);
}

/* ---- owners ---- */

static struct err *
act_free(struct scene *s)
{
	channel_free(s->c);
	s->c = NULL;
	return NULL;
}

static void
owner_frees_in_a_handler(void **state)
{
	struct scene s;

	(void)state;
	init_admin(&s);
	s.act = act_free;
	scene_say(&s, &list, -1);
	scene_say(&s, &list, -1);
	scene_run(&s);
	assert_int_equal(s.n_messages, 1);
	assert_int_equal(s.n_closed, 0);
	assert_string_equal(scene_log(&s), "");
	scene_clear(&s);
}

static struct err *
act_free_and_fail(struct scene *s)
{
	err_free(act_free(s));
	return err_new("nobody is there to hear it");
}

static void
owner_frees_in_a_handler_that_fails(void **state)
{
	struct scene s;

	(void)state;
	init_admin(&s);
	s.act = act_free_and_fail;
	scene_say(&s, &list, -1);
	scene_run(&s);
	assert_int_equal(s.n_closed, 0);
	scene_clear(&s);
}

static struct err *
act_fail(struct scene *s)
{
	(void)s;
	return err_new("that is not for you\n");
}

static void
owner_refuses_a_message(void **state)
{
	struct scene s;

	(void)state;
	init_admin(&s);
	s.act = act_fail;
	s.frees_when_closed = true;
	scene_say(&s, &list, -1);
	scene_say(&s, &list, -1);
	scene_run(&s);
	assert_int_equal(s.n_messages, 1);
	assert_int_equal(s.n_closed, 1);
	assert_string_equal(s.reason, "that is not for you\n");
	assert_non_null(strstr(scene_log(&s), "not for you\\n\n"));
	scene_clear(&s);
}

static struct err *
act_answer_and_finish(struct scene *s)
{
	struct msg m = make_fact("bye");

	err_free(channel_send(s->c, &m, -1));
	channel_finish(s->c);
	channel_finish(s->c);
	assert_null(channel_send(s->c, &m, -1)); /* dropped */
	return NULL;
}

/* Returns the type of the next message at the peer, 0 at the end. */
static uint32_t
peer_reads(struct scene *s)
{
	unsigned char bytes[200];
	struct msg m;
	uint32_t type;
	size_t n;

	if (read(s->peer, bytes, 4) != 4)
		return 0;
	n = bytes[3];
	assert_int_equal(read(s->peer, bytes, n), n);
	assert_null(msg_decode((char *)bytes, n, &m));
	type = m.type;
	msg_clear(&m);
	return type;
}

static void
owner_finishes_in_a_handler(void **state)
{
	struct scene s;

	(void)state;
	init_admin(&s);
	s.act = act_answer_and_finish;
	scene_say(&s, &list, -1);
	scene_say(&s, &list, -1);
	scene_run(&s);
	assert_int_equal(s.n_messages, 1);
	assert_closed_in_peace(&s);
	assert_int_equal(peer_reads(&s), MSG_hello);
	assert_int_equal(peer_reads(&s), MSG_fact);
	assert_int_equal(peer_reads(&s), 0);
	scene_clear(&s);
}

static void
owner_finishes_with_nothing_queued(void **state)
{
	struct scene s;

	(void)state;
	init_admin(&s);
	channel_finish(s.c);
	assert_int_equal(s.n_closed, 0); /* never while the owner calls */
	scene_run(&s);
	assert_closed_in_peace(&s);
	scene_clear(&s);
}

/* Its socket takes some 200 kB; the queue holds less than that. */
static void
owner_finishes_but_the_peer_does_not_read(void **state)
{
	static char value[4000];
	struct scene s;
	struct msg m;
	int i;

	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	m = make_fact(value);
	scene_init(&s, ROLE_MONITOR, ROLE_ADMIN, 4 * QUEUE_BYTES);
	scene_say_hello(&s);
	for (i = 0; i < 90; i++)
		assert_null(channel_send(s.c, &m, -1));
	scene_run(&s);
	hurry = true;
	channel_finish(s.c);
	assert_int_equal(s.n_closed, 0);
	scene_run_until_closed(&s);
	assert_closed(&s, "did not read its last messages");
	scene_clear(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(length_over_the_roles_longest_closes),
		cmocka_unit_test(length_before_hello_is_that_of_hello),
		cmocka_unit_test(frame_byte_by_byte_arrives),
		cmocka_unit_test(end_of_stream_is_no_complaint),
		cmocka_unit_test(end_within_a_frame_is_one),
		cmocka_unit_test(end_with_data_before_it_delivers_the_data),
		cmocka_unit_test(end_of_a_peer_that_only_talks_comes_soon),
		cmocka_unit_test(peer_that_reads_too_slowly_is_closed),
		cmocka_unit_test(longest_messages_arrive_whole),
		cmocka_unit_test(busy_peer_leaves_room_for_others),
		cmocka_unit_test(owner_frees_in_a_handler),
		cmocka_unit_test(owner_frees_in_a_handler_that_fails),
		cmocka_unit_test(owner_refuses_a_message),
		cmocka_unit_test(owner_finishes_in_a_handler),
		cmocka_unit_test(owner_finishes_with_nothing_queued),
		cmocka_unit_test(owner_finishes_but_the_peer_does_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
