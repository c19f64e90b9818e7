// check.c - muga check FILE: the same reading and checking as the daemons do, offline.
#include "cli.h"

#include "config/config.h"

#include <stdio.h>
#include <string.h>

#define MISTAKES_MAX 64u

static struct config_error mistakes_found[MISTAKES_MAX];

static void print_text(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct config_error *e = &mistakes_found[i];
		fprintf(stderr, "%s:%u:%u: %s%s%s\n", e->file, e->line, e->column, e->key,
			e->key[0] != '\0' ? ": " : "", e->message);
	}
}

static int load(const char *path, struct config **out, uint32_t *count)
{
	*count = 0;
	int rc = config_load(path, out, mistakes_found, MISTAKES_MAX, count);
	if (*count > MISTAKES_MAX)
		*count = MISTAKES_MAX;
	return rc;
}

struct config *cli_load_config(const char *path, uint32_t *mistakes)
{
	struct config *config = NULL;
	int rc = load(path, &config, mistakes);
	if (rc == 0)
		return config;
	print_text(*mistakes);
	if (*mistakes == 0)
		cli_fail(0, "%s: %s", path, strerror(-rc));
	return NULL;
}

static json_t *mistakes_json(const char *path, int rc, uint32_t count)
{
	json_t *array = json_array();
	for (uint32_t i = 0; i < count; i++) {
		const struct config_error *e = &mistakes_found[i];
		json_array_append_new(array, json_pack("{s:s, s:i, s:i, s:s, s:s}", "file", e->file,
			"line", (int)e->line, "column", (int)e->column, "key", e->key, "message",
			e->message));
	}
	if (rc < 0 && count == 0)
		json_array_append_new(array, json_pack("{s:s, s:s}", "file", path, "message",
			strerror(-rc)));
	return json_pack("{s:b, s:o}", "is_valid", rc == 0, "mistakes", array);
}

int check_run(const struct cli *cli)
{
	struct config *config = NULL;
	uint32_t count;
	if (cli->word_count != 1)
		return cli_fail(CLI_USAGE, "usage: muga check FILE");
	const char *path = cli->words[0];
	int rc = load(path, &config, &count);
	if (cli->is_json) {
		cli_print_json(mistakes_json(path, rc, count));
	} else if (rc < 0) {
		print_text(count);
		cli_fail(0, "%s: %s", path, count > 0 ? "not usable" : strerror(-rc));
	} else {
		printf("%s: good: %u realms, %u trunks, %u routes, %u media addresses\n", path,
			config->realm_count, config->trunk_count, config->route_count,
			config_media_address_count(config));
	}
	if (config != NULL)
		config_free(config);
	return rc == 0 ? CLI_OK : CLI_FAILED;
}
