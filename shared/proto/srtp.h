// srtp.h - the protection profiles of SRTP that Muga speaks: lengths and names (RFC 3711, 6188,
// 7714), as media and SDP (RFC 4568) need them.
//
// Constants and pure look-ups, any thread. Packets and keys are media's business.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SRTP_KEY_MAX	  32u // bytes of the longest master or session cipher key
#define SRTP_SALT_MAX	  14u
#define SRTP_AUTH_KEY	  20u // HMAC-SHA1, RFC 3711 5.2
#define SRTP_TAG_MAX	  16u
#define SRTP_MKI_MAX	  16u // longer ones (RFC 4568 allows 128) are refused where SDP is read
#define SRTP_INDEX_BYTES  4u  // E bit and index behind an SRTCP packet, RFC 3711 3.4
#define SRTCP_INDEX_LIMIT (1u << 31)
// What protection adds at most to a packet.
#define SRTP_TRAILER_MAX (SRTP_TAG_MAX + SRTP_MKI_MAX + SRTP_INDEX_BYTES)

// Values lie in shared/shm records: append only.
enum srtp_suite {
	SRTP_NONE, // plain RTP
	SRTP_AES_CM_128_HMAC_SHA1_80,
	SRTP_AES_CM_128_HMAC_SHA1_32,
	SRTP_AES_256_CM_HMAC_SHA1_80,
	SRTP_AES_256_CM_HMAC_SHA1_32,
	SRTP_AEAD_AES_128_GCM,
	SRTP_AEAD_AES_256_GCM,
	SRTP_SUITE_COUNT
};

struct srtp_suite_info {
	const char *name;	// in a=crypto (RFC 4568 6.2, RFC 6188 4, RFC 7714 14.2)
	uint8_t key_bytes;	// master key, and session cipher key
	uint8_t salt_bytes;	// master salt
	uint8_t auth_key_bytes; // 0 = AEAD
	uint8_t rtp_tag_bytes;
	uint8_t rtcp_tag_bytes; // 80 bits also where RTP has 32 (RFC 4568 6.2.2)
	bool is_aead;
};

// NULL: SRTP_NONE, or no such suite.
const struct srtp_suite_info *srtp_suite_info(uint32_t suite);

// By the name of a=crypto, exactly as registered. SRTP_NONE: not one of ours.
enum srtp_suite srtp_suite_by_name(const char *name, size_t len);
