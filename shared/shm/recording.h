// recording.h - calls that are being recorded: what signaling has ordered, and what media has
// written.
//
// A slot of the two tables is one order: signaling's struct shm_recording[k] and media's struct
// shm_recording_state[k] belong together by the serial. Records of the call's ports name the slot
// (flow_cfg.recording); lanes copy what passes there, a thread of media writes the file. A slot is
// in use until its order is withdrawn; what stands in media's half stays to be read after that.
#pragma once

#include "shm/segment.h"

#define RECORDING_NAME_MAX 96u	// bytes of a file name with its NUL
#define RECORDING_PATH_MAX 256u // of a path with its NUL
#define RECORDING_CALL_MAX 96u	// of a Call-ID with its NUL, cut if longer

enum recording_flag {
	RECORDING_DECRYPTED = 1 << 0, // media as the far end meant it; else frames as they came
};

// What an order says.
struct recording_order {
	uint64_t call_token;
	uint64_t started_unix_ms;
	uint32_t flags; // enum recording_flag
	// File name without a folder; empty = media makes one of the token and the time.
	char name[RECORDING_NAME_MAX];
	char call_id[RECORDING_CALL_MAX]; // of the caller's leg, for the file
};

// writer: the signaling worker that has the call. Readers: media's recording thread, tools.
struct shm_recording {
	alignas(64) _Atomic uint64_t serial; // 0 = free, 1 = being filled; names the order
	struct recording_order order;
	uint32_t spare[10];
};
_Static_assert(sizeof(struct shm_recording) == 320, "a change bumps SHM_ABI");

enum recording_status {
	RECORDING_NONE,	   // media has not seen the order
	RECORDING_RUNNING, // the file is open
	RECORDING_DONE,	   // it is whole and closed
	RECORDING_FAILED,  // it is closed, `error` says why; what is in it is whole
};

// writer: media's recording thread, but for lost_lane. Readers: tools.
struct shm_recording_state {
	alignas(64) _Atomic uint64_t serial; // of the order; release-stored after its path
	_Atomic uint64_t packets, octets;    // written; octets of the file
	_Atomic uint64_t lost_file;	     // came after the file had failed
	_Atomic uint64_t lost_lane;	     // found no room on their way; writer: its lane
	_Atomic uint32_t status;	     // enum recording_status
	_Atomic uint32_t error;	 // errno of RECORDING_FAILED; 0 = it had grown too large
	uint32_t flags;			     // of the order
	uint32_t spare;
	uint64_t call_token;
	char path[RECORDING_PATH_MAX];
};
_Static_assert(sizeof(struct shm_recording_state) == 320, "five lines; a change bumps SHM_ABI");

// [SHM_RECORDINGS_MAX] each.
struct shm_recording *shm_recordings(const struct shm_map *signaling);
struct shm_recording_state *shm_recording_states(const struct shm_map *media);

// Whether such a name may be made a file: printable, no '/', not hidden, with room for a suffix.
// The empty one may.
bool recording_name_is_valid(const char *name);

// signaling ---------------------------------------------------------------------------------------

// Takes a free slot; any worker, at the same time as others. The slot, or -EEXIST: the call is
// being recorded, -ENOSPC: no slot is free, -EINVAL: the name.
int recording_open(const struct shm_map *signaling, const struct recording_order *order);
// The slot of a call, also of an order that an earlier process gave; -ENOENT: none.
int recording_find(const struct shm_map *signaling, uint64_t call_token);
void recording_close(const struct shm_map *signaling, uint32_t slot);
// At the start, before any worker runs: withdraws orders whose calls have no port left. How many.
uint32_t recordings_recover(const struct shm_map *signaling);

// media, tools ------------------------------------------------------------------------------------

// A whole copy of the order in force with its texts ended, and its serial; 0: none is. The file is
// the other process's: nothing in the copy is to be trusted.
uint64_t recording_read(
	const struct shm_map *signaling, uint32_t slot, struct recording_order *out);
