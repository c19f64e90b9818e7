// scalar.c - single values by the type that the table gives them.
#include "config/schema.h"

#include "base/check.h"
#include "config/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

const char *config_copy(struct config_loader *loader, const struct node *node, struct span text)
{
	char *copy = arena_alloc(loader->arena, (size_t)text.len + 1);
	if (!copy || span_copy(text, copy, text.len + 1) != 0) {
		config_fail(loader, node, "the configuration is too large");
		return NULL;
	}
	return copy;
}

// Replaces one ${NAME} whose name starts at `text`. Returns bytes of `text` used, 0 after an error.
static uint32_t expand_one(struct config_loader *loader, const struct node *node, struct span text,
	struct span *value)
{
	char name[128];
	int32_t end = span_find(text, '}', 0);
	if (end <= 0 || span_copy(span_sub(text, 0, (uint32_t)end), name, sizeof name) != 0) {
		config_fail(loader, node, "expected a variable like ${NAME}, its } is missing");
		return 0;
	}
	const char *found = getenv(name);
	if (!found) {
		config_fail(loader, node, "environment variable '%s' is not set", name);
		return 0;
	}
	*value = span_str(found);
	return (uint32_t)end + 1;
}

static bool expand(struct config_loader *loader, const struct node *node, struct span *out)
{
	char buf[4096];
	uint32_t len = 0;
	struct span rest = node->text;
	while (rest.len > 0) {
		struct span piece = span_sub(rest, 0, 1);
		uint32_t used = 1;
		if (span_starts(rest, SPAN_LIT("${"))) {
			used = expand_one(loader, node, span_sub(rest, 2, rest.len), &piece);
			if (used == 0)
				return false;
			used += 2;
		}
		if (piece.len > sizeof buf - len) {
			config_fail(loader, node, "the value is too long");
			return false;
		}
		if (piece.len > 0)
			memcpy(buf + len, piece.ptr, piece.len);
		len += piece.len;
		rest = span_sub(rest, used, rest.len);
	}
	const char *copy = config_copy(loader, node, span_make(buf, len));
	*out = span_make(copy, len);
	return copy != NULL;
}

bool config_scalar(struct config_loader *loader, const struct node *node, struct span *out)
{
	if (node->kind != NODE_SCALAR) {
		config_fail_expected(loader, node, "a single value");
		return false;
	}
	for (uint32_t i = 0; i + 1 < node->text.len; i++) {
		if (node->text.ptr[i] == '$' && node->text.ptr[i + 1] == '{')
			return expand(loader, node, out);
	}
	*out = node->text;
	return true;
}

static void take_bool(struct config_loader *loader, const struct node *node, void *field)
{
	struct span text;
	if (!config_scalar(loader, node, &text))
		return;
	if (value_parse_bool(text, field) != 0)
		config_fail_expected(loader, node, "true or false");
}

static void take_uint(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *field)
{
	struct span text;
	char what[64];
	uint64_t number;
	if (!config_scalar(loader, node, &text))
		return;
	if (span_parse_u64(text, item->max, &number) != 0 || number < item->min) {
		snprintf(what, sizeof what, "a number %" PRIu64 "..%" PRIu64, item->min, item->max);
		config_fail_expected(loader, node, what);
		return;
	}
	*(uint32_t *)field = (uint32_t)number;
}

static void take_duration(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *field)
{
	struct span text;
	char what[96];
	uint32_t ms;
	if (!config_scalar(loader, node, &text))
		return;
	int err = value_parse_duration_ms(text, &ms);
	if (err || ms < item->min || ms > item->max) {
		snprintf(what, sizeof what,
			"a duration %" PRIu64 "s..%" PRIu64 "s with its unit, like %s",
			item->min / 1000, item->max / 1000, item->fallback);
		config_fail_expected(loader, node, what);
		return;
	}
	*(uint32_t *)field = ms;
}

static void take_choice(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *field)
{
	struct span text;
	char what[160] = "one of";
	if (!config_scalar(loader, node, &text))
		return;
	for (uint32_t i = 0; item->choices[i]; i++) {
		if (span_eq(text, span_str(item->choices[i]))) {
			*(uint32_t *)field = i;
			return;
		}
		size_t len = strlen(what);
		snprintf(what + len, sizeof what - len, "%s %s", i ? "," : "", item->choices[i]);
	}
	config_fail_expected(loader, node, what);
}

static void take_text(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *field)
{
	struct span text;
	char what[64];
	if (!config_scalar(loader, node, &text))
		return;
	if (text.len < item->min || text.len > item->max) {
		snprintf(what, sizeof what, "text of %" PRIu64 "..%" PRIu64 " bytes", item->min,
			item->max);
		config_fail_expected(loader, node, what);
		return;
	}
	const char *copy = config_copy(loader, node, text);
	if (copy)
		*(const char **)field = copy;
}

static bool read_secret_file(
	struct config_loader *loader, const struct node *node, struct span path, struct span *out)
{
	char name[512], buf[1024];
	if (span_copy(path, name, sizeof name) != 0) {
		config_fail(loader, node, "the path is too long");
		return false;
	}
	FILE *file = fopen(name, "re");
	if (!file) {
		config_fail(
			loader, node, "cannot read the file '%.120s': %s", name, strerror(errno));
		return false;
	}
	size_t len = fread(buf, 1, sizeof buf, file);
	fclose(file);
	// An editor's newline at the end is no part of the secret.
	struct span text = span_trim(span_make(buf, (uint32_t)len));
	const char *copy = config_copy(loader, node, text);
	explicit_bzero(buf, sizeof buf);
	*out = span_make(copy, text.len);
	return copy != NULL;
}

// Messages never repeat the value.
static void take_secret(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *field)
{
	struct span text;
	if (!config_scalar(loader, node, &text))
		return;
	if (span_starts(text, SPAN_LIT("file:"))) {
		if (!read_secret_file(loader, node, span_sub(text, 5, text.len), &text))
			return;
	}
	if (text.len < item->min || text.len > item->max) {
		config_fail(loader, node,
			"expected a secret of %" PRIu64 "..%" PRIu64 " bytes, found one of %u",
			item->min, item->max, text.len);
		return;
	}
	const char *copy = config_copy(loader, node, text);
	if (copy)
		*(struct span *)field = span_make(copy, text.len);
}

void config_take_scalar(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	void *field = (uint8_t *)target + item->offset;
	switch (item->type) {
	case CONFIG_TYPE_BOOL:
		take_bool(loader, node, field);
		break;
	case CONFIG_TYPE_UINT:
		take_uint(loader, node, item, field);
		break;
	case CONFIG_TYPE_DURATION:
		take_duration(loader, node, item, field);
		break;
	case CONFIG_TYPE_CHOICE:
		take_choice(loader, node, item, field);
		break;
	case CONFIG_TYPE_TEXT:
		take_text(loader, node, item, field);
		break;
	case CONFIG_TYPE_SECRET:
		take_secret(loader, node, item, field);
		break;
	default:
		CHECK(!"a scalar type");
	}
}
