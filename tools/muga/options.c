// options.c - the command line of muga before the verb, and the directories that follow from it.
#include "cli.h"

#include "base/span.h"
#include "config/config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define LIMIT_DEFAULT      1000u
#define LIMIT_MAX          20000u
#define INTERVAL_DEFAULT   1000u
#define QUARANTINE_DEFAULT 5000u

static int number(const char *text, uint32_t max, uint32_t *out)
{
	if (span_parse_u32(span_str(text), max, out) == 0)
		return CLI_OK;
	return cli_fail(CLI_USAGE, "\"%s\" is not a number from 0 to %u", text, max);
}

static int dir_set(char out[PATH_MAX], const char *text)
{
	if (span_copy(span_str(text), out, PATH_MAX) < 0)
		return cli_fail(CLI_USAGE, "path too long: %s", text);
	return CLI_OK;
}

int options_dirs(const struct cli_choices *choices, struct cli *cli)
{
	struct config *config = NULL;
	uint32_t mistakes;
	if (choices->config != NULL) {
		config = cli_load_config(choices->config, &mistakes);
		if (config == NULL)
			return CLI_FAILED;
		cli->quarantine_ms = config->limits.quarantine_ms;
	}
	const char *run_dir = choices->run_dir ? choices->run_dir
		: config                       ? config->run_dir
					       : CLI_RUN_DIR;
	int rc = dir_set(cli->run_dir, run_dir);
	if (rc == CLI_OK && choices->shm_dir)
		rc = dir_set(cli->shm_dir, choices->shm_dir);
	else if (rc == CLI_OK && config && !choices->run_dir)
		rc = dir_set(cli->shm_dir, config->shm_dir);
	else if (rc == CLI_OK && snprintf(cli->shm_dir, PATH_MAX, "%s/shm", run_dir) >= PATH_MAX)
		rc = cli_fail(CLI_USAGE, "path too long: %s", run_dir);
	if (config != NULL)
		config_free(config);
	return rc;
}

static int option_take(int c, struct cli_choices *choices, struct cli *cli)
{
	switch (c) {
	case 'j':
		cli->is_json = true;
		return CLI_OK;
	case 'e':
		cli->is_ended = true;
		return CLI_OK;
	case 'd':
		cli->is_decrypted = true;
		return CLI_OK;
	case 'f':
		cli->file = optarg;
		return CLI_OK;
	case 'l':
		return number(optarg, LIMIT_MAX, &cli->limit);
	case 'i':
		return number(optarg, 3600000, &cli->interval_ms);
	case 'n':
		return number(optarg, UINT32_MAX, &cli->count);
	case 'c':
		choices->config = optarg;
		return CLI_OK;
	case 'r':
		choices->run_dir = optarg;
		return CLI_OK;
	case 's':
		choices->shm_dir = optarg;
		return CLI_OK;
	case 'h':
		choices->is_help = true;
		return CLI_OK;
	default: // getopt_long() has said what is wrong
		return CLI_USAGE;
	}
}

int options_parse(int argc, char **argv, struct cli_choices *choices, struct cli *cli)
{
	static const struct option known[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "ended", no_argument, NULL, 'e' },
		{ "decrypted", no_argument, NULL, 'd' },
		{ "file", required_argument, NULL, 'f' },
		{ "limit", required_argument, NULL, 'l' },
		{ "interval", required_argument, NULL, 'i' },
		{ "count", required_argument, NULL, 'n' },
		{ "config", required_argument, NULL, 'c' },
		{ "run-dir", required_argument, NULL, 'r' },
		{ "shm-dir", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;
	*choices = (struct cli_choices){ .config = getenv("MUGA_CONFIG") };
	*cli = (struct cli){
		.limit = LIMIT_DEFAULT,
		.interval_ms = INTERVAL_DEFAULT,
		.quarantine_ms = QUARANTINE_DEFAULT,
	};
	while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		if (option_take(c, choices, cli) != CLI_OK)
			return CLI_USAGE;
	}
	return CLI_OK;
}
