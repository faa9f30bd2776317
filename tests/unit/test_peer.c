/* test_peer.c - answers find their questions, and those that do not come end
 * the peer. */
/* objects: $(DAEMON) certd/monitor/peer */
/* libs: libevent_core libseccomp $(MSGPACK) */
#define _GNU_SOURCE /* memfd_create, syscall */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "channel.h"
#include "peer.h"

/* certd's end and a signer's, on one loop; a clock that we wind. */
struct scene {
	struct event_base *base;
	struct peer *p;
	struct channel *signer;
	uint32_t asked[4]; /* what the signer was asked */
	size_t n_asked;
	int n_answers, n_failed, n_lost;
	int log, old_stderr;
};

static time_t ahead;

static struct err *
on_question(void *arg, const struct msg *m, int fd)
{
	struct scene *s = arg;

	(void)fd;
	assert_true(s->n_asked < 4);
	s->asked[s->n_asked++] = m->id;
	return NULL;
}

static void
on_hung_up(void *arg, const struct err *reason)
{
	(void)reason;
	((struct scene *)arg)->signer = NULL;
}

static const struct channel_ops signer_ops = { on_question, NULL, on_hung_up, NULL };

static void
on_lost(void *arg, const char *name)
{
	struct scene *s = arg;

	assert_string_equal(name, "certd-sign");
	s->n_lost++;
}

static void
on_answer(void *arg, const struct msg *answer, struct err *e)
{
	struct scene *s = arg;

	s->n_answers += answer != NULL;
	s->n_failed += e != NULL;
	err_free(e);
}

/* Instead of libc's: for peer.c, and for libevent's timers. */
int
clock_gettime(clockid_t id, struct timespec *t)
{
	int error = (int)syscall(SYS_clock_gettime, id, t);

	t->tv_sec += ahead;
	return error;
}

static void
run(struct scene *s)
{
	int i;

	for (i = 0; i < 50; i++)
		event_base_loop(s->base, EVLOOP_NONBLOCK);
}

static void
pass(struct scene *s, time_t secs)
{
	ahead += secs;
	run(s);
}

static void
scene_init(struct scene *s, const struct peer_kind *kind)
{
	int fds[2];

	memset(s, 0, sizeof(*s));
	s->log = memfd_create("log", MFD_CLOEXEC);
	s->old_stderr = dup(STDERR_FILENO);
	assert_int_equal(dup2(s->log, STDERR_FILENO), STDERR_FILENO);
	assert_non_null(s->base = event_base_new());
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_null(peer_new(s->base, fds[0], kind, on_lost, s, &s->p));
	assert_null(channel_new(s->base, fds[1], ROLE_SIGNER, ROLE_MONITOR,
	    "certd", 100000, &signer_ops, s, &s->signer));
	run(s); /* hello */
}

static void
scene_clear(struct scene *s)
{
	peer_free(s->p);
	channel_free(s->signer);
	event_base_free(s->base);
	dup2(s->old_stderr, STDERR_FILENO);
	close(s->old_stderr);
	close(s->log);
}

static void
ask(struct scene *s)
{
	struct msg m = { .type = MSG_key_auth };

	m.key_auth.account = 1;
	m.key_auth.token = str_of("0123456789012345678901");
	assert_null(peer_ask(s->p, &m, -1, MSG_digest, on_answer, s));
	run(s);
}

static void
answer(struct scene *s, size_t i)
{
	struct msg m = { .type = MSG_sign_failed, .id = s->asked[i] };

	m.sign_failed.text = str_of("no");
	assert_null(channel_send(s->signer, &m, -1));
	run(s);
}

static bool
has_logged(const struct scene *s, const char *part)
{
	char text[4096];
	ssize_t n = pread(s->log, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return strstr(text, part) != NULL;
}

static void
question_without_answer_ends_the_peer(void **state)
{
	const time_t limit = peer_signer.silent_secs;
	struct scene s;

	(void)state;
	assert_in_range(limit, 60, 300);
	scene_init(&s, &peer_signer);
	ask(&s);
	pass(&s, limit - 2);
	assert_int_equal(s.n_lost, 0);
	pass(&s, 3);
	assert_int_equal(s.n_lost, 1);
	assert_int_equal(s.n_answers + s.n_failed, 0);
	assert_true(has_logged(&s, "certd-sign owes an answer"));
	pass(&s, limit + 1); /* once */
	assert_int_equal(s.n_lost, 1);
	scene_clear(&s);
}

static void
silence_without_question_is_good(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, &peer_signer);
	pass(&s, 100000);
	ask(&s);
	answer(&s, 0);
	assert_int_equal(s.n_failed, 1);
	pass(&s, 100000);
	assert_int_equal(s.n_lost, 0);
	ask(&s); /* and the pause before does not count */
	pass(&s, peer_signer.silent_secs - 2);
	answer(&s, 1);
	assert_int_equal(s.n_failed, 2);
	assert_int_equal(s.n_lost, 0);
	scene_clear(&s);
}

static void
queue_that_moves_on_is_good(void **state)
{
	const time_t most = peer_signer.silent_secs - 2;
	struct scene s;
	size_t i;

	(void)state;
	scene_init(&s, &peer_signer);
	for (i = 0; i < 4; i++)
		ask(&s);
	for (i = 0; i < 4; i++) {
		pass(&s, most);
		assert_int_equal(s.n_lost, 0);
		answer(&s, i);
	}
	assert_int_equal(s.n_failed, 4);
	scene_clear(&s);
}

static void
question_passed_over_ends_the_peer(void **state)
{
	static const struct peer_kind kind = { .role = ROLE_SIGNER,
		.name = "certd-sign", .failed = MSG_sign_failed,
		.silent_secs = 100, .answer_secs = 150 };
	struct peer_kind talks = kind;
	struct scene s;

	(void)state;
	talks.failure = peer_signer.failure;
	scene_init(&s, &talks);
	ask(&s); /* never answered */
	ask(&s);
	pass(&s, 90);
	answer(&s, 1);
	assert_int_equal(s.n_failed, 1);
	pass(&s, 55);
	assert_int_equal(s.n_lost, 0);
	pass(&s, 10);
	assert_int_equal(s.n_lost, 1);
	assert_true(has_logged(&s, "has not answered a question"));
	scene_clear(&s);
}

static void
patience_is_longer(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, &peer_signer);
	peer_be_patient(s.p, 1000);
	ask(&s);
	pass(&s, 990);
	assert_int_equal(s.n_lost, 0);
	pass(&s, 20);
	assert_int_equal(s.n_lost, 1);
	scene_clear(&s);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(question_without_answer_ends_the_peer),
		cmocka_unit_test(silence_without_question_is_good),
		cmocka_unit_test(queue_that_moves_on_is_good),
		cmocka_unit_test(question_passed_over_ends_the_peer),
		cmocka_unit_test(patience_is_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
