// rng.c - xoshiro256** (Blackman, Vigna 2018), seeded through splitmix64; getrandom(2) for secrets.
#include "base/rng.h"

#include "base/check.h"

#include <errno.h>
#include <sys/random.h>

static uint64_t splitmix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static uint64_t rotl(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

void rng_init(struct rng *rng, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
		rng->s[i] = splitmix(&seed);
}

void rng_init_system(struct rng *rng)
{
	// The all-zero state is a fixed point of the generator.
	do {
		rng_secure(rng->s, sizeof rng->s);
	} while ((rng->s[0] | rng->s[1] | rng->s[2] | rng->s[3]) == 0);
}

uint64_t rng_u64(struct rng *rng)
{
	uint64_t *s = rng->s;
	uint64_t result = rotl(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

uint32_t rng_below(struct rng *rng, uint32_t bound)
{
	CHECK(bound > 0);
	// Lemire 2019: the high half of a product is uniform once the short low tail is rejected.
	uint32_t tail = -bound % bound;
	uint64_t product;
	do {
		product = (rng_u64(rng) >> 32) * (uint64_t)bound;
	} while ((uint32_t)product < tail);
	return (uint32_t)(product >> 32);
}

void rng_secure(void *buf, size_t len)
{
	uint8_t *at = buf;
	while (len > 0) {
		ssize_t got = getrandom(at, len, 0);
		if (got < 0 && errno == EINTR)
			continue;
		CHECK(got > 0);
		at += got;
		len -= (size_t)got;
	}
}
