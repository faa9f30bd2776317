/*
 * https_ca.c - reads the certificates to trust, before the process locks
 * itself in.
 *
 * Runs in:  acmew, certd-dns, at the start.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "https.h"

#define CA_MAX_BYTES (8 * 1024 * 1024) /* the system's have 220 KiB */

/* Where distributions keep them: Debian; Fedora; Alpine, OpenBSD. */
static const char *const system_files[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/cert.pem",
};

static struct err *
read_pem(const char *file, int fd, char **pem, size_t *n)
{
	struct buf *b = buf_new(CA_MAX_BYTES);
	struct err *e = NULL;

	if (b == NULL) {
		e = err_sys("%s", file);
		goto out;
	}
	if ((e = err_wrap(buf_add_file(b, fd), "%s", file)) != NULL)
		goto out;
	if (strstr(buf_data(b), "-----BEGIN CERTIFICATE-----") == NULL) {
		e = err_new("%s: no certificate in it", file);
		(void)err_advise(e, "ca-certificates is a file of PEM "
				    "certificates");
		goto out;
	}
	if ((*pem = strdup(buf_data(b))) == NULL)
		e = err_sys("%s", file);
	else
		*n = strlen(*pem);
out:
	buf_free(b);
	return e;
}

struct err *
https_read_ca(const char *file, char **pem, size_t *n)
{
	struct err *e;
	int fd = -1;

	*pem = NULL;
	*n = 0;
	if (*file == '\0') {
		for (size_t i = 0; fd == -1 && i < 3; i++)
			fd = open(file = system_files[i], O_RDONLY | O_CLOEXEC);
		if (fd == -1)
			return err_advise(
			    err_new("the system has no file of trusted "
				    "certificates"),
			    "install the package ca-certificates");
	} else if ((fd = open(file, O_RDONLY | O_CLOEXEC)) == -1)
		return err_sys("%s", file);
	e = read_pem(file, fd, pem, n);
	(void)close(fd);
	return e;
}
