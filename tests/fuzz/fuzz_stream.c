/*
 * fuzz_stream.c - frames through a socket: those of channel_io.c, and any bytes
 * and descriptors of a peer between them.
 *
 * What was sent is remembered. Whatever is made of it: frames come whole and in
 * order, a descriptor only with a frame that its bytes were part of, and none is
 * left open. As long as the peer is one of ours, all of it comes.
 */
/* objects: $(BASE) proto/channel_io */
/* covers: proto/channel_io.c */
/* libs: $(MSGPACK) */
#define _GNU_SOURCE /* nftw */
#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "channel_io.h"
#include "world.h"

#define MAX_BYTES  50000
#define SENT_BYTES 400000
#define PARTS      256
#define FILES	   4

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct part {
	size_t from, to; /* of what was sent */
	int file;	 /* which one came with it; -1: none */
};

struct stream {
	struct program left;
	struct frames_in in;
	struct frames_out out;
	int ours, peers;
	char sent[SENT_BYTES];
	size_t n, read;
	struct part parts[PARTS];
	size_t n_parts;
	bool is_one_of_ours, is_over;
};

static int files[FILES];

static void
remember(struct stream *s, const void *p, size_t n, int file)
{
	memcpy(s->sent + s->n, p, n);
	s->parts[s->n_parts++] = (struct part){ s->n, s->n + n, file };
	s->n += n;
}

static bool
has_room(const struct stream *s, size_t n)
{
	return s->n_parts < PARTS && n <= SENT_BYTES - s->n;
}

/* A frame as a channel would send it. */
static void
queue(struct stream *s, bool with_file)
{
	static const char zeros[MAX_BYTES];
	struct msg m = { .type = MSG_set_inspect };
	size_t n = program_next(&s->left);
	struct buf *b = buf_new(PROTO_FRAME_MAX + 4);
	int file = with_file ? (int)(s->n_parts % FILES) : -1;

	n = (n << 8 | program_next(&s->left)) % (MAX_BYTES - 100);
	m.set_inspect.pem = (struct str){ zeros, n };
	check(b != NULL && msg_encode(&m, b) == NULL);
	if (has_room(s, buf_len(b))) {
		remember(s, buf_data(b), buf_len(b), file);
		check(frames_add(&s->out, &m, file == -1 ? -1 : files[file]) ==
		    NULL);
	}
	buf_free(b);
}

static bool
flush(struct stream *s)
{
	struct err *why = NULL;
	enum io rc = frames_write(&s->out, s->peers, &why);

	check(rc == IO_DONE || rc == IO_AGAIN);
	check((rc == IO_DONE) == (s->out.bytes == 0));
	return rc == IO_DONE;
}

/* What no channel would send. */
static void
send_raw(struct stream *s, size_t n_files)
{
	union {
		char bytes[CMSG_SPACE(FILES * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	size_t n = program_next(&s->left);
	struct iovec iov = { (void *)(uintptr_t)s->left.p, n };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	ssize_t done;

	if (n > s->left.n)
		n = iov.iov_len = s->left.n;
	if (n == 0 || !has_room(s, n) || !flush(s))
		return;
	if (n_files > 0) {
		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(n_files * sizeof(int));
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_files * sizeof(int));
		memcpy(CMSG_DATA(c), files, n_files * sizeof(int));
	}
	s->is_one_of_ours = false;
	done = sendmsg(s->peers, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (done > 0)
		remember(s, s->left.p, (size_t)done, n_files > 0 ? 0 : -1);
	s->left.p += n;
	s->left.n -= n;
}

/* The bytes are those of the next frame. Its descriptor was sent with some of
 * them, and by one of ours with these. */
static void
check_frame(struct stream *s)
{
	struct str body = frame_body(&s->in);
	size_t from = s->read, to = from + 4 + body.n, i;
	int fd = frame_take_fd(&s->in);
	struct stat got, sent;
	bool found = false;

	check(to <= s->n && body.n > 0 && body.n <= MAX_BYTES);
	check(memcmp(s->sent + from + 4, body.p, body.n) == 0);
	for (i = 0; i < s->n_parts; i++) {
		if (s->parts[i].from >= to || s->parts[i].to <= from)
			continue;
		if (s->is_one_of_ours)
			check((s->parts[i].file == -1) == (fd == -1));
		if (fd == -1 || s->parts[i].file == -1)
			continue;
		check(fstat(fd, &got) == 0 &&
		    fstat(files[s->parts[i].file], &sent) == 0);
		found = found || got.st_ino == sent.st_ino;
	}
	check(fd == -1 || found);
	if (fd != -1)
		close(fd);
	s->read = to;
}

/* At most n frames. */
static void
read_some(struct stream *s, size_t n)
{
	struct err *why = NULL;
	enum io rc = IO_DONE;

	for (; n > 0 && rc == IO_DONE; n--) {
		rc = frame_read(&s->in, s->ours, MAX_BYTES, &why);
		if (rc == IO_DONE) {
			check_frame(s);
			frame_next(&s->in);
		}
	}
	check((rc == IO_BAD) == (why != NULL));
	check(rc != IO_BAD || !s->is_one_of_ours);
	s->is_over = rc == IO_BAD || rc == IO_END;
	err_free(why);
}

static void
step(struct stream *s)
{
	uint8_t op = program_next(&s->left);

	switch (op & 7) {
	case 0:
	case 1:
		queue(s, op & 1);
		break;
	case 2:
		(void)flush(s);
		break;
	case 3:
		read_some(s, 1 + (op >> 3));
		break;
	default:
		send_raw(s, (op & 7u) - 4);
	}
}

/* All of it, and then the end of the stream. */
static void
finish(struct stream *s)
{
	while (!s->is_over && !flush(s))
		read_some(s, 8);
	close(s->peers);
	while (!s->is_over)
		read_some(s, 8);
	check(!s->is_one_of_ours || s->read == s->n);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *dir = world_corpus(*argc, *argv);
	int i;

	for (i = 0; i < FILES; i++)
		check((files[i] = memfd_create("file", MFD_CLOEXEC)) != -1);
	/* Several frames, two of them with a descriptor, long ones too; then a
	 * frame in two parts, one with a descriptor in its middle, and two
	 * descriptors. */
	world_seed(dir, "ours", "\0\0\1\1\0\1\0\0\1\2\3\0\200\0\1\220\0\1\200\0"
	    "\2\3\2\3\2\3", 25);
	world_seed(dir, "parts", "\4\3\0\0\0\3\4\3\1x\0\3\4\4\0\0\1x\13", 19);
	world_seed(dir, "middle", "\4\5\0\0\0\2x\3\5\1y\3", 12);
	world_seed(dir, "two", "\6\5\0\0\0\1x\3", 8);
	world_seed(dir, "glued", "\5\12\0\0\0\1x\0\0\0\1y\13", 13);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct stream s;
	int free_fd = dup(0), fds[2];

	close(free_fd);
	s.left = (struct program){ data, n };
	s.n = s.read = s.n_parts = 0;
	s.is_one_of_ours = true;
	s.is_over = false;
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
	    fds) == 0);
	s.ours = fds[0];
	s.peers = fds[1];
	check(frames_in_init(&s.in, MAX_BYTES) == NULL);
	frames_init(&s.out);
	while (s.left.n > 0 && !s.is_over)
		step(&s);
	finish(&s);
	frames_in_clear(&s.in);
	frames_clear(&s.out);
	close(s.ours);
	check(dup(0) == free_fd && close(free_fd) == 0);
	return 0;
}
