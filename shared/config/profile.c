// profile.c - section profiles: each begins with the defaults of every key.
#include "config/schema.h"

#define DEFAULT_NAME "default"

bool config_make_default_profile(struct config_loader *loader)
{
	struct config *config = loader->config;
	struct node at = { .kind = NODE_MAP, .line = 1, .column = 1 };

	config->profiles = arena_zalloc(loader->arena,
		CONFIG_PROFILES_MAX * sizeof *config->profiles);
	if (!config->profiles) {
		config_fail(loader, &at, "the configuration is too large");
		return false;
	}
	config->profile_count = 1;
	loader->profile = &config->profiles[0];
	loader->profile->name = DEFAULT_NAME;
	config_walk_map(loader, &at, config_profile_items, loader->profile);
	return true;
}

const struct config_profile *config_profile(const struct config *config, uint32_t index)
{
	static const struct config_profile defaults = { .name = DEFAULT_NAME,
		.sdp = { .streams_max = 16, .bundle = PROFILE_BUNDLE_PASS } };

	return index < config->profile_count ? &config->profiles[index] : &defaults;
}

void *config_begin_profile(struct config_loader *loader, const struct node *node, uint32_t siblings)
{
	struct config *config = loader->config;
	const char *name;

	(void)siblings; // with the default one at most CONFIG_PROFILES_MAX
	if (span_eq(node->key->text, SPAN_LIT(DEFAULT_NAME))) {
		loader->profile = &config->profiles[0];
		return loader->profile;
	}
	name = config_copy(loader, node, node->key->text);
	if (!name)
		return NULL;
	loader->profile = &config->profiles[config->profile_count++];
	loader->profile->name = name;
	return loader->profile;
}

void config_take_profile(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	uint32_t *field = (uint32_t *)(void *)((uint8_t *)target + item->offset);
	const struct config *config = loader->config;
	struct suggest suggest;
	struct span text;

	if (!config_scalar(loader, node, &text))
		return;
	suggest_init(&suggest, text);
	for (uint32_t i = 0; i < config->profile_count; i++) {
		if (span_eq(text, span_str(config->profiles[i].name))) {
			*field = i;
			return;
		}
		suggest_offer(&suggest, span_str(config->profiles[i].name));
	}
	config_fail_unknown(loader, node, "profile", &suggest);
}
