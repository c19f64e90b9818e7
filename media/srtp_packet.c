#include "srtp_packet.h"

#include "proto/rtp.h"

#include <string.h>

uint32_t srtp_rtp_header_bytes(const uint8_t *rtp, uint32_t len)
{
	if (!rtp_is_valid(rtp, len))
		return 0;
	uint32_t bytes = RTP_HEADER_BYTES + 4u * (rtp[0] & 0x0f);
	if (rtp[0] & 0x10) {
		if (bytes + 4 > len)
			return 0;
		bytes += 4 + 4u * rtp_load16(rtp + bytes + 2);
	}
	return bytes <= len ? bytes : 0;
}

static uint32_t tag_bytes(const struct srtp_form *form, bool is_rtcp)
{
	return is_rtcp ? form->suite->rtcp_tag_bytes : form->suite->rtp_tag_bytes;
}

// Lays out what stands behind `end`.
static bool fill_trailer(const struct srtp_form *form, bool is_rtcp, uint32_t clear_bytes,
	uint32_t end, struct srtp_parts *out)
{
	uint32_t tag = tag_bytes(form, is_rtcp), index = is_rtcp ? SRTP_INDEX_BYTES : 0;
	uint32_t total = end + tag + index + form->mki_bytes;

	if (clear_bytes == 0 || clear_bytes > end || total > UINT16_MAX)
		return false;
	bool is_tag_first = form->suite->is_aead;
	uint32_t index_at = is_tag_first ? end + tag : end;
	uint32_t mki_at = index_at + index;
	*out = (struct srtp_parts){
		.clear_bytes = (uint16_t)clear_bytes,
		.end = (uint16_t)end,
		.index_at = (uint16_t)index_at,
		.mki_at = (uint16_t)mki_at,
		.tag_at = (uint16_t)(is_tag_first ? end : mki_at + form->mki_bytes),
		.tag_bytes = (uint8_t)tag,
		.total = (uint16_t)total,
	};
	return true;
}

bool srtp_parts_of(const struct srtp_form *form, bool is_rtcp, const uint8_t *packet, uint32_t len,
	struct srtp_parts *out)
{
	uint32_t trailer = tag_bytes(form, is_rtcp) + (is_rtcp ? SRTP_INDEX_BYTES : 0) +
		form->mki_bytes;

	if (len < trailer)
		return false;
	uint32_t end = len - trailer;
	uint32_t clear_bytes = is_rtcp ? SRTCP_CLEAR_BYTES : srtp_rtp_header_bytes(packet, end);
	return fill_trailer(form, is_rtcp, clear_bytes, end, out);
}

bool srtp_parts_for(const struct srtp_form *form, bool is_rtcp, const uint8_t *packet,
	uint32_t len, struct srtp_parts *out)
{
	uint32_t clear_bytes = is_rtcp ? SRTCP_CLEAR_BYTES : srtp_rtp_header_bytes(packet, len);

	return fill_trailer(form, is_rtcp, clear_bytes, len, out);
}

static inline void xor32(uint8_t *at, uint32_t value)
{
	rtp_store32(at, rtp_load32(at) ^ value);
}

// (salt << 16) XOR (SSRC << 64) XOR (index << 16)
void srtp_iv_cm(uint8_t iv[16], const uint8_t salt[14], uint32_t ssrc, uint64_t index)
{
	memcpy(iv, salt, 14);
	memset(iv + 14, 0, 2);
	xor32(iv + 4, ssrc);
	xor32(iv + 8, (uint32_t)(index >> 16));
	rtp_store16(iv + 12, rtp_load16(iv + 12) ^ (uint16_t)index);
}

// RTP: 0 | SSRC | ROC | SEQ; RTCP: 0 | SSRC | 0 | index. In both, an index of 48 bits at the end.
void srtp_iv_aead(uint8_t iv[12], const uint8_t salt[12], uint32_t ssrc, uint64_t index)
{
	memcpy(iv, salt, 12);
	xor32(iv + 2, ssrc);
	xor32(iv + 6, (uint32_t)(index >> 16));
	rtp_store16(iv + 10, rtp_load16(iv + 10) ^ (uint16_t)index);
}
