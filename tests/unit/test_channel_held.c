/* test_channel_held.c - messages that wait until the disk has what they tell of. */
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

/* From a channel that holds its messages to one that counts them. */
struct pair {
	struct scene from;
	struct scene to; /* as the owner of the other end: what came there */
};

static void
set_up(struct pair *p)
{
	memset(&p->to, 0, sizeof(p->to));
	p->to.last_fd = -1;
	scene_init(&p->from, ROLE_MONITOR, ROLE_ADMIN, QUEUE_BYTES);
	assert_null(channel_new(p->from.base, p->from.peer, ROLE_ADMIN,
	    ROLE_MONITOR, "there", QUEUE_BYTES, &scene_ops, &p->to,
	    &p->to.c));
	p->from.peer = -1;
	scene_run(&p->from);
}

static void
tear_down(struct pair *p)
{
	channel_free(p->to.c);
	if (p->to.last_fd != -1)
		close(p->to.last_fd);
	scene_clear(&p->from);
}

static void
tell(struct pair *p, const char *value)
{
	const struct msg m = { .type = MSG_fact,
		.fact = { .key = str_of("k"), .value = str_of(value) } };

	assert_null(channel_send(p->from.c, &m, -1));
}

static void
expect(struct pair *p, int n)
{
	scene_run(&p->from);
	assert_int_equal(p->to.n_messages, n);
}

static void
held_message_leaves_when_its_number_comes_up(void **state)
{
	struct pair p;

	(void)state;
	set_up(&p);
	p.from.held = 3;
	tell(&p, "a");
	expect(&p, 0);
	channel_go_on(p.from.c, 2);
	expect(&p, 0);
	channel_go_on(p.from.c, 3);
	expect(&p, 1);
	/* The same number, and none, hold nothing any more. */
	tell(&p, "b");
	p.from.held = 0;
	tell(&p, "c");
	expect(&p, 3);
	tear_down(&p);
}

/* What came later waits longer; what waits for nothing keeps its place. */
static void
messages_keep_their_order(void **state)
{
	struct pair p;

	(void)state;
	set_up(&p);
	p.from.held = 1;
	tell(&p, "a");
	tell(&p, "b");
	expect(&p, 0);
	p.from.held = 2;
	tell(&p, "c");
	expect(&p, 0);
	p.from.held = 0;
	tell(&p, "d");
	expect(&p, 0);
	channel_go_on(p.from.c, 1);
	expect(&p, 2);
	channel_go_on(p.from.c, 2);
	expect(&p, 4);
	tear_down(&p);
}

static void
last_messages_are_held_too(void **state)
{
	struct pair p;

	(void)state;
	set_up(&p);
	p.from.held = 1;
	tell(&p, "a");
	expect(&p, 0);
	channel_finish(p.from.c);
	expect(&p, 0);
	assert_int_equal(p.from.n_closed, 0);
	channel_go_on(p.from.c, 1);
	expect(&p, 1);
	assert_int_equal(p.from.n_closed, 1);
	tear_down(&p);
}

static void
going_on_with_nothing_is_nothing(void **state)
{
	struct pair p;

	(void)state;
	channel_go_on(NULL, 1);
	set_up(&p);
	channel_go_on(p.from.c, 1);
	expect(&p, 0);
	p.from.held = 2;
	tell(&p, "a");
	expect(&p, 0);
	tear_down(&p); /* held to the end: nothing leaks */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(held_message_leaves_when_its_number_comes_up),
		cmocka_unit_test(messages_keep_their_order),
		cmocka_unit_test(last_messages_are_held_too),
		cmocka_unit_test(going_on_with_nothing_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
