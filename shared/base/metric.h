// metric.h - counters and gauges declared once in X-macro .def files.
//
// A .def file lists METRIC(field, kind, unit, help) lines; its owner expands them into a struct of
// uint64_t fields (one writer thread each, relaxed atomics) and into a table of struct metric_info
// for GET /v1/metrics, where the name outside is AREA.FIELD, summed over the workers.
#pragma once

#include <stdatomic.h>
#include <stdint.h>

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE };

struct metric_info {
	const char *name; // field name
	const char *unit; // "packets", "calls", "bytes", ...
	const char *help; // one sentence
	enum metric_kind kind;
	uint32_t offset;  // of the _Atomic uint64_t in the owner's struct
};

// Owner thread only: no read-modify-write on the bus.
static inline void metric_add(_Atomic uint64_t *metric, uint64_t n)
{
	atomic_store_explicit(metric, atomic_load_explicit(metric, memory_order_relaxed) + n,
		memory_order_relaxed);
}

static inline uint64_t metric_read(const _Atomic uint64_t *metric)
{
	return atomic_load_explicit(metric, memory_order_relaxed);
}
