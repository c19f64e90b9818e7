// show_media.c - muga show media: what the forwarder has carried for each media address and how
// long it held it, then what each lane counted. Read straight from the segment files, so it works
// while either process is dead.
#include "cli.h"

#include "muga/segment.h"
#include "muga/table.h"

#include <stdio.h>

#define NS_PER_US 1000.0

static json_t *name_json(const char *name)
{
	json_t *value = json_string(name); // NULL: not UTF-8
	return value != NULL ? value : json_null();
}

static void add_address(struct table *table, const struct segment *segment, uint32_t id)
{
	struct histogram_counts held = { 0 };
	struct shm_address address;
	char ip[ADDR_TEXT_MAX];
	if (!segment_address(segment, id, &address))
		return;
	for (uint32_t lane = 0; lane < segment_lane_count(segment); lane++)
		segment_latency(segment, lane, id, &held);
	ip_format(&address.ip, ip);
	table_add(table, "%s", address.realm);
	table_add(table, "%s", ip);
	table_add(table, "%llu", (unsigned long long)held.total);
	static const uint32_t parts[] = { 500, 990, 999, 1000 };
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		double ns = segment_ns(segment, histogram_quantile(&held, parts[i]));
		table_add(table, held.total > 0 ? "%.1f" : "-", ns / NS_PER_US);
	}
}

static json_t *address_json(const struct segment *segment, uint32_t id)
{
	struct histogram_counts held = { 0 };
	struct shm_address address;
	char ip[ADDR_TEXT_MAX];
	if (!segment_address(segment, id, &address))
		return json_null();
	for (uint32_t lane = 0; lane < segment_lane_count(segment); lane++)
		segment_latency(segment, lane, id, &held);
	ip_format(&address.ip, ip);
	return json_pack("{s:o, s:s, s:I, s:f, s:f, s:f, s:f}", "realm", name_json(address.realm),
		"address", ip, "samples", (json_int_t)held.total, "held_p50_ns",
		segment_ns(segment, histogram_quantile(&held, 500)), "held_p99_ns",
		segment_ns(segment, histogram_quantile(&held, 990)), "held_p999_ns",
		segment_ns(segment, histogram_quantile(&held, 999)), "held_max_ns",
		segment_ns(segment, histogram_quantile(&held, 1000)));
}

static void print_lanes(const struct segment *segment)
{
	struct table *table = table_new("LANE|COUNTER|>VALUE");
	for (uint32_t lane = 0; table != NULL && lane < segment_lane_count(segment); lane++) {
		for (uint32_t i = 0; i < segment_counter_count(segment); i++) {
			char name[SHM_NAME_MAX];
			uint64_t value = segment_counter(segment, lane, i);
			if (value == 0)
				continue; // most reasons never happen
			segment_counter_name(segment, i, name);
			table_add(table, "%u", lane);
			table_add(table, "%s", name);
			table_add(table, "%llu", (unsigned long long)value);
		}
	}
	putchar('\n');
	if (segment->has_media)
		table_print(table, "the lanes have counted nothing yet", stdout);
	else
		puts("muga-media has not run yet: no counters");
	table_free(table);
}

static void print_text(const struct segment *segment)
{
	struct table *table =
		table_new("REALM|ADDRESS|>SAMPLES|>HELD P50 US|>P99|>P99.9|>MAX");
	for (uint32_t id = 0; table != NULL && id < segment_address_count(segment); id++)
		add_address(table, segment, id);
	table_print(table, "no media addresses", stdout);
	table_free(table);
	print_lanes(segment);
}

static json_t *lanes_json(const struct segment *segment)
{
	json_t *lanes = json_array();
	for (uint32_t lane = 0; lane < segment_lane_count(segment); lane++) {
		json_t *counters = json_object();
		for (uint32_t i = 0; i < segment_counter_count(segment); i++) {
			char name[SHM_NAME_MAX];
			segment_counter_name(segment, i, name);
			json_object_set_new(counters, name,
				json_integer((json_int_t)segment_counter(segment, lane, i)));
		}
		json_array_append_new(lanes, counters);
	}
	return lanes;
}

static int print_json(const struct segment *segment)
{
	json_t *addresses = json_array();
	for (uint32_t id = 0; id < segment_address_count(segment); id++)
		json_array_append_new(addresses, address_json(segment, id));
	return cli_print_json(json_pack("{s:o, s:o}", "addresses", addresses, "lanes",
		lanes_json(segment)));
}

int show_media_run(const struct cli *cli)
{
	struct segment segment;
	int rc = segment_open(cli->shm_dir, &segment);
	if (rc != CLI_OK)
		return rc;
	if (cli->is_json)
		rc = print_json(&segment);
	else
		print_text(&segment);
	segment_close(&segment);
	return rc;
}
