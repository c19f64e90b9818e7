// What is wrong with a file is said by name.
#include "tls/tls_files.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "unit/signaling/net/certs.h"

static struct certs certs;

static void test_files(void **state)
{
	static const struct {
		const char *cert, *key, *ca, *error; // %s: the folder
	} cases[] = {
		{ "a.pem", "a.key", NULL, "" },
		{ "a.pem", "a.key", "ca.pem", "" },
		{ "none.pem", "a.key", NULL, "certificate %s/none.pem: No such file or directory" },
		{ "a.pem", "none.key", NULL, "private key %s/none.key: No such file or directory" },
		{ "a.pem", "b.key", NULL, "private key %s/b.key: key values mismatch" },
		{ "text.pem", "a.key", NULL, "certificate %s/text.pem: no start line" },
		{ "a.pem", "text.pem", NULL, "private key %s/text.pem: " },
		{ "a.pem", "a.key", "none.pem",
		  "certificates of %s/none.pem: No such file or directory" },
		{ "a.pem", "a.key", "text.pem", "certificates of %s/text.pem: " },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char error[TLS_ERROR_MAX], want[TLS_ERROR_MAX];
		struct tls_files files = { .is_server = true,
			.cert = certs_path(&certs, cases[i].cert),
			.key = certs_path(&certs, cases[i].key),
			.ca = cases[i].ca ? certs_path(&certs, cases[i].ca) : NULL };
		bool is_good = cases[i].error[0] == '\0';
		const char *dir = strstr(cases[i].error, "%s");
		int64_t expires = -1;
		int rc = tls_files_check(&files, &expires, error);
		snprintf(want, sizeof(want), "%.*s%s%s",
			dir ? (int)(dir - cases[i].error) : 0, cases[i].error, dir ? certs.dir : "",
			dir ? dir + 2 : "");
		if (rc != (is_good ? 0 : -EINVAL) || strncmp(error, want, strlen(want)) != 0)
			fail_msg("case %zu: %d \"%s\", wanted \"%s\"", i, rc, error, want);
		assert_true(is_good == (expires != -1));
	}
}

// Of our certificate, not of those that we trust.
static void test_expiry(void **state)
{
	char error[TLS_ERROR_MAX];
	struct tls_files files = { .cert = certs_path(&certs, "a.pem"),
		.key = certs_path(&certs, "a.key"), .ca = certs_path(&certs, "ca.pem") };
	int64_t expires = 0, now = time(NULL);
	(void)state;
	assert_int_equal(tls_files_check(&files, &expires, error), 0);
	assert_in_range(expires, now + 2 * 86400 - 60, now + 2 * 86400);
	X509_free(certs_issue(&certs, "old", NULL, -1));
	files.cert = certs_path(&certs, "old.pem");
	files.key = certs_path(&certs, "old.key");
	assert_int_equal(tls_files_check(&files, &expires, error), 0);
	assert_in_range(expires, now - 86400 - 60, now - 86400);
	files = (struct tls_files){ .ca = certs_path(&certs, "ca.pem") };
	assert_int_equal(tls_files_check(&files, &expires, error), 0);
	assert_true(expires == INT64_MAX);
}

// An hour too late is no day that is left.
static void test_days_left(void **state)
{
	int64_t now = time(NULL);
	(void)state;
	assert_int_equal(tls_files_days_left(now + 30 * 86400 + 3600), 30);
	assert_int_equal(tls_files_days_left(now + 3600), 0);
	assert_int_equal(tls_files_days_left(now - 3600), -1);
	assert_int_equal(tls_files_days_left(now - 86400 - 3600), -2);
	assert_true(tls_files_days_left(INT64_MAX) == INT64_MAX);
}

static int set_up(void **state)
{
	(void)state;
	certs_open(&certs);
	certs_make(&certs, "a", "DNS:a.test");
	certs_make(&certs, "b", "DNS:b.test");
	FILE *file = certs_create(&certs, "text", "pem");
	fputs("this is no certificate\n", file);
	fclose(file);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	certs_close(&certs);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_days_left),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
