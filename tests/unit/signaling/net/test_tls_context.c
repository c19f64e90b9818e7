// The rules of a context; its files are tls_files.h's.
#include "net/tls.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "certs.h"

static void test_client_without_files(void **state)
{
	struct tls_settings settings = { .verify = TLS_VERIFY_NAME };
	struct tls_context *context;
	char error[TLS_ERROR_MAX];
	(void)state;
	assert_int_equal(tls_context_new(&settings, &context, error), 0);
	assert_true(tls_context_expiry(context) == INT64_MAX);
	tls_context_free(context);
}

static void test_server(void **state)
{
	struct certs certs;
	(void)state;
	certs_open(&certs);
	certs_make(&certs, "a", "DNS:a.test");
	struct tls_settings settings = { .is_server = true, .cert = certs_path(&certs, "a.pem"),
		.key = certs_path(&certs, "none.key") };
	struct tls_context *context = NULL;
	char error[TLS_ERROR_MAX];
	assert_int_equal(tls_context_new(&settings, &context, error), -EINVAL);
	assert_non_null(strstr(error, "none.key: No such file"));
	assert_null(context);
	settings.key = certs_path(&certs, "a.key");
	assert_int_equal(tls_context_new(&settings, &context, error), 0);
	assert_in_range(tls_context_expiry(context), time(NULL), time(NULL) + 2 * 86400);
	tls_context_free(context);
	certs_close(&certs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client_without_files),
		cmocka_unit_test(test_server),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
