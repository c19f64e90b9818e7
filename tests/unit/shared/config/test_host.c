// Hosts of a trunk: addresses, names and URIs, and whether the trunk's realm can reach them.
#include "loader.h"

static struct loader_fixture f;

static struct addr addr_of(const char *text)
{
	struct addr addr;
	assert_int_equal(addr_parse(span_str(text), 0, &addr), 0);
	return addr;
}

#define FORMS "expected an address or a name, alone or as in"

static void test_addresses(void **state)
{
	static const struct {
		const char *text, *addr, *message;
	} cases[] = {
		{ "198.51.100.1", "198.51.100.1:5060", NULL },
		{ "198.51.100.1:5080", "198.51.100.1:5080", NULL },
		{ "[2001:db8::1]:5070", "[2001:db8::1]:5070", NULL },
		{ "2001:db8::1", "[2001:db8::1]:5060", NULL },
		{ "127.0.0.1", "127.0.0.1:5060", NULL },
		{ "sip:198.51.100.1", "198.51.100.1:5060", NULL },
		{ "sips:198.51.100.1", "198.51.100.1:5061", NULL },
		{ "sip:[2001:db8::1];transport=tls", "[2001:db8::1]:5061", NULL },
		{ "198.51.100.1:7000;transport=TCP", "198.51.100.1:7000", NULL },
		{ "198.51.100.300", NULL, FORMS },
		{ "2001:db8:::1", NULL, FORMS },
		{ "[2001:db8::1", NULL, FORMS },
		{ "198.51.100.0/24", NULL, FORMS },
		{ "198.51.100.1:0", NULL, FORMS },
		{ "198.51.100.1:65536", NULL, FORMS },
		{ "", NULL, FORMS },
		{ "sip:", NULL, FORMS },
		{ "224.0.0.1", NULL, "expected a unicast IP address" },
		{ "0.0.0.0", NULL, "expected a unicast IP address" },
		{ "[fe80::1]", NULL, "expected a unicast IP address" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct config_trunk trunk = { 0 };
		loader_open(&f);
		expect_message(cases[i].text, take(&f, "trunks.hosts", cases[i].text, &trunk),
			cases[i].message);
		assert_int_equal(trunk.host_count, cases[i].addr ? 1 : 0);
		if (cases[i].addr) {
			struct addr addr = addr_of(cases[i].addr);
			assert_true(addr_eq(&trunk.hosts[0].addr, &addr));
			assert_null(trunk.hosts[0].name);
			assert_string_equal(take(&f, "trunks.hosts", cases[i].text, &trunk),
				"the host stands here twice");
		}
		loader_close(&f);
	}
}

static void test_names(void **state)
{
	static const struct {
		const char *text, *name;
		uint16_t port;
		int transport; // -1 = none given
		bool is_secure;
		const char *message;
	} cases[] = {
		{ "sip.example.com", "sip.example.com", 0, -1, false, NULL },
		{ "sip.example.com.", "sip.example.com", 0, -1, false, NULL },
		{ "pbx", "pbx", 0, -1, false, NULL },
		{ "4u.example", "4u.example", 0, -1, false, NULL },
		{ "sip.example.com:5070", "sip.example.com", 5070, -1, false, NULL },
		{ "SIP:Sip.Example.Com;Transport=Udp", "Sip.Example.Com", 0, CONFIG_UDP, false,
		  NULL },
		{ "sip:a.b:5070;transport=tcp", "a.b", 5070, CONFIG_TCP, false, NULL },
		{ "sips:a.b", "a.b", 0, -1, true, NULL },
		{ "sips:a.b;transport=tcp", "a.b", 0, CONFIG_TLS, true, NULL },
		{ "sips:a.b;transport=udp", NULL, 0, -1, false, "sips: does not go over UDP" },
		{ "a.b;transport=ws", "a.b", 0, CONFIG_WS, false, NULL },
		{ "a.b:8443;transport=WSS", "a.b", 8443, CONFIG_WSS, false, NULL },
		{ "sips:a.b;transport=ws", "a.b", 0, CONFIG_WSS, true, NULL },
		{ "a.b;transport=quic", NULL, 0, -1, false,
		  "expected the transport udp, tcp, tls, ws or wss, found \"quic\"" },
		{ "a.b;transport=", NULL, 0, -1, false, "expected the transport udp, tcp, tls" },
		{ "a.b;lr", NULL, 0, -1, false, "no other parameter, found \"lr\"" },
		{ "a.b;transport=udp;transport=tcp", NULL, 0, -1, false, "once and no other" },
		{ "sip:me@a.b", NULL, 0, -1, false, "expected a host without a user part" },
		{ "a..b", NULL, 0, -1, false, FORMS },
		{ ".", NULL, 0, -1, false, FORMS },
		{ "-a.b", NULL, 0, -1, false, FORMS },
		{ "a-.b", NULL, 0, -1, false, FORMS },
		{ "a.b:", NULL, 0, -1, false, FORMS },
		{ "a.b:0", NULL, 0, -1, false, FORMS },
		{ "a.b:70000", NULL, 0, -1, false, FORMS },
		{ "a b", NULL, 0, -1, false, FORMS },
		{ "a.8", NULL, 0, -1, false, FORMS },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct config_trunk trunk = { 0 };
		const struct config_host *host = &trunk.hosts[0];
		loader_open(&f);
		expect_message(cases[i].text, take(&f, "trunks.hosts", cases[i].text, &trunk),
			cases[i].message);
		assert_int_equal(trunk.host_count, cases[i].name ? 1 : 0);
		if (cases[i].name) {
			assert_string_equal(host->name, cases[i].name);
			assert_int_equal(host->addr.port, cases[i].port);
			assert_int_equal(host->has_transport ? (int)host->transport : -1,
				cases[i].transport);
			assert_int_equal(host->is_secure, cases[i].is_secure);
			assert_string_equal(take(&f, "trunks.hosts", cases[i].text, &trunk),
				"the host stands here twice");
		}
		loader_close(&f);
	}
}

// A label has 63 characters, a name 253.
static void test_long_names(void **state)
{
	char text[300];
	struct config_trunk trunk = { 0 };
	(void)state;
	loader_open(&f);
	memset(text, 'a', sizeof text);
	text[63] = 0;
	assert_null(take(&f, "trunks.hosts", text, &trunk));
	text[63] = 'a';
	text[64] = 0;
	expect_message("label", take(&f, "trunks.hosts", text, &trunk), FORMS);
	for (uint32_t i = 63; i < sizeof text; i += 64)
		text[i] = '.';
	text[64] = 'a';
	text[253] = 0;
	assert_null(take(&f, "trunks.hosts", text, &trunk));
	text[253] = 'a';
	text[254] = 0;
	expect_message("name", take(&f, "trunks.hosts", text, &trunk), FORMS);
	loader_close(&f);
}

// Realm 0 has UDP over IPv4, realm 1 nothing because of its own mistakes, realm 2 TLS over IPv4 and
// UDP over IPv6.
static void open_realms(void)
{
	loader_open(&f);
	f.config.realms[0].name = "access";
	f.config.realms[0].listeners[0].addr = addr_of("192.0.2.1:5060");
	f.config.realms[0].listener_count = 1;
	f.config.realms[1].name = "broken";
	f.config.realms[2].name = "core";
	f.config.realms[2].listeners[0].addr = addr_of("192.0.2.2:5061");
	f.config.realms[2].listeners[0].transport = CONFIG_TLS;
	f.config.realms[2].listeners[1].addr = addr_of("[2001:db8::2]:5060");
	f.config.realms[2].listener_count = 2;
	f.config.realm_count = 3;
}

static void test_reach(void **state)
{
	static const struct {
		uint32_t realm;
		const char *host;
		bool has_match;
		const char *message;
	} cases[] = {
		{ 0, "198.51.100.1:5060", false, NULL },
		{ 0, "192.0.2.1:5061", false, NULL }, // our address, another port
		{ 0, "192.0.2.1:5060", false, "is this node itself: calls would loop" },
		{ 0, "[2001:db8::1]:5060", false,
		  "is IPv6, but the realm 'access' has no such SIP address" },
		{ 1, "[2001:db8::1]:5060", false, NULL }, // what is wrong there is told there
		{ 0, "198.51.100.1;transport=tcp", false,
		  "reached by tcp, but the realm 'access' has no such SIP address" },
		{ 2, "198.51.100.1;transport=tls", false, NULL },
		{ 2, "198.51.100.1", false, NULL }, // by what the realm speaks
		{ 2, "[2001:db8::9];transport=tls", false, "[2001:db8::9]:5061 is reached by tls" },
		{ 0, "sip.example.com", true, NULL },
		{ 0, "sip.example.com", false, "is a name: expected 'match'" },
		{ 0, "sips:sip.example.com", true, "sip.example.com is reached by tls" },
		{ 2, "sips:sip.example.com", true, NULL },
		{ 2, "sip:sip.example.com;transport=tcp", true, "is reached by tcp" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct config_trunk trunk = { .realm = cases[i].realm,
			.match_count = cases[i].has_match };
		struct node node = scalar_of("");
		open_realms();
		assert_null(take(&f, "trunks.hosts", cases[i].host, &trunk));
		config_check_hosts(&f.loader, &node, &trunk);
		expect_message(cases[i].host, f.loader.error_count ? f.errors[0].message : NULL,
			cases[i].message);
		loader_close(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_reach),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
