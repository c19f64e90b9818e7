// record_file.h - one recording on disk: a pcapng file that is whole at every moment.
//
// The recorder's thread only. Blocks are gathered and written together; when a write fails, or the
// file or its disk is full, the file is cut behind its last whole block and closed, and the call
// goes on without it.
#pragma once

#include "config/config.h"
#include "pcapng.h"
#include "shm/recording.h"

#include <stdbool.h>
#include <stdint.h>

#define RECORD_BUFFER_BYTES (64u << 10)

struct record_file {
	int fd; // -1 = none is open
	const struct config_recording *config;
	struct recording_order order;
	uint64_t written;    // bytes of whole blocks on disk
	uint64_t checked;    // `written` when room on the disk was looked at
	uint64_t flushed_ns; // when the buffer was last empty
	uint32_t used;	     // of the buffer
	char path[RECORDING_PATH_MAX];
	uint8_t buffer[RECORD_BUFFER_BYTES];
};

// Makes the file: never over another one, never through a link. 0, or -errno: -EEXIST, -ENOSPC
// (less room than recording.free_min), -ENAMETOOLONG, ...
int record_file_open(struct record_file *file, const struct config_recording *config,
	const struct recording_order *order);
// One packet. 0; -EFBIG: recording.file_max is reached, other -errno of the disk: it is closed.
int record_file_add(struct record_file *file, const struct pcapng_packet *packet, uint64_t now_ns);
// What waits in the buffer goes to disk, if it has waited long enough. As above.
int record_file_flush(struct record_file *file, uint64_t now_ns);
// Ends the file with what its interfaces have lost. Safe on one that is closed. 0 or -errno.
int record_file_close(struct record_file *file, uint64_t unix_ns, uint64_t lost);
