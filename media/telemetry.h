// telemetry.h - the lanes' counters as a list of names and values, for the shared segment.
//
// Names are given once by the main thread; each lane copies its own values, relaxed, a few times a
// second.
#pragma once

#include "lane_run.h"
#include "shm/lane_counters.h"

// Names in the order of the values. Returns their number <= SHM_COUNTERS_MAX.
uint32_t telemetry_names(const char *names[SHM_COUNTERS_MAX]);

// The lane's thread: its counters into its line of the segment.
void telemetry_publish(const struct lane_runner *runner, _Atomic uint64_t *values);
