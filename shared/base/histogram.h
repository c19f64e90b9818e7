// histogram.h - how often a value was how large: four buckets for each doubling, 0 to 2^32 - 1.
//
// A bucket's bounds are 14 to 25 % apart, so a quantile, told as the upper bound, is at most that
// much too high. One writer thread; readers copy the counts, each of which is whole. What is
// counted between two copies of a reader is the difference of the two.
//
//   value   0 1 2 3 | 4 5 6 7 | 8 10 12 14 | 16 20 24 28 | 32 40 ...
//   bucket  0 1 2 3 | 4 5 6 7 | 8  9 10 11 | 12 13 14 15 | 16 17 ...
#pragma once

#include "base/metric.h"

#include <stdalign.h>
#include <stdint.h>

#define HISTOGRAM_BUCKETS 124u

struct histogram {
	alignas(64) _Atomic uint64_t buckets[HISTOGRAM_BUCKETS];
};

static inline uint32_t histogram_bucket(uint32_t value)
{
	if (value < 4)
		return value;
	uint32_t top = 31 - (uint32_t)__builtin_clz(value);
	return (top - 1) * 4 + (value >> (top - 2) & 3);
}

// Smallest value of a bucket; that of the bucket after the last is 2^32.
static inline uint64_t histogram_floor(uint32_t bucket)
{
	if (bucket < 4)
		return bucket;
	return (uint64_t)(4 + bucket % 4) << (bucket / 4 - 1);
}

// Owner thread only: `count` times that value.
static inline void histogram_add(struct histogram *histogram, uint32_t value, uint64_t count)
{
	metric_add(&histogram->buckets[histogram_bucket(value)], count);
}

// A reader's copy, sums of several writers or the difference of two times included.
struct histogram_counts {
	uint64_t buckets[HISTOGRAM_BUCKETS];
	uint64_t total; // of the buckets
};

// Adds what was counted until now.
void histogram_sum(struct histogram_counts *sum, const struct histogram *histogram);

// The value that a part of `permille` / 1000 does not exceed; 1000: none does. 0 of nothing.
uint64_t histogram_quantile(const struct histogram_counts *counts, uint32_t permille);
