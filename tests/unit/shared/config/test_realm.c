// Section realms: single values, then what realms may not do to each other.
#include "loader.h"

static struct loader_fixture f;

static void test_values(void **state)
{
	static const struct {
		const char *path, *text, *message;
		uint32_t value; // of the field that the path names
	} cases[] = {
		{ "realms.vlan", "0", NULL, 0 },
		{ "realms.vlan", "4094", NULL, 4094 },
		{ "realms.vlan", "4095", "expected a VLAN number 1..4094", 0 },
		{ "realms.vlan", "x", "expected a VLAN number 1..4094", 0 },
		{ "realms.media.dscp", "EF", NULL, 46 },
		{ "realms.media.dscp", "63", NULL, 63 },
		{ "realms.media.dscp", "64", "expected a DSCP 0..63", 0 },
		{ "realms.media.device", "eth", NULL, 1 },
		{ "realms.media.device", "et", "no such device: \"et\", did you mean 'eth'?", 0 },
		{ "realms.media.ports", "20000-20255", NULL, 20000 },
		{ "realms.media.ports", "1024-65535", NULL, 1024 },
		{ "realms.media.ports", "1022-3000", "expected ports from 1024 on", 1022 },
		{ "realms.media.ports", "2001-3000", "expected an even first port", 2001 },
		{ "realms.media.ports", "2000-2000", "expected two ports at least", 2000 },
		{ "realms.media.ports", "3000-2000", "expected a port range", 0 },
		{ "realms.media.ports", "2000", "expected a port range", 0 },
		{ "realms.media.ports", "2000-70000", "expected a port range", 0 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct config_realm realm = { 0 };
		loader_open(&f);
		f.config.workers = 1;
		f.config.devices[0].name = "mgmt";
		f.config.devices[1].name = "eth";
		f.config.device_count = 2;
		const char *path = cases[i].path;
		expect_message(cases[i].text, take(&f, path, cases[i].text, &realm),
			cases[i].message);
		uint32_t value = strstr(path, "vlan") ? realm.vlan
			: strstr(path, "dscp")        ? realm.dscp
			: strstr(path, "device")      ? (uint32_t)realm.device
						      : realm.port_min;
		assert_int_equal(value, cases[i].value);
		loader_close(&f);
	}
}

// A worker owns ports in blocks of 256: less than one each, and some workers have none.
static void test_ports_are_enough_for_the_workers(void **state)
{
	static const struct {
		uint32_t workers;
		const char *ports;
		bool is_good;
	} cases[] = {
		{ 1, "2048-2049", true },
		{ 2, "2048-2303", false },
		{ 2, "2048-2304", true }, // into the second block
		{ 64, "2048-18431", true },
		{ 64, "2048-18175", false },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct config_realm realm = { 0 };
		loader_open(&f);
		f.config.workers = cases[i].workers;
		expect_message(cases[i].ports,
			take(&f, "realms.media.ports", cases[i].ports, &realm),
			cases[i].is_good ? NULL : "one for each worker");
		loader_close(&f);
	}
}

#define SIP(address)   "sip: [{udp: " address "}]"
#define MEDIA(address) "media: {addresses: [" address "], ports: 20000-29999}"

static void test_realms(void **state)
{
	static const struct {
		const char *text, *key, *message;
	} cases[] = {
		{ "{a: {" SIP("192.0.2.1") ", " MEDIA("192.0.2.1") "}}", NULL, NULL },
		{ "{a: {" SIP("'[2001:db8::1]'") ", " MEDIA("'2001:db8::1'") "}}", NULL, NULL },
		{ "{a: {" SIP("127.0.0.1") ", " MEDIA("127.0.0.1") "}}", NULL, NULL },
		{ "{a: {" SIP("0.0.0.0") ", " MEDIA("192.0.2.1") "}}", "realms.a.sip[0].udp",
		  "expected a unicast IP address" },
		{ "{a: {" SIP("192.0.2.1") ", " MEDIA("224.0.0.1") "}}",
		  "realms.a.media.addresses[0]", "expected a unicast IP address" },
		{ "{a: {" SIP("192.0.2.1") ", " MEDIA("'fe80::1'") "}}",
		  "realms.a.media.addresses[0]", "expected a unicast IP address" },
		{ "{a: {" SIP("192.0.2.1") ", " MEDIA("192.0.2.x") "}}",
		  "realms.a.media.addresses[0]", "expected a local IP address" },
		{ "{a: {" SIP("192.0.2.1") ", " MEDIA("192.0.2.1, 192.0.2.1") "}}",
		  "realms.a.media.addresses[1]", "already owned by the realm 'a'" },
		{ "{a: {sip: [{}], " MEDIA("192.0.2.1") "}}", "realms.a.sip[0]",
		  "expected a transport" },
		{ "{a: {" SIP("'[2001:db8::1]'") ", " MEDIA("192.0.2.1") "}}", "realms.a",
		  "an IPv6 SIP address but no IPv6 media address" },
		{ "{a: {" SIP("192.0.2.1:20000") ", " MEDIA("192.0.2.1") "}}", "realms.a",
		  "192.0.2.1:20000 lies in the media ports of 'a'" },
		{ "{a: {" SIP("192.0.2.1:29999") ", " MEDIA("192.0.2.1") "}}", "realms.a",
		  "192.0.2.1:29999 lies in the media ports of 'a'" },
		{ "{a: {" SIP("192.0.2.1:30000") ", " MEDIA("192.0.2.1") "}}", NULL, NULL },
		{ "{a: {" SIP("192.0.2.1:20000") ", " MEDIA("192.0.2.2") "}}", NULL, NULL },
		// The same between realms, whichever stands first.
		{ "{a: {" SIP("192.0.2.9:20000") ", " MEDIA("192.0.2.1") "}, b: {"
		  SIP("192.0.2.2") ", " MEDIA("192.0.2.9") "}}", "realms.b",
		  "192.0.2.9:20000 lies in the media ports of 'b'" },
		{ "{a: {" SIP("192.0.2.1") ", " MEDIA("192.0.2.9") "}, b: {"
		  SIP("192.0.2.9:20000") ", " MEDIA("192.0.2.2") "}}", "realms.b",
		  "192.0.2.9:20000 lies in the media ports of 'a'" },
		{ "{a: {" SIP("192.0.2.1") ", " MEDIA("192.0.2.1") "}, b: {"
		  SIP("192.0.2.1") ", " MEDIA("192.0.2.2") "}}", "realms.b.sip[0].udp",
		  "already owned by the realm 'a'" },
		{ "{a: {" SIP("192.0.2.1") ", " MEDIA("192.0.2.1") "}, b: {"
		  SIP("192.0.2.2") ", " MEDIA("192.0.2.1") "}}", "realms.b.media.addresses[0]",
		  "already owned by the realm 'a'" },
		// Overlapping networks are kept apart by their VLAN.
		{ "{a: {vlan: 7, " SIP("192.0.2.1") ", " MEDIA("192.0.2.1") "}, b: {"
		  SIP("192.0.2.2") ", media: {addresses: [192.0.2.1, 192.0.2.2]}}}", NULL, NULL },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char text[400];
		struct config_loader *loader = loader_open(&f);
		f.config.workers = 1;
		snprintf(text, sizeof text, "{version: 1, realms: %s}", cases[i].text);
		config_walk_map(loader, yaml_of(&f, text), config_schema, &f.config);
		expect_message(text, loader->error_count ? f.errors[0].message : NULL,
			cases[i].message);
		if (cases[i].key)
			assert_string_equal(f.errors[0].key, cases[i].key);
		loader_close(&f);
	}
}

static void test_advertise(void **state)
{
	static const struct {
		const char *media, *advertise, *message;
	} cases[] = {
		{ "192.0.2.1", "198.51.100.1", NULL },
		{ "2001:db8::1", "2001:db8::2", NULL },
		{ "192.0.2.1", "2001:db8::2", "the realm has no IPv6 media address" },
		{ "2001:db8::1", "198.51.100.1", "the realm has no IPv4 media address" },
		{ "192.0.2.1", "sbc.example.com", "expected an IP address" },
		{ "192.0.2.1", "255.255.255.255", "expected a unicast IP address" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct config_realm realm = { .media_count = 1 };
		loader_open(&f);
		assert_int_equal(ip_parse(span_str(cases[i].media), &realm.media[0]), 0);
		expect_message(cases[i].advertise,
			take(&f, "realms.media.advertise", cases[i].advertise, &realm),
			cases[i].message);
		assert_int_equal(ip_is_unset(&realm.advertise), cases[i].message != NULL);
		loader_close(&f);
	}
}

static void test_devices_and_vlans(void **state)
{
	static const struct {
		uint32_t devices;
		int device;
		uint16_t vlan;
		enum config_port_kind kind;
		const char *message;
	} cases[] = {
		{ 0, -1, 5, CONFIG_PORT_XDP, NULL },
		{ 1, 0, 5, CONFIG_PORT_XDP, NULL },
		{ 2, 1, 0, CONFIG_PORT_PACKET, NULL },
		{ 2, -1, 0, CONFIG_PORT_XDP, "expected 'media.device', because there are 2" },
		{ 1, 0, 5, CONFIG_PORT_PACKET, "'vlan' does not go with a device of kind packet" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct config_loader *loader = loader_open(&f);
		struct node node = scalar_of("");
		f.config.device_count = cases[i].devices;
		f.config.devices[0].kind = f.config.devices[1].kind = cases[i].kind;
		struct config_realm *realm = &f.config.realms[f.config.realm_count++];
		realm->device = cases[i].device;
		realm->vlan = cases[i].vlan;
		config_finish_realm(loader, &node, realm);
		expect_message("realm", loader->error_count ? f.errors[0].message : NULL,
			cases[i].message);
		loader_close(&f);
	}
}

// The shared segment has room for 64 addresses over all realms.
static void test_addresses_of_all_realms_are_bounded(void **state)
{
	char text[40];
	(void)state;
	loader_open(&f);
	f.config.realm_count = 5;
	for (uint32_t i = 0; i < 65; i++) {
		struct config_realm *realm = &f.config.realms[i / 16];
		realm->name = "r";
		snprintf(text, sizeof text, "192.0.2.%u", i + 1);
		expect_message(text, take(&f, "realms.media.addresses", text, realm),
			i < 64 ? NULL : "expected 64 media addresses at most in all realms");
	}
	assert_int_equal(config_media_address_count(&f.config), 64);
	loader_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_ports_are_enough_for_the_workers),
		cmocka_unit_test(test_realms),
		cmocka_unit_test(test_advertise),
		cmocka_unit_test(test_devices_and_vlans),
		cmocka_unit_test(test_addresses_of_all_realms_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
