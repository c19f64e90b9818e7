// telemetry_dpdk.h - the lanes' counters for tools of DPDK: dpdk-telemetry.py -f muga-media.
//
//   /muga/lanes      how many there are
//   /muga/lane,N     the counters of lane N, as `muga show media` names them
//
// Beside DPDK's own commands, e.g. /ethdev/stats,0. DPDK answers them from a thread of its own,
// which only reads.
#pragma once

#include "lane_run.h"

// After rte_eal_init(). Until telemetry_dpdk_stop() the runners must stay. -errno of DPDK.
int telemetry_dpdk_start(const struct lane_runner *runners, uint32_t lanes);
// Returns when nobody reads them any more; the commands then say that there are no lanes.
void telemetry_dpdk_stop(void);
