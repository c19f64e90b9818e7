// segment.h - the two files of the shared segment: create, map, lock, validate.
//
// signaling.seg: header, media address table, port index, flow_cfg slab, block owners, hint cursors
//                and rings towards media, keys and agreements about ICE and DTLS. Written by
//                muga-signaling, mapped read-only by everyone else.
// media.seg:     header, lane epochs, counters, flow_state and flow_crypto slabs, histograms, event
//                rings towards signaling, results of ICE and DTLS. Written by muga-media only.
// What is secret lies in pages of its own at the end of either file, left out of core dumps.
// Directory: a hugetlbfs mount if there is one, else tmpfs. Each writer holds an OFD lock on its
// own file for its life: the lock's release is the only proof of its death. A file is built under
// another name and renamed when it is whole, so what lies under the real name is never half made.
// The layout follows from the geometry alone (layout.h); no offset is stored, so none can lie.
#pragma once

#include "shm/abi.h"
#include "shm/epoch.h"
#include "shm/event.h"
#include "shm/flow.h"
#include "shm/flow_crypto.h"
#include "shm/flow_secure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHM_NAME_MAX 32

struct shm_geometry {
	uint32_t addresses; // 1..SHM_ADDRESS_MAX
	uint32_t flows; // flow_cfg slots and flow_state slots each, multiple of SHM_BLOCK, at least
			// one block per worker
	uint32_t workers; // 1..SHM_WORKER_MAX, those of the last start: no size depends on it
	uint32_t lanes;	  // 1..SHM_LANE_MAX: event rings are sized for it
	uint32_t keys;	  // flow_key and flow_crypto slots each, multiple of SHM_BLOCK, at most
			  // `flows`; 0 = no SRTP
};

// One (DPDK port, VLAN, IP). writer: signaling, published by address_count (release). Append-only
// while the file lives: an id never changes its meaning.
struct shm_address {
	struct ip ip;
	uint16_t vlan;		     // 0 = untagged
	uint16_t port_min, port_max; // inclusive, the range that media steers to itself
	uint16_t is_retired;	     // no new allocations
	char device[SHM_NAME_MAX];   // dataplane device name from the configuration
	char realm[SHM_NAME_MAX];
};

// First bytes of either file; readable with od(1) after a crash.
struct shm_header {
	uint64_t magic;
	uint32_t abi;
	uint32_t header_bytes;
	uint64_t file_bytes;
	uint8_t boot_id[16]; // /proc/sys/kernel/random/boot_id: other boot = stale file
	struct shm_geometry geometry;
	_Atomic uint32_t instance;	// raised each time a writer opens the file
	_Atomic uint32_t is_ready;	// 1 once the writer has finished building or checking it
	_Atomic uint32_t is_superseded; // 1: a new file lies beside it under the same name, remap
	_Atomic uint32_t writer_pid;
	_Atomic uint64_t heartbeat_ns; // writer's, about every 100 ms
};

// One mapped file. `geometry` is the copy that was validated: the one in the file may change under
// us.
struct shm_map {
	void *base;
	size_t bytes;
	int fd;	    // holds the lock if is_writer; -1 = anonymous
	int dir_fd; // O_PATH of the directory, -1 = anonymous
	bool is_writer;
	bool is_media; // which of the two files
	struct shm_geometry geometry;
};

// writer side -------------------------------------------------------------------------------------

// Opens or creates DIR/signaling.seg as its writer, takes the lock (-EBUSY: another process holds
// it, -ESTALE: the abi differs, or the file is smaller than asked for and flows in it are live;
// -EPROTO: a foreign file has that name; -EINVAL: geometry; other -errno from the OS). A file of
// another boot, or of another geometry without live flows, is replaced (the old one marked
// superseded); a larger file with live flows is kept as it is.
int shm_signaling_create(const char *dir, const struct shm_geometry *geometry, struct shm_map *out);
// Likewise for DIR/media.seg; the geometry is taken from the signaling file. A running media
// process that follows signaling to a new file takes its lanes offline, closes its old map and
// calls this again.
int shm_media_create(const char *dir, const struct shm_map *signaling, struct shm_map *out);
// Private anonymous pair for the simulator, unit tests and benches: both maps writable, no files.
int shm_anonymous(
	const struct shm_geometry *geometry, struct shm_map *signaling, struct shm_map *media);

// reader side -------------------------------------------------------------------------------------

// Maps read-only and validates header and sizes. -ENOENT, -EAGAIN (not ready yet, superseded or of
// another boot: its writer will replace it), -EPROTO (foreign magic, other abi, sizes that do not
// add up).
int shm_signaling_attach(const char *dir, struct shm_map *out);
int shm_media_attach(const char *dir, struct shm_map *out);

void shm_close(struct shm_map *map);

// Whether some process holds the writer's lock now: one system call. Anonymous maps are held.
bool shm_writer_is_alive(const struct shm_map *map);
// A new file lies under the same name: attach again.
bool shm_is_superseded(const struct shm_map *map);

enum shm_presence {
	SHM_ABSENT,  // no such process: nobody reads the signaling file
	SHM_PRESENT, // it runs (or is stopped), and `media` is its file
	SHM_UNKNOWN, // it runs with another file than `media`: attach that one
};
// What the writer of `signaling` may conclude about the media process; `media` may be NULL.
enum shm_presence shm_media_presence(const struct shm_map *signaling, const struct shm_map *media);

void shm_heartbeat(struct shm_map *map, uint64_t now_ns); // writer

// accessors: borrowed pointers into the map -------------------------------------------------------

struct shm_header *shm_header(const struct shm_map *map);
struct shm_address *shm_addresses(const struct shm_map *signaling); // [SHM_ADDRESS_MAX]
_Atomic uint32_t *shm_address_count(const struct shm_map *signaling);
_Atomic uint32_t *shm_index(const struct shm_map *signaling, uint32_t address); // [SHM_PORTS]
struct flow_cfg *shm_flow_cfg(const struct shm_map *signaling);			// [flows]
struct flow_key *shm_flow_key(const struct shm_map *signaling);			// [keys]
struct flow_crypto *shm_flow_crypto(const struct shm_map *media);		// [keys]
struct flow_secure *shm_flow_secure(const struct shm_map *signaling);		// [keys]
struct flow_secure_state *shm_flow_secure_state(const struct shm_map *media);	// [keys]
// The certificate that media shows in DTLS: its fingerprint and a number for it.
struct shm_identity *shm_identity_of(const struct shm_map *media);
_Atomic uint64_t *shm_global_epoch(const struct shm_map *signaling);
struct flow_state *shm_flow_state(const struct shm_map *media);	 // [flows]
struct epoch_slot *shm_epoch_slots(const struct shm_map *media); // [SHM_LANE_MAX]
// NULL: worker >= SHM_WORKER_MAX or lane >= geometry.lanes.
struct hint_ring *shm_hint_ring(const struct shm_map *writer_map, uint32_t worker, uint32_t lane);
struct hint_cursor *shm_hint_cursor(
	const struct shm_map *reader_map, uint32_t worker, uint32_t lane);
