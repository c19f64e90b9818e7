#include "net/connection.h"

#include "base/check.h"

#include <stdlib.h>

#define BUCKETS 4096u

struct connection_table {
	uint32_t worker;
	struct hash_key key;
	struct slab *slab;
	struct connection *buckets[BUCKETS]; // those that we opened
};

static uint64_t hop_hash(const struct hash_key *key, const struct sip_hop *hop)
{
	uint8_t bytes[4 + sizeof(hop->addr.ip.b) + 2 + 2 + SIP_TLS_NAME_MAX];
	uint32_t len = 0;
	struct span name = span_sub(hop->tls_name, 0, SIP_TLS_NAME_MAX);

	memcpy(bytes, &hop->listener, sizeof(hop->listener));
	len += sizeof(hop->listener);
	memcpy(bytes + len, hop->addr.ip.b, sizeof(hop->addr.ip.b));
	len += sizeof(hop->addr.ip.b);
	memcpy(bytes + len, &hop->addr.port, sizeof(hop->addr.port));
	len += sizeof(hop->addr.port);
	memcpy(bytes + len, &hop->tls_trunk, sizeof(hop->tls_trunk));
	len += sizeof(hop->tls_trunk);
	if (name.len > 0)
		memcpy(bytes + len, name.ptr, name.len);
	return hash_sip(key, bytes, len + name.len);
}

uint32_t connection_owner(const struct hash_key *key, const struct sip_hop *hop, uint32_t workers)
{
	return (uint32_t)(hop_hash(key, hop) % workers);
}

struct connection_table *connection_table_new(uint32_t worker, uint32_t count_max,
	const struct hash_key *key)
{
	struct connection_table *table = calloc(1, sizeof(*table));

	CHECK(count_max > 0 && count_max <= CONNECTION_SLOTS_MAX && worker < 256);
	if (table == NULL)
		return NULL;
	table->worker = worker;
	table->key = *key;
	table->slab = slab_new(sizeof(struct connection), count_max);
	if (table->slab != NULL)
		return table;
	free(table);
	return NULL;
}

void connection_table_free(struct connection_table *table)
{
	if (table == NULL)
		return;
	slab_free(table->slab);
	free(table);
}

// The high half: the low one chose the worker.
static struct connection **bucket_of(struct connection_table *table, const struct sip_hop *hop)
{
	return &table->buckets[(hop_hash(&table->key, hop) >> 32) % BUCKETS];
}

struct connection *connection_new(struct connection_table *table, const struct sip_hop *hop,
	bool is_outbound)
{
	struct connection *connection;
	struct connection **bucket;

	if (hop->tls_name.len > SIP_TLS_NAME_MAX)
		return NULL;
	connection = slab_get(table->slab);
	if (connection == NULL)
		return NULL;
	connection->kind = POLL_CONNECTION;
	connection->is_outbound = is_outbound;
	connection->handle = connection_handle(table->worker,
		slab_handle_of(table->slab, connection));
	connection->hop = *hop;
	connection->hop.connection = connection->handle;
	connection->name_len = (uint16_t)hop->tls_name.len;
	if (hop->tls_name.len > 0)
		memcpy(connection->name, hop->tls_name.ptr, hop->tls_name.len);
	connection->hop.tls_name = span_make(connection->name, hop->tls_name.len);
	if (!is_outbound)
		return connection;
	bucket = bucket_of(table, hop);
	connection->next = *bucket;
	*bucket = connection;
	return connection;
}

void connection_hide(struct connection_table *table, struct connection *connection)
{
	struct connection **at;

	if (!connection->is_outbound)
		return;
	at = bucket_of(table, &connection->hop);
	while (*at != NULL && *at != connection)
		at = &(*at)->next;
	if (*at != NULL)
		*at = connection->next;
}

void connection_free(struct connection_table *table, struct connection *connection)
{
	connection_hide(table, connection);
	slab_put(table->slab, connection);
}

struct connection *connection_lookup(const struct connection_table *table, sip_connection handle)
{
	struct slab_handle slot = {
		.index = (uint32_t)(handle >> 32) & (CONNECTION_SLOTS_MAX - 1),
		.generation = (uint32_t)handle,
	};

	if (handle == 0 || connection_worker(handle) != table->worker)
		return NULL;
	return slab_lookup(table->slab, slot);
}

struct connection *connection_find(const struct connection_table *table, const struct sip_hop *hop)
{
	uint64_t hash = hop_hash(&table->key, hop);
	struct connection *at = table->buckets[(hash >> 32) % BUCKETS];

	for (; at != NULL; at = at->next)
		if (at->hop.listener == hop->listener && at->hop.tls_trunk == hop->tls_trunk &&
			addr_eq(&at->hop.addr, &hop->addr) &&
			span_eq(at->hop.tls_name, hop->tls_name))
			return at;
	return NULL;
}

struct connection *connection_next(const struct connection_table *table, uint32_t *cursor)
{
	return slab_next(table->slab, cursor);
}

uint32_t connection_count(const struct connection_table *table)
{
	return slab_count(table->slab);
}
