// loader.h - a loader as config_load() sets it up, with handlers and nodes within reach.
#pragma once

#include "config/schema.h"
#include "unit/unit.h"

#include <stdlib.h>

#define LOADER_ERRORS_MAX 16u

struct loader_fixture {
	struct config_loader loader;
	struct config config;
	struct arena arena;
	struct config_error errors[LOADER_ERRORS_MAX];
	struct config_profile profile; // the default one, empty
};

static inline struct config_loader *loader_open(struct loader_fixture *f)
{
	memset(f, 0, sizeof *f);
	f->profile.name = "default";
	arena_init(&f->arena, 1u << 20);
	f->loader = (struct config_loader){ .config = &f->config,
		.arena = &f->arena,
		.file = "test.yaml",
		.errors = f->errors,
		.errors_max = LOADER_ERRORS_MAX };
	arena_init(&f->loader.scratch, 1u << 20);
	f->config.profiles = &f->profile;
	f->config.profile_count = 1;
	return &f->loader;
}

static inline void loader_close(struct loader_fixture *f)
{
	arena_fini(&f->loader.scratch);
	arena_fini(&f->arena);
}

static inline struct node scalar_of(const char *text)
{
	return (struct node){ .kind = NODE_SCALAR,
		.is_plain = true,
		.line = 3,
		.column = 7,
		.text = span_str(text) };
}

static inline const struct node *yaml_of(struct loader_fixture *f, const char *text)
{
	struct node_error error;
	struct node *root = NULL;
	int err = node_parse(&f->loader.scratch, span_str(text), &root, &error);
	if (err)
		fail_msg("%s: %d", text, err);
	return root;
}

// The schema's item for a dotted path without names: "realms.media.ports".
static inline const struct config_item *item_at(const char *path)
{
	const struct config_item *item = NULL, *items = config_schema;
	struct span rest = span_str(path), word;
	while (span_cut(&rest, '.', &word)) {
		for (item = items; item && item->key; item++) {
			if (span_eq(word, span_str(item->key)))
				break;
		}
		if (!item || !item->key)
			fail_msg("the schema has no %s", path);
		items = item->items;
	}
	return item;
}

// Gives one value to the item's handler. NULL: taken; else the message it was refused with.
static inline const char *take(struct loader_fixture *f, const char *path, const char *text,
	void *target)
{
	const struct config_item *item = item_at(path);
	struct node node = scalar_of(text);
	f->loader.error_count = 0;
	item->value(&f->loader, &node, item, target);
	assert_in_range(f->loader.error_count, 0, 1);
	return f->loader.error_count ? f->errors[0].message : NULL;
}

// `wanted` is a part of the message, NULL = none may be there.
static inline void expect_message(const char *what, const char *found, const char *wanted)
{
	if (!found != !wanted || (found && !strstr(found, wanted)))
		fail_msg("%s: expected %s, found %s", what, wanted ? wanted : "no mistake",
			found ? found : "no mistake");
}
