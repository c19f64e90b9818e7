// remote.c - the small verbs that only talk to muga-signaling: version, drain, reload, log.
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int version_run(const struct cli *cli)
{
	struct client_request request = { .path = "/v1/version", .is_quiet = true };
	json_t *answer = NULL;
	const char *running = NULL;
	if (client_ask(cli, &request, &answer) == CLI_OK)
		running = json_string_value(json_object_get(answer, "version"));
	if (cli->is_json) {
		cli_print_json(json_pack("{s:s, s:s?}", "muga", MUGA_VERSION, "muga_signaling",
			running));
	} else {
		printf("muga %s\n", MUGA_VERSION);
		printf("muga-signaling %s\n", running != NULL ? running : "(does not run here)");
	}
	json_decref(answer);
	return CLI_OK;
}

int drain_run(const struct cli *cli)
{
	struct client_request request = { .path = "/v1/drain", .body = "{}" };
	json_t *answer;
	if (cli->word_count != 0)
		return cli_fail(CLI_USAGE, "usage: muga drain");
	int rc = client_ask(cli, &request, &answer);
	if (rc != CLI_OK)
		return rc;
	if (cli->is_json)
		return cli_print_json(answer);
	json_decref(answer);
	puts("draining: every call is hung up, then muga-signaling stops");
	return CLI_OK;
}

int reload_run(const struct cli *cli)
{
	struct client_request request = { .path = "/v1/tls/reload", .body = "{}" };
	json_t *answer;
	if (cli->word_count != 1 || strcmp(cli->words[0], "tls") != 0)
		return cli_fail(CLI_USAGE, "usage: muga reload tls");
	int rc = client_ask(cli, &request, &answer);
	if (rc != CLI_OK)
		return rc;
	if (cli->is_json)
		return cli_print_json(answer);
	const json_t *days = json_object_get(answer, "days_left");
	if (json_is_integer(days))
		printf("new connections use the new files; the first certificate expires in "
			"%lld days\n", (long long)json_integer_value(days));
	else
		puts("there is no certificate of ours");
	json_decref(answer);
	return CLI_OK;
}

static json_t *log_body(const struct cli *cli)
{
	if (strcmp(cli->words[0], "call") != 0)
		return json_pack("{s:s, s:s}", "subsystem", cli->words[0], "level", cli->words[1]);
	bool is_off = strcmp(cli->words[1], "off") == 0;
	return json_pack("{s:s?}", "call", is_off ? NULL : cli->words[1]);
}

int log_run(const struct cli *cli)
{
	json_t *answer;
	if (cli->word_count != 2)
		return cli_fail(CLI_USAGE, "usage: muga log SUBSYSTEM|all error|warn|info|debug, "
			"or muga log call TOKEN|off");
	json_t *body = log_body(cli);
	char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
	if (text == NULL)
		return cli_fail(CLI_USAGE, "not UTF-8");
	struct client_request request = { .path = "/v1/log/level", .body = text };
	int rc = client_ask(cli, &request, &answer);
	free(text);
	if (rc != CLI_OK)
		return rc;
	if (cli->is_json)
		return cli_print_json(answer);
	json_decref(answer);
	return CLI_OK;
}
