// oracle.h - the writer and the reader of the torture, and what both swear to.
//
// Every record says in call_token which incarnation, generation and port it was made for. A reader
// checks that, the checksum and that nothing it holds changes before its quiescent state. A writer
// checks that incarnations only grow, that ports rest, and that no port, slot or state is ever
// lost.
#pragma once

#include "base/rng.h"
#include "shm/flow_table.h"

#define TORTURE_ADDRESSES   2u
#define TORTURE_PORT_MIN    20480u
#define TORTURE_PORTS	    768u // three blocks for each address
#define TORTURE_FLOWS	    1024u
#define TORTURE_WORKERS_MAX 3u
#define TORTURE_LANES	    2u
#define TORTURE_LIVE_MAX    40u // pairs that one worker keeps at most
#define TORTURE_QUARANTINE  2u	// ms
#define TORTURE_HELD	    24u // flows a reader holds at once

// Shared by all processes of a torture.
struct oracle {
	_Atomic uint64_t highest_incarnation;
	_Atomic uint64_t lookups, found, states;       // by readers
	_Atomic uint64_t published, replaced, retired; // by writers
	_Atomic uint32_t failures;
	char first_failure[256]; // writer: whoever raised failures to 1
	_Atomic uint64_t rests_until[TORTURE_ADDRESSES][TORTURE_PORTS]; // ms, earliest reuse
};

struct torture_writer {
	struct oracle *oracle;
	struct flow_writer *flows;
	struct flow_pair live[TORTURE_LIVE_MAX];
	uint32_t live_count;
	struct rng rng;
};

struct torture_reader {
	struct oracle *oracle;
	struct flow_view view;
	struct flow_state *states;
	struct epoch_slot *slot;
	const _Atomic uint64_t *epoch;
	uint32_t instance;
	uint32_t lane;
	struct rng rng;
	uint64_t seen[TORTURE_ADDRESSES][TORTURE_PORTS];       // highest incarnation
	uint32_t generation[TORTURE_ADDRESSES][TORTURE_PORTS]; // and its generation
};

void oracle_fail(struct oracle *oracle, const char *what, uint64_t a, uint64_t b);
void oracle_addresses(const struct shm_map *signaling);

// Makes call_token and peer of the record that the next flow_publish() of that port carries.
int torture_publish(struct torture_writer *writer, struct flow_pair *pair, uint32_t which);
// NULL-safe: false when there is no room.
bool torture_add(struct torture_writer *writer, uint64_t now_ms);
void torture_retire(struct torture_writer *writer, uint32_t position, uint64_t now_ms);
void torture_step(struct torture_writer *writer, uint64_t now_ms);
// Whether every port, slot and state of that worker is free again.
bool torture_is_all_free(const struct torture_writer *writer, uint32_t worker, uint32_t workers);
void torture_describe(const struct torture_writer *writer);

// One loop turn of a lane, from quiescent state to quiescent state.
void torture_read(struct torture_reader *reader);
