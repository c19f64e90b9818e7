// metric.h - the counters of net_metric.def, one struct per worker.
//
// writer: the worker's thread (metric_add). Readers: any thread (metric_read).
#pragma once

#include "base/metric.h"

struct net_metrics {
#define METRIC(field, kind, unit, help) _Atomic uint64_t field;
#include "net/net_metric.def"
#undef METRIC
};

// Name, unit and help of each field, in the order of the .def file.
extern const struct metric_info net_metric_info[];
extern const uint32_t net_metric_count;
