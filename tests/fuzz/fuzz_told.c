/* fuzz_told.c - any sequence of messages of certd, legal or not, to certctl: each
 * command comes to an end, and what it prints a terminal and a script may have.
 * Made from the message table, as fuzz_monitor.c is.
 *
 * The input is a program: one byte for the command line, then for each message one
 * for what is said and those that choose its fields. */
/* objects: $(filter-out certctl/main,$(certctl_OBJ)) */
/* covers: certctl/connection.c certctl/follow.c certctl/progress.c certctl/print.c certctl/json.c certctl/facts.c certctl/question.c */
/* libs: $(certctl_LIB) */
#define _GNU_SOURCE /* nftw */
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "buf.h"
#include "certctl.h"
#include "world.h"

#define STEPS_MAX  64
#define WORDS_MAX  8
#define SCRIPT_MAX (1 << 17)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char path[WORLD_PATH_BYTES];
static int listener;
static struct buf *script; /* what certd says, to whoever connects */
static pthread_mutex_t its_lock = PTHREAD_MUTEX_INITIALIZER;

static const char *const lines[][WORDS_MAX] = {
	{ "list" },
	{ "list", "--json" },
	{ "show", "a.test" },
	{ "show", "a.test", "--json" },
	{ "status" },
	{ "status", "--json" },
	{ "issue", "-d", "a.test" },
	{ "issue", "-d", "a.test", "--json" },
	{ "issue", "-d", "a.test", "--detach" },
	{ "renew" },
	{ "renew", "a.test", "--json" },
	{ "watch" },
	{ "watch", "7" },
	{ "cancel", "7" },
	{ "account", "show" },
	{ "account", "show", "--json" },
	{ "account", "register" },
	{ "account", "update" },
	{ "delete", "a.test" },
	{ "delete", "a.test", "--json" },
	{ "deploy", "a.test" },
	{ "deploy", "a.test", "--json" },
	{ "restore", "a.test", "2" },
	{ "repair", "a.test" },
	{ "repair", "a.test", "--json" },
	{ "revoke", "--cert-name", "a.test" },
	{ "revoke", "--cert-name", "a.test", "--json" },
	{ "reconfigure", "a.test" },
	{ "doctor" },
	{ "doctor", "--json" },
};
#define N_LINES (sizeof(lines) / sizeof(lines[0]))

/* ---- certd ---- */

