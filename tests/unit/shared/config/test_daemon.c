// Sections version, node and dataplane: each value at its limits.
#include "loader.h"

static struct loader_fixture f;

static void test_version(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "1", NULL },
		{ "2", "expected 1, found \"2\"" },
		{ "01", "expected 1" },
		{ "1.0", "expected 1" },
		{ "", "expected 1" },
	};
	(void)state;
	loader_open(&f);
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		expect_message(cases[i].text, take(&f, "version", cases[i].text, &f.config),
			cases[i].message);
	loader_close(&f);
}

static void test_workers(void **state)
{
	static const struct {
		const char *text;
		uint32_t workers;
		bool is_good;
	} cases[] = {
		{ "1", 1, true },     { "64", 64, true },   { "0", 77, false },
		{ "65", 77, false },  { "-1", 77, false },  { "many", 77, false },
		{ "Auto", 77, false },
	};
	(void)state;
	loader_open(&f);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		f.config.workers = 77;
		expect_message(cases[i].text, take(&f, "node.workers", cases[i].text, &f.config),
			cases[i].is_good ? NULL : "expected auto or a number 1..64");
		assert_int_equal(f.config.workers, cases[i].workers);
	}
	// However many lanes there are, one worker remains; however few, eight are enough.
	f.config.dataplane.lanes = 100000;
	assert_null(take(&f, "node.workers", "auto", &f.config));
	assert_int_equal(f.config.workers, 1);
	f.config.dataplane.lanes = 0;
	assert_null(take(&f, "node.workers", "auto", &f.config));
	assert_in_range(f.config.workers, 1, 8);
	loader_close(&f);
}

static void test_log_format(void **state)
{
	(void)state;
	loader_open(&f);
	assert_null(take(&f, "node.log.format", "json", &f.config));
	assert_true(f.config.is_log_json);
	assert_null(take(&f, "node.log.format", "text", &f.config));
	assert_false(f.config.is_log_json);
	expect_message("xml", take(&f, "node.log.format", "xml", &f.config), "text or json");
	loader_close(&f);
}

static void test_cores(void **state)
{
	static const struct {
		const char *text;
		uint32_t lanes, last;
		const char *message;
	} cases[] = {
		{ "0", 1, 0, NULL },
		{ "1023", 1, 1023, NULL },
		{ "1,2,4", 3, 4, NULL },
		{ "1, 4-5", 3, 5, NULL },
		{ "0-15", 16, 15, NULL },
		{ "0-16", 16, 15, "expected 16 CPUs at most" },
		{ "3,3", 1, 3, "CPU 3 stands here twice" },
		{ "2-4,3", 3, 4, "CPU 3 stands here twice" },
		{ "5-4", 0, 0, "expected auto, or CPU numbers" },
		{ "1024", 0, 0, "expected auto, or CPU numbers" },
		{ "1,", 0, 0, "expected auto, or CPU numbers" },
		{ ",1", 0, 0, "expected auto, or CPU numbers" },
		{ "", 0, 0, "expected auto, or CPU numbers" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		loader_open(&f);
		const struct config_dataplane *dataplane = &f.config.dataplane;
		expect_message(cases[i].text,
			take(&f, "dataplane.cores", cases[i].text, &f.config), cases[i].message);
		assert_int_equal(dataplane->lanes, cases[i].lanes);
		if (cases[i].lanes)
			assert_int_equal(dataplane->cores[cases[i].lanes - 1], cases[i].last);
		loader_close(&f);
	}
	loader_open(&f);
	assert_null(take(&f, "dataplane.cores", "auto", &f.config));
	assert_int_equal(f.config.dataplane.lanes, 1);
	loader_close(&f);
}

static void test_memory(void **state)
{
	static const struct {
		const char *hugepages, *memory; // NULL = the default
		bool is_hugepages;
		uint32_t memory_mb;
		const char *message;
	} cases[] = {
		{ "true", NULL, true, 512, NULL },
		{ "false", NULL, false, 512, NULL },
		{ "true", "64MiB", true, 64, NULL },
		{ "true", "1024GiB", true, 1u << 20, NULL },
		{ "true", "63MiB", true, 0, "expected a memory size 64MiB..1024GiB" },
		{ "true", "1025GiB", true, 0, "expected a memory size 64MiB..1024GiB" },
		{ "2GiB", NULL, true, 2048, NULL },
		{ "2GiB", "1GiB", true, 2048, "the size is already given by 'hugepages'" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		loader_open(&f);
		const struct config_item *item = item_at("dataplane.memory");
		struct node key = scalar_of("memory");
		struct node node = scalar_of(cases[i].memory ? cases[i].memory : item->fallback);
		node.key = cases[i].memory ? &key : NULL;
		assert_null(take(&f, "dataplane.hugepages", cases[i].hugepages, &f.config));
		item->value(&f.loader, &node, item, &f.config);
		expect_message(cases[i].hugepages,
			f.loader.error_count ? f.errors[0].message : NULL, cases[i].message);
		assert_int_equal(f.config.dataplane.is_hugepages, cases[i].is_hugepages);
		assert_int_equal(f.config.dataplane.memory_mb, cases[i].memory_mb);
		loader_close(&f);
	}
	loader_open(&f);
	expect_message("hugepages", take(&f, "dataplane.hugepages", "1MiB", &f.config),
		"expected true, false or a memory size");
	loader_close(&f);
}

static void test_devices(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "{a: {kind: xdp, interface: eth0}}", NULL },
		{ "{a: {kind: memif, interface: /run/m.sock}}", NULL },
		{ "{a: {kind: 'null'}, b: {kind: ring}}", NULL },
		{ "{a: {kind: xdp, interface: eth0}, b: {kind: packet, interface: eth1}}", NULL },
		{ "{a: {kind: packet}}", "expected 'interface' with the name" },
		{ "{a: {kind: xdp, interface: a-name-of-16-byt}}", "with the name" },
		{ "{a: {kind: xdp, interface: 'eth/0'}}", "with the name" },
		{ "{a: {kind: memif, interface: run/m.sock}}", "absolute path" },
		{ "{a: {kind: memif}}", "absolute path" },
		{ "{a: {kind: ring, interface: eth0}}", "means nothing" },
		{ "{a: {kind: xdp, interface: eth0}, b: {kind: packet, interface: eth0}}",
		  "the interface 'eth0' belongs to the device 'a'" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char text[200];
		struct config_loader *loader = loader_open(&f);
		snprintf(text, sizeof text, "{devices: %s}", cases[i].text);
		config_walk_map(loader, yaml_of(&f, text), item_at("dataplane")->items, &f.config);
		expect_message(text, loader->error_count ? f.errors[0].message : NULL,
			cases[i].message);
		assert_string_equal(f.config.devices[0].name, "a");
		loader_close(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_workers),
		cmocka_unit_test(test_log_format),
		cmocka_unit_test(test_cores),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_devices),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
