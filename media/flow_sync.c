// flow_sync.c - see flow_sync.h.
//
// Order of a reset, for readers that compare the incarnation first and last: 0 is stored, a
// release fence, the words, then the new incarnation with release. Who reads the new one sees
// reset words.
#include "flow_sync.h"

#include "base/hash.h"
#include "lane.h"
#include "stream.h"

#include <string.h>

bool flow_sync_copy(const struct lane *lane, uint32_t slot, uint16_t address, uint16_t port,
	struct flow_cfg *out)
{
	memcpy(out, &lane->view.cfg[slot], sizeof(*out));
	return out->checksum == flow_checksum(out) && out->media_address == address &&
		out->port == port && out->incarnation != 0 && out->state_index < lane->view.flows &&
		out->kind <= FLOW_OPAQUE && out->latch_mode <= FLOW_LATCH_PROOF &&
		out->event_type <= 127 && out->recording <= SHM_RECORDINGS_MAX &&
		(out->kind != FLOW_OPAQUE || (out->key_rx | out->key_tx) == 0);
}

static uint32_t remote_hash(const struct flow_cfg *cfg)
{
	uint32_t hash = hash_crc32c(0, cfg->remote_ip.b, sizeof(cfg->remote_ip.b));
	return hash_crc32c(hash, &cfg->remote_port, sizeof(cfg->remote_port));
}

struct flow_latch flow_sync_latch(const struct flow_state *state)
{
	uint32_t selector = atomic_load_explicit(&state->latch_selector, memory_order_relaxed);
	return state->latch[selector & 1];
}

void flow_sync_set_latch(struct flow_state *state, const struct flow_latch *latch)
{
	uint32_t selector = atomic_load_explicit(&state->latch_selector, memory_order_relaxed) + 1;
	state->latch[selector & 1] = *latch;
	// release: pairs with the acquire in flow_latch_read()
	atomic_store_explicit(&state->latch_selector, selector, memory_order_release);
}

static void reset_state(struct flow_state *state)
{
	static const struct flow_latch none = { .phase = FLOW_LATCH_NONE };

	flow_sync_set_latch(state, &none);
	stream_reset(state);
	_Atomic uint64_t *const words[] = { &state->packets, &state->octets, &state->last_ns,
		&state->forwarded, &state->rtcp_packets, &state->dropped_source,
		&state->dropped_rate, &state->dropped_other, &state->first_ns };
	for (uint32_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		atomic_store_explicit(words[i], 0, memory_order_relaxed);
	atomic_store_explicit(&state->lost_before, 0, memory_order_relaxed);
	atomic_store_explicit(&state->remote_jitter, 0, memory_order_relaxed);
	atomic_store_explicit(&state->remote_lost, 0, memory_order_relaxed);
	atomic_store_explicit(&state->remote_fraction, 0, memory_order_relaxed);
	atomic_store_explicit(&state->rate_tokens, UINT32_MAX, memory_order_relaxed); // full
	state->anchor = (struct flow_anchor){ 0 };
	state->police = (struct flow_police){ 0 };
}

struct flow_state *flow_sync_state(struct lane *lane, const struct flow_cfg *cfg)
{
	static const struct flow_latch none = { .phase = FLOW_LATCH_NONE };
	struct flow_state *state = &lane->states[cfg->state_index];
	bool is_new = atomic_load_explicit(&state->incarnation, memory_order_relaxed) !=
		cfg->incarnation;
	uint32_t hash = remote_hash(cfg);

	if (!is_new &&
		atomic_load_explicit(&state->generation, memory_order_relaxed) == cfg->generation)
		return state;
	if (is_new) {
		atomic_store_explicit(&state->incarnation, 0, memory_order_relaxed);
		atomic_thread_fence(
			memory_order_release); // nobody sees reset words under the old one
		reset_state(state);
	} else if (atomic_load_explicit(&state->remote_hash, memory_order_relaxed) != hash) {
		flow_sync_set_latch(state, &none);
		state->police = (struct flow_police){ 0 };
	}
	atomic_store_explicit(&state->remote_hash, hash, memory_order_relaxed);
	atomic_store_explicit(&state->generation, cfg->generation, memory_order_relaxed);
	// release: pairs with the acquire of readers
	atomic_store_explicit(&state->incarnation, cfg->incarnation, memory_order_release);
	return state;
}

struct flow_state *flow_sync_neighbour(
	struct lane *lane, uint16_t address, uint16_t port, uint64_t incarnation)
{
	const struct flow_cfg *cfg = flow_lookup(&lane->view, address, port);
	if (cfg == NULL)
		return NULL;
	// Read once: the record is the other process's, what was checked must be what is used.
	uint32_t index = __atomic_load_n(&cfg->state_index, __ATOMIC_RELAXED);
	if (index >= lane->view.flows)
		return NULL;
	struct flow_state *state = &lane->states[index];
	if (atomic_load_explicit(&state->incarnation, memory_order_relaxed) != incarnation)
		return NULL;
	return state;
}
