// show_calls.c - muga show calls [--ended]: asked from the running muga-signaling.
#include "cli.h"

#include "muga/table.h"
#include "muga/units.h"

#include <stdio.h>

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text != NULL && text[0] != '\0' ? text : "-";
}

static double number_of(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static void add_leg(struct table *table, const json_t *leg)
{
	char buf[UNITS_MAX];
	double mos = number_of(leg, "mos");
	table_add(table, "%s", text_of(leg, "realm"));
	table_add(table, "%s", units_count((uint64_t)number_of(leg, "packets"), buf));
	table_add(table, "%.1f%%", number_of(leg, "loss") * 100);
	table_add(table, "%.1f", number_of(leg, "jitter_ms"));
	if (mos > 0)
		table_add(table, "%.2f", mos);
	else
		table_add(table, "-");
}

static void add_call(struct table *table, const json_t *call, bool is_ended)
{
	char buf[UNITS_MAX];
	const json_t *legs = json_object_get(call, "legs");
	table_add(table, "%s", text_of(call, "token"));
	if (is_ended)
		table_add(table, "%s %.0f", text_of(call, "cause"), number_of(call, "code"));
	else
		table_add(table, "%s%s", text_of(call, "state"),
			json_is_true(json_object_get(call, "is_emergency")) ? " sos" : "");
	table_add(table, "%s", text_of(call, "from"));
	table_add(table, "%s", text_of(call, "to"));
	table_add(table, "%s", text_of(call, "codec"));
	table_add(table, "%s", units_duration((uint64_t)number_of(call, "duration_ms"), buf));
	add_leg(table, json_array_get(legs, 0));
	add_leg(table, json_array_get(legs, 1));
	table_add(table, "%s", text_of(call, "session_id"));
}

static void print_table(const json_t *answer, bool is_ended)
{
#define QUALITY ">PACKETS|>LOSS|>JITTER|>MOS"
	static const char *const columns[] = {
		"CALL|STATE|FROM|TO|CODEC|>TIME|A|" QUALITY "|B|" QUALITY "|SESSION-ID",
		"CALL|END|FROM|TO|CODEC|>TIME|A|" QUALITY "|B|" QUALITY "|SESSION-ID",
	};
#undef QUALITY
	struct table *table = table_new(columns[is_ended]);
	const json_t *calls = json_object_get(answer, "calls"), *call;
	size_t i;
	if (table == NULL)
		return;
	json_array_foreach(calls, i, call)
		add_call(table, call, is_ended);
	table_print(table, is_ended ? "no call has ended yet" : "no calls", stdout);
	if (json_is_true(json_object_get(answer, "is_truncated")))
		printf("... and more: %.0f in total (--limit)\n", number_of(answer, "total"));
	table_free(table);
}

int show_calls_run(const struct cli *cli)
{
	char path[64];
	json_t *answer;
	snprintf(path, sizeof(path), "/v1/calls%s?limit=%u", cli->is_ended ? "/ended" : "",
		cli->limit);
	struct client_request request = { .path = path };
	int rc = client_ask(cli, &request, &answer);
	if (rc != CLI_OK)
		return rc;
	if (cli->is_json)
		return cli_print_json(answer);
	print_table(answer, cli->is_ended);
	json_decref(answer);
	return CLI_OK;
}
