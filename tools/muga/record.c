// record.c - muga record start|stop CALL: asked of the running muga-signaling.
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *start_body(const struct cli *cli)
{
	json_t *body = json_pack("{s:s, s:b}", "call", cli->words[1], "decrypted",
		cli->is_decrypted);

	if (body && cli->file && json_object_set_new(body, "file", json_string(cli->file)) < 0) {
		json_decref(body);
		return NULL;
	}
	return body;
}

int record_run(const struct cli *cli)
{
	bool is_start = cli->word_count == 2 && strcmp(cli->words[0], "start") == 0;
	bool is_stop = cli->word_count == 2 && strcmp(cli->words[0], "stop") == 0;
	json_t *answer, *body;

	if (!is_start && !is_stop)
		return cli_fail(CLI_USAGE, "usage: muga record start CALL [--decrypted] "
			"[--file NAME], or muga record stop CALL");
	body = is_start ? start_body(cli) : json_pack("{s:s}", "call", cli->words[1]);
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
	if (!text)
		return cli_fail(CLI_USAGE, "not UTF-8");
	struct client_request request = {
		.path = is_start ? "/v1/recordings" : "/v1/recordings/stop", .body = text
	};
	int rc = client_ask(cli, &request, &answer);
	free(text);
	if (rc != CLI_OK)
		return rc;
	if (cli->is_json)
		return cli_print_json(answer);
	json_decref(answer);
	puts(is_start ? "recording: see 'muga show recordings'" : "stopped");
	return CLI_OK;
}
