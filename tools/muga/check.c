// check.c - muga check FILE: the same reading and checking as the daemons do, offline, with the
// files that TLS needs.
#include "cli.h"

#include "certificates.h"
#include "config/config.h"

#include <stdio.h>
#include <string.h>

#define MISTAKES_MAX 64u

static struct config_error mistakes_found[MISTAKES_MAX];
static struct certificate_finding files_found[MISTAKES_MAX];

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
	return array;
}

static void add_files(json_t *array, const char *path, uint32_t count, bool is_mistake)
{
	for (uint32_t i = 0; i < count; i++)
		if (files_found[i].is_mistake == is_mistake)
			json_array_append_new(array, json_pack("{s:s, s:s, s:s}", "file", path,
				"key", files_found[i].key, "message", files_found[i].message));
}

// What was found, and whether a mistake is among it.
struct verdict {
	const char *path;
	int rc;               // of reading
	uint32_t count;       // of mistakes found by that
	uint32_t file_count;  // of what certificates_check() found
	bool is_good;
};

static json_t *verdict_json(const struct verdict *v)
{
	json_t *mistakes = mistakes_json(v->path, v->rc, v->count), *warnings = json_array();

	add_files(mistakes, v->path, v->file_count, true);
	add_files(warnings, v->path, v->file_count, false);
	return json_pack("{s:b, s:o, s:o}", "is_valid", v->is_good, "mistakes", mistakes,
		"warnings", warnings);
}

static void print_verdict(const struct verdict *v, const struct config *config)
{
	print_text(v->count);
	for (uint32_t i = 0; i < v->file_count; i++)
		fprintf(stderr, "%s: %s%s: %s\n", v->path,
			files_found[i].is_mistake ? "" : "warning: ", files_found[i].key,
			files_found[i].message);
	if (!v->is_good)
		cli_fail(0, "%s: %s", v->path,
			v->count + v->file_count > 0 ? "not usable" : strerror(-v->rc));
	else
		printf("%s: good: %u realms, %u trunks, %u routes, %u media addresses\n", v->path,
			config->realm_count, config->trunk_count, config->route_count,
			config_media_address_count(config));
}

int check_run(const struct cli *cli)
{
	struct config *config = NULL;
	struct verdict v = { .file_count = 0 };
	if (cli->word_count != 1)
		return cli_fail(CLI_USAGE, "usage: muga check FILE");
	v.path = cli->words[0];
	v.rc = load(v.path, &config, &v.count);
	if (v.rc == 0)
		v.file_count = certificates_check(config, files_found, MISTAKES_MAX);
	v.is_good = v.rc == 0;
	for (uint32_t i = 0; i < v.file_count; i++)
		v.is_good &= !files_found[i].is_mistake;
	if (cli->is_json)
		cli_print_json(verdict_json(&v));
	else
		print_verdict(&v, config);
	if (config != NULL)
		config_free(config);
	return v.is_good ? CLI_OK : CLI_FAILED;
}
