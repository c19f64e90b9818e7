#include "net/source.h"

#include <stdatomic.h>
#include <stdlib.h>

#define CELLS 16384u // of each row; two sources share both cells with a chance of 1 : 2^28

struct cell {
	_Atomic uint64_t connections; // writers, readers: any worker
	_Atomic uint64_t bytes;       // likewise
};

struct source_table {
	struct source_limits limits; // constant
	struct hash_key key;         // constant
	struct cell total;
	struct cell rows[2][CELLS];
};

// The two cells of a source.
struct cells {
	struct cell *at[2];
};

struct source_table *source_table_new(const struct source_limits *limits,
	const struct hash_key *key)
{
	struct source_table *table = calloc(1, sizeof(*table));

	if (table != NULL) {
		table->limits = *limits;
		table->key = *key;
	}
	return table;
}

void source_table_free(struct source_table *table)
{
	free(table);
}

// Whoever has one IPv6 address has 2^64 of them.
static struct cells cells_of(struct source_table *table, const struct ip *ip)
{
	uint64_t hash = hash_sip(&table->key, ip->b, ip_is_v4(ip) ? sizeof(ip->b) : 8);

	return (struct cells){ { &table->rows[0][hash % CELLS],
		&table->rows[1][(hash >> 32) % CELLS] } };
}

// relaxed, all of them: they count, nothing else is published by them.
static uint64_t add(_Atomic uint64_t *counter, uint64_t n)
{
	return atomic_fetch_add_explicit(counter, n, memory_order_relaxed) + n;
}

static void sub(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_sub_explicit(counter, n, memory_order_relaxed);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

enum source_verdict source_open(struct source_table *table, const struct ip *ip, bool is_outbound)
{
	struct cells cells = cells_of(table, ip);
	uint64_t count;

	if (add(&table->total.connections, 1) > table->limits.connections_max) {
		sub(&table->total.connections, 1);
		return SOURCE_TABLE_FULL;
	}
	if (is_outbound)
		return SOURCE_OK;
	// Both are raised in any case, whichever is the smaller one.
	count = add(&cells.at[0]->connections, 1);
	count = least(count, add(&cells.at[1]->connections, 1));
	if (count <= table->limits.connections_per_source_max)
		return SOURCE_OK;
	source_close(table, ip, false);
	return SOURCE_TOO_MANY;
}

void source_close(struct source_table *table, const struct ip *ip, bool is_outbound)
{
	struct cells cells = cells_of(table, ip);

	sub(&table->total.connections, 1);
	for (int i = 0; i < 2 && !is_outbound; i++)
		sub(&cells.at[i]->connections, 1);
}

bool source_take_bytes(struct source_table *table, const struct ip *ip, uint32_t bytes)
{
	struct cells cells = cells_of(table, ip);
	uint64_t total = add(&table->total.bytes, bytes);
	uint64_t own = add(&cells.at[0]->bytes, bytes);

	own = least(own, add(&cells.at[1]->bytes, bytes));
	if (total <= table->limits.bytes_max && own <= table->limits.bytes_per_source_max)
		return true;
	source_give_bytes(table, ip, bytes);
	return false;
}

void source_give_bytes(struct source_table *table, const struct ip *ip, uint32_t bytes)
{
	struct cells cells = cells_of(table, ip);

	sub(&table->total.bytes, bytes);
	for (int i = 0; i < 2; i++)
		sub(&cells.at[i]->bytes, bytes);
}

uint64_t source_connections(const struct source_table *table)
{
	return atomic_load_explicit(&table->total.connections, memory_order_relaxed);
}

uint64_t source_bytes(const struct source_table *table)
{
	return atomic_load_explicit(&table->total.bytes, memory_order_relaxed);
}
