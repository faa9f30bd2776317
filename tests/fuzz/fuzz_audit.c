/* fuzz_audit.c - any bytes as the audit: read by certctl, and gone on with by certd.
 *
 * The first byte says how. In one half of its values the rest is the file (and,
 * where it says so, audit.head); in the other each line of the rest is a text that
 * certd wrote: what was written must be whole, and with one byte changed not. */
/* objects: $(filter-out certctl/main,$(certctl_OBJ)) certd/monitor/audit_log certd/monitor/audit_resume certd/monitor/audit_write */
/* covers: common/audit.c certctl/cmd_audit.c certd/monitor/audit_log.c certd/monitor/audit_resume.c certd/monitor/audit_write.c */
/* libs: $(certctl_LIB) libevent_core */
#define _GNU_SOURCE /* nftw */
#include "audit.h"
#include "audit_log.h"
#include "certctl.h"
#include "log.h"
#include "world.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { JSON = 1, HEAD = 2, WRITTEN = 4, TWISTED = 8, RESUMED = 16 };

static char log_file[WORLD_PATH_BYTES], head_file[WORLD_PATH_BYTES];

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	world_begin();
	world_path(log_file, AUDIT_FILE);
	world_path(head_file, AUDIT_HEAD);
	log_limit((enum log_level)0);
	return 0;
}

/* certctl audit --verify; its exit status, and that a terminal may have what it
 * printed. */
static int
verify(bool json)
{
	struct invocation inv = { .command = command_find("audit"),
		.argument = world_folder };
	char *out = NULL, *err = NULL;
	size_t n_out, n_err;
	struct session s = { .inv = &inv,
		.out = open_memstream(&out, &n_out),
		.err = open_memstream(&err, &n_err),
		.json = json,
		.fd = -1 };
	struct err *e;

	inv.values[OPT_verify] = "";
	inv.values[OPT_lines] = "20";
	check(s.out != NULL && s.err != NULL);
	e = cmd_audit(&s);
	check(e == NULL || *err_text(e) != '\0');
	if (e != NULL)
		s.status = EXIT_FAILED;
	err_free(e);
	check(fclose(s.out) == 0 && fclose(s.err) == 0);
	for (size_t i = 0; i < n_out; i++)
		check(out[i] == '\n' || (unsigned char)out[i] >= ' ');
	for (size_t i = 0; i < n_err; i++)
		check(err[i] == '\n' || (unsigned char)err[i] >= ' ');
	if (json && s.status == EXIT_DONE) {
		json_t *doc = json_loads(out, 0, NULL);

		check(doc != NULL);
		json_decref(doc);
	}
	free(out);
	free(err);
	return s.status;
}

/* ---- what certd wrote ---- */

/* One of the texts in the input, and p behind it. */
static char *
next_text(const char **p)
{
	size_t n = strcspn(*p, "\n");
	char *text = strndup(*p, n);

	check(text != NULL);
	*p += n + ((*p)[n] == '\n');
	return text;
}

static size_t
write_lines(const char *texts, char *out, size_t size)
{
	char line[AUDIT_LINE_BYTES], what[AUDIT_LINE_BYTES];
	struct audit_chain c, reader;
	char why[AUDIT_WHY_BYTES];
	size_t n = 0;

	audit_begin(&c);
	audit_begin(&reader);
	for (unsigned i = 0; *texts != '\0' && n + sizeof(line) < size; i++) {
		char *a = next_text(&texts), *b = next_text(&texts);
		const struct audit_line l = { .time = 1800000000,
			.job = i,
			.certificate = a,
			.who = b,
			.act = "ask",
			.what = a,
			.outcome = i % 2 == 0 ? b : "done" };
		size_t part = audit_format(&c, &l, i % 3 == 0, line);

		check(part < sizeof(line) && line[part - 1] == '\n');
		check(strcspn(line, "\n") == part - 1);
		check(audit_check(&reader, (struct str){ line, part - 1 },
			  why) == NULL);
		check(audit_field((struct str){ line, part - 1 }, "what", what,
		    sizeof(what)));
		check(audit_field((struct str){ line, part - 1 }, "act", what,
			  sizeof(what)) &&
		      strcmp(what, "ask") == 0);
		memcpy(out + n, line, part);
		n += part;
		free(a);
		free(b);
	}
	return n;
}

static void
written(uint8_t how, const uint8_t *data, size_t n)
{
	static char file[1 << 18];
	char *texts = strndup((const char *)data, n);
	size_t size, at;

	check(texts != NULL);
	size = write_lines(texts, file, sizeof(file));
	(void)unlink(head_file);
	world_write(log_file, "", file, size);
	if (size > 0)
		check(verify(how & JSON) == EXIT_DONE);
	if (size > 0 && (how & TWISTED)) {
		at = (data[0] * 257u + n) % size;
		file[at] = (char)(file[at] ^ (1 << (how >> 5)));
		world_write(log_file, "", file, size);
		check(verify(how & JSON) == EXIT_FAILED);
	}
	free(texts);
}

/* ---- whatever it is ---- */

/* certd goes on with it, and what it adds is good. */
static void
resume(void)
{
	struct audit_log *a = NULL;
	struct audit_line l = { 0, 1, "a.test", "fuzz", "ask", "x", "done" };
	struct err *e = audit_log_open(world_folder, AUDIT_FILE_BYTES, &a);
	struct audit_chain head;

	check((e == NULL) == (a != NULL));
	if (e == NULL) {
		audit_log_line(a, &l);
		audit_log_head(a, &head);
		check(strlen(head.hash) == AUDIT_HASH_SIZE - 1);
	}
	err_free(e);
	audit_log_close(a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	size_t head = 0;
	uint8_t how;

	if (n < 2)
		return 0;
	how = *data++;
	n--;
	if (how & WRITTEN) {
		written(how, data, n);
		return 0;
	}
	(void)unlink(head_file);
	if (how & HEAD) {
		head = data[0] % n;
		world_write(head_file, "", data + 1, head);
	}
	world_write(log_file, "", data + head, n - head);
	(void)verify(how & JSON);
	if (how & RESUMED)
		resume();
	return 0;
}
