// show.c - muga show WHAT.
#include "cli.h"

#include <string.h>

int show_run(const struct cli *cli)
{
	static const struct {
		const char *name;
		cli_verb_fn run;
	} things[] = {
		{ "calls", show_calls_run },
		{ "cores", show_cores_run },
		{ "flows", show_flows_run },
		{ "media", show_media_run },
		{ "ports", show_ports_run },
		{ "recordings", show_recordings_run },
		{ "trunks", show_trunks_run },
	};
	for (size_t i = 0; cli->word_count == 1 && i < sizeof(things) / sizeof(things[0]); i++)
		if (strcmp(cli->words[0], things[i].name) == 0)
			return things[i].run(cli);
	return cli_fail(CLI_USAGE,
		"usage: muga show calls [--ended] | cores | flows | media | ports | recordings | "
		"trunks");
}
