#include "anchor_rtcp.h"

#include "proto/rtcp.h"

#include <string.h>

#define XR_LOSS_RLE      1u // RFC 3611 4.1
#define XR_RECEIPT_TIMES 3u // 4.3
#define XR_DLRR          5u // 4.5
#define XR_SUMMARY       6u // 4.6
#define XR_VOIP          7u // 4.7
#define FMT_NACK         1u // RFC 4585 6.2.1
#define FMT_TMMBR        3u // RFC 5104 4.2.1
#define FMT_TMMBN        4u
#define FMT_FIR          4u // RFC 5104 4.3.1
#define FMT_ALFB         15u // RFC 4585 6.4, with "REMB" a bandwidth estimate
#define DLRR_BYTES       12u

static bool is_used(const struct flow_anchor *anchor)
{
	return anchor && (anchor->flags & FLOW_ANCHOR_USED);
}

// Who sends. True: it is the source of our stream.
static bool put_sender(const struct anchor_view *view, uint8_t *ssrc)
{
	if (!is_used(view->out) || rtp_load32(ssrc) != view->out->ssrc_in)
		return false;
	rtp_store32(ssrc, view->out->ssrc_out);
	return true;
}

// Who is spoken of. True: our stream.
static bool put_subject(const struct anchor_view *view, uint8_t *ssrc)
{
	if (!is_used(view->back) || rtp_load32(ssrc) != view->back->ssrc_out)
		return false;
	rtp_store32(ssrc, view->back->ssrc_in);
	return true;
}

static void put_sequence(const struct anchor_view *view, uint8_t *sequence)
{
	rtp_store16(sequence, (uint16_t)(rtp_load16(sequence) - view->back->sequence_shift));
}

// A difference of 16 bits is known, so one cycle is added: the number never falls below 0.
static void put_extended(const struct anchor_view *view, uint8_t *highest)
{
	uint32_t shift = view->back->sequence_shift;

	rtp_store32(highest, rtp_load32(highest) - shift + (shift ? 0x10000u : 0));
}

static void put_reports(const struct anchor_view *view, uint8_t *at, const uint8_t *end,
	uint32_t count)
{
	for (; count > 0 && at + RTCP_REPORT_BYTES <= end; count--, at += RTCP_REPORT_BYTES)
		if (put_subject(view, at))
			put_extended(view, at + 8);
}

static void put_sr(
	const struct anchor_view *view, uint8_t *body, const uint8_t *end, uint32_t count)
{
	if (body + 4 + RTCP_SENDER_BYTES > end)
		return;
	if (put_sender(view, body)) {
		rtp_store32(body + 12, rtp_load32(body + 12) + view->out->timestamp_shift);
		if (view->is_counted) {
			rtp_store32(body + 16, view->out->packets);
			rtp_store32(body + 20, view->out->octets);
		}
	}
	put_reports(view, body + 4 + RTCP_SENDER_BYTES, end, count);
}

// Items of a chunk end with at least one zero byte, up to the next word.
static uint32_t chunk_bytes(const uint8_t *chunk, uint32_t len)
{
	uint32_t at = 4;

	while (at + 2 <= len && chunk[at] != 0)
		at += 2u + chunk[at + 1];
	return at + 4 - at % 4;
}

static void put_sdes(const struct anchor_view *view, uint8_t *body, uint32_t len, uint32_t count)
{
	for (uint32_t at = 0; count > 0 && at + 4 <= len; count--) {
		put_sender(view, body + at);
		at += chunk_bytes(body + at, len - at);
	}
}

// SSRCs, each followed by `rest` bytes.
static void put_subjects(
	const struct anchor_view *view, uint8_t *at, const uint8_t *end, uint32_t rest)
{
	for (; at + 4 + rest <= end; at += 4 + rest)
		put_subject(view, at);
}

