// source.h - how many connections and waiting bytes each source may have, and all of them together.
//
// One table for all workers, so that limits are exact over them: counters by two keyed hashes of
// the address (an IPv6 source is its /64), of which the smaller one counts. A stranger who shares
// both with a peer is as good as impossible to arrange from outside, the key being secret. Constant
// memory, no lock, any thread.
#pragma once

#include "base/addr.h"
#include "base/hash.h"

#include <stdbool.h>
#include <stdint.h>

struct source_limits {
	uint32_t connections_max;            // accepted and opened ones
	uint32_t connections_per_source_max; // accepted ones
	uint64_t bytes_max;
	uint64_t bytes_per_source_max;
};

struct source_table;

enum source_verdict {
	SOURCE_OK,
	SOURCE_TABLE_FULL, // connections_max
	SOURCE_TOO_MANY,   // connections_per_source_max
};

struct source_table *source_table_new(const struct source_limits *limits,
	const struct hash_key *key); // NULL: out of memory
void source_table_free(struct source_table *table);

// A connection of `ip`, given back by source_close(). With `is_outbound` the limit of the source
// does not count: it is us who asks.
enum source_verdict source_open(struct source_table *table, const struct ip *ip, bool is_outbound);
void source_close(struct source_table *table, const struct ip *ip, bool is_outbound);

// Bytes that wait for or from `ip`. False: a limit is reached, nothing was taken.
bool source_take_bytes(struct source_table *table, const struct ip *ip, uint32_t bytes);
void source_give_bytes(struct source_table *table, const struct ip *ip, uint32_t bytes);

// For tests and metrics: all that is held now.
uint64_t source_connections(const struct source_table *table);
uint64_t source_bytes(const struct source_table *table);
