// srtp_packet.h - where the parts of an SRTP or SRTCP packet lie (RFC 3711 3.1, 3.4; RFC 7714 8.1,
// 9.1), and the initialization vectors (RFC 3711 4.1.1, RFC 7714 8.1, 9.1).
//
// Pure functions over borrowed bytes, any thread, safe for hostile input.
//
//   HMAC:  header | payload encrypted | [MKI] | tag          SRTCP: ... | E+index | [MKI] | tag
//   AEAD:  header | payload encrypted | tag | [MKI]          SRTCP: ... | tag | E+index | [MKI]
#pragma once

#include "proto/srtp.h"

#include <stdbool.h>
#include <stdint.h>

#define SRTCP_CLEAR_BYTES 8u	      // header and SSRC of an RTCP compound stay in clear
#define SRTCP_ENCRYPTED	  0x80000000u // E bit of the word with the index

// What a key makes of packets: its suite and how long its MKI is.
struct srtp_form {
	const struct srtp_suite_info *suite;
	uint8_t mki_bytes; // 0..SRTP_MKI_MAX
};

// Offsets from the first byte of RTP or RTCP.
struct srtp_parts {
	uint16_t clear_bytes; // header, in clear and authenticated
	uint16_t end;	      // of what is encrypted, where a plain packet ends
	uint16_t index_at;    // SRTCP: E bit and index
	uint16_t mki_at;
	uint16_t tag_at;
	uint8_t tag_bytes;
	uint16_t total; // of the protected packet
};

// Bytes of fixed header, CSRC list and extension of `len` bytes of RTP; 0: they do not fit, or it
// is not version 2. Padding is of the payload and may be encrypted: not looked at.
uint32_t srtp_rtp_header_bytes(const uint8_t *rtp, uint32_t len);

// The parts of a protected packet of `len` bytes. False: too short for what it must have. For RTP,
// `packet` has been checked by nobody; for RTCP only its length matters.
bool srtp_parts_of(const struct srtp_form *form, bool is_rtcp, const uint8_t *packet, uint32_t len,
	struct srtp_parts *out);
// The parts of what a plain packet of `len` bytes becomes. False: not RTP, or RTCP that is too
// short. What fits is not asked here: see `total`.
bool srtp_parts_for(const struct srtp_form *form, bool is_rtcp, const uint8_t *packet,
	uint32_t len, struct srtp_parts *out);

// `salt` is the session salt (14 bytes for AES-CM, 12 for AEAD). AES-CM counts blocks in the last
// two bytes, from 0; AEAD uses 12 bytes. Of the RTP index of AEAD, 48 bits count; of SRTCP's, 31.
void srtp_iv_cm(uint8_t iv[16], const uint8_t salt[14], uint32_t ssrc, uint64_t index);
void srtp_iv_aead(uint8_t iv[12], const uint8_t salt[12], uint32_t ssrc, uint64_t index);
