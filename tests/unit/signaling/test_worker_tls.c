// Whose rules a connection obeys: its listener's, or those of the trunk that is called.
#include "worker_tls.h"

#include "base/log.h"
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
static struct config_trunk trunks[2];
static char tls_error[TLS_ERROR_MAX];

static int set_up(void **state)
{
	static char cert[160], key[160];
	(void)state;
	certs_open(&certs);
	certs_make(&certs, "a", "DNS:a.test");
	snprintf(cert, sizeof(cert), "%s/a.pem", certs.dir);
	snprintf(key, sizeof(key), "%s/a.key", certs.dir);
	config.realm_count = 2;
	config.realms[0].listener_count = 3;
	config.realms[0].listeners[1] = (struct config_listener){ .transport = CONFIG_TLS,
		.tls = { .cert = cert, .key = key } };
	config.realms[0].listeners[2].transport = CONFIG_TCP;
	config.realms[1].listener_count = 1;
	config.realms[1].listeners[0] = (struct config_listener){ .transport = CONFIG_WSS,
		.tls = { .cert = cert, .key = key } };
	trunks[1] = (struct config_trunk){ .name = "b", .has_tls = true };
	config.trunks = trunks;
	config.trunk_count = 2;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	certs_close(&certs);
	return 0;
}

static void test_whose_rules(void **state)
{
	struct worker_tls *tls;
	struct sip_hop hop = { .listener = listener_make(0, 1) };
	(void)state;
	assert_int_equal(worker_tls_new(&config, &tls, tls_error), 0);
	assert_non_null(worker_tls_server(tls, listener_make(0, 1)));
	assert_non_null(worker_tls_server(tls, listener_make(1, 0)));
	assert_null(worker_tls_server(tls, listener_make(0, 0)));
	assert_null(worker_tls_server(tls, listener_make(0, 2)));
	assert_null(worker_tls_server(tls, listener_make(CONFIG_REALMS_MAX, 0)));
	assert_null(worker_tls_server(tls, listener_make(0, CONFIG_LISTENERS_MAX)));

	struct tls_context *own = worker_tls_client(tls, &hop);
	assert_non_null(own);
	assert_ptr_not_equal(own, worker_tls_server(tls, hop.listener));
	hop.tls_trunk = 1; // says nothing about TLS
	assert_ptr_equal(worker_tls_client(tls, &hop), own);
	hop.tls_trunk = 2;
	assert_non_null(worker_tls_client(tls, &hop));
	assert_ptr_not_equal(worker_tls_client(tls, &hop), own);
	hop.tls_trunk = 3; // no such trunk
	assert_ptr_equal(worker_tls_client(tls, &hop), own);
	hop = (struct sip_hop){ .listener = listener_make(0, 2) };
	assert_null(worker_tls_client(tls, &hop));
	worker_tls_free(tls);
}

static void test_bad_file(void **state)
{
	struct worker_tls *tls = NULL;
	(void)state;
	trunks[0].has_tls = true;
	trunks[0].name = "a";
	trunks[0].tls.ca = "/nowhere/ca.pem";
	assert_int_equal(worker_tls_new(&config, &tls, tls_error), -EINVAL);
	assert_null(tls);
	assert_string_equal(tls_error,
		"certificates of /nowhere/ca.pem: No such file or directory");
	trunks[0] = (struct config_trunk){ 0 };
	const char *key = config.realms[1].listeners[0].tls.key;
	config.realms[1].listeners[0].tls.key = certs_path(&certs, "ca.key");
	assert_int_equal(worker_tls_new(&config, &tls, tls_error), -EINVAL);
	config.realms[1].listeners[0].tls.key = key;
	assert_int_equal(worker_tls_new(&config, &tls, tls_error), 0);
	worker_tls_free(tls);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whose_rules),
		cmocka_unit_test(test_bad_file),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
