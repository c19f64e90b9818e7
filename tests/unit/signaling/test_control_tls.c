// Renewed certificates: all of them are taken, or none.
#include "control.h"

#include "call/env.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "unit/signaling/net/certs.h"

static struct certs certs;
static struct config config;
static struct worker_shared shared;
static struct control control;
static char error[TLS_ERROR_MAX];

static int set_up(void **state)
{
	static char cert[160], key[160];
	(void)state;
	certs_open(&certs);
	certs_make(&certs, "a", "DNS:a.test");
	snprintf(cert, sizeof(cert), "%s/a.pem", certs.dir);
	snprintf(key, sizeof(key), "%s/a.key", certs.dir);
	config.realm_count = 1;
	config.realms[0].listener_count = 1;
	config.realms[0].listeners[0] = (struct config_listener){ .transport = CONFIG_TLS,
		.tls = { .cert = cert, .key = key } };
	memset(&shared, 0, sizeof(shared));
	memset(&control, 0, sizeof(control));
	shared.config = &config;
	control.shared = &shared;
	return worker_tls_new(&config, &shared.tls, error);
}

static int tear_down(void **state)
{
	(void)state;
	worker_tls_free(shared.tls);
	certs_close(&certs);
	return 0;
}

static void test_taken(void **state)
{
	struct tls_context *before = worker_tls_server(shared.tls, listener_make(0, 0));
	(void)state;
	assert_in_range(control_tls_days_left(&control), 1, 2); // of 48 hours
	X509_free(certs_issue(&certs, "a", "DNS:a.test", 90));
	assert_int_equal(control_tls_reload(&control, error), 0);
	assert_in_range(control_tls_days_left(&control), 89, 90);
	assert_ptr_not_equal(worker_tls_server(shared.tls, listener_make(0, 0)), before);
	assert_int_equal(atomic_load(&control.tls_reloads), 1);
	assert_int_equal(atomic_load(&control.tls_reload_failures), 0);
}

static void test_kept(void **state)
{
	struct worker_tls *before = shared.tls;
	const char *key = config.realms[0].listeners[0].tls.key;
	(void)state;
	config.realms[0].listeners[0].tls.key = certs_path(&certs, "ca.key");
	assert_int_equal(control_tls_reload(&control, error), -EINVAL);
	assert_non_null(strstr(error, "ca.key: key values mismatch"));
	assert_ptr_equal(shared.tls, before);
	assert_int_equal(atomic_load(&control.tls_reloads), 0);
	assert_int_equal(atomic_load(&control.tls_reload_failures), 1);
	config.realms[0].listeners[0].tls.key = key;
}

static void test_watched(void **state)
{
	(void)state;
	control_tls_watch(&control, 1000);
	assert_in_range(control.tls_days_told, 1, 2);
	control.tls_days_told = 0;
	control_tls_watch(&control, 2000); // not again at once
	assert_int_equal(control.tls_days_told, 0);
	control_tls_watch(&control, 1000 + 3600000);
	assert_in_range(control.tls_days_told, 1, 2);
}

static void test_none(void **state)
{
	(void)state;
	config.realms[0].listener_count = 0;
	assert_int_equal(control_tls_reload(&control, error), 0);
	assert_true(control_tls_days_left(&control) == INT64_MAX);
	json_t *out = NULL;
	assert_int_equal(control_admin_ops.tls_reload(&control, &out), 0);
	assert_true(json_is_null(json_object_get(out, "days_left")));
	assert_int_equal(json_integer_value(json_object_get(out, "reloads")), 2);
	json_decref(out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_taken), TEST(test_kept), TEST(test_watched),
		TEST(test_none) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
