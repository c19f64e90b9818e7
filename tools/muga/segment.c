#include "muga/segment.h"

#include "base/clock.h"
#include "muga/cli.h"
#include "shm/flow_report.h"
// Only for the stamps of ports at rest, which no reader but this tool has a use for.
#include "shm/layout.h"

#include <errno.h>
#include <string.h>

static const char *why_not(int error)
{
	switch (-error) {
	case ENOENT:
		return "there is none";
	case EAGAIN:
		return "being replaced, not ready, or left by an earlier boot of the machine";
	case EPROTO:
		return "not a segment file of this version";
	default:
		return strerror(-error);
	}
}

int segment_open(const char *dir, struct segment *out)
{
	int rc = shm_signaling_attach(dir, &out->signaling);
	if (rc < 0)
		return cli_fail(CLI_FAILED, "%s/signaling.seg: %s", dir, why_not(rc));
	out->media_error = shm_media_attach(dir, &out->media);
	out->has_media = out->media_error == 0;
	flow_view_init(&out->view, &out->signaling);
	out->now_ns = clock_mono_ns();
	return CLI_OK;
}

void segment_close(struct segment *segment)
{
	if (segment->has_media)
		shm_close(&segment->media);
	shm_close(&segment->signaling);
}

uint32_t segment_address_count(const struct segment *segment)
{
	uint32_t count = atomic_load_explicit(shm_address_count(&segment->signaling),
		memory_order_acquire);
	uint32_t max = segment->signaling.geometry.addresses;
	return count < max ? count : max;
}

bool segment_address(const struct segment *segment, uint32_t id, struct shm_address *out)
{
	if (id >= segment_address_count(segment))
		return false;
	memcpy(out, &shm_addresses(&segment->signaling)[id], sizeof(*out));
	out->device[SHM_NAME_MAX - 1] = '\0';
	out->realm[SHM_NAME_MAX - 1] = '\0';
	return true;
}

