#include "net/alias.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define PROBES 16u

// A slot without a connection is free. Key and connection are written one after the other: who
// reads between finds a connection to somewhere else, and its owner says so.
struct alias {
	_Atomic uint64_t key;        // any worker
	_Atomic uint64_t connection; // any worker, by compare and swap; 0 = free
};

struct aliases {
	struct hash_key secret;
	struct alias slots[ALIASES_MAX];
};

struct aliases *aliases_new(const struct hash_key *key)
{
	struct aliases *aliases = calloc(1, sizeof(*aliases));

	if (aliases != NULL)
		aliases->secret = *key;
	return aliases;
}

void aliases_free(struct aliases *aliases)
{
	free(aliases);
}

static uint64_t key_of(const struct aliases *aliases, const struct sip_hop *hop)
{
	uint8_t bytes[sizeof(hop->listener) + sizeof(hop->addr.ip.b) + sizeof(hop->addr.port)];

	memcpy(bytes, &hop->listener, sizeof(hop->listener));
	memcpy(bytes + sizeof(hop->listener), hop->addr.ip.b, sizeof(hop->addr.ip.b));
	memcpy(bytes + sizeof(hop->listener) + sizeof(hop->addr.ip.b), &hop->addr.port,
		sizeof(hop->addr.port));
	return hash_sip(&aliases->secret, bytes, sizeof(bytes)) | 1;
}

// The slot that has the key, NULL: none.
static struct alias *find(const struct aliases *aliases, uint64_t key)
{
	for (uint32_t i = 0; i < PROBES; i++) {
		struct alias *at = (struct alias *)(uintptr_t)
			&aliases->slots[((key >> 1) + i) % ALIASES_MAX];

		if (atomic_load_explicit(&at->key, memory_order_relaxed) == key &&
			atomic_load_explicit(&at->connection, memory_order_relaxed) != 0)
			return at;
	}
	return NULL;
}

bool alias_put(struct aliases *aliases, const struct sip_hop *hop, sip_connection connection)
{
	uint64_t key = key_of(aliases, hop);
	struct alias *at = find(aliases, key);

	if (at != NULL) {
		atomic_store_explicit(&at->connection, connection, memory_order_relaxed);
		return true;
	}
	for (uint32_t i = 0; i < PROBES; i++) {
		uint64_t none = 0;

		at = &aliases->slots[((key >> 1) + i) % ALIASES_MAX];
		if (!atomic_compare_exchange_strong_explicit(&at->connection, &none, connection,
			memory_order_relaxed, memory_order_relaxed))
			continue;
		atomic_store_explicit(&at->key, key, memory_order_relaxed);
		return true;
	}
	return false;
}

void alias_drop(struct aliases *aliases, const struct sip_hop *hop, sip_connection connection)
{
	struct alias *at = find(aliases, key_of(aliases, hop));

	if (at != NULL)
		atomic_compare_exchange_strong_explicit(&at->connection, &connection, 0,
			memory_order_relaxed, memory_order_relaxed);
}

sip_connection alias_find(const struct aliases *aliases, const struct sip_hop *hop)
{
	const struct alias *at = find(aliases, key_of(aliases, hop));

	return at == NULL ? 0 : atomic_load_explicit(&at->connection, memory_order_relaxed);
}
