// loop.h - the measured loops: receive, (stamp), (forward), transmit, in bursts of 32 on one lcore.
#pragma once

#include "stats.h"
#include "tables.h"

enum loop_mode {
	LOOP_IO,       // receive and transmit: the ports
	LOOP_IO_STAMP, // with the callback that makes the packets into flows
	LOOP_FORWARD,  // with the callback and the whole pipeline
};

struct loop {
	enum loop_mode mode;
	uint16_t port;  // ethdev: net_pcap, infinite_rx
	uint32_t flows; // power of two
	struct tables *tables;
	uint64_t bursts;      // how many to measure
	uint64_t warm_bursts; // ... after so many unmeasured
	bool is_instructions; // under callgrind: collect only the measured part
	// results
	uint64_t cpu_ns; // of the thread: time taken by others does not count
	uint64_t packets, forwarded;
	struct stats_histogram histogram; // TSC cycles per packet of each burst
};

// For rte_eal_remote_launch(): context is a struct loop.
int loop_run(void *context);
