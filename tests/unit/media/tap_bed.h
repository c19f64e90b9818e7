// tap_bed.h - rtp_frame.h with a tap: recordings, telephone events, reports of RTCP.
#pragma once

#include "tap.h"
#include "unit/media/rtp_frame.h"

#define EVENT_TYPE 101u

static struct shm_map tap_signaling, tap_media;
static struct tap_lane tap_lane;

static struct rte_mbuf *tap_mbuf(void *context)
{
	(void)context;
	return bed_mbuf(BURST_MAX - 1, (const uint8_t *)"", 0);
}

static inline int tap_bed(void **state)
{
	struct shm_geometry geometry = {
		.addresses = BED_ADDRESSES, .flows = BED_FLOWS, .workers = 1, .lanes = 1
	};

	frame_bed(state);
	assert_int_equal(shm_anonymous(&geometry, &tap_signaling, &tap_media), 0);
	tap_lane = (struct tap_lane){ .ring = ring_new(1u << 16),
		.taps = flow_taps_new(BED_FLOWS),
		.reports = shm_flow_reports(&tap_media),
		.tones = shm_flow_tones(&tap_signaling),
		.signaling = &tap_signaling,
		.states = shm_recording_states(&tap_media),
		.flows = BED_FLOWS };
	assert_non_null(tap_lane.ring);
	assert_non_null(tap_lane.taps);
	bed.lane.tap = &tap_lane;
	bed.lane.mbuf_new = tap_mbuf;
	return 0;
}

static inline int tap_bed_end(void **state)
{
	(void)state;
	ring_free(tap_lane.ring);
	flow_taps_free(tap_lane.taps, BED_FLOWS);
	shm_close(&tap_signaling);
	shm_close(&tap_media);
	return 0;
}

// Both legs' RTP ports; `change` makes what is special about leg A's record.
static inline void tap_call(void (*change)(struct flow_cfg *a))
{
	struct flow_cfg a = leg(0, PORT), b = leg(1, PORT);

	a.call_token = b.call_token = 0xfeed;
	b.call_leg = 1;
	a.event_type = b.event_type = EVENT_TYPE;
	a.event_rate = b.event_rate = 8000;
	if (change)
		change(&a);
	bed_flow(&a);
	bed_flow(&b);
}

static inline struct flow_report *tap_report(uint16_t address)
{
	uint32_t slot = bed.index[address * SHM_PORTS + PORT];

	return &tap_lane.reports[bed.cfg[slot].state_index];
}

// One telephone event packet from A; `body` is event, flags, duration.
static inline enum drop_reason tap_event(
	uint16_t sequence, uint32_t timestamp, const uint8_t body[4])
{
	struct rtp_frame frame = frame_of_a(sequence);

	frame.payload_type = EVENT_TYPE;
	frame.timestamp = timestamp;
	frame_put(0, &frame, 16);
	memcpy(rte_pktmbuf_mtod(&bed.mbufs[0].mbuf, uint8_t *) + 54, body, 4);
	struct burst *burst = bed_burst(0, 1, frame.at_ns);
	forward_burst(&bed.lane, burst);
	enum drop_reason reason = burst->packets[0].reason;
	burst_finish(&bed.lane, burst);
	return reason;
}

// The RTP packet that left last, behind 42 bytes of headers.
static inline const uint8_t *tap_sent(uint32_t *len)
{
	assert_int_equal(bed.ports[1].count, 1);
	const uint8_t *frame = rte_pktmbuf_mtod(bed.ports[1].sent[0], const uint8_t *);
	*len = (uint32_t)(frame[38] << 8 | frame[39]) - 8;
	assert_int_equal(bed.ports[1].sent[0]->data_len, 42 + *len);
	return frame + 42;
}
