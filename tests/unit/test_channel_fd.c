/* test_channel_fd.c - descriptors: with their message, or not at all. */
/* objects: $(DAEMON) */
/* libs: libevent_core libseccomp $(MSGPACK) */
#define _GNU_SOURCE /* RTLD_NEXT, memfd_create */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/resource.h>

#include "channel_scene.h"

#define QUEUE_BYTES 100000

static const struct msg load = {
	.type = MSG_key_load, .id = 4, .key_load = { .key = 7 }
};
static const struct msg drop = { .type = MSG_key_drop,
	.key_drop = { .key = 7 } };

static void
init(struct scene *s)
{
	scene_init(s, ROLE_SIGNER, ROLE_MONITOR, QUEUE_BYTES);
	scene_say_hello(s);
}

/* A file that holds one byte. */
static int
make_file(char c)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	assert_int_equal(pwrite(fd, &c, 1, 0), 1);
	return fd;
}

static void
assert_holds(int fd, char c)
{
	char got = 0;

	assert_int_equal(pread(fd, &got, 1, 0), 1);
	assert_int_equal(got, c);
}

static void
fd_comes_with_its_message(void **state)
{
	struct scene s;
	int fd = make_file('a');

	(void)state;
	init(&s);
	scene_say(&s, &load, fd);
	scene_run(&s);
	assert_int_equal(s.n_messages, 1);
	assert_int_equal(s.last.type, MSG_key_load);
	assert_int_equal(s.last.key_load.key, 7);
	assert_int_not_equal(s.last_fd, -1);
	assert_holds(s.last_fd, 'a');
	assert_int_equal(fcntl(s.last_fd, F_GETFD), FD_CLOEXEC);
	scene_clear(&s);
	close(fd);
}

static int order[8], n_order;

static struct err *
remember(struct scene *s)
{
	char c = '-';

	if (s->last_fd != -1)
		assert_int_equal(pread(s->last_fd, &c, 1, 0), 1);
	order[n_order++] = c;
	return NULL;
}

/* All is in the socket before the first byte is read. */
static void
fd_of_many_messages_are_not_mixed_up(void **state)
{
	struct scene s;
	int a = make_file('a'), b = make_file('b');

	(void)state;
	init(&s);
	s.act = remember;
	n_order = 0;
	scene_say(&s, &drop, -1);
	scene_say(&s, &load, a);
	scene_say(&s, &load, b);
	scene_say(&s, &drop, -1);
	scene_say(&s, &drop, -1);
	scene_say(&s, &load, a);
	scene_run(&s);
	assert_int_equal(n_order, 6);
	assert_int_equal(order[0], '-');
	assert_int_equal(order[1], 'a');
	assert_int_equal(order[2], 'b');
	assert_int_equal(order[3], '-');
	assert_int_equal(order[4], '-');
	assert_int_equal(order[5], 'a');
	assert_int_equal(s.n_closed, 0);
	scene_clear(&s);
	close(a);
	close(b);
}

/* scene_clear() sees whether it was left open. */
static void
fd_where_none_belongs_closes(void **state)
{
	struct scene s;

	(void)state;
	init(&s);
	scene_say(&s, &drop, 0);
	scene_run(&s);
	assert_int_equal(s.n_messages, 0);
	assert_closed(&s, "key_drop: a descriptor came with it");
	scene_clear(&s);
}

static void
fd_that_is_missing_closes(void **state)
{
	struct scene s;

	(void)state;
	init(&s);
	scene_say(&s, &load, -1);
	scene_run(&s);
	assert_int_equal(s.n_messages, 0);
	assert_closed(&s, "key_load: its descriptor is missing");
	scene_clear(&s);
}

static void
fd_twice_closes(void **state)
{
	const int fds[8] = { 0, 1, 0, 1, 0, 1, 0, 1 };
	struct buf *b = scene_frame(&load);
	struct scene s;
	size_t n;

	(void)state;
	for (n = 2; n <= 8; n++) {
		init(&s);
		scene_write(&s, buf_data(b), buf_len(b), fds, n);
		scene_run(&s);
		assert_int_equal(s.n_messages, 0);
		assert_closed(&s, "belong to no message");
		scene_clear(&s);
	}
	buf_free(b);
}

/* One with the length, and one with the body. */
static void
fd_in_two_parts_closes(void **state)
{
	struct buf *b = scene_frame(&load);
	const int fd = 0;
	struct scene s;
	size_t at;

	(void)state;
	for (at = 1; at < buf_len(b); at++) {
		init(&s);
		scene_write(&s, buf_data(b), at, &fd, 1);
		scene_write(&s, buf_data(b) + at, buf_len(b) - at, &fd, 1);
		scene_run(&s);
		assert_int_equal(s.n_messages, 0);
		assert_closed(&s, "belong to no message");
		scene_clear(&s);
	}
	buf_free(b);
}

