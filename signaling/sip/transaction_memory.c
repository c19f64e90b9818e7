// transaction_memory.c - the table of transactions and the bytes that they hold.

#include "base/check.h"
#include "base/slab.h"
#include "sip/transaction_private.h"

#include <stdlib.h>

struct tx_key tx_key_make(const struct sip_transactions *txs, enum tx_key_kind kind,
	const struct span *parts, uint32_t count)
{
	struct hash_stream stream;
	uint64_t digest[2];
	struct {
		uint8_t kind, count;
		uint16_t lens[TX_KEY_PARTS];
	} head = { .kind = (uint8_t)kind, .count = (uint8_t)count };
	CHECK_HOT(count <= TX_KEY_PARTS);
	for (uint32_t i = 0; i < count; i++)
		head.lens[i] = (uint16_t)parts[i].len; // no message is longer
	hash_stream_begin(&stream, &txs->table_key);
	hash_stream_add(&stream, &head, 2 + count * sizeof(head.lens[0]));
	for (uint32_t i = 0; i < count; i++)
		hash_stream_add(&stream, parts[i].ptr, parts[i].len);
	hash_stream_end(&stream, digest);
	return (struct tx_key){ digest[0], digest[1] };
}

struct sip_tx *tx_lookup(const struct sip_transactions *txs, const struct tx_key *key)
{
	struct sip_tx *tx = txs->by_key[key->a & txs->mask];
	while (tx && (tx->key.a != key->a || tx->key.b != key->b))
		tx = tx->key_next;
	return tx;
}

struct sip_tx *tx_lookup_merge(const struct sip_transactions *txs, uint64_t key)
{
	struct sip_tx *tx = txs->by_merge[key & txs->mask];
	while (tx && tx->merge_key != key)
		tx = tx->merge_next;
	return tx;
}

static void gauges_set(struct sip_transactions *txs)
{
	uint32_t all = slab_count(txs->slab);
	atomic_store_explicit(&txs->metrics.active, all, memory_order_relaxed);
	atomic_store_explicit(&txs->metrics.lingering, all - slab_count(txs->live_slab),
		memory_order_relaxed);
	atomic_store_explicit(&txs->metrics.stored_bytes, txs->stored_bytes, memory_order_relaxed);
}

struct sip_stored *tx_stored_new(struct sip_transactions *txs, uint32_t len)
{
	struct sip_stored *stored = NULL;
	if (len <= txs->params.stored_bytes_max - txs->stored_bytes)
		stored = malloc(sizeof(*stored) + len);
	if (!stored)
		return NULL;
	stored->len = len;
	txs->stored_bytes += len;
	return stored;
}

void tx_stored_drop(struct sip_transactions *txs, struct sip_stored **slot)
{
	if (*slot)
		txs->stored_bytes -= (*slot)->len;
	free(*slot);
	*slot = NULL;
}

bool tx_store(struct sip_transactions *txs, struct sip_stored **slot, struct span data)
{
	struct sip_stored *old = *slot;
	// What is replaced makes room, but goes last: `data` may lie in it.
	txs->stored_bytes -= old ? old->len : 0;
	*slot = tx_stored_new(txs, data.len);
	if (*slot)
		memcpy((*slot)->data, data.ptr, data.len);
	free(old);
	gauges_set(txs);
	return *slot != NULL;
}

struct sip_tx *tx_new(struct sip_transactions *txs, const struct tx_key *key, uint64_t merge_key)
{
	struct sip_tx *tx = slab_get(txs->slab);
	if (!tx)
		return NULL;
	tx->live = slab_get(txs->live_slab);
	if (!tx->live) { // out of memory: its limit is that of the transactions
		slab_put(txs->slab, tx);
		return NULL;
	}
	tx->live->tx = tx;
	tx->key = *key;
	tx->key_next = txs->by_key[key->a & txs->mask];
	txs->by_key[key->a & txs->mask] = tx;
	tx->merge_key = merge_key;
	if (merge_key) {
		tx->merge_next = txs->by_merge[merge_key & txs->mask];
		txs->by_merge[merge_key & txs->mask] = tx;
	}
	gauges_set(txs);
	return tx;
}

void tx_live_drop(struct sip_transactions *txs, struct sip_tx *tx)
{
	struct tx_live *live = tx->live;
	if (!live)
		return;
	timer_stop(txs->wheel, &live->retry);
	tx_stored_drop(txs, &live->out);
	tx_stored_drop(txs, &live->head);
	tx_stored_drop(txs, &live->tls_name);
	slab_put(txs->live_slab, live);
	tx->live = NULL;
	gauges_set(txs);
}

void tx_discard(struct sip_transactions *txs, struct sip_tx *tx)
{
	struct sip_tx **link = &txs->by_key[tx->key.a & txs->mask];
	while (*link != tx)
		link = &(*link)->key_next;
	*link = tx->key_next;
	if (tx->merge_key) {
		link = &txs->by_merge[tx->merge_key & txs->mask];
		while (*link != tx)
			link = &(*link)->merge_next;
		*link = tx->merge_next;
	}
	timer_stop(txs->wheel, &tx->end);
	tx_live_drop(txs, tx);
	tx_stored_drop(txs, &tx->rest);
	slab_put(txs->slab, tx);
	gauges_set(txs);
}
