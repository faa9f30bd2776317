/* test_cron_trap.c - lines in which one failed certificate stops the services of
 * the others. */
/* objects: certctl/cron_trap */
/* libs: */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "cron_trap.h"

static void
trap_is_found(void **state)
{
	static const char *const lines[] = {
		"17 */12 * * * root certctl renew --quiet && post-processing",
		"certctl renew&&x",
		"certctl --quiet renew && x",
		"certbot -q renew && systemctl reload apache2",
		"0 3 * * * /usr/bin/certbot renew --quiet --no-self-upgrade && "
		"x",
		"test -x /usr/bin/certctl && certctl renew && x",
		"ExecStart=/bin/sh -c 'certctl renew --quiet && x'",
		"ExecStart=/bin/sh -c \"/usr/bin/certctl renew && x\"",
		"certctl renew >/dev/null 2>&1 && x",
		"certctl renew && a || b",
		"cd /; certctl renew && x",
		"if certctl renew --quiet; then x; fi",
		"	certctl renew && x",
		"sleep 5 && certctl renew --quiet && x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (!cron_has_trap(lines[i]))
			fail_msg("not found: %s", lines[i]);
}

static void
other_lines_are_left_alone(void **state)
{
	static const char *const lines[] = {
		"",
		"# certctl renew && x",
		"   # certctl renew && x",
		"certctl renew --quiet; post-processing",
		"certctl renew --quiet",
		"test -x /usr/bin/certctl && certctl renew --quiet",
		"certctl renew || mail root",
		"certctl renew & x",
		"certctl renew 2>&1 | logger",
		"certctl list && x",
		"certctl deploy renew.example && x",
		"mycertctl renew && x",
		"certctl renewal && x",
		"x && certctl renew",
		"if certctl list; then certctl renew; fi",
		"certbot certonly && x; certctl renew",
		"PATH=/usr/bin:/bin",
		"&&",
		"certctl",
		"renew && certctl",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (cron_has_trap(lines[i]))
			fail_msg("found: %s", lines[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trap_is_found),
		cmocka_unit_test(other_lines_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
