// flow_table.h - publish, look up, replace and retire flows; allocate ports and slots.
//
// Writer side: one struct flow_writer per signaling worker, used by that worker's thread only. It
// owns blocks of 256 ports per media address and of 256 slots, so each index slot has one writer.
// Reader side: lanes, between two quiescent states (epoch.h).
//
// Blocks are dealt out by number (block % workers), so a restart with another number of workers
// deals them anew; what then lies under another worker's port is lent, and comes back when that
// port is retired.
//
// Life of a port: free -> reserved -> published (generation 1, 2, ...) -> retired (index cleared)
// -> grace (all lanes passed) -> quarantine (seconds) -> free.
#pragma once

#include "shm/flow.h"
#include "shm/segment.h"

struct flow_writer;

enum flow_key_use {
	FLOW_KEY_RX, // under which the far end sends
	FLOW_KEY_TX, // under which we send to it
	FLOW_KEY_SECURE, // no key: the agreement about ICE and DTLS
	FLOW_KEY_USES
};

struct flow_writer_params {
	const struct shm_map *signaling; // writable; borrowed for the writer's life
	const struct shm_map *media;	 // borrowed; NULL = not there yet (flow_writer_set_media)
	uint32_t worker;		 // 0..workers-1
	uint32_t workers;
	uint32_t quarantine_ms;	    // ports rest this long after the grace period
	uint32_t orphan_timeout_ms; // adopted flows without media for this long are retired
};

// One leg's pair of ports: RTP on the even port, RTCP on port + 1. Both have a slot and a state.
struct flow_pair {
	uint16_t media_address;
	uint16_t port;	      // even
	uint32_t cfg_slot[2]; // currently published or reserved slots, [1] is RTCP's
	uint32_t state_index[2];
	uint64_t incarnation;	// of both ports
	uint32_t generation[2]; // last published, 0 = reserved only
	// By enum flow_key_use, slot + 1 or 0: of the next records, and of those now published.
	uint32_t key[FLOW_KEY_USES];
	uint32_t published_key[2][FLOW_KEY_USES];
};

// Of one worker. Ports are counted one by one, not as pairs.
struct flow_counters {
	uint64_t reserved, retired, reclaimed; // pairs
	uint64_t published, replaced;	       // records: first generation, later ones
	uint64_t refused_ports, refused_slots; // reservations (and publications for slots) refused
	uint32_t ports_free, ports_used, ports_resting;
	uint32_t slots_free, slots_total; // flow_cfg slots of own blocks
	uint32_t states_free;		  // flow_state slots of own blocks, as many in total
	uint32_t keys_free, keys_total;	  // flow_key slots of own blocks
	uint64_t refused_keys;		  // keys for which no slot was left
	uint32_t orphans;		  // adopted at start, not claimed by a call
	uint64_t orphans_retired;
	uint64_t discarded;  // torn or impossible records unpublished at start
	uint32_t is_stalled; // 1: media holds its lock but has not passed for 1 s
};

// Takes over what an earlier instance left: live = reachable from the index; everything else rests
// for a full grace period and quarantine first; torn or impossible records are unpublished and
// counted. Flows found alive are orphans. Call it for all workers, one after the other, before any
// of them publishes or runs. NULL: out of memory, or a block is owned by another worker of this
// instance.
struct flow_writer *flow_writer_new(const struct flow_writer_params *params, uint64_t now_ms);
void flow_writer_free(struct flow_writer *writer);
// The file that it writes, borrowed: for what lies there beside flows.
const struct shm_map *flow_writer_signaling(const struct flow_writer *writer);
// After media came back with a new file: used from the next call on.
void flow_writer_set_media(struct flow_writer *writer, const struct shm_map *media);

// An orphan becomes a call's pair again (a restored call names its ports). -ENOENT: no such orphan
// here.
int flow_pair_claim(struct flow_writer *writer, uint16_t media_address, uint16_t port,
	uint64_t incarnation, struct flow_pair *out);

// The reverse: the call goes to another worker, its flows go on here as orphans until the call
// claims them again or no packet passes any more. `pair` is dead afterwards. What was never
// published, or finds no memory, is retired.
void flow_pair_disown(struct flow_writer *writer, struct flow_pair *pair);

// Reserves an even port, its odd neighbour, two slots and two states. media_shard 0..63 pins the
// call's shard, -1 takes the one with most free pairs that no other address lacks. 0, -ENOSPC: no
// ports on that address, -ENOMEM: no slots left. O(1), also at 99 % occupancy.
int flow_pair_reserve(
	struct flow_writer *writer, uint16_t media_address, int media_shard, struct flow_pair *out);
