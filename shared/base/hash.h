// hash.h - SipHash-2-4 (Aumasson, Bernstein 2012): keyed hash for dispatch, tables and short MACs.
// CRC-32C for record checksums. Any thread, pure.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t k[2];
};

uint64_t hash_sip(const struct hash_key *key, const void *data, size_t len);

// SipHash-2-4 with 128 bits of output, over bytes that come in pieces. Where one piece ends does
// not count: who hashes several texts hashes their lengths, too.
struct hash_stream {
	uint64_t v[4];
	uint64_t tail; // bytes that are no whole word yet, lowest first
	uint64_t len;  // all bytes so far
};
void hash_stream_begin(struct hash_stream *stream, const struct hash_key *key);
void hash_stream_add(struct hash_stream *stream, const void *data, size_t len);
void hash_stream_add_u64(struct hash_stream *stream, uint64_t value);
void hash_stream_end(struct hash_stream *stream, uint64_t out[2]);

// CRC-32C continued from `seed`, which is 0 or the result over the bytes before.
uint32_t hash_crc32c(uint32_t seed, const void *data, size_t len);
// The same by table, as on CPUs without SSE4.2: for the tests, which compare the two.
uint32_t hash_crc32c_portable(uint32_t seed, const void *data, size_t len);
