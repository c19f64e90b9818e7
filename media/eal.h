// eal.h - DPDK's environment: arguments from the configuration, log lines, the packet pool.
//
// Main thread, once per process. Memory comes from huge pages unless the configuration says no;
// nothing of it outlives the process in the file system (in-memory mode).
#pragma once

#include "config/config.h"

#include <rte_mempool.h>
#include <stdint.h>

#define EAL_ARGS_MAX 24
#define EAL_TEXT_MAX 1024

struct eal_args {
	int count;
	char *list[EAL_ARGS_MAX + 1]; // NULL at the end, pointing into text
	char text[EAL_TEXT_MAX];
};

// The EAL command line for the configuration. Lane i is lcore i + 1, bound to its CPU; the main
// lcore 0 and control threads run on the CPUs that no lane has, or anywhere when lanes have them
// all. `cpu_count` CPUs are online. 0; -EINVAL: a lane on a CPU that is not there; -ENOSPC.
int eal_args_build(
	const struct config_dataplane *dataplane, uint32_t cpu_count, struct eal_args *out);

// 0 or -errno, logged.
int eal_start(const struct config_dataplane *dataplane);

// Packets for `queues` ingress queues in all. NULL: out of memory, logged.
struct rte_mempool *eal_pool_new(uint32_t queues);

void eal_stop(void);
