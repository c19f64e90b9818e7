// flow_crypto.h - SRTP in the segment: one master key for one direction of one leg, and what media
// remembers of the packets under it.
//
// A slot of the two slabs is one key in use: signaling's struct flow_key[k] and media's struct
// flow_crypto[k] belong together. Both ports of a leg name the same two slots (flow_cfg.key_rx,
// .key_tx), and a change of the record with the same key keeps the slot: so indexes, roll-over
// counters and replay windows live exactly as long as the key. Signaling wipes the key after the
// grace period that follows its last record. No pointer may appear here.
#pragma once

#include "shm/abi.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOW_KEY_MARKS 3u
#define FLOW_STREAMS   16u // SSRCs under one key that send RTP
#define FLOW_REPORTERS 8u  // SSRCs under one key that send RTCP

// Where a stream stood when it was taken over from another node.
struct flow_mark {
	uint32_t ssrc; // 0 = none, as is an SSRC of 0: it then starts at roll-over counter 0
	uint32_t roc;
	uint16_t sequence;
	uint16_t spare;
};

// writer: the signaling worker that owns the slot, before flow_publish(); readers: lanes.
struct flow_key {
	alignas(64) uint64_t incarnation; // of the pair; 0 = no key here
	uint64_t serial;     // names the key: never the same twice, never 0
	uint8_t suite;	     // enum srtp_suite, not SRTP_NONE
	uint8_t mki_bytes;   // 0..16
	uint16_t spare;
	uint32_t rtcp_index; // first SRTCP index that we may send
	uint8_t key[32];     // master key, as long as the suite says; the rest is 0
	uint8_t salt[16];    // master salt, likewise
	uint8_t mki[16];     // likewise
	struct flow_mark marks[FLOW_KEY_MARKS];
	uint32_t checksum;   // flow_key_checksum()
};
_Static_assert(sizeof(struct flow_key) == 128, "two lines; a change bumps SHM_ABI");

// One SSRC under one key. The window is of the lane alone; a lane that finds the stream after a
// restart fills it, so that no index before the highest is used again.
struct flow_stream {
	_Atomic uint64_t index; // highest that was authenticated or sent
	uint64_t window[2];	// bit n: index - n was
	_Atomic uint32_t ssrc;
	_Atomic uint32_t used_s; // second (CLOCK_MONOTONIC) of the last packet, 0 = free entry
};
_Static_assert(sizeof(struct flow_stream) == 32, "two in a line");

// writer: the lane of the pair's media shard. Readers: signaling, tools (relaxed; words are whole).
struct flow_crypto {
	// line 0: whose it is, and what went wrong
	alignas(64) _Atomic uint64_t incarnation; // release-stored after the reset of the rest
	_Atomic uint64_t serial;		  // of the key
	_Atomic uint32_t rtcp_index;		  // next SRTCP index to send
	uint32_t spare0;
	_Atomic uint64_t packets; // authenticated or protected
	_Atomic uint64_t auth_failed;
	_Atomic uint64_t replayed; // or too old, or an index that was sent before
	_Atomic uint64_t refused;  // too short, another MKI, not encrypted
	uint64_t spare1;
	// line 1: SSRCs that had to give up their entry, three bits of 512 each: never sent again
	uint64_t gone[8];
	struct flow_stream streams[FLOW_STREAMS];
	struct flow_stream reporters[FLOW_REPORTERS];
};
_Static_assert(sizeof(struct flow_crypto) == 896, "fourteen lines; a change bumps SHM_ABI");

static inline uint64_t flow_stream_index(const struct flow_stream *stream)
{
	return atomic_load_explicit(&stream->index, memory_order_relaxed);
}

static inline void flow_stream_set_index(struct flow_stream *stream, uint64_t index)
{
	atomic_store_explicit(&stream->index, index, memory_order_relaxed);
}

// CRC-32C over the key with `checksum` taken as 0.
uint32_t flow_key_checksum(const struct flow_key *key);
// Whether the key is whole and belongs to that incarnation.
bool flow_key_is_valid(const struct flow_key *key, uint64_t incarnation);
