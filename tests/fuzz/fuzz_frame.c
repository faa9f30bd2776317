/* fuzz_frame.c - any bytes as a frame. Seeds are made from the message table:
 * the corpus directory gets the least and a middling frame of every row. */
/* objects: $(BASE) */
/* covers: proto/codec.c proto/walk.c proto/describe.c */
/* libs: $(MSGPACK) */
#define _GNU_SOURCE /* nftw */
#include "../unit/samples.h"
#include "buf.h"
#include "world.h"

#define SEED_MAX_BYTES 4096

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
write_seed(const char *dir, const struct msg_def *row, enum sample_size size)
{
	struct buf *b = buf_new(PROTO_FRAME_MAX + 4);
	struct sample s;
	char name[128];

	sample_make(&s, row, size);
	if (b == NULL || msg_encode(&s.m, b) != NULL)
		abort();
	(void)snprintf(name, sizeof(name), "%s-%d", row->name, size);
	if (buf_len(b) <= SEED_MAX_BYTES)
		world_seed(dir, name, buf_data(b) + 4, buf_len(b) - 4);
	sample_clear(&s);
	buf_free(b);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *dir = world_corpus(*argc, *argv);
	size_t row;

	for (row = 0; row < msg_table_n; row++) {
		write_seed(dir, msg_table[row], LEAST);
		write_seed(dir, msg_table[row], MOST);
	}
	return 0;
}

/* What is accepted has one encoding, and can be shown. */
static void
check_frame(const struct msg *m, const uint8_t *data, size_t n)
{
	struct buf *b = buf_new(PROTO_FRAME_MAX + 4);
	char line[300];

	if (b == NULL || msg_encode(m, b) != NULL || buf_len(b) != n + 4 ||
	    memcmp(buf_data(b) + 4, data, n) != 0)
		abort();
	msg_describe(m, line, sizeof(line));
	if (!text_is_plain(line, strlen(line)))
		abort();
	buf_free(b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err *e;
	struct msg m;

	if ((e = msg_decode((const char *)data, n, &m)) == NULL)
		check_frame(&m, data, n);
	else if (m.type != 0 || m.lists_ != NULL)
		abort();
	msg_clear(&m);
	err_free(e);
	return 0;
}
