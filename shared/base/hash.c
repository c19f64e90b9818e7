// hash.c - SipHash-2-4 and CRC-32C (Castagnoli), the latter by the SSE4.2 instruction where there
// is one. Both are defined over little-endian words, which memcpy gives on the CPUs we support.
#include "base/hash.h"

#include <pthread.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "word loads below assume little endian");

#define CRC32C_POLYNOMIAL 0x82f63b78u // reflected 0x1edc6f41, RFC 3720 12.1

static uint64_t load64(const uint8_t *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof word);
	return word;
}

static uint64_t rotl(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] = rotl(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] = rotl(v[2], 32);
}

static void sip_absorb(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	sip_round(v);
	v[0] ^= word;
}

static void sip_begin(uint64_t v[4], const struct hash_key *key)
{
	v[0] = key->k[0] ^ 0x736f6d6570736575ull;
	v[1] = key->k[1] ^ 0x646f72616e646f6dull;
	v[2] = key->k[0] ^ 0x6c7967656e657261ull;
	v[3] = key->k[1] ^ 0x7465646279746573ull;
}

static uint64_t sip_end(uint64_t v[4])
{
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

// Up to seven bytes, lowest first: what overlaps is the same byte at the same place.
static uint64_t load_tail(const uint8_t *p, size_t len)
{
	if (len >= 4) {
		uint32_t low, high;
		memcpy(&low, p, sizeof low);
		memcpy(&high, p + len - 4, sizeof high);
		return low | (uint64_t)high << ((len - 4) * 8);
	}
	if (len == 0)
		return 0;
	return p[0] | (uint64_t)p[len / 2] << (len / 2 * 8) |
		(uint64_t)p[len - 1] << ((len - 1) * 8);
}

uint64_t hash_sip(const struct hash_key *key, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t v[4];
	sip_begin(v, key);
	for (size_t left = len / 8; left > 0; left--, p += 8)
		sip_absorb(v, load64(p));
	sip_absorb(v, (uint64_t)len << 56 | load_tail(p, len % 8));
	v[2] ^= 0xff;
	return sip_end(v);
}

void hash_stream_begin(struct hash_stream *stream, const struct hash_key *key)
{
	*stream = (struct hash_stream){ 0 };
	sip_begin(stream->v, key);
	stream->v[1] ^= 0xee;
}

// `word` holds `bytes` bytes, 1..8, lowest first, zeros above.
static void stream_add_word(struct hash_stream *stream, uint64_t word, uint32_t bytes)
{
	uint32_t held = (uint32_t)stream->len % 8;
	uint64_t whole = stream->tail | word << (held * 8);
	stream->len += bytes;
	if (held + bytes < 8) {
		stream->tail = whole;
		return;
	}
	sip_absorb(stream->v, whole);
	stream->tail = held ? word >> ((8 - held) * 8) : 0;
}

void hash_stream_add(struct hash_stream *stream, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t v[4], tail = stream->tail;
	uint32_t held = (uint32_t)stream->len % 8 * 8; // bits
	memcpy(v, stream->v, sizeof v);
	stream->len += len & ~(size_t)7;
	for (; len >= 8; len -= 8, p += 8) {
		uint64_t word = load64(p);
		sip_absorb(v, tail | word << held);
		tail = held ? word >> (64 - held) : 0;
	}
	memcpy(stream->v, v, sizeof v);
	stream->tail = tail;
	if (len > 0)
		stream_add_word(stream, load_tail(p, len), (uint32_t)len);
}

void hash_stream_add_u64(struct hash_stream *stream, uint64_t value)
{
	stream_add_word(stream, value, 8);
}

void hash_stream_end(struct hash_stream *stream, uint64_t out[2])
{
	sip_absorb(stream->v, stream->len << 56 | stream->tail);
	stream->v[2] ^= 0xee;
	out[0] = sip_end(stream->v);
	stream->v[1] ^= 0xdd;
	out[1] = sip_end(stream->v);
}

typedef uint32_t (*crc_fn)(uint32_t crc, const uint8_t *p, size_t len);

// writer: crc_choose() under crc_once, readers: any thread after pthread_once().
static uint32_t crc_table[256];
static crc_fn crc_update;
static pthread_once_t crc_once = PTHREAD_ONCE_INIT;

static uint32_t crc_by_table(uint32_t crc, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		crc = crc_table[(crc ^ p[i]) & 0xff] ^ crc >> 8;
	return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_by_sse42(
	uint32_t crc, const uint8_t *p, size_t len)
{
	uint64_t wide = crc;
	for (; len >= 8; p += 8, len -= 8)
		wide = _mm_crc32_u64(wide, load64(p));
	crc = (uint32_t)wide;
	for (; len > 0; p++, len--)
		crc = _mm_crc32_u8(crc, *p);
	return crc;
}
#endif

static void crc_choose(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ CRC32C_POLYNOMIAL : crc >> 1;
		crc_table[i] = crc;
	}
	crc_update = crc_by_table;
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		crc_update = crc_by_sse42;
#endif
}

uint32_t hash_crc32c(uint32_t seed, const void *data, size_t len)
{
	pthread_once(&crc_once, crc_choose);
	return ~crc_update(~seed, data, len);
}

uint32_t hash_crc32c_portable(uint32_t seed, const void *data, size_t len)
{
	pthread_once(&crc_once, crc_choose);
	return ~crc_by_table(~seed, data, len);
}