// Gives one direction of the leg a key, or none (NULL: plain). suite, key, salt, mki, marks and
// rtcp_index count; the caller wipes its copy. In force for a port with its next flow_publish():
// publish both. The key that it has already, or that one of its records in force still names, keeps
// its slot, and with it everything that media remembers of packets under it; any other begins anew.
// 0; -ENOMEM: no slot left, the old one stays; -EINVAL: no suite, or an impossible MKI.
int flow_pair_set_key(struct flow_writer *writer, struct flow_pair *pair, enum flow_key_use use,
	const struct flow_key *key);
// The key of the pair's next records, borrowed until it is set anew; NULL: plain.
const struct flow_key *flow_pair_key(
	const struct flow_writer *writer, const struct flow_pair *pair, enum flow_key_use use);
// What media remembers of packets under the key that the pair's records name; NULL: none, or media
// never touched it.
const struct flow_crypto *flow_crypto_of(
	const struct flow_writer *writer, const struct flow_pair *pair, enum flow_key_use use);
// Gives the leg an agreement about ICE and DTLS, or none (NULL). All but incarnation, place, serial
// and checksum count. In force with the next flow_publish() of both ports; the one that it has
// already keeps its slot. 0; -ENOMEM: no slot left, the old one stays; -EINVAL: impossible.
int flow_pair_set_secure(
	struct flow_writer *writer, struct flow_pair *pair, const struct flow_secure *secure);
// The agreement of the pair's next records, borrowed until it is set anew; NULL: none.
const struct flow_secure *flow_pair_secure(
	const struct flow_writer *writer, const struct flow_pair *pair);
// The certificate of that number that media shows in DTLS, the newest one if that is gone (0: at
// once): its number, for flow_secure.identity. 0: there is none, or no media.
uint32_t flow_identity_of(
	const struct flow_writer *writer, uint32_t serial, struct flow_fingerprint *out);
// What became of the agreement that the pair's records name. False: media has not answered yet.
bool flow_secure_of(const struct flow_writer *writer, const struct flow_pair *pair,
	struct flow_secure_result *out);
// Publishes or replaces the record of port + which (0 RTP, 1 RTCP). The caller fills kind, latch,
// remote, peer, dscp, limits and call fields of *cfg; identity, generation, state and checksum are
// set here. The lane concerned gets a hint. 0, or -ENOMEM: no slot for the new generation (the old
// one stays in force).
int flow_publish(struct flow_writer *writer, struct flow_pair *pair, uint32_t which,
	const struct flow_cfg *cfg);
// Unpublishes both ports and hands everything to grace and quarantine. `pair` is dead afterwards.
// Reserved-only pairs may be retired too.
void flow_pair_retire(struct flow_writer *writer, struct flow_pair *pair);

// The next hint of media to this worker. False: none now. *is_overflowed is set (never cleared)
// when some were lost.
bool flow_hint_take(struct flow_writer *writer, struct hint *out, bool *is_overflowed);
// The call whose port the hint is about; 0: it has none any more.
uint64_t flow_hint_call(const struct flow_writer *writer, const struct hint *hint);

// Moves what is ready from grace to quarantine to free, retires orphans that fell silent. Called
// once per worker loop turn; bounded work per call.
void flow_writer_run(struct flow_writer *writer, uint64_t now_ms);
void flow_writer_counters(const struct flow_writer *writer, struct flow_counters *out);

// The state of a pair's port as media wrote it; NULL if media never touched this incarnation or is
// absent.
const struct flow_state *flow_state_of(
	const struct flow_writer *writer, const struct flow_pair *pair, uint32_t which);
// The source followed or locked (out->phase tells which), or false.
bool flow_latch_read(const struct flow_state *state, struct flow_latch *out);

// Reader side -------------------------------------------------------------------------------------

struct flow_view {
	const _Atomic uint32_t *index; // [addresses * SHM_PORTS], contiguous
	const struct flow_cfg *cfg;
	uint32_t addresses;
	uint32_t flows;
	const struct flow_key *keys;	   // [key_count]
	const struct flow_secure *secures; // likewise
	uint32_t key_count;
};

// `signaling` must outlive the view.
void flow_view_init(struct flow_view *view, const struct shm_map *signaling);

// Borrowed until the next quiescent state; NULL: no flow on that port, or the slot is out of range.
static inline const struct flow_cfg *flow_lookup(
	const struct flow_view *view, uint32_t address, uint16_t port)
{
	// acquire: pairs with the release store in flow_publish()
	uint32_t slot = atomic_load_explicit(
		&view->index[address * SHM_PORTS + port], memory_order_acquire);
	return slot < view->flows ? &view->cfg[slot] : NULL;
}

// For tools and other readers outside the epochs: a copy, checked whole. False: no valid flow
// there.
bool flow_read(const struct flow_view *view, uint32_t address, uint16_t port, struct flow_cfg *out);
