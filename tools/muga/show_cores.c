// show_cores.c - muga show cores: how busy the lanes of the forwarder are, and how long their
// bursts take. Two looks at media's file, an interval apart.
#include "cli.h"

#include "muga/segment.h"
#include "muga/table.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct core_sample {
	uint64_t cycles_busy, received;
	struct histogram_counts bursts;
};

struct cores_sample {
	uint64_t now_ns;
	uint32_t lanes;
	double ns_per_cycle;
	struct core_sample lane[SHM_LANE_MAX];
};

// What is shown of a lane.
struct core_row {
	double busy; // part of the time
	double packets_per_s, bursts_per_s;
	struct histogram_counts bursts; // of the interval
};

static int sample_take(const struct cli *cli, struct cores_sample *out)
{
	struct segment segment;
	int rc = segment_open(cli->shm_dir, &segment);

	memset(out, 0, sizeof(*out));
	if (rc != CLI_OK)
		return rc;
	out->now_ns = clock_mono_ns();
	out->lanes = segment_lane_count(&segment);
	out->ns_per_cycle = segment_ns(&segment, 1);
	for (uint32_t lane = 0; lane < out->lanes; lane++) {
		struct core_sample *mine = &out->lane[lane];
		for (uint32_t i = 0; i < segment_counter_count(&segment); i++) {
			char name[SHM_NAME_MAX];
			segment_counter_name(&segment, i, name);
			if (strcmp(name, "cycles_busy") == 0)
				mine->cycles_busy = segment_counter(&segment, lane, i);
			else if (strcmp(name, "received") == 0)
				mine->received = segment_counter(&segment, lane, i);
		}
		segment_bursts(&segment, lane, &mine->bursts);
	}
	segment_close(&segment);
	return CLI_OK;
}

// A counter that went back belongs to a restarted process: it starts anew.
static uint64_t since(uint64_t before, uint64_t after)
{
	return after >= before ? after - before : after;
}

static struct core_row row_of(const struct cores_sample *a, const struct cores_sample *b,
	uint32_t lane)
{
	const struct core_sample *x = &a->lane[lane], *y = &b->lane[lane];
	double ns = (double)(b->now_ns - a->now_ns);
	struct core_row row = { 0 };

	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		row.bursts.buckets[i] = since(x->bursts.buckets[i], y->bursts.buckets[i]);
		row.bursts.total += row.bursts.buckets[i];
	}
	if (ns > 0) {
		row.busy = (double)since(x->cycles_busy, y->cycles_busy) * b->ns_per_cycle / ns;
		row.packets_per_s = (double)since(x->received, y->received) * 1e9 / ns;
		row.bursts_per_s = (double)row.bursts.total * 1e9 / ns;
	}
	return row;
}

static void add_lane(struct table *table, const struct core_row *row, double ns_per_cycle)
{
	static const uint32_t parts[] = { 500, 990, 999, 1000 };

	table_add(table, "%.1f%%", row->busy * 100);
	table_add(table, "%.0f", row->packets_per_s);
	table_add(table, "%.0f", row->bursts_per_s);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		table_add(table, row->bursts.total > 0 ? "%.1f" : "-",
			(double)histogram_quantile(&row->bursts, parts[i]) * ns_per_cycle / 1000);
}

static json_t *lane_json(const struct core_row *row, double ns_per_cycle)
{
	return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "busy", row->busy,
		"packets_per_s", row->packets_per_s, "bursts_per_s", row->bursts_per_s,
		"burst_p50_ns", (double)histogram_quantile(&row->bursts, 500) * ns_per_cycle,
		"burst_p99_ns", (double)histogram_quantile(&row->bursts, 990) * ns_per_cycle,
		"burst_p999_ns", (double)histogram_quantile(&row->bursts, 999) * ns_per_cycle,
		"burst_max_ns", (double)histogram_quantile(&row->bursts, 1000) * ns_per_cycle);
}

static int print(const struct cli *cli, const struct cores_sample *a, const struct cores_sample *b)
{
	struct table *table =
		table_new(">LANE|>BUSY|>PACKETS/S|>BURSTS/S|>BURST P50 US|>P99|>P99.9|>MAX");
	json_t *lanes = json_array();
	int rc = CLI_OK;

	for (uint32_t lane = 0; table != NULL && lane < b->lanes; lane++) {
		struct core_row row = row_of(a, b, lane);
		table_add(table, "%u", lane);
		add_lane(table, &row, b->ns_per_cycle);
		json_array_append_new(lanes, lane_json(&row, b->ns_per_cycle));
	}
	if (cli->is_json)
		rc = cli_print_json(json_pack("{s:O}", "lanes", lanes));
	else
		table_print(table, "no lanes: muga-media has not run yet", stdout);
	json_decref(lanes);
	table_free(table);
	return rc;
}

int show_cores_run(const struct cli *cli)
{
	static struct cores_sample samples[2];
	struct timespec pause = { .tv_sec = cli->interval_ms / 1000,
		.tv_nsec = (long)(cli->interval_ms % 1000) * 1000000 };
	int rc = sample_take(cli, &samples[0]);

	if (rc == CLI_OK) {
		nanosleep(&pause, NULL);
		rc = sample_take(cli, &samples[1]);
	}
	return rc == CLI_OK ? print(cli, &samples[0], &samples[1]) : rc;
}
