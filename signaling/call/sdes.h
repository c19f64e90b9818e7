// sdes.h - keys of SRTP in session descriptions: a=crypto (RFC 4568), read and written.
//
// Pure. Which line is taken and whose keys are in force is secure.c's business.
#pragma once

#include "proto/srtp.h"
#include "sip/sdp.h"

#include <stdbool.h>
#include <stdint.h>

#define SDES_TEXT_MAX	128u // of one value that we write
#define SDES_OFFERS_MAX 4u   // a=crypto lines of an offer of ours

// A master key; what the suite does not need is 0.
struct sdes_key {
	uint8_t suite; // enum srtp_suite, SRTP_NONE = no key
	uint8_t mki_bytes;
	uint8_t key[SRTP_KEY_MAX];
	uint8_t salt[SRTP_SALT_MAX];
	uint8_t mki[SRTP_MKI_MAX];
};

struct sdes_crypto {
	uint32_t tag; // 1..9 digits
	struct sdes_key key;
};

// The value of an a=crypto. False: malformed, or it asks for what we cannot do: an unknown suite,
// several keys, a long MKI, a session parameter that may not be ignored (RFC 4568 6.3.7), or
// anything unencrypted or unauthenticated.
bool sdes_parse(struct span value, struct sdes_crypto *out);

// The first line of media[index] that we can do, in the offerer's order. False: none.
bool sdes_choose(const struct sdp_session *sdp, uint32_t index, struct sdes_crypto *out);

// The value of an a=crypto for that key (no MKI); SDES_TEXT_MAX bytes of room. Its length.
uint32_t sdes_format(uint32_t tag, const struct sdes_key *key, char *out);

// Suites that we offer, the cheapest and strongest first; SDES_OFFERS_MAX of them.
extern const uint8_t sdes_offers[SDES_OFFERS_MAX];

// A fresh key, as long as any suite needs, from the kernel's random numbers.
void sdes_make(struct sdes_key *out);
// The same bytes as a key for that suite.
struct sdes_key sdes_key_for(const struct sdes_key *key, enum srtp_suite suite);
