// config.c - from a file to an immutable struct config, or to a list of mistakes.
#include "config/config.h"

#include "config/schema.h"
#include "config/source.h"

#include <errno.h>
#include <stdlib.h>

#define FILE_BYTES_MAX    (16u << 20)
#define ARENA_BYTES_MAX   (64u << 20)
#define SCRATCH_BYTES_MAX (512u << 20)

// The configuration and what it stands on; config->owner points back here.
struct config_owner {
	struct arena arena;
	struct config config;
};

static struct config_owner *owner_new(void)
{
	struct config_owner *owner = calloc(1, sizeof *owner);
	if (!owner)
		return NULL;
	arena_init(&owner->arena, ARENA_BYTES_MAX);
	owner->config.owner = owner;
	return owner;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	struct config_owner *owner = config->owner;
	// The arena held the node's secret.
	if (config->secret.len > 0)
		explicit_bzero((void *)(uintptr_t)config->secret.ptr, config->secret.len);
	arena_fini(&owner->arena);
	free(owner);
}

static int read_file(const char *path, struct arena *arena, struct span *out)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return -errno;
	int err = 0;
	size_t len = 0, cap = 64 * 1024;
	char *buf = malloc(cap);
	while (buf && !feof(file)) {
		len += fread(buf + len, 1, cap - len, file);
		if (ferror(file)) {
			err = -EIO; // a directory, for one
			break;
		}
		if (len < cap)
			continue;
		char *larger = cap < FILE_BYTES_MAX ? realloc(buf, cap *= 2) : NULL;
		if (!larger) {
			err = -EFBIG;
			break;
		}
		buf = larger;
	}
	fclose(file);
	if (!buf)
		return -ENOMEM;
	if (!err && !arena_copy(arena, span_make(buf, (uint32_t)len), out))
		err = -ENOMEM;
	free(buf);
	return err;
}

static void walk_document(struct config_loader *loader, struct span text)
{
	struct node_error yaml_error;
	struct node *root = NULL;
	int err = node_parse(&loader->scratch, text, &root, &yaml_error);
	struct node at = { .line = 1, .column = 1 };
	if (err == -EINVAL) {
		at.line = yaml_error.line;
		at.column = yaml_error.column;
		config_fail(loader, &at, "%s", yaml_error.message);
	} else if (err) {
		config_fail(loader, &at, "the configuration is too large");
	} else if (!root) {
		config_fail(loader, &at, "the file is empty, expected at least version and realms");
	} else if (config_make_default_profile(loader)) {
		config_walk_map(loader, root, config_schema, loader->config);
	}
}

// The one default that depends on another key.
static void default_shm_dir(struct config_loader *loader)
{
	struct config *config = loader->config;
	char dir[128];
	struct node at = { .line = 1, .column = 1 };
	if (config->shm_dir || !config->run_dir)
		return;
	snprintf(dir, sizeof dir, "%s/shm", config->run_dir);
	config->shm_dir = config_copy(loader, &at, span_str(dir));
}

static int by_place(const void *left, const void *right)
{
	const struct config_error *a = left, *b = right;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	return strcmp(a->key, b->key);
}

int config_load(const char *path, struct config **out, struct config_error *errors,
	uint32_t errors_max, uint32_t *error_count)
{
	struct span text;
	struct config_error spare;
	struct config_owner *owner = owner_new();
	if (!owner)
		return -ENOMEM;
	// At least one mistake must be seen to refuse the file.
	struct config_loader loader = {
		.config = &owner->config,
		.arena = &owner->arena,
		.file = path,
		.errors = errors_max > 0 ? errors : &spare,
		.errors_max = errors_max > 0 ? errors_max : 1,
	};
	arena_init(&loader.scratch, SCRATCH_BYTES_MAX);
	int err = read_file(path, &loader.scratch, &text);
	if (!err) {
		walk_document(&loader, text);
		default_shm_dir(&loader);
		err = loader.error_count > 0 ? -EINVAL :
			config_build_sources(loader.config, loader.arena);
	}
	arena_fini(&loader.scratch);
	if (errors_max > 0) {
		qsort(errors, loader.error_count, sizeof *errors, by_place);
		*error_count = loader.error_count;
	}
	if (err) {
		config_free(&owner->config);
		return err;
	}
	*out = &owner->config;
	return 0;
}

int config_find_realm(const struct config *config, struct span name)
{
	for (uint32_t i = 0; i < config->realm_count; i++) {
		if (span_eq(name, span_str(config->realms[i].name)))
			return (int)i;
	}
	return -1;
}

int config_find_trunk(const struct config *config, struct span name)
{
	for (uint32_t i = 0; i < config->trunk_count; i++) {
		if (span_eq(name, span_str(config->trunks[i].name)))
			return (int)i;
	}
	return -1;
}

uint32_t config_media_address_count(const struct config *config)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < config->realm_count; i++)
		count += config->realms[i].media_count;
	return count;
}
