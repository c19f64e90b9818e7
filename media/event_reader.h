// event_reader.h - telephone events in a stream (RFC 4733): each is told once, when it is over.
//
// Pure, the lane that owns the flow. Events have up to some fifty packets, the last three alike;
// any of them may be lost, or late. An event whose end was lost is told by what follows it.
#pragma once

#include "proto/rtp.h"
#include "shm/flow_report.h"

#define EVENT_PAYLOAD_BYTES 4u

struct event_reader {
	uint32_t ssrc, timestamp; // of the event in hand
	uint32_t before;	  // timestamp units of its earlier segments (RFC 4733 2.5.1.3)
	uint16_t duration;	  // the longest seen, of this segment
	uint16_t sequence;	  // of its newest packet
	uint8_t code;
	bool is_open;		  // not told yet
	bool is_known;		  // the rest says something
};

// A packet of the event payload type. True: *out is an event that is over; `rate` > 0 is its clock.
bool event_reader_take(struct event_reader *reader, const struct rtp_view *rtp,
	const uint8_t *payload, uint32_t rate, struct flow_event *out);
// A packet of any other payload type: what ends must have been lost.
bool event_reader_pass(struct event_reader *reader, const struct rtp_view *rtp, uint32_t rate,
	struct flow_event *out);