/* No frame begins in what it comes with. */
static void
fd_within_a_body_closes(void **state)
{
	struct buf *b = scene_frame(&load);
	const int fd = 0;
	struct scene s;
	size_t at;

	(void)state;
	for (at = 1; at < buf_len(b); at++) {
		init(&s);
		scene_write(&s, buf_data(b), at, NULL, 0);
		scene_run(&s);
		scene_write(&s, buf_data(b) + at, buf_len(b) - at, &fd, 1);
		scene_run(&s);
		assert_int_equal(s.n_messages, 0);
		assert_closed(&s, "belong to no message");
		scene_clear(&s);
	}
	buf_free(b);
}

/* Sends a, then b, in two writes: the first n bytes, and the rest with a
 * descriptor. */
static void
write_both(struct scene *s, const struct msg *a, const struct msg *b, size_t n)
{
	struct buf *x = scene_frame(a), *y = scene_frame(b);
	const int fd = 0;
	char bytes[100];
	size_t all = buf_len(x) + buf_len(y);

	memcpy(bytes, buf_data(x), buf_len(x));
	memcpy(bytes + buf_len(x), buf_data(y), buf_len(y));
	if (n > 0)
		scene_write(s, bytes, n, NULL, 0);
	scene_run(s);
	scene_write(s, bytes + n, all - n, &fd, 1);
	scene_run(s);
	buf_free(x);
	buf_free(y);
}

/* Who sends two frames with a descriptor has sent it with the last of them,
 * wherever the first one began. */
static void
fd_of_two_frames_at_once_is_the_last_ones(void **state)
{
	struct buf *first = scene_frame(&drop);
	struct scene s;
	size_t n;

	(void)state;
	for (n = 0; n <= buf_len(first); n++) {
		init(&s);
		write_both(&s, &drop, &load, n);
		assert_int_equal(s.n_messages, 2);
		assert_int_equal(s.n_closed, 0);
		assert_int_equal(s.last.type, MSG_key_load);
		assert_int_not_equal(s.last_fd, -1);
		scene_clear(&s);
	}
	buf_free(first);
}

/* ... which may want none; the one before it, which wants one, has none. */
static void
fd_of_a_last_frame_that_wants_none_closes(void **state)
{
	struct scene s;

	(void)state;
	init(&s);
	write_both(&s, &drop, &drop, 0);
	assert_int_equal(s.n_messages, 1);
	assert_closed(&s, "key_drop: a descriptor came with it");
	scene_clear(&s);
	init(&s);
	write_both(&s, &load, &drop, 0);
	assert_int_equal(s.n_messages, 0);
	assert_closed(&s, "key_load: its descriptor is missing");
	scene_clear(&s);
}

