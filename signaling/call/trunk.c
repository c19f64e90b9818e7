#include "call/trunk.h"

#include "base/check.h"
#include "base/hash.h"
#include "sip/transport.h"

#include <stdlib.h>

enum slot_state { SLOT_FREE, SLOT_NAMING, SLOT_NAMED };

struct trunk_count {
	_Atomic uint32_t state; // enum slot_state; release: pairs with trunk_slot(), name is whole
	_Atomic uint32_t calls;
	char name[CONFIG_NAME_MAX + 1];
};

struct trunk_table {
	struct trunk_count counts[TRUNK_SLOTS];
};

// Length of the prefix by which the trunk covers the address, -1 = not at all.
static int trunk_match_bits(const struct config_trunk *trunk, const struct ip *source)
{
	int best = -1;

	for (uint32_t i = 0; i < trunk->match_count; i++)
		if (ip_prefix_has(&trunk->match[i], source) && trunk->match[i].bits > best)
			best = trunk->match[i].bits;
	for (uint32_t i = 0; config_is_by_hosts(trunk) && i < trunk->host_count; i++)
		if (ip_eq(&trunk->hosts[i].addr.ip, source))
			best = 128;
	return best;
}

int trunk_find(const struct config *config, const struct sip_hop *from)
{
	const struct ip *source = &from->addr.ip;
	uint32_t realm = from->listener >> 8, peer = from->peer_trunk;
	int best = -1;
	int found = -1;

	if (peer > 0 && peer <= config->trunk_count && config->trunks[peer - 1].realm == realm)
		return (int)peer - 1;
	// A configuration that was not loaded from a file, but made by hand, has no index.
	if (config->sources)
		return config_find_source(config, realm, source);

	for (uint32_t i = 0; i < config->trunk_count; i++) {
		if (config->trunks[i].realm != realm)
			continue;
		int bits = trunk_match_bits(&config->trunks[i], source);
		if (bits > best) {
			best = bits;
			found = (int)i;
		}
	}
	return found;
}

struct trunk_table *trunk_table_new(void)
{
	return calloc(1, sizeof(struct trunk_table));
}

void trunk_table_free(struct trunk_table *table)
{
	free(table);
}

static bool slot_claim(struct trunk_count *slot, struct span name)
{
	uint32_t expected = SLOT_FREE;

	if (!atomic_compare_exchange_strong_explicit(&slot->state, &expected, SLOT_NAMING,
		    memory_order_acq_rel, memory_order_acquire))
		return false;
	memcpy(slot->name, name.ptr, name.len);
	// release: pairs with the acquire load in trunk_slot()
	atomic_store_explicit(&slot->state, SLOT_NAMED, memory_order_release);
	return true;
}

// Whether the slot is that name's, waiting out the few stores of another thread that names it now.
static bool slot_is_named(const struct trunk_count *slot, struct span name)
{
	while (atomic_load_explicit(&slot->state, memory_order_acquire) == SLOT_NAMING)
		;
	return span_eq(span_str(slot->name), name);
}

uint32_t trunk_slot(struct trunk_table *table, struct span name)
{
	static const struct hash_key key = { { 0x7472756e6b, 0x736c6f74 } };
	uint32_t start = (uint32_t)hash_sip(&key, name.ptr, name.len);

	CHECK(name.len > 0 && name.len <= CONFIG_NAME_MAX);
	for (uint32_t i = 0; i < TRUNK_SLOTS; i++) {
		uint32_t at = (start + i) % TRUNK_SLOTS;
		struct trunk_count *slot = &table->counts[at];

		if (atomic_load_explicit(&slot->state, memory_order_acquire) == SLOT_FREE &&
			slot_claim(slot, name))
			return at;
		if (slot_is_named(slot, name))
			return at;
	}
	return TRUNK_NONE;
}

bool trunk_take(struct trunk_table *table, uint32_t slot, uint32_t calls_max)
{
	if (slot >= TRUNK_SLOTS)
		return calls_max == 0;
	_Atomic uint32_t *calls = &table->counts[slot].calls;
	uint32_t before = atomic_fetch_add_explicit(calls, 1, memory_order_relaxed);
	if (calls_max == 0 || before < calls_max)
		return true;
	atomic_fetch_sub_explicit(calls, 1, memory_order_relaxed);
	return false;
}

void trunk_give(struct trunk_table *table, uint32_t slot)
{
	if (slot >= TRUNK_SLOTS)
		return;
	uint32_t before = atomic_fetch_sub_explicit(&table->counts[slot].calls, 1,
		memory_order_relaxed);
	CHECK(before > 0);
}

uint32_t trunk_calls(const struct trunk_table *table, uint32_t slot)
{
	if (slot >= TRUNK_SLOTS)
		return 0;
	return atomic_load_explicit(&table->counts[slot].calls, memory_order_relaxed);
}
