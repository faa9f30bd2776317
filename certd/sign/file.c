/*
 * file.c - reads and writes the files whose descriptors the monitor passes.
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    descriptors from the monitor; their contents are root's, but may
 *           be damaged, huge or no file at all.
 * Promise:  secrets are read into locked memory only; nothing here waits for
 *           the disk, but file_force().
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>

#include "sign.h"

/* Anything but a regular file could block us for ever. */
static struct err *
check_file(int fd, size_t max)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return err_sys("look at the file");
	if (!S_ISREG(st.st_mode))
		return err_new("not a regular file");
	if (st.st_size > (off_t)max)
		return err_new("file of more than %zu bytes", max);
	return NULL;
}

struct err *
file_read(int fd, size_t max, struct buf *b)
{
	struct err *e = check_file(fd, max);

	return e != NULL ? e : buf_add_file(b, fd);
}

BIO *
secret_new(void)
{
	return BIO_new(BIO_s_secmem());
}

/* The file may have grown since check_file(): count what is read. */
static struct err *
read_into(BIO *bio, int fd)
{
	char part[4096];
	size_t total = 0;
	struct err *e = NULL;
	ssize_t n = 0;

	while (e == NULL && (n = read(fd, part, sizeof(part))) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			e = err_sys("read");
		else if ((total += (size_t)n) > SECRET_FILE_MAX)
			e = err_new(
			    "file of more than %d bytes", SECRET_FILE_MAX);
		else if (BIO_write(bio, part, (int)n) != (int)n)
			e = crypto_err("keep what was read");
	}
	OPENSSL_cleanse(part, sizeof(part));
	return e;
}

struct err *
file_read_secret(int fd, BIO **out)
{
	struct err *e;
	BIO *bio = NULL;

	if ((e = check_file(fd, SECRET_FILE_MAX)) != NULL)
		return e;
	if ((bio = secret_new()) == NULL)
		return crypto_err("locked memory");
	if ((e = read_into(bio, fd)) != NULL) {
		BIO_free(bio);
		return e;
	}
	*out = bio;
	return NULL;
}

struct err *
file_write(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t done = write(fd, at, n);

		if (done == -1) {
			if (errno == EINTR)
				continue;
			return err_sys("write");
		}
		at += done;
		n -= (size_t)done;
	}
	return NULL;
}

struct err *
file_write_bio(int fd, BIO *bio)
{
	char *p = NULL;
	long n = BIO_get_mem_data(bio, &p);

	return file_write(fd, p, n < 0 ? 0 : (size_t)n);
}

struct err *
file_force(int fd)
{
	return fsync(fd) == -1 ? err_sys("write to the disk") : NULL;
}

static int
add_json(const char *p, size_t n, void *arg)
{
	struct err *e = buf_add(arg, p, n);

	err_free(e);
	return e == NULL ? 0 : -1;
}

struct err *
json_add(struct buf *out, const json_t *json, size_t flags)
{
	if (json == NULL || json_dump_callback(json, add_json, out, flags) != 0)
		return err_new("no room for JSON");
	return NULL;
}

/* In the form of Python's json.dumps(), which is certbot's. */
struct err *
file_write_json(int fd, const json_t *json)
{
	struct buf *text = buf_new(16 * 1024);
	struct err *e;

	if (text == NULL)
		return err_sys("JSON");
	if ((e = json_add(text, json, 0)) == NULL)
		e = file_write(fd, buf_data(text), buf_len(text));
	buf_free(text);
	return e;
}
