// walk.c - holds a document against the tables: unknown, double and missing keys, types, defaults.
#include "config/schema.h"

#include "config/value.h"

#include <inttypes.h>

static bool count_is_right(struct config_loader *loader, const struct node *node,
	const struct config_item *item)
{
	if (node->count >= item->min && node->count <= item->max)
		return true;
	config_fail(loader, node, "expected %" PRIu64 "..%" PRIu64 " entries, found %u", item->min,
		item->max, node->count);
	return false;
}

static void take_list(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	uint32_t index = 0;
	if (node->kind == NODE_SCALAR) {
		item->value(loader, node, item, target);
		return;
	}
	if (node->kind != NODE_LIST) {
		config_fail_expected(loader, node, "a list");
		return;
	}
	if (!count_is_right(loader, node, item))
		return;
	for (const struct node *child = node->first; child; child = child->next) {
		uint32_t before = config_path_push_index(loader, index++);
		item->value(loader, child, item, target);
		config_path_pop(loader, before);
	}
}

// One element of a NAMED or MAP_LIST.
static void take_element(struct config_loader *loader, const struct node *node,
	const struct config_item *item, uint32_t siblings)
{
	if (node->kind != NODE_MAP) {
		config_fail_expected(loader, node, "a map of keys");
		return;
	}
	void *target = item->begin(loader, node, siblings);
	if (!target)
		return;
	uint32_t errors = loader->error_count;
	config_walk_map(loader, node, item->items, target);
	// Checks across keys would only repeat what is known to be wrong.
	if (item->finish && loader->error_count == errors)
		item->finish(loader, node, target);
}

static bool is_repeated(const struct node *map, const struct node *child)
{
	return node_child(map, child->key->text) != child;
}

static void take_named(struct config_loader *loader, const struct node *node,
	const struct config_item *item)
{
	if (node->kind != NODE_MAP) {
		config_fail_expected(loader, node, "a map of names");
		return;
	}
	if (!count_is_right(loader, node, item))
		return;
	for (const struct node *child = node->first; child; child = child->next) {
		uint32_t before = config_path_push(loader, child->key->text);
		if (is_repeated(node, child))
			config_fail(loader, child->key, "the name stands here twice");
		else if (!value_is_name(child->key->text))
			config_fail_expected(loader, child->key,
				"a name of 1..31 letters, digits, - and _");
		else
			take_element(loader, child, item, node->count);
		config_path_pop(loader, before);
	}
}

static void take_map_list(struct config_loader *loader, const struct node *node,
	const struct config_item *item)
{
	uint32_t index = 0;
	if (node->kind != NODE_LIST) {
		config_fail_expected(loader, node, "a list");
		return;
	}
	if (!count_is_right(loader, node, item))
		return;
	for (const struct node *child = node->first; child; child = child->next) {
		uint32_t before = config_path_push_index(loader, index++);
		take_element(loader, child, item, node->count);
		config_path_pop(loader, before);
	}
}

static void take_map(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	uint32_t errors = loader->error_count;

	config_walk_map(loader, node, item->items, target);
	if (item->finish && loader->error_count == errors)
		item->finish(loader, node, target);
}

static void take_item(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	switch (item->type) {
	case CONFIG_TYPE_BOOL:
	case CONFIG_TYPE_UINT:
	case CONFIG_TYPE_DURATION:
	case CONFIG_TYPE_CHOICE:
	case CONFIG_TYPE_TEXT:
	case CONFIG_TYPE_SECRET:
		config_take_scalar(loader, node, item, target);
		break;
	case CONFIG_TYPE_VALUE:
		item->value(loader, node, item, target);
		break;
	case CONFIG_TYPE_LIST:
		take_list(loader, node, item, target);
		break;
	case CONFIG_TYPE_MAP:
		take_map(loader, node, item, target);
		break;
	case CONFIG_TYPE_NAMED:
		take_named(loader, node, item);
		break;
	case CONFIG_TYPE_MAP_LIST:
		take_map_list(loader, node, item);
		break;
	case CONFIG_TYPE_LATER:
		config_fail(loader, node->key, "%s '%s' is not available in this version",
			loader->path_len == strlen(item->key) ? "section" : "key", item->key);
		break;
	}
}

static const struct config_item *find_item(const struct config_item *items, struct span key)
{
	for (; items->key; items++) {
		if (span_eq(key, span_str(items->key)))
			return items;
	}
	return NULL;
}

static void fail_unknown(struct config_loader *loader, const struct node *key,
	const struct config_item *items)
{
	struct suggest suggest;
	char known[200] = "";
	suggest_init(&suggest, key->text);
	for (; items->key; items++) {
		if (items->type == CONFIG_TYPE_LATER)
			continue;
		suggest_offer(&suggest, span_str(items->key));
		size_t len = strlen(known);
		snprintf(known + len, sizeof known - len, "%s%s", len ? ", " : "", items->key);
	}
	if (suggest.best.len > 0)
		config_fail(loader, key, "unknown key, did you mean '" SPAN_FMT "'?",
			SPAN_ARG(suggest.best));
	else
		config_fail(loader, key, "unknown key, expected one of: %s", known);
}

static void refuse_strangers(struct config_loader *loader, const struct node *map,
	const struct config_item *items)
{
	for (const struct node *child = map->first; child; child = child->next) {
		uint32_t before = config_path_push(loader, child->key->text);
		if (is_repeated(map, child))
			config_fail(loader, child->key, "the key stands here twice");
		else if (!find_item(items, child->key->text))
			fail_unknown(loader, child->key, items);
		config_path_pop(loader, before);
	}
}

// A key that is not in the file: its default, or the defaults below it, marked with the map's
// place.
static void take_missing(struct config_loader *loader, const struct node *map,
	const struct config_item *item, void *target)
{
	struct node node = { .line = map->line, .column = map->column, .is_plain = true };
	if (item->is_required) {
		config_fail(loader, map, "the key '%s' is missing", item->key);
	} else if (item->fallback) {
		node.kind = NODE_SCALAR;
		node.text = span_str(item->fallback);
		take_item(loader, &node, item, target);
	} else if (item->type == CONFIG_TYPE_MAP) {
		node.kind = NODE_MAP;
		take_item(loader, &node, item, target);
	}
}

void config_walk_map(struct config_loader *loader, const struct node *map,
	const struct config_item *items, void *target)
{
	if (map->kind != NODE_MAP) {
		config_fail_expected(loader, map, "a map of keys");
		return;
	}
	refuse_strangers(loader, map, items);
	for (const struct config_item *item = items; item->key; item++) {
		uint32_t before = config_path_push(loader, span_str(item->key));
		const struct node *node = node_child(map, span_str(item->key));
		if (node && !node_is_null(node))
			take_item(loader, node, item, target);
		else
			take_missing(loader, map, item, target);
		config_path_pop(loader, before);
	}
}
