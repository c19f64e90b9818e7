// What is wrong with a file is said by name.
#include "net/tls.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "certs.h"

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
		struct tls_context *context = NULL;
		char error[TLS_ERROR_MAX], want[TLS_ERROR_MAX];
		struct tls_settings settings = { .is_server = true,
			.cert = certs_path(&certs, cases[i].cert),
			.key = certs_path(&certs, cases[i].key),
			.ca = cases[i].ca ? certs_path(&certs, cases[i].ca) : NULL };
		bool is_good = cases[i].error[0] == '\0';
		const char *dir = strstr(cases[i].error, "%s");
		int rc = tls_context_new(&settings, &context, error);
		snprintf(want, sizeof(want), "%.*s%s%s",
			dir ? (int)(dir - cases[i].error) : 0, cases[i].error, dir ? certs.dir : "",
			dir ? dir + 2 : "");
		if (rc != (is_good ? 0 : -EINVAL) || strncmp(error, want, strlen(want)) != 0)
			fail_msg("case %zu: %d \"%s\", wanted \"%s\"", i, rc, error, want);
		assert_true(is_good == (context != NULL));
		tls_context_free(context);
	}
}

static void test_client_without_files(void **state)
{
	struct tls_settings settings = { .verify = TLS_VERIFY_NAME };
	struct tls_context *context;
	char error[TLS_ERROR_MAX];
	(void)state;
	assert_int_equal(tls_context_new(&settings, &context, error), 0);
	tls_context_free(context);
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
		cmocka_unit_test(test_client_without_files),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
