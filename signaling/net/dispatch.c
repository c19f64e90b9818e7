#include "net/dispatch.h"

#include "net/moved.h"

#include "base/check.h"
#include "base/ring.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <urcu/urcu-qsbr.h>

struct shard_map {
	uint32_t shards;
	uint16_t owners[]; // immutable once published
};

// What lies in a ring before the message's bytes.
struct record {
	struct dispatch_message message; // its spans mean nothing
	uint32_t name_len;               // the TLS name stands behind the data
	uint32_t len;
	char data[];
};

// Private to one worker's thread.
struct lane_state {
	alignas(64) uint64_t touched;  // bit per worker that got something this turn
	uint32_t next_from;            // ring to look at first in dispatch_take()
	uint32_t taken_from;           // ring of the record not yet released
};

struct dispatch {
	struct dispatch_params params;
	struct shard_map *map;         // writer: control (RCU), readers: workers
	struct lane_state *states;     // [workers]
	struct moved *moved;
	struct ring **rings;           // [from * workers + to], NULL on the diagonal
};

_Static_assert(DISPATCH_WORKERS_MAX <= 64, "one bit each in lane_state.touched");

static struct ring *ring_of(const struct dispatch *dispatch, uint32_t from, uint32_t to)
{
	return dispatch->rings[from * dispatch->params.workers + to];
}

static struct shard_map *map_new(uint32_t shards)
{
	struct shard_map *map = calloc(1, sizeof(*map) + shards * sizeof(map->owners[0]));
	if (map != NULL)
		map->shards = shards;
	return map;
}

static bool rings_make(struct dispatch *dispatch)
{
	uint32_t workers = dispatch->params.workers;
	for (uint32_t i = 0; i < workers * workers; i++) {
		if (i / workers == i % workers)
			continue;
		dispatch->rings[i] = ring_new(dispatch->params.ring_bytes);
		if (dispatch->rings[i] == NULL)
			return false;
	}
	return true;
}

struct dispatch *dispatch_new(const struct dispatch_params *params)
{
	CHECK(params->workers > 0 && params->workers <= DISPATCH_WORKERS_MAX && params->shards > 0);
	struct dispatch *dispatch = calloc(1, sizeof(*dispatch));
	if (dispatch == NULL)
		return NULL;
	dispatch->params = *params;
	dispatch->map = map_new(params->shards);
	dispatch->states = aligned_alloc(64, params->workers * sizeof(dispatch->states[0]));
	dispatch->rings = calloc((size_t)params->workers * params->workers, sizeof(struct ring *));
	dispatch->moved = moved_new();
	if (!dispatch->map || !dispatch->states || !dispatch->moved ||
		!dispatch->rings || !rings_make(dispatch)) {
		dispatch_free(dispatch);
		return NULL;
	}
	memset(dispatch->states, 0, params->workers * sizeof(dispatch->states[0]));
	for (uint32_t i = 0; i < params->shards; i++)
		dispatch->map->owners[i] = (uint16_t)(i % params->workers);
	return dispatch;
}

void dispatch_free(struct dispatch *dispatch)
{
	if (dispatch == NULL)
		return;
	uint32_t rings = dispatch->params.workers * dispatch->params.workers;
	for (uint32_t i = 0; dispatch->rings != NULL && i < rings; i++)
		if (dispatch->rings[i] != NULL)
			ring_free(dispatch->rings[i]);
	free(dispatch->rings);
	moved_free(dispatch->moved);
	free(dispatch->states);
	free(dispatch->map);
	free(dispatch);
}

struct moved *dispatch_moved(const struct dispatch *dispatch)
{
	return dispatch->moved;
}

uint32_t dispatch_owner(const struct dispatch *dispatch, uint32_t shard)
{
	const struct shard_map *map = rcu_dereference(dispatch->map);
	CHECK(shard < map->shards);
	return map->owners[shard];
}

int dispatch_publish_map(struct dispatch *dispatch, const uint16_t *owners)
{
	uint32_t shards = dispatch->params.shards;
	for (uint32_t i = 0; i < shards; i++)
		if (owners[i] >= dispatch->params.workers)
			return -EINVAL;
	struct shard_map *map = map_new(shards);
	if (map == NULL)
		return -ENOMEM;
	memcpy(map->owners, owners, shards * sizeof(owners[0]));
	struct shard_map *old = rcu_xchg_pointer(&dispatch->map, map);
	urcu_qsbr_synchronize_rcu();
	free(old);
	return 0;
}

bool dispatch_has_room(const struct dispatch *dispatch, uint32_t from, uint32_t to, uint32_t bytes)
{
	return ring_reserve(ring_of(dispatch, from, to),
		(uint32_t)sizeof(struct record) + bytes) != NULL;
}

bool dispatch_pass(struct dispatch *dispatch, uint32_t from, uint32_t to,
	const struct dispatch_message *message)
{
	CHECK_HOT(from != to && to < dispatch->params.workers);
	struct span name = message->hop.tls_name;
	uint32_t len = (uint32_t)sizeof(struct record) + message->data.len + name.len;
	struct record *record = ring_reserve(ring_of(dispatch, from, to), len);
	// Whatever was in the ring before waits for its wake already; a full ring must not miss it.
	dispatch->states[from].touched |= UINT64_C(1) << to;
	if (record == NULL)
		return false;
	record->message = *message;
	record->message.hops++;
	record->name_len = name.len;
	record->len = message->data.len;
	if (record->len > 0)
		memcpy(record->data, message->data.ptr, record->len);
	if (name.len > 0)
		memcpy(record->data + record->len, name.ptr, name.len);
	ring_commit(ring_of(dispatch, from, to), len);
	return true;
}

void dispatch_wake(struct dispatch *dispatch, uint32_t from)
{
	struct lane_state *state = &dispatch->states[from];
	while (state->touched != 0) {
		uint32_t to = (uint32_t)__builtin_ctzll(state->touched);
		state->touched &= state->touched - 1;
		dispatch->params.wake(dispatch->params.wake_context, to);
	}
}

bool dispatch_take(struct dispatch *dispatch, uint32_t to, struct dispatch_message *out)
{
	struct lane_state *state = &dispatch->states[to];
	uint32_t workers = dispatch->params.workers;
	for (uint32_t i = 0; i < workers; i++) {
		uint32_t from = (state->next_from + i) % workers;
		uint32_t len;
		const struct record *record =
			from == to ? NULL : ring_peek(ring_of(dispatch, from, to), &len);
		if (record == NULL)
			continue;
		CHECK(len == sizeof(*record) + record->len + record->name_len);
		*out = record->message;
		out->data = span_make(record->data, record->len);
		out->hop.tls_name = span_make(record->data + record->len, record->name_len);
		state->taken_from = from;
		state->next_from = (from + 1) % workers;
		return true;
	}
	return false;
}

void dispatch_release(struct dispatch *dispatch, uint32_t to)
{
	ring_release(ring_of(dispatch, dispatch->states[to].taken_from, to));
}
