// What stands in a correct listener, trunk and section connections; mistakes are golden files
// (golden/config/transports).
#include "loader.h"

static struct loader_fixture f;

#define HEAD  "version: 1\nnode: {workers: 1}\nrealms: {a: {media: {addresses: [192.0.2.1]}, sip: ["
#define TAIL  "]}}\n"
#define FILES "cert: /c.pem, key: /k.pem"

static struct config *load(const char *text)
{
	struct config_loader *loader = loader_open(&f);
	const struct node *root = yaml_of(&f, text);
	config_walk_map(loader, root, config_schema, loader->config);
	if (loader->error_count > 0)
		fail_msg("%s: %s", text, f.errors[0].message);
	return loader->config;
}

static void test_ports(void **state)
{
	static const struct {
		const char *text;
		enum config_transport transport;
		uint16_t port;
	} cases[] = {
		{ "{udp: 192.0.2.1}", CONFIG_UDP, 5060 },
		{ "{tcp: 192.0.2.1}", CONFIG_TCP, 5060 },
		{ "{tls: 192.0.2.1, " FILES "}", CONFIG_TLS, 5061 },
		{ "{ws: 192.0.2.1}", CONFIG_WS, 80 },
		{ "{wss: 192.0.2.1, " FILES "}", CONFIG_WSS, 443 },
		{ "{tcp: '192.0.2.1:7'}", CONFIG_TCP, 7 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char text[300];
		snprintf(text, sizeof text, HEAD "%s" TAIL, cases[i].text);
		const struct config_realm *realm = &load(text)->realms[0];
		assert_int_equal(realm->listener_count, 1);
		assert_int_equal(realm->listeners[0].transport, cases[i].transport);
		assert_int_equal(realm->listeners[0].addr.port, cases[i].port);
		loader_close(&f);
	}
}

static void test_origins(void **state)
{
	(void)state;
	const struct config_listener *listeners = load(HEAD
		"{ws: 192.0.2.1, origins: [https://a.example, 'http://b.example:8080']}, "
		"{wss: 192.0.2.1, " FILES ", origins: https://c.example}, "
		"{ws: '192.0.2.1:81'}" TAIL)->realms[0].listeners;
	assert_int_equal(listeners[0].origin_count, 2);
	assert_string_equal(listeners[0].origins[0], "https://a.example");
	assert_string_equal(listeners[0].origins[1], "http://b.example:8080");
	assert_int_equal(listeners[1].origin_count, 1);
	assert_string_equal(listeners[1].origins[0], "https://c.example");
	assert_int_equal(listeners[2].origin_count, 0);
	loader_close(&f);
}

static void test_tls(void **state)
{
	(void)state;
	const struct config *config = load(HEAD
		"{tls: 192.0.2.1, " FILES ", ca: /ca.pem, verify: request}, "
		"{tls: '192.0.2.1:7', " FILES "}" TAIL
		"trunks: {x: {realm: a, hosts: [192.0.2.9], tls: {name: x.test, verify: chain, "
		FILES "}}, y: {realm: a, hosts: [192.0.2.10], tls: {}}, "
		"z: {realm: a, hosts: [192.0.2.11]}}\n");
	const struct config_tls *tls = &config->realms[0].listeners[0].tls;
	assert_string_equal(tls->cert, "/c.pem");
	assert_string_equal(tls->key, "/k.pem");
	assert_string_equal(tls->ca, "/ca.pem");
	assert_int_equal(tls->verify, CONFIG_CLIENT_REQUEST);
	assert_int_equal(config->realms[0].listeners[1].tls.verify, CONFIG_CLIENT_NONE);
	assert_null(config->realms[0].listeners[1].tls.ca);
	assert_true(config->trunks[0].has_tls);
	assert_string_equal(config->trunks[0].tls.name, "x.test");
	assert_int_equal(config->trunks[0].tls.verify, CONFIG_SERVER_CHAIN);
	assert_true(config->trunks[1].has_tls);
	assert_int_equal(config->trunks[1].tls.verify, CONFIG_SERVER_NAME);
	assert_false(config->trunks[2].has_tls);
	loader_close(&f);
}

static void test_connections(void **state)
{
	(void)state;
	const struct config_connections *c = &load(HEAD "{udp: 192.0.2.1}" TAIL)->connections;
	assert_int_equal(c->count_max, 20000);
	assert_int_equal(c->per_source_max, 1000);
	assert_int_equal(c->buffer_max, 256u << 20);
	assert_int_equal(c->buffer_per_source_max, 8u << 20);
	assert_int_equal(c->connect_ms, 4000);
	assert_int_equal(c->idle_ms, 30 * 60 * 1000);
	loader_close(&f);
	c = &load(HEAD "{udp: 192.0.2.1}" TAIL "connections: {max: 7, buffers: 3GiB, "
		"message_timeout: 2s, idle_timeout: 0s}\n")->connections;
	assert_int_equal(c->count_max, 7);
	assert_int_equal(c->buffer_max, 3u << 30);
	assert_int_equal(c->message_ms, 2000);
	assert_int_equal(c->idle_ms, 0);
	loader_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_origins),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_connections),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
