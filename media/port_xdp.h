// port_xdp.h - our XDP program on an interface: taking off a stale one, filling its ranges.
//
// DPDK's driver loads and attaches the program (xdp/steer.bpf.c); we find its maps by the program's
// id. Main thread only. Knows no rte_*.
#pragma once

#include "address_map.h"
#include "xdp/steer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct port_xdp {
	uint32_t ifindex;
	int ranges_fd, counts_fd; // 0 = not open
};

// Path of the compiled program: $MUGA_XDP_PROGRAM, else beside the executable, else
// ../lib/muga/ from there. 0 or -ENOENT.
int port_xdp_program(char *path, size_t bytes);

// Takes a steering program that a killed muga-media left off the interface. 1: there was one, 0:
// none; -EBUSY: a program of someone else is attached; other -errno.
int port_xdp_take_off(uint32_t ifindex);

// Finds the maps of the program now attached. 0 or -errno.
int port_xdp_find(struct port_xdp *xdp, uint32_t ifindex);

// Makes the ranges exactly the `count` entries. 0 or -errno.
int port_xdp_set_ranges(const struct port_xdp *xdp, const struct address_entry *entries,
	uint32_t count);

// What the program has counted so far, all CPUs. 0 or -errno.
int port_xdp_counts(const struct port_xdp *xdp, uint64_t out[STEER_COUNT_COUNT]);

void port_xdp_close(struct port_xdp *xdp);
