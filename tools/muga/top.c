// top.c - muga top: calls and packets, as totals and as rates between two looks. Calls come from
// the running muga-signaling, packets from media's file; either may be missing.
#include "cli.h"

#include "muga/segment.h"
#include "muga/table.h"
#include "muga/units.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CLEAR_SCREEN "\033[H\033[2J"

struct lane_sample {
	uint64_t received, forwarded, dropped;
};

struct sample {
	uint64_t now_ns;
	bool has_signaling, has_media;
	uint64_t calls_active, calls_started, calls_answered, calls_refused;
	uint32_t ports_used, ports_total;
	uint32_t lanes;
	struct lane_sample lane[SHM_LANE_MAX];
	uint64_t drops[SHM_COUNTERS_MAX]; // of all lanes, by counter
	char names[SHM_COUNTERS_MAX][SHM_NAME_MAX];
	uint32_t counters;
};

static uint64_t metric_of(const json_t *metrics, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(metrics, name));
}

static void sample_signaling(const struct cli *cli, struct sample *out)
{
	struct client_request request = { .path = "/v1/metrics", .is_quiet = true };
	json_t *answer;
	if (client_ask(cli, &request, &answer) != CLI_OK)
		return;
	const json_t *core = json_object_get(answer, "core");
	out->has_signaling = true;
	out->calls_active = metric_of(core, "calls");
	out->calls_started = metric_of(core, "calls_started");
	out->calls_answered = metric_of(core, "calls_answered");
	out->calls_refused = metric_of(core, "refused");
	json_decref(answer);
}

static bool is_drop(const char *name)
{
	return strncmp(name, "drop", 4) == 0;
}

static void sample_lane(const struct segment *segment, uint32_t lane, struct sample *out)
{
	struct lane_sample *mine = &out->lane[lane];
	for (uint32_t i = 0; i < out->counters; i++) {
		uint64_t value = segment_counter(segment, lane, i);
		if (strcmp(out->names[i], "received") == 0)
			mine->received = value;
		else if (strcmp(out->names[i], "forwarded") == 0)
			mine->forwarded = value;
		if (!is_drop(out->names[i]))
			continue;
		mine->dropped += value;
		out->drops[i] += value;
	}
}

static void sample_segment(const struct cli *cli, struct sample *out)
{
	struct segment segment;
	struct segment_ports ports;
	if (access(cli->shm_dir, R_OK) < 0 || segment_open(cli->shm_dir, &segment) != CLI_OK)
		return;
	for (uint32_t id = 0; id < segment_address_count(&segment); id++) {
		segment_count_ports(&segment, id, cli->quarantine_ms, &ports);
		out->ports_used += ports.used;
		out->ports_total += ports.total;
	}
	out->has_media = segment.has_media;
	out->counters = segment_counter_count(&segment);
	out->lanes = segment_lane_count(&segment);
	for (uint32_t i = 0; i < out->counters; i++)
		segment_counter_name(&segment, i, out->names[i]);
	for (uint32_t lane = 0; lane < out->lanes; lane++)
		sample_lane(&segment, lane, out);
	segment_close(&segment);
}

static void sample_take(const struct cli *cli, struct sample *out)
{
	memset(out, 0, sizeof(*out));
	out->now_ns = clock_mono_ns();
	sample_signaling(cli, out);
	sample_segment(cli, out);
}

// Per second. A counter that went back belongs to a restarted process: its rate starts anew.
static double rate(const struct sample *before, const struct sample *after, uint64_t a, uint64_t b)
{
	double seconds = (double)(after->now_ns - before->now_ns) / (double)NS_PER_S;
	return b >= a && seconds > 0 ? (double)(b - a) / seconds : 0;
}

static void print_calls(const struct sample *a, const struct sample *b)
{
	if (!b->has_signaling) {
		puts("calls    muga-signaling does not answer");
		return;
	}
	printf("calls    %llu active   %.1f/s started   %.1f/s answered   %.1f/s refused\n",
		(unsigned long long)b->calls_active,
		rate(a, b, a->calls_started, b->calls_started),
		rate(a, b, a->calls_answered, b->calls_answered),
		rate(a, b, a->calls_refused, b->calls_refused));
}

