// config_schema.c - muga config schema.
#include "cli.h"

#include "config/config.h"

#include <stdio.h>
#include <string.h>

int config_run(const struct cli *cli)
{
	if (cli->word_count != 1 || strcmp(cli->words[0], "schema") != 0)
		return cli_fail(CLI_USAGE, "usage: muga config schema");
	config_print_schema(stdout);
	return CLI_OK;
}
