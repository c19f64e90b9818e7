#include "event_reader.h"

#define END_BIT	   0x80u
#define LOST_AFTER 4 // packets of the stream behind an event's newest one: its end was lost

static void tell(struct event_reader *reader, uint32_t rate, struct flow_event *out)
{
	uint64_t units = (uint64_t)reader->before + reader->duration;
	uint64_t ms = units * 1000 / rate;

	reader->is_open = false;
	*out = (struct flow_event){ .code = reader->code,
		.duration_ms = (uint16_t)(ms < UINT16_MAX ? ms : UINT16_MAX) };
}

static void begin(struct event_reader *reader, const struct rtp_view *rtp, uint8_t code,
	uint16_t duration)
{
	*reader = (struct event_reader){ .ssrc = rtp->ssrc,
		.timestamp = rtp->timestamp,
		.duration = duration,
		.sequence = rtp->seq,
		.code = code,
		.is_open = true,
		.is_known = true };
}

// RFC 4733 2.5.1.3: an event longer than the field goes on in another segment, whose timestamp is
// where the last one ended.
static bool is_next_segment(
	const struct event_reader *reader, const struct rtp_view *rtp, uint8_t code)
{
	return reader->is_open && code == reader->code && !rtp->is_marked &&
		rtp->timestamp == reader->timestamp + reader->duration;
}

bool event_reader_take(struct event_reader *reader, const struct rtp_view *rtp,
	const uint8_t *payload, uint32_t rate, struct flow_event *out)
{
	if (rtp->payload_bytes < EVENT_PAYLOAD_BYTES)
		return false;
	uint8_t code = payload[0];
	uint16_t duration = rtp_load16(payload + 2);
	bool is_end = payload[1] & END_BIT, was_open = reader->is_open;
	bool is_same_source = reader->is_known && reader->ssrc == rtp->ssrc;

	if (is_same_source && rtp->timestamp == reader->timestamp && code == reader->code) {
		if (duration > reader->duration)
			reader->duration = duration;
		if (rtp_seq_diff(rtp->seq, reader->sequence) > 0)
			reader->sequence = rtp->seq;
	} else if (is_same_source && is_next_segment(reader, rtp, code)) {
		reader->before += reader->duration;
		reader->timestamp = rtp->timestamp;
		reader->duration = duration;
		reader->sequence = rtp->seq;
	} else if (is_same_source && (int32_t)(rtp->timestamp - reader->timestamp) < 0) {
		return false; // late, of an event before
	} else {
		// The one before never ended. The new one is told by its next packet, or by what
		// follows, should this be its end.
		if (was_open)
			tell(reader, rate, out);
		begin(reader, rtp, code, duration);
		if (was_open)
			return true;
	}
	if (!is_end || !reader->is_open)
		return false;
	tell(reader, rate, out);
	return true;
}

bool event_reader_pass(struct event_reader *reader, const struct rtp_view *rtp, uint32_t rate,
	struct flow_event *out)
{
	if (!reader->is_open)
		return false;
	if (rtp->ssrc == reader->ssrc && rtp_seq_diff(rtp->seq, reader->sequence) < LOST_AFTER)
		return false;
	tell(reader, rate, out);
	return true;
}
