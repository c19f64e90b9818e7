// Which listener reaches whom.
#include "call/core_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct addr addr_of(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(span_str(text), 5060, &addr), 0);
	return addr;
}

// Realm 0: UDP on both families, TCP and TLS on IPv4, WS on IPv6. Realm 1: TLS alone, behind NATs.
static void make_config(struct config *config)
{
	static const struct {
		uint32_t realm;
		enum config_transport transport;
		const char *addr;
	} rows[] = {
		{ 0, CONFIG_TCP, "10.0.0.1" },
		{ 0, CONFIG_UDP, "[2001:db8::1]" },
		{ 0, CONFIG_UDP, "10.0.0.1" },
		{ 0, CONFIG_TLS, "10.0.0.1:5061" },
		{ 0, CONFIG_WS, "[2001:db8::1]:80" },
		{ 1, CONFIG_TLS, "10.1.0.1:5061" },
		{ 1, CONFIG_TCP, "10.1.0.1" },
	};

	config->realm_count = 2;
	config->realms[0].latching = CONFIG_LATCH_STRICT;
	config->realms[1].latching = CONFIG_LATCH_ONCE;
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config_realm *realm = &config->realms[rows[i].realm];

		realm->listeners[realm->listener_count++] = (struct config_listener){
			.transport = rows[i].transport, .addr = addr_of(rows[i].addr) };
	}
}

static struct config config;

static int setup(void **state)
{
	(void)state;
	config = (struct config){ 0 };
	make_config(&config);
	return 0;
}

static void local(void **state)
{
	struct addr tls = addr_of("10.0.0.1:5061");

	(void)state;
	struct sip_local at = listener_local(&config, listener_make(0, 3));
	assert_int_equal(at.transport, SIP_TRANSPORT_TLS);
	assert_true(addr_eq(&at.sent_by, &tls));
	// What the configuration does not have is no reason to read beyond it.
	at = listener_local(&config, listener_make(0, 5));
	assert_true(ip_is_unset(&at.sent_by.ip));
	at = listener_local(&config, listener_make(70, 0));
	assert_true(ip_is_unset(&at.sent_by.ip));
}

static void stream(void **state)
{
	struct sip_hop hop = { .listener = listener_make(0, 2), .addr = addr_of("10.9.9.9") };
	listener_id found;

	(void)state;
	assert_true(listener_find_stream(&config, &hop, &found));
	assert_int_equal(found, listener_make(0, 0));
	hop.addr = addr_of("[2001:db8::9]"); // no TCP on that family
	assert_false(listener_find_stream(&config, &hop, &found));
	hop = (struct sip_hop){ .listener = listener_make(1, 1), .addr = addr_of("10.9.9.9") };
	assert_false(listener_find_stream(&config, &hop, &found)); // behind a NAT
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(local, setup),
		cmocka_unit_test_setup(stream, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
