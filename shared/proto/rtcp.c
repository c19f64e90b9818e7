// rtcp.c - compounds are walked with the remaining length in hand; nothing is read beyond it.
#include "proto/rtcp.h"

#include <errno.h>

#define SSRC_BYTES 4u
#define XR_BLOCK_HEADER 4u
#define XR_VOIP 7u        // RFC 3611 4.7
#define XR_VOIP_BYTES 36u // with its header

int rtcp_next(struct rtcp_walk *walk, struct rtcp_packet *out)
{
	const uint8_t *p = walk->ptr;
	uint32_t left = walk->left;
	if (left == 0)
		return 0;
	*walk = (struct rtcp_walk){ 0 };
	if (left < RTCP_HEADER_BYTES || p[0] >> 6 != RTP_VERSION || !rtp_is_rtcp_type(p[1]))
		return -EPROTO;
	uint32_t bytes = 4u * (rtp_load16(p + 2) + 1u);
	if (bytes > left)
		return -EPROTO;
	uint32_t padding = 0;
	if (p[0] & 0x20) {
		// RFC 3550 6.4.1: only the last packet of a compound is padded.
		padding = p[bytes - 1];
		bool is_sane = padding > 0 && padding % 4 == 0 &&
			padding <= bytes - RTCP_HEADER_BYTES;
		if (bytes != left || !is_sane)
			return -EPROTO;
	}
	*out = (struct rtcp_packet){
		.body = p + RTCP_HEADER_BYTES,
		.body_bytes = bytes - RTCP_HEADER_BYTES - padding,
		.type = p[1],
		.count = p[0] & 0x1f,
	};
	*walk = (struct rtcp_walk){ .ptr = p + bytes, .left = left - bytes };
	return 1;
}

// Bytes that the body of a packet must have for what its header announces.
static uint32_t body_bytes_min(const struct rtcp_packet *packet)
{
	switch (packet->type) {
	case RTCP_SR:
		return SSRC_BYTES + RTCP_SENDER_BYTES + packet->count * RTCP_REPORT_BYTES;
	case RTCP_RR:
		return SSRC_BYTES + packet->count * RTCP_REPORT_BYTES;
	case RTCP_SDES:
	case RTCP_BYE:
		return packet->count * SSRC_BYTES;
	case RTCP_APP:
	case RTCP_RTPFB:
	case RTCP_PSFB:
		return 2 * SSRC_BYTES;
	default:
		return SSRC_BYTES;
	}
}

bool rtcp_is_valid(const void *data, uint32_t len)
{
	struct rtcp_walk walk = rtcp_walk_start(data, len);
	struct rtcp_packet packet;
	int got;
	if (len == 0)
		return false;
	while ((got = rtcp_next(&walk, &packet)) > 0) {
		if (packet.body_bytes < body_bytes_min(&packet))
			return false;
	}
	return got == 0;
}

bool rtcp_packet_ssrc(const struct rtcp_packet *packet, uint32_t *out)
{
	bool is_chunked = packet->type == RTCP_SDES || packet->type == RTCP_BYE;
	if (packet->body_bytes < SSRC_BYTES || (is_chunked && packet->count == 0))
		return false;
	*out = rtp_load32(packet->body);
	return true;
}

bool rtcp_packet_sender(const struct rtcp_packet *packet, struct rtcp_sender *out)
{
	if (packet->type != RTCP_SR || packet->body_bytes < SSRC_BYTES + RTCP_SENDER_BYTES)
		return false;
	const uint8_t *p = packet->body + SSRC_BYTES;
	*out = (struct rtcp_sender){
		.ntp = (uint64_t)rtp_load32(p) << 32 | rtp_load32(p + 4),
		.timestamp = rtp_load32(p + 8),
		.packets = rtp_load32(p + 12),
		.bytes = rtp_load32(p + 16),
	};
	return true;
}

