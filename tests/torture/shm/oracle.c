// oracle.c - one step of a writer, one turn of a reader.
#include "oracle.h"

#include "base/clock.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void oracle_fail(struct oracle *oracle, const char *what, uint64_t a, uint64_t b)
{
	if (atomic_fetch_add(&oracle->failures, 1) == 0)
		snprintf(oracle->first_failure, sizeof(oracle->first_failure), "%s (%llu, %llu)",
			what, (unsigned long long)a, (unsigned long long)b);
}

void oracle_addresses(const struct shm_map *signaling)
{
	if (atomic_load(shm_address_count(signaling)))
		return;
	for (uint32_t i = 0; i < TORTURE_ADDRESSES; i++) {
		struct shm_address *address = &shm_addresses(signaling)[i];
		address->ip = ip_from_v4(0x7f000001 + i);
		address->port_min = TORTURE_PORT_MIN;
		address->port_max = TORTURE_PORT_MIN + TORTURE_PORTS - 1;
	}
	atomic_store(shm_address_count(signaling), TORTURE_ADDRESSES);
}

static uint64_t token_of(uint64_t incarnation, uint32_t generation, uint16_t port)
{
	return (incarnation * 0x9e3779b97f4a7c15ull) ^ ((uint64_t)generation << 32 | port);
}

int torture_publish(struct torture_writer *writer, struct flow_pair *pair, uint32_t which)
{
	uint32_t generation = pair->generation[which] + 1;
	struct flow_cfg cfg = { .kind = which ? FLOW_RTCP : FLOW_RTP,
		.peer_incarnation = pair->incarnation,
		.peer_address = pair->media_address,
		.peer_port = pair->port,
		.call_token = token_of(pair->incarnation, generation, pair->port + which) };
	int err = flow_publish(writer->flows, pair, which, &cfg);
	if (!err)
		atomic_fetch_add(
			generation == 1 ? &writer->oracle->published : &writer->oracle->replaced,
			1);
	return err;
}

static void check_reserved(
	struct torture_writer *writer, const struct flow_pair *pair, uint64_t now_ms)
{
	struct oracle *oracle = writer->oracle;
	uint32_t place = pair->port - TORTURE_PORT_MIN;
	if (place >= TORTURE_PORTS || pair->port & 1) {
		oracle_fail(oracle, "port out of range", pair->port, place);
		return;
	}
	uint64_t rests = atomic_load(&oracle->rests_until[pair->media_address][place]);
	if (now_ms < rests)
		oracle_fail(oracle, "port reused too early, now and due", now_ms, rests);
	atomic_store(&oracle->rests_until[pair->media_address][place], UINT64_MAX);
	// Workers take ranges, so only one of them is in order; none may repeat an earlier
	// instance's.
	uint64_t highest = atomic_load(&oracle->highest_incarnation);
	while (pair->incarnation > highest &&
		!atomic_compare_exchange_weak(
			&oracle->highest_incarnation, &highest, pair->incarnation))
		;
}

bool torture_add(struct torture_writer *writer, uint64_t now_ms)
{
	struct flow_pair pair;
	if (writer->live_count == TORTURE_LIVE_MAX)
		return false;
	uint16_t address = (uint16_t)rng_below(&writer->rng, TORTURE_ADDRESSES);
	int shard = rng_below(&writer->rng, 2) ? (int)rng_below(&writer->rng, 4) : -1;
	if (flow_pair_reserve(writer->flows, address, shard, &pair))
		return false;
	if (shard >= 0 && shm_media_shard(pair.port) != (uint32_t)shard)
		oracle_fail(
			writer->oracle, "another shard than asked for", pair.port, (uint64_t)shard);
	check_reserved(writer, &pair, now_ms);
	writer->live[writer->live_count++] = pair;
	return true;
}

void torture_retire(struct torture_writer *writer, uint32_t position, uint64_t now_ms)
{
	struct flow_pair *pair = &writer->live[position];
	_Atomic uint64_t *rests =
		&writer->oracle->rests_until[pair->media_address][pair->port - TORTURE_PORT_MIN];
	atomic_store(rests, now_ms + TORTURE_QUARANTINE);
	flow_pair_retire(writer->flows, pair);
	*pair = writer->live[--writer->live_count];
	atomic_fetch_add(&writer->oracle->retired, 1);
}

void torture_step(struct torture_writer *writer, uint64_t now_ms)
{
	uint32_t dice = rng_below(&writer->rng, 100);
	if (dice < 35 && torture_add(writer, now_ms)) {
		struct flow_pair *pair = &writer->live[writer->live_count - 1];
		for (uint32_t which = 0; which < 2 && dice != 0; which++)
			torture_publish(writer, pair, which);
	} else if (dice < 70 && writer->live_count) {
		uint32_t position = rng_below(&writer->rng, writer->live_count);
		torture_publish(writer, &writer->live[position], dice & 1);
	} else if (dice < 95 && writer->live_count > rng_below(&writer->rng, TORTURE_LIVE_MAX)) {
		torture_retire(writer, rng_below(&writer->rng, writer->live_count), now_ms);
	}
	flow_writer_run(writer->flows, now_ms);

	struct flow_counters counters;
	flow_writer_counters(writer->flows, &counters);
	if (counters.ports_used != 2 * (writer->live_count + counters.orphans))
		oracle_fail(writer->oracle, "ports in use and flows", counters.ports_used,
			writer->live_count);
}