static void print_lanes(const struct sample *a, const struct sample *b)
{
	char buf[UNITS_MAX];
	struct table *table = table_new(">LANE|>RECEIVED/S|>SENT/S|>DROPPED/S|>DROPPED");
	for (uint32_t i = 0; table != NULL && i < b->lanes; i++) {
		const struct lane_sample *x = &a->lane[i], *y = &b->lane[i];
		table_add(table, "%u", i);
		table_add(table, "%.0f", rate(a, b, x->received, y->received));
		table_add(table, "%.0f", rate(a, b, x->forwarded, y->forwarded));
		table_add(table, "%.0f", rate(a, b, x->dropped, y->dropped));
		table_add(table, "%s", units_count(y->dropped, buf));
	}
	table_print(table, "no lanes: muga-media has not run yet", stdout);
	table_free(table);
}

static void print_drops(const struct sample *a, const struct sample *b)
{
	struct table *table = table_new("DROP REASON|>PER S|>TOTAL");
	for (uint32_t i = 0; table != NULL && i < b->counters; i++) {
		if (b->drops[i] == 0)
			continue;
		table_add(table, "%s", b->names[i]);
		table_add(table, "%.0f", rate(a, b, a->drops[i], b->drops[i]));
		table_add(table, "%llu", (unsigned long long)b->drops[i]);
	}
	table_print(table, "nothing was dropped", stdout);
	table_free(table);
}

static void print_screen(const struct sample *a, const struct sample *b)
{
	if (isatty(STDOUT_FILENO))
		fputs(CLEAR_SCREEN, stdout);
	printf("muga %s\n", MUGA_VERSION);
	print_calls(a, b);
	printf("ports    %u of %u used\n\n", b->ports_used, b->ports_total);
	print_lanes(a, b);
	putchar('\n');
	print_drops(a, b);
	fflush(stdout);
}

static json_t *lane_json(const struct sample *a, const struct sample *b, uint32_t i)
{
	const struct lane_sample *x = &a->lane[i], *y = &b->lane[i];
	return json_pack("{s:f, s:f, s:f, s:I, s:I, s:I}", "received_per_s",
		rate(a, b, x->received, y->received), "forwarded_per_s",
		rate(a, b, x->forwarded, y->forwarded), "dropped_per_s",
		rate(a, b, x->dropped, y->dropped), "received", (json_int_t)y->received,
		"forwarded", (json_int_t)y->forwarded, "dropped", (json_int_t)y->dropped);
}

static int print_json(const struct sample *a, const struct sample *b)
{
	json_t *lanes = json_array(), *drops = json_object(), *calls = json_null();
	for (uint32_t i = 0; i < b->lanes; i++)
		json_array_append_new(lanes, lane_json(a, b, i));
	for (uint32_t i = 0; i < b->counters; i++)
		if (is_drop(b->names[i]))
			json_object_set_new(drops, b->names[i],
				json_integer((json_int_t)b->drops[i]));
	if (b->has_signaling)
		calls = json_pack("{s:I, s:f, s:f, s:f}", "active", (json_int_t)b->calls_active,
			"started_per_s", rate(a, b, a->calls_started, b->calls_started),
			"answered_per_s", rate(a, b, a->calls_answered, b->calls_answered),
			"refused_per_s", rate(a, b, a->calls_refused, b->calls_refused));
	return cli_print_json(json_pack("{s:o, s:{s:i, s:i}, s:o, s:o}", "calls", calls, "ports",
		"used", (int)b->ports_used, "total", (int)b->ports_total, "lanes", lanes, "drops",
		drops));
}

static void wait_ms(uint32_t ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
	nanosleep(&t, NULL);
}

int top_run(const struct cli *cli)
{
	static struct sample samples[2];
	uint32_t shown = 0;
	if (cli->word_count != 0)
		return cli_fail(CLI_USAGE, "usage: muga top [--interval MS] [--count N] [--json]");
	sample_take(cli, &samples[0]);
	do {
		wait_ms(cli->interval_ms);
		sample_take(cli, &samples[(shown + 1) % 2]);
		const struct sample *a = &samples[shown % 2], *b = &samples[(shown + 1) % 2];
		if (cli->is_json)
			return print_json(a, b);
		print_screen(a, b);
		shown++;
	} while (cli->count == 0 || shown < cli->count);
	return CLI_OK;
}
