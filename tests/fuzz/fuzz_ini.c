/* fuzz_ini.c - any text as certbot's dialect of INI: what was read comes out byte
 * for byte, and what was set is read again. */
/* objects: $(CONFIG) common/buf common/err common/log common/names common/text common/url */
/* covers: common/ini.c common/ini_parse.c common/ini_value.c common/ini_expand.c common/ini_quote.c common/ini_write.c */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "ini.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check(bool good)
{
	if (!good)
		abort();
}

/* As text, which must be read again. */
static struct ini *
again(const struct ini *ini, struct buf *out)
{
	struct ini *copy = NULL;
	struct err *e = ini_write(ini, out);

	check(e == NULL);
	e = ini_parse("again", buf_data(out), buf_len(out), &copy);
	check(e == NULL && copy != NULL);
	return copy;
}

static bool
look(void *arg, const char *section, const char *key, unsigned line)
{
	const struct ini *ini = arg;
	const char *const *list;

	check(ini_get(ini, section, key) != NULL);
	check(ini_list(ini, section, key, &list) <= 1024 * 1024);
	check(line > 0);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buf *out = buf_new(4 * 1024 * 1024);
	struct ini *ini = NULL, *copy;
	const char *value;
	struct err *e = ini_parse("file", (const char *)data, n, &ini);

	check((e == NULL) == (ini != NULL) && out != NULL);
	if (e == NULL) {
		ini_each(ini, look, ini);
		copy = again(ini, out);
		check(buf_len(out) == n && memcmp(buf_data(out), data, n) == 0);
		ini_free(copy);
		buf_clear(out);
		if ((e = ini_set(ini, "s", "key", "a, \"b\" # c")) == NULL) {
			copy = again(ini, out);
			value = ini_get(copy, "s", "key");
			check(value != NULL &&
			    strcmp(value, "a, \"b\" # c") == 0);
			ini_free(copy);
		}
		ini_free(ini);
	}
	err_free(e);
	buf_free(out);
	return 0;
}