/* More frames than have their turn at once, and then one with a descriptor. */
static void
fd_behind_many_frames_waits_for_its_own(void **state)
{
	char bytes[2000];
	struct buf *b = scene_frame(&drop);
	struct scene s;
	size_t n = 0;
	int i, fd = make_file('y');

	(void)state;
	for (i = 0; i < 30; i++, n += buf_len(b))
		memcpy(bytes + n, buf_data(b), buf_len(b));
	init(&s);
	scene_write(&s, bytes, n, NULL, 0);
	scene_say(&s, &load, fd);
	scene_say(&s, &load, fd);
	scene_run(&s);
	assert_int_equal(s.n_messages, 32);
	assert_int_equal(s.n_closed, 0);
	assert_holds(s.last_fd, 'y');
	scene_clear(&s);
	/* The same, and it goes while they wait. */
	init(&s);
	scene_write(&s, bytes, n, NULL, 0);
	scene_say(&s, &load, fd);
	event_base_loop(s.base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	assert_in_range(s.n_messages, 1, 16);
	scene_clear(&s);
	close(fd);
	buf_free(b);
}

static void
fd_with_hello_closes(void **state)
{
	struct msg m = { .type = MSG_hello,
		.hello = { .version = PROTO_VERSION } };
	struct scene s;

	(void)state;
	scene_init(&s, ROLE_MONITOR, ROLE_WORKER, QUEUE_BYTES);
	scene_say(&s, &m, 0);
	scene_run(&s);
	assert_closed(&s, "hello: a descriptor came with it");
	scene_clear(&s);
}

/* A descriptor came, the rest of its frame never does. */
static void
fd_of_half_a_frame_is_closed(void **state)
{
	struct buf *b = scene_frame(&load);
	const int fd = 0;
	struct scene s;

	(void)state;
	init(&s);
	scene_write(&s, buf_data(b), 6, &fd, 1);
	scene_run(&s);
	scene_hang_up(&s);
	scene_run(&s);
	assert_closed(&s, "ended within a message");
	scene_clear(&s);
	init(&s);
	scene_write(&s, buf_data(b), 6, &fd, 1);
	scene_run(&s);
	scene_clear(&s);
	buf_free(b);
}

/* The kernel drops what has no room in our table of open files, and says so. */
static void
fd_without_room_for_it_closes(void **state)
{
	struct rlimit was, none;
	struct scene s;
	int free_fd;

	(void)state;
	init(&s);
	scene_say(&s, &drop, 0);
	assert_int_not_equal(free_fd = dup(0), -1);
	close(free_fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = (struct rlimit){ (rlim_t)free_fd, was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	scene_run(&s);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(s.n_messages, 0);
	assert_closed(&s, "belong to no message");
	scene_clear(&s);
}

static void
fd_is_sent_with_the_first_byte(void **state)
{
	struct scene s;
	struct msg m;
	char bytes[100];
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { bytes, 1 };
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	size_t n;
	int fd;

	(void)state;
	scene_init(&s, ROLE_MONITOR, ROLE_SIGNER, QUEUE_BYTES);
	fd = make_file('z');
	assert_null(channel_send(s.c, &load, fd));
	close(fd); /* the channel has its own */
	scene_run(&s);
	assert_int_equal(read(s.peer, bytes, 4), 4); /* hello */
	assert_int_equal(read(s.peer, bytes, (size_t)bytes[3]), bytes[3]);
	assert_int_equal(recvmsg(s.peer, &mh, 0), 1);
	assert_non_null(CMSG_FIRSTHDR(&mh));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&mh)), sizeof(fd));
	assert_holds(fd, 'z');
	close(fd);
	assert_int_equal(read(s.peer, bytes, 3), 3);
	n = (size_t)bytes[2];
	assert_int_equal(read(s.peer, bytes, n), n);
	assert_null(msg_decode(bytes, n, &m));
	assert_int_equal(m.type, MSG_key_load);
	scene_clear(&s);
}

/* From one channel to another, through a socket that is full at times. */
static void
fd_between_channels_stays_with_its_message(void **state)
{
	static char pem[60000];
	const struct msg set = { .type = MSG_set_inspect,
		.set_inspect = { .pem = { pem, sizeof(pem) } } };
	struct scene s, none = { .last_fd = -1 };
	struct channel *from;
	int i, a = make_file('a'), b = make_file('b');

	(void)state;
	n_order = 0;
	scene_init(&s, ROLE_SIGNER, ROLE_MONITOR, QUEUE_BYTES);
	s.act = remember;
	assert_null(channel_new(s.base, s.peer, ROLE_MONITOR, ROLE_SIGNER,
	    "them", 10 * PROTO_FRAME_MAX, &scene_ops, &none, &from));
	s.peer = -1;
	for (i = 0; i < 2; i++) {
		assert_null(channel_send(from, &set, a));
		assert_null(channel_send(from, &drop, -1));
		assert_null(channel_send(from, &set, b));
		assert_null(channel_send(from, &set, a));
	}
	scene_run(&s);
	assert_int_equal(n_order, 8);
	for (i = 0; i < 8; i++)
		assert_int_equal(order[i], "a-ba"[i % 4]);
	assert_int_equal(s.n_closed, 0);
	channel_free(from);
	scene_clear(&s);
	close(a);
	close(b);
}

static void
fd_of_messages_never_sent_is_closed(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, ROLE_MONITOR, ROLE_SIGNER, QUEUE_BYTES);
	assert_null(channel_send(s.c, &load, 0));
	assert_null(channel_send(s.c, &load, 0));
	scene_clear(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fd_comes_with_its_message),
		cmocka_unit_test(fd_of_many_messages_are_not_mixed_up),
		cmocka_unit_test(fd_where_none_belongs_closes),
		cmocka_unit_test(fd_that_is_missing_closes),
		cmocka_unit_test(fd_twice_closes),
		cmocka_unit_test(fd_in_two_parts_closes),
		cmocka_unit_test(fd_within_a_body_closes),
		cmocka_unit_test(fd_of_two_frames_at_once_is_the_last_ones),
		cmocka_unit_test(fd_of_a_last_frame_that_wants_none_closes),
		cmocka_unit_test(fd_behind_many_frames_waits_for_its_own),
		cmocka_unit_test(fd_with_hello_closes),
		cmocka_unit_test(fd_of_half_a_frame_is_closed),
		cmocka_unit_test(fd_without_room_for_it_closes),
		cmocka_unit_test(fd_is_sent_with_the_first_byte),
		cmocka_unit_test(fd_between_channels_stays_with_its_message),
		cmocka_unit_test(fd_of_messages_never_sent_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