bool rtcp_packet_report(const struct rtcp_packet *packet, uint32_t index, struct rtcp_report *out)
{
	if ((packet->type != RTCP_SR && packet->type != RTCP_RR) || index >= packet->count)
		return false;
	uint32_t at = SSRC_BYTES + index * RTCP_REPORT_BYTES;
	if (packet->type == RTCP_SR)
		at += RTCP_SENDER_BYTES;
	if (at + RTCP_REPORT_BYTES > packet->body_bytes)
		return false;
	const uint8_t *p = packet->body + at;
	uint32_t lost = rtp_load32(p + 4) & 0xffffff;
	*out = (struct rtcp_report){
		.ssrc = rtp_load32(p),
		.fraction_lost = p[4],
		.lost = (int32_t)lost - (lost & 0x800000 ? 0x1000000 : 0),
		.seq_highest = rtp_load32(p + 8),
		.jitter = rtp_load32(p + 12),
		.last_sr = rtp_load32(p + 16),
		.delay_since_sr = rtp_load32(p + 20),
	};
	return true;
}

static void store_sender(const struct rtcp_sender *sender, uint8_t *p)
{
	rtp_store32(p, (uint32_t)(sender->ntp >> 32));
	rtp_store32(p + 4, (uint32_t)sender->ntp);
	rtp_store32(p + 8, sender->timestamp);
	rtp_store32(p + 12, sender->packets);
	rtp_store32(p + 16, sender->bytes);
}

static void store_report(const struct rtcp_report *report, uint8_t *p)
{
	rtp_store32(p, report->ssrc);
	rtp_store32(p + 4, (uint32_t)report->lost & 0xffffff);
	p[4] = report->fraction_lost;
	rtp_store32(p + 8, report->seq_highest);
	rtp_store32(p + 12, report->jitter);
	rtp_store32(p + 16, report->last_sr);
	rtp_store32(p + 20, report->delay_since_sr);
}

int rtcp_build_report(const struct rtcp_build *build, uint8_t *out, uint32_t cap)
{
	uint32_t bytes = RTCP_HEADER_BYTES + SSRC_BYTES + build->report_count * RTCP_REPORT_BYTES;
	if (build->sender)
		bytes += RTCP_SENDER_BYTES;
	if (build->report_count > RTCP_REPORTS_MAX || bytes > cap)
		return -ENOSPC;
	out[0] = (uint8_t)(RTP_VERSION << 6 | build->report_count);
	out[1] = build->sender ? RTCP_SR : RTCP_RR;
	rtp_store16(out + 2, (uint16_t)(bytes / 4 - 1));
	rtp_store32(out + 4, build->ssrc);
	uint8_t *p = out + RTCP_HEADER_BYTES + SSRC_BYTES;
	if (build->sender) {
		store_sender(build->sender, p);
		p += RTCP_SENDER_BYTES;
	}
	for (uint32_t i = 0; i < build->report_count; i++)
		store_report(&build->reports[i], p + i * RTCP_REPORT_BYTES);
	return (int)bytes;
}

uint32_t rtcp_round_trip(const struct rtcp_report *report, uint32_t now)
{
	if (report->last_sr == 0)
		return 0;
	uint32_t since_sr = now - report->last_sr; // modulo 2^32, as both wrap every 18 hours
	// More than half the range means that the sender's clock or ours went back.
	if (since_sr < report->delay_since_sr || since_sr > UINT32_MAX / 2)
		return 0;
	return since_sr - report->delay_since_sr;
}

bool rtcp_packet_voip(const struct rtcp_packet *packet, struct rtcp_voip *out)
{
	uint32_t at = 4; // after the SSRC of who sends

	if (packet->type != RTCP_XR)
		return false;
	while (at + XR_BLOCK_HEADER <= packet->body_bytes) {
		const uint8_t *block = packet->body + at;
		uint32_t bytes = XR_BLOCK_HEADER + 4u * rtp_load16(block + 2);

		if (bytes > packet->body_bytes - at)
			return false;
		if (block[0] == XR_VOIP && bytes == XR_VOIP_BYTES) {
			*out = (struct rtcp_voip){ .ssrc = rtp_load32(block + 4),
				.loss_rate = block[8],
				.r_factor = block[24],
				.mos_lq = block[26],
				.mos_cq = block[27] };
			return true;
		}
		at += bytes;
	}
	return false;
}
