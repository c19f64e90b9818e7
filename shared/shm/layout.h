// layout.h - where each array lies in the two files: a pure function of the geometry.
//
// For the sources of shared/shm only. The same function gives sizes to the builder, checks to
// whoever attaches, and places to the accessors, so they cannot disagree.
#pragma once

#include "shm/lane_counters.h"
#include "shm/segment.h"

#define SHM_BLOCKS_PER_ADDRESS (SHM_PORTS / SHM_BLOCK)
#define SHM_PAIRS	       (SHM_PORTS / 2) // per media address

#define SHM_SIGNALING_NAME "signaling.seg"
#define SHM_MEDIA_NAME	   "media.seg"

// Owner word of a block: instance << 32 | worker + 1 of who claimed it last.
#define SHM_OWNER_NEVER 0ull // never claimed in this file: all in it is untouched
#define SHM_OWNER_UNKNOWN                                                                          \
	1ull // the file replaced another one: its ports may be remembered out there

// Stamp of a pair of ports: else the second (CLOCK_MONOTONIC) in which its quarantine began.
#define SHM_STAMP_NEVER 0u
#define SHM_STAMP_USED	UINT32_MAX // reserved, published, or in its grace period

// Start of signaling.seg. writer: signaling, readers: media, tools.
struct shm_signaling {
	struct shm_header header;
	alignas(64) _Atomic uint64_t global_epoch;     // writers: all workers, by fetch_add
	alignas(64) _Atomic uint64_t incarnation_next; // workers take ranges off it by fetch_add
	_Atomic uint32_t address_count;
	struct shm_address addresses[SHM_ADDRESS_MAX];
};

// Start of media.seg. writer: media, readers: signaling, tools.
struct shm_media {
	struct shm_header header;
	struct epoch_slot slots[SHM_LANE_MAX];
	struct shm_counters counters;
	alignas(64) _Atomic uint8_t shard_lanes[SHM_MEDIA_SHARDS]; // lane + 1; 0 = not known yet
	_Atomic uint64_t clock_hz; // of the cycles in the histograms; 0 = no process yet
	struct shm_identity identity;
};

// Offsets from the start of the file, each a multiple of 4096.
struct shm_signaling_layout {
	size_t port_owner;	// _Atomic uint64_t[addresses * SHM_BLOCKS_PER_ADDRESS]
	size_t slot_owner;	// _Atomic uint64_t[flows / SHM_BLOCK]
	size_t returned_slots;	// _Atomic uint64_t[flows / 64], a bit per slot: flow_writer.h
	size_t returned_states; // likewise
	size_t returned_keys;	// _Atomic uint64_t[keys / 64]
	size_t stamps;		// _Atomic uint32_t[addresses * SHM_PAIRS]
	size_t index;		// _Atomic uint32_t[addresses * SHM_PORTS]
	size_t cfg;		// struct flow_cfg[flows]
	size_t rings;		// struct hint_ring[SHM_WORKER_MAX * lanes]
	size_t cursors;		// struct hint_cursor[SHM_WORKER_MAX * lanes]
	size_t tones;		// struct flow_tones[flows]: flow_report.h
	size_t recordings;	// struct shm_recording[SHM_RECORDINGS_MAX]: recording.h
	size_t keys;		// struct flow_key[keys]
	size_t secures;		// struct flow_secure[keys], secret as well
	size_t bytes;
};

struct shm_media_layout {
	size_t states;	// struct flow_state[flows]
	size_t crypto;	// struct flow_crypto[keys]
	size_t latency; // struct histogram[lanes * (addresses + 1)]: latency.h
	size_t reports; // struct flow_report[flows]
	size_t recordings; // struct shm_recording_state[SHM_RECORDINGS_MAX]
	size_t secure_states; // struct flow_secure_state[keys], secret: at the end
	size_t rings;	// struct hint_ring[SHM_WORKER_MAX * lanes]
	size_t cursors; // struct hint_cursor[SHM_WORKER_MAX * lanes]
	size_t bytes;
};

bool shm_geometry_is_valid(const struct shm_geometry *geometry);
void shm_signaling_layout(const struct shm_geometry *geometry, struct shm_signaling_layout *out);
void shm_media_layout(const struct shm_geometry *geometry, struct shm_media_layout *out);

// The header of a file of `file_bytes` bytes: 0, -EAGAIN (superseded, other boot, not ready),
// -EPROTO. Safe on any bytes. `geometry` is set on 0 and -EAGAIN.
int shm_header_check(const struct shm_header *header, uint64_t magic, uint64_t file_bytes,
	struct shm_geometry *geometry);
// False: the kernel tells none.
bool shm_boot_id(uint8_t out[16]);
// Whether some process holds the writer's lock of the file behind `fd`.
bool shm_file_is_locked(int fd);

// Accessors that only the writer side needs.
_Atomic uint64_t *shm_port_owner(const struct shm_map *signaling, uint32_t address);
_Atomic uint64_t *shm_slot_owner(const struct shm_map *signaling);
_Atomic uint64_t *shm_returned_slots(const struct shm_map *signaling);
_Atomic uint64_t *shm_returned_states(const struct shm_map *signaling);
_Atomic uint64_t *shm_returned_keys(const struct shm_map *signaling);
_Atomic uint32_t *shm_stamps(const struct shm_map *signaling, uint32_t address);
_Atomic uint64_t *shm_incarnation_next(const struct shm_map *signaling);
