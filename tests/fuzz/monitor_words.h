/*
 * monitor_words.h - what fuzz_monitor.c says and hears: messages of the table with
 * fields that may mean something, chosen by bytes of the input.
 */
#ifndef MONITOR_WORDS_H
#define MONITOR_WORDS_H

#include <sys/socket.h>
#include <time.h>

#include "../unit/samples.h"
#include "buf.h"
#include "proto.h"
#include "world.h"

#define DAY_SECS   86400
#define FRAME_SIZE (PROTO_FRAME_MAX + 4)

static uint32_t last_job;
static int some_file;	      /* travels where a descriptor does */
static struct strs certified; /* the names that a certificate was last made for */

static const char *const names[] = { "a.test", "*.a.test", "b.test",
	"evil.test" };
#define MEMBER_NAMES "a.test, *.a.test" /* [policy] */
static const char *const urls[] = { "https://ca.test/x", "https://ca.test/dir",
	"https://evil.test/", "https://ca.test:444/x" };
static char live_path[WORLD_PATH_BYTES], archive_path[WORLD_PATH_BYTES];
static const char *const texts[] = { "a.test", "ecdsa", "rsa", "secp384r1",
	"2048", "https://ca.test/dir", "30 days", "keycompromise", "HS384",
	"someone@a.test", "3", "true", "/bin/true", "ffff", "b.test", "evil.test",
	"../x", "%s%n", "valid", "-1", "", "x\xc3\xa9", live_path,
	archive_path };
#define LONG_TOKEN "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
static const char *const tokens[] = { LONG_TOKEN, "A",
	"abcdefghijklmnopqrstuvwxyz", "-" };
static const char some_pem[] = "-----BEGIN CERTIFICATE-----\nAAAA\n"
    "-----END CERTIFICATE-----\n";
#define N_TEXTS (sizeof(texts) / sizeof(texts[0]))

static uint64_t
choose_number(const struct field_row *f, uint8_t c)
{
	uint64_t v = c < 128 ? c : c == 255 ? f->bound : last_job - (c & 3u);

	if (strcmp(f->name, "not_after") == 0 && c < 250)
		return (uint64_t)time(NULL) + (60 + c) * DAY_SECS;
	if (f->type == FT_u32 && c > 250 && c < 255) /* of a job that only looks */
		v = UINT32_MAX - (254u - c);
	if (f->type == FT_u64 && c > 200 && c < 255) /* a time */
		v = (uint64_t)time(NULL) + (c - 220u) * DAY_SECS;
	return v <= f->bound ? v : v % (f->bound + 1);
}

static void
fill(struct msg *msg, const struct msg_def *row, struct program *from)
{
	static struct str list[3];
	const struct field_row *f;
	uint8_t c;
	size_t i;
	void *at;

	for (f = row->fields; f < row->fields + row->n_fields; f++) {
		at = (char *)msg + f->offset;
		c = program_next(from);
		if (f->type == FT_u32)
			*(uint32_t *)at = (uint32_t)choose_number(f, c);
		else if (f->type == FT_u64)
			*(uint64_t *)at = choose_number(f, c);
		else if (f->type == FT_flag)
			*(bool *)at = c & 1;
		else if (f->type == FT_name)
			*(struct str *)at = str_of(names[c % 4]);
		else if (f->type == FT_url)
			*(struct str *)at = str_of(urls[c % 4]);
		else if (f->type == FT_text)
			*(struct str *)at = str_of(texts[c % N_TEXTS]);
		else if (f->type == FT_b64u)
			*(struct str *)at = str_of(tokens[c % 4]);
		else if (f->type == FT_bytes)
			*(struct str *)at = str_of(c < 250 ? some_pem : "");
		else if (f->type == FT_names || f->type == FT_texts) {
			for (i = 0; i < 3; i++)
				list[i] = str_of(names[(c + i) % 4]);
			*(struct strs *)at = (struct strs){ list,
				1 + c / 4 % 3u };
			if (row->type == MSG_cert_info && c == 0 &&
			    certified.n > 0)
				*(struct strs *)at = certified;
		}
	}
}

/* With an open file: the descriptor travels with the first byte. */
static void
put(int fd, const char *p, size_t n, int file)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} aux = { .space = { 0 } };
	struct iovec part = { (void *)(uintptr_t)p, n };
	struct msghdr h = { .msg_iov = &part, .msg_iovlen = 1 };

	if (file != -1) {
		aux.head.cmsg_level = SOL_SOCKET;
		aux.head.cmsg_type = SCM_RIGHTS;
		aux.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&aux.head), &file, sizeof(int));
		h.msg_control = aux.space;
		h.msg_controllen = sizeof(aux.space);
	}
	if (fd != -1)
		(void)!sendmsg(fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Says a message of this row. how 255: one bit of the frame is another; 254: with
 * a descriptor where none belongs, or without. */
static void
say(int fd, const struct msg_def *row, uint32_t id, uint8_t how,
    struct program *from)
{
	struct buf *b = buf_new(FRAME_SIZE);
	struct sample s;
	struct err *e;
	char *copy;
	size_t n;

	sample_make(&s, row, LEAST);
	s.m.id = id;
	fill(&s.m, row, from);
	if ((e = msg_encode(&s.m, b)) == NULL) {
		n = buf_len(b);
		copy = malloc(n);
		memcpy(copy, buf_data(b), n);
		if (how == 255)
			copy[4 + program_next(from) % (n - 4)] ^=
			    (char)(1 << program_next(from) % 8);
		put(fd, copy, n,
		    row->has_fd != (how == 254) ? some_file : -1);
		free(copy);
	}
	err_free(e);
	sample_clear(&s);
	buf_free(b);
}

static void
say_hello(int fd)
{
	struct msg hello = { .type = MSG_hello,
		.hello = { .version = PROTO_VERSION } };
	struct buf *b = buf_new(64);

	err_free(msg_encode(&hello, b));
	put(fd, buf_data(b), buf_len(b), -1);
	buf_free(b);
}

/* The next frame, and the file that came with it (-1: none). False: none yet. */
static bool
hear(int fd, struct msg *question, int *file)
{
	static char frame[FRAME_SIZE];
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} aux = { .space = { 0 } };
	uint8_t head[4];
	struct iovec part = { head, sizeof(head) };
	struct msghdr h = { .msg_iov = &part, .msg_iovlen = 1,
		.msg_control = aux.space, .msg_controllen = sizeof(aux.space) };
	ssize_t n;

	*file = -1;
	if (recvmsg(fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != sizeof(head))
		return false;
	if (h.msg_controllen > 0)
		memcpy(file, CMSG_DATA(&aux.head), sizeof(int));
	n = (ssize_t)head[0] << 24 | head[1] << 16 | head[2] << 8 | head[3];
	check(n <= FRAME_SIZE && recv(fd, frame, (size_t)n, 0) == n);
	check(msg_decode(frame, (size_t)n, question) == NULL);
	return true;
}

#endif
