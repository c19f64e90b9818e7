// show_flows.c - muga show flows: every flow and what it carries. Read straight from the segment
// files, so it works while either process is dead.
#include "cli.h"

#include "muga/segment.h"
#include "muga/table.h"
#include "muga/units.h"

#include <stdio.h>

static const char *kind_name(uint8_t kind)
{
	static const char *const names[] = { "rtp", "rtcp", "opaque" };
	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "?";
}

static const char *phase_name(uint8_t phase)
{
	static const char *const names[] = { "none", "probation", "locked" };
	return phase < sizeof(names) / sizeof(names[0]) ? names[phase] : "?";
}

static void end_point(const struct ip *ip, uint16_t port, char out[ADDR_TEXT_MAX])
{
	struct addr addr = { .ip = *ip, .port = port };
	if (ip_is_unset(ip))
		snprintf(out, ADDR_TEXT_MAX, "-");
	else
		addr_format(&addr, out);
}

static double loss_of(const struct segment_stats *stats)
{
	return stats->expected > 0 ? (double)stats->lost / (double)stats->expected : 0;
}

static void peer_format(const struct segment *segment, const struct flow_cfg *cfg,
	char out[ADDR_TEXT_MAX])
{
	struct shm_address address;
	if (cfg->peer_incarnation == 0 || !segment_address(segment, cfg->peer_address, &address))
		snprintf(out, ADDR_TEXT_MAX, "-");
	else
		end_point(&address.ip, cfg->peer_port, out);
}

static void add_stats(struct table *table, const struct segment_flow *flow)
{
	const struct segment_stats *s = &flow->stats;
	char buf[ADDR_TEXT_MAX];
	if (!flow->has_stats) {
		for (int i = 0; i < 8; i++)
			table_add(table, "-");
		return;
	}
	end_point(&s->latch.ip, s->latch.port, buf);
	table_add(table, "%s", buf);
	table_add(table, "%s", phase_name(s->latch.phase));
	table_add(table, "%s", units_count(s->packets + s->rtcp_packets, buf));
	table_add(table, "%s", units_count(s->forwarded, buf));
	table_add(table, "%s", units_count(s->dropped, buf));
	table_add(table, "%.1f%%", loss_of(s) * 100);
	table_add(table, "%.1f", s->jitter_ms);
	table_add(table, "%s", s->packets > 0 ? units_duration(s->age_ms, buf) : "-");
}

static void add_flow(struct table *table, const struct segment *segment,
	const struct segment_flow *flow)
{
	char buf[ADDR_TEXT_MAX];
	const struct flow_cfg *cfg = &flow->cfg;
	table_add(table, "%016llx%c", (unsigned long long)cfg->call_token,
		cfg->call_leg == 0 ? 'a' : 'b');
	table_add(table, "%s", flow->address.realm);
	table_add(table, "%s", kind_name(cfg->kind));
	end_point(&flow->address.ip, cfg->port, buf);
	table_add(table, "%s", buf);
	peer_format(segment, cfg, buf);
	table_add(table, "%s", buf);
	end_point(&cfg->remote_ip, cfg->remote_port, buf);
	table_add(table, "%s", buf);
	add_stats(table, flow);
}

static void print_text(const struct segment *segment)
{
	struct table *table = table_new("CALL|REALM|KIND|LOCAL|PEER|SIGNALED|SOURCE|LATCH|>PACKETS|"
		">SENT ON|>DROPPED|>LOSS|>JITTER MS|>LAST");
	struct segment_flow flow;
	uint32_t cursor = 0;
	while (table != NULL && segment_next(segment, &cursor, &flow))
		add_flow(table, segment, &flow);
	table_print(table, "no flows", stdout);
	table_free(table);
}

// What its far end says by RTCP; null: nothing.
static json_t *far_json(const struct segment_stats *s)
{
	if (s->reports == 0)
		return json_null();
	return json_pack("{s:I, s:f, s:f, s:f}", "reports", (json_int_t)s->reports, "loss",
		s->far_loss, "jitter_ms", s->far_jitter_ms, "round_trip_ms", s->round_trip_ms);
}

static json_t *stats_json(const struct segment_flow *flow)
{
	const struct segment_stats *s = &flow->stats;
	char source[ADDR_TEXT_MAX];
	if (!flow->has_stats)
		return json_null();
	end_point(&s->latch.ip, s->latch.port, source);
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:I, s:I, s:I, s:o, "
		"s:I}",
		"source", source, "latch", phase_name(s->latch.phase),
		"packets", (json_int_t)s->packets, "octets", (json_int_t)s->octets,
		"forwarded", (json_int_t)s->forwarded,
		"rtcp_packets", (json_int_t)s->rtcp_packets,
		"dropped", (json_int_t)s->dropped, "lost", (json_int_t)s->lost,
		"loss", loss_of(s), "jitter_ms", s->jitter_ms, "age_ms", (json_int_t)s->age_ms,
		"ssrc", (json_int_t)s->ssrc, "payload_type", (json_int_t)s->payload_type,
		"far_end", far_json(s), "events", (json_int_t)s->events);
}

static json_t *flow_json(const struct segment *segment, const struct segment_flow *flow)
{
	const struct flow_cfg *cfg = &flow->cfg;
	char token[24], local[ADDR_TEXT_MAX], peer[ADDR_TEXT_MAX], remote[ADDR_TEXT_MAX];
	snprintf(token, sizeof(token), "%016llx", (unsigned long long)cfg->call_token);
	end_point(&flow->address.ip, cfg->port, local);
	peer_format(segment, cfg, peer);
	end_point(&cfg->remote_ip, cfg->remote_port, remote);
	// Names come from the file: json_pack() would refuse what is not UTF-8.
	json_t *realm = json_string(flow->address.realm);
	return json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:I, s:i, s:I, s:o}", "call", token,
		"leg", cfg->call_leg == 0 ? "a" : "b", "realm",
		realm != NULL ? realm : json_null(), "kind", kind_name(cfg->kind), "local", local,
		"peer", peer, "signaled", remote, "incarnation", (json_int_t)cfg->incarnation,
		"generation", (int)cfg->generation, "worker", (json_int_t)cfg->owner, "stats",
		stats_json(flow));
}

static int print_json(const struct segment *segment)
{
	json_t *flows = json_array();
	struct segment_flow flow;
	uint32_t cursor = 0;
	while (segment_next(segment, &cursor, &flow))
		json_array_append_new(flows, flow_json(segment, &flow));
	return cli_print_json(json_pack("{s:o}", "flows", flows));
}

int show_flows_run(const struct cli *cli)
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