static void put_feedback(const struct anchor_view *view, uint8_t *body, uint8_t *end,
	const struct rtcp_packet *packet)
{
	if (body + 8 > end)
		return;
	put_sender(view, body);
	bool is_ours = put_subject(view, body + 4);
	uint8_t *fci = body + 8;
	uint8_t format = packet->count;
	if (packet->type == RTCP_PSFB) {
		if (format == FMT_FIR)
			put_subjects(view, fci, end, 4);
		else if (format == FMT_ALFB && fci + 8 <= end && memcmp(fci, "REMB", 4) == 0)
			put_subjects(view, fci + 8, end, 0);
		return;
	}
	if (format == FMT_TMMBR || format == FMT_TMMBN)
		put_subjects(view, fci, end, 4);
	for (; is_ours && format == FMT_NACK && fci + 4 <= end; fci += 4)
		put_sequence(view, fci);
}

static void put_xr_block(const struct anchor_view *view, uint8_t *block, const uint8_t *end)
{
	uint8_t type = block[0];

	if (type == XR_DLRR)
		put_subjects(view, block + 4, end, DLRR_BYTES - 4);
	bool is_sequenced = (type >= XR_LOSS_RLE && type <= XR_RECEIPT_TIMES) || type == XR_SUMMARY;
	if (!is_sequenced && type != XR_VOIP)
		return;
	if (block + 8 > end || !put_subject(view, block + 4) || !is_sequenced || block + 12 > end)
		return;
	put_sequence(view, block + 8);
	put_sequence(view, block + 10);
}

static void put_xr(const struct anchor_view *view, uint8_t *body, const uint8_t *end)
{
	if (body + 4 > end)
		return;
	put_sender(view, body);
	for (uint8_t *block = body + 4, *next; block + 4 <= end; block = next) {
		uint32_t bytes = 4u + 4u * rtp_load16(block + 2);

		if (bytes > (uint32_t)(end - block))
			return;
		next = block + bytes;
		put_xr_block(view, block, next);
	}
}

// Whether the BYE is about our stream, which does not end with its source.
static bool is_no_end(const struct anchor_view *view, const uint8_t *body, const uint8_t *end,
	uint32_t count)
{
	for (; view->is_counted && is_used(view->out) && count > 0 && body + 4 <= end;
		count--, body += 4)
		if (rtp_load32(body) == view->out->ssrc_in)
			return true;
	return false;
}

static void put_packet(const struct anchor_view *view, uint8_t *body, uint8_t *end,
	const struct rtcp_packet *packet)
{
	uint8_t *at = body;

	switch (packet->type) {
	case RTCP_SR:
		put_sr(view, body, end, packet->count);
		break;
	case RTCP_RR:
		if (body + 4 <= end)
			put_sender(view, body);
		put_reports(view, body + 4, end, packet->count);
		break;
	case RTCP_SDES:
		put_sdes(view, body, packet->body_bytes, packet->count);
		break;
	case RTCP_BYE:
		for (uint32_t i = 0; i < packet->count && at + 4 <= end; i++, at += 4)
			put_sender(view, at);
		break;
	case RTCP_RTPFB:
	case RTCP_PSFB:
		put_feedback(view, body, end, packet);
		break;
	case RTCP_XR:
		put_xr(view, body, end);
		break;
	default: // RFC 3550 6.7 APP, and whatever else begins with its sender
		if (body + 4 <= end)
			put_sender(view, body);
	}
}

uint32_t anchor_rtcp(const struct anchor_view *view, uint8_t *data, uint32_t len)
{
	struct rtcp_walk walk = rtcp_walk_start(data, len);
	uint8_t *at = data, *to = data;
	struct rtcp_packet packet;

	while (rtcp_next(&walk, &packet) > 0) {
		uint32_t bytes = 4u + 4u * rtp_load16(at + 2);
		uint8_t *body = at + RTCP_HEADER_BYTES, *end = body + packet.body_bytes;
		bool is_taken = packet.type == RTCP_BYE &&
			is_no_end(view, body, end, packet.count);

		if (!is_taken) {
			put_packet(view, body, end, &packet);
			memmove(to, at, bytes);
			to += bytes;
		}
		at += bytes;
	}
	return (uint32_t)(to - data);
}
