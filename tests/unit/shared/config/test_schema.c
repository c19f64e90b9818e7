// The table against itself: what walk.c leans on holds for every item.
#include "loader.h"

static struct loader_fixture f;

typedef void item_check_fn(const struct config_item *item, const char *path);

static void each_item(const struct config_item *items, const char *prefix, item_check_fn *check)
{
	char path[160];
	for (const struct config_item *item = items; item->key; item++) {
		int len = snprintf(path, sizeof path, "%s%s%s", prefix, prefix[0] ? "." : "",
			item->key);
		assert_in_range(len, 1, sizeof path - 1);
		check(item, path);
		if (item->items)
			each_item(item->items, path, check);
	}
}

static bool is_one_of(enum config_type type, const enum config_type *types, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (types[i] == type)
			return true;
	}
	return false;
}

#define IS_ONE_OF(type, ...)                                                                       \
	is_one_of(type, (const enum config_type[]){ __VA_ARGS__ },                                 \
		COUNT_OF(((const enum config_type[]){ __VA_ARGS__ })))

static void check_parts(const struct config_item *item, const char *path)
{
	bool is_later = item->type == CONFIG_TYPE_LATER;
	bool has_items = IS_ONE_OF(
		item->type, CONFIG_TYPE_MAP, CONFIG_TYPE_NAMED, CONFIG_TYPE_MAP_LIST);
	bool has_begin = IS_ONE_OF(item->type, CONFIG_TYPE_NAMED, CONFIG_TYPE_MAP_LIST);
	bool has_value = IS_ONE_OF(item->type, CONFIG_TYPE_VALUE, CONFIG_TYPE_LIST);
	if (!is_later != (item->help != NULL))
		fail_msg("%s: help", path);
	if (has_items != (item->items != NULL))
		fail_msg("%s: items", path);
	if (has_begin != (item->begin != NULL))
		fail_msg("%s: begin", path);
	if (has_value != (item->value != NULL))
		fail_msg("%s: value", path);
	if ((item->type == CONFIG_TYPE_CHOICE) != (item->choices != NULL))
		fail_msg("%s: choices", path);
	if (item->min > item->max)
		fail_msg("%s: range", path);
	if (item->is_required && item->fallback)
		fail_msg("%s: required, with a default", path);
	if (IS_ONE_OF(item->type, CONFIG_TYPE_UINT, CONFIG_TYPE_DURATION, CONFIG_TYPE_TEXT,
		    CONFIG_TYPE_SECRET, CONFIG_TYPE_LIST, CONFIG_TYPE_NAMED,
		    CONFIG_TYPE_MAP_LIST) &&
		item->max == 0)
		fail_msg("%s: no maximum", path);
}

static void test_parts(void **state)
{
	(void)state;
	each_item(config_schema, "", check_parts);
}

static void check_key(const struct config_item *item, const char *path)
{
	for (const struct config_item *later = item + 1; later->key; later++) {
		if (strcmp(item->key, later->key) == 0)
			fail_msg("%s stands there twice", path);
	}
	for (const char *c = item->key; *c; c++) {
		if (!(*c >= 'a' && *c <= 'z') && !(*c >= '0' && *c <= '9') && *c != '_')
			fail_msg("%s is no key", path);
	}
}

static void test_keys(void **state)
{
	(void)state;
	each_item(config_schema, "", check_key);
}

// A default passes its own check, alone.
static void check_fallback(const struct config_item *item, const char *path)
{
	static union {
		struct config_realm realm;
		struct config_trunk trunk;
		struct config_route route;
		struct config config;
	} target;
	if (!item->fallback)
		return;
	loader_open(&f);
	memset(&target, 0, sizeof target);
	struct node node = scalar_of(item->fallback);
	node.key = NULL;
	f.config.workers = 1;
	if (item->value)
		item->value(&f.loader, &node, item, &target);
	else
		config_take_scalar(&f.loader, &node, item, &target);
	if (f.loader.error_count)
		fail_msg("%s: default %s: %s", path, item->fallback, f.errors[0].message);
	loader_close(&f);
}

static void test_fallbacks(void **state)
{
	(void)state;
	each_item(config_schema, "", check_fallback);
}

// Who names something stands behind it: the walk goes by the table.
static void test_order(void **state)
{
	static const char *const order[] = { "dataplane", "node", "realms", "trunks", "routes" };
	const struct config_item *before = config_schema;
	(void)state;
	assert_string_equal(config_schema[0].key, "version");
	for (size_t i = 0; i < COUNT_OF(order); i++) {
		assert_true(item_at(order[i]) > before);
		before = item_at(order[i]);
	}
	// The same inside a realm: whether an address is free depends on device and VLAN.
	assert_true(item_at("realms.vlan") < item_at("realms.media"));
	assert_true(item_at("realms.media") < item_at("realms.sip"));
	assert_true(item_at("realms.media.device") < item_at("realms.media.addresses"));
	assert_true(item_at("realms.media.addresses") < item_at("realms.media.advertise"));
	assert_true(item_at("trunks.realm") < item_at("trunks.match"));
	assert_true(item_at("dataplane.hugepages") < item_at("dataplane.memory"));
}

static void test_limits_fit_the_structs(void **state)
{
	static const struct {
		const char *path;
		uint64_t max;
	} cases[] = {
		{ "realms", CONFIG_REALMS_MAX },
		{ "realms.sip", CONFIG_LISTENERS_MAX },
		{ "realms.media.addresses", CONFIG_MEDIA_MAX },
		{ "dataplane.devices", CONFIG_DEVICES_MAX },
		{ "dataplane.cores", COUNT_OF(((struct config_dataplane *)0)->cores) },
		{ "trunks", CONFIG_TRUNKS_MAX },
		{ "trunks.hosts", CONFIG_HOSTS_MAX },
		{ "trunks.match.ip", CONFIG_MATCH_MAX },
		{ "node.dns.servers", CONFIG_DNS_MAX },
		{ "routes", CONFIG_ROUTES_MAX },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(item_at(cases[i].path)->max, cases[i].max);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_fallbacks),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_limits_fit_the_structs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
