// print.c - the schema as text, for `muga config schema` and the manual page.
#include "config/schema.h"

#include <inttypes.h>

static const char *type_name(const struct config_item *item)
{
	switch (item->type) {
	case CONFIG_TYPE_BOOL:
		return "true or false";
	case CONFIG_TYPE_TEXT:
		return "text";
	case CONFIG_TYPE_SECRET:
		return "secret or file:PATH";
	case CONFIG_TYPE_MAP:
	case CONFIG_TYPE_NAMED:
		return "map";
	case CONFIG_TYPE_LIST:
	case CONFIG_TYPE_MAP_LIST:
		return "list";
	default:
		return "value";
	}
}

static void print_choices(FILE *out, const char *const *choices)
{
	for (uint32_t i = 0; choices[i]; i++)
		fprintf(out, "%s%s", i ? " | " : "", choices[i]);
}

static void print_type(FILE *out, const struct config_item *item)
{
	if (item->type == CONFIG_TYPE_CHOICE)
		print_choices(out, item->choices);
	else if (item->type == CONFIG_TYPE_UINT)
		fprintf(out, "%" PRIu64 "..%" PRIu64, item->min, item->max);
	else if (item->type == CONFIG_TYPE_DURATION)
		fprintf(out, "%" PRIu64 "s..%" PRIu64 "s", item->min / 1000, item->max / 1000);
	else if (item->type == CONFIG_TYPE_LIST && item->expected)
		fprintf(out, "list of: %s", item->expected);
	else if (item->expected)
		fputs(item->expected, out);
	else
		fputs(type_name(item), out);
}

static void print_items(FILE *out, const struct config_item *items, const char *prefix)
{
	char key[128];
	for (const struct config_item *item = items; item->key; item++) {
		if (item->type == CONFIG_TYPE_LATER)
			continue;
		bool is_named = item->type == CONFIG_TYPE_NAMED;
		bool is_map_list = item->type == CONFIG_TYPE_MAP_LIST;
		fprintf(out, "%s%s\n\t%s\n\t", prefix, item->key, item->help);
		print_type(out, item);
		if (item->is_required)
			fputs("; required", out);
		else if (item->fallback)
			fprintf(out, "; default %s", item->fallback);
		if (!item->items)
			fprintf(out, "; %s", item->is_live ? "live" : "restart");
		fputc('\n', out);
		snprintf(key, sizeof key, "%s%s%s.", prefix, item->key,
			is_named ? ".NAME" : is_map_list ? "[]" : "");
		if (item->items)
			print_items(out, item->items, key);
	}
}

void config_print_schema(FILE *out)
{
	print_items(out, config_schema, "");
}
