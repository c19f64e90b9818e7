// flow.c - checks on one record, and the reading of the latch.
#include "shm/flow.h"

#include "base/hash.h"
#include "shm/flow_table.h"

#include <string.h>

_Static_assert(offsetof(struct flow_cfg, checksum) == sizeof(struct flow_cfg) - sizeof(uint32_t),
	"the checksum comes last, so that one run of bytes lies before it");
_Static_assert(offsetof(struct flow_state, latch) % sizeof(uint64_t) == 0, "read by words");
_Static_assert(sizeof(struct flow_latch) % sizeof(uint64_t) == 0, "read by words");

#define LATCH_WORDS (sizeof(struct flow_latch) / sizeof(uint64_t))
#define LATCH_TRIES 4 // a lane changes the latch twice in a probation: more never happen in a row

uint32_t flow_checksum(const struct flow_cfg *cfg)
{
	static const uint32_t zero;
	uint32_t crc = hash_crc32c(0, cfg, offsetof(struct flow_cfg, checksum));
	return hash_crc32c(crc, &zero, sizeof(zero));
}

bool flow_is_valid(
	const struct flow_cfg *cfg, uint32_t media_address, uint16_t port, uint32_t flows)
{
	if (cfg->incarnation == 0 || cfg->generation == 0 || cfg->state_index >= flows)
		return false;
	if (cfg->media_address != media_address || cfg->port != port)
		return false;
	if (cfg->event_type > 127 || cfg->recording > SHM_RECORDINGS_MAX)
		return false;
	return cfg->checksum == flow_checksum(cfg);
}

bool flow_latch_read(const struct flow_state *state, struct flow_latch *out)
{
	for (int i = 0; i < LATCH_TRIES; i++) {
		// acquire: pairs with the lane's release store after it filled that copy
		uint32_t selector = atomic_load_explicit(
			&state->latch_selector, memory_order_acquire);
		const uint64_t *from = (const uint64_t *)&state->latch[selector & 1];
		uint64_t words[LATCH_WORDS];
		for (size_t w = 0; w < LATCH_WORDS; w++)
			words[w] = __atomic_load_n(&from[w], __ATOMIC_ACQUIRE);
		if (atomic_load_explicit(&state->latch_selector, memory_order_relaxed) != selector)
			continue;
		struct flow_latch latch;
		memcpy(&latch, words, sizeof(latch));
		if (latch.phase != FLOW_LATCH_PROBATION && latch.phase != FLOW_LATCH_LOCKED)
			return false;
		*out = latch;
		return true;
	}
	return false;
}
