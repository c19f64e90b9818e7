// rng.h - random numbers. struct rng is xoshiro256** seeded once: the real workers seed it from
// getrandom(2) and reseed, the simulator from its seed. Not for keys: those use rng_secure().
#pragma once

#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t s[4];
};

void rng_init(struct rng *rng, uint64_t seed);
void rng_init_system(struct rng *rng);
uint64_t rng_u64(struct rng *rng);
uint32_t rng_below(struct rng *rng, uint32_t bound); // uniform in 0..bound-1, bound > 0
void rng_secure(void *buf, size_t len);              // getrandom(2); dies if the kernel has none