static uint64_t load64(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static uint32_t load32(const _Atomic uint32_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static void stats_losses(const struct flow_state *state, struct segment_stats *out)
{
	uint32_t packets = load32(&state->stream_packets);
	uint32_t expected = load32(&state->sequence_max) - load32(&state->sequence_base) + 1;
	uint32_t before = load32(&state->lost_before);
	if (packets == 0)
		return;
	out->lost = before + (expected > packets ? expected - packets : 0);
	out->expected = out->packets + out->lost;
}

static double jitter_ms(uint32_t units, uint32_t rate)
{
	return rate ? (double)units * 1000 / rate : 0;
}

// What stands beside the state since RTCP or an event came.
static void stats_report(const struct segment *segment, const struct flow_cfg *cfg,
	const struct flow_state *state, struct segment_stats *out)
{
	const struct flow_report *report =
		&shm_flow_reports(&segment->media)[cfg->state_index];

	if (atomic_load_explicit(&report->incarnation, memory_order_acquire) != cfg->incarnation)
		return;
	out->reports = atomic_load_explicit(&report->reports, memory_order_relaxed);
	out->round_trip_ms =
		atomic_load_explicit(&report->round_trip_us, memory_order_relaxed) / 1000.0;
	out->events = atomic_load_explicit(&report->events, memory_order_relaxed);
	out->far_loss =
		atomic_load_explicit(&state->remote_fraction, memory_order_relaxed) / 256.0;
	out->far_jitter_ms = jitter_ms(
		atomic_load_explicit(&state->remote_jitter, memory_order_relaxed),
		atomic_load_explicit(&state->clock_rate, memory_order_relaxed));
}

static bool stats_read(const struct segment *segment, const struct flow_cfg *cfg,
	struct segment_stats *out)
{
	if (!segment->has_media || cfg->state_index >= segment->media.geometry.flows)
		return false;
	const struct flow_state *state = &shm_flow_state(&segment->media)[cfg->state_index];
	if (atomic_load_explicit(&state->incarnation, memory_order_acquire) != cfg->incarnation)
		return false;
	*out = (struct segment_stats){
		.packets = load64(&state->packets),
		.octets = load64(&state->octets),
		.forwarded = load64(&state->forwarded),
		.rtcp_packets = load64(&state->rtcp_packets),
		.dropped = load64(&state->dropped_source) + load64(&state->dropped_rate) +
			load64(&state->dropped_other),
		.ssrc = load32(&state->ssrc),
		.payload_type = load32(&state->payload_type),
	};
	uint32_t clock_rate = load32(&state->clock_rate);
	if (clock_rate > 0)
		out->jitter_ms = load32(&state->jitter_x16) / 16.0 * 1000.0 / clock_rate;
	uint64_t last_ns = load64(&state->last_ns);
	if (last_ns > 0 && last_ns < segment->now_ns)
		out->age_ms = (segment->now_ns - last_ns) / NS_PER_MS;
	stats_losses(state, out);
	stats_report(segment, cfg, state, out);
	if (!flow_latch_read(state, &out->latch))
		memset(&out->latch, 0, sizeof(out->latch));
	return true;
}

bool segment_next(const struct segment *segment, uint32_t *cursor, struct segment_flow *out)
{
	uint32_t end = segment_address_count(segment) * SHM_PORTS;
	while (*cursor < end) {
		uint32_t id = *cursor / SHM_PORTS;
		uint16_t port = (uint16_t)(*cursor % SHM_PORTS);
		(*cursor)++;
		if (!flow_read(&segment->view, id, port, &out->cfg) ||
			!segment_address(segment, id, &out->address))
			continue;
		memset(&out->stats, 0, sizeof(out->stats));
		out->has_stats = stats_read(segment, &out->cfg, &out->stats);
		return true;
	}
	return false;
}

void segment_count_ports(const struct segment *segment, uint32_t id, uint32_t quarantine_ms,
	struct segment_ports *out)
{
	struct shm_address address;
	*out = (struct segment_ports){ 0 };
	if (!segment_address(segment, id, &address) || address.port_min > address.port_max)
		return;
	const _Atomic uint32_t *stamps = shm_stamps(&segment->signaling, id);
	uint32_t now_s = (uint32_t)(segment->now_ns / NS_PER_S);
	uint32_t rest_s = (quarantine_ms + 999) / 1000;
	for (uint32_t port = address.port_min; port <= address.port_max; port++) {
		uint32_t stamp = load32(&stamps[port / 2]);
		// The stamp is the second after the one in which the rest began: rounded up, so
		// that no port looks free too early.
		bool is_young =
			stamp != SHM_STAMP_NEVER && (stamp > now_s || now_s - stamp < rest_s + 1);
		out->total++;
		if (flow_lookup(&segment->view, id, (uint16_t)port) != NULL)
			out->used++;
		else if (stamp == SHM_STAMP_USED || is_young)
			out->resting++;
		else
			out->free++;
	}
}

uint32_t segment_counter_count(const struct segment *segment)
{
	if (!segment->has_media)
		return 0;
	uint32_t count = atomic_load_explicit(&shm_counters(&segment->media)->count,
		memory_order_acquire);
	return count < SHM_COUNTERS_MAX ? count : SHM_COUNTERS_MAX;
}

uint32_t segment_lane_count(const struct segment *segment)
{
	if (!segment->has_media)
		return 0;
	uint32_t lanes = load32(&shm_counters(&segment->media)->lanes);
	return lanes < SHM_LANE_MAX ? lanes : SHM_LANE_MAX;
}

void segment_counter_name(const struct segment *segment, uint32_t i, char out[SHM_NAME_MAX])
{
	out[0] = '\0';
	if (i >= segment_counter_count(segment))
		return;
	memcpy(out, shm_counters(&segment->media)->names[i], SHM_NAME_MAX);
	out[SHM_NAME_MAX - 1] = '\0';
}

uint64_t segment_counter(const struct segment *segment, uint32_t lane, uint32_t i)
{
	if (lane >= segment_lane_count(segment) || i >= segment_counter_count(segment))
		return 0;
	return load64(&shm_lane_counters(&segment->media, lane)[i]);
}

void segment_latency(const struct segment *segment, uint32_t lane, uint32_t id,
	struct histogram_counts *sum)
{
	if (!segment->has_media || lane >= segment->media.geometry.lanes ||
		id >= segment->media.geometry.addresses)
		return;
	histogram_sum(sum, &shm_lane_latency(&segment->media, lane)[id]);
}

void segment_bursts(const struct segment *segment, uint32_t lane, struct histogram_counts *sum)
{
	if (segment->has_media && lane < segment->media.geometry.lanes)
		histogram_sum(sum, shm_lane_bursts(&segment->media, lane));
}

double segment_ns(const struct segment *segment, uint64_t cycles)
{
	uint64_t hz = segment->has_media ? shm_latency_hz(&segment->media) : 0;
	return hz > 0 ? (double)cycles * 1e9 / (double)hz : 0;
}
