#include "rtcp_read.h"

#include "flow_sync.h"
#include "lane.h"
#include "stream.h"
#include "tap.h"

#define ROUND_TRIP_MAX_US 30000000u // more is a mistake of somebody's clock

static void raise_to(_Atomic uint32_t *word, uint32_t value)
{
	if (value > stream_get(word))
		stream_set(word, value);
}

static struct flow_report *report_of(struct lane *lane, const struct flow_state *state)
{
	uint32_t index = (uint32_t)(state - lane->states);
	uint64_t incarnation = metric_read(&state->incarnation);

	if (index >= lane->tap->flows || incarnation == 0)
		return NULL;
	struct flow_report *report = &lane->tap->reports[index];
	if (metric_read(&report->incarnation) != incarnation)
		flow_report_reset(report, incarnation);
	return report;
}

// The report of the flow whose sender reports the packet's sender has heard. NULL: none.
static const struct flow_report *peer_report(struct lane *lane, const struct packet *packet)
{
	uint32_t slot = packet->header->peer_slot;

	if (slot >= lane->view.flows)
		return NULL;
	// Read once: the record is the other process's, what was checked must be what is used.
	const struct flow_cfg *cfg = &lane->view.cfg[slot];
	uint16_t address = __atomic_load_n(&cfg->media_address, __ATOMIC_RELAXED);
	uint16_t port = __atomic_load_n(&cfg->port, __ATOMIC_RELAXED) & (uint16_t)~1u;
	uint64_t incarnation = __atomic_load_n(&cfg->incarnation, __ATOMIC_RELAXED);
	if (address >= lane->view.addresses ||
		lane->shard_lane[shm_media_shard(port)] != lane->id)
		return NULL;
	const struct flow_state *state = flow_sync_neighbour(lane, address, port, incarnation);
	return state ? report_of(lane, state) : NULL;
}

static void note_sender(
	const struct burst *burst, struct flow_report *report, const struct rtcp_sender *sender)
{
	uint32_t at = stream_get(&report->sr_count) % FLOW_SR_LOG;

	stream_set(&report->sr_time[at], (uint32_t)(sender->ntp >> 16));
	stream_set(&report->sr_at_us[at], (uint32_t)(burst->now_ns / 1000));
	stream_set(&report->sr_count, stream_get(&report->sr_count) + 1);
}

static void measure(const struct burst *burst, struct flow_report *report,
	const struct flow_report *peer, const struct rtcp_report *block)
{
	uint32_t held_us = (uint32_t)((uint64_t)block->delay_since_sr * 1000000 >> 16);
	uint32_t count = stream_get(&peer->sr_count);

	count = count < FLOW_SR_LOG ? count : FLOW_SR_LOG;
	for (uint32_t i = 0; i < count; i++) {
		if (stream_get(&peer->sr_time[i]) != block->last_sr)
			continue;
		uint32_t passed_us =
			(uint32_t)(burst->now_ns / 1000) - stream_get(&peer->sr_at_us[i]);
		uint32_t trip_us = passed_us - held_us;
		if (passed_us < held_us || trip_us > ROUND_TRIP_MAX_US)
			return;
		stream_set(&report->round_trip_us, trip_us > 0 ? trip_us : 1);
		raise_to(&report->round_trip_max_us, trip_us);
		return;
	}
}

void rtcp_read(struct lane *lane, const struct burst *burst, const struct packet *packet,
	const struct flow_state *state, const struct rtcp_packet *rtcp)
{
	struct flow_report *report = lane->tap ? report_of(lane, state) : NULL;
	struct rtcp_sender sender;
	struct rtcp_report block;
	struct rtcp_voip voip;

	if (!report)
		return;
	if (rtcp_packet_sender(rtcp, &sender))
		note_sender(burst, report, &sender);
	if (rtcp_packet_report(rtcp, 0, &block)) {
		const struct flow_report *peer = peer_report(lane, packet);

		stream_set(&report->reports, stream_get(&report->reports) + 1);
		raise_to(&report->fraction_lost_max, block.fraction_lost);
		raise_to(&report->jitter_max, block.jitter);
		if (peer && block.last_sr != 0)
			measure(burst, report, peer, &block);
	}
	if (rtcp_packet_voip(rtcp, &voip))
		stream_set(&report->voip,
			1u << 24 | (uint32_t)voip.mos_cq << 16 | (uint32_t)voip.mos_lq << 8 |
				voip.r_factor);
}
