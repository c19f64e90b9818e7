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

struct sip_state {
	uint64_t v[4];
};

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

static void sip_round(struct sip_state *s)
{
	uint64_t *v = s->v;
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

static void sip_absorb(struct sip_state *s, uint64_t word)
{
	s->v[3] ^= word;
	sip_round(s);
	sip_round(s);
	s->v[0] ^= word;
}

uint64_t hash_sip(const struct hash_key *key, const void *data, size_t len)
{
	const uint8_t *p = data;
	struct sip_state s = { {
		key->k[0] ^ 0x736f6d6570736575ull,
		key->k[1] ^ 0x646f72616e646f6dull,
		key->k[0] ^ 0x6c7967656e657261ull,
		key->k[1] ^ 0x7465646279746573ull,
	} };
	size_t words = len / 8;
	for (size_t i = 0; i < words; i++)
		sip_absorb(&s, load64(p + i * 8));
	uint64_t last = (uint64_t)len << 56;
	for (size_t i = words * 8; i < len; i++)
		last |= (uint64_t)p[i] << (i % 8 * 8);
	sip_absorb(&s, last);
	s.v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(&s);
	return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
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