/* Says all that it has to say to each who comes, and leaves when he does. */
static void *
serve(void *arg)
{
	static char said[SCRIPT_MAX], heard[4096];
	size_t n;
	int fd;

	(void)arg;
	while ((fd = accept(listener, NULL, NULL)) != -1) {
		(void)pthread_mutex_lock(&its_lock);
		n = buf_len(script);
		memcpy(said, buf_data(script), n);
		(void)pthread_mutex_unlock(&its_lock);
		(void)!send(fd, said, n, MSG_NOSIGNAL);
		(void)shutdown(fd, SHUT_WR);
		while (read(fd, heard, sizeof(heard)) > 0)
			continue;
		(void)close(fd);
	}
	return NULL;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	pthread_t thread;

	(void)argc;
	(void)argv;
	world_begin();
	world_path(path, "control.sock");
	(void)strcpy(sa.sun_path, path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(bind(listener, (struct sockaddr *)&sa, sizeof(sa)) == 0);
	check(listen(listener, 16) == 0);
	script = buf_new(SCRIPT_MAX);
	check(script != NULL);
	check(pthread_create(&thread, NULL, serve, NULL) == 0);
	return 0;
}

/* ---- what it says ---- */

static struct program rest;

static uint8_t
next(void)
{
	return program_next(&rest);
}

static const char *const texts[] = { "a.test", "", "../x", "\x1b[2J\x1b]0;x\a",
	"a\nb\r\nc", "%s%n", "issue", "\xe2\x80\xae\xc2\x9b[31m" };

/* One of ours, or bytes of the input. */
static struct str
choose_text(uint8_t c)
{
	struct str text;

	if (c < 128)
		return str_of(texts[c % 8]);
	text.p = (const char *)rest.p;
	text.n = c - 128u < rest.n ? c - 128u : rest.n;
	rest.p += text.n;
	rest.n -= text.n;
	return text;
}

static void
fill(struct msg *m, const struct msg_def *row)
{
	static struct str list[4];

	for (const struct field_row *f = row->fields;
	     f < row->fields + row->n_fields; f++) {
		void *at = (char *)m + f->offset;
		uint8_t c = next();

		if (f->type == FT_u32)
			*(uint32_t *)at = c < 250 ? c % 16 : (uint32_t)f->bound;
		else if (f->type == FT_u64)
			*(uint64_t *)at = c < 64 ? c
					  : c < 250
					      ? 1700000000u + c * 1000000ull
					      : UINT64_MAX >> (c - 250);
		else if (f->type == FT_flag)
			*(bool *)at = c & 1;
		else if (f->type == FT_names || f->type == FT_texts) {
			for (size_t i = 0; i < 4; i++)
				list[i] = f->type == FT_names
					      ? str_of(i % 2 == 0 ? "a.test"
								  : "*.b.test")
					      : str_of(texts[(c + i) % 8]);
			*(struct strs *)at = (struct strs){ list, c % 5u };
		} else if (f->type == FT_hex)
			*(struct str *)at = str_of("0123abcd");
		else if (f->type == FT_name)
			*(struct str *)at = str_of("a.test");
		else if (f->type == FT_url)
			*(struct str *)at = str_of("https://ca.test/x");
		else
			*(struct str *)at = choose_text(c);
	}
}

static void
say(struct msg *m)
{
	size_t before = buf_len(script);
	struct buf *one = buf_new(PROTO_FRAME_MAX + 4);

	check(one != NULL);
	if (buf_len(script) <
	    SCRIPT_MAX / 2) { /* what a socket takes at once */
		struct err *e = msg_encode(m, one);

		if (e == NULL)
			e = buf_add(script, buf_data(one), buf_len(one));
		err_free(e);
	}
	check(buf_len(script) >= before);
	buf_free(one);
}

static void
write_script(void)
{
	struct msg m = { .type = MSG_hello };
	const struct msg_def *mine[128];
	size_t n = 0;

	for (size_t i = 0; i < msg_table_n; i++)
		if ((msg_table[i]->to & ROLE_ADMIN) && n < 128)
			mine[n++] = msg_table[i];
	buf_clear(script);
	m.hello.version = PROTO_VERSION;
	say(&m);
	for (int i = 0; i < STEPS_MAX && rest.n > 0; i++) {
		uint8_t what = next();
		const struct msg_def *row =
		    what < 240 ? mine[what % n]
			       : msg_table[next() % msg_table_n];

		memset(&m, 0, sizeof(m));
		m.type = (enum msg_type)row->type;
		m.id = 1;
		fill(&m, row);
		say(&m);
	}
	memset(&m, 0, sizeof(m));
	m.type = MSG_end;
	m.id = 1;
	say(&m);
}

/* ---- what becomes of it ---- */

static void
check_text(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check(text[i] == '\n' || (unsigned char)text[i] >= ' ');
	check(memchr(text, 0x7f, n) == NULL);
}

/* One document after the other. */
static void
check_json(const char *text, size_t n)
{
	json_error_t error;
	json_t *doc;

	while (n > 0 && (*text == '\n' || *text == ' ')) {
		text++;
		n--;
	}
	if (n == 0)
		return;
	doc = json_loadb(text, n, JSON_DISABLE_EOF_CHECK, &error);
	check(doc != NULL && error.position > 0);
	json_decref(doc);
	check_json(text + error.position, n - (size_t)error.position);
}

static void
run(const struct invocation *inv)
{
	char *out = NULL, *err = NULL;
	size_t n_out, n_err;
	struct session s = { .inv = inv,
		.out = open_memstream(&out, &n_out),
		.err = open_memstream(&err, &n_err),
		.json = invocation_has(inv, OPT_json),
		.input = STDIN_FILENO,
		.fd = -1 };
	struct err *e;

	check(s.out != NULL && s.err != NULL);
	e = inv->command->run(&s);
	check(s.status >= 0 && s.status <= EXIT_RENEWED);
	if (e != NULL)
		print_problem(s.err, e);
	err_free(e);
	session_close(&s);
	free(s.answered);
	check(fclose(s.out) == 0 && fclose(s.err) == 0);
	check_text(out, n_out);
	check_text(err, n_err);
	if (s.json)
		check_json(out, n_out);
	free(out);
	free(err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *argv[WORDS_MAX + 3] = { (char[]){ "certctl" },
		(char[]){ "--socket" }, path };
	struct invocation inv;
	int argc = 3;

	if (n < 2)
		return 0;
	rest.p = data + 1;
	rest.n = n - 1;
	(void)pthread_mutex_lock(&its_lock);
	write_script();
	(void)pthread_mutex_unlock(&its_lock);
	for (const char *const *word = lines[data[0] % N_LINES]; *word != NULL;
	     word++)
		argv[argc++] = (char *)(uintptr_t)*word;
	check(invocation_parse(&inv, argc, argv) == NULL);
	run(&inv);
	invocation_clear(&inv);
	return 0;
}
