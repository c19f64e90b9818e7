// show_trunks.c - muga show trunks: asked from the running muga-signaling.
#include "cli.h"

#include "muga/table.h"

#include <stdio.h>
#include <string.h>

static void hosts_format(const json_t *hosts, char *out, size_t room)
{
	const json_t *host;
	size_t i, len = 0;
	out[0] = '\0';
	json_array_foreach(hosts, i, host) {
		const char *text = json_string_value(host);
		int n = snprintf(out + len, room - len, "%s%s", len > 0 ? ", " : "",
			text != NULL ? text : "?");
		if (n < 0 || (size_t)n >= room - len)
			return;
		len += (size_t)n;
	}
}

static void add_trunk(struct table *table, const json_t *trunk)
{
	char hosts[256];
	const char *name = json_string_value(json_object_get(trunk, "name"));
	const char *realm = json_string_value(json_object_get(trunk, "realm"));
	json_int_t max = json_integer_value(json_object_get(trunk, "calls_max"));
	hosts_format(json_object_get(trunk, "hosts"), hosts, sizeof(hosts));
	table_add(table, "%s", name != NULL ? name : "?");
	table_add(table, "%s", realm != NULL ? realm : "?");
	table_add(table, "%lld", (long long)json_integer_value(json_object_get(trunk, "calls")));
	if (max > 0)
		table_add(table, "%lld", (long long)max);
	else
		table_add(table, "none");
	table_add(table, "%s", hosts);
}

int show_trunks_run(const struct cli *cli)
{
	struct client_request request = { .path = "/v1/trunks" };
	json_t *answer;
	int rc = client_ask(cli, &request, &answer);
	if (rc != CLI_OK)
		return rc;
	if (cli->is_json)
		return cli_print_json(answer);
	struct table *table = table_new("TRUNK|REALM|>CALLS|>LIMIT|HOSTS");
	const json_t *trunk;
	size_t i;
	json_array_foreach(json_object_get(answer, "trunks"), i, trunk)
		add_trunk(table, trunk);
	table_print(table, "no trunks", stdout);
	table_free(table);
	json_decref(answer);
	return CLI_OK;
}