static uint32_t ports_of(uint32_t worker, uint32_t workers)
{
	uint32_t ports = 0;
	for (uint32_t address = 0; address < TORTURE_ADDRESSES; address++)
		for (uint32_t port = TORTURE_PORT_MIN; port < TORTURE_PORT_MIN + TORTURE_PORTS;
			port += SHM_BLOCK)
			if ((port / SHM_BLOCK + address) % workers == worker)
				ports += SHM_BLOCK;
	return ports;
}

bool torture_is_all_free(const struct torture_writer *writer, uint32_t worker, uint32_t workers)
{
	struct flow_counters counters;
	flow_writer_counters(writer->flows, &counters);
	return counters.ports_free == ports_of(worker, workers) && counters.ports_used == 0 &&
	       counters.ports_resting == 0 && counters.slots_free == counters.slots_total &&
	       counters.states_free == counters.slots_total;
}

void torture_describe(const struct torture_writer *writer)
{
	struct flow_counters c;
	flow_writer_counters(writer->flows, &c);
	fprintf(stderr,
		"ports %u free %u used %u resting, slots %u of %u, states %u, orphans %u, "
		"stalled %u\n",
		c.ports_free, c.ports_used, c.ports_resting, c.slots_free, c.slots_total,
		c.states_free, c.orphans, c.is_stalled);
}

static void check_record(
	struct torture_reader *reader, const struct flow_cfg *cfg, uint32_t address, uint16_t port)
{
	struct oracle *oracle = reader->oracle;
	uint32_t place = port - TORTURE_PORT_MIN;
	if (!flow_is_valid(cfg, address, port, reader->view.flows)) {
		oracle_fail(oracle, "torn or foreign record at port, incarnation", port,
			cfg->incarnation);
		return;
	}
	if (cfg->call_token != token_of(cfg->incarnation, cfg->generation, port))
		oracle_fail(oracle, "token of port, incarnation", port, cfg->incarnation);
	uint64_t seen = reader->seen[address][place];
	if (cfg->incarnation < seen ||
		(cfg->incarnation == seen && cfg->generation < reader->generation[address][place]))
		oracle_fail(oracle, "stale flow: incarnation, seen", cfg->incarnation, seen);
	reader->seen[address][place] = cfg->incarnation;
	reader->generation[address][place] = cfg->generation;
}

// What the lane of the port's shard does: reset at first sight, then count.
static void touch_state(struct torture_reader *reader, const struct flow_cfg *cfg)
{
	if (shm_media_shard(cfg->port) % TORTURE_LANES != reader->lane)
		return;
	struct flow_state *state = &reader->states[cfg->state_index];
	uint64_t incarnation = atomic_load_explicit(&state->incarnation, memory_order_relaxed);
	if (incarnation > cfg->incarnation)
		oracle_fail(reader->oracle, "state given to a newer flow", incarnation,
			cfg->incarnation);
	if (incarnation != cfg->incarnation) {
		atomic_store_explicit(&state->packets, 0, memory_order_relaxed);
		atomic_store_explicit(&state->incarnation, cfg->incarnation, memory_order_release);
		atomic_fetch_add(&reader->oracle->states, 1);
	}
	uint64_t packets = atomic_load_explicit(&state->packets, memory_order_relaxed);
	atomic_store_explicit(&state->packets, packets + 1, memory_order_relaxed);
}

void torture_read(struct torture_reader *reader)
{
	const struct flow_cfg *held[TORTURE_HELD];
	struct flow_cfg copies[TORTURE_HELD];
	uint32_t count = 0;

	for (uint32_t i = 0; i < 256 && count < TORTURE_HELD; i++) {
		uint32_t address = rng_below(&reader->rng, TORTURE_ADDRESSES);
		uint16_t port = (uint16_t)(TORTURE_PORT_MIN +
					   rng_below(&reader->rng, TORTURE_PORTS));
		const struct flow_cfg *cfg = flow_lookup(&reader->view, address, port);
		if (!cfg)
			continue;
		copies[count] = *cfg;
		check_record(reader, &copies[count], address, port);
		touch_state(reader, &copies[count]);
		held[count++] = cfg;
	}
	uint32_t dice = rng_below(&reader->rng, 64);
	if (dice == 0)
		sched_yield();
	else if (dice == 1)
		usleep(500); // the writer goes on; what is held must stay
	for (uint32_t i = 0; i < count; i++)
		if (memcmp(held[i], &copies[i], sizeof(copies[i])) != 0)
			oracle_fail(reader->oracle,
				"changed before the quiescent state: port, incarnation",
				copies[i].port, copies[i].incarnation);
	atomic_fetch_add(&reader->oracle->lookups, 256);
	atomic_fetch_add(&reader->oracle->found, count);
	epoch_quiescent(reader->slot, reader->epoch);
	if (dice == 2) {
		epoch_offline(reader->slot);
		epoch_online(reader->slot, reader->epoch, reader->instance);
	}
}
