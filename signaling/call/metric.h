// metric.h - the counters of core_metric.def, one struct per core.
//
// writer: the worker's thread (metric_add). Readers: any thread (metric_read).
#pragma once

#include "base/metric.h"

struct core_metrics {
#define METRIC(field, kind, unit, help) _Atomic uint64_t field;
#include "call/core_metric.def"
#undef METRIC
};

// Name, unit and help of each field, in the order of the .def file.
extern const struct metric_info core_metric_info[];
extern const uint32_t core_metric_count;
