// shmdump.c - muga shmdump [DIR]: headers, addresses, every flow record and state of both files.
// For the hour after a crash: what cannot be mapped (another boot or version, cut off) is read,
// too.
#include "cli.h"

#include "shm/dump.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = { "signaling", "media" };

static void path_of(const char *dir, int i, char path[PATH_MAX + 16])
{
	snprintf(path, PATH_MAX + 16, "%s/%s.seg", dir, names[i]);
}

static int fail_file(const char *path, int error)
{
	return cli_fail(CLI_FAILED, "%s: %s", path,
		error == -EPROTO ? "not a segment file of this version" : strerror(-error));
}

// A media file that never was is no failure: muga-media has not run.
static bool is_missing_media(int i, int error)
{
	return i == 1 && error == -ENOENT;
}

static json_t *file_json(const char *path, int *error)
{
	struct shm_dump_options options = { .is_json = true, .has_flows = true };
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	if (out == NULL) {
		*error = -ENOMEM;
		return json_null();
	}
	*error = shm_dump(path, &options, out);
	fclose(out);
	json_t *value = json_loadb(text != NULL ? text : "", len, 0, NULL);
	free(text);
	return value != NULL ? value : json_null();
}

static int dump_json(const char *dir)
{
	char path[PATH_MAX + 16];
	json_t *both = json_object();
	int status = CLI_OK;
	for (int i = 0; i < 2; i++) {
		int error;
		path_of(dir, i, path);
		json_object_set_new(both, names[i], file_json(path, &error));
		if (error < 0 && !is_missing_media(i, error))
			status = fail_file(path, error);
	}
	int rc = cli_print_json(both);
	return status != CLI_OK ? status : rc;
}

static int dump_text(const char *dir)
{
	struct shm_dump_options options = { .has_flows = true };
	char path[PATH_MAX + 16];
	int status = CLI_OK;
	for (int i = 0; i < 2; i++) {
		path_of(dir, i, path);
		printf("# %s\n", path);
		int error = shm_dump(path, &options, stdout);
		fflush(stdout);
		if (is_missing_media(i, error))
			puts("there is none: muga-media has not run");
		else if (error < 0)
			status = fail_file(path, error);
	}
	return status;
}

int shmdump_run(const struct cli *cli)
{
	if (cli->word_count > 1)
		return cli_fail(CLI_USAGE, "usage: muga shmdump [DIR]");
	const char *dir = cli->word_count == 1 ? cli->words[0] : cli->shm_dir;
	return cli->is_json ? dump_json(dir) : dump_text(dir);
}
