// show_ports.c - muga show ports: media ports by address, read from signaling's segment file.
#include "cli.h"

#include "muga/segment.h"
#include "muga/table.h"

#include <stdio.h>

static void add_address(struct table *table, const struct shm_address *address,
	const struct segment_ports *ports)
{
	char ip[ADDR_TEXT_MAX];
	ip_format(&address->ip, ip);
	table_add(table, "%s", address->realm);
	table_add(table, "%s", ip);
	table_add(table, "%s", address->device[0] != '\0' ? address->device : "-");
	table_add(table, "%u", address->vlan);
	table_add(table, "%u-%u", address->port_min, address->port_max);
	table_add(table, "%u", ports->used);
	table_add(table, "%u", ports->resting);
	table_add(table, "%u", ports->free);
	table_add(table, "%.1f%%", ports->total > 0 ? 100.0 * ports->used / ports->total : 0.0);
}

static json_t *name_json(const char *name)
{
	json_t *value = json_string(name); // NULL: not UTF-8
	return value != NULL ? value : json_null();
}

static json_t *address_json(const struct shm_address *address, const struct segment_ports *ports)
{
	char ip[ADDR_TEXT_MAX];
	ip_format(&address->ip, ip);
	return json_pack("{s:o, s:s, s:o, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "realm",
		name_json(address->realm), "address", ip, "device", name_json(address->device),
		"vlan", (int)address->vlan, "port_min", (int)address->port_min, "port_max",
		(int)address->port_max, "total", (int)ports->total, "used", (int)ports->used,
		"resting", (int)ports->resting, "free", (int)ports->free);
}

int show_ports_run(const struct cli *cli)
{
	struct segment segment;
	struct shm_address address;
	int rc = segment_open(cli->shm_dir, &segment);
	if (rc != CLI_OK)
		return rc;
	struct table *table =
		table_new("REALM|ADDRESS|DEVICE|>VLAN|>RANGE|>USED|>RESTING|>FREE|>USE");
	json_t *array = json_array();
	for (uint32_t id = 0; segment_address(&segment, id, &address); id++) {
		struct segment_ports ports;
		segment_count_ports(&segment, id, cli->quarantine_ms, &ports);
		add_address(table, &address, &ports);
		json_array_append_new(array, address_json(&address, &ports));
	}
	if (cli->is_json)
		rc = cli_print_json(json_pack("{s:O}", "addresses", array));
	else
		table_print(table, "no media addresses", stdout);
	json_decref(array);
	table_free(table);
	segment_close(&segment);
	return rc;
}
