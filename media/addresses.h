// addresses.h - the segment's address table, checked, as what the ports and lanes need.
//
// Main thread only. The table is the other process's memory: every field is copied once and
// checked.
#pragma once

#include "address_map.h"
#include "config/config.h"
#include "shm/segment.h"

struct addresses {
	uint32_t count;   // entries that can be used
	uint32_t seen;    // of the segment's table when it was read
	uint32_t refused; // unknown device, no address, impossible range
	struct address_entry entries[SHM_ADDRESS_MAX]; // .rx_port = index of the configured device
};

void addresses_read(const struct shm_map *signaling, const struct config *config,
	struct addresses *out);
