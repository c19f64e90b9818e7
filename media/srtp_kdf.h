// srtp_kdf.h - session keys from a master key (RFC 3711 4.3, RFC 6188 3, RFC 7714 11), key
// derivation rate 0: once per master key.
//
// One struct srtp_kdf belongs to one thread and holds OpenSSL's cipher. Takes some microseconds:
// when a key is taken into use, never per packet.
#pragma once

#include "proto/srtp.h"

#include <stdint.h>

struct evp_cipher_ctx_st;

struct srtp_kdf {
	struct evp_cipher_ctx_st *cipher;
};

// Of one protocol, RTP or RTCP. Unused bytes are 0.
struct srtp_session_keys {
	uint8_t cipher_key[SRTP_KEY_MAX];
	uint8_t auth_key[SRTP_AUTH_KEY];
	uint8_t salt[SRTP_SALT_MAX];
};

// 0 or -ENOMEM.
int srtp_kdf_init(struct srtp_kdf *kdf);
void srtp_kdf_fini(struct srtp_kdf *kdf);

// The session keys for RTP (labels 0..2) or RTCP (3..5) from suite->key_bytes of master key and
// suite->salt_bytes of master salt. The caller wipes them. 0, or -EIO: OpenSSL refused.
int srtp_kdf_derive(struct srtp_kdf *kdf, const struct srtp_suite_info *suite,
	const uint8_t *master_key, const uint8_t *master_salt, struct srtp_session_keys out[2]);
